//! A name server that knows what it is told and nothing else.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::Context;

/// What is known of a name.
#[derive(Clone, Debug)]
pub enum Record {
    /// A host.
    Address(Ipv4Addr),
    /// A domain whose mail goes there; the root is an empty name.
    Exchanger(String),
    /// An address's name.
    Pointer(String),
    /// A service: host and port (RFC 2782).
    Service(String, u16),
    /// A text.
    Text(String),
    /// The look-up fails.
    Fails,
}

/// Names, in lower case, and what is known of each.
#[derive(Debug, Default)]
pub struct NameServer(HashMap<String, Vec<Record>>);

impl NameServer {
    /// One more record.
    #[must_use]
    pub fn with(mut self, name: &str, record: Record) -> Self {
        self.0.entry(name.to_lowercase()).or_default().push(record);
        self
    }

    /// Answers for as long as the process lives; where.
    pub fn serve(self, at: (Ipv4Addr, u16)) -> anyhow::Result<SocketAddr> {
        let socket = UdpSocket::bind(at).context("the name server's port")?;
        let address = socket.local_addr()?;
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if let Some(reply) = buffer.get(..length).and_then(|query| self.reply(query)) {
                    drop(socket.send_to(&reply, from));
                }
            }
        });
        Ok(address)
    }

    /// The reply to one query (RFC 1035, 4.1).
    fn reply(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (mut name, mut at) = (Vec::new(), 12);
        loop {
            let length = usize::from(*query.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            name.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
        let question = query.get(12..at + 4)?;
        let known = self.0.get(&name.join("."));
        let code = match known {
            None => 3,
            Some(records) if records.iter().any(|record| matches!(record, Record::Fails)) => 2,
            Some(_) => 0,
        };
        let data: Vec<Vec<u8>> = known.into_iter().flatten().filter_map(|record| record.data(kind)).collect();
        let mut reply = query.get(..2)?.to_vec();
        reply.extend([0x85, 0x80 | code, 0, 1, 0, u8::try_from(data.len()).ok()?, 0, 0, 0, 0]);
        reply.extend(question);
        for data in data {
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 60]);
            reply.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            reply.extend(data);
        }
        Some(reply)
    }
}

impl Record {
    /// Its data, if it is of that type.
    fn data(&self, kind: u16) -> Option<Vec<u8>> {
        match (self, kind) {
            (Self::Address(address), 1) => Some(address.octets().to_vec()),
            (Self::Pointer(host), 12) => Some(encode(host)),
            (Self::Exchanger(host), 15) => Some([vec![0, if host.is_empty() { 0 } else { 10 }], encode(host)].concat()),
            (Self::Text(text), 16) => {
                let strings = text.as_bytes().chunks(255);
                Some(strings.flat_map(|part| [&[u8::try_from(part.len()).unwrap_or(255)], part].concat()).collect())
            }
            (Self::Service(host, port), 33) => {
                Some([vec![0, 1, 0, 1], port.to_be_bytes().to_vec(), encode(host)].concat())
            }
            (
                Self::Service(..)
                | Self::Address(_)
                | Self::Pointer(_)
                | Self::Exchanger(_)
                | Self::Text(_)
                | Self::Fails,
                _,
            ) => None,
        }
    }
}

fn encode(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

#[test]
fn a_domain_without_mail_says_so_with_a_root_exchanger() {
    let names = NameServer::default().with("nomail.example", Record::Exchanger(String::new()));
    let query = [&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], encode("NoMail.example").as_slice(), &[0, 15, 0, 1]].concat();
    let reply = names.reply(&query).unwrap();
    assert_eq!(&reply[..8], [7, 7, 0x85, 0x80, 0, 1, 0, 1]);
    assert!(reply.ends_with(&[0, 3, 0, 0, 0]), "preference 0 and the root: {reply:?}");
}

//! A name server that knows the script and nothing else.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};

use anyhow::Context;

use super::script::{At, Script};

/// What is known of one name.
#[derive(Clone, Debug)]
enum Known {
    /// A host.
    Address(Ipv4Addr),
    /// A domain whose mail goes there.
    Exchanger(String),
    /// An address's name.
    Pointer(String),
    /// The look-up fails.
    Fails,
}

/// Where mail for our own senders goes.
pub const HOME: (&str, Ipv4Addr) = ("imap.hoshi-hosting.example", Ipv4Addr::new(192, 0, 2, 250));

/// The names of the script.
#[derive(Debug)]
pub struct Names(HashMap<String, Known>);

impl Names {
    /// Learns the names; `self_name` is the mail server that is asked.
    pub fn new(script: &Script, self_name: &str) -> anyhow::Result<Self> {
        let mut known = HashMap::new();
        for (host, address) in script.hosts()? {
            known.insert(reverse(address), Known::Pointer(host.clone()));
            known.insert(host, Known::Address(address));
        }
        for mta in &script.mta {
            known.insert(reverse(mta.address), Known::Pointer(mta.host.clone()));
            known.insert(mta.host.clone(), Known::Address(mta.address));
        }
        for mail in &script.mail {
            for address in [Some(&mail.from), mail.envelope_from.as_ref()].into_iter().flatten() {
                let domain = address.rsplit('@').next().unwrap_or_default();
                known.insert(domain.to_owned(), Known::Exchanger(HOME.0.to_owned()));
            }
            if let (Some(client), Some(helo)) = (mail.client, &mail.helo)
                && helo.ends_with(".example")
            {
                known.insert(reverse(client), Known::Pointer(helo.clone()));
                known.insert(helo.clone(), Known::Address(client));
            }
        }
        known.insert(HOME.0.to_owned(), Known::Address(HOME.1));
        known.insert(reverse(HOME.1), Known::Pointer(HOME.0.to_owned()));
        for answer in &script.answer {
            let domain = answer.to.rsplit('@').next().unwrap_or_default().to_owned();
            let what = match answer.at {
                At::NoDomain | At::Here => continue,
                At::NullMx => Known::Exchanger(String::new()),
                At::NoAddress => Known::Exchanger(format!("mx.{domain}")),
                At::NameServerFails => Known::Fails,
                At::Loop => Known::Exchanger(self_name.to_owned()),
                At::Connect
                | At::Ehlo
                | At::Mail
                | At::Rcpt
                | At::Data
                | At::End
                | At::Taken
                | At::Drop
                | At::DropEnd
                | At::HeloOnly
                | At::Small
                | At::NoTls
                | At::BrokenTls
                | At::Refused
                | At::Silent
                | At::Unreachable => Known::Exchanger(answer.host.clone()),
            };
            known.insert(domain, what);
        }
        Ok(Self(known))
    }

    /// Answers forever on port 53 of 127.0.0.1.
    pub fn serve(self) -> anyhow::Result<()> {
        let socket = UdpSocket::bind(("127.0.0.1", 53)).context("the name server's port")?;
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if let Some(reply) = buffer.get(..length).and_then(|query| self.reply(query)) {
                    drop(socket.send_to(&reply, from));
                }
            }
        });
        Ok(())
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
        let name = name.join(".");
        let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
        let question = query.get(12..at + 4)?;
        let (code, data) = match (self.0.get(&name), kind) {
            (None, _) => (3, None),
            (Some(Known::Fails), _) => (2, None),
            (Some(Known::Address(address)), 1) => (0, Some(address.octets().to_vec())),
            (Some(Known::Exchanger(host)), 15) => {
                (0, Some([vec![0, if host.is_empty() { 0 } else { 10 }], encode(host)].concat()))
            }
            (Some(Known::Pointer(host)), 12) => (0, Some(encode(host))),
            (Some(_), _) => (0, None),
        };
        let mut reply = query.get(..2)?.to_vec();
        reply.extend([0x85, 0x80 | code, 0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
        reply.extend(question);
        if let Some(data) = data {
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 60]);
            reply.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            reply.extend(data);
        }
        Some(reply)
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

fn reverse(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

#[test]
fn a_domain_without_mail_says_so_with_a_root_exchanger() {
    let names = Names(HashMap::from([("nomail.example".to_owned(), Known::Exchanger(String::new()))]));
    let query = [&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], encode("NoMail.example").as_slice(), &[0, 15, 0, 1]].concat();
    let reply = names.reply(&query).unwrap();
    assert_eq!(&reply[..8], [7, 7, 0x85, 0x80, 0, 1, 0, 1]);
    assert!(reply.ends_with(&[0, 3, 0, 0, 0]), "preference 0 and the root: {reply:?}");
}

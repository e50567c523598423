//! Names that lead somewhere else each time they are asked for: stories with a real name server on loopback.
//!
//! A machine that runs tests has no public address to dial, so one loopback address that is opened plays it. Whatever else is
//! named must get no connection.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::dial::Egress;
use crate::error::DialError;
use crate::guard::Guard;
use crate::resolve::Resolver;
use crate::stub::{Proof, Stub};
use crate::url::WebhookUrl;

/// What stands behind one name in an answer: an address, or `=` and another name.
type Line = (&'static str, u32, &'static str);

/// The answers to look-ups of one name, one after the other; the last one again and again.
type Script = &'static [&'static [Line]];

async fn name_server(name: &'static str, script: Script) -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 1_024];
        let mut asked_before: HashMap<RecordType, usize> = HashMap::new();
        while let Ok((length, client)) = socket.recv_from(&mut bytes).await {
            let asked = Message::from_vec(&bytes[..length]).unwrap();
            let query = asked.queries[0].clone();
            let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
            answer.add_query(query.clone());
            if query.name().to_ascii() == format!("{name}.") {
                let place = asked_before.entry(query.query_type()).or_default();
                let lines = script[(*place).min(script.len() - 1)];
                *place += 1;
                for (of, ttl, value) in lines {
                    let data = match (value.strip_prefix('='), value.parse()) {
                        (Some(alias), _) => RData::CNAME(CNAME(Name::from_ascii(format!("{alias}.")).unwrap())),
                        (None, Ok(IpAddr::V4(ip))) => RData::A(ip.into()),
                        (None, Ok(IpAddr::V6(ip))) => RData::AAAA(ip.into()),
                        (None, Err(_)) => panic!("{value}"),
                    };
                    let of = Name::from_ascii(format!("{of}.")).unwrap();
                    if [query.query_type(), RecordType::CNAME].contains(&data.record_type()) {
                        answer.add_answer(Record::from_rdata(of, *ttl, data));
                    }
                }
            }
            socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
        }
    });
    address
}

/// A sink, and what comes of so many attempts at `https://hooks.example:PORT/`, whose port is open at 127.0.0.1 only.
async fn attempts<const N: usize>(script: Script) -> ([&'static str; N], usize) {
    let sink = Stub::start(Proof::None, None).await;
    let server = name_server("hooks.example", script).await;
    let resolver = Resolver::new(None, &[server], true).unwrap();
    let guard = Guard::parse(&format!("127.0.0.1/32:{}", sink.address.port()), true).unwrap();
    let egress = Egress::with(guard, resolver, Vec::new(), Duration::from_millis(1_500)).unwrap();
    let url = format!("https://hooks.example:{}/", sink.address.port());
    let url = WebhookUrl::parse(&url, egress.guard()).unwrap();
    let mut ends = [""; N];
    for end in &mut ends {
        let connected = sink.connections();
        let answer = egress.post(&url, &[], b"{}".to_vec()).await;
        *end = match answer {
            Err(DialError::Forbidden) => "forbidden",
            // The sink speaks no TLS: that it was reached is enough.
            _ if sink.connections() > connected => "dialled",
            other => panic!("{other:?}"),
        };
    }
    (ends, sink.connections())
}

#[tokio::test]
async fn a_name_that_is_public_first_and_loopback_then_is_dialled_once() {
    let script: Script = &[&[("hooks.example", 0, "127.0.0.1")], &[("hooks.example", 0, "127.0.0.2")]];
    assert_eq!(attempts(script).await, (["dialled", "forbidden", "forbidden"], 1), "TTL 0: asked again each time");
    let script: Script = &[&[("hooks.example", 0, "127.0.0.1")], &[("hooks.example", 0, "::1")]];
    assert_eq!(attempts(script).await, (["dialled", "forbidden"], 1));
    let script: Script = &[&[("hooks.example", 0, "10.0.0.1")], &[("hooks.example", 0, "127.0.0.1")]];
    assert_eq!(attempts(script).await, (["forbidden", "dialled"], 1), "and the other way round");
}

#[tokio::test]
async fn one_forbidden_answer_among_others_refuses_all() {
    let scripts: [Script; 4] = [
        &[&[("hooks.example", 60, "127.0.0.1"), ("hooks.example", 60, "169.254.169.254")]],
        &[&[("hooks.example", 60, "127.0.0.1"), ("hooks.example", 60, "::ffff:10.0.0.1")]],
        &[&[("hooks.example", 60, "127.0.0.1"), ("hooks.example", 60, "64:ff9b::a00:1")]],
        &[&[("hooks.example", 60, "127.0.0.1"), ("hooks.example", 60, "fd00:ec2::254")]],
    ];
    for script in scripts {
        assert_eq!(attempts(script).await, (["forbidden", "forbidden"], 0), "{script:?}");
    }
}

#[tokio::test]
async fn a_chain_of_aliases_is_judged_by_where_it_ends() {
    let script: Script = &[
        &[
            ("hooks.example", 0, "=a.example"),
            ("a.example", 0, "=b.example"),
            ("b.example", 0, "=c.example"),
            ("c.example", 0, "127.0.0.1"),
        ],
        &[
            ("hooks.example", 0, "=a.example"),
            ("a.example", 0, "=metadata.example"),
            ("metadata.example", 0, "169.254.169.254"),
        ],
    ];
    assert_eq!(attempts(script).await, (["dialled", "forbidden"], 1));
}

//! The names of the script.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::script::{At, Script};
use crate::name_server::{NameServer, Record as Known};

/// Where mail for our own senders goes.
pub const HOME: (&str, Ipv4Addr) = ("imap.hoshi-hosting.example", Ipv4Addr::new(192, 0, 2, 250));

/// A name server that knows the script; `self_name` is the mail server that is asked.
pub fn name_server(script: &Script, self_name: &str) -> anyhow::Result<NameServer> {
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
    Ok(known.into_iter().fold(NameServer::default(), |names, (name, record)| names.with(&name, record)))
}

fn reverse(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

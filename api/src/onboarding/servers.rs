//! Where mailboxes are of which nobody said where they are.
//!
//! A domain is looked up once, for all its mailboxes. What is found is taken only where it is our own table's, or under the say of
//! the domain itself: passwords go there without anybody looking at it first (RFC 6186, 6 wants somebody to).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use daimon_domain::mailbox::{Address, HostName, ImapServer, TlsMode};
use daimon_egress::Egress;
use daimon_provider::{Found, Source, discover, of_domain};
use futures_util::StreamExt;
use futures_util::stream::iter;

use super::line::Line;
use crate::mailboxes::Outside;

/// So many domains are looked up at a time.
const AT_ONCE: usize = 16;
/// Whoever sent the rows waits no longer for all of them.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of domains.
pub(super) struct Servers(BTreeMap<String, Standing>);

/// What is known of one.
enum Standing {
    At(ImapServer, bool),
    Elsewhere(HostName),
    Nobody,
}

impl Servers {
    /// Looks up the domains of those mailboxes that name no server.
    pub(super) async fn find(lines: &[Line], egress: &Egress) -> Self {
        let mut known = BTreeMap::new();
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        let mut wanted = Vec::new();
        for mailbox in lines.iter().filter(|line| line.errors.is_empty()).filter_map(|line| line.mailbox.as_ref()) {
            let domain = mailbox.address.domain();
            if mailbox.imap.is_some() || !asked.insert(domain) {
                continue;
            }
            match of_table(domain) {
                Some(server) => drop(known.insert(domain.to_owned(), Standing::At(server, false))),
                None => wanted.push(mailbox.address.clone()),
            }
        }
        let outside = Outside(egress);
        let mut finding = iter(wanted)
            .map(|address| {
                let outside = &outside;
                async move { (address.domain().to_owned(), standing(discover(&address, outside).await, &address)) }
            })
            .buffer_unordered(AT_ONCE);
        let all = async {
            while let Some((domain, found)) = finding.next().await {
                known.insert(domain, found);
            }
        };
        // What is not found by then is said so, and the rows can be sent again.
        let _ = tokio::time::timeout(PATIENCE, all).await;
        Self(known)
    }

    /// The server of an address and the name to sign in with, or why there is none.
    pub(super) fn of(&self, address: &Address) -> Result<(ImapServer, String), String> {
        match self.0.get(address.domain()) {
            Some(Standing::At(server, false)) => Ok((server.clone(), address.to_string())),
            Some(Standing::At(server, true)) => {
                let local = address.as_str().rsplit_once('@').map_or("", |(local, _)| local);
                Ok((server.clone(), local.to_owned()))
            }
            Some(Standing::Elsewhere(host)) => {
                Err(format!("is missing; the domain's records lead to {host}: name it if that is right"))
            }
            Some(Standing::Nobody) => {
                Err("is missing, and nobody says where the mailboxes of this domain are".to_owned())
            }
            None => Err("is missing, and was not found in time: send the row again, or name it".to_owned()),
        }
    }
}

/// What needs nobody to be asked.
fn of_table(domain: &str) -> Option<ImapServer> {
    let (host, port) = of_domain(domain)?.imap(None)?;
    Some(ImapServer { host: host.parse().ok()?, port, tls: TlsMode::Implicit })
}

fn standing(found: Vec<Found>, address: &Address) -> Standing {
    let Some(first) = found.into_iter().next() else { return Standing::Nobody };
    let below = format!(".{}", address.domain());
    // Service records are signed by nobody, and may lead anywhere.
    if first.source == Source::Srv && !first.server.host.as_str().ends_with(&below) {
        return Standing::Elsewhere(first.server.host);
    }
    let is_local = first.username != address.as_str();
    Standing::At(first.server, is_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: Source, host: &str, username: &str) -> Vec<Found> {
        let server = ImapServer { host: host.parse().unwrap(), port: 993, tls: TlsMode::Implicit };
        vec![Found { source, provider: None, server, username: username.to_owned(), sign_in: Vec::new() }]
    }

    #[test]
    fn a_record_that_nobody_signed_leads_a_password_to_no_other_domain() {
        let address: Address = "sato@sakura.example".parse().unwrap();
        let answer = |found| {
            let known = [("sakura.example".to_owned(), standing(found, &address))].into();
            Servers(known).of(&address).map(|(server, name)| (server.host.to_string(), name))
        };
        let name = "sato@sakura.example";
        assert!(answer(found(Source::Srv, "imap.evil.example", name)).unwrap_err().contains("imap.evil.example"));
        assert!(answer(found(Source::Srv, "evilsakura.example", name)).is_err());
        let own = Ok(("imap.sakura.example".to_owned(), name.to_owned()));
        assert_eq!(answer(found(Source::Srv, "imap.sakura.example", name)), own);
        let host = Ok(("mail.host.example".to_owned(), "sato".to_owned()));
        assert_eq!(answer(found(Source::Autoconfig, "mail.host.example", "sato")), host);
        assert!(answer(Vec::new()).unwrap_err().contains("nobody says"));
    }
}

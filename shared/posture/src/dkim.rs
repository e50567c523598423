//! Whether a domain publishes keys that its mail can be signed with (RFC 6376).
//!
//! A domain's selectors can't be listed: they are learnt from the signatures of its own mail, and the usual ones are tried.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use daimon_domain::words;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::dns::{Dns, Unavailable, tag};

/// What providers call their selectors.
pub const USUAL_SELECTORS: &[&str] = &[
    "selector1",
    "selector2",
    "google",
    "default",
    "dkim",
    "mail",
    "k1",
    "k2",
    "s1",
    "s2",
    "sig1",
    "key1",
    "smtp",
    "mxvault",
    "protonmail",
    "zoho",
    "20230601",
];

/// The shortest RSA key that receivers must take (RFC 8301): 1024 bits are 162 bytes as published.
const SHORTEST_RSA: usize = 160;

words! {
    /// What a key is worth.
    DkimKey {
        /// Receivers can check with it.
        Published = "published",
        /// It was taken back: `p=` is empty.
        Revoked = "revoked",
        /// RSA of fewer than 1024 bits, which receivers don't take.
        Short = "short",
        /// It can't be read.
        Unreadable = "unreadable",
    }
}

words! {
    /// What is wrong with a domain's keys.
    DkimFault {
        /// None was found that mail can be checked with.
        NoneFound = "none_found",
        /// A signature that its mail carries can't be checked.
        Unusable = "unusable",
    }
}

/// The keys that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dkim {
    /// Selector and key.
    pub keys: Vec<(String, DkimKey)>,
    /// What is wrong with them.
    pub faults: Vec<DkimFault>,
}

impl Dkim {
    /// Looks for the keys of a domain. `seen`: selectors that its own mail is signed with.
    pub async fn of(domain: &str, seen: &[String], dns: &impl Dns) -> Result<Self, Unavailable> {
        let usual = USUAL_SELECTORS.iter().map(|one| (*one).to_owned()).filter(|one| !seen.contains(one));
        let selectors: Vec<String> = seen.iter().cloned().chain(usual).collect();
        let asked = join_all(selectors.iter().map(|selector| find(domain, selector, dns))).await;
        let mut dkim = Self::default();
        for (selector, key) in selectors.into_iter().zip(asked) {
            let key = key?;
            let is_usable = key == Some(DkimKey::Published);
            if seen.contains(&selector) && !is_usable && !dkim.faults.contains(&DkimFault::Unusable) {
                dkim.faults.push(DkimFault::Unusable);
            }
            dkim.keys.extend(key.map(|key| (selector, key)));
        }
        if !dkim.keys.iter().any(|(_, key)| *key == DkimKey::Published) {
            dkim.faults.push(DkimFault::NoneFound);
        }
        Ok(dkim)
    }
}

async fn find(domain: &str, selector: &str, dns: &impl Dns) -> Result<Option<DkimKey>, Unavailable> {
    let found = dns.txt(&format!("{selector}._domainkey.{domain}")).await?;
    Ok(found.iter().find_map(|record| key(record)))
}

/// What a record is worth; `None` where it is no key record (section 3.6.1).
fn key(record: &str) -> Option<DkimKey> {
    if tag(record, "v").is_some_and(|version| version != "DKIM1") {
        return None;
    }
    let text: String = tag(record, "p")?.chars().filter(|c| !c.is_ascii_whitespace() && *c != '=').collect();
    let is_rsa = tag(record, "k").is_none_or(|kind| kind.eq_ignore_ascii_case("rsa"));
    Some(match STANDARD_NO_PAD.decode(&text) {
        _ if text.is_empty() => DkimKey::Revoked,
        Ok(bytes) if is_rsa && bytes.len() < SHORTEST_RSA => DkimKey::Short,
        Ok(_) => DkimKey::Published,
        Err(_not_base64) => DkimKey::Unreadable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{Zone, ready};

    fn dkim(zone: &str, seen: &[&str]) -> Dkim {
        let seen: Vec<String> = seen.iter().map(|one| (*one).to_owned()).collect();
        ready(Dkim::of("sakura.example", &seen, &Zone::of(zone))).unwrap()
    }

    #[test]
    fn keys_are_found_under_usual_names_and_under_those_that_mail_is_signed_with() {
        let long = "A".repeat(392);
        let zone = format!(
            "google._domainkey.sakura.example TXT v=DKIM1; k=rsa; p={long}
             ed._domainkey.sakura.example TXT v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
             s1._domainkey.sakura.example TXT v=DKIM1; p=
             s2._domainkey.sakura.example TXT k=rsa; p={}",
            "A".repeat(120)
        );
        let found = dkim(&zone, &["ed"]);
        let keys: Vec<_> = found.keys.iter().map(|(selector, key)| (selector.as_str(), *key)).collect();
        assert_eq!(
            keys,
            [
                ("ed", DkimKey::Published),
                ("google", DkimKey::Published),
                ("s1", DkimKey::Revoked),
                ("s2", DkimKey::Short)
            ]
        );
        assert_eq!(found.faults, []);
    }

    #[test]
    fn a_domain_whose_mail_can_not_be_checked_is_told_so() {
        assert_eq!(dkim("", &[]).faults, [DkimFault::NoneFound]);
        let other = "x._domainkey.sakura.example TXT verification=1234";
        assert_eq!(dkim(other, &["x"]).faults, [DkimFault::Unusable, DkimFault::NoneFound]);
    }
}

//! What receivers are asked to do with mail that only claims to come from a domain (RFC 7489).

use daimon_domain::words;
use serde::{Deserialize, Serialize};

use crate::dns::{Dns, Unavailable, tag};

words! {
    /// What is asked of receivers.
    DmarcPolicy {
        /// Nothing.
        None = "none",
        /// To the spam folder.
        Quarantine = "quarantine",
        /// Refuse.
        Reject = "reject",
    }
}

words! {
    /// What is wrong with a domain's DMARC.
    DmarcFault {
        /// There is none, and none at the organisation's domain.
        Missing = "missing",
        /// There are several, so receivers use none (section 6.6.3).
        Several = "several",
        /// It can't be read.
        Unreadable = "unreadable",
        /// It asks for nothing: whoever forges the domain is let in.
        OnlyWatches = "only_watches",
        /// Nobody hears of who sends in the domain's name.
        NoReports = "no_reports",
    }
}

/// What a domain's DMARC record says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dmarc {
    /// The record.
    pub record: Option<String>,
    /// Where it stands: the domain, or the organisation's.
    pub found_at: Option<String>,
    /// What is asked for mail from this domain.
    pub policy: Option<DmarcPolicy>,
    /// What is wrong with it.
    pub faults: Vec<DmarcFault>,
}

impl Dmarc {
    /// Reads a domain's record, or else the organisation's.
    pub async fn of(domain: &str, dns: &impl Dns) -> Result<Self, Unavailable> {
        let domain = domain.to_ascii_lowercase();
        let organisation = psl::domain_str(&domain).unwrap_or(&domain).to_owned();
        let mut found = records(&domain, dns).await?;
        let is_own = !found.is_empty() || organisation == domain;
        if !is_own {
            found = records(&organisation, dns).await?;
        }
        let mut dmarc = Self::default();
        if found.len() > 1 {
            dmarc.faults.push(DmarcFault::Several);
        }
        let Some(record) = found.into_iter().next() else {
            dmarc.faults.push(DmarcFault::Missing);
            return Ok(dmarc);
        };
        let asked = tag(&record, "sp").filter(|_| !is_own).or_else(|| tag(&record, "p"));
        let has_reports = tag(&record, "rua").is_some_and(|to| !to.is_empty());
        dmarc.policy = asked.map(str::to_ascii_lowercase).and_then(|word| word.parse().ok());
        match dmarc.policy {
            None => dmarc.faults.push(DmarcFault::Unreadable),
            Some(DmarcPolicy::None) => dmarc.faults.push(DmarcFault::OnlyWatches),
            Some(DmarcPolicy::Quarantine | DmarcPolicy::Reject) => {}
        }
        if dmarc.policy.is_some() && !has_reports {
            dmarc.faults.push(DmarcFault::NoReports);
        }
        dmarc.record = Some(record);
        dmarc.found_at = Some(if is_own { domain } else { organisation });
        Ok(dmarc)
    }
}

async fn records(domain: &str, dns: &impl Dns) -> Result<Vec<String>, Unavailable> {
    let found = dns.txt(&format!("_dmarc.{domain}")).await?;
    let is_dmarc = |text: &String| text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("v=DMARC1"));
    Ok(found.into_iter().filter(is_dmarc).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{Zone, ready};

    fn dmarc(domain: &str, zone: &str) -> Dmarc {
        ready(Dmarc::of(domain, &Zone::of(zone))).unwrap()
    }

    #[test]
    fn a_domain_without_a_record_has_its_organisations() {
        let zone = "_dmarc.sakura.co.jp TXT v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@sakura.co.jp";
        let own = dmarc("sakura.co.jp", zone);
        assert_eq!((own.policy, own.faults), (Some(DmarcPolicy::Reject), vec![]));
        let below = dmarc("Mail.sakura.co.jp", zone);
        assert_eq!((below.policy, below.found_at.as_deref()), (Some(DmarcPolicy::Quarantine), Some("sakura.co.jp")));
        // `co.jp` is nobody's: what stands there is not asked.
        assert_eq!(dmarc("sakura.co.jp", "_dmarc.co.jp TXT v=DMARC1; p=reject").faults, [DmarcFault::Missing]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases: [(&str, &[DmarcFault]); 4] = [
            ("v=DMARC1; p=none", &[DmarcFault::OnlyWatches, DmarcFault::NoReports]),
            ("v=DMARC1; p=reject; rua=mailto:d@x.example", &[]),
            ("v=DMARC1; p=sometimes", &[DmarcFault::Unreadable]),
            ("v=DMARC2; p=reject", &[DmarcFault::Missing]),
        ];
        for (record, faults) in cases {
            assert_eq!(
                dmarc("sakura.example", &format!("_dmarc.sakura.example TXT {record}")).faults,
                faults,
                "{record}"
            );
        }
        let twice = "_dmarc.sakura.example TXT v=DMARC1; p=reject; rua=mailto:d@x.example\n".repeat(2);
        assert_eq!(dmarc("sakura.example", &twice).faults, [DmarcFault::Several]);
    }
}

//! Whom a host's name speaks of.
//!
//! `mail.host.example` tells of `smtp.host.example`, but `sv12.xserver.jp` tells nothing of `sv13.xserver.jp`: there,
//! other companies live next door, and what a neighbour sends must not pass for the own provider's. Where anybody may
//! register is read from the public suffix list, compiled in by the crate `psl`; hosts that share a registered name
//! without being on that list are in `data/shared-hosting.txt`.

use std::{collections::HashSet, net::IpAddr, sync::LazyLock};

static SHARED: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("../data/shared-hosting.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// The organisation behind a host's name: its registered domain. What has none (`localhost`, an address) is itself.
pub fn organisation(host: &str) -> String {
    let host = plain(host);
    let is_name = host.parse::<IpAddr>().is_err();
    psl::domain_str(&host).filter(|_| is_name).map(str::to_owned).unwrap_or(host)
}

/// Whether strangers share the organisation's name.
pub fn is_shared(host: &str) -> bool {
    let mut name = host;
    loop {
        if SHARED.contains(name) {
            return true;
        }
        let Some((_, above)) = name.split_once('.') else { return false };
        name = above;
    }
}

/// The widest name that stands for the provider whose host this is: its parent, so that the hosts beside it count too.
/// Where strangers may be beside it, the host alone.
pub fn provider(host: &str) -> String {
    let host = plain(host);
    let registered = organisation(&host);
    match host.split_once('.') {
        Some((_, parent)) if is_at_or_below(parent, &registered) && !is_shared(&host) => parent.to_owned(),
        Some(_) | None => host,
    }
}

/// Whether a host is the other one, or has a name below it.
pub fn is_at_or_below(host: &str, own: &str) -> bool {
    let (host, own) = (host.to_ascii_lowercase(), own.to_ascii_lowercase());
    !own.is_empty() && host.strip_suffix(&own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_is_its_registered_name() {
        assert_eq!(organisation("mx1.mail.example.com."), "example.com");
        assert_eq!(organisation("mx.iijmio.ne.jp"), "iijmio.ne.jp");
        assert_eq!(organisation("mail.city.kobe.jp"), "city.kobe.jp");
        assert_eq!(organisation("localhost"), "localhost");
        assert_eq!(organisation("192.0.2.25"), "192.0.2.25");
        let machine = "ec2-192-0-2-1.compute-1.amazonaws.com";
        assert_eq!(organisation(machine), machine, "each machine of a cloud is somebody else's");
    }

    #[test]
    fn a_host_speaks_for_those_beside_it_unless_strangers_live_there() {
        assert_eq!(provider("MX1.mail.host.example"), "mail.host.example");
        assert_eq!(provider("imap.host.example"), "host.example");
        for alone in [
            "host.example",
            "sv12345.xserver.jp",
            "www123.sakura.ne.jp",
            "mx.google.com",
            "p3plibsmtp01-12.prod.phx3.secureserver.net",
            "ec2-192-0-2-1.compute-1.amazonaws.com",
            "imap.ocn.ne.jp",
            "mail.co.jp",
            "192.0.2.25",
            "vm",
        ] {
            assert_eq!(provider(alone), alone);
        }
    }

    #[test]
    fn the_list_of_shared_hosts_holds_plain_names() {
        assert!(SHARED.len() > 50);
        for name in &*SHARED {
            assert!(name.contains('.') && plain(name) == **name && !name.contains(' '), "{name}");
        }
        assert!(is_shared("deep.below.xserver.jp") && !is_shared("xserver.jp.evil.test"));
    }
}

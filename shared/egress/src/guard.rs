//! What may be dialled: what is not forbidden, at the usual ports, and what the operator allowed.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use daimon_domain::mailbox::{HostName, TlsMode};
use ipnet::IpNet;

use crate::deny::is_forbidden;
use crate::error::{SettingsError, read};

/// Where mail is read: IMAP over TLS, and IMAP with STARTTLS.
pub(crate) const IMAP_PORTS: &[u16] = &[993, 143];
/// Where webhooks go.
pub(crate) const WEBHOOK_PORTS: &[u16] = &[443];

/// One line of the allow file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opening {
    net: IpNet,
    ports: RangeInclusive<u16>,
}

impl Opening {
    /// `CIDR:port`, `CIDR:first-last` or `CIDR:*`.
    fn parse(line: &str) -> Option<Self> {
        let (net, ports) = line.rsplit_once(':')?;
        let number = |text: &str| text.trim().parse::<u16>().ok();
        let ports = match (ports.trim(), ports.split_once('-')) {
            ("*", _) => 0..=u16::MAX,
            (_, Some((first, last))) => number(first)?..=number(last)?,
            (one, None) => number(one)?..=number(one)?,
        };
        // A range that runs backwards opens nothing, which nobody means.
        if ports.is_empty() { None } else { Some(Self { net: net.trim().parse().ok()?, ports }) }
    }

    fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }
}

/// Decides what may be dialled.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    openings: Vec<Opening>,
    development: bool,
    /// What our own API is called.
    own: Vec<HostName>,
}

impl Guard {
    /// A guard that follows the deny list, and the allow file where there is one.
    pub fn new(allow_file: Option<&Path>, development: bool) -> Result<Self, SettingsError> {
        let Some(path) = allow_file else { return Ok(Self { development, ..Self::default() }) };
        Self::parse(&read(path)?, development).map_err(|line| SettingsError::Malformed {
            path: path.to_owned(),
            line,
            expected: "CIDR:port, CIDR:first-last or CIDR:*",
        })
    }

    /// The same, and no webhook leads to these names, which are our own API's.
    #[must_use]
    pub fn with_own(self, own: Vec<HostName>) -> Self {
        Self { own, ..self }
    }

    pub(crate) fn is_own(&self, name: &HostName) -> bool {
        self.own.contains(name)
    }

    /// The lines of an allow file; `Err` has the number of the first line that is none.
    pub(crate) fn parse(text: &str, development: bool) -> Result<Self, usize> {
        let openings =
            lines(text).map(|(number, line)| Opening::parse(line).ok_or(number)).collect::<Result<_, _>>()?;
        Ok(Self { openings, development, ..Self::default() })
    }

    /// Whether that address may be dialled at that port, when these ports are the usual ones.
    pub(crate) fn permits(&self, to: SocketAddr, usual_ports: &[u16]) -> bool {
        let is_open = self.openings.iter().any(|opening| opening.has_port(to.port()) && opening.net.contains(&to.ip()));
        is_open || (usual_ports.contains(&to.port()) && !is_forbidden(to.ip()))
    }

    /// Whether a webhook URL may name that port at all; its addresses are vetted at each attempt.
    pub(crate) fn has_webhook_port(&self, port: u16) -> bool {
        WEBHOOK_PORTS.contains(&port) || self.openings.iter().any(|opening| opening.has_port(port))
    }

    /// Whether a mailbox may name that port at all, with TLS begun like this: 993, or 143 with STARTTLS, or one that the
    /// operator opened. Its addresses are vetted at each session.
    pub fn has_imap_port(&self, port: u16, tls: TlsMode) -> bool {
        let usual = match tls {
            TlsMode::Implicit => 993,
            TlsMode::StartTls => 143,
        };
        port == usual || self.openings.iter().any(|opening| opening.has_port(port))
    }

    /// Whether http to loopback is acceptable.
    pub(crate) const fn is_development(&self) -> bool {
        self.development
    }
}

/// The lines that say something, with their numbers from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .map(|line| line.split_once('#').map_or(line, |(before, _comment)| before).trim())
        .zip(1..)
        .filter(|(line, _)| !line.is_empty())
        .map(|(line, number)| (number, line))
}

/// A scope id (`fe80::1%eth0`) never gets here: it is neither a `HostName` nor an address of a DNS answer.
pub(crate) const fn at(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(ip: &str, port: u16) -> SocketAddr {
        at(ip.parse().unwrap(), port)
    }

    #[test]
    fn without_a_file_public_addresses_at_the_usual_ports_are_open() {
        let guard = Guard::new(None, false).unwrap();
        assert!(guard.permits(to("8.8.8.8", 443), WEBHOOK_PORTS));
        assert!(!guard.permits(to("8.8.8.8", 80), WEBHOOK_PORTS));
        assert!(!guard.permits(to("8.8.8.8", 993), WEBHOOK_PORTS));
        assert!(guard.permits(to("8.8.8.8", 143), IMAP_PORTS));
        assert!(!guard.permits(to("8.8.8.8", 25), IMAP_PORTS));
        assert!(!guard.permits(to("10.0.0.1", 443), WEBHOOK_PORTS));
    }

    #[test]
    fn a_line_opens_exactly_what_it_says() {
        let text = "# the mail server\n10.1.2.0/24:993\n\n127.0.0.1/32:* # tests\nfd00::/8:8443\n0.0.0.0/0:8443\n";
        let guard = Guard::parse(text, false).unwrap();
        assert!(guard.permits(to("10.1.2.3", 993), IMAP_PORTS));
        assert!(!guard.permits(to("10.1.2.3", 143), IMAP_PORTS));
        assert!(!guard.permits(to("10.1.3.3", 993), IMAP_PORTS));
        assert!(guard.permits(to("127.0.0.1", 4_711), WEBHOOK_PORTS));
        assert!(!guard.permits(to("127.0.0.2", 4_711), WEBHOOK_PORTS));
        assert!(guard.permits(to("fd12::1", 8_443), WEBHOOK_PORTS));
        assert!(!guard.permits(to("fd12::1", 443), WEBHOOK_PORTS));
        assert!(!guard.permits(to("::ffff:10.1.2.3", 993), IMAP_PORTS));
        assert!(guard.permits(to("8.8.8.8", 8_443), WEBHOOK_PORTS));
    }

    #[test]
    fn a_line_opens_a_range_of_ports() {
        let guard = Guard::parse("127.0.0.1/32:1024-65535", false).unwrap();
        for (port, is_open) in [(1_023, false), (1_024, true), (65_535, true), (25, false), (443, false)] {
            assert_eq!(guard.permits(to("127.0.0.1", port), WEBHOOK_PORTS), is_open, "{port}");
        }
    }

    #[test]
    fn a_mailbox_has_the_port_of_its_tls_or_one_that_was_opened() {
        use TlsMode::{Implicit, StartTls};
        let closed = Guard::new(None, false).unwrap();
        let opened = Guard::parse("10.1.2.3/32:1993", false).unwrap();
        for (port, tls, always, when_opened) in [
            (993, Implicit, true, true),
            (143, StartTls, true, true),
            (143, Implicit, false, false),
            (993, StartTls, false, false),
            (25, Implicit, false, false),
            (25, StartTls, false, false),
            (1_993, Implicit, false, true),
        ] {
            assert_eq!(closed.has_imap_port(port, tls), always, "{port} {tls}");
            assert_eq!(opened.has_imap_port(port, tls), when_opened, "{port} {tls}");
        }
    }

    #[test]
    fn a_line_that_can_not_be_read_is_named() {
        for text in [
            "10.0.0.0/8:2-1",
            "10.0.0.0/8:1-",
            "10.0.0.0/8:-1",
            "10.0.0.0/8:1-2-3",
            "10.0.0.0/8",
            "10.0.0.0/33:1",
            "example.com:443",
            "10.0.0.0/8:70000",
            "10.0.0.1:443",
            ":1",
            "x",
        ] {
            assert_eq!(Guard::parse(&format!("# ok\n{text}"), false).err(), Some(2), "{text}");
        }
    }
}

//! Which URLs a webhook may have.
//!
//! Two programs that read one URL differently are how such checks are walked around: one sees a harmless host, the
//! other dials `127.0.0.1`. So a URL is accepted only when it is written exactly as it is understood, apart from
//! letter case, and when its host is a DNS name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use daimon_domain::mailbox::HostName;
use url::{Host, Url};

use crate::guard::{Guard, WEBHOOK_PORTS, at};

/// Names that never lead to somebody else's server.
const LOCAL_SUFFIXES: [&str; 6] = ["localhost", "local", "internal", "intranet", "home.arpa", "onion"];
const MAX_LEN: usize = 2_048;

/// Why a URL can't be a webhook's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedUrl {
    /// No URL, or not written the way it is understood.
    #[error("not a URL in its normal form, or longer than 2,048 characters")]
    Form,
    /// Not https.
    #[error("a webhook URL starts with https://")]
    Scheme,
    /// `user@` or `user:password@`.
    #[error("a webhook URL has no user name and no password")]
    Credentials,
    /// `#…`
    #[error("a webhook URL has no fragment")]
    Fragment,
    /// An address, or a name that only this machine knows.
    #[error("a webhook URL has a public host name")]
    Host,
    /// Our own API: each event would make another.
    #[error("a webhook URL does not lead to this API")]
    Own,
    /// Another port than 443.
    #[error("a webhook URL has no other port than 443, unless the operator opened it")]
    Port,
}

/// A URL that was checked. Its addresses are vetted at each attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Where a URL leads.
pub(crate) enum Target {
    Name(HostName),
    /// Loopback in development.
    Loopback(IpAddr),
}

impl Target {
    /// Whether it may be dialled, as far as that is known before its name is resolved.
    fn leads_out(&self, port: u16, guard: &Guard) -> bool {
        let known: &[IpAddr] = match self {
            Self::Loopback(ip) => std::slice::from_ref(ip),
            Self::Name(_) if is_localhost(self) => &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            Self::Name(_) => return true,
        };
        known.iter().any(|ip| guard.permits(at(*ip, port), WEBHOOK_PORTS))
    }
}

impl WebhookUrl {
    /// Reads a URL. In development http is accepted too, to loopback only.
    pub fn parse(text: &str, guard: &Guard) -> Result<Self, MalformedUrl> {
        if text.len() > MAX_LEN || !text.bytes().all(is_url_byte) {
            return Err(MalformedUrl::Form);
        }
        let url = Url::parse(text).map_err(|_malformed| MalformedUrl::Form)?;
        if !url.username().is_empty() || url.password().is_some() || has_at_sign(text) {
            return Err(MalformedUrl::Credentials);
        }
        if url.fragment().is_some() {
            return Err(MalformedUrl::Fragment);
        }
        let is_plain = match url.scheme() {
            "https" => false,
            "http" if guard.is_development() => true,
            _ => return Err(MalformedUrl::Scheme),
        };
        let target = target(&url, guard.is_development()).ok_or(MalformedUrl::Host)?;
        if is_plain && !matches!(&target, Target::Loopback(_)) && !is_localhost(&target) {
            return Err(MalformedUrl::Scheme);
        }
        if matches!(&target, Target::Name(name) if guard.is_own(name)) {
            return Err(MalformedUrl::Own);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !guard.has_webhook_port(port) {
            return Err(MalformedUrl::Port);
        }
        if !target.leads_out(port, guard) {
            return Err(MalformedUrl::Host);
        }
        let canonical = url.as_str();
        let as_written = canonical.eq_ignore_ascii_case(text)
            || canonical.strip_suffix('/').is_some_and(|without| without.eq_ignore_ascii_case(text));
        if as_written { Ok(Self(url)) } else { Err(MalformedUrl::Form) }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host alone, which a log may show; paths often carry secrets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }

    /// The port, also where it goes without saying.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    pub(crate) fn target(&self) -> Option<Target> {
        target(&self.0, true)
    }
}

fn target(url: &Url, development: bool) -> Option<Target> {
    match url.host()? {
        Host::Domain(name) => {
            let is_local = !name.contains('.')
                || LOCAL_SUFFIXES
                    .iter()
                    .any(|suffix| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
            let name: HostName = name.parse().ok()?;
            let is_accepted = !is_local || (development && name.as_str() == "localhost");
            is_accepted.then_some(Target::Name(name))
        }
        Host::Ipv4(ip) => (development && ip.is_loopback()).then_some(Target::Loopback(ip.into())),
        Host::Ipv6(ip) => (development && ip.is_loopback()).then_some(Target::Loopback(ip.into())),
    }
}

fn is_localhost(target: &Target) -> bool {
    matches!(target, Target::Name(name) if name.as_str() == "localhost")
}

/// RFC 3986 characters only: no controls, no spaces, no backslash, nothing outside ASCII (a name is written as
/// `xn--…`).
const fn is_url_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~')
}

/// An `@` before the path, even with nothing in front.
fn has_at_sign(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production() -> Guard {
        Guard::parse("198.51.100.0/24:8443", false).unwrap()
    }

    #[test]
    fn ordinary_urls_are_accepted() {
        for text in [
            "https://hooks.example.com/",
            "https://hooks.example.com",
            "https://hooks.example.com/a/b?c=d&e=%20f",
            "https://HOOKS.example.com/Path",
            "https://xn--n3h.example/",
            "https://a-b.c-d.example/x@y",
            "https://hooks.example.com:8443/",
            "https://hooks.example.com/~user/;p=1",
            "https://10.example.com/",
            "https://hooks.example.com/?to=http://127.0.0.1/",
        ] {
            assert!(WebhookUrl::parse(text, &production()).is_ok(), "{text}");
        }
    }

    #[test]
    fn confusing_urls_are_refused() {
        use MalformedUrl::{Credentials, Form, Fragment, Host, Port, Scheme};
        let cases: &[(&str, MalformedUrl)] = &[
            ("", Form),
            ("hooks.example.com", Form),
            ("//hooks.example.com/", Form),
            ("https:", Form),
            ("https://", Form),
            ("https:///", Form),
            ("https:hooks.example.com/", Form),
            ("https:/hooks.example.com/", Form),
            ("https:///hooks.example.com/", Form),
            ("http://hooks.example.com/", Scheme),
            ("ftp://hooks.example.com/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("gopher://hooks.example.com/", Scheme),
            ("javascript:alert(1)", Scheme),
            ("unix:/run/docker.sock", Scheme),
            ("wss://hooks.example.com/", Scheme),
            ("https://127.0.0.1/", Host),
            ("https://127.1/", Host),
            ("https://127.0.1/", Host),
            ("https://2130706433/", Host),
            ("https://0x7f000001/", Host),
            ("https://0x7f.0.0.1/", Host),
            ("https://0x7F.1/", Host),
            ("https://017700000001/", Host),
            ("https://0177.0.0.1/", Host),
            ("https://127.0.0.1./", Host),
            ("https://0/", Host),
            ("https://8.8.8.8/", Host),
            ("https://134744072/", Host),
            ("https://169.254.169.254/latest/meta-data/", Host),
            ("https://[::1]/", Host),
            ("https://[::]/", Host),
            ("https://[::ffff:127.0.0.1]/", Host),
            ("https://[::ffff:7f00:1]/", Host),
            ("https://[64:ff9b::7f00:1]/", Host),
            ("https://[2606:4700:4700::1111]/", Host),
            ("https://[fe80::1%25eth0]/", Form),
            ("https://[fe80::1%eth0]/", Form),
            ("https://[::1", Form),
            ("https://::1/", Form),
            ("https://localhost/", Host),
            ("https://LOCALHOST/", Host),
            ("https://a.localhost/", Host),
            ("https://printer.local/", Host),
            ("https://metadata.google.internal/", Host),
            ("https://router.home.arpa/", Host),
            ("https://redis/", Host),
            ("https://hooks.example.com./", Host),
            ("https://localhost./", Host),
            ("https://hooks..example.com/", Host),
            ("https://-a.example/", Host),
            ("https://a_b.example/", Host),
            ("https://user@hooks.example.com/", Credentials),
            ("https://user:password@hooks.example.com/", Credentials),
            ("https://@hooks.example.com/", Credentials),
            ("https://:@hooks.example.com/", Credentials),
            ("https://hooks.example.com@127.0.0.1/", Credentials),
            ("https://127.0.0.1@hooks.example.com/", Credentials),
            ("https://hooks.example.com#@127.0.0.1/", Fragment),
            ("https://hooks.example.com/#x", Fragment),
            ("https://hooks.example.com\\@127.0.0.1/", Form),
            ("https://hooks.example.com\\.evil.example/", Form),
            ("https:\\\\hooks.example.com/", Form),
            ("https://hooks.example.com/\r\nHost: evil", Form),
            ("https://hooks.example.com/\n", Form),
            ("https://hooks.exa\tmple.com/", Form),
            (" https://hooks.example.com/", Form),
            ("https://hooks.example.com/a b", Form),
            ("https://hooks.example.com/\0", Form),
            ("https://hooks.example.com%00.evil.example/", Form),
            ("https://%68ooks.example.com/", Form),
            ("https://127.0.0.1%2f@hooks.example.com/", Credentials),
            ("https://hooks.example.com/a/../b", Form),
            ("https://hooks.example.com/./b", Form),
            ("https://①②⑦.0.0.1/", Form),
            ("https://ｌocalhost/", Form),
            ("https://ｈooks。example。com/", Form),
            ("https://bücher.example/", Form),
            ("https://xn--a/", Form),
            ("https://hooks.example.com:80/", Port),
            ("https://hooks.example.com:0/", Port),
            ("https://hooks.example.com:22/", Port),
            ("https://hooks.example.com:6379/", Port),
            ("https://hooks.example.com:99999/", Form),
            ("https://hooks.example.com:443/", Form),
            ("https://hooks.example.com:08443/", Form),
            ("https://hooks.example.com:/", Form),
        ];
        assert!(cases.len() >= 60);
        for (text, because) in cases {
            assert_eq!(WebhookUrl::parse(text, &production()).err(), Some(*because), "{text:?}");
        }
        let long = format!("https://hooks.example.com/{}", "a".repeat(MAX_LEN));
        assert_eq!(WebhookUrl::parse(&long, &production()).err(), Some(Form));
    }

    #[test]
    fn a_webhook_to_our_own_api_is_refused() {
        let guard = production().with_own(vec!["api.daimon.example".parse().unwrap()]);
        for text in ["https://api.daimon.example/v1/tenants", "https://API.Daimon.example:8443/"] {
            assert_eq!(WebhookUrl::parse(text, &guard).err(), Some(MalformedUrl::Own), "{text}");
        }
        assert!(WebhookUrl::parse("https://hooks.daimon.example/", &guard).is_ok());
    }

    #[test]
    fn development_adds_loopback_where_it_is_open_and_nothing_else() {
        use MalformedUrl::{Credentials, Fragment, Host, Port, Scheme};
        let guard = Guard::parse("127.0.0.1/32:1024-65535", true).unwrap();
        for text in [
            "http://127.0.0.1:4711/",
            "https://127.0.0.1:4711/",
            "http://localhost:4711/a",
            "https://catcher.example:4711/",
        ] {
            assert!(WebhookUrl::parse(text, &guard).is_ok(), "{text}");
        }
        for (text, because) in [
            ("http://hooks.example/", Scheme),
            ("http://10.0.0.1/", Host),
            ("https://10.0.0.1/", Host),
            ("https://10.0.0.1:4711/", Host),
            ("https://169.254.169.254/", Host),
            ("https://[fe80::1]/", Host),
            ("https://[::1]:4711/", Host),
            ("http://2130706433/", Port),
            ("https://127.0.0.1/", Host),
            ("https://127.0.0.1:22/", Port),
            ("https://127.0.0.2:4711/", Host),
            ("https://localhost/", Host),
            ("https://redis:6379/", Host),
            ("https://metadata.google.internal/", Host),
            ("https://hooks.example.com:25/", Port),
            ("ftp://127.0.0.1:4711/", Scheme),
            ("https://user@127.0.0.1:4711/", Credentials),
            ("https://127.0.0.1:4711/#x", Fragment),
        ] {
            assert_eq!(WebhookUrl::parse(text, &guard).err(), Some(because), "{text}");
        }
        let without_lines = Guard::parse("", true).unwrap();
        assert_eq!(WebhookUrl::parse("http://127.0.0.1:4711/", &without_lines).err(), Some(Port));
    }
}

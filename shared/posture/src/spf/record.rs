//! The terms of a record (RFC 7208 section 4.6.1), read strictly: what a receiver refuses to read is a fault of the record.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::SpfAll;

/// A record.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Its mechanisms in order, without `all`, and whether each lets its hosts send.
    pub(super) mechanisms: Vec<(Mechanism, bool)>,
    pub(super) all: Option<SpfAll>,
    pub(super) redirect: Option<Name>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    Include(Name),
    A(Name, Widths),
    Mx(Name, Widths),
    Ptr,
    Network(IpNet),
    Exists,
}

/// A name; `None` where it depends on the mail (macros, section 7).
pub(super) type Name = Option<String>;

/// How wide a network each address of a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) four: u8,
    pub(super) six: u8,
}

/// Reads the record of that domain; `None` when receivers could not.
pub(super) fn read(record: &str, domain: &str) -> Option<Record> {
    let mut read = Record::default();
    for term in record.split_ascii_whitespace().skip(1) {
        let end = term.find([':', '/', '=']).unwrap_or(term.len());
        let (name, rest) = term.split_at_checked(end)?;
        if let Some(value) = rest.strip_prefix('=') {
            if name.eq_ignore_ascii_case("redirect") && read.redirect.is_none() {
                read.redirect = Some(spec(value, domain)?);
            } else if name.eq_ignore_ascii_case("redirect") || !is_word(name) {
                return None;
            }
            continue;
        }
        let (qualifier, name) = match name.chars().next()? {
            sign @ ('+' | '-' | '~' | '?') => (sign, name.get(1..)?),
            _ => ('+', name),
        };
        let mechanism = match name.to_ascii_lowercase().as_str() {
            "all" if rest.is_empty() => {
                read.all = read.all.or(Some(match qualifier {
                    '-' => SpfAll::Fail,
                    '~' => SpfAll::SoftFail,
                    '?' => SpfAll::Neutral,
                    _ => SpfAll::Pass,
                }));
                continue;
            }
            "include" => Mechanism::Include(spec(rest.strip_prefix(':')?, domain)?),
            "exists" => {
                spec(rest.strip_prefix(':')?, domain)?;
                Mechanism::Exists
            }
            "a" => hosts(rest, domain).map(|(name, widths)| Mechanism::A(name, widths))?,
            "mx" => hosts(rest, domain).map(|(name, widths)| Mechanism::Mx(name, widths))?,
            "ptr" => Mechanism::Ptr,
            "ip4" => Mechanism::Network(IpNet::V4(four(rest.strip_prefix(':')?)?)),
            "ip6" => Mechanism::Network(IpNet::V6(six(rest.strip_prefix(':')?)?)),
            _ => return None,
        };
        read.mechanisms.push((mechanism, qualifier == '+'));
    }
    Some(read)
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// A domain-spec; the outer `None` where it is none.
fn spec(text: &str, domain: &str) -> Option<Name> {
    let name = text.to_ascii_lowercase().replace("%{d}", domain);
    let name = name.trim_end_matches('.');
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| (!name.contains('%')).then(|| name.to_owned()))
}

/// `[:name][/width[//width]]` or `[:name][//width]`.
fn hosts(rest: &str, domain: &str) -> Option<(Name, Widths)> {
    // A macro may hold a slash: what follows the last brace is the width.
    let widths = rest.rfind('}').unwrap_or(0);
    let begin = rest.get(widths..)?.find('/').map_or(rest.len(), |at| widths + at);
    let (name, widths) = rest.split_at_checked(begin)?;
    let name = match name.strip_prefix(':') {
        Some(name) => spec(name, domain)?,
        None if name.is_empty() => Some(domain.to_owned()),
        None => return None,
    };
    let (four, six) = match widths.split_once("//") {
        Some((four, six)) => (four, width(six, 128)?),
        None => (widths, 128),
    };
    let four = if four.is_empty() { 32 } else { width(four.strip_prefix('/')?, 32)? };
    Some((name, Widths { four, six }))
}

fn width(text: &str, most: u8) -> Option<u8> {
    text.parse().ok().filter(|width| *width <= most)
}

fn four(text: &str) -> Option<Ipv4Net> {
    let (ip, bits) = text.split_once('/').unwrap_or((text, "32"));
    Ipv4Net::new(ip.parse::<Ipv4Addr>().ok()?, width(bits, 32)?).ok()
}

fn six(text: &str) -> Option<Ipv6Net> {
    let (ip, bits) = text.split_once('/').unwrap_or((text, "128"));
    Ipv6Net::new(ip.parse::<Ipv6Addr>().ok()?, width(bits, 128)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(term: &str) -> Option<Mechanism> {
        read(&format!("v=spf1 {term}"), "sakura.example")?.mechanisms.pop().map(|(mechanism, _)| mechanism)
    }

    #[test]
    fn a_host_may_have_a_name_and_widths() {
        let hosts = |name: &str, four, six| Some(Mechanism::A(Some(name.to_owned()), Widths { four, six }));
        assert_eq!(one("a"), hosts("sakura.example", 32, 128));
        assert_eq!(one("A/24"), hosts("sakura.example", 24, 128));
        assert_eq!(one("+a:Mail.Host.example.//64"), hosts("mail.host.example", 32, 64));
        assert_eq!(one("a:%{d}/24//64"), hosts("sakura.example", 24, 64));
        assert_eq!(one("mx:%{i}._x.example/28"), Some(Mechanism::Mx(None, Widths { four: 28, six: 128 })));
    }

    #[test]
    fn what_receivers_could_not_read_is_not_read() {
        for term in [
            "ip4:300.1.1.1",
            "ip4:192.0.2.1/33",
            "ip4",
            "ip6:1:2",
            "a/",
            "a/33",
            "a:",
            "aa",
            "all:x",
            "include:",
            "-",
            "redirect=",
            "redirect=a.example redirect=b.example",
            "=x",
            "ip4=192.0.2.1/24:",
        ] {
            let is_modifier = term.starts_with("ip4=");
            assert_eq!(read(&format!("v=spf1 {term}"), "sakura.example").is_none(), !is_modifier, "{term}");
        }
    }
}

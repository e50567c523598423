//! One Received line, as the many mail servers write it (RFC 5321, 4.4; RFC 3848).

use std::{borrow::Cow, net::IpAddr};

use daimon_domain::origin::Hop;

use crate::text;

/// Reads one unfolded Received field.
pub(crate) fn read(line: &str) -> Hop {
    let (trace, at) = match line.rsplit_once(';') {
        Some((trace, date)) => (trace, text::date(date)),
        None => (line, None),
    };
    let mut hop = Hop { at, ..Hop::default() };
    let mut words = Tokens(trace).peekable();
    let mut clause = "";
    while let Some(token) = words.next() {
        let word = match token {
            Token::Comment(comment) => {
                read_comment(&comment, clause, &mut hop);
                continue;
            }
            Token::Word(word) => word,
        };
        let clauses = ["from", "by", "with", "id", "for", "via"];
        let Some(named) = clauses.into_iter().find(|clause| word.eq_ignore_ascii_case(clause)) else { continue };
        clause = named;
        let Some(Token::Word(value)) = words.next_if(|next| matches!(next, Token::Word(_))) else { continue };
        match clause {
            "from" if hop.helo.is_none() => {
                hop.from_ip = hop.from_ip.or_else(|| address(value));
                hop.helo = Some(text::lower(value.trim_matches(['[', ']'])));
            }
            "by" if hop.by.is_none() => hop.by = Some(text::lower(value.trim_end_matches(','))),
            "with" if hop.with.is_none() => hop.with = Some(value.to_ascii_uppercase()),
            _ => {}
        }
    }
    let with = hop.with.as_deref().unwrap_or_default();
    // RFC 3848 and RFC 6531 mark a signed-in session by an A; ASMTP is Exim's older word for it.
    // LMTPA is no sign-in of a sender: a mail server proves itself to the mail store.
    hop.authenticated |= matches!(with, "ESMTPA" | "ESMTPSA" | "ASMTP" | "UTF8SMTPA" | "UTF8SMTPSA" | "SMTPSA");
    hop.local_submission |= matches!(with, "LOCAL" | "PICKUP") || with.starts_with("LOCAL-");
    hop
}

/// What a trace is made of.
#[derive(Debug)]
enum Token<'a> {
    Word(&'a str),
    /// A whole comment without its brackets; those of comments within it are spaces and nothing.
    Comment(Cow<'a, str>),
}

/// Takes tokens off the front.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.0.trim_start();
        if let Some(comment) = rest.strip_prefix('(') {
            let (comment, rest) = split_comment(comment);
            self.0 = rest;
            return Some(Token::Comment(comment));
        }
        let end = rest.find(|c: char| c == '(' || c.is_whitespace()).unwrap_or(rest.len());
        let (word, rest) = rest.split_at_checked(end)?;
        self.0 = rest;
        (!word.is_empty()).then_some(Token::Word(word))
    }
}

/// The comment up to the bracket that closes it, and the rest.
fn split_comment(text: &str) -> (Cow<'_, str>, &str) {
    let mut depth = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (without_brackets(text.get(..at).unwrap_or_default()), text.get(at + 1..).unwrap_or_default());
        }
    }
    (without_brackets(text), "")
}

fn without_brackets(comment: &str) -> Cow<'_, str> {
    if comment.contains('(') { Cow::Owned(comment.replace('(', " ").replace(')', "")) } else { Cow::Borrowed(comment) }
}

fn read_comment(comment: &str, clause: &str, hop: &mut Hop) {
    let lower = text::lower(comment);
    if lower.contains("auth") || lower.contains("account") {
        if let Some(name) = signed_in(&lower) {
            hop.authenticated = true;
            if !name.is_empty() && hop.authenticated_as.is_none() {
                hop.authenticated_as = Some(name.to_owned());
            }
            return;
        }
        if lower.starts_with("authenticated") || lower.contains("(authenticated") {
            hop.authenticated = true; // sendmail: "(authenticated bits=0)"
        }
    }
    // Postfix: "(Postfix, from userid 33)"; qmail: "(qmail 1 invoked by uid 33)", "(nullmailer pid 1 invoked by uid 0)".
    if lower.contains("from userid") || lower.contains("by uid ") || lower.contains("invoked by uid") {
        hop.local_submission = true;
    }
    hop.local_submission |= lower.ends_with("/submit"); // Sendmail's command: "(8.17.1/8.17.1/Submit)"
    if clause != "from" {
        return;
    }
    if let Some(helo) = lower.strip_prefix("helo ").or_else(|| lower.split_once("helo=").map(|(_, helo)| helo)) {
        // What stood after "from" was then the looked-up name.
        let looked_up = hop.helo.take().filter(|name| name != "unknown" && name.parse::<IpAddr>().is_err());
        hop.from_host = hop.from_host.take().or(looked_up);
        hop.helo = helo.split([' ', ')']).next().map(|name| name.trim_matches(['[', ']', '?']).to_owned());
    }
    // What stood after "from" may be the address that the client claims; the one in brackets was seen.
    let seen = lower.split("helo").next().unwrap_or_default();
    hop.from_ip = seen.split([' ', '@', '=']).find_map(address).or(hop.from_ip);
    if hop.from_ip.is_none() {
        hop.from_ip = lower.split([' ', '@', '=']).find_map(address);
    }
    hop.local_submission |= lower.contains("[local]"); // OpenSMTPD
    let first = lower.split([' ', '[']).next().unwrap_or_default().trim_end_matches('.');
    if hop.from_host.is_none()
        // sendmail: the client's owner gave it that name, and the name's owner does not agree.
        && !lower.contains("may be forged")
        && first.contains('.')
        && first != "unknown"
        && address(first).is_none()
        && !first.contains('=')
    {
        hop.from_host = Some(first.to_owned());
    }
}

/// Who signed in, if the comment says that somebody did; empty where it says no name.
fn signed_in(lower: &str) -> Option<&str> {
    // Courier: "(AUTH: PLAIN anna@example.org, TLS: TLS1.3,256bits,…)".
    if let Some(mechanism_and_name) = lower.strip_prefix("auth: ") {
        return mechanism_and_name.split([' ', ',']).nth(1);
    }
    let markers = [
        "authenticated sender:",
        "authenticated user=",
        "authenticated user:",
        "authenticated as",
        "auth=",
        "authenticated_id",
        "smtp-auth user",
    ];
    let after = markers.iter().find_map(|marker| lower.split_once(marker)).map(|(_, after)| after);
    let after = after.or_else(|| lower.strip_prefix("account"))?;
    after.trim_start_matches([':', '=', ' ', '<']).split([' ', ',', ')', '>', ';']).next()
}

/// An address, bare or as `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `192.0.2.1:25`; `::ffff:192.0.2.1`, which servers with
/// one socket for both write, is the same client as `192.0.2.1`.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    written_address(text).map(|address| address.to_canonical())
}

fn written_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches(|c: char| matches!(c, '[' | ']' | '(' | ')' | ',' | ';' | '<' | '>' | ' '));
    let text = text.strip_prefix("ipv6:").or_else(|| text.strip_prefix("IPv6:")).unwrap_or(text);
    text.parse().ok().or_else(|| {
        let inner = text.split(']').next()?.rsplit('[').next()?;
        let inner = inner.strip_prefix("ipv6:").unwrap_or(inner);
        inner.parse().ok().or_else(|| text.rsplit_once(':')?.0.trim_end_matches(']').parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postfix_says_who_signed_in() {
        let hop = read(
            "from [192.0.2.9] (dsl.example.net [198.51.100.7]) (Authenticated sender: Anna@example.org) by mx.example.org (Postfix) with ESMTPSA id 4X for <b@example.com>; Sat, 3 Jan 2026 01:05:34 +0000",
        );
        assert!(hop.authenticated);
        assert_eq!(hop.authenticated_as.as_deref(), Some("anna@example.org"));
        assert_eq!(hop.helo.as_deref(), Some("192.0.2.9"));
        assert_eq!(hop.from_ip, "198.51.100.7".parse().ok(), "the address that was seen, not the one claimed");
        assert_eq!(hop.from_host.as_deref(), Some("dsl.example.net"));
        assert_eq!(hop.by.as_deref(), Some("mx.example.org"));
        assert_eq!(hop.with.as_deref(), Some("ESMTPSA"));
        assert!(hop.at.is_some());
    }

    #[test]
    fn courier_names_the_mechanism_before_the_user() {
        let hop = read(
            "from laptop ([::ffff:198.51.100.7]) (AUTH: PLAIN Anna@example.org, TLS: TLS1.3,256bits,ECDHE_RSA) by mx.example.org with ESMTPSA id 0064A0A8.6B05AF8A; Sat, 3 Jan 2026 01:05:34 +0000",
        );
        assert_eq!(hop.authenticated_as.as_deref(), Some("anna@example.org"));
        assert_eq!(hop.from_ip, "198.51.100.7".parse().ok(), "mapped or not, it is the same client");
    }

    #[test]
    fn a_script_on_the_host_hands_in_locally() {
        assert!(
            read("by web.example.org (Postfix, from userid 33) id 4X; Sat, 3 Jan 2026 01:05:34 +0000").local_submission
        );
        assert!(read("(qmail 18901 invoked by uid 33); 1 Jul 2014 08:30:40 -0000").local_submission);
        assert!(
            read(
                "(from www-data@localhost) by mx.example.org (8.17.1/8.17.1/Submit) id 6A; Sat, 3 Jan 2026 01:05:34 GMT"
            )
            .local_submission
        );
        assert!(read("from localhost (mx.example.org [local]) by mx.example.org (OpenSMTPD) with ESMTPA id 1; Sat, 3 Jan 2026 01:05:34 +0000").local_submission);
        assert!(read("from www-data by web.example.org with local (Exim 4.96) (envelope-from <x@example.org>) id 1a; Sat, 3 Jan 2026 01:05:34 +0000").local_submission);
    }

    #[test]
    fn exim_puts_the_helo_into_brackets() {
        let hop = read(
            "from dsl.example.net ([198.51.100.7] helo=laptop) by mx.example.org with esmtpsa (TLS1.3) (Exim 4.96) id 1a; Sat, 3 Jan 2026 01:05:34 +0000",
        );
        assert_eq!((hop.helo.as_deref(), hop.from_host.as_deref()), (Some("laptop"), Some("dsl.example.net")));
        assert_eq!(hop.from_ip, "198.51.100.7".parse().ok());
        assert!(hop.authenticated);
    }

    #[test]
    fn a_mail_server_that_proves_itself_to_the_store_is_no_sender_who_signed_in() {
        let hop =
            read("from mail.example.org ([unix socket]) by store (Cyrus 3.8) with LMTPA; 1 Jul 2014 08:30:40 -0000");
        assert!(hop.is_delivery() && !hop.authenticated);
        assert!(read("from mx.example by vm with LMTP id 4X; 1 Jul 2014 08:30:40 -0000").is_delivery());
        assert!(!read("from mx.example by mx.example.org with ESMTPS id 4X; 1 Jul 2014 08:30:40 -0000").is_delivery());
    }

    #[test]
    fn a_name_that_may_be_forged_is_none() {
        let hop = read("from liar (mail.example.org [198.51.100.7] (may be forged)) by mx.example.org with ESMTP id 1");
        assert_eq!((hop.from_host, hop.from_ip), (None, "198.51.100.7".parse().ok()));
    }

    #[test]
    fn exim_writes_the_address_that_was_seen_first() {
        let hop = read(
            "from [198.51.100.7] (port=4312 helo=[192.168.0.9]) by mx.example.org with esmtpsa (Exim 4.96) id 1a; Sat, 3 Jan 2026 01:05:34 +0000",
        );
        assert_eq!(hop.from_ip, "198.51.100.7".parse().ok());
    }

    #[test]
    fn qmail_names_the_address_without_square_brackets() {
        let hop = read("from unknown (HELO laptop) (198.51.100.7) by 192.0.2.1 with SMTP; 1 Jul 2014 08:30:40 -0000");
        assert_eq!((hop.helo.as_deref(), hop.from_host.as_deref()), (Some("laptop"), None));
        assert_eq!(hop.from_ip, "198.51.100.7".parse().ok());
    }
}

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
    // Nothing is believed behind the sender or the recipient: what stands in quotes there may look like a comment.
    let mut is_believed = true;
    let mut is_seen = false;
    let mut remote_info = None;
    while let Some(token) = words.next() {
        let word = match token {
            Token::Comment(comment) if is_believed => {
                let comment = text::lowered(comment.trim());
                is_believed = !comment.starts_with("envelope-from");
                match clause {
                    _ if !is_believed => {}
                    "from" => {
                        read_client(&comment, &mut is_seen, &mut hop);
                        remote_info = remote_info.or_else(|| read_remote_info(&comment));
                    }
                    _ => read_server(&comment, &mut hop),
                }
                continue;
            }
            Token::Comment(_) => continue,
            Token::Word(word) => word,
        };
        let clauses = ["from", "by", "with", "id", "for", "via"];
        let Some(named) = clauses.into_iter().find(|clause| word.eq_ignore_ascii_case(clause)) else { continue };
        clause = named;
        is_believed &= clause != "for";
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
    if hop.authenticated && hop.authenticated_as.is_none() {
        hop.authenticated_as = remote_info;
    }
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
        let rest = self.0.trim_ascii_start();
        if let Some(comment) = rest.strip_prefix('(') {
            let (comment, rest) = split_comment(comment);
            self.0 = rest;
            return Some(Token::Comment(comment));
        }
        let is_end = |byte: u8| byte == b'(' || byte.is_ascii_whitespace();
        let end = rest.bytes().position(is_end).unwrap_or(rest.len());
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

/// A comment behind the client's name. In lower case, as all that follows.
///
/// The client chooses its own name, what it greets with (HELO) and what its ident server answers. So only what the
/// server itself writes at the start of a comment tells how the mail came in.
fn read_client(comment: &str, is_seen: &mut bool, hop: &mut Hop) {
    if read_sign_in(comment, hop) {
        return;
    }
    let greets = ["helo ", "ehlo ", "helo="].iter().find_map(|start| comment.strip_prefix(start));
    let (seen, greeting) = match greets {
        Some(greeting) => ("", Some(greeting)),
        None => match memchr::memchr_iter(b' ', comment.as_bytes())
            .map(|blank| comment.split_at(blank))
            .find_map(|(seen, rest)| Some((seen, rest.strip_prefix(" helo")?.strip_prefix(['=', ' '])?)))
        {
            Some((seen, greeting)) => (seen, Some(greeting)),
            None => (comment, None),
        },
    };
    if let Some(greeting) = greeting {
        // What stood after "from" was then the looked-up name.
        let looked_up = hop.helo.take().filter(|name| name != "unknown" && name.parse::<IpAddr>().is_err());
        hop.from_host = hop.from_host.take().or(looked_up);
        hop.helo = greeting.split([' ', ')']).next().map(|name| name.trim_matches(['[', ']', '?']).to_owned());
    }
    let seen = seen.split(" ident=").next().unwrap_or_default();
    // What stood after "from" may be the address that the client claims; the one in brackets was seen. Sendmail writes
    // what the client's ident server says before it, and Postfix the name in its certificate in a later comment.
    if !*is_seen {
        let in_brackets = seen.rsplit('[').find_map(|rest| address(rest.split_once(']')?.0));
        let by_server = in_brackets.or_else(|| seen.rsplit([' ', '@', '=']).find_map(address));
        *is_seen = by_server.is_some();
        hop.from_ip = by_server.or(hop.from_ip);
    }
    hop.local_submission |= seen.ends_with(" [local]"); // OpenSMTPD
    let first = seen.split([' ', '[']).next().and_then(|first| first.rsplit('@').next());
    let first = first.unwrap_or_default().trim_end_matches('.');
    if hop.from_host.is_none()
        && first.contains('.')
        && address(first).is_none()
        && !first.contains('=')
        // sendmail: the client's owner gave it that name, and the name's owner does not agree.
        && !comment.contains("may be forged")
    {
        hop.from_host = Some(first.to_owned());
    }
}

/// qmail writes TCPREMOTEINFO before the client's address, `(anna@example.org@198.51.100.7)`: whoever signed in. Where
/// nobody did it is what the client's ident server answers, so the caller asks for a sign-in.
fn read_remote_info(comment: &str) -> Option<String> {
    let (name, ip) = comment.rsplit_once('@')?;
    let is_name = !name.is_empty() && !name.contains([' ', '[', ':', '=']);
    (is_name && ip.parse::<IpAddr>().is_ok()).then(|| name.to_owned())
}

/// A comment in which the server speaks of itself.
fn read_server(comment: &str, hop: &mut Hop) {
    if !read_sign_in(comment, hop) {
        // Postfix: "(Postfix, from userid 33)"; qmail: "(qmail 1 invoked by uid 33)", "(nullmailer pid 1 invoked by uid 0)".
        let user = ["from userid ", "by uid "].iter().find_map(|words| Some(comment.split_once(words)?.1));
        // But vpopmail has uid 89 wherever it is: qmail's mail system handing a message to itself, through a filter.
        let is_own_hand = comment.starts_with("qmail ") && comment.ends_with(" invoked by uid 89");
        hop.local_submission |= user.is_some() && !is_own_hand || comment.ends_with("/submit"); // Sendmail's command: "(8.17.1/8.17.1/Submit)"
        // Others write the user's name where a client's would stand; of numbers only this one has a name everywhere.
        if hop.helo.is_none() && user.is_some_and(|user| user.trim() == "0") {
            hop.helo = Some("root".to_owned());
        }
    }
}

/// How servers begin to say who signed in; the name follows.
const SIGNED_IN: &[&str] = &[
    "authenticated sender", // Postfix
    "authenticated user",
    "authenticated as",
    "authenticated_id",
    "squirrelmail authenticated user",
    "auth",
    "smtp-auth username", // IceWarp
    "smtp-auth user",
    "account", // CommuniGate
];

/// Takes down who signed in, and answers whether the comment says that somebody did.
fn read_sign_in(comment: &str, hop: &mut Hop) -> bool {
    if !comment.starts_with(['a', 's']) {
        return false; // All of them begin so, few other comments do.
    }
    let behind = |words: &&str| comment.strip_prefix(*words).filter(|rest| rest.starts_with([':', '=', ' ']));
    let named = match comment.strip_prefix("auth: ") {
        // Courier: "(AUTH: PLAIN anna@example.org, TLS: TLS1.3,256bits,…)".
        Some(mechanism_and_name) => mechanism_and_name.split([' ', ',']).nth(1),
        None => SIGNED_IN.iter().find_map(behind),
    };
    let named = named.and_then(|name| {
        let name = name.trim_start_matches([':', '=', ' ', '<']);
        // A client may be called `account`, and `[192.0.2.1]` stands where a name would.
        name.split([' ', ',', ')', '>', ';']).next().filter(|name| !name.is_empty() && !name.starts_with('['))
    });
    // sendmail: "(authenticated bits=0)"
    let is_signed_in = named.is_some()
        || comment
            .strip_prefix("authenticated")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' ') && !rest.trim_start().starts_with('['));
    hop.authenticated |= is_signed_in;
    hop.authenticated_as = hop.authenticated_as.take().or_else(|| named.map(str::to_owned));
    is_signed_in
}

/// An address, bare or as `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `192.0.2.1:25`; `::ffff:192.0.2.1`, which servers with
/// one socket for both write, is the same client as `192.0.2.1`.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    written_address(text).map(|address| address.to_canonical())
}

fn written_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches(|c: char| matches!(c, '[' | ']' | '(' | ')' | ',' | ';' | '<' | '>' | ' '));
    let text = text.strip_prefix("ipv6:").or_else(|| text.strip_prefix("IPv6:")).unwrap_or(text);
    // Most words here are names, and few begin as an address does.
    if !text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') && !text.contains(['[', ']']) {
        return None;
    }
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
        let user = |uid: &str| {
            read(&format!("by web.example.org (Postfix, from userid {uid}) id 4X; Sat, 3 Jan 2026 01:05:34 +0000")).helo
        };
        assert_eq!((user("0").as_deref(), user("10"), user("33")), (Some("root"), None, None));
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

    #[test]
    fn qmail_writes_who_signed_in_before_the_address() {
        let line = |with: &str| {
            let by = format!("by mx.example.org with {with}; 1 Jul 2014 08:30:40 -0000");
            read(&format!("from unknown (HELO laptop) (Anna@example.org@198.51.100.7) {by}"))
        };
        assert_eq!(line("ESMTPA").authenticated_as.as_deref(), Some("anna@example.org"));
        assert_eq!(line("ESMTPA").from_ip, "198.51.100.7".parse().ok());
        assert_eq!(line("SMTP").authenticated_as, None, "its ident server may say anything");
        let unnamed =
            read("from unknown (HELO a@b) (198.51.100.7) by mx.example.org with ESMTPA; 1 Jul 2014 08:30:40 -0000");
        assert!(unnamed.authenticated && unnamed.authenticated_as.is_none());
    }

    #[test]
    fn vpopmail_hands_over_what_the_mail_system_itself_took() {
        assert!(!read("(qmail 24981 invoked by uid 89); 1 Jul 2014 08:30:40 -0000").local_submission);
        assert!(read("(qmail 24981 invoked by uid 890); 1 Jul 2014 08:30:40 -0000").local_submission);
        assert!(read("(nullmailer pid 1 invoked by uid 89); 1 Jul 2014 08:30:40 -0000").local_submission);
    }

    #[test]
    fn what_the_client_chooses_is_no_sign_in_and_no_address_of_ours() {
        for line in [
            // Its name.
            "from x (account.evil.example [203.0.113.9]) by mx.example.org (Postfix) with ESMTP id 1",
            "from x (authenticated.evil.example [203.0.113.9]) by mx.example.org (Postfix) with ESMTP id 1",
            "from x (account [203.0.113.9]) by mx.example.org (Postfix) with ESMTP id 1",
            "from x (authenticated [203.0.113.9]) by mx.example.org (Postfix) with ESMTP id 1",
            "from [10.0.0.5] (helo.evil.example [203.0.113.9]) by mx.example.org (Postfix) with ESMTP id 1",
            // What it greets with.
            "from unknown (HELO auth=sato@example.org) (203.0.113.9) by mx.example.org with SMTP",
            "from evil.example (EHLO [10.0.0.5]) ([203.0.113.9]) by smtp.example.org with ESMTP",
            "from unknown (HELO 10.0.0.5/submit) (203.0.113.9) by mx.example.org with SMTP",
            "from [203.0.113.9] (helo=authenticated_id=sato) by mx.example.org with esmtp (Exim 4.96)",
            "from evil.example ([203.0.113.9] helo=[10.0.0.5]) by mx.example.org with esmtp (Exim 4.96)",
            // What its ident server says.
            "from x (IDENT:root@10.0.0.5@evil.example [203.0.113.9]) by mx.example.org (8.17.1/8.17.1) with ESMTP",
            "from [203.0.113.9] (helo=x ident=invoked by uid 3 authenticated_id=sato [local]) by mx.example.org with esmtp",
            // Whom it sends as, and to whom.
            "from evil.example ([203.0.113.9]) by mx.example.org with esmtp (envelope-from <auth=sato@example.org>) id 1",
            "from evil.example ([203.0.113.9]) by mx.example.org with esmtp (envelope-from <\"a) (auth=sato by uid 3\"@evil.example>)",
            "from evil.example ([203.0.113.9]) by mx.example.org with esmtp id 1 for <\"a (auth=sato) (by uid 3)\"@evil.example>",
            // The name in its certificate.
            "from x (evil.example [203.0.113.9]) (Client CN \"[10.0.0.5]\", Issuer \"x\" (not verified)) by mx.example.org (Postfix) with ESMTPS",
        ] {
            let hop = read(line);
            assert_eq!(hop.from_ip, "203.0.113.9".parse().ok(), "{line}");
            assert!(!hop.authenticated && hop.authenticated_as.is_none() && !hop.local_submission, "{line}: {hop:?}");
            assert!(hop.from_host.is_none_or(|host| host.ends_with("evil.example")), "{line}");
        }
    }

    #[test]
    fn each_server_has_its_own_words_for_a_sign_in() {
        for (line, name) in [
            (
                "from a ([192.0.2.7]) (AUTH: LOGIN Sato@example.org, TLS: TLSv1.3) by mx.example.org with ESMTP",
                "sato@example.org",
            ),
            ("from 192.0.2.7 (SquirrelMail authenticated user sato) by webmail.example.org with HTTP", "sato"),
            (
                "from [192.0.2.7] (account sato@example.org HELO laptop) by mx.example.org (CommuniGate Pro SMTP 6.2) with ESMTP",
                "sato@example.org",
            ),
            (
                "from a (unknown [192.0.2.7]) by mx.example.org (IceWarp 13) with ESMTP (SMTP-AUTH username sato, mechanism plain)",
                "sato",
            ),
            ("from a (b.example [192.0.2.7]) (Authenticated user=sato) by mx.example.org with ESMTP", "sato"),
        ] {
            let hop = read(line);
            assert!(hop.authenticated, "{line}");
            assert_eq!(hop.authenticated_as.as_deref(), Some(name), "{line}");
        }
        let hop =
            read("from a (b.example [192.0.2.7]) (authenticated bits=0) by mx.example.org (8.17.1/8.17.1) with ESMTP");
        assert_eq!((hop.authenticated, hop.authenticated_as), (true, None));
    }
}

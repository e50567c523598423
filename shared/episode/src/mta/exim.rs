//! Exim as cPanel sets it up: one host for mail and for sites, headers against abuse on all that leaves.

use crate::{
    message::{EOL, Message},
    mta::{multipart, wire},
    random::Random,
    reply::Step,
    server::{Entry, HandIn, Marks, Problem, Refused, Report, Server, Trace},
};

fn message_id(server: &Server, random: &mut Random) -> String {
    const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if server.make.is_multiple_of(3) {
        format!("1r{}-{}-{}", random.text(BASE62, 4), random.text(BASE62, 11), random.text(BASE62, 4))
    } else {
        format!("1r{}-00{}-{}", random.text(BASE62, 4), random.text(BASE62, 4), random.text(BASE62, 2))
    }
}

fn version(server: &Server) -> &'static str {
    match server.make % 3 {
        0 => "4.98",
        1 => "4.96.2",
        _ => "4.95",
    }
}

pub(crate) fn takes(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
    let (id, host, version) = (message_id(server, random), &server.name, version(server));
    let (date, sender, to) = (server.zone.date(hand_in.at), hand_in.sender, hand_in.to);
    let tls = "(TLS1.3) tls TLS_AES_256_GCM_SHA384";
    let port = random.range(20_000, 64_000);
    let from_line = |name: Option<&str>, ip: std::net::Ipv4Addr, helo: &str| match name {
        Some(name) if name == helo => format!("from {name} ([{ip}]:{port})"),
        Some(name) => format!("from {name} ([{ip}]:{port} helo={helo})"),
        None => format!("from [{ip}] (port={port} helo={helo})"),
    };
    let lines = match hand_in.entry {
        Entry::SignedIn { .. } | Entry::Web { .. } if server.marks == Marks::Nothing => String::new(),
        Entry::SignedIn { from, helo, .. } => format!(
            "Received: {}\n\tby {host} with esmtpsa  {tls}\n\t(Exim {version})\n\t(envelope-from <{sender}>)\n\tid {id}\n\tfor {to};\n\t{date}\n",
            from_line(from.name.as_deref(), from.ip, helo)
        ),
        Entry::Web { .. } => format!(
            "Received: from [127.0.0.1] (port={port} helo={host})\n\tby {host} with esmtpa (Exim {version})\n\t(envelope-from <{sender}>)\n\tid {id}\n\tfor {to};\n\t{date}\n"
        ),
        Entry::Local { account, .. } => format!(
            "Received: from {account} by {host} with local (Exim {version})\n\t(envelope-from <{sender}>)\n\tid {id}\n\tfor {to};\n\t{date}\n"
        ),
        Entry::Relayed { from, helo } => format!(
            "Received: {}\n\tby {host} with esmtps  {tls}\n\t(Exim {version})\n\t{}id {id}\n\tfor {to};\n\t{date}\n",
            from_line(from.name.as_deref(), from.ip, helo),
            if sender.is_empty() { String::new() } else { format!("(envelope-from <{sender}>)\n\t") }
        ),
    };
    Trace { lines: wire(&lines), queue_id: id }
}

/// The transport adds these, so the host's own reports do not show them.
pub(crate) fn sends(server: &Server, hand_in: &HandIn<'_>) -> String {
    let host = &server.name;
    let domain = hand_in.sender.rsplit('@').next().unwrap_or_default();
    let to = hand_in.to.rsplit('@').next().unwrap_or_default();
    let (via, login) = match hand_in.entry {
        Entry::SignedIn { user, .. } | Entry::Web { user, .. } => {
            (format!("authenticated_id: {user}"), user.to_owned())
        }
        Entry::Local { account, .. } => (format!("authenticated_id: {account}/from_h"), format!("{account}@{host}")),
        Entry::Relayed { .. } => return String::new(),
    };
    wire(&format!(
        "X-AntiAbuse: This header was added to track abuse, please include it with any abuse report\nX-AntiAbuse: Primary Hostname - {host}\nX-AntiAbuse: Original Domain - {to}\nX-AntiAbuse: Originator/Caller UID/GID - [47 12] / [47 12]\nX-AntiAbuse: Sender Address Domain - {domain}\nX-Get-Message-Sender-Via: {host}: {via}\nX-Authenticated-Sender: {host}: {login}\nX-Source: \nX-Source-Args: \nX-Source-Dir: \n"
    ))
}

pub(crate) fn stores(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> String {
    let (sender, to, host) = (hand_in.sender, hand_in.to, &server.name);
    let date = server.zone.date(hand_in.at);
    if server.make.is_multiple_of(2) {
        return wire(&format!("Return-path: <{sender}>\nEnvelope-to: {to}\nDelivery-date: {date}\n"));
    }
    wire(&format!(
        "Return-Path: <{sender}>\nDelivered-To: {to}\nReceived: from {host}\n\tby {host} with LMTP\n\tid {}\n\t(envelope-from <{sender}>)\n\tfor <{to}>; {date}\nReturn-path: <{sender}>\nEnvelope-to: {to}\nDelivery-date: {date}\n",
        random.base64(18) + "AA"
    ))
}

/// The lines below the recipient, its status, and what the host said.
fn words(refused: &Refused) -> (String, String, Option<(String, String)>) {
    let domain = refused.to.rsplit('@').next().unwrap_or_default();
    match &refused.problem {
        Problem::Said { mx, ip, reply } => {
            let after = match reply.step {
                Step::Connect => "initial connection".to_owned(),
                Step::Mail => "MAIL FROM:<> SIZE=3127".to_owned(),
                Step::Rcpt => format!("RCPT TO:<{}>", refused.to),
                Step::Data => "end of data".to_owned(),
            };
            let said = reply.lines.join("\n    ");
            let text =
                format!("    host {mx} [{ip}]\n    SMTP error from remote mail server after {after}:\n    {said}\n");
            let general = if reply.is_temporary() { "4.0.0" } else { "5.0.0" };
            (text, general.to_owned(), Some((mx.clone(), format!("smtp; {}", reply.lines.join("\n ")))))
        }
        Problem::NoSuchUser => ("    No Such User Here\n".to_owned(), "5.0.0".to_owned(), None),
        Problem::Full => ("    Mailbox quota exceeded\n".to_owned(), "5.2.2".to_owned(), None),
        Problem::NoSuchDomain => {
            let text = format!("    all relevant MX records point to non-existent hosts: {domain}\n");
            (text, "5.0.0".to_owned(), None)
        }
        Problem::Silent { mx, ip } => (
            format!("    host {mx} [{ip}]\n    Connection timed out\n    retry timeout exceeded\n"),
            "5.0.0".to_owned(),
            None,
        ),
        Problem::Throttled { text, .. } => (format!("    {text}\n"), "5.0.0".to_owned(), None),
        Problem::Loop => {
            ("    Too many \"Received\" headers - suspected mail loop\n".to_owned(), "5.4.6".to_owned(), None)
        }
    }
}

pub(crate) fn reports(server: &Server, report: &Report<'_>, random: &mut Random) -> Message {
    let (id, host) = (message_id(server, random), &server.name);
    let date = server.zone.date(report.at);
    let boundary = format!("{}-eximdsn-{}", report.at.timestamp(), random.digits(10));
    let mut message = Message::default();
    message.field(
        "Received",
        &wire(&format!(
            "from mailnull by {host} with local (Exim {})\n\tid {id}\n\tfor {};\n\t{date}",
            version(server),
            report.sender
        )),
    );
    if !report.is_delay {
        let failed: Vec<&str> = report.refused.iter().map(|refused| refused.to.as_str()).collect();
        message.field("X-Failed-Recipients", &failed.join(",\r\n  "));
    }
    message.field("Auto-Submitted", "auto-replied");
    message.field("From", &format!("Mail Delivery System <Mailer-Daemon@{host}>"));
    message.field("To", report.sender);
    if let Some(original) = report.original.value("Message-ID") {
        message.field("References", &original);
    }
    message.field("Content-Type", &format!("multipart/report; report-type=delivery-status; boundary={boundary}"));
    message.field("MIME-Version", "1.0");
    message.field(
        "Subject",
        &if report.is_delay {
            format!("Warning: message {} delayed 24 hours", report.queue_id)
        } else {
            "Mail delivery failed: returning message to sender".to_owned()
        },
    );
    message.field("Message-Id", &format!("<E{id}@{host}>"));
    message.field("Date", &date);
    let mut text = if report.is_delay {
        format!(
            "Content-type: text/plain; charset=us-ascii\n\nThis message was created automatically by mail delivery software.\n\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue on {host}.\n\nThe message identifier is:     {}\nThe subject of the message is: {}\nThe date of the message is:    {}\n\nThe address to which the message has not yet been delivered is:\n\n",
            report.queue_id,
            report.original.value("Subject").unwrap_or_default(),
            server.zone.date(report.arrival)
        )
    } else {
        "Content-type: text/plain; charset=us-ascii\n\nThis message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n".to_owned()
    };
    let mut status = format!("Content-type: message/delivery-status\n\nReporting-MTA: dns; {host}\n");
    for refused in report.refused {
        let (words, code, said) = words(refused);
        let to = &refused.to;
        let from =
            refused.originally.as_ref().map(|first| format!("    (generated from {first})\n")).unwrap_or_default();
        add!(text, "  {to}\n{from}{words}");
        let (action, code) = if report.is_delay { ("delayed", "4.0.0".to_owned()) } else { ("failed", code) };
        add!(status, "\nAction: {action}\nFinal-Recipient: rfc822;{to}\nStatus: {code}\n");
        if let Some((mx, said)) = said {
            add!(status, "Remote-MTA: dns; {mx}\nDiagnostic-Code: {said}\n");
        }
    }
    if report.is_delay {
        text += "\nNo action is required on your part. Delivery attempts will continue for\nsome time, and this warning may be repeated at intervals if the message\nremains undelivered. Eventually the mail delivery software will give up,\nand when that happens, the message will be returned to you.\n";
    }
    let returns_all = server.returns_all() && !report.is_delay;
    let original = format!(
        "Content-type: {}{EOL}{EOL}Return-path: <{}>{EOL}{}",
        if returns_all { "message/rfc822" } else { "text/rfc822-headers" },
        report.sender,
        report.returned(returns_all)
    );
    message.body = multipart("", &boundary, &[wire(&text), wire(&status), original]);
    message
}

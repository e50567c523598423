//! Postfix, with and without `smtpd_sasl_authenticated_header`; mailboxes behind Dovecot's LMTP or its own `virtual`.

use crate::{
    message::{EOL, Message, folded},
    mta::{multipart, wire},
    random::Random,
    reply::{Reply, Step},
    server::{Entry, HandIn, Marks, Problem, Refused, Report, Server, Trace},
};

/// Short ids of before 2.9 and long ones, which are an option.
fn queue_id(server: &Server, random: &mut Random) -> String {
    if server.make.is_multiple_of(2) {
        format!(
            "4{}z{}",
            random.text("BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxy0123456789", 8),
            random.text("BCDFGHJKLMNPQRSTVWXYbcdfghjklmnp0123456789", 4)
        )
    } else {
        random.text("0123456789ABCDEF", 11)
    }
}

pub(crate) fn takes(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
    let (id, host) = (queue_id(server, random), &server.name);
    let date = server.zone.named_date(hand_in.at);
    let tls = if server.make.is_multiple_of(3) {
        "(using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits))"
    } else {
        "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)"
    };
    let lines = match hand_in.entry {
        Entry::SignedIn { .. } | Entry::Web { .. } if server.marks == Marks::Nothing => String::new(),
        Entry::SignedIn { from, helo, user } => {
            let named = if server.marks == Marks::Named {
                format!("\n\t(Authenticated sender: {user})")
            } else {
                String::new()
            };
            format!(
                "Received: from {helo} ({} [{}])\n\t{tls}\n\t(No client certificate requested){named}\n\tby {host} (Postfix) with ESMTPSA id {id}\n\tfor <{}>; {date}\n",
                from.name_or("unknown"),
                from.ip,
                hand_in.to
            )
        }
        Entry::Web { user, .. } => {
            let named = if server.marks == Marks::Named {
                format!("\n\t(Authenticated sender: {user})")
            } else {
                String::new()
            };
            format!(
                "Received: from {host} (localhost [127.0.0.1]){named}\n\tby {host} (Postfix) with ESMTPA id {id}\n\tfor <{}>; {date}\n",
                hand_in.to
            )
        }
        Entry::Local { uid, .. } => format!("Received: by {host} (Postfix, from userid {uid})\n\tid {id}; {date}\n"),
        Entry::Relayed { from, helo } => {
            let (tls, with) = if random.chance(0.8) {
                (format!("\n\t{tls}\n\t(No client certificate requested)"), "ESMTPS")
            } else {
                (String::new(), "ESMTP")
            };
            format!(
                "Received: from {helo} ({} [{}]){tls}\n\tby {host} (Postfix) with {with} id {id}\n\tfor <{}>; {date}\n",
                from.name_or("unknown"),
                from.ip,
                hand_in.to
            )
        }
    };
    Trace { lines: wire(&lines), queue_id: id }
}

pub(crate) fn stores(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> String {
    let (sender, to, host) = (hand_in.sender, hand_in.to, &server.name);
    if server.make % 5 < 3 {
        return wire(&format!(
            "Return-Path: <{sender}>\nDelivered-To: {to}\nReceived: from {host}\n\tby {host} with LMTP\n\tid {}\n\t(envelope-from <{sender}>)\n\tfor <{to}>; {}\n",
            random.base64(18) + "AA",
            server.zone.date(hand_in.at)
        ));
    }
    wire(&format!("Return-Path: <{sender}>\nX-Original-To: {to}\nDelivered-To: {to}\n"))
}

/// The text after the recipient, the status, the host that said it and the diagnostic code.
fn words(refused: &Refused) -> (String, String, Option<String>, String) {
    match &refused.problem {
        Problem::Said { mx, ip, reply } => {
            let command = in_reply_to(reply);
            let said = reply.joined();
            let text = format!("host {mx}[{ip}] said: {said} (in reply to {command} command)");
            let text = if reply.step == Step::Connect {
                format!("host {mx}[{ip}] refused to talk to me: {said}")
            } else {
                text
            };
            (text, reply.status(), Some(mx.clone()), format!("smtp; {said}"))
        }
        Problem::NoSuchUser => {
            let text = format!("unknown user: \"{}\"", refused.to);
            (text.clone(), "5.1.1".to_owned(), None, format!("X-Postfix; {text}"))
        }
        Problem::Full => {
            let text = "maildir delivery failed: The user you are trying to reach is over quota".to_owned();
            (text.clone(), "5.2.2".to_owned(), None, format!("X-Postfix; {text}"))
        }
        Problem::NoSuchDomain => {
            let domain = refused.to.rsplit('@').next().unwrap_or_default();
            let text = format!(
                "Host or domain name not found. Name service error for name={domain} type=AAAA: Host not found"
            );
            (text.clone(), "5.4.4".to_owned(), None, format!("X-Postfix; {text}"))
        }
        Problem::Silent { mx, ip } => {
            let text = format!("connect to {mx}[{ip}]:25: Connection timed out");
            (text.clone(), "4.4.1".to_owned(), None, format!("X-Postfix; {text}"))
        }
        Problem::Throttled { status, text } => (text.clone(), (*status).to_owned(), None, format!("X-Postfix; {text}")),
        Problem::Loop => {
            let text = format!("mail forwarding loop for {}", refused.to);
            (text.clone(), "5.4.6".to_owned(), None, format!("X-Postfix; {text}"))
        }
    }
}

fn in_reply_to(reply: &Reply) -> &'static str {
    match reply.step {
        Step::Connect => "HELO",
        Step::Mail => "MAIL FROM",
        Step::Rcpt => "RCPT TO",
        Step::Data => "end of DATA",
    }
}

pub(crate) fn reports(server: &Server, report: &Report<'_>, random: &mut Random) -> Message {
    let (host, id) = (&server.name, queue_id(server, random));
    let zone = server.zone;
    let boundary = format!("{}.{}/{host}", report.queue_id, report.at.timestamp());
    let mut message = Message::default();
    message.field("Received", &format!("by {host} (Postfix){EOL}\tid {id}; {}", zone.named_date(report.at)));
    message.field("Date", &zone.named_date(report.at));
    message.field(
        "From",
        &if server.make % 3 == 1 {
            format!("Mail Delivery System <MAILER-DAEMON@{host}>")
        } else {
            format!("MAILER-DAEMON@{host} (Mail Delivery System)")
        },
    );
    message.field(
        "Subject",
        if report.is_delay { "Delayed Mail (still being retried)" } else { "Undelivered Mail Returned to Sender" },
    );
    message.field("To", report.sender);
    message.field("Auto-Submitted", "auto-replied");
    message.field("MIME-Version", "1.0");
    message.field(
        "Content-Type",
        &format!("multipart/report; report-type=delivery-status;{EOL}\tboundary=\"{boundary}\""),
    );
    message.field("Message-Id", &format!("<{}.{id}@{host}>", zone.stamp(report.at)));

    let head = "Content-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\n";
    let mut text = if report.is_delay {
        format!(
            "{head}This is the mail system at host {host}.\n\n####################################################################\n# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n####################################################################\n\nYour message could not be delivered for more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.\n\nFor further assistance, please send mail to postmaster.\n\nIf you do so, please include this problem report. You can\ndelete your own text from the attached returned message.\n\n                   The mail system\n"
        )
    } else {
        format!(
            "{head}This is the mail system at host {host}.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients. It's attached below.\n\nFor further assistance, please send mail to postmaster.\n\nIf you do so, please include this problem report. You can\ndelete your own text from the attached returned message.\n\n                   The mail system\n"
        )
    };
    let mut status = format!(
        "Content-Description: Delivery report\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {host}\nX-Postfix-Queue-ID: {}\nX-Postfix-Sender: rfc822; {}\nArrival-Date: {}\n",
        report.queue_id,
        report.sender,
        zone.named_date(report.arrival)
    );
    for refused in report.refused {
        let (words, code, mx, diagnostic) = words(refused);
        let to = &refused.to;
        let expanded =
            refused.originally.as_ref().map(|first| format!(" (expanded from <{first}>)")).unwrap_or_default();
        add!(text, "\n{}\n", folded(&format!("<{to}>{expanded}: {words}"), 78, "    "));
        let original = refused.originally.as_deref().unwrap_or(to);
        let action = if report.is_delay { "delayed" } else { "failed" };
        add!(
            status,
            "\nFinal-Recipient: rfc822; {to}\nOriginal-Recipient: rfc822;{original}\nAction: {action}\nStatus: {code}\n"
        );
        if let Some(mx) = mx {
            add!(status, "Remote-MTA: dns; {mx}\n");
        }
        add!(status, "Diagnostic-Code: {}\n", folded(&diagnostic, 70, "    "));
        if report.is_delay {
            let until = report.arrival + chrono::TimeDelta::days(5);
            add!(status, "Will-Retry-Until: {}\n", zone.named_date(until));
        }
    }
    let returns_all = server.returns_all() && !report.is_delay;
    let original = format!(
        "Content-Description: Undelivered Message{}{EOL}Content-Type: {}{EOL}{EOL}Return-Path: <{}>{EOL}{}",
        if returns_all { "" } else { " Headers" },
        if returns_all { "message/rfc822" } else { "text/rfc822-headers" },
        report.sender,
        report.returned(returns_all)
    );
    message.body = multipart(
        &wire("This is a MIME-encapsulated message.\n\n"),
        &boundary,
        &[wire(&text), wire(&status), original],
    );
    message
}

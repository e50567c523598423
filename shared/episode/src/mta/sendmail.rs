//! Sendmail: a transcript of the session, then the delivery status.

use crate::{
    message::{EOL, Message},
    mta::{multipart, wire},
    random::Random,
    reply::Step,
    server::{Entry, HandIn, Marks, Problem, Report, Server, Trace},
};

fn version(server: &Server) -> &'static str {
    if server.make.is_multiple_of(2) { "8.14.7/8.14.7" } else { "8.15.2/8.15.2/Debian-22" }
}

fn queue_id(random: &mut Random) -> String {
    format!(
        "42{}{}0{}",
        random.text("ABCDEFGHIJKLMNO", 1),
        random.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij", 5),
        random.digits(5)
    )
}

pub(crate) fn takes(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
    let (id, host, version) = (queue_id(random), &server.name, version(server));
    let date =
        if server.make.is_multiple_of(2) { server.zone.date(hand_in.at) } else { server.zone.named_date(hand_in.at) };
    let tls = "\n\t(version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NOT)";
    let lines = match hand_in.entry {
        Entry::SignedIn { from, helo, .. } => {
            let (signed, with) = match server.marks {
                Marks::Named | Marks::Authenticated => {
                    ("\n\t(authenticated bits=0)", if server.make.is_multiple_of(2) { "ESMTP" } else { "ESMTPSA" })
                }
                Marks::Nothing => ("", "ESMTP"),
            };
            let from =
                from.name.as_ref().map_or_else(|| format!("[{}]", from.ip), |name| format!("{name} [{}]", from.ip));
            format!(
                "Received: from {helo} ({from}){signed}\n\tby {host} ({version}) with {with} id {id}{tls}\n\tfor <{}>; {date}\n",
                hand_in.to
            )
        }
        Entry::Web { .. } => format!(
            "Received: from {host} (localhost [127.0.0.1])\n\tby {host} ({version}) with ESMTP id {id}\n\tfor <{}>; {date}\n",
            hand_in.to
        ),
        Entry::Local { account, .. } => {
            format!("Received: (from {account}@localhost)\n\tby {host} ({version}/Submit) id {id};\n\t{date}\n")
        }
        Entry::Relayed { from, helo } => {
            let from =
                from.name.as_ref().map_or_else(|| format!("[{}]", from.ip), |name| format!("{name} [{}]", from.ip));
            format!(
                "Received: from {helo} ({from})\n\tby {host} ({version}) with ESMTPS id {id}{tls}\n\tfor <{}>; {date}\n",
                hand_in.to
            )
        }
    };
    Trace { lines: wire(&lines), queue_id: id }
}

pub(crate) fn stores(hand_in: &HandIn<'_>) -> String {
    let sender = if hand_in.sender.is_empty() { "MAILER-DAEMON" } else { hand_in.sender };
    wire(&format!("Return-Path: <{sender}>\n"))
}

pub(crate) fn reports(server: &Server, report: &Report<'_>, random: &mut Random) -> Message {
    let (id, host, zone) = (queue_id(random), &server.name, server.zone);
    let boundary = format!("{id}.{}/{host}", report.at.timestamp());
    let mut message = Message::default();
    message.field(
        "Received",
        &wire(&format!(
            "from localhost (localhost)\n\tby {host} ({}) id {id};\n\t{}",
            version(server),
            zone.date(report.at)
        )),
    );
    message.field("Date", &zone.date(report.at));
    message.field("From", &format!("Mail Delivery Subsystem <MAILER-DAEMON@{host}>"));
    message.field("Message-Id", &format!("<{}.{id}@{host}>", zone.stamp(report.at)));
    message.field("To", &format!("<{}>", report.sender));
    message.field("MIME-Version", "1.0");
    message.field(
        "Content-Type",
        &format!("multipart/report; report-type=delivery-status;{EOL}\tboundary=\"{boundary}\""),
    );
    message.field(
        "Subject",
        if report.is_delay {
            "Warning: could not send message for past 4 hours"
        } else {
            "Returned mail: see transcript for details"
        },
    );
    message.field(
        "Auto-Submitted",
        if report.is_delay { "auto-generated (warning-timeout)" } else { "auto-generated (failure)" },
    );
    let arrived = zone.date(report.arrival);
    let mut text = format!("\nThe original message was received at {arrived}\nfrom {}\n\n", report.came_from);
    if report.is_delay {
        text = format!(
            "\n    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n    **********************************************\n{text}"
        );
    }
    text += if report.is_delay {
        "   ----- Transcript of session follows -----\n"
    } else {
        "   ----- The following addresses had permanent fatal errors -----\n"
    };
    let mut transcript = String::new();
    let mut status = format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; {host}\nReceived-From-MTA: DNS; {}\nArrival-Date: {arrived}\n",
        report.came_from
    );
    for refused in report.refused {
        let to = &refused.to;
        let domain = to.rsplit('@').next().unwrap_or_default();
        let (reason, talk, code, remote) = match &refused.problem {
            Problem::Said { mx, reply, .. } => {
                let command = match reply.step {
                    Step::Connect => "HELO".to_owned(),
                    Step::Mail => format!("MAIL From:<{}> SIZE=3127", report.sender),
                    Step::Rcpt => format!("RCPT To:<{to}>"),
                    Step::Data => "DATA".to_owned(),
                };
                let said: String = reply.lines.iter().fold(String::new(), |said, line| said + "<<< " + line + "\n");
                let last = if reply.step == Step::Rcpt {
                    format!("550 5.1.1 <{to}>... User unknown\n")
                } else {
                    "554 5.0.0 Service unavailable\n".to_owned()
                };
                let first = reply.lines.first().cloned().unwrap_or_default();
                (
                    first.clone(),
                    format!("... while talking to {mx}.:\n>>> {command}\n{said}{last}"),
                    reply.status(),
                    Some((mx.clone(), first)),
                )
            }
            Problem::NoSuchUser => (
                "550 5.1.1 User unknown".to_owned(),
                format!("550 5.1.1 <{to}>... User unknown\n"),
                "5.1.1".to_owned(),
                None,
            ),
            Problem::Full => (
                "552 5.2.2 mailbox full".to_owned(),
                format!("552 5.2.2 <{to}>... Mailbox full\n"),
                "5.2.2".to_owned(),
                None,
            ),
            Problem::NoSuchDomain => (
                "550 5.1.2 Host unknown".to_owned(),
                format!("550 5.1.2 <{to}>... Host unknown (Name server: {domain}: host not found)\n"),
                "5.1.2".to_owned(),
                None,
            ),
            Problem::Silent { mx, .. } => (
                "Deferred: Connection timed out".to_owned(),
                format!(
                    "<{to}>... Deferred: Connection timed out with {mx}.\nMessage could not be delivered for 5 days\nMessage will be deleted from queue\n"
                ),
                "4.4.7".to_owned(),
                None,
            ),
            Problem::Throttled { status, text } => {
                (format!("550 {status} {text}"), format!("550 {status} <{to}>... {text}\n"), (*status).to_owned(), None)
            }
            Problem::Loop => (
                "554 5.4.6 Too many hops".to_owned(),
                "554 5.4.6 Too many hops 26 (25 max)\n".to_owned(),
                "5.4.6".to_owned(),
                None,
            ),
        };
        if !report.is_delay {
            let expanded = refused
                .originally
                .as_ref()
                .map(|first| format!("    (expanded from: <{first}>)\n"))
                .unwrap_or_default();
            add!(text, "<{to}>\n    (reason: {reason})\n{expanded}");
        }
        if report.is_delay {
            add!(
                transcript,
                "<{to}>... Deferred: Connection timed out with {domain}.\nWarning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old\n"
            );
        } else {
            transcript += &talk;
        }
        let action = if report.is_delay { "delayed" } else { "failed" };
        let code = if report.is_delay { "4.4.1" } else { &code };
        add!(status, "\nFinal-Recipient: RFC822; {to}\nAction: {action}\nStatus: {code}\n");
        if let Some((mx, said)) = remote {
            add!(status, "Remote-MTA: DNS; {mx}\nDiagnostic-Code: SMTP; {said}\n");
        }
        add!(status, "Last-Attempt-Date: {}\n", zone.date(report.at));
    }
    if !report.is_delay {
        text += "\n   ----- Transcript of session follows -----\n";
    }
    text += &transcript;
    let returns_all = server.returns_all() && !report.is_delay;
    let original = format!(
        "Content-Type: {}{EOL}{EOL}Return-Path: <{}>{EOL}{}",
        if returns_all { "message/rfc822" } else { "text/rfc822-headers" },
        report.sender,
        report.returned(returns_all)
    );
    message.body =
        multipart(&wire("This is a MIME-encapsulated message\n\n"), &boundary, &[wire(&text), wire(&status), original]);
    message
}

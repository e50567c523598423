//! qmail and netqmail, as Japanese hosters run it to this day: plain-text notices, times in UTC, and one process number per
//! step.

use chrono::TimeDelta;

use crate::{
    clock::qmail_date,
    message::{EOL, Message},
    mta::wire,
    random::Random,
    server::{Entry, HandIn, Marks, Problem, Refused, Report, Server, Trace},
};

pub(crate) fn takes(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
    let (pid, date, host) = (random.range(2_000, 32_000), qmail_date(hand_in.at), &server.name);
    // HELO in brackets comes out with question marks.
    let shown = |helo: &str| helo.replace(['[', ']'], "?");
    let lines = match hand_in.entry {
        Entry::SignedIn { from, helo, user } => {
            let (who, with) = match server.marks {
                Marks::Named => (format!("{user}@{}", from.ip), "ESMTPA"),
                Marks::Authenticated => (from.ip.to_string(), "ESMTPA"),
                Marks::Nothing => (from.ip.to_string(), "SMTP"),
            };
            format!(
                "Received: (qmail {pid} invoked from network); {date}\nReceived: from {} (HELO {}) ({who})\n  by {host} with {with}; {date}\n",
                from.name_or("unknown"),
                shown(helo)
            )
        }
        Entry::Web { .. } => format!(
            "Received: (qmail {pid} invoked from network); {date}\nReceived: from localhost (HELO {host}) (127.0.0.1)\n  by {host} with SMTP; {date}\n"
        ),
        Entry::Local { uid, .. } => format!("Received: (qmail {pid} invoked by uid {uid}); {date}\n"),
        Entry::Relayed { from, helo } => format!(
            "Received: (qmail {pid} invoked from network); {date}\nReceived: from {} (HELO {}) ({})\n  by {host} with SMTP; {date}\n",
            from.name_or("unknown"),
            shown(helo),
            from.ip
        ),
    };
    Trace { lines: wire(&lines), queue_id: pid.to_string() }
}

pub(crate) fn stores(hand_in: &HandIn<'_>, random: &mut Random) -> String {
    wire(&format!(
        "Return-Path: <{}>\nDelivered-To: {}\nReceived: (qmail {} invoked by uid 89); {}\n",
        hand_in.sender,
        hand_in.to,
        random.range(2_000, 32_000),
        qmail_date(hand_in.at)
    ))
}

fn words(refused: &Refused) -> String {
    match &refused.problem {
        Problem::Said { ip, reply, .. } => {
            use crate::reply::Step;
            let said = reply.lines.join("/");
            match reply.step {
                Step::Connect => format!("Connected to {ip} but greeting failed.\nRemote host said: {said}\nI'm not going to try again; this message has been in the queue too long."),
                Step::Mail => format!("Connected to {ip} but sender was rejected.\nRemote host said: {said}"),
                Step::Rcpt => format!("{ip} does not like recipient.\nRemote host said: {said}\nGiving up on {ip}."),
                Step::Data => format!("{ip} failed after I sent the message.\nRemote host said: {said}"),
            }
        }
        Problem::NoSuchUser => "Sorry, no mailbox here by that name. (#5.1.1)".to_owned(),
        Problem::Full => "The users mailfolder is over the allowed quota (size). (#5.2.2)".to_owned(),
        Problem::NoSuchDomain => {
            let domain = refused.to.rsplit('@').next().unwrap_or_default();
            format!("Sorry, I couldn't find any host named {domain}. (#5.1.2)")
        }
        Problem::Silent { .. } => "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\nI'm not going to try again; this message has been in the queue too long.".to_owned(),
        Problem::Throttled { status, text } => format!("{text} (#{status})"),
        Problem::Loop => "This message is looping: it already has my Delivered-To line. (#5.4.6)".to_owned(),
    }
}

/// qmail reports no delay.
pub(crate) fn reports(server: &Server, report: &Report<'_>, random: &mut Random) -> Message {
    let (host, date) = (&server.name, qmail_date(report.at));
    let mut message = Message::default();
    message.field("Received", &format!("(qmail {} invoked for bounce); {date}", random.range(2_000, 32_000)));
    message.field("Date", &date);
    message.field("From", &format!("MAILER-DAEMON@{host}"));
    message.field("To", report.sender);
    message.field("Subject", "failure notice");
    let mut text = format!(
        "Hi. This is the qmail-send program at {host}.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
    );
    for refused in report.refused {
        add!(text, "<{}>:\n{}\n\n", refused.to, words(refused));
    }
    text += "--- Below this line is a copy of the message.\n\n";
    message.body = format!("{}Return-Path: <{}>{EOL}{}", wire(&text), report.sender, report.returned(true));
    message
}

/// How long qmail tries.
pub(crate) fn lifetime() -> TimeDelta {
    TimeDelta::days(7)
}

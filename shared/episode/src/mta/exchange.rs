//! Exchange in one's own house: the same reports as Microsoft 365's, one host that is named after the house, and the
//! organisation's own headers.

use crate::{
    message::{Charset, EOL, Message},
    mta::{
        microsoft::{told, words},
        multipart, wire,
    },
    random::Random,
    server::{Entry, HandIn, Report, Server, Trace},
    words::Language,
};

fn build(server: &Server) -> &'static str {
    if server.make.is_multiple_of(2) { "15.1.2507.35" } else { "15.2.1118.40" }
}

pub(crate) fn takes(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
    let (host, build, date) = (&server.name, build(server), server.zone.date(hand_in.at));
    let own = format!("10.0.{}.{}", server.make % 7, server.make + 5);
    let organisation = |who: &str, how: &str| {
        format!("X-MS-Exchange-Organization-AuthSource: {host}\nX-MS-Exchange-Organization-AuthAs: {who}\n{how}")
    };
    let transport = |from: &str| {
        format!(
            "Received: from {from} by {host} ({own}) with Microsoft\n SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\n {build} via Frontend Transport; {date}\n"
        )
    };
    let lines = match hand_in.entry {
        Entry::SignedIn { from, helo, .. } => {
            format!(
                "{}{}",
                transport(&format!("{helo} ({})", from.ip)),
                organisation("Internal", "X-MS-Exchange-Organization-AuthMechanism: 06\n")
            )
        }
        Entry::Web { from, .. } => {
            let link = format!("fe80::{}:{}:{}:{}", random.hex(4), random.hex(4), random.hex(4), random.hex(4));
            format!(
                "Received: from {host} ([{link}]) by {host}\n ([{link}%{}]) with mapi id {build}; {date}\n{}x-originating-ip: [{}]\n",
                random.range(3, 15),
                organisation("Internal", "X-MS-Exchange-Organization-AuthMechanism: 04\n"),
                from.ip
            )
        }
        Entry::Local { .. } => {
            format!("Received: from {host} ([127.0.0.1]) by {host}\n ([127.0.0.1]) with mapi id {build}; {date}\n")
        }
        Entry::Relayed { from, helo } => {
            format!("{}{}", transport(&format!("{helo} ({})", from.ip)), organisation("Anonymous", ""))
        }
    };
    Trace { lines: wire(&lines), queue_id: random.digits(13) }
}

/// Over IMAP the envelope sender is a field of the message.
pub(crate) fn stores(server: &Server, hand_in: &HandIn<'_>) -> String {
    let sender = if hand_in.sender.is_empty() { "<>" } else { hand_in.sender };
    wire(&format!("Return-Path: {sender}\nX-MS-Exchange-Transport-EndToEndLatency: 00:00:00.{}28\n", server.make))
}

pub(crate) fn reports(server: &Server, report: &Report<'_>, random: &mut Random) -> Message {
    let (host, build, date) = (&server.name, build(server), server.zone.date(report.at));
    // The organisation that could not deliver, be it the sender's or another one.
    let domain = host.split_once('.').map_or(host.as_str(), |(_, domain)| domain);
    let [outer, inner] = [random.uuid(), random.uuid()];
    let mut message = Message::default();
    message.head += &wire(&format!(
        "Received: from {host} ([127.0.0.1]) by {host}\n ([127.0.0.1]) with Microsoft SMTP Server id {build}; {date}\n"
    ));
    message.field("From", &format!("<postmaster@{domain}>"));
    message.field("To", &format!("<{}>", report.sender));
    message.field("Date", &date);
    message.field("MIME-Version", "1.0");
    message
        .field("Content-Type", &format!("multipart/report; report-type=delivery-status;{EOL}\tboundary=\"{outer}\""));
    message.field("X-MS-Exchange-Message-Is-Ndr", "");
    message.field("Content-Language", if server.language == Language::Japanese { "ja-JP" } else { "en-US" });
    message.field("Message-ID", &format!("<{}@{host}>", random.uuid()));
    if let Some(original) = report.original.value("Message-ID") {
        message.field("In-Reply-To", &original);
        message.field("References", &original);
    }
    let recipients: Vec<&str> = report.refused.iter().map(|refused| refused.to.as_str()).collect();
    let (prefix, mut text) = told(server.language, &recipients.join("\n"), report.is_delay);
    let subject = report.original.value("Subject").unwrap_or_default();
    message.field("Subject", &format!("{}{EOL} {subject}", Charset::Utf8.header(prefix.trim_end())));
    message.field("Auto-Submitted", "auto-replied");
    message.field("X-MS-Exchange-Organization-AuthSource", host);
    message.field("X-MS-Exchange-Organization-AuthAs", "Internal");
    let mut status = format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns;{host}\nReceived-From-MTA: dns;{}\nArrival-Date: {}\n",
        report.came_from,
        server.zone.date(report.arrival)
    );
    add!(text, "Generating server: {host}\n\n");
    for refused in report.refused {
        let (code, diagnostic, remote) = words(refused);
        let (action, code) = if report.is_delay { ("delayed", "4.4.7".to_owned()) } else { ("failed", code) };
        add!(text, "{}\n", refused.to);
        if let Some(remote) = &remote {
            add!(text, "{remote}\n");
        }
        add!(text, "Remote Server returned '{}'\n\n", diagnostic.trim_start_matches("smtp;"));
        add!(
            status,
            "\nOriginal-Recipient: rfc822;{}\nFinal-Recipient: rfc822;{}\nAction: {action}\nStatus: {code}\nDiagnostic-Code: {diagnostic}\n",
            refused.originally.as_deref().unwrap_or(&refused.to),
            refused.to
        );
        if let Some(remote) = remote {
            add!(status, "Remote-MTA: dns;{remote}\n");
        }
    }
    let (plain_fields, plain) = Charset::Utf8.part("text/plain", &text);
    let (html_fields, html) = Charset::Utf8
        .part("text/html", &format!("<html><body><p>{}</p></body></html>\n", text.replace('\n', "<br>\n")));
    let told = format!(
        "Content-Type: multipart/alternative; differences=Content-Type;{EOL}\tboundary=\"{inner}\"{EOL}{EOL}{}",
        multipart("", &inner, &[format!("{plain_fields}{EOL}{plain}"), format!("{html_fields}{EOL}{html}")])
    );
    let original = format!("Content-Type: message/rfc822{EOL}{EOL}{}", report.returned(true));
    message.body = multipart("", &outer, &[told, wire(&status), original]);
    message
}

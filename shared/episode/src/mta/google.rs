//! Gmail and Google Workspace. Every host name is a shard's; the times are California's.

use crate::{
    clock::{Time, Zone},
    message::{EOL, Message, base64_lines},
    mta::{multipart, wire},
    random::Random,
    server::{Entry, HandIn, Problem, Refused, Report, Server, Trace},
};

fn pacific() -> Zone {
    Zone::new(-7, "PDT")
}

fn shard(random: &mut Random) -> String {
    format!("2002:a05:{}:{}:b0:{}:{}", random.range(6_000, 7_300), random.hex(3), random.hex(3), random.hex(4))
}

fn id(random: &mut Random, at: Time) -> String {
    format!(
        "{}-{}sm{}{}.{}.{}",
        random.text("abcdefghijklmnopqrstuvwxyz", 1) + &random.digits(2),
        random.hex(12),
        random.digits(7),
        random.text("abcdefghij", 3),
        random.range(1, 99),
        at.format("%Y.%m.%d.%H.%M.%S")
    )
}

/// Signed for the customer's domain: by a key of its own, or by the default one of Workspace.
fn signatures(server: &Server, domain: &str, random: &mut Random) -> String {
    let selected = if server.make.is_multiple_of(2) {
        domain.to_owned()
    } else {
        format!("{}.20230601.gappssmtp.com", domain.replace('.', "-"))
    };
    format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n        d={selected}; s=20230601; t=17102{}; x=17108{};\n        h=to:subject:message-id:date:from:mime-version:from:to:cc:subject\n         :date:message-id:reply-to;\n        bh={}=;\n        b={}\n         {}==\nX-Google-DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n        d=1e100.net; s=20230601;\n        h=to:subject:message-id:date:from:mime-version:x-gm-message-state;\n        bh={}=;\n        b={}==\nX-Gm-Message-State: AOJu0Y{}\nX-Google-Smtp-Source: AGHT+I{}=\n",
        random.digits(5),
        random.digits(5),
        random.base64(43),
        random.base64(60),
        random.base64(60),
        random.base64(43),
        random.base64(60),
        random.base64(40),
        random.base64(40)
    )
}

pub(crate) fn takes(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
    let date = pacific().named_date(hand_in.at);
    let queue_id = id(random, hand_in.at);
    let domain = hand_in.sender.rsplit('@').next().unwrap_or_default();
    let tls = "(version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256)";
    let lines = match hand_in.entry {
        Entry::SignedIn { from, helo, .. } => format!(
            "{}X-Received: by {} with SMTP id {};\n        {date}\nReceived: from {helo} ({} [{}])\n        by smtp.gmail.com with ESMTPSA id {queue_id}\n        for <{}>\n        {tls};\n        {date}\n",
            signatures(server, domain, random),
            shard(random),
            id(random, hand_in.at),
            from.name.as_ref().map_or_else(String::new, |name| format!("{name}.")),
            from.ip,
            hand_in.to
        ),
        Entry::Web { .. } | Entry::Local { .. } => format!(
            "{}X-Received: by {} with SMTP id\n {queue_id}; {date}\n",
            signatures(server, domain, random),
            shard(random)
        ),
        Entry::Relayed { from, helo } => {
            let (name, ip, sender) = (from.name_or(helo), from.ip, hand_in.sender);
            let (checked, property) = if sender.is_empty() {
                (format!("best guess record for domain of postmaster@{helo}"), format!("smtp.helo={helo}"))
            } else {
                (format!("domain of {sender}"), format!("smtp.mailfrom={sender}"))
            };
            let result = if from.name.as_deref() == Some(helo) { "pass" } else { "softfail" };
            let says = if result == "pass" { "designates" } else { "does not designate" };
            format!(
                "Received: from {helo} ({name}. [{ip}])\n        by mx.google.com with ESMTPS id {queue_id}\n        for <{}>\n        {tls};\n        {date}\nReceived-SPF: {result} (google.com: {checked} {says} {ip} as permitted sender) client-ip={ip};\nAuthentication-Results: mx.google.com;\n       spf={result} (google.com: {checked} {says} {ip} as permitted sender) {property}\n",
                hand_in.to
            )
        }
    };
    Trace { lines: wire(&lines), queue_id }
}

/// The hop between the shard and the host that delivers.
pub(crate) fn sends(hand_in: &HandIn<'_>, random: &mut Random) -> String {
    wire(&format!(
        "Received: by mail-{}-f{}.google.com with SMTP id {}\n        for <{}>; {}\n",
        random.text("abcdefghijklmnop", 2),
        random.range(41, 200),
        id(random, hand_in.at),
        hand_in.to,
        pacific().named_date(hand_in.at)
    ))
}

pub(crate) fn stores(hand_in: &HandIn<'_>, random: &mut Random) -> String {
    let date = pacific().named_date(hand_in.at);
    wire(&format!(
        "Delivered-To: {}\nReceived: by {} with SMTP id {};\n        {date}\nX-Received: by {} with SMTP id {};\n        {date}\nReturn-Path: <{}>\n",
        hand_in.to,
        shard(random),
        id(random, hand_in.at),
        shard(random),
        id(random, hand_in.at),
        hand_in.sender
    ))
}

fn words(refused: &Refused) -> (String, String, String, String) {
    let (to, domain) = (&refused.to, refused.to.rsplit('@').next().unwrap_or_default());
    match &refused.problem {
        Problem::Said { mx, ip, reply } => {
            let remote = format!("{mx}. ({ip}, the server for the domain {domain}.)");
            let said = reply.lines.join("\n");
            let is_unknown = reply.enhanced().is_some_and(|status| status.starts_with("5.1."));
            let (title, text) = if is_unknown {
                (
                    "Address not found",
                    format!(
                        "Your message wasn't delivered to {to} because the address couldn't be found, or is unable to receive mail."
                    ),
                )
            } else if reply.is_temporary() {
                (
                    "Message not delivered",
                    format!(
                        "There was a temporary problem delivering your message to {to}. Gmail gave up after trying for some time. See the technical details below."
                    ),
                )
            } else if said.to_ascii_lowercase().contains("full") || said.contains("quota") {
                (
                    "Recipient inbox full",
                    format!(
                        "Your message couldn't be delivered to {to}. Their inbox is full, or it's getting too much mail right now."
                    ),
                )
            } else {
                (
                    "Message blocked",
                    format!("Your message to {to} has been blocked. See technical details below for more information."),
                )
            };
            let text = format!("** {title} **\n\n{text}\n\nThe response from the remote server was:\n\n{said}\n");
            (text, reply.status(), remote, format!("smtp; {}", reply.lines.join("\n ")))
        }
        Problem::NoSuchUser => {
            let said = "550-5.1.1 The email account that you tried to reach does not exist. Please try\n 550-5.1.1 double-checking the recipient's email address for typos or\n 550-5.1.1 unnecessary spaces. Learn more at\n 550 5.1.1  https://support.google.com/mail/?p=NoSuchUser - gsmtp";
            let text = format!(
                "** Address not found **\n\nYour message wasn't delivered to {to} because the address couldn't be found, or is unable to receive mail.\n\nThe response was:\n\n{said}\n"
            );
            (
                text,
                "5.1.1".to_owned(),
                "gmail-smtp-in.l.google.com. (142.251.8.27, the server for the domain.)".to_owned(),
                format!("smtp; {said}"),
            )
        }
        Problem::Full => {
            let text = format!(
                "** Recipient inbox full **\n\nYour message couldn't be delivered to {to}. Their inbox is full.\n"
            );
            (
                text,
                "5.2.2".to_owned(),
                String::new(),
                "smtp; 552 5.2.2 The recipient's inbox is out of storage space".to_owned(),
            )
        }
        Problem::NoSuchDomain => {
            let said = format!(
                "DNS Error: DNS type 'mx' lookup of {domain} responded with code NXDOMAIN\n Domain name not found: {domain}"
            );
            let text = format!(
                "** Address not found **\n\nYour message wasn't delivered to {to} because the domain {domain} couldn't be found. Check for typos or unnecessary spaces and try again.\n\nThe response was:\n\n{said}\n"
            );
            (text, "4.0.0".to_owned(), String::new(), format!("smtp; {said}"))
        }
        Problem::Silent { ip, .. } => {
            let said =
                format!("The recipient server did not accept our requests to connect. [{domain} {ip}: timed out]");
            let text = format!(
                "** Delivery incomplete **\n\nThere was a temporary problem delivering your message to {to}.\n\nThe response was:\n\n{said}\n"
            );
            (text, "4.4.1".to_owned(), String::new(), format!("smtp; {said}"))
        }
        Problem::Throttled { status, text: said } => {
            let text = format!("** Message not sent **\n\n{said}\n");
            (text, (*status).to_owned(), String::new(), format!("smtp; 550 {status} {said}"))
        }
        Problem::Loop => {
            let text =
                format!("** Message not delivered **\n\nYour message to {to} could not be delivered: mail loop.\n");
            (
                text,
                "5.4.6".to_owned(),
                String::new(),
                "smtp; 554 5.4.6 Message exceeded 50 hops, this may indicate a mail loop. - gsmtp".to_owned(),
            )
        }
    }
}

pub(crate) fn reports(report: &Report<'_>, random: &mut Random) -> Message {
    let zone = pacific();
    let date = zone.named_date(report.at);
    let [outer, related, inner] =
        [random.hex(18), random.hex(18), random.hex(18)].map(|text| format!("0000000000{text}"));
    let mut message = Message::default();
    // The report travels from one host of Google's to the mailbox, signed.
    let host = format!("mail-{}-f{}.google.com", random.text("abcdefghijklmnop", 3), random.range(64, 80));
    let ip = format!("209.85.220.{}", random.range(65, 73));
    message.head += &wire(&format!(
        "Received: from {host} ({host}. [{ip}])\n        by mx.google.com with SMTPS id {}\n        for <{}>\n        (Google Transport Security);\n        {date}\nReceived-SPF: pass (google.com: best guess record for domain of postmaster@{host} designates {ip} as permitted sender) client-ip={ip};\nAuthentication-Results: mx.google.com;\n       dkim=pass header.i=@googlemail.com header.s=20230601 header.b={};\n       spf=pass (google.com: best guess record for domain of postmaster@{host} designates {ip} as permitted sender) smtp.helo={host};\n       dmarc=pass (p=QUARANTINE sp=QUARANTINE dis=NONE) header.from=googlemail.com\nDKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n        d=googlemail.com; s=20230601; t=17102{}; x=17108{};\n        h=date:message-id:in-reply-to:references:subject:auto-submitted:to:from\n         :from:to:cc:subject:date:message-id:reply-to;\n        bh={}=;\n        b={}==\nX-Received: by {} with SMTP id {};\n        {date}\n",
        id(random, report.at),
        report.sender,
        random.base64(8),
        random.digits(5),
        random.digits(5),
        random.base64(43),
        random.base64(60),
        shard(random),
        id(random, report.at)
    ));
    message.field("Content-Type", &format!("multipart/report; boundary=\"{outer}\"; report-type=delivery-status"));
    message.field("MIME-Version", "1.0");
    message.field("Return-Path", "<>");
    message.head += &wire(&format!("Received: by {} with SMTP id {}; {date}\n", shard(random), id(random, report.at)));
    message.field("From", "Mail Delivery Subsystem <mailer-daemon@googlemail.com>");
    message.field("To", report.sender);
    message.field("Auto-Submitted", "auto-replied");
    message.field(
        "Subject",
        if report.is_delay { "Delivery Status Notification (Delay)" } else { "Delivery Status Notification (Failure)" },
    );
    if let Some(original) = report.original.value("Message-ID") {
        message.field("References", &original);
        message.field("In-Reply-To", &original);
    }
    let failed: Vec<&str> = report.refused.iter().map(|refused| refused.to.as_str()).collect();
    message.field("X-Failed-Recipients", &failed.join(", "));
    message.field(
        "Message-ID",
        &format!("<{}.{}.{}.{}@mx.google.com>", random.hex(8), random.hex(6), random.hex(6), random.hex(4)),
    );
    message.field("Date", &date);
    let mut text = String::new();
    let mut status = format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; googlemail.com\nReceived-From-MTA: dns; {}\nArrival-Date: {}\nX-Original-Message-ID: {}\n",
        report.sender,
        zone.named_date(report.arrival),
        report.original.value("Message-ID").unwrap_or_default()
    );
    for refused in report.refused {
        let (words, code, remote, diagnostic) = words(refused);
        text += &words;
        let action = if report.is_delay { "delayed" } else { "failed" };
        add!(status, "\nFinal-Recipient: rfc822; {}\nAction: {action}\nStatus: {code}\n", refused.to);
        if !remote.is_empty() {
            add!(status, "Remote-MTA: dns; {remote}\n");
        }
        add!(status, "Diagnostic-Code: {diagnostic}\nLast-Attempt-Date: {date}\n");
    }
    let plain = format!("Content-Type: text/plain; charset=\"UTF-8\"\n\n\n{text}\n");
    let html = format!(
        "Content-Type: text/html; charset=\"UTF-8\"\n\n<html><body><p>{}</p></body></html>\n",
        text.replace('\n', "<br>\n")
    );
    let alternative = format!(
        "Content-Type: multipart/alternative; boundary=\"{inner}\"{EOL}{EOL}{}",
        multipart("", &inner, &[wire(&plain), wire(&html)])
    );
    let icon = format!(
        "Content-Type: image/png; name=\"icon.png\"{EOL}Content-Disposition: attachment; filename=\"icon.png\"{EOL}Content-Transfer-Encoding: base64{EOL}Content-ID: <icon.png>{EOL}{EOL}{}",
        base64_lines(b"\x89PNG\r\n\x1a\n and some more")
    );
    let told = format!(
        "Content-Type: multipart/related; boundary=\"{related}\"{EOL}{EOL}{}",
        multipart("", &related, &[alternative, icon])
    );
    let original = format!("Content-Type: message/rfc822{EOL}{EOL}{}", report.returned(true));
    message.body = multipart("", &outer, &[told, wire(&status), original]);
    message
}

//! Microsoft 365: Exchange Online and the protection in front of it. Host names follow the region.

use std::net::Ipv4Addr;

use crate::{
    clock::{Time, Zone},
    message::{Charset, EOL, Message},
    mta::{multipart, wire},
    random::Random,
    server::{Entry, HandIn, Problem, Refused, Report, Server, Trace},
    words::Language,
};

/// A host with mailboxes.
fn mailbox_host(language: Language, random: &mut Random) -> String {
    let (names, region) = match language {
        Language::Japanese => (["TYCP", "OS3P", "TYAP", "OSZP"], "R01MB{}.jpnprd01.prod.outlook.com"),
        Language::English => (["CWLP", "LO2P", "LO4P", "CWXP"], "265MB{}.GBRP265.PROD.OUTLOOK.COM"),
        Language::German => (["FR3P", "BEYP", "FR0P", "BE1P"], "281MB{}.DEUP281.PROD.OUTLOOK.COM"),
    };
    random.word(&names).to_owned() + &region.replace("{}", &random.digits(4))
}

/// A host of the protection in front.
fn front_host(language: Language, random: &mut Random) -> String {
    match language {
        Language::Japanese => format!("TYCJPN01FT{}.eop-JPN01.prod.protection.outlook.com", random.digits(3)),
        Language::English => format!("LO0GBR01FT{}.eop-gbr01.prod.protection.outlook.com", random.digits(3)),
        Language::German => format!("BE0DEU01FT{}.eop-deu01.prod.protection.outlook.com", random.digits(3)),
    }
}

fn ip6(random: &mut Random) -> String {
    format!("2603:1096:{}:{}::{}", random.range(400, 604), random.hex(3), random.range(1, 20))
}

fn local6(random: &mut Random) -> String {
    format!("fe80::{}:{}:{}:{}", random.hex(4), random.hex(4), random.hex(4), random.hex(4))
}

fn hop(from: &str, by: &str, at: Time, random: &mut Random) -> String {
    format!(
        "Received: from {from} by\n {by} ({}) with Microsoft SMTP\n Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\n 15.20.7362.{}; {}\n",
        ip6(random),
        random.range(18, 36),
        Zone::utc().date(at)
    )
}

pub(crate) fn takes(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
    let language = server.language;
    let (host, second) = (mailbox_host(language, random), mailbox_host(language, random));
    let (at, domain) = (hand_in.at, hand_in.sender.rsplit('@').next().unwrap_or_default());
    let date = Zone::utc().date(at);
    let inner = |ip: Ipv4Addr| {
        format!(
            "Authentication-Results: dkim=none (message not signed)\n header.d=none;dmarc=none action=none header.from={domain};\nx-originating-ip: [{ip}]\nX-MS-PublicTrafficType: Email\nX-MS-Exchange-SenderADCheck: 1\nX-MS-Exchange-AntiSpam-Relay: 0\n"
        )
    };
    // Stamped on whatever a mailbox of the tenant submits, by whichever protocol.
    let internal = format!(
        "X-MS-Exchange-CrossTenant-Network-Message-Id: {}\nX-MS-Exchange-CrossTenant-AuthSource: {host}\nX-MS-Exchange-CrossTenant-AuthAs: Internal\nX-MS-Exchange-CrossTenant-OriginalArrivalTime: {}\nX-MS-Exchange-CrossTenant-FromEntityHeader: Hosted\nX-MS-Exchange-CrossTenant-MailboxType: HOSTED\nX-MS-Exchange-Transport-CrossTenantHeadersStamped: {second}\n",
        random.uuid(),
        at.format("%d %b %Y %H:%M:%S.0000 (UTC)")
    );
    let lines = match hand_in.entry {
        Entry::SignedIn { from, helo, .. } => {
            let first = hop(&format!("{host} ({})", ip6(random)), &second, at, random);
            let submission =
                hop(&format!("{helo} ({})", from.ip), &host, at, random).replace("; ", " via\n Frontend Transport; ");
            format!(
                "{first}Authentication-Results: dkim=none (message not signed)\n header.d=none;dmarc=none action=none header.from={domain};\n{submission}X-MS-PublicTrafficType: Email\nX-MS-Exchange-SenderADCheck: 1\n{internal}"
            )
        }
        Entry::Web { from, .. } => {
            let first = hop(&format!("{host} ({})", ip6(random)), &second, at, random);
            let link = local6(random);
            format!(
                "{first}Received: from {host}\n ([{link}]) by {host}\n ([{link}%{}]) with mapi id 15.20.7362.0{}; {date}\n{}{internal}",
                random.range(3, 9),
                random.range(18, 36),
                inner(from.ip)
            )
        }
        Entry::Local { .. } => {
            let link = local6(random);
            format!(
                "Received: from {host}\n ([{link}]) by {host}\n ([{link}%4]) with mapi id 15.20.7362.031; {date}\nX-MS-PublicTrafficType: Email\n{internal}"
            )
        }
        Entry::Relayed { from, helo } => {
            let front = front_host(language, random);
            let (ip, sender) = (from.ip, hand_in.sender);
            let result = if from.name.as_deref() == Some(helo) { "pass" } else { "fail" };
            let first = hop(&format!("{front} ({})", ip6(random)), &second, at, random);
            let mail_protection = front.split('.').next().unwrap_or_default();
            format!(
                "{first}Authentication-Results: spf={result} (sender IP is {ip}) smtp.mailfrom={}; dkim=none (message not signed) header.d=none;dmarc=none action=none header.from={};compauth={result} reason=109\nReceived-SPF: {} (protection.outlook.com: domain of {} {} {ip} as permitted sender) receiver=protection.outlook.com; client-ip={ip}; helo={helo};\nReceived: from {helo} ({ip}) by\n {mail_protection}.mail.protection.outlook.com (10.118.{}.{}) with Microsoft SMTP\n Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\n 15.20.7386.12 via Frontend Transport; {date}\nX-MS-Exchange-Organization-AuthAs: Anonymous\nX-MS-Exchange-CrossTenant-AuthAs: Anonymous\n",
                if sender.is_empty() { helo } else { domain },
                if sender.is_empty() { helo } else { domain },
                if result == "pass" { "Pass" } else { "Fail" },
                if sender.is_empty() { helo } else { domain },
                if result == "pass" { "designates" } else { "does not designate" },
                random.below(250),
                random.below(250)
            )
        }
    };
    Trace { lines: wire(&lines), queue_id: second }
}

/// The hops out, and the signature of the tenant's own `onmicrosoft.com` name.
pub(crate) fn sends(hand_in: &HandIn<'_>, random: &mut Random) -> String {
    let domain = hand_in.sender.rsplit('@').next().unwrap_or_default();
    wire(&format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain};\n s=selector1;\n h=From:Date:Subject:Message-ID:Content-Type:MIME-Version:X-MS-Exchange-SenderADCheck;\n bh={}=;\n b={}\n {}==\n",
        random.base64(43),
        random.base64(60),
        random.base64(60)
    ))
}

pub(crate) fn stores(server: &Server, hand_in: &HandIn<'_>, random: &mut Random) -> String {
    let host = mailbox_host(server.language, random);
    wire(&format!(
        "Received: from {host} (::1) by\n {} with HTTPS; {}\nReturn-Path: {}\n",
        mailbox_host(server.language, random),
        Zone::utc().date(hand_in.at),
        if hand_in.sender.is_empty() { "<>" } else { hand_in.sender }
    ))
}

/// Subject prefix, and what is told, in the tenant's language.
pub(super) fn told(language: Language, to: &str, is_delay: bool) -> (&'static str, String) {
    match (language, is_delay) {
        (Language::Japanese, false) => (
            "配信不能: ",
            format!(
                "次の受信者またはグループへの配信に失敗しました。\n\n{to}\n\nメッセージを配信できませんでした。もう一度メッセージを送信してみてください。問題が解決しない場合は、メール管理者にお問い合わせください。\n\n管理者向けの診断情報:\n\n"
            ),
        ),
        (Language::German, false) => (
            "Unzustellbar: ",
            format!(
                "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\n{to}\n\nIhre Nachricht konnte nicht zugestellt werden. Wenden Sie sich an Ihren E-Mail-Administrator.\n\nDiagnoseinformationen für Administratoren:\n\n"
            ),
        ),
        (Language::English, false) => (
            "Undeliverable: ",
            format!(
                "Delivery has failed to these recipients or groups:\n\n{to}\n\nYour message couldn't be delivered. Contact the recipient by phone, for example, to tell them about the problem, or try sending the message again.\n\nDiagnostic information for administrators:\n\n"
            ),
        ),
        (Language::Japanese, true) => (
            "配信が遅延しています: ",
            format!(
                "これらの受信者またはグループへの配信が遅れています:\n\n{to}\n\nこのメッセージはまだ配信されていません。引き続き配信を試みます。\n\n"
            ),
        ),
        (Language::German | Language::English, true) => (
            "Delivery delayed: ",
            format!(
                "Delivery is delayed to these recipients or groups:\n\n{to}\n\nThis message hasn't been delivered yet. Delivery will continue to be attempted.\n\n"
            ),
        ),
    }
}

/// Status, diagnostic code, remote host.
pub(super) fn words(refused: &Refused) -> (String, String, Option<String>) {
    let (to, domain) = (&refused.to, refused.to.rsplit('@').next().unwrap_or_default());
    match &refused.problem {
        Problem::Said { mx, reply, .. } => (reply.status(), format!("smtp;{}", reply.joined()), Some(mx.clone())),
        Problem::NoSuchUser => (
            "5.1.10".to_owned(),
            format!("smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {to} not found by SMTP address lookup"),
            None,
        ),
        Problem::Full => (
            "5.2.2".to_owned(),
            "smtp;554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException".to_owned(),
            None,
        ),
        Problem::NoSuchDomain => (
            "5.4.310".to_owned(),
            format!(
                "smtp;550 5.4.310 DNS domain {domain} does not exist [Message=InfoDomainNonexistent] [LastAttemptedServerName={domain}]"
            ),
            None,
        ),
        Problem::Silent { mx, ip } => (
            "5.4.300".to_owned(),
            format!("smtp;550 5.4.300 Message expired -> 421 4.4.1 Connection timed out [{mx} {ip}]"),
            None,
        ),
        Problem::Throttled { status, text } => ((*status).to_owned(), format!("smtp;550 {status} {text}"), None),
        Problem::Loop => {
            ("5.4.14".to_owned(), "smtp;554 5.4.14 Hop count exceeded - possible mail loop ATTR34".to_owned(), None)
        }
    }
}

pub(crate) fn reports(server: &Server, report: &Report<'_>, random: &mut Random) -> Message {
    let language = server.language;
    let host = mailbox_host(language, random);
    // The name of the tenant that could not deliver, be it the sender's or another one.
    let domain = &server.name;
    let date = Zone::utc().date(report.at);
    let [outer, inner] = [random.uuid(), random.uuid()];
    let mut message = Message::default();
    message.head +=
        &wire(&hop(&format!("{host} ({})", ip6(random)), &mailbox_host(language, random), report.at, random));
    message.head += &wire(&format!(
        "Received: from {host} ({}) by\n {host} with Microsoft SMTP Server id\n 15.20.7362.24; {date}\n",
        ip6(random)
    ));
    message
        .field("From", &format!("Microsoft Outlook{EOL} <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@{domain}>"));
    message.field("To", &format!("<{}>", report.sender));
    message.field("Date", &date);
    message
        .field("Content-Type", &format!("multipart/report; report-type=delivery-status;{EOL}\tboundary=\"{outer}\""));
    message.field("X-MS-Exchange-Message-Is-Ndr", "");
    message.field("Content-Language", if language == Language::Japanese { "ja-JP" } else { "en-US" });
    message.field("Message-ID", &format!("<{}@{host}>", random.uuid()));
    if let Some(original) = report.original.value("Message-ID") {
        message.field("In-Reply-To", &original);
        message.field("References", &original);
    }
    let recipients: Vec<&str> = report.refused.iter().map(|refused| refused.to.as_str()).collect();
    let (prefix, mut text) = told(language, &recipients.join("\n"), report.is_delay);
    let subject = report.original.value("Subject").unwrap_or_default();
    message.field("Subject", &format!("{}{EOL} {subject}", Charset::Utf8.header(prefix.trim_end())));
    message.field("Auto-Submitted", "auto-replied");
    message.field("X-MS-PublicTrafficType", "Email");
    message.field("X-MS-Exchange-Organization-SCL", "-1");
    message.field("X-MS-Exchange-Organization-AuthSource", &host);
    message.field("X-MS-Exchange-Organization-AuthAs", "Internal");
    message.field("X-MS-Exchange-CrossTenant-AuthAs", "Internal");
    message.field("X-MS-Exchange-Transport-CrossTenantHeadersStamped", &host);
    message.field("MIME-Version", "1.0");
    let mut status = format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns;{host}\nReceived-From-MTA: dns;{}\nArrival-Date: {}\n",
        mailbox_host(language, random),
        Zone::utc().date(report.arrival)
    );
    add!(text, "Generating server: {host}\n\n");
    for refused in report.refused {
        let (code, diagnostic, remote) = words(refused);
        let (action, code) = if report.is_delay { ("delayed", "4.4.7".to_owned()) } else { ("failed", code) };
        add!(text, "{}\n", refused.to);
        if let Some(remote) = &remote {
            add!(text, "{remote}\n");
        }
        add!(text, "Remote server returned '{}'\n\n", diagnostic.trim_start_matches("smtp;"));
        let original = refused
            .originally
            .as_ref()
            .map(|first| format!("Original-Recipient: rfc822;{first}\n"))
            .unwrap_or_default();
        add!(
            status,
            "\n{original}Final-Recipient: rfc822;{}\nAction: {action}\nStatus: {code}\nDiagnostic-Code: {diagnostic}\n",
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
    let original = format!("Content-Type: message/rfc822{EOL}{EOL}{}", report.returned(!server.make.is_multiple_of(3)));
    message.body = multipart("", &outer, &[told, wire(&status), original]);
    message
}

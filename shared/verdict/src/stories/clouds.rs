//! Bounces at Google and Microsoft, whose hosts carry everybody's mail.

use daimon_domain::verdict::{Tier, Verdict};

use super::*;
use crate::site::site;
use crate::{Clue, signals};

fn hosted(provider: Provider) -> Known {
    Known {
        own_hosts: provider.usual_hosts().iter().map(|host| (*host).to_owned()).collect(),
        own_networks: Vec::new(),
        provider: Some(provider),
        sent_coverage: Some(0.9),
        ..known()
    }
}

/// A notice in the letter, as Gmail delivers it: by its lines, its verdict on the signature, and the sender.
fn google(from: &str, return_path: &str, signed: &str) -> String {
    format!(
        "Delivered-To: sato@sakura.example
Received: by 2002:a05:7022:4a8:b0:8b:1234:5678 with SMTP id 40csp123456dlb;
        Tue, 24 Nov 2026 04:05:27 -0800 (PST)
X-Received: by 2002:a05:6a20:7283:b0:1d9:c78f with SMTP id o3mr1234567pzk.12;
        Tue, 24 Nov 2026 04:05:27 -0800 (PST)
Return-Path: <{return_path}>
Received: from mail-sor-f69.google.com (mail-sor-f69.google.com. [209.85.220.69])
        by mx.google.com with SMTPS id 98e67ed59e1d1-2b1sor123.4.2026.11.24.04.05.26
        for <sato@sakura.example>
        (Google Transport Security);
        Tue, 24 Nov 2026 04:05:27 -0800 (PST)
Authentication-Results: mx.google.com;
       dkim=pass header.i=@{signed} header.s=20230601 header.b=abc;
       spf=pass (google.com: domain designates 209.85.220.69 as permitted sender) smtp.helo=mail-sor-f69.google.com;
       dmarc=pass (p=QUARANTINE sp=QUARANTINE dis=NONE) header.from={signed}
X-Received: by 2002:a17:90b:3892:b0:2b0:1234 with SMTP id mu18mr1;
        Tue, 24 Nov 2026 04:05:26 -0800 (PST)
Received: by 2002:a17:90b:3892:b0:2b0:1234 with SMTP id mu18mr1234567pjb.3;
        Tue, 24 Nov 2026 04:05:26 -0800 (PST)
From: Mail Delivery Subsystem <{from}>
To: sato@sakura.example
Subject: Delivery Status Notification (Failure)
Message-ID: <655f.170a.mx@google.com>
X-Failed-Recipients: kana@shop.example
MIME-Version: 1.0
Content-Type: multipart/report; boundary=g; report-type=delivery-status

--g
Content-Type: text/plain; charset=UTF-8

** You have reached a limit for sending mail **

You have reached a limit for sending mail. Your message was not sent.

--g
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com

Final-Recipient: rfc822; kana@shop.example
Action: failed
Status: 5.4.5

--g
Content-Type: message/rfc822

From: sato@sakura.example
Subject: Hello

--g--
"
    )
}

fn read(mail: &str) -> Report {
    daimon_bounce::read(mail.as_bytes())
}

#[test]
fn googles_bounces_are_googles_and_its_other_customers_mail_is_not() {
    let known = hosted(Provider::Gmail);
    let seen = |mail: &str| (site(&read(mail), &known), signals(&read(mail), &known, false).len());
    let daemon = "mailer-daemon@googlemail.com";
    assert_eq!(seen(&google(daemon, "", "googlemail.com")), (Clue::SiteOwn, 1));
    // A customer in the web mail, as support, as what he may call himself, as the daemon, with a null return path.
    let customer = "evil-example.20230601.gappssmtp.com";
    let forged = [
        google("support@evil.example", "support@evil.example", customer),
        google("support@evil.example", "", customer),
        google("diradmin@gmail.com", "", "gmail.com"),
        google(daemon, "", customer),
        google("mailer-daemon@google.com", "", "googlemail.com"),
    ];
    for mail in &forged {
        assert_eq!(seen(mail), (Clue::SiteUnknown, 0), "{mail}");
    }
    // A verdict that came with the message.
    let own = google(daemon, "", customer);
    let (above, below) = own.split_once("X-Received: by 2002:a17").unwrap();
    let check = "Authentication-Results: mx.google.com; dkim=pass header.i=@googlemail.com";
    let above = above.replace("Authentication-Results: mx.google.com;", "X-Taken-Out:");
    assert_eq!(
        seen(&format!("{above}X-Received: by 2002:a17{below}").replacen("From: ", &format!("{check}\nFrom: "), 1)).1,
        0
    );
}

/// What Exchange Online writes of mail that it will not deliver, read in the mailbox of its sender.
fn exchange(number: usize, authenticated_as: &str, daemon: &str) -> String {
    let subject = ["Invoice", "Parcel"][number % 2];
    let said = ["5.1.1 User unknown", "5.7.1 Message rejected as spam"][usize::from(number % 3 == 1)];
    let (status, _) = said.split_once(' ').unwrap();
    format!(
        "Received: from OSZP286MB2012.JPNP286.PROD.OUTLOOK.COM (2603:1096:604:15d::10)
 by TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM with HTTPS; Tue, 24 Nov 2026 12:05:30 +0000
Received: from TYCPR01CA0012.jpnprd01.prod.outlook.com (2603:1096:404:1a::24)
 by OSZP286MB2012.JPNP286.PROD.OUTLOOK.COM (2603:1096:604:15d::10) with
 Microsoft SMTP Server (version=TLS1_2,
 cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.7362.21; Tue, 24 Nov
 2026 12:05:29 +0000
MIME-Version: 1.0
From: Microsoft Outlook <{daemon}>
To: <sato@sakura.example>
Date: Tue, 24 Nov 2026 12:05:28 +0000
Content-Type: multipart/report; report-type=delivery-status; boundary=m
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-US
Message-ID: <c0ffee{number}@TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM>
Subject: Undeliverable: {subject}
Auto-Submitted: auto-replied
Return-Path: <>
X-MS-Exchange-Organization-AuthSource: TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM
X-MS-Exchange-Organization-AuthAs: {authenticated_as}
X-MS-Exchange-CrossTenant-AuthAs: Internal
X-MS-Exchange-CrossTenant-FromEntityHeader: Hosted

--m
Content-Type: text/plain; charset=us-ascii

Your message to victim{number}@shop{number}.example couldn't be delivered.

--m
Content-Type: message/delivery-status

Reporting-MTA: dns;TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM
Received-From-MTA: dns;TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM
Arrival-Date: Tue, 24 Nov 2026 12:05:27 +0000

Final-Recipient: rfc822;victim{number}@shop{number}.example
Action: failed
Status: {status}
Diagnostic-Code: smtp;550 {said}
Remote-MTA: dns;mx.shop{number}.example

--m
Content-Type: message/rfc822

Received: from TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM
 ([fe80::1f2e:3d4c:5b6a:7988]) by TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM
 ([fe80::1f2e:3d4c:5b6a:7988%4]) with mapi id 15.20.7362.021; Tue, 24 Nov 2026
 12:05:26 +0000
From: Sato <sato@sakura.example>
To: victim{number}@shop{number}.example
Subject: {subject}
Message-ID: <{number}.beef@TYCP286MB3023.JPNP286.PROD.OUTLOOK.COM>

Pay.

--m--
"
    )
}

const EXCHANGE_DAEMON: &str = "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@sakura.example";

#[test]
fn a_stolen_mailbox_at_microsoft_is_found() {
    let known = hosted(Provider::M365);
    for daemon in [EXCHANGE_DAEMON, "postmaster@sakura.onmicrosoft.com"] {
        let all = flood(&mut State::default(), &known, STRANGE, 20, |n| read(&exchange(n, "Internal", daemon)));
        let last = all.last().unwrap();
        assert!(last.verdict == Verdict::AccountTakeover && last.tier >= Tier::Suspected, "{last:?}");
    }
}

#[test]
fn a_copy_that_microsoft_filed_is_no_alibi_for_a_thief_and_no_accusation_of_the_owner() {
    let known = hosted(Provider::M365);
    let sent = |written_anew: bool| Facts {
        sent_copy: Some(true),
        fingerprint_seen: written_anew.then_some(false),
        ..STRANGE
    };
    let report = |n| read(&exchange(n, "Internal", EXCHANGE_DAEMON));
    let thief = flood(&mut State::default(), &known, sent(true), 20, report).pop().unwrap();
    assert!(thief.verdict == Verdict::AccountTakeover && thief.tier >= Tier::Suspected, "{thief:?}");
    let owner = flood(&mut State::default(), &known, sent(false), 8, report).pop().unwrap();
    assert!(owner.tier < Tier::Suspected && !owner.wants_incident, "{owner:?}");
}

#[test]
fn a_neighbour_at_microsoft_who_forges_its_bounces_is_no_takeover() {
    let known = hosted(Provider::M365);
    let internal = exchange(1, "Internal", EXCHANGE_DAEMON);
    let forged = [
        exchange(1, "Anonymous", EXCHANGE_DAEMON),
        // The neighbour's own field, which Exchange would take out, beside its answer.
        exchange(1, "Anonymous\nX-MS-Exchange-Organization-AuthAs: Internal", EXCHANGE_DAEMON),
        exchange(1, "Internal", "colleague@sakura.example"),
        // Signed in from outside, with a greeting of Microsoft's and from a rented machine.
        internal.replace("(2603:1096:404:1a::24)", "(198.51.100.7)"),
        internal.replace("(2603:1096:404:1a::24)", "(2603:1040:404:1a::24)"),
    ];
    for mail in &forged {
        assert_ne!(site(&read(mail), &known), Clue::SiteOwn, "{mail}");
    }
    let all = flood(&mut State::default(), &known, STRANGE, 40, |n| read(&exchange(n, "Anonymous", EXCHANGE_DAEMON)));
    assert!(all.iter().all(|a| a.verdict != Verdict::AccountTakeover && a.tier < Tier::Suspected), "{:?}", all.last());
}

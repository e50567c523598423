//! What must hold whatever is read. Each takes any bytes and panics where it does not hold.

use daimon_domain::bounce::{Kind, Report};

/// A report, after what must hold of every one.
fn checked(mail: &[u8]) -> Report {
    let report = daimon_bounce::read(mail);
    let kinds = [Kind::Bounce, Kind::Delay, Kind::Delivered];
    assert!(report.recipients.is_empty() || kinds.contains(&report.kind), "a {} has recipients", report.kind);
    for recipient in &report.recipients {
        assert!(!recipient.address.is_empty(), "a recipient without an address");
        assert!(!recipient.rule.is_empty(), "a reason without a rule");
        assert!(recipient.diagnostic.as_ref().is_none_or(|text| text.len() <= 1_000), "an endless diagnostic");
    }
    assert!(report.notes.len() <= 5 && report.origin.subject.iter().all(|text| text.len() <= 998), "endless words");
    assert!(report.recipients.len() <= 10_000 && report.origin.received.len() <= 100, "more than there may be");
    report
}

/// The mail with each line end as `end`.
fn with_ends(mail: &[u8], end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() * 2);
    let mut bytes = mail.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if(|next| **next == b'\n');
                out.extend_from_slice(end);
            }
            b'\n' => out.extend_from_slice(end),
            other => out.push(*other),
        }
    }
    out
}

/// Any bytes are a message, and say the same whether all lines end in LF, in CRLF or in CR.
pub fn read(mail: &[u8]) {
    checked(mail);
    let report = checked(&with_ends(mail, b"\n"));
    for end in [&b"\r\n"[..], b"\r"] {
        assert_eq!(report, checked(&with_ends(mail, end)), "with {end:?} it says something else");
    }
}

/// Any text is a value of every field that is read closely, and folding it (RFC 5322, 2.2.3) changes nothing.
pub fn header(value: &[u8]) {
    let value = String::from_utf8_lossy(value).replace(['\r', '\n'], " ");
    let folded = value.split(' ').collect::<Vec<_>>().join("\r\n ");
    let spaced = value.split(' ').map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mail = |value: &str| {
        let top: &[&[u8]] = &[
            b"From: ",
            b"Subject: ",
            b"Date: ",
            b"Received: ",
            b"Message-ID: ",
            b"References: ",
            b"To: ",
            b"X-Failed-Recipients: ",
        ];
        let status: &[&[u8]] = &[
            b"Reporting-MTA: ",
            b"Arrival-Date: ",
            b"\nFinal-Recipient: rfc822; ",
            b"Original-Recipient: ",
            b"Action: ",
            b"Status: ",
            b"Diagnostic-Code: smtp; ",
            b"Remote-MTA: dns; ",
            b"Will-Retry-Until: ",
        ];
        let original: &[&[u8]] = &[
            b"Received: ",
            b"From: ",
            b"To: ",
            b"DKIM-Signature: ",
            b"X-Mailer: ",
            b"X-Originating-IP: ",
            b"List-Id: ",
        ];
        let mut mail = Vec::new();
        let mut add = |names: &[&[u8]], after: &[u8]| {
            for name in names {
                mail.extend_from_slice(name);
                mail.extend_from_slice(value.as_bytes());
                mail.push(b'\n');
            }
            mail.extend_from_slice(after);
        };
        add(top, b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n");
        add(status, b"--b\nContent-Type: message/rfc822\n\n");
        add(original, b"\n--b--\n");
        mail
    };
    assert_eq!(checked(&mail(&folded)), checked(&mail(&spaced)), "folded it says something else");
    read(&mail(&value));
}

/// Parts within parts, made of the bytes; what a returned original carries changes nothing.
pub fn tree(recipe: &[u8]) {
    let media: [&[u8]; 16] = [
        b"text/plain",
        b"text/html",
        b"text/plain; charset=iso-2022-jp",
        b"text/plain; charset=shift_jis",
        b"text/rfc822-headers",
        b"message/rfc822",
        b"message/delivery-status",
        b"message/global",
        b"message/feedback-report",
        b"message/disposition-notification",
        b"application/octet-stream",
        b"multipart/mixed; boundary=",
        b"multipart/alternative; boundary=",
        b"multipart/report; boundary=",
        b"multipart/digest; boundary=",
        b"",
    ];
    let encodings: [&[u8]; 4] = [
        b"",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        b"Content-Transfer-Encoding: 8bit\n",
    ];
    let mut mail = b"From: MAILER-DAEMON@mx.example\n".to_vec();
    let mut open: Vec<u8> = Vec::new();
    let mut pieces = recipe.split(|byte| *byte == 0xff);
    // Each piece is a part: its first byte says of what kind, the rest is what is in it.
    for piece in pieces.by_ref().take(200) {
        let Some((kind, body)) = piece.split_first() else {
            if let Some(boundary) = open.pop() {
                mail.extend_from_slice(&[b'\n', b'-', b'-', b'b', boundary, b'-', b'-', b'\n']);
            }
            continue;
        };
        if let Some(boundary) = open.last() {
            mail.extend_from_slice(&[b'\n', b'-', b'-', b'b', *boundary, b'\n']);
        }
        let media = media.iter().copied().cycle().nth(usize::from(*kind)).unwrap_or_default();
        mail.extend_from_slice(b"Content-Type: ");
        mail.extend_from_slice(media);
        if media.ends_with(b"=") {
            let boundary = b'a' + u8::try_from(open.len() % 26).unwrap_or_default();
            mail.extend_from_slice(&[b'b', boundary]);
            open.push(boundary);
        }
        mail.push(b'\n');
        mail.extend_from_slice(encodings.iter().copied().cycle().nth(usize::from(kind / 16)).unwrap_or_default());
        mail.push(b'\n');
        mail.extend_from_slice(body);
    }
    read(&mail);
    let report = |carried: &str| {
        let mut report =
            b"From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; boundary=outermost\n\n--outermost\n\n"
                .to_vec();
        report.extend(recipe.iter().copied().filter(|byte| *byte != b'-'));
        report.extend_from_slice(b"\n--outermost\nContent-Type: message/rfc822\n\nSubject: hello\n\n");
        report.extend_from_slice(carried.as_bytes());
        report.extend_from_slice(b"\n--outermost--\n");
        report
    };
    let carried =
        "550 5.1.1 <x@y.example>: user unknown\n--inner\nContent-Type: message/delivery-status\n\nStatus: 5.7.1\n";
    assert_eq!(checked(&report("")), checked(&report(carried)), "what the original carries counts");
}

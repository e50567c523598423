//! Whatever the bytes are, there is an answer, and it does not depend on the line ends.

use proptest::prelude::*;

/// Pieces that bounces are made of, in any order, so that chance reaches the inner rooms.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::sample::select(vec![
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
            "Content-Type: message/delivery-status\n",
            "Content-Type: text/html; charset=iso-2022-jp\n",
            "Content-Transfer-Encoding: base64\n",
            "From: MAILER-DAEMON@example.org\n",
            "Subject: =?utf-8?B?w7?= Undelivered\n",
            "Received: from a (b [192.0.2.1]) (Authenticated sender: x) by c with ESMTPA; now\n",
            "\n",
            "--b\n",
            "--b--\n",
            " ",
            "<a@b.example>:",
            "\u{1b}$B",
            "<p>&#x110000;&lt;",
            "=C3=",
            "550 5.1.1 ",
            "Final-Recipient: rfc822; \"a b\"@c.example\n",
            "Action: failed\n",
            "Status: 5.1.1\n",
            "Diagnostic-Code: smtp; 5",
            "   ----- Transcript of session follows -----\n",
            ">>> RCPT To:<a@b.example>\n",
            "<<< 550 no\n",
            "--- Below this line is a copy of the message.\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #[test]
    fn it_never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _report = daimon_bounce::read(&bytes);
    }

    #[test]
    fn it_never_panics_on_shuffled_pieces(pieces in proptest::collection::vec(piece(), 0..60)) {
        let bytes = pieces.concat();
        daimon_bounce::read(&bytes); // with the ends as they are, which need not say the same
        let lf: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\r').collect();
        let [crlf, cr] = [b"\r\n".as_slice(), b"\r"]
            .map(|end| lf.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(end));
        let report = daimon_bounce::read(&lf);
        prop_assert_eq!(&report, &daimon_bounce::read(&crlf));
        prop_assert_eq!(&report, &daimon_bounce::read(&cr));
    }
}

#[test]
fn deep_messages_end() {
    let mut deep = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
    for _ in 0..5_000 {
        deep.extend_from_slice(b"--b\nContent-Type: multipart/mixed; boundary=b\n\n");
    }
    assert!(daimon_bounce::read(&deep).recipients.is_empty());
}

#[test]
fn of_very_many_parts_and_recipients_some_are_read() {
    let mut wide = b"From: MAILER-DAEMON@example.org\nContent-Type: multipart/report; boundary=b\n\n".to_vec();
    for number in 0..3_000 {
        let part = format!(
            "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; {number}@b.example\nAction: failed\n\n"
        );
        wide.extend_from_slice(part.as_bytes());
    }
    let read = daimon_bounce::read(&wide).recipients;
    assert!((500..1_100).contains(&read.len()), "{} of 3000", read.len());
    let mut long = b"From: MAILER-DAEMON@example.org\nContent-Type: message/delivery-status\n\n".to_vec();
    for number in 0..30_000 {
        long.extend_from_slice(format!("Final-Recipient: rfc822; {number}@b.example\nAction: failed\n\n").as_bytes());
    }
    let read = daimon_bounce::read(&long).recipients;
    assert!((5_000..20_000).contains(&read.len()), "{} of 30000", read.len());
}

#[test]
fn a_cr_that_a_stranger_writes_begins_no_field() {
    let mail = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: Undelivered\rX-Failed-Recipients: c@b.example\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
        --b\nContent-Type: message/delivery-status\n\n\
        Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\
        Diagnostic-Code: smtp; 550 5.1.1 no\r\rFinal-Recipient: rfc822; c@b.example\rAction: failed\rStatus: 5.1.1\n\
        --b\nContent-Type: message/rfc822\n\nSubject: x\rMessage-ID: <forged@a.example>\nMessage-ID: <real@a.example>\n--b--\n";
    for end in ["\n", "\r\n", "\r\r\n"] {
        let report = daimon_bounce::read(mail.replace('\n', end).as_bytes());
        let addresses: Vec<_> = report.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
        assert_eq!(addresses, ["a@b.example"], "{end:?}");
        assert_eq!(report.origin.message_id.as_deref(), Some("real@a.example"), "{end:?}");
    }
}

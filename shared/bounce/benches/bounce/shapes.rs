//! Mails of any size that a reader may trip over: some honest and large, most made to be slow.

/// How such a mail is made.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    /// What stands before the piece that is repeated, the piece, what stands behind.
    parts: [String; 3],
    /// Whether a number that is never the same takes the place of `#` in each piece.
    is_numbered: bool,
}

impl Shape {
    fn new(name: &str, start: &str, piece: &str, end: &str) -> Self {
        let parts = [format!("{HEADER}{start}"), piece.to_owned(), end.to_owned()];
        Self { name: name.to_owned(), parts, is_numbered: piece.contains('#') }
    }

    /// A mail of about this size.
    pub(crate) fn mail(&self, size: usize) -> Vec<u8> {
        let [start, piece, end] = &self.parts;
        let mut mail = Vec::with_capacity(size + piece.len() + end.len());
        mail.extend_from_slice(start.as_bytes());
        let mut number = 0_u32;
        while mail.len() + end.len() < size {
            if self.is_numbered {
                number += 1;
                mail.extend_from_slice(piece.replace('#', &number.to_string()).as_bytes());
            } else {
                mail.extend_from_slice(piece.as_bytes());
            }
        }
        mail.extend_from_slice(end.as_bytes());
        mail
    }
}

const HEADER: &str = "From: MAILER-DAEMON@mx.example.org\r\nReturn-Path: <>\r\n";
const REPORT: &str = "Subject: Undelivered Mail\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n";
const STATUS: &str = "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\n<a@b.example>: no\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n";
const BASE64: &str = "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2NpbmcgZWxpdCwg\r\n";

/// What stands in a letter over and over again.
const LETTERS: &[&str] = &[
    "@",
    "<",
    ">",
    ":",
    ";",
    "&",
    "\"",
    "(",
    ")",
    "=",
    ".",
    "-",
    "--",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\r\n--",
    "\r\n--b",
    "a",
    "é",
    "\u{1b}$B",
    "a@",
    "@b.",
    "a@b.example ",
    "a#@b.example, ",
    "<a@b.example>: 550 5.1.1 User unknown\r\n",
    "<a#@b.example>: 550 5.1.1 User unknown\r\n",
    "a#@b.example\r\n",
    "Your message to a#@b.example failed\r\n",
    "5.1.1 ",
    "550 ",
    "550 5.0.0 ",
    "4.",
    "=?utf-8?q?a?= ",
    "From: a\r\n",
    "Received: from a\r\nTo: b\r\n",
    "A: b\r\n",
    "message ",
    "Original message\r\n",
    "delivery failed ",
    "Final-Recipient: rfc822; a#@b.example\r\nAction: failed\r\n\r\n",
    ">>> RCPT To:<a#@b.example>\r\n<<< 550 no\r\n",
    "in reply to data ",
];
/// What stands in a header field.
const VALUES: &[&str] = &[
    "@",
    "<",
    "a@b.example, ",
    "=?utf-8?q?a?= ",
    "=?ab?q?x",
    "=?utf-8?b?aaaa ",
    "=?",
    "(",
    "(auth)",
    "(a",
    ";",
    "; a=b",
    "; boundary*0=a",
    "\"",
    "\"\\",
    "\r\n\t@",
    "\r\n ",
    "auth=",
    "a ",
    "ſ",
];
/// What stands in HTML.
const TAGS: &[&str] = &[
    "<",
    "<a",
    "<a>",
    "<br>",
    "<p>a@b.example</p>",
    "<a@b.example>",
    "<style>",
    "&",
    "&#x41;",
    "&lt;",
    "<!--",
    "\" >",
];
/// What stands in the machine-readable part.
const GROUPS: &[&str] = &[
    "a:\r\n",
    "a:\r\n\r\n",
    "\r\n",
    "Final-Recipient: rfc822; a#@b.example\r\n\r\n",
    "Status: 5\r\n\r\n",
    "Final-Recipient: rfc822; a#@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no\r\n\r\n",
    "Diagnostic-Code: smtp; 550 5.1.1 no\r\n",
    "Action: failed\r\n\r\n",
];

/// Every shape there is.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        Shape::new(
            "an attachment in the original",
            &format!(
                "{REPORT}--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: hello\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            ),
            BASE64,
            "\r\n--c--\r\n--b--\r\n",
        ),
        Shape::new(
            "an original in base64",
            &format!("{REPORT}--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            BASE64,
            "--b--\r\n",
        ),
        Shape::new(
            "a letter in base64",
            "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            BASE64,
            "",
        ),
        Shape::new(
            "a letter of soft line breaks",
            "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
            "=\r\n",
            "",
        ),
        Shape::new(
            "a quoted-printable letter",
            "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
            "<p>=E3=81=82 could not be delivered=\r\n</p>\r\n",
            "",
        ),
        Shape::new(
            "a letter in ISO-2022-JP",
            "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n",
            "\u{1b}$BAw?.$G$-$^$;$s\u{1b}(B\r\n",
            "",
        ),
        Shape::new("fields without end", "", "A: b\r\n", ""),
        Shape::new(
            "Received without end",
            "",
            "Received: from a (b [192.0.2.1]) by c with ESMTP; Sat, 3 Jan 2026 01:05:34 +0000\r\n",
            "\r\n",
        ),
        Shape::new("parts without end", "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\na\r\n", ""),
        Shape::new(
            "HTML parts without end",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
            &format!("--b\r\nContent-Type: text/html\r\n\r\n{}\r\n", "&<a>".repeat(4_000)),
            "",
        ),
        Shape::new("lines like boundaries, 25 parts deep", &deep(), "--x\r\n", ""),
        Shape::new("boundaries of boundaries, 25 parts deep", &deep(), "--bbbbbbbbbbbb\r\n", ""),
        Shape::new(
            "parts of the smallest fields",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
            &format!("--b\r\n{}\r\n", "A:\r\n".repeat(4_000)),
            "",
        ),
        Shape::new(
            "groups of more fields than are read",
            STATUS,
            &format!("Final-Recipient: rfc822; a#@b.example\r\n{}\r\n", "A: b\r\n".repeat(53_000)),
            "--b--\r\n",
        ),
        Shape::new("JSON of text", "\r\n{\"Message\":\"", "\\\"", "\"}"),
        Shape::new(
            "JSON of fields",
            "\r\n{\"notificationType\":\"Bounce\",\"mail\":{\"headers\":[{\"name\":\"a\",\"value\":\"b\"}",
            ",{\"name\":\"To\",\"value\":\"a@b.example\"}",
            "]}}",
        ),
        Shape::new("JSON within JSON", "\r\n{\"bounce\":", "[{\"a\":", ""),
        Shape::new(
            "addresses above one reason",
            "\r\nIt failed\r\n\r\n",
            "a#@b.example\r\n",
            &"a line of reasons for it\r\n".repeat(30),
        ),
        Shape::new(
            "sendmail's list",
            "\r\n   ----- The following addresses had permanent fatal errors -----\r\n",
            "<a#@b.example>\r\n",
            "   ----- Transcript of session follows -----\r\n550 no\r\n",
        ),
        Shape::new(
            "sendmail's list above a long conversation",
            "\r\n   ----- The following addresses had permanent fatal errors -----\r\n",
            "<a#@b.example>\r\n",
            &format!("   ----- Transcript of session follows -----\r\n{}", "550 whatever you try\r\n".repeat(100)),
        ),
        Shape::new(
            "sendmail's transcript",
            "\r\n   ----- Transcript of session follows -----\r\n",
            ">>> RCPT To:<a#@b.example>\r\n<<< 550 5.1.1 no\r\n",
            "",
        ),
    ];
    let names = [
        "To",
        "Subject",
        "From",
        "Received",
        "Content-Type",
        "Message-ID",
        "References",
        "X-Failed-Recipients",
        "DKIM-Signature",
        "Date",
    ];
    for name in names {
        for piece in VALUES {
            shapes.push(Shape::new(&format!("{name} of {piece:?}"), &format!("{name}: "), piece, "\r\n\r\n"));
        }
    }
    for piece in LETTERS {
        shapes.push(Shape::new(&format!("a letter of {piece:?}"), "Subject: failure notice\r\n\r\n", piece, ""));
    }
    for piece in TAGS {
        shapes.push(Shape::new(&format!("HTML of {piece:?}"), "Content-Type: text/html\r\n\r\n", piece, ""));
    }
    for (name, text) in [
        ("dashes", "-".repeat(8_000)),
        ("replies", "550-".repeat(2_000)),
        ("beginnings of encoded words", "=?ab?q?x".repeat(1_000)),
        ("words that rules ask for", rule_words(8_000)),
    ] {
        let group = format!(
            "Final-Recipient: rfc822; a#@b.example\r\nAction: failed\r\nDiagnostic-Code: smtp; # {text}\r\n\r\n"
        );
        shapes.push(Shape::new(&format!("diagnostics of {name}"), STATUS, &group, "--b--\r\n"));
        let field =
            format!("{STATUS}Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nDiagnostic-Code: smtp; ");
        shapes.push(Shape::new(&format!("one diagnostic of {name}"), &field, &text, "\r\n\r\n--b--\r\n"));
    }
    for piece in GROUPS {
        shapes.push(Shape::new(&format!("a status of {piece:?}"), STATUS, piece, "\r\n--b--\r\n"));
    }
    shapes
}

/// What the rules look for, as much of it as there is room for.
fn rule_words(bytes: usize) -> String {
    let mut all = String::new();
    for (_, file) in daimon_bounce::shipped_rules() {
        for line in file.lines().filter(|line| line.starts_with("text = ")) {
            all.extend(line.split('"').skip(1).step_by(2).flat_map(|word| [word, " "]));
        }
    }
    all.chars().filter(char::is_ascii).take(bytes).collect()
}

/// Parts within parts, each boundary the start of the next.
fn deep() -> String {
    let mut boundary = "b".to_owned();
    let mut start = format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n");
    for _ in 0..25 {
        let outer = boundary.clone();
        boundary.push('b');
        start.extend(["--", &outer, "\r\nContent-Type: multipart/mixed; boundary=", &boundary, "\r\n\r\n"]);
    }
    start
}

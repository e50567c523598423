//! The forms of `mails/`, filled in.
//!
//! They are what Postfix, Exim, qmail, Exchange Online and others write, by hand: whoever generates mails elsewhere shares
//! nothing with them.

use chrono::{DateTime, TimeDelta, Utc};

use crate::mailbox::{Host, SATO};

/// Puts each value in place of `{{name}}`. A name that the form does not have is a mistake.
pub(crate) fn filled(form: &str, fields: &[(&str, &str)]) -> String {
    let mut text = form.to_owned();
    for (name, value) in fields {
        let mark = format!("{{{{{name}}}}}");
        assert!(text.contains(&mark), "there is no {mark} in\n{form}");
        // A form that ends with a line stands in a line of another one.
        text = text.replace(&mark, value.strip_suffix('\n').unwrap_or(value));
    }
    text
}

/// A queue id.
pub(crate) fn queue(number: i64) -> String {
    format!("4bC{number:04}z9QxK")
}

/// The local part of the Message-ID of a letter that Sato wrote, as Thunderbird makes it.
pub(crate) fn own_id(number: i64) -> String {
    format!("7c1e5d3b-{number:04}-4a8f-9d2e-0b6f3a7c9e51")
}

/// A recipient to whom Sato never wrote.
pub(crate) fn stranger(number: i64) -> String {
    let names =
        ["akira.mori", "b.jones", "info", "k.schmidt", "sales", "m.tanaka", "office", "yuki", "contact", "p.martin"];
    let name = names[usize::try_from(number).unwrap() % names.len()];
    format!("{name}@shop{number}.example")
}

/// What a recipient's server answers.
#[derive(Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) status: &'static str,
    pub(crate) text: &'static str,
}

/// What those answer to whom a thief writes.
pub(crate) const REFUSALS: [Refusal; 5] = [
    Refusal {
        status: "5.1.1",
        text: "550 5.1.1 <{{to}}>: Recipient address rejected: User unknown in virtual mailbox table",
    },
    Refusal { status: "5.7.1", text: "554 5.7.1 Message rejected as spam by Content Filtering." },
    Refusal {
        status: "5.1.1",
        text: "550 5.1.1 The email account that you tried to reach does not exist. d9443c01a7336 - gsmtp",
    },
    Refusal {
        status: "5.2.2",
        text: "552 5.2.2 <{{to}}>: Mailbox is full / Blocks limit exceeded / Inode limit exceeded",
    },
    Refusal {
        status: "5.7.1",
        text: "550 5.7.1 [203.0.113.25] Our system has detected that this message is likely unsolicited mail.",
    },
];

/// One returned mail: to whom, when it was handed in and when it came back.
#[derive(Clone)]
pub(crate) struct Returned {
    pub(crate) number: i64,
    pub(crate) to: String,
    pub(crate) submitted: DateTime<Utc>,
    pub(crate) came_back: DateTime<Utc>,
    pub(crate) refusal: Refusal,
}

impl Returned {
    /// The mail to a stranger with that number, which came back within seconds.
    pub(crate) fn to_a_stranger(number: i64, when: DateTime<Utc>) -> Self {
        let refusal = REFUSALS[usize::try_from(number).unwrap() % REFUSALS.len()];
        Self { number, to: stranger(number), submitted: when - TimeDelta::seconds(4), came_back: when, refusal }
    }

    /// A line of the host that took it, with who signed in where the form says that.
    pub(crate) fn entry(&self, line: &str, helo: &str, ip: &str, login: Option<&str>) -> String {
        let (queue, date) = (queue(self.number), self.submitted.to_rfc2822());
        let login = login.map(|login| ("login", login));
        let rest = [("helo", helo), ("ip", ip), ("to", &self.to), ("queue", &queue), ("date", &date)];
        let fields: Vec<_> = rest.into_iter().chain(login).collect();
        filled(line, &fields)
    }

    /// What a thief writes, in one of two letters.
    pub(crate) fn thiefs_letter(&self, entry: &str) -> String {
        let subject =
            ["Invoice 2025-0602 is overdue", "Your parcel is waiting"][usize::try_from(self.number).unwrap() % 2];
        self.strangers_letter(entry, SATO, subject)
    }

    /// What somebody writes under that name.
    pub(crate) fn strangers_letter(&self, entry: &str, from: &str, subject: &str) -> String {
        let (queue, number, date) = (queue(self.number), self.number.to_string(), self.submitted.to_rfc2822());
        let fields = [
            ("entry", entry),
            ("from", from),
            ("to", &self.to),
            ("subject", subject),
            ("submitted", &date),
            ("queue", &queue),
            ("number", &number),
        ];
        filled(include_str!("mails/letters/thief.eml"), &fields)
    }

    /// Postfix of the own host returns it: a receiving server refused.
    pub(crate) fn by_postfix(&self, letter: &str) -> String {
        let domain = self.to.rsplit('@').next().unwrap();
        let said = self.refusal.text.replace("{{to}}", &self.to);
        let told = format!("host mx.{domain}[192.0.2.81] said:\n    {said} (in reply to end of DATA command)");
        let status = self.refusal.status;
        let fields = format!("Status: {status}\nRemote-MTA: dns; mx.{domain}\nDiagnostic-Code: smtp; {said}");
        self.by_postfix_saying(&told, &fields, letter)
    }

    /// Postfix of the own host returns it, in these words and with these fields.
    pub(crate) fn by_postfix_saying(&self, told: &str, fields: &str, letter: &str) -> String {
        let (queue, returned, submitted) =
            (queue(self.number), self.came_back.to_rfc2822(), self.submitted.to_rfc2822());
        let all = [
            ("queue", queue.as_str()),
            ("date", &returned),
            ("submitted", &submitted),
            ("to", &self.to),
            ("told", told),
            ("fields", fields),
            ("letter", letter),
        ];
        filled(include_str!("mails/returned/postfix.eml"), &all)
    }

    /// Exim of a shared server returns it: a receiving server refused.
    pub(crate) fn by_exim(&self, letter: &str) -> String {
        let domain = self.to.rsplit('@').next().unwrap();
        let said = self.refusal.text.replace("{{to}}", &self.to);
        let told = format!(
            "host mx.{domain} [192.0.2.81]\n    SMTP error from remote mail server after end of data:\n    {said}"
        );
        let fields = format!("Status: 5.0.0\nRemote-MTA: dns; mx.{domain}\nDiagnostic-Code: smtp; {said}");
        self.by_exim_saying(&told, &fields, letter)
    }

    /// Exim of a shared server returns it, in these words and with these fields.
    pub(crate) fn by_exim_saying(&self, told: &str, fields: &str, letter: &str) -> String {
        let (queue, date) = (queue(self.number), self.came_back.to_rfc2822());
        let all = [
            ("queue", queue.as_str()),
            ("date", &date),
            ("to", &self.to),
            ("told", told),
            ("fields", fields),
            ("letter", letter),
        ];
        filled(include_str!("mails/returned/exim.eml"), &all)
    }

    /// A server far away that had accepted it returns it to `sender`: Postfix, qmail or Exim in turn. `entry` is what the
    /// letter shows below that server's own line.
    pub(crate) fn by_a_foreign_host(&self, host: Host, sender: &str, letter: &str) -> String {
        let domain = self.to.rsplit('@').next().unwrap();
        let mx = format!("mx.{domain}");
        let form = [
            include_str!("mails/returned/foreign-postfix.eml"),
            include_str!("mails/returned/foreign-qmail.eml"),
            include_str!("mails/returned/foreign-exim.eml"),
        ][usize::try_from(self.number).unwrap() % 3];
        let (queue, date) = (queue(self.number), self.came_back.to_rfc2822());
        let arrival = host.takes("", &mx, "192.0.2.81", self.number, self.came_back);
        let all = [
            ("arrival", arrival.as_str()),
            ("queue", &queue),
            ("date", &date),
            ("mx", &mx),
            ("sender", sender),
            ("to", &self.to),
            ("letter", letter),
        ];
        let known: Vec<_> = all.into_iter().filter(|(name, _)| form.contains(&format!("{{{{{name}}}}}"))).collect();
        filled(form, &known)
    }
}

/// Lines with which Postfix takes a mail from somebody who signs in.
pub(crate) const SIGNED_IN: &str = include_str!("mails/lines/signed-in-at-postfix.txt");

/// The bounce of a thief's mail: handed in at the own Postfix by somebody who knows Sato's password.
pub(crate) fn stolen(number: i64, when: DateTime<Utc>) -> String {
    let mail = Returned::to_a_stranger(number, when);
    let entry = mail.entry(SIGNED_IN, "WIN-7K2PQ4", "198.51.100.66", Some(SATO));
    mail.by_postfix(&mail.thiefs_letter(&entry))
}

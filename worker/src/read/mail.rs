//! From a message as received to what is stored of it and what the detector sees of it.
//!
//! Reading runs on the blocking pool, each message by itself: one that makes the reader panic is put aside and costs the
//! others nothing. A batch is read in parts, because one transaction must not grow with what a stranger writes: a few hundred
//! messages may name a million recipients.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::IntoIter;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Kind, Recipient, Report};
use daimon_domain::id::{BounceId, MailboxId, uuid_v7};
use daimon_seal::KeyedHash;

use crate::poll::{Mail, header_block};

/// So many recipients of one message are stored, as many as mail servers take for one message; the rest is counted.
pub(crate) const MOST_RECIPIENTS: usize = 1_000;
/// With so many bounces a part is complete, so that it never has twice as many.
const A_PART: usize = 1_000;

/// A message, read.
pub(crate) struct ReadMail {
    /// Its UID.
    pub(crate) uid: u32,
    /// When the server got it; where it did not say, what the message says of itself.
    pub(crate) received_at: DateTime<Utc>,
    /// Whether somebody had read it before us; `None` when the server did not say.
    pub(crate) is_seen: Option<bool>,
    /// A keyed hash of its header block: what makes the ids of its bounces.
    pub(crate) header_hash: [u8; 32],
    /// What it says. Of a bounce each recipient is named once, and no more than [`MOST_RECIPIENTS`].
    pub(crate) report: Report,
    /// How many more recipients it names.
    pub(crate) left_out: usize,
}

/// The outcome for each message of a part.
#[derive(Default)]
pub(crate) struct ReadPart {
    /// What could be read.
    pub(crate) mails: Vec<ReadMail>,
    /// UIDs of messages that made the reader panic.
    pub(crate) crashed: Vec<u32>,
    /// The last message of it.
    pub(crate) through_uid: u32,
}

/// Reads whole messages until there is enough for one transaction, and leaves the rest.
pub(crate) fn read_part(mails: &mut IntoIter<Mail>, hash: &KeyedHash) -> ReadPart {
    let mut part = ReadPart::default();
    let mut bounces = 0;
    while bounces < A_PART
        && let Some(mail) = mails.next()
    {
        part.through_uid = mail.uid;
        match catch_unwind(AssertUnwindSafe(|| read(&mail, hash))) {
            Ok(read) => {
                bounces += read.bounced().len();
                part.mails.push(read);
            }
            Err(_panic) => part.crashed.push(mail.uid),
        }
    }
    part
}

fn read(mail: &Mail, hash: &KeyedHash) -> ReadMail {
    let mut report = daimon_bounce::read(&mail.bytes);
    let mut left_out = 0;
    if is_bounce(&report) {
        let mut known = HashSet::with_capacity(report.recipients.len());
        report.recipients.retain(|recipient| known.insert(recipient.address.clone()));
        left_out = report.recipients.len().saturating_sub(MOST_RECIPIENTS);
        report.recipients.truncate(MOST_RECIPIENTS);
    }
    ReadMail {
        uid: mail.uid,
        received_at: mail.internal_date.or(report.envelope.date).unwrap_or(DateTime::UNIX_EPOCH),
        is_seen: mail.is_seen,
        header_hash: hash.hash(&[b"header", header_block(&mail.bytes)]),
        report,
        left_out,
    }
}

const fn is_bounce(report: &Report) -> bool {
    matches!(report.kind, Kind::Bounce | Kind::Delay)
}

impl ReadMail {
    /// Those of whom a failure or delay is told; each address once.
    pub(crate) fn bounced(&self) -> &[Recipient] {
        if is_bounce(&self.report) { &self.report.recipients } else { &[] }
    }

    /// The same however often, and in whichever folder, the message is read.
    pub(crate) fn bounce_id(&self, hash: &KeyedHash, mailbox: MailboxId, recipient: &str) -> BounceId {
        let whole = hash.hash(&[b"bounce", mailbox.as_uuid().as_bytes(), &self.header_hash, recipient.as_bytes()]);
        let random = whole.first_chunk::<10>().copied().unwrap_or_default();
        BounceId::from_uuid(uuid_v7(self.received_at, random))
    }
}

#[cfg(test)]
mod tests {
    use daimon_seal::MasterKey;

    use super::*;

    fn hash() -> KeyedHash {
        let key = "07".repeat(32);
        MasterKey::from_hex(&key).unwrap().keyed_hash(daimon_domain::id::MspId::from_uuid(uuid::Uuid::from_u128(1)))
    }

    fn mail(uid: u32, text: &str) -> Mail {
        let bytes = text.as_bytes().to_vec();
        let internal_date = DateTime::from_timestamp(1_700_000_000, 0);
        Mail { uid, internal_date, is_seen: None, size: None, bytes, is_cut: false }
    }

    /// A report of as many recipients as it has room for.
    fn maximal(uid: u32, most: usize) -> Mail {
        let mut text = format!(
            "From: MAILER-DAEMON@evil.test\r\nMessage-ID: <{uid}@evil.test>\r\nSubject: Undelivered Mail\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; evil.test\r\n\r\n"
        );
        for number in 0.. {
            if text.len() + 80 >= most {
                break;
            }
            let fields =
                ["Final-Recipient: rfc822;", &number.to_string(), "@a.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"];
            text.extend(fields);
        }
        mail(uid, &(text + "--x--\r\n"))
    }

    #[test]
    fn a_bounce_has_the_same_id_under_another_uid_and_another_for_another_recipient() {
        let mailbox = MailboxId::from_uuid(uuid::Uuid::from_u128(2));
        let first = read(&mail(1, "Subject: x\r\n\r\nbody"), &hash());
        let moved = read(&mail(9, "Subject: x\r\n\r\nbody"), &hash());
        let id = |mail: &ReadMail, to| mail.bounce_id(&hash(), mailbox, to);
        assert_eq!(id(&first, "a@b.example"), id(&moved, "a@b.example"));
        assert_ne!(id(&first, "a@b.example"), id(&first, "c@b.example"));
    }

    #[test]
    fn two_hundred_reports_of_all_the_recipients_they_have_room_for_are_read_in_bounded_parts() {
        let most = usize::try_from(crate::poll::Limits::default().message).unwrap();
        let one = maximal(0, most);
        let mails: Vec<_> = (1..=200).map(|uid| Mail { uid, ..one.clone() }).collect();
        let mut unread = mails.into_iter();
        let mut through = Vec::new();
        while unread.len() > 0 {
            let part = read_part(&mut unread, &hash());
            let bounces: usize = part.mails.iter().map(|mail| mail.bounced().len()).sum();
            assert!((1..2 * MOST_RECIPIENTS).contains(&bounces), "{bounces}");
            assert!(part.mails.iter().all(|mail| mail.left_out > 2_000));
            through.push(part.through_uid);
        }
        assert_eq!(through, (1..=200).collect::<Vec<_>>(), "each part ends with a whole message");
    }

    #[test]
    fn a_part_holds_many_small_reports_and_names_each_recipient_once() {
        let mut twice = maximal(1, 20_000);
        let text = String::from_utf8(twice.bytes.clone()).unwrap();
        let (head, recipients) = text.split_once("evil.test\r\n\r\nFinal").unwrap();
        let recipients = recipients.trim_end_matches("--x--\r\n");
        twice.bytes = format!("{head}evil.test\r\n\r\nFinal{recipients}Final{recipients}--x--\r\n").into_bytes();
        let counts = read(&maximal(1, 20_000), &hash()).bounced().len();
        let read = read(&twice, &hash());
        assert!(counts > 100);
        assert_eq!((read.bounced().len(), read.left_out), (counts, 0));

        let mails: Vec<_> = (1..=100).map(|uid| maximal(uid, 700)).collect();
        let mut unread = mails.into_iter();
        assert_eq!(read_part(&mut unread, &hash()).through_uid, 100);
    }
}

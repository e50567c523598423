//! From a message as received to what is stored of it and what the detector sees of it.
//!
//! Reading runs on the blocking pool, each message by itself: one that makes the reader panic is put aside and costs the
//! others nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Kind, Recipient, Report};
use daimon_domain::id::{BounceId, MailboxId, uuid_v7};
use daimon_seal::KeyedHash;
use tokio::task::JoinError;

use crate::poll::Mail;

/// A message, read.
pub(crate) struct ReadMail {
    /// Its UID.
    pub(crate) uid: u32,
    /// When the server got it; where it did not say, what the message says of itself.
    pub(crate) received_at: DateTime<Utc>,
    /// A keyed hash of its header block: what makes the ids of its bounces.
    pub(crate) header_hash: [u8; 32],
    /// What it says.
    pub(crate) report: Report,
}

/// The outcome for each message of a batch.
#[derive(Default)]
pub(crate) struct ReadBatch {
    /// What could be read.
    pub(crate) mails: Vec<ReadMail>,
    /// UIDs of messages that made the reader panic.
    pub(crate) crashed: Vec<u32>,
}

/// Reads a batch. An error means that it was not read: the program ends.
pub(crate) async fn read(mails: Vec<Mail>, hash: KeyedHash) -> Result<ReadBatch, JoinError> {
    let read_all = move || {
        let mut batch = ReadBatch::default();
        for mail in &mails {
            let read = || (daimon_bounce::read(&mail.bytes), hash.hash(&[b"header", header_block(&mail.bytes)]));
            match catch_unwind(AssertUnwindSafe(read)) {
                Ok((report, header_hash)) => batch.mails.push(ReadMail {
                    uid: mail.uid,
                    received_at: mail.internal_date.or(report.envelope.date).unwrap_or(DateTime::UNIX_EPOCH),
                    header_hash,
                    report,
                }),
                Err(_panic) => batch.crashed.push(mail.uid),
            }
        }
        batch
    };
    tokio::task::spawn_blocking(read_all).await
}

/// Everything up to the first empty line.
fn header_block(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .into_iter()
        .chain(bytes.windows(4).position(|four| four == b"\r\n\r\n"))
        .min();
    end.and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

impl ReadMail {
    /// Those of whom a failure or delay is told; each address once.
    pub(crate) fn bounced(&self) -> Vec<&Recipient> {
        let is_bounce = matches!(self.report.kind, Kind::Bounce | Kind::Delay);
        let mut found: Vec<&Recipient> = Vec::new();
        for recipient in self.report.recipients.iter().filter(|_| is_bounce) {
            if !found.iter().any(|known| known.address == recipient.address) {
                found.push(recipient);
            }
        }
        found
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

    async fn one(uid: u32, text: &str) -> ReadMail {
        let mail = Mail {
            uid,
            internal_date: DateTime::from_timestamp(1_700_000_000, 0),
            size: None,
            bytes: text.as_bytes().to_vec(),
            is_cut: false,
        };
        read(vec![mail], hash()).await.unwrap().mails.remove(0)
    }

    #[tokio::test]
    async fn a_bounce_has_the_same_id_under_another_uid_and_another_for_another_recipient() {
        let mailbox = MailboxId::from_uuid(uuid::Uuid::from_u128(2));
        let first = one(1, "Subject: x\r\n\r\nbody").await;
        let moved = one(9, "Subject: x\r\n\r\nbody").await;
        let id = |mail: &ReadMail, to| mail.bounce_id(&hash(), mailbox, to);
        assert_eq!(id(&first, "a@b.example"), id(&moved, "a@b.example"));
        assert_ne!(id(&first, "a@b.example"), id(&first, "c@b.example"));
    }

    #[test]
    fn a_batch_that_was_not_read_is_not_an_empty_one() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let mail = Mail { uid: 1, internal_date: None, size: None, bytes: b"Subject: x".to_vec(), is_cut: false };
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let inside = async {
            let _inside = handle.enter();
            read(vec![mail], hash()).await
        };
        assert!(other.block_on(inside).is_err());
    }

    #[test]
    fn the_header_block_ends_at_the_first_empty_line() {
        assert_eq!(header_block(b"A: b\r\n\r\nbody\n\n"), b"A: b");
        assert_eq!(header_block(b"A: b\n\nbody\r\n\r\n"), b"A: b");
        assert_eq!(header_block(b"A: b"), b"A: b");
    }
}

//! The messages that may be reports: first the header of each, then those whole.
//!
//! In a flood nearly every message is one. To ask for headers first would then only have the server open each of a hundred
//! thousand messages twice, so both come at once, and what turns out to be no report is forgotten unread like any other.
//! Where it is settled what a flood is, its reports are counted by their headers, and a sample of them is read.

use super::candidate;
use super::fetch::{Fetched, fetch};
use super::mail::{Ahead, Batch, Glance, Mail, PutAside, Unreadable};
use super::session::{HEADER, Session};
use super::{Limits, Sample, SessionError};

/// Octets of whole messages fetched by one command.
const OCTETS_A_COMMAND: u64 = 2 << 20;
/// Messages of unknown size fetched by one command: as large as they may be, they are no more than a batch holds.
const WHOLE_A_COMMAND: usize = 32;
/// It is a flood when of so many messages in a row no more than one in twenty was no report.
const A_FLOOD: usize = 100;
const OTHERS_IN_A_FLOOD: usize = 20;

impl Session {
    /// Reads what may be reports among what comes next.
    pub async fn reports(&mut self, ahead: &Ahead, sample: Option<&mut Sample>) -> Result<Batch<Mail>, SessionError> {
        let was_flood = std::mem::take(&mut self.is_flood) && sample.is_none();
        let batch = if was_flood { self.all_at_once(ahead).await? } else { self.headers_first(ahead, sample).await? };
        let others = batch.looked_at.saturating_sub(batch.items.len());
        let held: usize = batch.items.iter().map(|mail| mail.bytes.len()).sum();
        let is_small = held as u64 <= self.limits.held / 2;
        self.is_flood = is_small && batch.looked_at >= A_FLOOD && others <= batch.looked_at / OTHERS_IN_A_FLOOD;
        Ok(batch)
    }

    async fn headers_first(&mut self, ahead: &Ahead, sample: Option<&mut Sample>) -> Result<Batch<Mail>, SessionError> {
        let fields = candidate::FIELDS;
        let items = format!("UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({fields})]<0.{HEADER}>");
        let mut put_aside = Vec::new();
        let messages = fetch(&mut self.wire, &ahead.uids, &items, &mut put_aside).await?;
        let (mut wanted, others): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|(_, told)| told.bytes.as_deref().is_none_or(candidate::may_be_report));

        let mut batch = Batch::of(ahead);
        if let Some(sample) = sample {
            let counted =
                wanted.extract_if(.., |(_, told)| told.bytes.as_deref().is_some_and(|header| !sample.takes(header)));
            batch.counted = counted.map(|(uid, _)| uid).collect();
        }
        if let Some(first) = first_beyond(&wanted, &self.limits) {
            wanted.retain(|(uid, _)| *uid < first);
            (batch.through_uid, batch.next_uid) = (first.saturating_sub(1), Some(first));
        }
        for chunk in wanted.chunk_by({
            let (mut octets, most) = (0, self.limits.message);
            move |(_, one), (_, next)| {
                octets += one.octets(most);
                let fits = octets + next.octets(most) <= OCTETS_A_COMMAND;
                let goes_on = fits && one.is_within(most) && next.is_within(most);
                octets = if goes_on { octets } else { 0 };
                goes_on
            }
        }) {
            match self.bodies(chunk, &mut put_aside).await {
                Ok(items) => batch.items.extend(items),
                Err(fault) => {
                    let from = chunk.first().map_or(ahead.first_uid, |(uid, _)| *uid);
                    let mut read = from.saturating_sub(1);
                    if let ([(uid, _)], SessionError::TooMuch(_)) = (chunk, &fault) {
                        put_aside.push(PutAside { uid: *uid, because: Unreadable::TooLarge });
                        read = *uid;
                    }
                    if read < ahead.first_uid {
                        return Err(fault);
                    }
                    batch.through_uid = read;
                    batch.next_uid = None;
                    batch.fault = Some(fault);
                    break;
                }
            }
        }
        settle(batch, &others, put_aside)
    }

    async fn all_at_once(&mut self, ahead: &Ahead) -> Result<Batch<Mail>, SessionError> {
        let most = self.limits.message;
        let items = format!("UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.{most}>");
        let (mut batch, mut put_aside, mut others) = (Batch::of(ahead), Vec::new(), Vec::new());
        let mut held = 0;
        for chunk in ahead.uids.chunks(WHOLE_A_COMMAND) {
            let first = chunk.first().copied().unwrap_or(ahead.first_uid);
            if held > self.limits.held {
                (batch.through_uid, batch.next_uid) = (first.saturating_sub(1), Some(first));
                break;
            }
            let messages = match fetch(&mut self.wire, chunk, &items, &mut put_aside).await {
                Ok(messages) => messages,
                Err(fault) if first == ahead.first_uid => return Err(fault),
                Err(fault) => {
                    (batch.through_uid, batch.next_uid, batch.fault) = (first.saturating_sub(1), None, Some(fault));
                    break;
                }
            };
            for (uid, mut told) in messages {
                let Some(bytes) = told.bytes.take() else { continue };
                held += bytes.len() as u64;
                let header = super::mail::header_block(&bytes);
                if candidate::may_be_report(header) {
                    batch.items.push(mail(uid, &told, bytes, most));
                } else {
                    told.bytes = Some(header.to_vec());
                    others.push((uid, told));
                }
            }
        }
        settle(batch, &others, put_aside)
    }

    /// Fetches the messages themselves, up to [`Limits::message`] octets each.
    async fn bodies(
        &mut self,
        wanted: &[(u32, Fetched)],
        put_aside: &mut Vec<PutAside>,
    ) -> Result<Vec<Mail>, SessionError> {
        let most = self.limits.message;
        let uids: Vec<_> = wanted.iter().map(|(uid, _)| *uid).collect();
        let mut messages = fetch(&mut self.wire, &uids, &format!("UID BODY.PEEK[]<0.{most}>"), put_aside).await?;
        // NIL: it vanished in between.
        let items = wanted.iter().filter_map(|(uid, told)| Some(mail(*uid, told, messages.remove(uid)?.bytes?, most)));
        Ok(items.collect())
    }
}

/// Completes a batch with what is told of the other messages.
fn settle(
    mut batch: Batch<Mail>,
    others: &[(u32, Fetched)],
    mut put_aside: Vec<PutAside>,
) -> Result<Batch<Mail>, SessionError> {
    if batch.items.is_empty() && put_aside.iter().filter(|aside| aside.because == Unreadable::Withheld).count() > 1 {
        // Not bad messages, but a bad hour of the server.
        return Err(batch.fault.unwrap_or(SessionError::Busy("nothing can be read")));
    }
    put_aside.retain(|aside| aside.uid <= batch.through_uid);
    batch.counted.retain(|uid| *uid <= batch.through_uid);
    for (_, told) in others.iter().filter(|(uid, _)| *uid <= batch.through_uid) {
        batch.quoted.extend(told.bytes.as_deref().and_then(|header| candidate::answer(header, told.internal_date)));
        let found = told.internal_date.zip(told.is_seen);
        batch.glanced.extend(found.map(|(at, is_seen)| Glance { at, is_seen }));
    }
    batch.put_aside = put_aside;
    Ok(batch)
}

/// A message of which at most so much was asked for.
fn mail(uid: u32, told: &Fetched, mut bytes: Vec<u8>, most: u32) -> Mail {
    let fits = usize::try_from(most).unwrap_or(usize::MAX);
    let is_cut = bytes.len() >= fits && told.size.is_none_or(|size| size > most);
    bytes.truncate(fits);
    Mail { uid, internal_date: told.internal_date, is_seen: told.is_seen, size: told.size, bytes, is_cut }
}

/// The first message that would be too much to hold beside those before it.
fn first_beyond(wanted: &[(u32, Fetched)], limits: &Limits) -> Option<u32> {
    let mut held = 0;
    let sums = wanted.iter().map(|(uid, told)| {
        held += told.octets(limits.message);
        (*uid, held)
    });
    sums.skip(1).find(|(_, held)| *held > limits.held).map(|(uid, _)| uid)
}

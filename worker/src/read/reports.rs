//! The reports of a folder, batch by batch: fetched, read, weighed and stored.
//!
//! Where nothing is suspected, a batch is fetched and read while the one before it is stored, so that server, reader and
//! database all have something to do. Never more than two are in hand, and both are written down before.
//!
//! Beyond a bound, in a flood of which it is settled what it is, a sample is read and the rest is counted.

use std::vec::IntoIter;

use daimon_domain::clock::Clock;
use daimon_domain::mailbox::Checkpoint;
use daimon_store::in_hand::InHand;
use daimon_store::quarantine::Quarantined;
use tokio::time::Instant;

use super::alone;
use super::commit::{Found, commit, nothing};
use super::hands;
use super::job::{PollError, Reader};
use super::mail::{ReadPart, read_part};
use super::session::may_go_on;
use super::work::Work;
use crate::poll::{Ahead, Batch, Folder, Mail, Sample, Selected, Session};

/// An open folder.
#[derive(Clone, Copy)]
pub(super) struct Open<'a> {
    pub(super) folder: &'a Folder,
    pub(super) selected: Selected,
}

/// A batch as it came, with as much of it read as fits into one transaction.
struct Came {
    /// Without its messages: they are in `part` and `unread`.
    batch: Batch<Mail>,
    part: ReadPart,
    unread: IntoIter<Mail>,
}

/// Reads one batch; where the next begins. `again` is for a message that had been put aside, with where the folder stands.
pub(super) async fn read(
    ctx: &Reader,
    work: &mut Work,
    session: &mut Session,
    open: Open<'_>,
    ahead: &Ahead,
    again: Option<(Quarantined, Checkpoint)>,
) -> Result<Option<u32>, PollError> {
    let ends = session.ends();
    let batch = alone::within(work.seat.longest(), session.reports(ahead, None)).await?;
    let came = read_beginning(ctx, work.seat.is_alone(), work.hash.clone(), batch).await?;
    store(ctx, work, open, came, again, nothing(), ends).await
}

/// Reads batch after batch from UID `first` on, to the folder's end or as long as there is time; where to go on.
pub(super) async fn read_on(
    ctx: &Reader,
    work: &mut Work,
    session: &mut Session,
    open: Open<'_>,
    first: u32,
) -> Result<Option<u32>, PollError> {
    let (most, ends, hash) = (session.batch(), session.ends(), work.hash.clone());
    let both = session.ahead(open.selected, first, 2 * most).await?;
    hands::take(ctx, work, open.folder, open.selected, &both).await?;
    let mut sample = Sample::default();
    let batch = session.reports(&both.beginning(most), is_settled(ctx, work).then_some(&mut sample)).await?;
    let mut came = read_beginning(ctx, false, hash.clone(), batch).await?;
    loop {
        let has_time = came.batch.fault.is_none() && may_go_on(ctx.stop.is_cancelled(), ends).is_ok();
        let planned = match came.batch.next_uid.filter(|_| has_time) {
            Some(first) => session.ahead(open.selected, first, 2 * most).await.map(Some),
            None => Ok(None),
        };
        let both = planned.as_ref().ok().and_then(Option::as_ref);
        let then = both.and_then(|both| hands::of(open.folder, open.selected, both)).unwrap_or_else(nothing);
        let sample = is_settled(ctx, work).then_some(&mut sample);
        let fetching = async {
            let Some(both) = both else { return Ok::<_, PollError>(None) };
            let fetched = session.reports(&both.beginning(most), sample).await;
            Ok(Some(match fetched {
                Ok(batch) => read_beginning(ctx, false, hash.clone(), batch).await,
                Err(error) => Err(error.into()),
            }))
        };
        let storing = Box::pin(store(ctx, work, open, came, None, then, ends));
        let (next, fetched) = tokio::try_join!(storing, fetching)?;
        planned?;
        match fetched {
            Some(fetched) => came = fetched?,
            None => return Ok(next),
        }
    }
}

/// Whether enough was read to know what comes, and more of the same would tell nothing.
fn is_settled(ctx: &Reader, work: &Work) -> bool {
    ctx.read_all_up_to.is_some_and(|most| work.reports >= most) && work.memory.is_settled(ctx.time.now())
}

/// Reads the first part of a batch.
async fn read_beginning(
    ctx: &Reader,
    is_alone: bool,
    hash: daimon_seal::KeyedHash,
    mut batch: Batch<Mail>,
) -> Result<Came, PollError> {
    let mut unread = std::mem::take(&mut batch.items).into_iter();
    let reading = move || (read_part(&mut unread, &hash), unread);
    let (part, unread) = ctx.room.blocking(is_alone, reading).await?;
    Ok(Came { batch, part, unread })
}

/// Stores a batch, part by part; where the next one begins. `then` is in hand after it.
async fn store(
    ctx: &Reader,
    work: &mut Work,
    open: Open<'_>,
    came: Came,
    again: Option<(Quarantined, Checkpoint)>,
    then: InHand,
    ends: Instant,
) -> Result<Option<u32>, PollError> {
    let Came { mut batch, mut part, mut unread } = came;
    let mut put_aside: Vec<_> = batch.put_aside.iter().map(|aside| (aside.uid, aside.because.as_str())).collect();
    let (again, stays) = again.unzip();
    loop {
        let is_rest = unread.len() == 0;
        let through = if is_rest { batch.through_uid } else { part.through_uid };
        put_aside.extend(part.crashed.iter().map(|uid| (*uid, "unreadable")));
        let found = Found {
            folder: open.folder.name.clone(),
            place: open.folder.role.into(),
            checkpoint: stays.unwrap_or(open.selected.checkpoint(through)),
            mails: part.mails,
            quoted: std::mem::take(&mut batch.quoted),
            glanced: std::mem::take(&mut batch.glanced),
            counted: batch.counted.extract_if(.., |uid| *uid <= through).count(),
            put_aside: put_aside.extract_if(.., |(uid, _)| *uid <= through).collect(),
            again: again.clone(),
            then: is_rest.then(|| then.clone()),
        };
        commit(ctx, work, found).await?;
        if is_rest {
            break;
        }
        may_go_on(ctx.stop.is_cancelled(), ends)?;
        let hash = work.hash.clone();
        let reading = move || (read_part(&mut unread, &hash), unread);
        (part, unread) = ctx.room.blocking(work.seat.is_alone(), reading).await?;
    }
    batch.fault.map_or(Ok(batch.next_uid), |fault| Err(fault.into()))
}

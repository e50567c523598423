//! What a client asked for on a mailbox, done in a session of its own.
//!
//! A server that is away, or breaks off, counts as when the mailbox is read, and is tried again for an hour. What has more than a
//! session's time to do goes on in another one.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::logging::chain;
use daimon_domain::clock::Clock;
use daimon_domain::job::JobFailure;
use daimon_domain::mailbox::Connection;
use daimon_store::StoreError;

use super::asked::Held;
use super::job::{PollError, Reader};
use super::outcome;
use super::work::Work;
use crate::poll::SessionError;
use crate::token::NoToken;

/// Whoever asks for an access token has it by then.
const TOKEN: TimeDelta = TimeDelta::seconds(2);
/// A server that broke off is tried again after so long, if the mailbox is not to be left alone for longer.
const AGAIN: TimeDelta = TimeDelta::minutes(1);
/// A server that is away for so long, while nothing comes further, may be away for days.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// Why it is not done.
#[derive(Debug)]
pub(super) enum NotDone {
    /// And never will be.
    ForGood(JobFailure),
    /// Not now.
    ForNow(PollError),
}

impl From<PollError> for NotDone {
    fn from(error: PollError) -> Self {
        Self::ForNow(error)
    }
}

impl From<SessionError> for NotDone {
    fn from(error: SessionError) -> Self {
        if matches!(error, SessionError::NoFolder) {
            // Ours, or INBOX: where else would mail be moved.
            return Self::ForGood(JobFailure::FolderRefused);
        }
        Self::ForNow(error.into())
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self::ForNow(error.into())
    }
}

/// Does it as far as it can be done now. What it brought, or why it never will; `None`: the job is given back, to go on later.
pub(super) async fn run<T>(
    held: &Held,
    ctx: &Reader,
    work: Work,
    errand: impl AsyncFnOnce(&Work) -> Result<T, NotDone>,
) -> Result<Option<Result<T, JobFailure>>, StoreError> {
    let (host, borrowed, connection) = (work.mailbox.server.host.clone(), work.lease, work.mailbox.connection.clone());
    let not_before = work.mailbox.next_poll_at;
    let ended = match &connection {
        Connection::CredentialRefused { .. } => Err(NotDone::ForGood(JobFailure::CannotSignIn)),
        // Its server is to be left alone for a while.
        Connection::Unreachable { .. } if not_before > held.since => Err(NotDone::ForNow(PollError::Unfinished)),
        Connection::New | Connection::Connected { .. } | Connection::Unreachable { .. } => tokio::select! {
            ended = Box::pin(ctx.room.run(work.seat.mark(), errand(&work))) => ended,
            lost = held.keep(ctx, &work) => Err(lost.into()),
            () = ctx.hurry.cancelled() => Err(PollError::Stopped.into()),
        },
    };
    let now = ctx.time.now();
    let ended = match ended {
        Err(NotDone::ForNow(error)) if error.fault().is_some() => {
            let (job, id) = (held.job.id, work.id());
            tracing::info!(job.id = %job, mailbox.id = %id, error = %chain(&error), "job {job} on mailbox {id} was broken off");
            let wait = if matches!(error, PollError::NoToken(NoToken::Awaited)) { TOKEN } else { AGAIN };
            // Counted and told as if reading it had failed so.
            let recorded = Box::pin(outcome::record(ctx, work, Err(error))).await;
            ctx.leave_host(&host, borrowed.token).await;
            recorded?;
            return put_off(held, ctx, now + wait).await;
        }
        ended => ended,
    };
    let is_new = ended.is_ok() && !matches!(connection, Connection::Connected { .. });
    let given_back = held.give_back(ctx, &borrowed, is_new.then_some(now)).await;
    ctx.leave_host(&host, borrowed.token).await;
    given_back?;
    match ended {
        Ok(brought) => Ok(Some(Ok(brought))),
        Err(NotDone::ForGood(why)) => Ok(Some(Err(why))),
        Err(NotDone::ForNow(PollError::Store(error))) => Err(error),
        Err(NotDone::ForNow(PollError::Sealed)) => Ok(Some(Err(JobFailure::CannotSignIn))),
        Err(NotDone::ForNow(PollError::NoToken(_))) => put_off(held, ctx, now + TOKEN).await,
        Err(NotDone::ForNow(PollError::Unfinished)) if matches!(connection, Connection::Unreachable { .. }) => {
            put_off(held, ctx, not_before.max(now + TOKEN)).await
        }
        // There is more, or somebody else goes on.
        Err(NotDone::ForNow(_)) => {
            held.postpone(ctx, now).await?;
            Ok(None)
        }
    }
}

async fn put_off<T>(held: &Held, ctx: &Reader, at: DateTime<Utc>) -> Result<Option<Result<T, JobFailure>>, StoreError> {
    if at > held.job.progressed_at + LONGEST {
        return Ok(Some(Err(JobFailure::ServerAway)));
    }
    held.postpone(ctx, at).await?;
    Ok(None)
}

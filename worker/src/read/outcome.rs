//! How a session's end changes the mailbox, and when it is read next.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::logging::chain;
use daimon_domain::clock::{Clock, Entropy};
use daimon_domain::event::EventType;
use daimon_domain::id::MailboxId;
use daimon_domain::job::JobEnd;
use daimon_domain::mailbox::{Connection, ConnectionFault};
use daimon_store::mailbox::MailboxEnd;
use daimon_store::{StoreError, incident, mailbox};
use daimon_verdict::Signal;
use serde_json::json;

use super::give_back::Held;
use super::incident::move_on;
use super::job::{PollError, Reader};
use super::tell::{self, of_mailbox};
use super::work::Work;
use crate::idle::{self, Begun};
use crate::token::NoToken;

/// So many failures in a row are worth telling.
const TOLD_FAILURES: u32 = 5;
/// Hosts lock accounts after a few refused passwords in a short time.
const REFUSED_WAIT: TimeDelta = TimeDelta::minutes(10);
/// A password that can't be opened waits for its key.
const KEY_MISSING_WAIT: TimeDelta = TimeDelta::minutes(5);
/// Whoever asks for an access token has it by then, or it takes longer.
const TOKEN_WAIT: TimeDelta = TimeDelta::seconds(2);
/// So many sign-ins with a token that is not let in, and from then on one in an hour: no account is locked for it, and what
/// an administrator allows takes a while to arrive.
const OFTEN: u32 = 3;
const SELDOM: TimeDelta = TimeDelta::hours(1);
/// With so many sign-ins that failed for no cause that was named, an hour has passed. The password may be wrong, and servers
/// that don't say so (Courier) lock accounts all the same: from then on one in an hour.
const UNCLEAR: u32 = 6;
/// A mailbox that processes died of is looked at again, but not read.
const SET_ASIDE_WAIT: TimeDelta = TimeDelta::days(1);
/// A mailbox with an incident, or one that is watched, for its own sake or for a stolen one's with the same password, is
/// read this often.
pub(super) const WATCHED_INTERVAL_S: u32 = 60;
/// One whose server tells of new mail is read this often all the same: for its other folders, for what the server did not tell,
/// and to see that its password still holds.
const WAITED_INTERVAL_S: u32 = 900;

/// Records how a session ended, or else gives the mailbox back: only a process that died leaves it.
pub(super) async fn record(ctx: &Reader, work: Work, ended: Result<(), PollError>) -> Result<JobEnd, StoreError> {
    let held = Held::of(&work);
    match Box::pin(recorded(ctx, work, ended)).await {
        Ok(Some(end)) => Ok(end),
        Ok(None) => {
            ctx.give_back(held).await;
            Ok(JobEnd::Done)
        }
        Err(error) => {
            ctx.give_back(held.after(&error)).await;
            Err(error)
        }
    }
}

/// One transaction with what people are told of it. `None`: the mailbox is in other hands.
async fn recorded(ctx: &Reader, mut work: Work, ended: Result<(), PollError>) -> Result<Option<JobEnd>, StoreError> {
    let now = ctx.time.now();
    let id = work.id();
    match ended {
        Ok(()) | Err(PollError::Unfinished) => {
            let is_whole = ended.is_ok();
            let connection = work.mailbox.connection.succeeded(now);
            let memory = &mut work.memory;
            let event = if !memory.told_connected {
                Some(EventType::MailboxConnected)
            } else if memory.told_unreachable {
                Some(EventType::MailboxRecovered)
            } else {
                None
            };
            (memory.told_connected, memory.told_unreachable) = (true, false);
            let is_watched = memory.wants_watching(now) || work.is_sibling;
            let interval_s = if is_watched {
                WATCHED_INTERVAL_S
            } else if work.begun.is_waited() {
                WAITED_INTERVAL_S
            } else {
                work.mailbox.poll_interval_s
            };
            let mut next = if is_whole { next_turn(id, now, interval_s) } else { now };
            // A turn signs in anew. Right after the session has signed in that proves nothing.
            let proven = work.begun.since(now).filter(|_| is_whole && interval_s == WAITED_INTERVAL_S);
            if proven.is_some_and(|since| next < since + TimeDelta::seconds(i64::from(interval_s) / 2)) {
                next = next_turn(id, next, interval_s);
            }
            finish(ctx, work, connection, next, is_whole.then_some(now), event).await
        }
        Err(PollError::Store(error)) => Err(error),
        Err(PollError::FencedOff) => {
            tracing::warn!(mailbox.id = %id, "mailbox {id} was taken over while it was being read");
            Ok(None)
        }
        Err(PollError::Stopped | PollError::NotLent) => {
            let connection = work.mailbox.connection.clone();
            finish(ctx, work, connection, now, None, None).await
        }
        Err(PollError::Sealed) => {
            tracing::error!(mailbox.id = %id, "what mailbox {id} signs in with can't be opened");
            let connection = work.mailbox.connection.clone();
            finish(ctx, work, connection, now + KEY_MISSING_WAIT, None, None).await
        }
        Err(PollError::NoToken(NoToken::Awaited)) => {
            let connection = work.mailbox.connection.clone();
            finish(ctx, work, connection, now + TOKEN_WAIT, None, None).await
        }
        Err(
            error @ (PollError::Dial(_)
            | PollError::Session(_)
            | PollError::Stalled
            | PollError::Renumbered
            | PollError::SetAside
            | PollError::NoToken(_)),
        ) => {
            let code = error.fault().unwrap_or(ConnectionFault::ProtocolError);
            let not_before = if let PollError::NoToken(NoToken::Later { until, .. }) = &error { *until } else { now };
            tracing::info!(mailbox.id = %id, code = %code, error = %chain(&error), "mailbox {id} was not read");
            Box::pin(failed(ctx, work, code, not_before, now)).await
        }
    }
}

/// A session that failed.
async fn failed(
    ctx: &Reader,
    mut work: Work,
    code: ConnectionFault,
    not_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<JobEnd>, StoreError> {
    let connection = work.mailbox.connection.failed(code, now);
    let (event, wait) = match &connection {
        Connection::CredentialRefused { .. } => (Some(EventType::MailboxCredentialRefused), TimeDelta::zero()),
        Connection::Unreachable { failures, .. } => {
            let is_access = code == ConnectionFault::AccessRefused && *failures >= OFTEN;
            let is_worth_it = *failures >= TOLD_FAILURES || is_access || code == ConnectionFault::SetAside;
            let is_told = is_worth_it && !work.memory.told_unreachable;
            let wait = Connection::cool_down(*failures, ctx.entropy.fraction());
            let at_least = at_least(code, *failures, work.mailbox.poll_interval_s);
            let wait = wait.max(at_least).max(not_before - now);
            (is_told.then_some(EventType::MailboxUnreachable), wait)
        }
        Connection::New | Connection::Connected { .. } => (None, TimeDelta::zero()),
    };
    work.memory.told_unreachable |= event.is_some();
    finish(ctx, work, connection, now + wait, None, event).await
}

/// How long a mailbox is left alone after that, however short its cool-down is.
fn at_least(code: ConnectionFault, failures: u32, poll_interval_s: u32) -> TimeDelta {
    match code {
        ConnectionFault::AccessRefused if failures >= OFTEN => SELDOM,
        ConnectionFault::SignInFailed if failures >= UNCLEAR => SELDOM,
        // Once, it was a bad moment of the server.
        ConnectionFault::SignInFailed if failures == 1 => TimeDelta::zero(),
        ConnectionFault::CredentialRefused | ConnectionFault::SignInFailed | ConnectionFault::AccessRefused => {
            REFUSED_WAIT
        }
        ConnectionFault::SetAside => SET_ASIDE_WAIT,
        // The other folders were read, and come again in their turn.
        ConnectionFault::UnstableUids => TimeDelta::seconds(poll_interval_s.into()),
        ConnectionFault::HostNotFound
        | ConnectionFault::Unreachable
        | ConnectionFault::TlsFailed
        | ConnectionFault::GrantRefused
        | ConnectionFault::TokenUnavailable
        | ConnectionFault::ServerBusy
        | ConnectionFault::ProtocolError => TimeDelta::zero(),
    }
}

async fn finish(
    ctx: &Reader,
    mut work: Work,
    connection: Connection,
    next_poll_at: DateTime<Utc>,
    last_polled_at: Option<DateTime<Utc>>,
    mut event: Option<EventType>,
) -> Result<Option<JobEnd>, StoreError> {
    let now = ctx.time.now();
    let tx = ctx.db.begin(&work.wall).await?;
    let Some(mut ending) = mailbox::end(tx, work.id(), work.lease).await? else {
        let id = work.id();
        tracing::warn!(mailbox.id = %id, "mailbox {id} was taken over before its session was recorded");
        return Ok(None);
    };
    let tx = ending.tx();
    let mut deliveries = Vec::new();
    if connection.is_refused_again() {
        let live = incident::live_for_mailbox(tx, work.id()).await?;
        let mut memory = work.memory.clone();
        memory.hear_of(&live);
        memory.state.signal(Signal::CredentialRefused, now);
        deliveries.extend(move_on(tx, work.subject(), &mut memory, &live, now, &ctx.entropy).await?.deliveries);
        work.memory = memory;
    }
    let mut is_news = work.mailbox.connection != connection;
    work.mailbox.connection = connection.clone();
    // Whoever works on a mailbox wants to hear only of what is still so afterwards. A password that is refused is not tried
    // again, so that waits for nobody.
    let can_wait = |kind: &EventType| matches!(kind, EventType::MailboxUnreachable | EventType::MailboxRecovered);
    if event.as_ref().is_some_and(can_wait) && tell::is_held(tx, work.subject(), now).await? {
        work.memory.told_unreachable = event.take() == Some(EventType::MailboxRecovered);
    }
    is_news |= event.is_some();
    if let Some(kind) = event {
        let code = match &connection {
            Connection::Unreachable { code, .. } | Connection::CredentialRefused { code, .. } => Some(*code),
            Connection::New | Connection::Connected { .. } => None,
        };
        let advice = code.map(ConnectionFault::advice);
        let data = of_mailbox(work.subject(), &[("code", json!(code)), ("advice", json!(advice))]);
        deliveries.extend(tell::tell(tx, work.subject(), kind, None, &data, now, &ctx.entropy).await?);
    }
    let begun = std::mem::take(&mut work.begun);
    let is_begun = idle::record(tx, work.id(), &begun, now).await?;
    is_news |= is_begun;
    let mut next_poll_at = next_poll_at.max(now + ctx.least_interval(&work.mailbox));
    if matches!(begun, Begun::Waits(_)) && !is_begun {
        // It is not to wait any more, or somebody else does.
        next_poll_at = next_poll_at.min(next_turn(work.id(), now, work.mailbox.poll_interval_s));
    }
    let end = MailboxEnd { connection, next_poll_at, last_polled_at, state: Some(work.memory.write()), is_news };
    ending.finish(&end).await?;
    if let Begun::Waits(waiting) = begun
        && is_begun
    {
        ctx.idlers.keep(*waiting);
    }
    ctx.hint_deliveries(work.wall.msp, work.tenant.id, &deliveries).await;
    Ok(Some(JobEnd::Retry { after: next_poll_at }))
}

/// The next turn of a mailbox: every `interval_s`, at an offset that follows from its id, so that mailboxes which were
/// entered together are not read together for ever.
fn next_turn(id: MailboxId, now: DateTime<Utc>, interval_s: u32) -> DateTime<Utc> {
    let every_ms = i64::from(interval_s.max(1)) * 1_000;
    let random = id.as_uuid().as_u128() & u128::from(u32::MAX);
    let offset_ms = i64::try_from(random).unwrap_or(0) % every_ms;
    let into_ms = (now.timestamp_millis() - offset_ms).rem_euclid(every_ms);
    now + TimeDelta::milliseconds(every_ms - into_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_that_fails_for_no_cause_that_is_named_is_tried_rarely_and_never_given_up() {
        let after = |failures| at_least(ConnectionFault::SignInFailed, failures, 300);
        assert_eq!(after(1), TimeDelta::zero());
        assert_eq!([after(2), after(5)], [REFUSED_WAIT; 2]);
        assert_eq!([after(6), after(1_000)], [SELDOM; 2]);
        let connection = (0..1_000)
            .fold(Connection::New, |before, _| before.failed(ConnectionFault::SignInFailed, DateTime::UNIX_EPOCH));
        assert!(matches!(connection, Connection::Unreachable { failures: 1_000, .. }), "{connection:?}");
    }

    #[test]
    fn turns_come_at_equal_distances_and_each_mailbox_has_its_own() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let one = MailboxId::from_uuid(uuid::Uuid::from_u128(12_345));
        let first = next_turn(one, now, 300);
        assert!(first > now && first <= now + TimeDelta::seconds(300));
        assert_eq!(next_turn(one, first, 300), first + TimeDelta::seconds(300));
        let other = MailboxId::from_uuid(uuid::Uuid::from_u128(200_000));
        assert_ne!(next_turn(other, now, 300), first);
    }
}

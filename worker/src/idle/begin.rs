//! What becomes of a session when a mailbox has been read: it goes, or stays and waits.
//!
//! So a session that waits costs no sign-in of its own, a refused password is counted where all are, and nothing can come
//! between what was read and what is waited for without being noticed.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::logging::chain;
use daimon_domain::clock::Entropy;
use daimon_domain::id::{MailboxId, MspId};
use daimon_domain::mailbox::{IdleState, Mailbox};
use daimon_store::mailbox::IdleStanding;
use daimon_store::{Fleet, MspTx, StoreError, mailbox};

use super::idlers::Idlers;
use super::seat::{About, Seat, Waiting};
use crate::poll::{Checkpoint, Folder, Idle, Session, SessionError};

/// Sessions end with their token, or so much earlier at most. A token is replaced that early anyway.
const SPREAD: TimeDelta = TimeDelta::minutes(5);

/// A session that might stay.
pub(crate) struct Wish<'w> {
    /// Whose mailbox.
    pub(crate) msp: MspId,
    /// The mailbox that was read.
    pub(crate) mailbox: &'w Mailbox,
    /// Whether it has one already, and may have one.
    pub(crate) standing: IdleStanding,
    /// Its place, if it has waited before.
    pub(crate) seat: Option<Seat>,
    /// Where new mail comes.
    pub(crate) inbox: Folder,
    /// How far that was read.
    pub(crate) known: Option<Checkpoint>,
    /// When what it signed in with runs out.
    pub(crate) ends_at: Option<DateTime<Utc>>,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) enum Begun {
    /// None is wanted, or not now.
    #[default]
    No,
    /// Another worker has one.
    Elsewhere,
    /// There is none, and why.
    Out { because: Option<IdleState>, failures: u32, not_before: Option<DateTime<Utc>> },
    /// It waits.
    Waits(Box<Waiting>),
}

impl Begun {
    /// Whether somebody waits for new mail.
    pub(crate) const fn is_waited(&self) -> bool {
        matches!(self, Self::Elsewhere | Self::Waits(_))
    }

    /// When the session that waits here signed in, if it waits from `now` on or from before.
    pub(crate) fn since(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Waits(waiting) => Some(waiting.seat.began.unwrap_or(now)),
            Self::No | Self::Elsewhere | Self::Out { .. } => None,
        }
    }
}

/// Lets a session wait if it may, and says goodbye if not.
pub(crate) async fn begin(idlers: &Idlers, fleet: &Fleet, wish: Wish<'_>, session: Session) -> Begun {
    let now = idlers.now();
    let (id, standing) = (wish.mailbox.id, wish.standing);
    let is_ours = standing.lease.is_some_and(|lease| lease.holder == idlers.holder());
    // What lies so far ahead was reckoned by a clock that has been set back since.
    let is_too_soon = standing.not_before.is_some_and(|at| at > now && at <= now + TimeDelta::hours(1));
    let stays_out = if standing.lease.is_some() && !is_ours {
        Some(Begun::Elsewhere)
    } else if !session.offers_idle() {
        Some(Begun::Out { because: Some(IdleState::NotOffered), failures: 0, not_before: None })
    } else if idlers.stop().is_cancelled() || is_too_soon {
        Some(Begun::No)
    } else {
        None
    };
    if let Some(out) = stays_out {
        session.close().await;
        return out;
    }
    let about = About { msp: wish.msp, tenant: wish.mailbox.tenant, id };
    let seat = match wish.seat {
        Some(seat) => Some(seat),
        // In place of the one that waits meanwhile.
        None if standing.lease.is_some_and(|lease| idlers.is_seated(lease.token)) => {
            Some(idlers.seat(about, standing.failures))
        }
        None => idlers.reserve(fleet, about, standing.failures).await,
    };
    let Some(mut seat) = seat else {
        session.close().await;
        return Begun::Out { because: Some(IdleState::NoRoom), failures: standing.failures, not_before: None };
    };
    match enter(session, &wish.inbox, wish.known).await {
        Ok(idle) => {
            seat.ends_at = wish.ends_at.map(|at| spread(at, now, idlers.entropy().fraction()));
            Begun::Waits(Box::new(Waiting { idle, seat }))
        }
        Err(error) => {
            tracing::info!(mailbox.id = %id, error = %chain(&error), "the server of mailbox {id} does not tell of new mail");
            metrics::counter!("daimon_idle_ends_total", "because" => "not_begun").increment(1);
            let because = matches!(error, SessionError::Protocol(_)).then_some(IdleState::NotOffered);
            let (failures, not_before) = seat.failed();
            Begun::Out { because, failures, not_before }
        }
    }
}

/// Mailboxes that share a token don't all sign in anew in the same moment.
fn spread(ends_at: DateTime<Utc>, now: DateTime<Utc>, jitter: f64) -> DateTime<Utc> {
    let widest = ((ends_at - now) / 10).clamp(TimeDelta::zero(), SPREAD);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "milliseconds of minutes")]
    let earlier_ms = (widest.num_milliseconds() as f64 * jitter) as i64;
    ends_at - TimeDelta::milliseconds(earlier_ms)
}

async fn enter(mut session: Session, inbox: &Folder, known: Option<Checkpoint>) -> Result<Idle, SessionError> {
    let selected = session.examine(inbox, known).await?;
    let idle = session.idle(selected).await?;
    // What came since it was read is told by nobody any more.
    Ok(if selected.first_new_uid(known).is_some() { idle.with_news() } else { idle })
}

/// Writes down what became of it, in the transaction that ends the poll. `true`: the session is the mailbox's, and may be kept
/// once that is committed.
pub(crate) async fn record(
    tx: &mut MspTx,
    id: MailboxId,
    begun: &Begun,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    match begun {
        Begun::No | Begun::Elsewhere => Ok(false),
        Begun::Out { because, failures, not_before } => {
            mailbox::stay_out(tx, id, *because, *failures, *not_before).await?;
            Ok(false)
        }
        Begun::Waits(waiting) => mailbox::begin_idle(tx, id, &waiting.seat.lease(), now).await,
    }
}

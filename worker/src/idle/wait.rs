//! One session that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::logging::chain;
use daimon_domain::clock::Entropy;

use super::idlers::{Asked, Idlers};
use super::seat::{Lent, Seat};
use crate::poll::{Idle, SessionError};

/// How often DONE and IDLE are said again: servers hang up after half an hour (RFC 2177), some of them and what lies between
/// after ten minutes, and one that has gone without a word is noticed by it.
const REENTER_EVERY: TimeDelta = TimeDelta::minutes(9);
/// Spread over this much more, so that not all do it at once.
const SPREAD: TimeDelta = TimeDelta::minutes(1);
/// In a flood a mailbox is read so often.
const READS_APART: TimeDelta = TimeDelta::seconds(10);

/// When to do what.
struct Plan {
    reenter: DateTime<Utc>,
    /// There is new mail, and this is when to say so.
    tell: Option<DateTime<Utc>>,
    /// What it signed in with runs out.
    end: Option<DateTime<Utc>>,
}

impl Plan {
    fn of(idlers: &Idlers, seat: &Seat) -> Self {
        let mut plan = Self { reenter: DateTime::UNIX_EPOCH, tell: None, end: seat.ends_at };
        plan.reentered(idlers);
        plan
    }

    fn reentered(&mut self, idlers: &Idlers) {
        let spread_ms = SPREAD.num_milliseconds();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "milliseconds of a minute")]
        let spread = TimeDelta::milliseconds((spread_ms as f64 * idlers.entropy().fraction()) as i64);
        self.reenter = idlers.now() + REENTER_EVERY + spread;
    }

    fn next(&self) -> DateTime<Utc> {
        [self.tell, self.end].into_iter().flatten().fold(self.reenter, DateTime::min)
    }

    /// What a clock that has been set back since has put too far ahead.
    fn set_back(&mut self, idlers: &Idlers) {
        let now = idlers.now();
        self.reenter = self.reenter.min(now + REENTER_EVERY + SPREAD);
        self.tell = self.tell.map(|at| at.min(now + READS_APART));
    }
}

/// Why a session waits no more.
enum Why {
    Asked,
    Stopped,
    RanOut,
    Broke(SessionError),
}

impl Why {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked_for",
            Self::Stopped => "stopped",
            Self::RanOut => "token_ran_out",
            Self::Broke(error) => error.code().as_str(),
        }
    }
}

/// Waits until somebody wants the session, it breaks, or the program stops.
pub(super) async fn wait(mut idle: Idle, mut seat: Seat, mut asked: Asked, wants: Arc<AtomicBool>) {
    let idlers = seat.idlers.clone();
    let mut plan = Plan::of(&idlers, &seat);
    let is_underway = Arc::new(AtomicBool::new(false));
    let why = loop {
        plan.set_back(&idlers);
        tokio::select! {
            biased;
            wanted = &mut asked => {
                // Nobody wants it and it was closed: the mailbox is no longer ours, or has another session.
                let Ok(reply) = wanted else { break Why::Asked };
                metrics::counter!("daimon_idle_ends_total", "because" => "read").increment(1);
                match idle.resume().await {
                    // Whoever wanted it may have gone.
                    Ok(session) => drop(reply.send(Lent { session, seat })),
                    Err(error) => broke(&mut seat, &error),
                }
                return;
            }
            () = idlers.stop().cancelled() => break Why::Stopped,
            told = idle.news() => match told {
                Ok(()) => {
                    let now = idlers.now();
                    let earliest = seat.told_at.filter(|told| *told <= now).map_or(now, |told| told + READS_APART);
                    plan.tell = Some(earliest.max(now));
                }
                Err(error) => break Why::Broke(error),
            },
            () = idlers.time().sleep_until(plan.next()) => {}
        }
        let now = idlers.now();
        if plan.end.is_some_and(|at| at <= now) {
            break Why::RanOut;
        }
        if plan.tell.is_some_and(|at| at <= now) {
            if is_underway.load(Ordering::SeqCst) {
                plan.tell = Some(now + READS_APART);
            } else {
                (plan.tell, seat.told_at) = (None, Some(now));
                wants.store(true, Ordering::SeqCst);
                idlers.tell(seat.about, seat.token, &is_underway);
            }
        }
        if plan.reenter <= now {
            if let Err(error) = idle.reenter().await {
                break Why::Broke(error);
            }
            plan.reentered(&idlers);
        }
    };
    metrics::counter!("daimon_idle_ends_total", "because" => why.as_str()).increment(1);
    match why {
        Why::Asked | Why::Stopped => idle.close().await,
        Why::RanOut => {
            seat.ran_out();
            idle.close().await;
        }
        Why::Broke(error) => broke(&mut seat, &error),
    }
}

fn broke(seat: &mut Seat, error: &SessionError) {
    let id = seat.about.id;
    tracing::info!(mailbox.id = %id, error = %chain(error), "the session that waits for new mail of mailbox {id} broke");
    seat.broke();
}

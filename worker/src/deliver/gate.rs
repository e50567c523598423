//! Whether a delivery may go out now, and if not, when.
//!
//! Quiet hours come first, since nobody is told in them however well the endpoint answers; then whether it answers at all; and
//! only what would really be sent takes a turn.

use chrono::{DateTime, Utc};
use daimon_domain::delivery::{Delivery, WaitsFor};
use daimon_domain::id::EndpointId;
use daimon_domain::scope::Wall;
use daimon_domain::verdict::Severity;
use daimon_store::StoreError;
use daimon_store::delivery::Addressee;
use daimon_store::endpoint;

use super::breaker::Pass;
use super::job::Deliverer;

/// What a delivery is told that comes to be sent.
#[derive(Debug)]
pub(super) enum Gate<'a> {
    /// It goes out, with leave of the breaker; a test needs none.
    Open(Option<Pass<'a>>),
    /// It comes back then.
    Until(DateTime<Utc>, Option<WaitsFor>),
}

/// Asks for all of it. A test only waits for a token: whoever tries an endpoint out wants to know now.
pub(super) async fn pass<'a>(
    ctx: &'a Deliverer,
    wall: &Wall,
    endpoint: &Addressee,
    delivery: &Delivery,
    severity: Option<Severity>,
    now: DateTime<Utc>,
) -> Result<Gate<'a>, StoreError> {
    let mut pass = None;
    let turn = turn_of(delivery);
    if !delivery.is_test {
        if let Some(until) = endpoint.quiet_hours.and_then(|hours| hours.hold_until(severity, now)) {
            if turn.is_some() {
                forget_turns(ctx, wall, endpoint.id).await?;
            }
            return Ok(Gate::Until(until, Some(WaitsFor::QuietHours)));
        }
        match ctx.breaker.admit(wall.msp, endpoint.id, endpoint.failures, now) {
            Ok(leave) => pass = Some(leave),
            Err(until) => return Ok(Gate::Until(until, turn)),
        }
    }
    let Some(pace) = endpoint.pace else { return Ok(Gate::Open(pass)) };
    let mut tx = ctx.db.begin(wall).await?;
    let comes_first = turn.is_some() || delivery.is_test;
    let turn = endpoint::take_turn(&mut tx, endpoint.id, pace, comes_first, now).await?;
    tx.commit().await?;
    Ok(match turn {
        Some(Err(until)) => Gate::Until(until, Some(WaitsFor::RateLimit)),
        Some(Ok(())) | None => Gate::Open(pass),
    })
}

/// The turn that a delivery was given: who can't use it now keeps its place among those that wait for theirs.
pub(super) fn turn_of(delivery: &Delivery) -> Option<WaitsFor> {
    delivery.waits_for.filter(|waits_for| *waits_for == WaitsFor::RateLimit)
}

/// In quiet hours the turns that were given away are not used: nobody who may go out waits behind them.
async fn forget_turns(ctx: &Deliverer, wall: &Wall, id: EndpointId) -> Result<(), StoreError> {
    let mut tx = ctx.db.begin(wall).await?;
    endpoint::forget_turns(&mut tx, id).await?;
    tx.commit().await
}

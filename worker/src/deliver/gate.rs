//! Whether a delivery may go out now, and if not, when.
//!
//! Quiet hours come first, since nobody is told in them however well the endpoint answers; then whether it answers at all; and
//! only what would really be sent takes a turn.

use chrono::{DateTime, Utc};
use daimon_domain::delivery::WaitsFor;
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

/// Asks for all of it. A test only waits for its turn: whoever tries an endpoint out wants to know now.
pub(super) async fn pass<'a>(
    ctx: &'a Deliverer,
    wall: &Wall,
    endpoint: &Addressee,
    is_test: bool,
    severity: Option<Severity>,
    now: DateTime<Utc>,
) -> Result<Gate<'a>, StoreError> {
    let mut pass = None;
    if !is_test {
        if let Some(until) = endpoint.quiet_hours.and_then(|hours| hours.hold_until(severity, now)) {
            return Ok(Gate::Until(until, Some(WaitsFor::QuietHours)));
        }
        match ctx.breaker.admit(endpoint.id, endpoint.failures, now) {
            Ok(leave) => pass = Some(leave),
            Err(until) => return Ok(Gate::Until(until, None)),
        }
    }
    let Some(pace) = endpoint.pace else { return Ok(Gate::Open(pass)) };
    let mut tx = ctx.db.begin(wall).await?;
    let turn = endpoint::take_turn(&mut tx, endpoint.id, pace, now).await?;
    tx.commit().await?;
    Ok(match turn {
        Some(Err(until)) => Gate::Until(until, Some(WaitsFor::RateLimit)),
        Some(Ok(())) | None => Gate::Open(pass),
    })
}

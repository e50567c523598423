//! Telling the MSP that an endpoint fails, through its other endpoints and the list of events.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::event::EventType;
use daimon_domain::id::{EndpointId, EventId, uuid_v7};
use daimon_store::endpoint::{self, DisabledReason};
use daimon_store::{MspTx, StoreError, event};
use daimon_verdict::telling::{body, time};
use serde_json::{Value, json};

/// After a day of nothing but failures a warning is due.
const WARN_AFTER: TimeDelta = TimeDelta::hours(24);
/// After five days the endpoint is not called any more.
const DISABLE_AFTER: TimeDelta = TimeDelta::days(5);

/// Notes a failed attempt, and what follows when it was one too many.
pub(super) async fn note_failure(
    tx: &mut MspTx,
    endpoint: EndpointId,
    gone: bool,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    // This also locks the endpoint's row, so that two attempts that fail at once are judged one after the other.
    let Some((since, _failures)) = endpoint::failed(tx, endpoint, now).await? else { return Ok(()) };
    if gone {
        return disable(tx, endpoint, DisabledReason::Gone, now, entropy).await;
    }
    if now - since >= DISABLE_AFTER {
        return disable(tx, endpoint, DisabledReason::Failing, now, entropy).await;
    }
    if now - since >= WARN_AFTER {
        warn_once(tx, endpoint, since, now, entropy).await?;
    }
    Ok(())
}

async fn disable(
    tx: &mut MspTx,
    endpoint: EndpointId,
    reason: DisabledReason,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    if !endpoint::disable(tx, endpoint, reason, now).await? {
        return Ok(());
    }
    tracing::warn!(endpoint.id = %endpoint, reason = %reason, "endpoint {endpoint} is not called any more");
    let data = json!({ "endpoint_id": endpoint, "reason": reason, "livemode": true });
    tell(tx, EventId::new(now, entropy), EventType::EndpointDisabled, &data, now, entropy).await
}

/// The warning's id follows from the endpoint and the beginning of its failures, so there is one for each row of them.
async fn warn_once(
    tx: &mut MspTx,
    endpoint: EndpointId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let id = warning_id(endpoint, since);
    if event::find(tx, id).await?.is_some() {
        return Ok(());
    }
    let data = json!({ "endpoint_id": endpoint, "failing_since": time(since), "livemode": true });
    tell(tx, id, EventType::EndpointFailing, &data, now, entropy).await
}

fn warning_id(endpoint: EndpointId, since: DateTime<Utc>) -> EventId {
    let random = endpoint.as_uuid().as_bytes().last_chunk::<10>().copied().unwrap_or_default();
    EventId::from_uuid(uuid_v7(since + WARN_AFTER, random))
}

async fn tell(
    tx: &mut MspTx,
    id: EventId,
    kind: EventType,
    data: &Value,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let told = event::New { kind, at: now, body: body(kind, now, data), verdict: None, drill: None };
    event::tell_as(tx, id, told, None, None, entropy).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;

    use super::*;

    #[test]
    fn one_row_of_failures_has_one_warning() {
        let (entropy, since) = (SeededEntropy::new(1), DateTime::UNIX_EPOCH);
        let (one, two) = (EndpointId::new(since, &entropy), EndpointId::new(since, &entropy));
        assert_eq!(warning_id(one, since), warning_id(one, since));
        assert_ne!(warning_id(one, since), warning_id(two, since));
        assert_ne!(warning_id(one, since), warning_id(one, since + TimeDelta::hours(1)));
    }
}

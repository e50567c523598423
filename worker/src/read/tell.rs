//! Events: what is written for people and their systems, in the transaction of what happened.

use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::event::EventType;
use daimon_domain::id::DeliveryId;
use daimon_domain::verdict::Severity;
use daimon_store::{MspTx, StoreError, event, maintenance};
use daimon_verdict::telling::body;
pub(crate) use daimon_verdict::telling::{Subject, of_incident, of_mailbox};
use serde_json::Value;

/// Stores an event and a delivery for each endpoint that wants it; answers the deliveries, to be hinted after the commit.
pub(crate) async fn tell(
    tx: &mut MspTx,
    subject: Subject<'_>,
    kind: EventType,
    severity: Option<Severity>,
    data: &Value,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let told = event::New { kind, at: now, body: body(kind, now, data), verdict: None, drill: subject.drill };
    let deliveries = event::tell(tx, told, Some(subject.tenant.id), severity, entropy).await?;
    metrics::counter!("daimon_events_total", "type" => kind.as_str()).increment(1);
    Ok(deliveries)
}

/// Whether a maintenance window holds back what is told of the mailbox. A drill was asked for.
pub(crate) async fn is_held(tx: &mut MspTx, subject: Subject<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
    if subject.drill.is_some() {
        return Ok(false);
    }
    Ok(maintenance::holds_until(tx, subject.tenant.id, subject.mailbox.id, now).await?.is_some())
}

//! Troubles that several tenants of one MSP have at once: what one mailbox sees of them is noted, and what the others saw
//! counts for it.
//!
//! It stays behind the wall: the transaction is that MSP's, what is written is a keyed hash of a system's name, and what
//! comes out is that others have the trouble too, not who.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_store::{MspTx, StoreError, trouble};
use daimon_verdict::Signal;
use daimon_verdict::fleet::Trouble;

use super::work::Work;

/// More systems than this in one batch are no outage, but somebody's list of addresses.
const MOST: usize = 16;

/// Troubles and when each was last seen.
pub(super) type Troubles = BTreeMap<Trouble, DateTime<Utc>>;

/// Notes them, and says which of them others have too.
pub(super) async fn compare(
    tx: &mut MspTx,
    work: &Work,
    troubles: &Troubles,
    now: DateTime<Utc>,
) -> Result<Vec<Signal>, StoreError> {
    let fresh = troubles.iter().filter(|(trouble, at)| now - **at < trouble.lasts());
    let fresh: Vec<_> = fresh.take(MOST).map(|(trouble, at)| (trouble, noted(work, trouble, *at))).collect();
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let seen: Vec<_> = fresh.iter().map(|(_, seen)| seen.clone()).collect();
    trouble::note_many(tx, work.tenant.id, &seen, now).await?;
    let mut signals = Vec::new();
    for (trouble, seen) in fresh {
        let least = trouble.least_tenants();
        let tenants = trouble::tenants(tx, seen.kind, &seen.system, now - trouble.lasts(), least).await?;
        if tenants >= least {
            signals.push(trouble.signal());
        }
    }
    Ok(signals)
}

fn noted(work: &Work, trouble: &Trouble, at: DateTime<Utc>) -> trouble::Seen {
    let system = work.hash.hash(&[b"trouble", trouble.kind().as_bytes(), trouble.system().as_bytes()]);
    trouble::Seen { kind: trouble.kind(), system, at }
}

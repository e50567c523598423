//! What a hint says, and how it is spelled in Redis.

use daimon_domain::id::{MspId, TenantId};
use daimon_domain::words;
use serde::{Deserialize, Serialize};

words! {
    /// What kind of work there is.
    Kind {
        /// A mailbox to read.
        Poll = "poll",
        /// A webhook to send.
        Deliver = "deliver",
        /// An incident that time moves, or of which something is to be looked at.
        Tend = "tend",
        /// A drill whose next step is to be played.
        Drill = "drill",
        /// Work that a client waits for.
        Job = "job",
        /// What an MSP is told once a day.
        Digest = "digest",
    }
}

/// "There may be work": the ids to ask Postgres with. Stale, doubled and forged ones are harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Whose.
    pub msp: MspId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// The mailbox, the delivery, the incident, the drill, the job, or the MSP itself.
    pub id: uuid::Uuid,
}

/// How a tenant is spelled in the ring.
pub(crate) fn turn(msp: MspId, tenant: TenantId) -> String {
    format!("{msp}/{tenant}")
}

/// Reads one pair that the script answered; `None` for what we never wrote.
pub(crate) fn read(turn: &str, id: &str) -> Option<Hint> {
    let (msp, tenant) = turn.split_once('/')?;
    Some(Hint { msp: msp.parse().ok()?, tenant: tenant.parse().ok()?, id: uuid::Uuid::try_parse(id).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_reads_back_as_it_was_written() {
        let id = uuid::Uuid::from_u128(7);
        let (msp, tenant) = (MspId::from_uuid(uuid::Uuid::from_u128(1)), TenantId::from_uuid(uuid::Uuid::from_u128(2)));
        assert_eq!(read(&turn(msp, tenant), &id.to_string()), Some(Hint { msp, tenant, id }));
    }

    #[test]
    fn what_we_never_wrote_is_no_hint() {
        for (turn, id) in [("", ""), ("msp_1/tnt_2", "7"), ("no slash", "00000000-0000-0000-0000-000000000007")] {
            assert_eq!(read(turn, id), None);
        }
    }
}

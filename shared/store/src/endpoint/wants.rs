//! Of what an endpoint is told. It is judged when something happens, so that tenants which are still to come are included.

use daimon_domain::event::EventType;
use daimon_domain::id::{EndpointId, TenantId};
use daimon_domain::tenant::Group;
use daimon_domain::verdict::{Severity, Verdict};

use crate::{MspTx, StoreError};

/// What an endpoint wants. An empty list wants all; one that is not empty wants nothing that has none of the kind: an event
/// without a severity goes to no endpoint that names severities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Which events.
    pub types: Vec<EventType>,
    /// Of which severities.
    pub severities: Vec<Severity>,
    /// Of which verdicts.
    pub verdicts: Vec<Verdict>,
    /// About which tenants, together with `groups`; both empty: all, also those to come, and events about the MSP itself.
    pub tenants: Vec<TenantId>,
    /// About the tenants of which groups.
    pub groups: Vec<Group>,
    /// About no such tenant, whatever else says so.
    pub except: Vec<TenantId>,
}

/// What an event is, as far as that decides who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matter {
    /// What happened.
    pub kind: EventType,
    /// How urgent it is; none but incidents have it.
    pub severity: Option<Severity>,
    /// What it was found to be; none but incidents have it.
    pub verdict: Option<Verdict>,
    /// About which tenant; none: about the MSP itself.
    pub tenant: Option<TenantId>,
}

impl Matter {
    /// Something about the MSP itself.
    pub const fn of_msp(kind: EventType) -> Self {
        Self { kind, severity: None, verdict: None, tenant: None }
    }
}

/// The endpoints that want an event, also those that the caller who caused it can't see.
pub async fn for_event(tx: &mut MspTx, matter: Matter) -> Result<Vec<EndpointId>, StoreError> {
    tx.widen().await?;
    let ids = sqlx::query_scalar!(
        "select endpoint_id from endpoint
        where disabled_at is null
            and endpoint_wants(types, severities, verdicts, tenants, tenant_groups, except_tenants, $1, $2, $3, $4,
                coalesce((select groups from tenant where tenant_id = $4), '{}'))
        order by endpoint_id",
        matter.kind.as_str(),
        matter.severity.map(Severity::as_str),
        matter.verdict.map(Verdict::as_str),
        matter.tenant.map(TenantId::as_uuid)
    )
    .fetch_all(tx.conn())
    .await?;
    tx.narrow().await?;
    Ok(ids.into_iter().map(EndpointId::from_uuid).collect())
}

//! Wire shapes of drills.

use chrono::{DateTime, Utc};
use daimon_domain::drill::{Drill, DrillEpisode, DrillState};
use daimon_domain::event::EventType;
use daimon_domain::id::{DrillId, IncidentId, MailboxId, TenantId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An episode to be played.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDrill, example = json!({
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "episode": "takeover", "bounces": 30, "keep_minutes": 60
}))]
pub(crate) struct NewDrill {
    /// On which mailbox. Neither its server nor what was learnt of it is touched.
    #[garde(skip)]
    #[schema(schema_with = crate::words::mailbox_id)]
    pub(crate) mailbox_id: MailboxId,
    /// What is played.
    #[garde(skip)]
    #[schema(schema_with = crate::words::drill_episode)]
    pub(crate) episode: DrillEpisode,
    /// How many bounces come at most; most are read one by one, a second each. 30 when left out.
    #[serde(default = "usual_bounces")]
    #[garde(range(min = 10, max = 200))]
    #[schema(minimum = 10, maximum = 200, default = 30)]
    pub(crate) bounces: u32,
    /// `true`: containing and closing are played too, so that you see every event; `false`: they are left to you.
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    pub(crate) plays_response: bool,
    /// How long it can be looked at before it is closed and cleaned up: 60 minutes when left out, at most a day.
    #[serde(default = "usual_minutes")]
    #[garde(range(min = 5, max = 1_440))]
    #[schema(minimum = 5, maximum = 1_440, default = 60)]
    pub(crate) keep_minutes: u32,
}

const fn usual_bounces() -> u32 {
    30
}

const fn yes() -> bool {
    true
}

const fn usual_minutes() -> u32 {
    60
}

/// A made-up episode.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Drill, example = json!({
    "id": "drl_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "episode": "takeover", "bounces": 30, "plays_response": true,
    "state": "played", "started_at": "2026-11-24T07:00:00Z", "started_by": "key_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "ends_at": "2026-11-24T08:00:00Z", "ended_at": null, "incident_id": "inc_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "told": ["mailbox.watched", "incident.opened", "incident.updated", "incident.contained", "incident.updated",
        "incident.updated", "incident.closed"],
    "deliveries": 7, "delivered": 7
}))]
pub(crate) struct DrillView {
    /// Its id.
    #[schema(schema_with = crate::words::drill_id)]
    id: DrillId,
    /// Of which tenant.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// On which mailbox.
    #[schema(schema_with = crate::words::mailbox_id)]
    mailbox_id: MailboxId,
    /// What is played.
    #[schema(schema_with = crate::words::drill_episode)]
    episode: DrillEpisode,
    /// How many bounces come at most.
    bounces: u32,
    /// Whether containing and closing are played too.
    plays_response: bool,
    /// Where it stands.
    #[schema(schema_with = crate::words::drill_state)]
    state: DrillState,
    /// When it was started.
    started_at: DateTime<Utc>,
    /// By whom: the id of an API key or of a user.
    started_by: String,
    /// When it ends at the latest.
    ends_at: DateTime<Utc>,
    /// Since when nothing is left of it.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
    /// The incident that it opened; gone when the drill is over.
    #[schema(schema_with = crate::words::incident_id_or_null)]
    incident_id: Option<IncidentId>,
    /// The events that were told of it, in this order. In a list only of those that are over.
    #[schema(schema_with = crate::words::event_types)]
    told: Vec<EventType>,
    /// How many deliveries that made.
    deliveries: u32,
    /// How many of them your endpoints took.
    delivered: u32,
}

impl From<Drill> for DrillView {
    fn from(drill: Drill) -> Self {
        Self {
            id: drill.id,
            tenant_id: drill.tenant,
            mailbox_id: drill.mailbox,
            episode: drill.episode,
            bounces: drill.bounces,
            plays_response: drill.plays_response,
            state: drill.state,
            started_at: drill.started_at,
            started_by: drill.started_by,
            ends_at: drill.ends_at,
            ended_at: drill.ended_at,
            incident_id: drill.incident,
            told: drill.told,
            deliveries: drill.deliveries,
            delivered: drill.delivered,
        }
    }
}

/// Which drills, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListDrills {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// On this mailbox only.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(crate) mailbox_id: Option<MailboxId>,
    /// In this state only.
    #[garde(skip)]
    #[param(schema_with = crate::words::drill_state, required = false)]
    pub(crate) state: Option<DrillState>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

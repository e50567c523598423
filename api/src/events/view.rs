//! Wire shapes of events.

use chrono::{DateTime, Utc};
use daimon_domain::event::EventType;
use daimon_domain::id::EventId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event, example = json!({
    "id": "evt_019ab1c2d3e47f508192a3b4c5d6e7f8", "type": "incident.opened", "occurred_at": "2026-11-24T07:00:00Z",
    "cursor": "AAAA", "body": {"type": "incident.opened", "timestamp": "2026-11-24T07:00:00Z", "data": {}}
}))]
pub(crate) struct EventView {
    /// Its id, which is also the `webhook-id`.
    #[schema(schema_with = crate::words::event_id)]
    pub(crate) id: EventId,
    /// What happened.
    #[schema(schema_with = crate::words::event_type)]
    pub(crate) r#type: EventType,
    /// When.
    pub(crate) occurred_at: DateTime<Utc>,
    /// To be sent as `after` for what follows.
    pub(crate) cursor: String,
    /// What endpoints get, byte for byte.
    #[schema(value_type = Object)]
    pub(crate) body: Box<RawValue>,
}

/// Some of what happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventPage)]
pub(crate) struct EventPage {
    /// Oldest first.
    pub(crate) items: Vec<EventView>,
    /// What to send as `after` for those that follow. `null`: there are none yet, and those that come follow the last `cursor`.
    #[schema(required = true)]
    pub(crate) next: Option<String>,
}

/// Where to go on.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEvents {
    /// The `cursor` of the last event that you have, or `next`; from the beginning when left out.
    #[garde(skip)]
    pub(crate) after: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

/// Where to go on following.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowEvents {
    /// The `cursor` of the last event that you have; what happens from now on when left out, and no `Last-Event-ID` is sent.
    #[garde(skip)]
    pub(crate) after: Option<String>,
}

/// The header by which a client goes on where it had come.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes the header; `stream::Follower` reads it")]
pub(crate) struct LastEventIdHeader {
    /// The `id` of the last event that you have. It counts before `after`.
    #[serde(rename = "Last-Event-ID")]
    #[param(required = false, example = "AAAA")]
    last_event_id: Option<String>,
}

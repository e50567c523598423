//! Wire shapes of the profile.

use chrono::{DateTime, Utc};
use daimon_domain::id::MspId;
use daimon_domain::tenant::Language;
use daimon_store::msp::{LONGEST_KEPT_DAYS, Msp};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::input::{Change, is_plain};

/// What to change of the profile. What is left out stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MspChange, example = json!({"display_name": "Kestrel Support", "support_contact": "+81 3 5550 1234, help@kestrel-it.example"}))]
pub(crate) struct MspChange {
    /// Its name: 1 to 200 characters.
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(inner(length(chars, min = 1, max = 200), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub(crate) name: Option<String>,
    /// The language that its own people are spoken to in.
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    #[schema(schema_with = crate::words::language)]
    pub(crate) language: Option<Language>,
    /// What clients know it by, in reports and notices; `null`: by its name.
    #[serde(default)]
    #[garde(custom(is_line(200)))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub(crate) display_name: Change<String>,
    /// Whom clients ask, as it stands at the end of reports.
    #[serde(default)]
    #[garde(custom(is_line(300)))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 300)]
    pub(crate) support_contact: Change<String>,
    /// For how many days bounces, events and deliveries are kept: 60 to 400. What is older is deleted within a day of the change,
    /// and for good, but for bounces of an incident that goes on.
    #[serde(default)]
    #[garde(range(min = 60, max = LONGEST_KEPT_DAYS))]
    #[schema(value_type = Option<u16>, nullable = false, minimum = 60, maximum = 400)]
    pub(crate) retention_days: Option<u16>,
}

/// What an MSP says of itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Msp, example = json!({
    "id": "msp_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Kestrel IT", "language": "en", "display_name": "Kestrel Support",
    "support_contact": "+81 3 5550 1234, help@kestrel-it.example", "retention_days": 400,
    "created_at": "2026-11-24T07:00:00Z"
}))]
pub(crate) struct MspView {
    /// Its id: users sign in with it.
    #[schema(schema_with = crate::words::msp_id)]
    id: MspId,
    /// Its name.
    name: String,
    /// The language that its own people are spoken to in.
    #[schema(schema_with = crate::words::language)]
    language: Language,
    /// What clients know it by, where that is not its name.
    #[schema(required = true)]
    display_name: Option<String>,
    /// Whom clients ask.
    #[schema(required = true)]
    support_contact: Option<String>,
    /// For how many days bounces, events and deliveries are kept.
    #[schema(minimum = 60, maximum = 400)]
    retention_days: u16,
    /// When it was created.
    created_at: DateTime<Utc>,
}

impl From<Msp> for MspView {
    fn from(msp: Msp) -> Self {
        Self {
            id: msp.id,
            name: msp.name,
            language: msp.language,
            display_name: msp.display_name,
            support_contact: msp.support_contact,
            retention_days: msp.retention_days,
            created_at: msp.created_at,
        }
    }
}

/// One line of text, where something is set.
fn is_line(longest: usize) -> impl Fn(&Change<String>, &()) -> garde::Result {
    move |change, context| match change {
        Change::Set(text) if !(1..=longest).contains(&text.chars().count()) => {
            Err(garde::Error::new(format!("must be text of 1 to {longest} characters or null")))
        }
        Change::Set(text) => is_plain(text, context),
        Change::Leave | Change::End => Ok(()),
    }
}

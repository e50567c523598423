//! What people ask of an incident.

use chrono::{DateTime, Utc};
use daimon_domain::incident::Dismissal;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::input::{is_plain, is_plain_text};

/// Who works on it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Assignment, example = json!({"assignee": "mori@kestrel-it.example"}))]
pub(crate) struct Assignment {
    /// A name, an address or an id of yours; nobody when left out.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 200), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub(crate) assignee: Option<String>,
}

/// Something to be remembered.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewComment, example = json!({"text": "The owner is on a plane until 18:00."}))]
pub(crate) struct NewComment {
    /// What.
    #[garde(length(chars, min = 1, max = 2_000), custom(is_plain_text))]
    #[schema(min_length = 1, max_length = 2_000)]
    pub(crate) text: String,
}

/// For how long nobody wants to be told, and why.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Snooze, example = json!({"reason": "The client closes for Obon.", "until": "2026-12-01T00:00:00Z"}))]
pub(crate) struct NewSnooze {
    /// Why.
    #[garde(length(chars, min = 1, max = 2_000), custom(is_plain_text))]
    #[schema(min_length = 1, max_length = 2_000)]
    pub(crate) reason: String,
    /// Until when: at most 90 days from now.
    #[garde(skip)]
    pub(crate) until: DateTime<Utc>,
}

/// Since when the way in is shut, as you state it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Containment, example = json!({
    "at": "2026-11-24T07:30:00Z", "by": "Mori, by phone with the host", "note": "Password, sessions and app passwords."
}))]
pub(crate) struct Containment {
    /// When; when left out, since the old password is refused, where that was seen, and otherwise now.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) at: Option<DateTime<Utc>>,
    /// Who did it.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 200), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub(crate) by: Option<String>,
    /// What was done.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 1_500), custom(is_plain_text)))]
    #[schema(nullable = false, min_length = 1, max_length = 1_500)]
    pub(crate) note: Option<String>,
}

/// What to write down with a move.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MoveNote, example = json!({"note": "All devices were scanned."}))]
pub(crate) struct MoveNote {
    /// In your words.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 2_000), custom(is_plain_text)))]
    #[schema(nullable = false, min_length = 1, max_length = 2_000)]
    pub(crate) note: Option<String>,
}

/// How bounces are moved.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TidyRequest, example = json!({"dry_run": true}))]
pub(crate) struct TidyRequest {
    /// Only look what would be moved: `false` when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<bool>, nullable = false)]
    pub(crate) dry_run: Option<bool>,
}

/// Why it is none.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DismissalRequest, example = json!({"reason": "this_was_us", "note": "The autumn newsletter."}))]
pub(crate) struct DismissalRequest {
    /// Why.
    #[garde(skip)]
    #[schema(schema_with = crate::words::dismissal)]
    pub(crate) reason: Dismissal,
    /// In your words.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 2_000), custom(is_plain_text)))]
    #[schema(nullable = false, min_length = 1, max_length = 2_000)]
    pub(crate) note: Option<String>,
}

/// The same incident in another system.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTicket, example = json!({
    "system": "halopsa", "reference": "4711", "url": "https://kestrel.halopsa.example/tickets?id=4711"
}))]
pub(crate) struct NewTicket {
    /// Which system.
    #[garde(length(chars, min = 1, max = 100), custom(is_plain))]
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) system: String,
    /// What it is called there.
    #[garde(length(chars, min = 1, max = 200), custom(is_plain))]
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) reference: String,
    /// Where people read it: https, or http.
    #[serde(default)]
    #[garde(inner(length(chars, max = 2_000), custom(is_plain), custom(is_link)))]
    #[schema(nullable = false, format = Uri, max_length = 2_000, pattern = "^https?://")]
    pub(crate) url: Option<String>,
}

/// People click on it: nothing but the web.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
fn is_link(text: &str, _context: &()) -> garde::Result {
    let is_web = ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    if is_web { Ok(()) } else { Err(garde::Error::new("is no https:// or http:// address")) }
}

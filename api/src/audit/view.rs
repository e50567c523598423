//! Wire shapes of the audit log.

use chrono::{DateTime, Utc};
use daimon_domain::id::{AuditId, TenantId};
use daimon_store::audit::Entry;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::export::ExportFormat;
use crate::hex;

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry, example = json!({
    "sequence": 12, "id": "aud_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "at": "2026-11-24T07:00:00Z", "actor": "key_019ab1c2d3e47f508192a3b4c5d6e7f8", "action": "mailbox.paused",
    "subject": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "detail": {}, "previous_hash": "00", "hash": "ff"
}))]
pub(crate) struct AuditEntryView {
    /// Counts from 1, without gaps.
    sequence: i64,
    /// Its id.
    #[schema(schema_with = crate::words::audit_id)]
    id: AuditId,
    /// About which tenant.
    #[schema(schema_with = crate::words::tenant_id_or_null)]
    tenant_id: Option<TenantId>,
    /// When.
    at: DateTime<Utc>,
    /// Who: the id of an API key or of a user, or the name of a program.
    actor: String,
    /// What was done.
    action: String,
    /// To what.
    subject: String,
    /// Anything more, as hashed.
    #[schema(value_type = Object)]
    detail: Box<RawValue>,
    /// The hash of the entry before, in hexadecimal digits.
    previous_hash: String,
    /// The hash of this one: SHA-256 over the fields above, so that an edit or a gap shows.
    hash: String,
}

impl TryFrom<Entry> for AuditEntryView {
    type Error = serde_json::Error;

    fn try_from(entry: Entry) -> Result<Self, serde_json::Error> {
        Ok(Self {
            sequence: entry.sequence,
            id: entry.id,
            tenant_id: entry.tenant,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            detail: RawValue::from_string(entry.detail)?,
            previous_hash: hex(&entry.previous_hash),
            hash: hex(&entry.hash),
        })
    }
}

/// Which entries, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAuditEntries {
    /// Only entries after the one with this `sequence`: what is new to whoever has read so far.
    #[garde(range(min = 0))]
    #[param(minimum = 0)]
    pub(crate) after_sequence: Option<i64>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

/// Which entries, and how they are written.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportAuditEntries {
    /// Only entries after the one with this `sequence`: what is new to whoever has read so far.
    #[garde(range(min = 0))]
    #[param(minimum = 0)]
    pub(crate) after_sequence: Option<i64>,
    /// How they are written: `ndjson` when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::export_format, required = false)]
    pub(crate) format: Option<ExportFormat>,
}

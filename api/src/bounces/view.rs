//! Wire shapes of bounces. Third parties' addresses are not among them: we keep their domain and a hash.

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Action, Kind};
use daimon_domain::id::{BounceId, IncidentId, MailboxId, TenantId};
use daimon_domain::reason::{Fault, Permanence, Reason};
use daimon_domain::verdict::Verdict;
use daimon_store::bounce::{Bounce, Brief};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::export::ExportFormat;

/// What one report says of one recipient.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bounce, example = json!({
    "id": "bnc_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "folder": "INBOX", "received_at": "2026-11-24T07:00:00Z",
    "kind": "bounce", "reason": "user_unknown", "status": "5.1.1", "reply": 550, "action": "failed", "permanence": "permanent",
    "fault": "recipient", "rule": "enhanced_status", "diagnostic": "550 5.1.1 User unknown", "reporting_mta": "mx.host.example",
    "remote_mta": "mx.other.example", "recipient_domain": "other.example", "verdict": "account_takeover",
    "incident_id": "inc_019ab1c2d3e47f508192a3b4c5d6e7f8", "livemode": true
}))]
pub(crate) struct BounceView {
    /// Its id: the same however often the report is read.
    #[schema(schema_with = crate::words::bounce_id)]
    id: BounceId,
    /// Of which tenant.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// In which mailbox.
    #[schema(schema_with = crate::words::mailbox_id)]
    mailbox_id: MailboxId,
    /// In which folder it was found.
    folder: String,
    /// When the report arrived.
    received_at: DateTime<Utc>,
    /// What the message is.
    #[schema(schema_with = crate::words::bounce_kind)]
    kind: Kind,
    /// Why the delivery failed.
    #[schema(schema_with = crate::words::reason)]
    reason: Reason,
    /// The enhanced status code (RFC 3463).
    #[schema(required = true, example = "5.1.1")]
    status: Option<String>,
    /// The SMTP reply code.
    #[schema(required = true)]
    reply: Option<u16>,
    /// What the reporting server did.
    #[schema(schema_with = crate::words::action)]
    action: Action,
    /// Whether trying again can help.
    #[schema(schema_with = crate::words::permanence)]
    permanence: Permanence,
    /// Whose matter it is.
    #[schema(schema_with = crate::words::fault)]
    fault: Fault,
    /// The rule that decided the reason.
    rule: String,
    /// The line that decided.
    #[schema(required = true)]
    diagnostic: Option<String>,
    /// Who wrote the report.
    #[schema(required = true)]
    reporting_mta: Option<String>,
    /// Who refused.
    #[schema(required = true)]
    remote_mta: Option<String>,
    /// Where the recipient is.
    recipient_domain: String,
    /// The cause that explains it.
    #[schema(schema_with = crate::words::verdict_or_null)]
    verdict: Option<Verdict>,
    /// The incident that it belongs to.
    #[schema(schema_with = crate::words::incident_id_or_null)]
    incident_id: Option<IncidentId>,
    /// Whether it came; `false`: a drill made it up.
    livemode: bool,
}

/// A bounce with what was seen on it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BounceWithEvidence, example = json!({
    "id": "bnc_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "folder": "INBOX", "received_at": "2026-11-24T07:00:00Z",
    "kind": "bounce", "reason": "user_unknown", "status": "5.1.1", "reply": 550, "action": "failed", "permanence": "permanent",
    "fault": "recipient", "rule": "enhanced_status", "diagnostic": "550 5.1.1 User unknown", "reporting_mta": "mx.host.example",
    "remote_mta": "mx.other.example", "recipient_domain": "other.example", "verdict": "account_takeover",
    "incident_id": "inc_019ab1c2d3e47f508192a3b4c5d6e7f8", "livemode": true, "evidence": {"clues": ["gen_site:own_provider", "sent_copy:missing"],
        "is_unexpected": true, "left_through_own_provider": true}
}))]
pub(crate) struct BounceWithEvidenceView {
    #[serde(flatten)]
    bounce: BounceView,
    /// What was seen on it and weighed.
    evidence: BounceEvidenceView,
}

/// What was seen on one bounce and weighed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BounceEvidence)]
pub(crate) struct BounceEvidenceView {
    /// Item and value of each sight, such as `sent_copy:missing`. More of them may come.
    clues: Vec<String>,
    /// Nothing says that the mailbox's owner wrote the mail that came back.
    is_unexpected: bool,
    /// That mail left through the mailbox's own provider.
    left_through_own_provider: bool,
}

impl BounceEvidenceView {
    /// Of the engine's record, only what means something outside of it.
    fn of(observation: &str) -> Self {
        let recorded: Recorded = serde_json::from_str(observation).unwrap_or_default();
        Self {
            clues: recorded.clues,
            is_unexpected: recorded.is_unexpected,
            left_through_own_provider: recorded.is_own_origin,
        }
    }
}

/// What of it is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Recorded {
    clues: Vec<String>,
    is_unexpected: bool,
    is_own_origin: bool,
}

impl From<Bounce> for BounceView {
    fn from(bounce: Bounce) -> Self {
        Self {
            id: bounce.id,
            tenant_id: bounce.tenant,
            mailbox_id: bounce.mailbox,
            folder: bounce.folder,
            received_at: bounce.received_at,
            kind: bounce.kind,
            reason: bounce.reason,
            status: bounce.status.map(|status| status.to_string()),
            reply: bounce.reply,
            action: bounce.action,
            permanence: bounce.permanence,
            fault: bounce.fault,
            rule: bounce.rule,
            diagnostic: bounce.diagnostic,
            reporting_mta: bounce.reporting_mta,
            remote_mta: bounce.remote_mta,
            recipient_domain: bounce.recipient_domain,
            verdict: bounce.verdict,
            incident_id: bounce.incident,
            livemode: bounce.drill.is_none(),
        }
    }
}

impl From<Brief> for BounceView {
    fn from(Brief(bounce): Brief) -> Self {
        bounce.into()
    }
}

impl From<Bounce> for BounceWithEvidenceView {
    fn from(bounce: Bounce) -> Self {
        let evidence = BounceEvidenceView::of(&bounce.observation);
        Self { bounce: bounce.into(), evidence }
    }
}

/// Which bounces, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListBounces {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// In this mailbox only.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(crate) mailbox_id: Option<MailboxId>,
    /// Of this incident only.
    #[garde(skip)]
    #[param(schema_with = crate::words::incident_id, required = false)]
    pub(crate) incident_id: Option<IncidentId>,
    /// For this reason only.
    #[garde(skip)]
    #[param(schema_with = crate::words::reason, required = false)]
    pub(crate) reason: Option<Reason>,
    /// With this verdict only.
    #[garde(skip)]
    #[param(schema_with = crate::words::verdict, required = false)]
    pub(crate) verdict: Option<Verdict>,
    /// To recipients at this domain only.
    #[garde(inner(length(max = 253), custom(crate::input::is_plain)))]
    #[param(max_length = 253)]
    pub(crate) recipient_domain: Option<String>,
    /// Received then or later.
    #[garde(skip)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// Received before.
    #[garde(skip)]
    pub(crate) to: Option<DateTime<Utc>>,
    /// `true`, or left out: what came; `false`: what drills made up.
    #[garde(skip)]
    #[param(required = false)]
    pub(crate) livemode: Option<bool>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

/// Which bounces, and how they are written.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportBounces {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// In this mailbox only.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(crate) mailbox_id: Option<MailboxId>,
    /// Of this incident only.
    #[garde(skip)]
    #[param(schema_with = crate::words::incident_id, required = false)]
    pub(crate) incident_id: Option<IncidentId>,
    /// For this reason only.
    #[garde(skip)]
    #[param(schema_with = crate::words::reason, required = false)]
    pub(crate) reason: Option<Reason>,
    /// With this verdict only.
    #[garde(skip)]
    #[param(schema_with = crate::words::verdict, required = false)]
    pub(crate) verdict: Option<Verdict>,
    /// To recipients at this domain only.
    #[garde(inner(length(max = 253), custom(crate::input::is_plain)))]
    #[param(max_length = 253)]
    pub(crate) recipient_domain: Option<String>,
    /// Received then or later.
    #[garde(skip)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// Received before.
    #[garde(skip)]
    pub(crate) to: Option<DateTime<Utc>>,
    /// `true`, or left out: what came; `false`: what drills made up.
    #[garde(skip)]
    #[param(required = false)]
    pub(crate) livemode: Option<bool>,
    /// How they are written: `ndjson` when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::export_format, required = false)]
    pub(crate) format: Option<ExportFormat>,
}

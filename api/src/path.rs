//! Ids in paths. A malformed id is answered like an absent one.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;

/// What a path names. (An alias, because utoipa's macro stumbles over a `Path` inside a tuple.)
pub(crate) type At<T> = actix_web::web::Path<T>;

macro_rules! paths {
    ($($path:ident { $field:ident: $id:ident } = $noun:literal, $schema:ident;)+) => {$(
        #[doc = concat!("Names one ", $noun, ".")]
        #[derive(Debug, Deserialize, IntoParams)]
        #[into_params(parameter_in = Path)]
        pub(crate) struct $path {
            #[doc = concat!("Which ", $noun, ".")]
            #[param(schema_with = crate::words::$schema)]
            pub(crate) $field: String,
        }

        impl $path {
            /// The id.
            pub(crate) fn id(&self) -> Result<daimon_domain::id::$id, Problem> {
                self.$field.parse().map_err(|_malformed| Self::absent())
            }

            /// What a path to nothing is answered.
            pub(crate) const fn absent() -> Problem {
                Problem::NotFound($noun)
            }
        }
    )+};
}

paths! {
    TenantPath { tenant_id: TenantId } = "tenant", tenant_id;
    MailboxPath { mailbox_id: MailboxId } = "mailbox", mailbox_id;
    CredentialPath { credential_id: CredentialId } = "credential", credential_id;
    BouncePath { bounce_id: BounceId } = "bounce", bounce_id;
    IncidentPath { incident_id: IncidentId } = "incident", incident_id;
    CampaignPath { campaign_id: CampaignId } = "campaign", campaign_id;
    WindowPath { window_id: WindowId } = "maintenance window", window_id;
    DrillPath { drill_id: DrillId } = "drill", drill_id;
    JobPath { job_id: JobId } = "job", job_id;
    EndpointPath { endpoint_id: EndpointId } = "webhook endpoint", endpoint_id;
    DeliveryPath { delivery_id: DeliveryId } = "delivery", delivery_id;
    KeyPath { key_id: KeyId } = "API key", key_id;
    UserPath { user_id: UserId } = "user", user_id;
}

/// Names one step of an incident's playbook.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct StepPath {
    /// Which incident.
    #[param(schema_with = crate::words::incident_id)]
    pub(crate) incident_id: String,
    /// Which step.
    #[param(example = "C01")]
    pub(crate) step: String,
}

/// Names one ticket that an incident is linked to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TicketPath {
    /// Which incident.
    #[param(schema_with = crate::words::incident_id)]
    pub(crate) incident_id: String,
    /// Which link.
    #[param(schema_with = crate::words::ticket_id)]
    pub(crate) ticket_id: String,
}

/// The header that a change must carry.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes the header; `etag::IfMatch` reads it")]
pub(crate) struct IfMatchHeader {
    /// The `ETag` that you read. Without it the answer is 428, with an old one 412.
    #[serde(rename = "If-Match")]
    #[param(example = "\"1\"")]
    if_match: String,
}

/// The same where there may be nothing to change yet.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes the header; `etag::IfMatch` reads it")]
pub(crate) struct IfMatchWhereThereIsOneHeader {
    /// The `ETag` that you read, where there is one already. Without it the answer is 428 then, with an old one 412.
    #[serde(rename = "If-Match")]
    #[param(example = "\"1\"")]
    if_match: Option<String>,
}

/// The name of the header that makes it safe to repeat a creation.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header that makes it safe to repeat a creation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes the header; `idempotency::IdempotencyKey` reads it")]
pub(crate) struct IdempotencyKeyHeader {
    /// A text of your own, new for each request. Repeat the request with the same one, and nothing happens twice: you
    /// get the first answer, for 24 hours; another request with it is refused.
    #[serde(rename = "Idempotency-Key")]
    #[param(
        required = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]{1,255}$",
        example = "7c5f6f2e-onboarding-42"
    )]
    idempotency_key: Option<String>,
}

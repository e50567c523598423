//! How the closed sets of words appear in the document. The domain knows nothing of `OpenAPI`, so it is told here.

use daimon_domain::bounce::{Action, Kind, NoticeKind, NoticePlace, NoticeStrength};
use daimon_domain::connection_test::{Finding, StepOutcome, TestStep};
use daimon_domain::credential::{CredentialKind, TokenFault};
use daimon_domain::delivery::{AttemptFault, DeliveryFailure, DeliveryState, WaitsFor};
use daimon_domain::drill::{DrillEpisode, DrillState};
use daimon_domain::event::EventType;
use daimon_domain::incident::{Dismissal, IncidentState};
use daimon_domain::job::{JobFailure, JobKind, JobState};
use daimon_domain::mailbox::{ConnectionFault, IdleState, NewMail, TlsMode};
use daimon_domain::playbook::{Phase, Who};
use daimon_domain::reason::{Fault, Permanence, Reason};
use daimon_domain::scope::Permission;
use daimon_domain::tenant::Language;
use daimon_domain::tidying::Left;
use daimon_domain::user::Role;
use daimon_domain::verdict::{Severity, Tier, Verdict};
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};

fn string_of(description: &str, words: Vec<&'static str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .examples(words.first().map(|word| serde_json::json!(word)))
        .enum_values(Some(words))
        .build()
}

/// The same, where there may be none.
fn or_null(mut words: Object) -> Object {
    words.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    if let Some(known) = &mut words.enum_values {
        known.push(serde_json::Value::Null);
    }
    words
}

macro_rules! words_schemas {
    ($($name:ident: $set:ty = $description:literal;)+) => {$(
        pub(crate) fn $name() -> Object {
            string_of($description, <$set>::ALL.iter().map(|word| word.as_str()).collect())
        }
    )+};
}

words_schemas! {
    problem_code: crate::problem::Code = "What went wrong, for programs.";
    permission: Permission = "What an API key or a user may do.";
    kind_of_caller: crate::me::Kind = "What stands behind a token.";
    role: Role = "What a person is to the MSP. `viewer` reads; `operator` also works on incidents and looks after mailboxes; `admin` also sets up tenants, webhooks, API keys and users, and reads the audit log; `owner` may do everything.";
    language: Language = "The language that people are spoken to in.";
    tls: TlsMode = "How TLS begins: from the first byte (usually port 993), or by STARTTLS (usually 143).";
    new_mail: NewMail = "How new mail is noticed: at each turn (`poll`), or within a second because the server tells of it (`idle`, RFC 2177).";
    polling_state: crate::mailboxes::PollingState = "Whether a mailbox is read. `paused`: not until somebody resumes it. `deleting`: not any more, and a job deletes it.";
    connection_state: crate::mailboxes::ConnectionState = "How reading a mailbox goes. `new`: it was never read. `unreachable`: it is tried again, later and later. `credential_refused`: it is not tried again until the password or the credential is replaced.";
    idle_state: IdleState = "`idling`: the server tells of new mail. `starting`: it will from the next read that succeeds. `not_offered`: it can't. `no_room`: the operator's limit of such sessions is reached.";
    connection_fault: ConnectionFault = "Why the mailbox can't be read.";
    credential_kind: CredentialKind = "How access tokens are asked for, and of whom.";
    token_fault: TokenFault = "Why no access token was given. `busy`, `unreachable` and `unusable` are tried again by themselves.";
    verdict: Verdict = "The cause that explains the bounces.";
    tier: Tier = "How sure we are that the mailbox was taken over, lowest first.";
    severity: Severity = "How urgent it is.";
    incident_state: IncidentState = "Where the incident stands.";
    dismissal: Dismissal = "Why it is said to be none. `this_was_us` teaches: the same letters raise no alarm again.";
    phase: Phase = "When in an incident's life the step is due.";
    who: Who = "Who does it.";
    bounce_kind: Kind = "What the message is.";
    notice_kind: NoticeKind = "What a provider says it did.";
    notice_strength: NoticeStrength = "How much the provider's notice proves.";
    notice_place: NoticePlace = "Where a provider's words stand in a message, and so whose they are.";
    action: Action = "What the reporting server did (RFC 3464, 2.3.3).";
    reason: Reason = "Why the delivery failed.";
    permanence: Permanence = "Whether trying again can help.";
    fault: Fault = "Whose matter the failure is.";
    event_type: EventType = "What happened.";
    delivery_state: DeliveryState = "Where the delivery stands.";
    disabled_reason: daimon_store::endpoint::DisabledReason = "Why the endpoint is not called any more.";
    report_format: crate::incidents::ReportFormat = "How the report is written.";
    row_status: crate::onboarding::RowStatus = "What came of a row. `created`: its mailbox, or of a company without mailboxes the company. `exists`: it was there, and was left as it is. `invalid`: nothing was done; `errors` says why.";
    export_format: crate::export::ExportFormat = "How an export is written: lines of JSON, or a table.";
    bulk_action: crate::mailboxes::BulkAction = "What is done with each mailbox.";
    bulk_outcome: crate::mailboxes::BulkOutcome = "What came of it. `deleting`: a job deletes it, since there is much to delete. `not_found`: there is no such mailbox, or it is not yours.";
    bounces_by: crate::statistics::BouncesBy = "What bounces are counted by.";
    usage_by: crate::statistics::UsageBy = "What mailbox-days are counted by.";
    audience: daimon_wording::notice::Audience = "For whom the text is.";
    drill_episode: DrillEpisode = "What is played.";
    drill_state: DrillState = "Where the drill stands.";
    job_kind: JobKind = "What a job does.";
    job_state: JobState = "Where a job stands. `waiting` and `running` go on; `done` has a result; `failed` has none and won't have one.";
    job_failure: JobFailure = "Why a job brought nothing.";
    left: Left = "Why a mail was left alone.";
    test_step: TestStep = "A step of a test of a mailbox's connection, in the order in which they are taken.";
    step_outcome: StepOutcome = "How a step went.";
    finding: Finding = "What came of a step.";
    step_state: daimon_store::incident::StepState = "Where the step stands.";
    attempt_fault: AttemptFault = "Why the attempt failed.";
    waits_for: WaitsFor = "What it waits for although nothing has failed: its turn at an endpoint that has a rate limit, or the end of the endpoint's quiet hours.";
    delivery_failure: DeliveryFailure = "Why it was given up: all attempts failed (a test has one), the receiver answered 410, the endpoint was disabled when its time came, it was begun ten times and never ended, or what was to be told is kept no more.";
    which: daimon_store::delivery::Which = "What is replayed: `missed` is what has not arrived and is not on its way, `all` is everything.";
}

macro_rules! nullable {
    ($($name:ident = $words:ident;)+) => {$(
        pub(crate) fn $name() -> Object { or_null($words()) }
    )+};
}

nullable! {
    connection_fault_or_null = connection_fault;
    token_fault_or_null = token_fault;
    credential_id_or_null = credential_id;
    attempt_fault_or_null = attempt_fault;
    disabled_reason_or_null = disabled_reason;
    verdict_or_null = verdict;
    dismissal_or_null = dismissal;
    mailbox_id_or_null = mailbox_id;
    incident_id_or_null = incident_id;
    tenant_id_or_null = tenant_id;
    drill_id_or_null = drill_id;
    job_failure_or_null = job_failure;
    job_id_or_null = job_id;
    waits_for_or_null = waits_for;
    delivery_failure_or_null = delivery_failure;
    severity_or_null = severity;
    role_or_null = role;
}

/// A list of permissions.
pub(crate) fn permissions() -> Array {
    ArrayBuilder::new().items(permission()).build()
}

/// A list of types of events.
pub(crate) fn event_types() -> Array {
    ArrayBuilder::new().items(event_type()).build()
}

/// A list of severities.
pub(crate) fn severities() -> Array {
    ArrayBuilder::new().items(severity()).build()
}

/// A list of verdicts.
pub(crate) fn verdicts() -> Array {
    ArrayBuilder::new().items(verdict()).build()
}

/// A list of groups of tenants.
pub(crate) fn groups() -> Array {
    let group = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A label that tenants share."))
        .pattern(Some("^[a-z0-9_-]{1,40}$"))
        .examples([serde_json::json!("gold")]);
    ArrayBuilder::new().items(group).build()
}

/// A time of day.
pub(crate) fn time_of_day() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A time of day, to the minute."))
        .pattern(Some("^([01][0-9]|2[0-3]):[0-5][0-9]$"))
        .examples([serde_json::json!("22:00")])
        .build()
}

/// A time zone.
pub(crate) fn time_zone() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A time zone by its name in the IANA database."))
        .examples([serde_json::json!("Asia/Tokyo")])
        .build()
}

/// A list of tenants.
pub(crate) fn tenant_ids() -> Array {
    ArrayBuilder::new().items(tenant_id()).build()
}

/// A list of mailboxes.
pub(crate) fn mailbox_ids() -> Array {
    ArrayBuilder::new().items(mailbox_id()).build()
}

/// A list of mailboxes to do something with.
pub(crate) fn mailbox_ids_1_to_100() -> Array {
    ArrayBuilder::new().items(mailbox_id()).min_items(Some(1)).max_items(Some(100)).build()
}

/// A list of tenants, or none that limits.
pub(crate) fn tenant_ids_or_null() -> Array {
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(types).items(tenant_id()).build()
}

/// An id on the wire.
pub(crate) fn id(prefix: &str, description: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(format!("^{prefix}_[0-9a-f]{{32}}$")))
        .examples([serde_json::json!(format!("{prefix}_019ab1c2d3e47f508192a3b4c5d6e7f8"))])
        .build()
}

macro_rules! id_schemas {
    ($($name:ident: $prefix:literal = $description:literal;)+) => {$(
        pub(crate) fn $name() -> Object { id($prefix, $description) }
    )+};
}

id_schemas! {
    tenant_id: "tnt" = "A tenant.";
    mailbox_id: "mbx" = "A mailbox.";
    credential_id: "crd" = "A credential.";
    bounce_id: "bnc" = "A bounce.";
    incident_id: "inc" = "An incident.";
    ticket_id: "tkt" = "A link to a ticket.";
    campaign_id: "cmp" = "A campaign.";
    window_id: "mwd" = "A maintenance window.";
    drill_id: "drl" = "A drill.";
    job_id: "job" = "A job.";
    event_id: "evt" = "An event; also its `webhook-id`.";
    endpoint_id: "whe" = "A webhook endpoint.";
    delivery_id: "dlv" = "A delivery.";
    attempt_id: "att" = "An attempt.";
    key_id: "key" = "An API key.";
    user_id: "usr" = "A user.";
    msp_id: "msp" = "An MSP.";
    audit_id: "aud" = "A line of the audit log.";
}

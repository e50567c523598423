//! Wire shapes of jobs, and of what they bring.

use chrono::{DateTime, Utc};
use daimon_domain::connection_test::{ConnectionTest, Facts, Finding, StepOutcome, Stepped, TestStep};
use daimon_domain::gathered::Gathered;
use daimon_domain::id::{IncidentId, JobId, MailboxId, TenantId};
use daimon_domain::job::{Job, JobFailure, JobKind, JobState};
use daimon_domain::mailbox::ConnectionFault;
use daimon_domain::tenant::Language;
use daimon_domain::tidying::{InFolder, Left, StayFor, Tidied};
use daimon_store::job::Kept;
use daimon_store::tenant;
use daimon_wording::{connection_test, job as wording};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Caller;
use crate::export::ExportFormat;
use crate::mailboxes::ImapServerView;
use crate::problem::Problem;

/// In which language.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Spoken {
    /// In this language; in the tenant's when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::language, required = false)]
    pub(super) language: Option<Language>,
}

/// Which jobs, in which language, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListJobs {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(super) tenant_id: Option<TenantId>,
    /// On this mailbox only.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(super) mailbox_id: Option<MailboxId>,
    /// In this language; each in its tenant's when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::language, required = false)]
    pub(super) language: Option<Language>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(super) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u16>,
}

/// How addresses are written.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TakeRecipients {
    /// How they are written: `ndjson` when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::export_format, required = false)]
    pub(super) format: Option<ExportFormat>,
}

/// The language of a tenant.
pub(crate) async fn language_of<P>(caller: &mut Caller<P>, id: TenantId) -> Result<Language, Problem> {
    let tenant = tenant::find(&mut caller.tx, id).await?;
    Ok(tenant.map_or(Language::English, |tenant| tenant.language))
}

/// Work that takes longer than a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job, example = json!({
    "id": "job_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "kind": "test_connection", "incident_id": null, "dry_run": false, "state": "done",
    "created_at": "2026-11-24T07:00:00Z", "created_by": "key_019ab1c2d3e47f508192a3b4c5d6e7f8", "not_before": null,
    "ended_at": "2026-11-24T07:00:03Z", "failure": null, "advice": null,
    "connection_test": {
        "language": "en", "outcome": "failed", "provider": "Gmail, Google Workspace",
        "imap": {"host": "imap.gmail.com", "port": 993, "tls": "implicit"}, "steps": [{
            "step": "sign_in", "title": "Sign-in", "outcome": "failed", "code": "imap_off", "fault": "credential_refused",
            "sentence": "IMAP is switched off for this account.",
            "advice": "IMAP is probably switched off for this user: Google Admin → Apps → Google Workspace → Gmail → …",
            "url": "https://admin.google.com/ac/apps/gmail/enduseraccess", "facts": {"refusals": 1}
        }]
    }, "tidying": null, "recipients": null
}))]
pub(crate) struct JobView {
    /// Its id.
    #[schema(schema_with = crate::words::job_id)]
    id: JobId,
    /// Of which tenant.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// On which mailbox; none: on all of the tenant.
    #[schema(schema_with = crate::words::mailbox_id_or_null)]
    mailbox_id: Option<MailboxId>,
    /// What it does.
    #[schema(schema_with = crate::words::job_kind)]
    kind: JobKind,
    /// For which incident, if it is for one.
    #[schema(schema_with = crate::words::incident_id_or_null)]
    incident_id: Option<IncidentId>,
    /// It is only looked what would be done.
    dry_run: bool,
    /// Where it stands.
    #[schema(schema_with = crate::words::job_state)]
    state: JobState,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// By whom: the id of an API key or of a user.
    created_by: String,
    /// While it waits: when it is tried next. The mailbox or its server may be in use.
    #[schema(required = true)]
    not_before: Option<DateTime<Utc>>,
    /// When it ended.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
    /// Why it brought nothing.
    #[schema(schema_with = crate::words::job_failure_or_null)]
    failure: Option<JobFailure>,
    /// What somebody can do about that.
    #[schema(required = true)]
    advice: Option<&'static str>,
    /// What a test of a mailbox's connection has found.
    #[schema(required = true)]
    connection_test: Option<ConnectionTestView>,
    /// What was moved, or would be.
    #[schema(required = true)]
    tidying: Option<TidiedView>,
    /// How many addresses were gathered.
    #[schema(required = true)]
    recipients: Option<GatheredView>,
}

/// Addresses that bounced in an incident, read again from its mails.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GatheredRecipients)]
pub(crate) struct GatheredView {
    /// How many there are, each once.
    addresses: u64,
    /// How many recipients have none: the mails that name them are no longer where they were, or can't be read.
    missing: u64,
    /// How many recipients have none because their mails were not read again: their folder can't be opened, or it took too long.
    unread: u64,
    /// Until when they can be taken.
    #[schema(required = true)]
    available_until: Option<DateTime<Utc>>,
    /// When they were taken first. The same caller can take them again until `available_until`.
    #[schema(required = true)]
    given_at: Option<DateTime<Utc>>,
}

/// What a job has gathered, as it is kept.
pub(super) fn gathered(result: serde_json::Value) -> Result<Gathered, Problem> {
    serde_json::from_value(result).map_err(|error| Problem::internal(&error))
}

/// What became of an incident's bounces.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tidied)]
pub(crate) struct TidiedView {
    /// The folder that they were, or would be, moved to; none of those that were moved back.
    #[schema(required = true)]
    folder: Option<String>,
    /// How many mails were moved, or would be.
    mails: u64,
    /// The same by the folder where they lay before; of those that were moved back, by the folder where they lie again.
    moved: Vec<InFolderView>,
    /// What was to be moved and was left alone.
    left: Vec<LeftView>,
    /// What a filter, a rule or the owner has put into other folders. It stays there.
    elsewhere: Vec<InFolderView>,
}

/// So many mails in a folder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailsInFolder)]
pub(crate) struct InFolderView {
    /// The folder, by its name as people read it.
    folder: String,
    /// How many.
    mails: u64,
}

/// So many mails that were left alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailsLeft)]
pub(crate) struct LeftView {
    /// Why.
    #[schema(schema_with = crate::words::left)]
    because: Left,
    /// How many.
    mails: u64,
    /// The same in a sentence, in the tenant's language or in the one that you ask for.
    sentence: &'static str,
}

impl From<InFolder> for InFolderView {
    fn from(one: InFolder) -> Self {
        Self { folder: one.folder, mails: one.mails }
    }
}

impl TidiedView {
    fn of(tidied: Tidied, language: Language) -> Self {
        let left = |one: StayFor| LeftView {
            because: one.because,
            mails: one.mails,
            sentence: wording::left(one.because).in_language(language),
        };
        Self {
            mails: tidied.mails(),
            folder: tidied.folder,
            moved: tidied.moved.into_iter().map(InFolderView::from).collect(),
            left: tidied.left.into_iter().map(left).collect(),
            elsewhere: tidied.elsewhere.into_iter().map(InFolderView::from).collect(),
        }
    }
}

/// What a test of a mailbox's connection has found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTest)]
pub(crate) struct ConnectionTestView {
    /// In which language it is told.
    #[schema(schema_with = crate::words::language)]
    language: Language,
    /// The worst of its steps: `ok`, `warning` or `failed`.
    #[schema(schema_with = crate::words::step_outcome)]
    outcome: StepOutcome,
    /// Who the provider is, if it is one that we know.
    #[schema(required = true)]
    provider: Option<&'static str>,
    /// The server that was tested.
    imap: ImapServerView,
    /// Every step, in order.
    steps: Vec<TestStepView>,
}

/// One step of a test.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTestStep)]
pub(crate) struct TestStepView {
    /// Which.
    #[schema(schema_with = crate::words::test_step)]
    step: TestStep,
    /// What people call it.
    title: &'static str,
    /// How it went.
    #[schema(schema_with = crate::words::step_outcome)]
    outcome: StepOutcome,
    /// What came of it.
    #[schema(schema_with = crate::words::finding)]
    code: Finding,
    /// What a mailbox that fails so shows as its connection's fault.
    #[schema(schema_with = crate::words::connection_fault_or_null)]
    fault: Option<ConnectionFault>,
    /// The same in a sentence.
    sentence: String,
    /// What somebody can do about it.
    #[schema(required = true)]
    advice: Option<String>,
    /// Where to do it.
    #[schema(required = true)]
    url: Option<&'static str>,
    /// What was seen.
    facts: FactsView,
}

/// What was seen in a step; what a step does not have is left out. Nothing of any message but that it is there, and when it came.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTestFacts)]
pub(crate) struct FactsView {
    /// `TLS 1.3` or `TLS 1.2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tls_version: Option<String>,
    /// When the server's certificate runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    certificate_expires_at: Option<DateTime<Utc>>,
    /// What the server can do, of what matters here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    capabilities: Vec<String>,
    /// Microsoft's own number for what is in the way: 7000222 stands for `AADSTS7000222`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    provider_code: Option<u32>,
    /// Until when the access token holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token_expires_at: Option<DateTime<Utc>>,
    /// How often the password was refused, this time included. After the third time it is not tried any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refusals: Option<u32>,
    /// How many folders there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    folders: Option<u32>,
    /// The folder that was taken for Junk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    junk: Option<String>,
    /// The folder that was taken for Trash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trash: Option<String>,
    /// The folder that was taken for Sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sent: Option<String>,
    /// How many messages the folder has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    messages: Option<u32>,
    /// When the newest of them came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    newest_at: Option<DateTime<Utc>>,
    /// How many sessions at a time the host gets from all of us. None: it counts for each mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    connections: Option<u16>,
    /// How many sign-ins a minute the host gets from all of us.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    logins_a_minute: Option<u16>,
    /// How often the mailbox is read there, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    interval_s: Option<u32>,
    /// Where the mailboxes of the address's domain usually are, if that is another server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    usual_host: Option<String>,
}

impl From<Facts> for FactsView {
    fn from(facts: Facts) -> Self {
        Self {
            tls_version: facts.tls_version,
            certificate_expires_at: facts.certificate_expires_at,
            capabilities: facts.capabilities,
            provider_code: facts.provider_code,
            token_expires_at: facts.token_expires_at,
            refusals: facts.refusals,
            folders: facts.folders,
            junk: facts.junk,
            trash: facts.trash,
            sent: facts.sent,
            messages: facts.messages,
            newest_at: facts.newest_at,
            connections: facts.connections,
            logins_a_minute: facts.logins_a_minute,
            interval_s: facts.interval_s,
            usual_host: facts.usual_host,
        }
    }
}

impl JobView {
    /// As it is told in that language.
    pub(crate) fn of(kept: Kept, language: Language) -> Result<Self, Problem> {
        let Kept { job, result, kept_until } = kept;
        let (mut connection_test, mut tidying, mut recipients) = (None, None, None);
        match (job.kind, result) {
            // What a deletion brings is that something is gone.
            (_, None) | (JobKind::Deletion, Some(_)) => {}
            (JobKind::TestConnection, Some(result)) => {
                let test: ConnectionTest = serde_json::from_value(result).map_err(|error| Problem::internal(&error))?;
                connection_test = Some(ConnectionTestView::of(test, language));
            }
            (JobKind::Tidy | JobKind::Untidy, Some(result)) => {
                let tidied: Tidied = serde_json::from_value(result).map_err(|error| Problem::internal(&error))?;
                tidying = Some(TidiedView::of(tidied, language));
            }
            (JobKind::Recipients, Some(result)) => {
                let Gathered { addresses, missing, unread, given_at, .. } = gathered(result)?;
                recipients = Some(GatheredView { addresses, missing, unread, available_until: kept_until, given_at });
            }
        }
        Ok(Self { connection_test, tidying, recipients, ..Self::without_result(job, language) })
    }

    /// One that has brought nothing yet.
    pub(crate) fn without_result(job: Job, language: Language) -> Self {
        Self {
            id: job.id,
            tenant_id: job.tenant,
            mailbox_id: job.mailbox,
            kind: job.kind,
            incident_id: job.incident,
            dry_run: job.is_dry_run,
            state: job.state,
            created_at: job.created_at,
            created_by: job.created_by,
            not_before: (job.state == JobState::Waiting).then_some(job.not_before),
            ended_at: job.ended_at,
            failure: job.failure,
            advice: job.failure.map(|why| wording::failure(why).in_language(language)),
            connection_test: None,
            tidying: None,
            recipients: None,
        }
    }
}

impl ConnectionTestView {
    fn of(test: ConnectionTest, language: Language) -> Self {
        let provider = test.provider.as_deref().and_then(daimon_provider::named);
        let provider = provider.map(|provider| provider.title.as_str());
        let step = |step: &Stepped| {
            let told = connection_test::told(&test, step, provider, language);
            TestStepView {
                step: step.step,
                title: told.title,
                outcome: step.finding.outcome(),
                code: step.finding,
                fault: step.finding.fault(),
                sentence: told.sentence,
                advice: told.advice,
                url: told.url,
                facts: step.facts.clone().into(),
            }
        };
        let (outcome, steps) = (test.outcome(), test.steps.iter().map(step).collect());
        Self { language, outcome, provider, imap: test.server.into(), steps }
    }
}

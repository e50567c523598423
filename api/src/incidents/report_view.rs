//! Wire shapes of the report on an incident. Texts are in one language, plain, and to be escaped by whoever shows them.

use chrono::{DateTime, Utc};
use daimon_domain::id::{IncidentId, MailboxId, TenantId};
use daimon_domain::incident::{Incident, IncidentState};
use daimon_domain::playbook::Phase;
use daimon_domain::reason::Reason;
use daimon_domain::tenant::Language;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_domain::words;
use daimon_store::incident::StepState;
use daimon_wording::incident_report::{
    CheckedStep, Division, Event, IncidentReport, ReasonCount, Refusing, Reputation, Sign, Stands,
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::EvidenceView;
use crate::tenants::FindingView;

words! {
    /// How a report is written.
    ReportFormat {
        /// For programs that show it in their own way.
        Json = "json",
        /// For tickets and wikis.
        Markdown = "markdown",
        /// A page that holds all it needs and prints on A4.
        Html = "html",
    }
}

/// How to write a report.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// How to write it, whatever `Accept` says.
    #[garde(skip)]
    #[param(schema_with = crate::words::report_format, required = false)]
    pub(crate) format: Option<ReportFormat>,
    /// In which language: the tenant's when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::language, required = false)]
    pub(crate) language: Option<Language>,
}

/// A report on an incident, sentence by sentence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IncidentReport, example = json!({
    "incident_id": "inc_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "verdict": "account_takeover", "tier": "probable", "state": "open",
    "language": "en", "made_at": "2026-11-24T08:55:00Z", "title": "Incident report: mailbox sato@clinic.example",
    "headline": "The mailbox sato@clinic.example was very probably taken over: somebody else signed in and sent mail in its name. The first returned mails came on 24 November 2026, 06:50 UTC.",
    "how_sure": "How sure: very sure; no other cause fits nearly as well (more than 1,000 times likelier than any other).",
    "where_it_stands": "Where it stands: the way in is not closed yet, or that is not proved yet. The steps below close it.",
    "meaning": ["Somebody else knows the password or still has an open session. They can read the mail in this mailbox and send in its name."],
    "figures": [{"label": "Returned mails (bounces)", "value": "60"}],
    "bounces_over_time": {"description": "Each bar is one hour, from 24 Nov, 06:00 to 24 Nov, 07:00; the most, 31, came from 24 Nov, 07:00 on.",
        "step_s": 3600, "bars": [{"from": "2026-11-24T06:00:00Z", "bounces": 8}, {"from": "2026-11-24T07:00:00Z", "bounces": 31}]},
    "reasons": [{"reason": "user_unknown", "name": "the recipient does not exist", "bounces": 45}],
    "recipient_domains": [{"domain": "shop.example", "bounces": 9}], "counted": null,
    "evidence": [{"item": "sent_copy", "value": "missing", "db": 57.1, "count": 14, "against": "legit",
        "sentence": "No copy is in the Sent folder (14 bounces): a very strong sign of a stolen mailbox rather than ordinary mail of its owner (more than 1,000 times likelier)."}],
    "counter_evidence": [],
    "evidence_note": "Each sign is weighed against the cause that comes closest: by so much it makes the one likelier than the other.",
    "timeline": [{"at": "2026-11-24T07:20:00Z", "what": "Noticed, incident opened: a stolen mailbox (very probable)", "who": "automatic", "note": null}],
    "remaining_note": "First close the way in. These steps are needed for that, best today; what comes after is in the checklist.",
    "remaining": [{"id": "C04", "title": "Delete all app passwords and re-create only those needed", "why": "App passwords survive a password reset.",
        "who": "administrator of the mail service"}],
    "checklist": [{"phase": "contain", "name": "Stop it", "steps": [{"id": "C04", "title": "Delete all app passwords and re-create only those needed",
        "who": "administrator of the mail service", "state": "open", "by": null, "at": null, "note": null}]}],
    "proof": ["That the way in is closed is not proved yet."],
    "reputation": {"domain": "clinic.example", "checked_at": "2026-11-24T07:00:00Z",
        "summary": ["In the last seven days mail of clinic.example was refused because of its sender by Google (Gmail, Workspace)."],
        "findings": [{"code": "dmarc.only_watches",
            "sentence": "DMARC only watches (p=none): once the reports show that your own mail passes, ask for quarantine or reject."}],
        "unanswered": [], "refusals": [{"receiver": "Google (Gmail, Workspace)", "page": "postmaster.google.com", "bounces": 8,
            "last_7_days": 4, "latest_at": "2026-11-24T07:50:00Z",
            "reasons": [{"reason": "spam_content", "name": "taken for spam", "bounces": 8}]}]},
    "late_bounces": ["Servers retry for days. So mail that was sent before the way in is closed can go on coming back for about ten days afterwards."],
    "still_tried": 3, "late_until": null, "prepared": "Prepared by Kestrel IT for Sakura Dental Clinic on 24 November 2026, 08:55 UTC."
}))]
pub(crate) struct IncidentReportView {
    /// Of which incident.
    #[schema(schema_with = crate::words::incident_id)]
    incident_id: IncidentId,
    /// Of which tenant.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// Of which mailbox.
    #[schema(schema_with = crate::words::mailbox_id)]
    mailbox_id: MailboxId,
    /// The cause, as far as known.
    #[schema(schema_with = crate::words::verdict)]
    verdict: Verdict,
    /// How sure.
    #[schema(schema_with = crate::words::tier)]
    tier: Tier,
    /// Where it stands.
    #[schema(schema_with = crate::words::incident_state)]
    state: IncidentState,
    /// The language of what follows.
    #[schema(schema_with = crate::words::language)]
    language: Language,
    /// When the report was made.
    made_at: DateTime<Utc>,
    /// Its title.
    title: String,
    /// What happened, to whom, since when.
    headline: String,
    /// How sure that is.
    how_sure: String,
    /// How far dealing with it has come.
    where_it_stands: String,
    /// What it means.
    meaning: Vec<String>,
    /// The numbers.
    figures: Vec<FigureView>,
    /// How many bounces came when.
    bounces_over_time: BouncesOverTimeView,
    /// Why mail came back, most frequent first.
    reasons: Vec<ReasonCountView>,
    /// To which domains it had been sent: those with the most bounces.
    recipient_domains: Vec<DomainCountView>,
    /// What was not counted over time, by reason and by domain, or counted without being read; `null` when everything was.
    #[schema(required = true)]
    counted: Option<String>,
    /// What speaks for it, strongest first.
    evidence: Vec<EvidenceView>,
    /// What speaks against it.
    counter_evidence: Vec<EvidenceView>,
    /// How the numbers of the evidence are meant.
    evidence_note: String,
    /// What happened to it, oldest first.
    timeline: Vec<ReportEventView>,
    /// What comes next.
    remaining_note: String,
    /// The steps that have to be done next.
    remaining: Vec<RemainingStepView>,
    /// The whole playbook, phase by phase.
    checklist: Vec<ChecklistView>,
    /// Whether the way in is closed, and what proves it. Empty where nobody had to be shut out.
    proof: Vec<String>,
    /// What receivers and DNS say of the domain; `null` where the cause says nothing of it.
    #[schema(required = true)]
    reputation: Option<ReputationView>,
    /// What bounces mean that come from now on.
    late_bounces: Vec<String>,
    /// How many recipients a server is still trying to reach: for each another bounce may come.
    still_tried: u64,
    /// Until when late bounces may come, once that is known.
    #[schema(required = true)]
    late_until: Option<DateTime<Utc>>,
    /// Who made it, for whom, when.
    prepared: String,
}

/// A number and what it counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportFigure)]
pub(crate) struct FigureView {
    /// What.
    label: String,
    /// How many, or when.
    value: String,
}

/// How many bounces came when.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BouncesOverTime)]
pub(crate) struct BouncesOverTimeView {
    /// The same in a sentence.
    description: String,
    /// How long a step is, in seconds.
    step_s: i64,
    /// Step by step from the first bounce to the last, and some steps around them where those are few.
    bars: Vec<BarView>,
}

/// How many came in a step of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BouncesInStep)]
pub(crate) struct BarView {
    /// When it begins.
    from: DateTime<Utc>,
    /// How many.
    bounces: u64,
}

/// How many came back for a reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReasonCount)]
pub(crate) struct ReasonCountView {
    /// The reason.
    #[schema(schema_with = crate::words::reason)]
    reason: Reason,
    /// In words.
    name: String,
    /// How many.
    bounces: u64,
}

/// How many came back from a domain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecipientDomainCount)]
pub(crate) struct DomainCountView {
    /// The recipients' domain.
    domain: String,
    /// How many.
    bounces: u64,
}

/// What is thought of the domain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainReputation)]
pub(crate) struct ReputationView {
    /// The mailbox's domain.
    domain: String,
    /// When its records and the block lists were last asked for; `null` before that.
    #[schema(required = true)]
    checked_at: Option<DateTime<Utc>>,
    /// Whether it is clean, in sentences.
    summary: Vec<String>,
    /// What is wrong, the worst first.
    findings: Vec<FindingView>,
    /// What DNS or a block list did not answer: `spf`, `dmarc`, `dkim`, or the name of a list.
    unanswered: Vec<String>,
    /// Who refused mail of the domain because of its sender since the incident began; those that still do come first.
    refusals: Vec<RefusingView>,
}

/// A receiver that refused mail because of its sender.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiverRefusals)]
pub(crate) struct RefusingView {
    /// What people call it, or the domain that was written to.
    receiver: String,
    /// Where it tells senders how they stand.
    #[schema(required = true)]
    page: Option<&'static str>,
    /// How many mails it refused.
    bounces: u64,
    /// How many of them in the last seven days.
    last_7_days: u64,
    /// The newest.
    latest_at: DateTime<Utc>,
    /// Why, most frequent first.
    reasons: Vec<ReasonCountView>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportEvent)]
pub(crate) struct ReportEventView {
    /// When.
    at: DateTime<Utc>,
    /// What, in words.
    what: String,
    /// Who did it, by name.
    who: String,
    /// In their words.
    #[schema(required = true)]
    note: Option<String>,
}

/// A step to be done next.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RemainingStep)]
pub(crate) struct RemainingStepView {
    /// Its id.
    id: String,
    /// What to do.
    title: String,
    /// Why.
    why: String,
    /// Who does it, in words.
    who: String,
}

/// The steps of a phase.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checklist)]
pub(crate) struct ChecklistView {
    /// Which phase.
    #[schema(schema_with = crate::words::phase)]
    phase: Phase,
    /// In words.
    name: String,
    /// Its steps.
    steps: Vec<ChecklistStepView>,
}

/// A step and where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChecklistStep)]
pub(crate) struct ChecklistStepView {
    /// Its id.
    id: String,
    /// What to do.
    title: String,
    /// Who does it, in words.
    who: String,
    /// Where it stands.
    #[schema(schema_with = crate::words::step_state)]
    state: StepState,
    /// Who said so, by name.
    #[schema(required = true)]
    by: Option<String>,
    /// When.
    #[schema(required = true)]
    at: Option<DateTime<Utc>>,
    /// What they wrote down.
    #[schema(required = true)]
    note: Option<String>,
}

impl IncidentReportView {
    pub(super) fn new(incident: &Incident, report: IncidentReport) -> Self {
        let evidence =
            |signs: Vec<Sign>| signs.into_iter().map(|sign| EvidenceView::new(sign.line, sign.sentence)).collect();
        Self {
            incident_id: incident.id,
            tenant_id: incident.tenant,
            mailbox_id: incident.mailbox,
            verdict: incident.verdict,
            tier: incident.tier,
            state: incident.state,
            language: report.language,
            made_at: report.made_at,
            title: report.title,
            headline: report.headline,
            how_sure: report.how_sure,
            where_it_stands: report.where_it_stands,
            meaning: report.meaning,
            figures: report.figures.into_iter().map(|one| FigureView { label: one.label, value: one.value }).collect(),
            bounces_over_time: BouncesOverTimeView {
                description: report.chart.description,
                step_s: report.chart.step.num_seconds(),
                bars: report.chart.bars.iter().map(|bar| BarView { from: bar.from, bounces: bar.bounces }).collect(),
            },
            reasons: report.reasons.into_iter().map(ReasonCountView::from).collect(),
            recipient_domains: report
                .recipient_domains
                .into_iter()
                .map(|one| DomainCountView { domain: one.domain, bounces: one.bounces })
                .collect(),
            counted: report.cut,
            evidence: evidence(report.evidence),
            counter_evidence: evidence(report.counter_evidence),
            evidence_note: report.evidence_note,
            timeline: report.timeline.into_iter().map(ReportEventView::from).collect(),
            remaining_note: report.remaining_note,
            remaining: report
                .remaining
                .into_iter()
                .map(|step| RemainingStepView { id: step.id, title: step.title, why: step.why, who: step.who })
                .collect(),
            checklist: report.checklist.into_iter().map(ChecklistView::from).collect(),
            proof: report.proof,
            reputation: report.reputation.map(ReputationView::from),
            late_bounces: report.late_bounces,
            still_tried: report.still_tried,
            late_until: report.late_until,
            prepared: report.prepared,
        }
    }
}

impl From<ReasonCount> for ReasonCountView {
    fn from(one: ReasonCount) -> Self {
        Self { reason: one.reason, name: one.name, bounces: one.bounces }
    }
}

impl From<Reputation> for ReputationView {
    fn from(reputation: Reputation) -> Self {
        let Reputation { domain, summary, checked_at, findings, unanswered, refusals } = reputation;
        Self {
            domain,
            checked_at,
            summary,
            findings: findings.into_iter().map(|(code, sentence)| FindingView { code, sentence }).collect(),
            unanswered,
            refusals: refusals.into_iter().map(RefusingView::from).collect(),
        }
    }
}

impl From<Refusing> for RefusingView {
    fn from(one: Refusing) -> Self {
        let Refusing { receiver, page, bounces, recent, latest_at, reasons } = one;
        let reasons = reasons.into_iter().map(ReasonCountView::from).collect();
        Self { receiver, page, bounces, last_7_days: recent, latest_at, reasons }
    }
}

impl From<Event> for ReportEventView {
    fn from(event: Event) -> Self {
        Self { at: event.at, what: event.what, who: event.who, note: event.note }
    }
}

impl From<Division> for ChecklistView {
    fn from(division: Division) -> Self {
        let steps = division.steps.into_iter().map(ChecklistStepView::from).collect();
        Self { phase: division.phase, name: division.name, steps }
    }
}

impl From<CheckedStep> for ChecklistStepView {
    fn from(step: CheckedStep) -> Self {
        let state = match step.stands {
            Stands::Open => StepState::Open,
            Stands::Done => StepState::Done,
            Stands::Skipped => StepState::Skipped,
        };
        Self { id: step.id, title: step.title, who: step.who, state, by: step.by, at: step.at, note: step.note }
    }
}

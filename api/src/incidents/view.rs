//! Wire shapes of incidents. What people read is in the tenant's language.

use chrono::{DateTime, Utc};
use daimon_domain::id::{DrillId, IncidentId, MailboxId, TenantId, TicketId};
use daimon_domain::incident::{Dismissal, Incident, IncidentState};
use daimon_domain::playbook::{Phase, Step, Who};
use daimon_domain::tenant::Language;
use daimon_domain::verdict::{EvidenceLine, Severity, Tier, Verdict};
use daimon_store::incident::{Brief, Entry, StepDone, StepState, Ticket};
use daimon_store::sibling::Sibling;
use daimon_wording::{evidence, handed_in};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::is_plain_text;

/// What a technician works on, in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident, example = json!({
    "id": "inc_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "verdict": "account_takeover", "tier": "probable",
    "severity": "critical", "state": "open", "score_db": 57.5, "bounces": 14, "bounces_unread": 0, "unexpected_recipients": 12,
    "dedup_key": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8:account_takeover", "sequence": 3, "opened_at": "2026-11-24T07:00:00Z",
    "updated_at": "2026-11-24T07:20:00Z", "first_bounce_at": "2026-11-24T06:50:00Z", "last_bounce_at": "2026-11-24T07:19:00Z",
    "assignee": "mori@kestrel-it.example", "snoozed_until": null, "snooze_reason": null, "dismissal": null,
    "old_credential_refused_since": null, "contained_at": null, "closes_at": null, "trailing": 0, "continued": 0, "livemode": true, "drill_id": null
}))]
pub(crate) struct IncidentView {
    /// Its id.
    #[schema(schema_with = crate::words::incident_id)]
    id: IncidentId,
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
    /// How urgent.
    #[schema(schema_with = crate::words::severity)]
    severity: Severity,
    /// Where it stands.
    #[schema(schema_with = crate::words::incident_state)]
    state: IncidentState,
    /// How far the verdict is ahead of the next, in decibans: +10 is ten times likelier.
    score_db: f64,
    /// How many bounces belong to it.
    bounces: u32,
    /// How many different recipients nobody here ever wrote to.
    unexpected_recipients: u32,
    /// Further bounces of a flood that were counted by their headers and not read, since more of the same told nothing new.
    bounces_unread: u64,
    /// The same for the same mailbox and cause: file tickets under it.
    dedup_key: String,
    /// Grows with every event about it: drop what is older than what you have.
    sequence: i64,
    /// When it opened.
    opened_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// Its oldest bounce.
    first_bounce_at: DateTime<Utc>,
    /// Its newest bounce.
    last_bounce_at: DateTime<Utc>,
    /// Who works on it.
    #[schema(required = true)]
    assignee: Option<String>,
    /// Until when you are told nothing of it.
    #[schema(required = true)]
    snoozed_until: Option<DateTime<Utc>>,
    /// Why.
    #[schema(required = true)]
    snooze_reason: Option<String>,
    /// Why it was said to be none.
    #[schema(schema_with = crate::words::dismissal_or_null)]
    dismissal: Option<Dismissal>,
    /// Since when the password from before the change is refused, where that is proved.
    #[schema(required = true)]
    old_credential_refused_since: Option<DateTime<Utc>>,
    /// Since when the way in is shut.
    #[schema(required = true)]
    contained_at: Option<DateTime<Utc>>,
    /// When the last late bounce may come: it closes then, if it is recovered.
    #[schema(required = true)]
    closes_at: Option<DateTime<Utc>>,
    /// Late bounces: of mail from before the containment. They mean nothing.
    trailing: u32,
    /// Recipients of mail that was submitted after it; the second one reopens it.
    continued: u32,
    /// Whether it happened; `false`: a drill made it up.
    livemode: bool,
    /// The drill that made it up.
    #[schema(schema_with = crate::words::drill_id_or_null)]
    drill_id: Option<DrillId>,
}

/// What a technician works on, with the evidence, the playbook and the story so far.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IncidentWithEvidence, example = json!({
    "id": "inc_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "verdict": "account_takeover", "tier": "probable",
    "severity": "critical", "state": "open", "score_db": 57.5, "bounces": 14, "bounces_unread": 0, "unexpected_recipients": 12,
    "dedup_key": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8:account_takeover", "sequence": 3, "opened_at": "2026-11-24T07:00:00Z",
    "updated_at": "2026-11-24T07:20:00Z", "first_bounce_at": "2026-11-24T06:50:00Z", "last_bounce_at": "2026-11-24T07:19:00Z",
    "assignee": "mori@kestrel-it.example", "snoozed_until": null, "snooze_reason": null, "dismissal": null,
    "old_credential_refused_since": null, "contained_at": null, "closes_at": null, "trailing": 0, "continued": 0, "livemode": true, "drill_id": null,
    "language": "en",
    "headline": "Somebody signed in as sato@clinic.example from 203.0.113.7: 14 mails that nobody here is known to have written came back.",
    "evidence": [{"item": "submission", "value": "signed_in=sato@clinic.example from=203.0.113.7", "db": 0.0, "count": 14,
        "against": null,
        "sentence": "Somebody signed in as sato@clinic.example from 203.0.113.7: 14 mails that nobody here is known to have written came back."},
        {"item": "sent_copy", "value": "missing", "db": 57.1, "count": 14, "against": "legit",
        "sentence": "No copy is in the Sent folder (14 bounces): a very strong sign of a stolen mailbox rather than ordinary mail of its owner (more than 1,000 times likelier)."}],
    "score_note": null,
    "playbook": [{"id": "C01", "phase": "contain", "who": "provider_admin", "gate": "contained", "title": "Set a new password",
        "why": "The old one is known.", "evidence": "When, and by whom.", "state": "open", "by": null, "at": null, "note": null}],
    "acknowledged_at": null, "acknowledged_by": null,
    "siblings": [{"mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f9", "address": "suzuki@clinic.example",
        "found_at": "2026-11-24T07:05:00Z", "is_open": true}],
    "tickets": [{"id": "tkt_019ab1c2d3e47f508192a3b4c5d6e7f8", "system": "halopsa", "reference": "4711",
        "url": "https://kestrel.halopsa.example/tickets?id=4711", "linked_at": "2026-11-24T07:10:00Z",
        "linked_by": "key_019ab1c2d3e47f508192a3b4c5d6e7f8"}],
    "timeline": [{"at": "2026-11-24T07:00:00Z", "what": "opened", "who": "daimon",
        "note": "account_takeover (probable), 57.5 dB ahead"}]
}))]
pub(crate) struct IncidentWithEvidenceView {
    #[serde(flatten)]
    incident: IncidentView,
    /// The language of what follows: the tenant's.
    #[schema(schema_with = crate::words::language)]
    language: Language,
    /// Who handed the mail in, and from where, as the mailbox's own provider says; `null` where it does not.
    #[schema(required = true)]
    headline: Option<String>,
    /// What speaks for the verdict, strongest first; before it, for a takeover, the line of the headline, and where a
    /// filter files bounces away (`filing`), that it hides the warning.
    evidence: Vec<EvidenceView>,
    /// Why `score_db` is not the sum of the lines; `null` where it is.
    #[schema(required = true)]
    score_note: Option<String>,
    /// What to do, in this order.
    playbook: Vec<StepView>,
    /// When somebody said that they are on it.
    #[schema(required = true)]
    acknowledged_at: Option<DateTime<Utc>>,
    /// Who: the id of an API key or of a user.
    #[schema(required = true)]
    acknowledged_by: Option<String>,
    /// Mailboxes of the tenant that have the password of this one: the thief can sign in to them too. They are read every
    /// minute until each has another password.
    siblings: Vec<SiblingView>,
    /// The same incident in other systems.
    tickets: Vec<TicketView>,
    /// What happened to it, oldest first.
    timeline: Vec<EntryView>,
}

/// One line of the explanation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub(crate) struct EvidenceView {
    /// What was looked at.
    item: String,
    /// What was seen.
    value: String,
    /// Which way and how much it weighs for the verdict against its closest rival, in decibans.
    db: f64,
    /// On how many bounces, or in how many windows, it was seen.
    count: u32,
    /// The closest rival, which `db` is against; `null` where nothing is weighed.
    #[schema(schema_with = crate::words::verdict_or_null)]
    against: Option<Verdict>,
    /// The same for people.
    sentence: String,
}

/// One step of the playbook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlaybookStep, example = json!({
    "id": "C01", "phase": "contain", "who": "provider_admin", "gate": "contained", "title": "Set a new password",
    "why": "The old one is known.", "evidence": "When, and by whom.", "state": "done",
    "by": "key_019ab1c2d3e47f508192a3b4c5d6e7f8", "at": "2026-11-24T07:30:00Z", "note": "By phone with the owner."
}))]
pub(crate) struct StepView {
    /// Its id.
    id: String,
    /// When in the incident's life it is due.
    #[schema(schema_with = crate::words::phase)]
    phase: Phase,
    /// Who does it.
    #[schema(schema_with = crate::words::who)]
    who: Who,
    /// The state that it must be done for.
    #[schema(required = true)]
    gate: Option<String>,
    /// What to do.
    title: String,
    /// Why.
    why: String,
    /// What to write down.
    evidence: String,
    /// Where it stands.
    #[schema(schema_with = crate::words::step_state)]
    state: StepState,
    /// Who said so: the id of an API key or of a user.
    #[schema(required = true)]
    by: Option<String>,
    /// When.
    #[schema(required = true)]
    at: Option<DateTime<Utc>>,
    /// What they wrote down.
    #[schema(required = true)]
    note: Option<String>,
}

/// A line of an incident's story.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TimelineEntry, example = json!({
    "at": "2026-11-24T07:30:00Z", "what": "commented", "who": "key_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "note": "The owner is on a plane until 18:00."
}))]
pub(crate) struct EntryView {
    /// When.
    at: DateTime<Utc>,
    /// What happened.
    what: String,
    /// Who did it: the id of an API key or of a user, or `daimon`.
    who: String,
    /// In their words.
    #[schema(required = true)]
    note: Option<String>,
}

/// A mailbox with the password of a stolen one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sibling, example = json!({
    "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f9", "address": "suzuki@clinic.example",
    "found_at": "2026-11-24T07:05:00Z", "is_open": true
}))]
pub(crate) struct SiblingView {
    /// Which mailbox.
    #[schema(schema_with = crate::words::mailbox_id)]
    mailbox_id: MailboxId,
    /// Its address.
    address: String,
    /// When it was found.
    found_at: DateTime<Utc>,
    /// Whether it still has that password.
    is_open: bool,
}

impl From<Sibling> for SiblingView {
    fn from(sibling: Sibling) -> Self {
        let Sibling { mailbox, address, found_at, is_open } = sibling;
        Self { mailbox_id: mailbox, address, found_at, is_open }
    }
}

/// A link to a ticket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ticket, example = json!({
    "id": "tkt_019ab1c2d3e47f508192a3b4c5d6e7f8", "system": "halopsa", "reference": "4711",
    "url": "https://kestrel.halopsa.example/tickets?id=4711", "linked_at": "2026-11-24T07:10:00Z",
    "linked_by": "key_019ab1c2d3e47f508192a3b4c5d6e7f8"
}))]
pub(crate) struct TicketView {
    /// Its id, to take it away.
    #[schema(schema_with = crate::words::ticket_id)]
    id: TicketId,
    /// In which system.
    system: String,
    /// What it is called there.
    reference: String,
    /// Where people read it.
    #[schema(required = true)]
    url: Option<String>,
    /// When it was linked.
    linked_at: DateTime<Utc>,
    /// Who linked it: the id of an API key or of a user.
    linked_by: String,
}

impl From<Ticket> for TicketView {
    fn from(ticket: Ticket) -> Self {
        let Ticket { id, system, reference, url, linked_at, linked_by } = ticket;
        Self { id, system, reference, url, linked_at, linked_by }
    }
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self { at: entry.at, what: entry.what, who: entry.who, note: entry.note }
    }
}

impl StepView {
    /// A step as it stands on an incident.
    pub(super) fn new(step: &Step, done: Option<StepDone>, language: Language) -> Self {
        let (state, by, at, note) = match done {
            None => (StepState::Open, None, None, None),
            Some(done) => (done.state, Some(done.by), Some(done.at), done.note),
        };
        Self {
            id: step.id.clone(),
            phase: step.phase,
            who: step.who,
            gate: step.gate.clone(),
            title: step.title.in_language(language).to_owned(),
            why: step.why.in_language(language).to_owned(),
            evidence: step.evidence.clone(),
            state,
            by,
            at,
            note,
        }
    }
}

impl EvidenceView {
    pub(super) fn new(line: EvidenceLine, sentence: String) -> Self {
        Self { item: line.item, value: line.value, db: line.db, count: line.count, against: line.against, sentence }
    }

    /// That not all of a flood was read, where it was not.
    fn sampled(unread: u64, language: Language) -> Option<Self> {
        let count = u32::try_from(unread).unwrap_or(u32::MAX);
        let line =
            EvidenceLine { item: "flood".to_owned(), value: "sampled".to_owned(), db: 0.0, count, against: None };
        evidence::sampled(unread, language).map(|sentence| Self::new(line, sentence))
    }
}

impl IncidentWithEvidenceView {
    /// An incident as a person reads it.
    pub(super) fn new(
        mut incident: Incident,
        language: Language,
        mut done: Vec<StepDone>,
        acknowledged: Option<(DateTime<Utc>, String)>,
        siblings: Vec<Sibling>,
        tickets: Vec<Ticket>,
        timeline: Vec<Entry>,
    ) -> Self {
        let verdict = incident.verdict;
        let (lines, unread) = (std::mem::take(&mut incident.evidence), incident.life.unread);
        let playbook = daimon_verdict::playbook::steps_for(verdict)
            .into_iter()
            .map(|step| {
                let at = done.iter().position(|done| done.step == step.id);
                StepView::new(step, at.map(|at| done.swap_remove(at)), language)
            })
            .collect();
        let (acknowledged_at, acknowledged_by) = acknowledged.unzip();
        let score_note = evidence::score_note(&lines, incident.score_db, language);
        Self {
            incident: incident.into(),
            language,
            headline: lines.iter().find_map(|line| handed_in::sentence(line, language)),
            score_note,
            evidence: lines
                .into_iter()
                .map(|line| {
                    let sentence = evidence::sentence(&line, verdict, language);
                    EvidenceView::new(line, sentence)
                })
                .chain(EvidenceView::sampled(unread, language))
                .collect(),
            playbook,
            acknowledged_at,
            acknowledged_by,
            siblings: siblings.into_iter().map(SiblingView::from).collect(),
            tickets: tickets.into_iter().map(TicketView::from).collect(),
            timeline: timeline.into_iter().map(EntryView::from).collect(),
        }
    }
}

impl From<Brief> for IncidentView {
    fn from(Brief(incident): Brief) -> Self {
        incident.into()
    }
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        let life = incident.life;
        let (snoozed_until, snooze_reason) = life.snooze.map(|snooze| (snooze.until, snooze.reason)).unzip();
        Self {
            id: incident.id,
            tenant_id: incident.tenant,
            mailbox_id: incident.mailbox,
            verdict: incident.verdict,
            tier: incident.tier,
            severity: incident.severity,
            state: incident.state,
            score_db: incident.score_db,
            bounces: incident.bounces,
            bounces_unread: life.unread,
            unexpected_recipients: incident.unexpected_recipients,
            dedup_key: incident.dedup_key,
            sequence: incident.sequence,
            opened_at: incident.opened_at,
            updated_at: incident.updated_at,
            first_bounce_at: incident.first_bounce_at,
            last_bounce_at: incident.last_bounce_at,
            assignee: life.assignee,
            snoozed_until,
            snooze_reason,
            dismissal: life.dismissal,
            old_credential_refused_since: life.refused_since,
            contained_at: incident.contained_at,
            closes_at: life.closes_at,
            trailing: life.trailing,
            continued: life.continued,
            livemode: incident.drill.is_none(),
            drill_id: incident.drill,
        }
    }
}

/// Where a step stands now.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StepChange, example = json!({"state": "done", "note": "By phone with the owner."}))]
pub(crate) struct StepChange {
    /// Where it stands. `skipped`, which means that it does not apply here, needs a note that says why.
    #[garde(skip)]
    #[schema(schema_with = crate::words::step_state)]
    pub(crate) state: StepState,
    /// What to write down.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 2_000), custom(is_plain_text)))]
    #[schema(nullable = false, min_length = 1, max_length = 2_000)]
    pub(crate) note: Option<String>,
}

/// Which incidents, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListIncidents {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// Of this mailbox only.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(crate) mailbox_id: Option<MailboxId>,
    /// With this verdict only.
    #[garde(skip)]
    #[param(schema_with = crate::words::verdict, required = false)]
    pub(crate) verdict: Option<Verdict>,
    /// In this state only.
    #[garde(skip)]
    #[param(schema_with = crate::words::incident_state, required = false)]
    pub(crate) state: Option<IncidentState>,
    /// `true`: without those that are closed or dismissed.
    #[serde(default)]
    #[garde(skip)]
    #[param(required = false)]
    pub(crate) live: bool,
    /// `true`, or left out: what happened; `false`: what drills made up.
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

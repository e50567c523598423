//! What an assessment does to the incidents of a mailbox, and what people are told of it.

use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::event::EventType;
use daimon_domain::id::{DeliveryId, IncidentId};
use daimon_domain::incident::{Incident, IncidentState, Life, Moved};
use daimon_store::{MspTx, StoreError, incident};
use daimon_verdict::life::{self, Change};
use daimon_verdict::telling::body;
use daimon_verdict::{Assessment, Move, decide, dedup_key, updated};

use super::memory::Memory;
use super::siblings;
use super::tell::{self, Subject, of_incident, of_mailbox};

/// What became of it.
#[derive(Default)]
pub(super) struct Became {
    /// The incident that the newest bounces belong to.
    pub(super) incident: Option<IncidentId>,
    /// To be hinted after the commit.
    pub(super) deliveries: Vec<DeliveryId>,
}

/// Opens, updates or leaves alone, in the transaction of what was found.
pub(super) async fn move_on(
    tx: &mut MspTx,
    subject: Subject<'_>,
    memory: &mut Memory,
    live: &[Incident],
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Became, StoreError> {
    let assessment = memory.state.assess(now);
    move_as(tx, subject, memory, &assessment, live, now, entropy).await
}

/// The same as that assessment says.
pub(super) async fn move_as(
    tx: &mut MspTx,
    subject: Subject<'_>,
    memory: &mut Memory,
    assessment: &Assessment,
    live: &[Incident],
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Became, StoreError> {
    let mut moved = Became::default();
    match decide(&of(subject), live, assessment) {
        Move::Open => {
            let opened = open(subject, assessment, now, entropy);
            incident::insert(tx, &opened).await?;
            memory.opened(opened.id);
            moved.incident = Some(opened.id);
            moved
                .deliveries
                .extend(record(tx, subject, &opened, EventType::IncidentOpened, false, now, entropy).await?);
            moved.deliveries.extend(siblings::watch(tx, subject, &opened, now, entropy).await?);
        }
        Move::Update { incident: id, is_news, reopens } => {
            moved.incident = Some(id);
            if let Some(before) = live.iter().find(|incident| incident.id == id) {
                let after = updated(before, assessment, now);
                moved.deliveries.extend(siblings::watch(tx, subject, &after, now, entropy).await?);
                moved.deliveries.extend(if reopens {
                    reopen(tx, subject, &after, now, entropy).await?
                } else {
                    update(tx, subject, after, is_news, now, entropy).await?
                });
            }
        }
        Move::None => {
            let key = dedup_key(&of(subject), assessment.verdict);
            moved.incident = live.iter().find(|incident| incident.dedup_key == key).map(|incident| incident.id);
        }
    }
    if assessment.watch != memory.told_watched && !(assessment.watch && tell::is_held(tx, subject, now).await?) {
        if assessment.watch {
            let more =
                [("tier", serde_json::json!(assessment.tier)), ("verdict", serde_json::json!(assessment.verdict))];
            let data = of_mailbox(subject, &more);
            let severity = Some(assessment.severity);
            let told = tell::tell(tx, subject, EventType::MailboxWatched, severity, &data, now, entropy).await?;
            moved.deliveries.extend(told);
        }
        memory.told_watched = assessment.watch;
    }
    Ok(moved)
}

/// Of whom the incidents are.
fn of(subject: Subject<'_>) -> String {
    subject.drill.map_or_else(|| subject.mailbox.id.to_string(), |drill| drill.to_string())
}

fn open(subject: Subject<'_>, assessment: &Assessment, now: DateTime<Utc>, entropy: &dyn Entropy) -> Incident {
    Incident {
        id: IncidentId::new(now, entropy),
        tenant: subject.tenant.id,
        mailbox: subject.mailbox.id,
        drill: subject.drill,
        verdict: assessment.verdict,
        tier: assessment.tier,
        severity: assessment.severity,
        state: IncidentState::Open,
        score_db: assessment.score_db,
        bounces: assessment.bounces,
        unexpected_recipients: assessment.unexpected_recipients,
        evidence: assessment.evidence.clone(),
        dedup_key: dedup_key(&of(subject), assessment.verdict),
        sequence: 1,
        opened_at: now,
        updated_at: now,
        first_bounce_at: assessment.first_bounce_at.unwrap_or(now),
        last_bounce_at: assessment.last_bounce_at.unwrap_or(now),
        contained_at: None,
        life: Life::default(),
    }
}

/// Mail went out after the mailbox had been secured: what was done is to be done again.
async fn reopen(
    tx: &mut MspTx,
    subject: Subject<'_>,
    before: &Incident,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let Ok(moved) = life::change(before, Change::Reopen, &life::Settled::new(), now) else { return Ok(Vec::new()) };
    let note = format!(
        "Mail to {} recipients was submitted after the containment: look for sessions, app passwords, OAuth grants, a second \
         mailbox, malware.",
        moved.incident.life.continued
    );
    write(tx, subject, &moved, Some(note), entropy).await
}

/// Numbers grow; where that is news, people are told, unless they want to hear nothing.
async fn update(
    tx: &mut MspTx,
    subject: Subject<'_>,
    mut after: Incident,
    is_news: bool,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let is_asleep = after.life.snooze.as_ref().is_some_and(|snooze| after.tier <= snooze.tier);
    let is_woken = after.life.snooze.is_some() && !is_asleep;
    if is_woken {
        after.life.snooze = None;
    }
    if !incident::update(tx, &after).await? || !(is_news || is_woken) {
        return Ok(Vec::new());
    }
    if is_woken {
        let note = Some("surer than when it was snoozed".to_owned());
        let entry = incident::Entry { at: now, what: "woken".to_owned(), who: "daimon".to_owned(), note };
        incident::add_entry(tx, &after, &entry).await?;
    }
    record(tx, subject, &after, EventType::IncidentUpdated, is_asleep, now, entropy).await
}

/// Writes a move of ours. Nothing, when somebody else was faster.
pub(super) async fn write(
    tx: &mut MspTx,
    subject: Subject<'_>,
    moved: &Moved,
    note: Option<String>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let incident = &moved.incident;
    let data = of_incident(subject, incident);
    let told = |kind| body(kind, incident.updated_at, &data);
    let by = incident::Note { who: "daimon".to_owned(), note };
    // Nobody wants to hear of one that goes on sleeping; that it is contained, begins again or ends is more than a change.
    let is_asleep = incident.life.snooze.is_some() && moved.event == EventType::IncidentUpdated;
    let body: Option<incident::Body<'_>> = if is_asleep { None } else { Some(&told) };
    let Some(deliveries) = incident::write_move(tx, moved, &by, body, entropy).await? else {
        return Ok(Vec::new());
    };
    log(incident, moved.event, moved.what);
    Ok(deliveries)
}

fn log(moved: &Incident, kind: EventType, what: &str) {
    let id = moved.id;
    tracing::info!(
        incident.id = %id, mailbox.id = %moved.mailbox, verdict = %moved.verdict, tier = %moved.tier, event = %kind,
        "incident {id} of mailbox {}: {what}", moved.mailbox
    );
    metrics::counter!("daimon_incident_moves_total", "event" => kind.as_str(), "verdict" => moved.verdict.as_str())
        .increment(1);
}

/// A line in the incident's story and, unless it is asleep, the event.
async fn record(
    tx: &mut MspTx,
    subject: Subject<'_>,
    moved: &Incident,
    kind: EventType,
    is_asleep: bool,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let what = kind.as_str().trim_start_matches("incident.").to_owned();
    let note = Some(format!("{} ({}), {} dB ahead", moved.verdict, moved.tier, moved.score_db));
    log(moved, kind, &what);
    incident::add_entry(tx, moved, &incident::Entry { at: now, what, who: "daimon".to_owned(), note }).await?;
    if is_asleep {
        return Ok(Vec::new());
    }
    let data = of_incident(subject, moved);
    incident::tell(tx, moved, kind, now, &|kind| body(kind, now, &data), entropy).await
}

/// Tells what a maintenance window has held back, if it is time.
pub(super) async fn release(
    tx: &mut MspTx,
    subject: Subject<'_>,
    held: &Incident,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let Some(kind) = incident::release(tx, held, now).await? else { return Ok(Vec::new()) };
    log(held, kind, "told after a maintenance window");
    let data = of_incident(subject, held);
    incident::tell_now(tx, held, kind, now, &|kind| body(kind, now, &data), entropy).await
}

//! What an assessment does to the incidents of a mailbox, and what people are told of it.

use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::event::EventType;
use daimon_domain::id::{DeliveryId, IncidentId};
use daimon_domain::incident::{Incident, IncidentState};
use daimon_store::{MspTx, StoreError, incident};
use daimon_verdict::{Assessment, Move, decide, dedup_key};

use super::memory::Memory;
use super::tell::{self, Subject, of_incident, of_mailbox};

/// What became of it.
#[derive(Default)]
pub(super) struct Moved {
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
) -> Result<Moved, StoreError> {
    let assessment = memory.state.assess(now);
    let mut moved = Moved::default();
    match decide(subject.mailbox.id, live, &assessment) {
        Move::Open => {
            let opened = open(subject, &assessment, now, entropy);
            incident::insert(tx, &opened).await?;
            memory.opened(opened.id);
            moved.incident = Some(opened.id);
            moved.deliveries.extend(record(tx, subject, &opened, EventType::IncidentOpened, now, entropy).await?);
        }
        Move::Update { incident: id, is_news, reopens } => {
            moved.incident = Some(id);
            if let Some(before) = live.iter().find(|incident| incident.id == id) {
                let after = updated(before, &assessment, reopens, now);
                let is_written = incident::update(tx, &after).await?;
                if is_written && is_news {
                    let kind = if reopens { EventType::IncidentReopened } else { EventType::IncidentUpdated };
                    moved.deliveries.extend(record(tx, subject, &after, kind, now, entropy).await?);
                }
            }
        }
        Move::None => {
            let key = dedup_key(subject.mailbox.id, assessment.verdict);
            moved.incident = live.iter().find(|incident| incident.dedup_key == key).map(|incident| incident.id);
        }
    }
    if assessment.watch && !memory.told_watched {
        let more = [("tier", serde_json::json!(assessment.tier)), ("verdict", serde_json::json!(assessment.verdict))];
        let data = of_mailbox(subject, &more);
        let severity = Some(assessment.severity);
        let told = tell::tell(tx, subject, EventType::MailboxWatched, severity, &data, now, entropy).await?;
        moved.deliveries.extend(told);
    }
    memory.told_watched = assessment.watch;
    Ok(moved)
}

fn open(subject: Subject<'_>, assessment: &Assessment, now: DateTime<Utc>, entropy: &dyn Entropy) -> Incident {
    Incident {
        id: IncidentId::new(now, entropy),
        tenant: subject.tenant.id,
        mailbox: subject.mailbox.id,
        verdict: assessment.verdict,
        tier: assessment.tier,
        severity: assessment.severity,
        state: IncidentState::Open,
        score_db: assessment.score_db,
        bounces: assessment.bounces,
        unexpected_recipients: assessment.unexpected_recipients,
        evidence: assessment.evidence.clone(),
        dedup_key: dedup_key(subject.mailbox.id, assessment.verdict),
        sequence: 1,
        opened_at: now,
        updated_at: now,
        first_bounce_at: assessment.first_bounce_at.unwrap_or(now),
        last_bounce_at: assessment.last_bounce_at.unwrap_or(now),
        contained_at: None,
    }
}

fn updated(before: &Incident, assessment: &Assessment, reopens: bool, now: DateTime<Utc>) -> Incident {
    Incident {
        verdict: assessment.verdict,
        tier: assessment.tier,
        severity: assessment.severity,
        state: if reopens { IncidentState::Reopened } else { before.state },
        score_db: assessment.score_db,
        bounces: assessment.bounces,
        unexpected_recipients: assessment.unexpected_recipients,
        evidence: assessment.evidence.clone(),
        sequence: before.sequence + 1,
        updated_at: now,
        last_bounce_at: assessment.last_bounce_at.unwrap_or(before.last_bounce_at).max(before.last_bounce_at),
        ..before.clone()
    }
}

/// A line in the incident's story, and the event.
async fn record(
    tx: &mut MspTx,
    subject: Subject<'_>,
    moved: &Incident,
    kind: EventType,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let what = kind.as_str().trim_start_matches("incident.").to_owned();
    let note = Some(format!("{} ({}), {} dB ahead", moved.verdict, moved.tier, moved.score_db));
    incident::add_entry(tx, moved, &incident::Entry { at: now, what, who: "daimon".to_owned(), note }).await?;
    let id = moved.id;
    tracing::info!(
        incident.id = %id, mailbox.id = %moved.mailbox, verdict = %moved.verdict, tier = %moved.tier, event = %kind,
        "incident {id} of mailbox {} moved", moved.mailbox
    );
    metrics::counter!("daimon_incident_moves_total", "event" => kind.as_str(), "verdict" => moved.verdict.as_str())
        .increment(1);
    tell::tell(tx, subject, kind, Some(moved.severity), &of_incident(subject, moved), now, entropy).await
}

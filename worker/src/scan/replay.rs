//! The bounces of a mailbox through the engine, in the order in which they came.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::Kind;
use daimon_domain::verdict::{Severity, Tier, Verdict};
use daimon_verdict::{Assessment, Facts, State, observe, signals};

use super::context::{Context, Folders, Received, is_own_id};
use super::{Moved, Summary};

/// What came out.
pub(super) struct Replayed {
    pub(super) moves: Vec<Moved>,
    /// At the height of it.
    pub(super) assessment: Assessment,
    pub(super) summary: Summary,
    pub(super) last_at: Option<DateTime<Utc>>,
}

struct Replay<'a> {
    folders: &'a Folders,
    context: &'a Context,
    state: State,
    moves: Vec<Moved>,
    standing: (Verdict, Tier),
    /// The gravest verdict so far and what the engine knew then.
    height: ((bool, Severity, Tier), Assessment),
    alert_at: Option<DateTime<Utc>>,
    bounces: u32,
    unexpected: HashSet<u64>,
    first_at: Option<DateTime<Utc>>,
    is_contained: bool,
}

/// Replays a mailbox.
pub(super) fn replay(folders: &Folders, context: &Context) -> Replayed {
    let state = State::default();
    let calm = state.assess(DateTime::UNIX_EPOCH);
    let mut replay = Replay {
        folders,
        context,
        moves: Vec::new(),
        standing: (calm.verdict, calm.tier),
        height: (gravity(&calm), calm),
        alert_at: None,
        bounces: 0,
        unexpected: HashSet::new(),
        first_at: None,
        is_contained: false,
        state,
    };
    // Undated mail sorts first; it is taken to have come with the oldest that has a date.
    let mut at = folders.received.iter().find_map(|mail| mail.at).unwrap_or(DateTime::UNIX_EPOCH);
    for mail in &folders.received {
        at = mail.at.unwrap_or(at);
        replay.take(mail, at);
    }
    replay.finish(folders.received.iter().any(|mail| mail.at.is_some()).then_some(at), at)
}

fn gravity(assessment: &Assessment) -> (bool, Severity, Tier) {
    (assessment.wants_incident, assessment.severity, assessment.tier)
}

impl Replay<'_> {
    fn take(&mut self, mail: &Received, at: DateTime<Utc>) {
        if let Some(contained_at) = self.context.contained_at.filter(|since| !self.is_contained && at >= *since) {
            self.state.contained(contained_at);
            self.is_contained = true;
        }
        self.follow(at);
        let (report, known) = (&mail.report, &self.context.known);
        let is_reply = matches!(report.kind, Kind::AutoReply | Kind::NotBounce);
        let own_ids = || report.envelope.references.iter().filter(|id| is_own_id(id, &known.own_domains));
        let replies_to_unsent =
            is_reply && own_ids().count() > 0 && own_ids().all(|id| !self.folders.sent_ids.contains(id));
        for signal in signals(report, known, replies_to_unsent) {
            self.state.signal(signal, at);
        }
        let (sent_copy, campaign) = (self.folders.sent_copy(&report.origin), self.context.is_campaign(&report.origin));
        let fingerprint_seen = self.folders.fingerprint_seen(&report.origin);
        let mut was_bounce = false;
        for recipient in &report.recipients {
            let written_to = recipient.original_address.as_deref().unwrap_or(&recipient.address);
            let facts = Facts {
                recipient_key: &recipient.address,
                sent_copy,
                recipient_known: self.folders.recipient_known(&[&recipient.address, written_to]),
                fingerprint_seen,
                campaign,
            };
            let Some(seen) = observe(report, recipient, known, &facts, at) else { continue };
            was_bounce = true;
            self.bounces = self.bounces.saturating_add(1);
            if seen.is_unexpected && !seen.is_delay {
                self.unexpected.insert(seen.recipient);
            }
            self.first_at.get_or_insert(at);
            self.state.weigh(&seen);
            self.follow(at);
        }
        if was_bounce || report.provider_notice.is_some() {
            self.follow(at);
        }
    }

    /// Notes a change of the standing verdict.
    fn follow(&mut self, at: DateTime<Utc>) {
        let standing = self.state.standing(at);
        let is_grave = standing.1 >= Tier::Watch || standing.0 != Verdict::Legit;
        let is_move = standing != self.standing;
        // Reasons are asked for often at first and seldom in a long flood, where they change little and cost most.
        if !is_move && (!is_grave || (self.bounces > 256 && !self.bounces.is_multiple_of(64))) {
            return;
        }
        let assessment = self.state.assess(at);
        if is_move {
            self.standing = standing;
            let (verdict, tier) = standing;
            self.moves.push(Moved { at, verdict, tier, score_db: assessment.score_db, bounces_seen: self.bounces });
        }
        self.raise(assessment, at);
    }

    fn raise(&mut self, assessment: Assessment, at: DateTime<Utc>) {
        if assessment.wants_incident && assessment.severity >= Severity::High {
            self.alert_at.get_or_insert(at);
        }
        let gravity = gravity(&assessment);
        if gravity >= self.height.0 {
            self.height = (gravity, assessment);
        }
    }

    fn finish(mut self, last_at: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Replayed {
        let end = self.state.assess(at);
        let (trailing, continued) = (end.trailing, end.continued);
        self.raise(end, at);
        let assessment = self.height.1;
        let summary = Summary {
            verdict: assessment.verdict,
            tier: assessment.tier,
            bounces: self.bounces,
            unexpected_recipients: self.unexpected.len(),
            trailing,
            continued,
            first_bounce_at: assessment.first_bounce_at.or(self.first_at),
            alert_at: self.alert_at,
        };
        Replayed { moves: self.moves, assessment, summary, last_at }
    }
}

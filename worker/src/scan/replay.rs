//! The bounces of a mailbox through the engine, in the order in which they came.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Kind, Recipient};
use daimon_domain::origin::Origin;
use daimon_domain::verdict::{Severity, Tier, Verdict};
use daimon_verdict::{Assessment, Known, Observation, State};

use super::context::{Context, Folders, Lying, Received, Sent};
use super::{Moved, Summary};
use crate::judge::{History, Learned, Place, Sight, is_prompt, said};

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
    /// What is known, with Sent as complete as it was shown to be by then.
    known: Known,
    learned: Learned,
    /// What has not been sent yet.
    to_send: &'a [Sent],
    /// When the newest mail came, which is about when the mailbox was put on disk.
    newest_at: DateTime<Utc>,
}

/// What the folders tell of the mailbox's own mail.
struct Past<'a>(&'a Folders, &'a Context);

impl History for Past<'_> {
    fn is_in_sent(&self, message_id: &str) -> Option<bool> {
        self.0.is_in_sent(message_id)
    }

    fn first_written_to(&self, address: &str) -> Option<DateTime<Utc>> {
        self.0.first_written_to(address)
    }

    fn has_correspondents(&self) -> bool {
        self.0.has_habits()
    }

    fn is_campaign(&self, original: &Origin) -> bool {
        self.1.is_campaign(original)
    }

    fn recipient_key(&self, recipient: &Recipient) -> String {
        recipient.address.clone()
    }
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
        known: context.known.clone(),
        learned: Learned::default(),
        to_send: &folders.sent,
        newest_at: folders.received.iter().filter_map(|mail| mail.at).max().unwrap_or(DateTime::UNIX_EPOCH),
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
        self.learn(mail, at);
        let past = Past(self.folders, self.context);
        let said = said(&mail.report, &self.known, self.learned.habits(), &past, at);
        let tells = !said.signals.is_empty();
        for signal in said.signals {
            self.state.signal(signal, at);
        }
        let was_bounce = !said.bounces.is_empty();
        let seen: Vec<Observation> = said.bounces.into_iter().map(|(_, seen)| seen).collect();
        for seen in &seen {
            self.bounces = self.bounces.saturating_add(1);
            if seen.is_unexpected && !seen.is_delay {
                self.unexpected.insert(seen.recipient);
            }
            self.first_at.get_or_insert(at);
            self.state.weigh(seen);
            self.learned.bounced(seen);
            self.follow(at);
        }
        self.find(mail, &seen, at);
        if was_bounce || tells || mail.report.provider_notice.is_some() {
            self.follow(at);
        }
    }

    /// Learns where mail lies, and what that shows. When it was put there the disk does not say: what came last was put there
    /// at once, and a mailbox whose ordinary mail lies unread does not read its bounces either.
    fn find(&mut self, mail: &Received, bounces: &[Observation], at: DateTime<Utc>) {
        let Lying { place, is_read, is_found_at_once } = mail.lies;
        if bounces.is_empty() {
            if let Some(is_read) = is_read.filter(|_| place == Place::Inbox && mail.report.kind == Kind::NotBounce) {
                self.learned.glanced(is_read, at);
            }
            return;
        }
        let is_prompt = is_found_at_once || place == Place::Inbox || is_prompt(at, Some(at), self.newest_at);
        if let Some(signal) = self.learned.found(bounces.iter(), Sight { place, is_read, is_prompt }, at) {
            self.state.signal(signal, at);
            self.follow(at);
        }
    }

    /// Learns how the mailbox sends, and how complete Sent is, as the pool does.
    fn learn(&mut self, mail: &Received, at: DateTime<Utc>) {
        while let Some((sent, later)) = self.to_send.split_first().filter(|(sent, _)| sent.at <= at) {
            self.learned.wrote(&sent.written, &sent.language, sent.at);
            self.to_send = later;
        }
        self.learned.settle(at, self.state.standing(at) != (Verdict::Legit, Tier::None));
        if self.context.is_coverage_measured {
            self.known.sent_coverage = self.learned.coverage(None).or(self.context.usual_coverage);
        }
        self.folders.hear_answers(mail, &self.context.known, at, &mut self.learned);
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use daimon_domain::bounce::{Action, Envelope, Kind, Recipient, Report};
    use daimon_domain::origin::{Hop, Origin};
    use daimon_domain::reason::{Permanence, Reason};

    use super::*;
    use crate::scan::context;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_785_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    fn own_line() -> Hop {
        Hop { by: Some("mail.host.example".to_owned()), ..Hop::default() }
    }

    /// A bounce of mail that somebody signed in as Sato handed to the own host.
    fn bounce(number: u32, sent_at: DateTime<Utc>) -> Report {
        let reason = [Reason::UserUnknown, Reason::SpamContent][usize::from(number % 2 == 1)];
        let signed_in = Hop {
            from_ip: "198.51.100.66".parse().ok(),
            authenticated: true,
            authenticated_as: Some("sato@sakura.example".to_owned()),
            at: Some(sent_at),
            ..own_line()
        };
        Report {
            kind: Kind::Bounce,
            reporting_mta: Some("mail.host.example".to_owned()),
            arrival_date: None,
            received_from_mta: None,
            original_envelope_id: None,
            feedback_type: None,
            provider_notice: None,
            recipients: vec![Recipient {
                address: format!("victim{number}@shop.example"),
                original_address: None,
                reason,
                status: None,
                reply: None,
                action: Action::Failed,
                permanence: Permanence::Permanent,
                fault: reason.fault(),
                diagnostic: None,
                remote_mta: Some("mx.shop.example".to_owned()),
                will_retry_until: None,
                rule: "test".to_owned(),
            }],
            origin: Origin {
                returned: true,
                message_id: Some(format!("spam{number}@sakura.example")),
                subject: Some("Invoice".to_owned()),
                received: vec![signed_in],
                ..Origin::default()
            },
            envelope: Envelope { null_return_path: true, received: vec![own_line()], ..Envelope::default() },
            notes: Vec::new(),
        }
    }

    /// Twenty ordinary mails, half of which answer mail that is in Sent.
    fn ordinary_life() -> Folders {
        let mut folders = Folders::default();
        folders.note_sent((0..20).map(|number| format!("own{number}@sakura.example")));
        for number in 0..20_u32 {
            let mut report = bounce(0, at(0));
            (report.kind, report.recipients) = (Kind::NotBounce, Vec::new());
            report.envelope.in_reply_to = vec![format!("own{number}@sakura.example")];
            report.envelope.references.clone_from(&report.envelope.in_reply_to);
            report.envelope.to = vec!["sato@sakura.example".to_owned()];
            folders.received.push(Received { lies: Lying::default(), at: Some(at(i64::from(number) - 9000)), report });
        }
        folders
    }

    fn scan(folders: &Folders, context: Option<Context>) -> Replayed {
        let (context, _) = context::complete(context, Some("sato@sakura.example"), folders);
        replay(folders, &context)
    }

    #[test]
    fn a_quiet_mailbox_moves_nothing() {
        let replayed = scan(&ordinary_life(), None);
        assert!(replayed.moves.is_empty());
        assert_eq!((replayed.summary.verdict, replayed.summary.bounces), (Verdict::Legit, 0));
        assert_eq!(replayed.summary.alert_at, None);
    }

    #[test]
    fn a_stolen_mailbox_is_found_without_a_context() {
        let mut folders = ordinary_life();
        folders.received.extend((0..20).map(|n| Received {
            lies: Lying::default(),
            at: Some(at(3 * i64::from(n))),
            report: bounce(n, at(0)),
        }));
        let replayed = scan(&folders, None);
        assert_eq!(replayed.summary.verdict, Verdict::AccountTakeover);
        assert!(replayed.summary.tier >= Tier::Probable);
        assert_eq!((replayed.summary.bounces, replayed.summary.unexpected_recipients), (20, 20));
        assert_eq!(replayed.summary.first_bounce_at, Some(at(0)));
        assert!(replayed.summary.alert_at.unwrap() <= at(24), "{:?}", replayed.summary.alert_at);
        let tiers: Vec<_> = replayed.moves.iter().map(|moved| moved.tier).collect();
        assert!(tiers.is_sorted() && tiers.len() >= 2, "{tiers:?}");
    }

    #[test]
    fn without_sent_and_without_sign_ins_a_flood_from_elsewhere_is_not_called_backscatter() {
        let foreign = |number: u32| {
            let mut report = bounce(number, at(0));
            let mx = format!("mx.far{number}.example");
            let client = Hop { from_host: Some(mx.clone()), from_ip: "192.0.2.7".parse().ok(), ..own_line() };
            report.envelope.received = vec![client];
            let injected = Hop { from_ip: "192.0.2.99".parse().ok(), by: Some(mx.clone()), ..Hop::default() };
            (report.origin.received, report.reporting_mta) = (vec![injected], Some(mx));
            report
        };
        let mut folders = Folders::default();
        folders.received.extend((0..30).map(|n| Received {
            lies: Lying::default(),
            at: Some(at(3 * i64::from(n))),
            report: foreign(n),
        }));
        let blind = scan(&folders, None);
        assert_eq!(blind.summary.verdict, Verdict::Undetermined);
        assert!(blind.moves.iter().all(|moved| moved.verdict != Verdict::Backscatter));

        // One bounce of own mail that shows who signed in, and the two can be told apart.
        folders
            .received
            .insert(0, Received { lies: Lying::default(), at: Some(at(-5000)), report: bounce(0, at(-5000)) });
        assert_eq!(scan(&folders, None).summary.verdict, Verdict::Backscatter);
    }

    #[test]
    fn bounces_that_lie_where_nobody_looks_are_a_sign_and_in_a_folder_of_the_owners_they_are_none() {
        let lying = |place| {
            let mut folders = ordinary_life();
            let lies = Lying { place, is_read: Some(true), ..Lying::default() };
            let hidden = |n: u32| Received { lies, at: Some(at(3 * i64::from(n))), report: bounce(n, at(0)) };
            folders.received.extend((0..20).map(hidden));
            let seen = scan(&folders, None).assessment.evidence;
            ["bounces_hidden", "ordinary_folder"].map(|value| seen.iter().any(|line| line.value == value))
        };
        assert_eq!(lying(Place::Inbox), [false, false]);
        assert_eq!(lying(Place::Trash), [true, false]);
        assert_eq!(lying(Place::Unwatched), [true, false]);
        assert_eq!(lying(Place::Filed), [false, true]);
    }

    #[test]
    fn a_takeover_that_is_long_over_is_still_the_answer() {
        let mut folders = ordinary_life();
        folders.received.extend((0..20).map(|n| Received {
            lies: Lying::default(),
            at: Some(at(3 * i64::from(n))),
            report: bounce(n, at(0)),
        }));
        let mut late = bounce(0, at(0));
        (late.kind, late.recipients) = (Kind::NotBounce, Vec::new());
        folders.received.push(Received { lies: Lying::default(), at: Some(at(40 * 1440)), report: late });
        assert_eq!(scan(&folders, None).summary.verdict, Verdict::AccountTakeover);
    }

    #[test]
    fn bounces_of_mail_from_before_the_new_password_are_trailing() {
        let mut folders = ordinary_life();
        let late =
            |n: u32| Received { lies: Lying::default(), at: Some(at(100 + i64::from(n))), report: bounce(n, at(0)) };
        folders.received.extend((0..10).map(late));
        let context: Context =
            serde_json::from_value(serde_json::json!({ "address": "sato@sakura.example", "contained_at": at(60) }))
                .unwrap();
        let replayed = scan(&folders, Some(context));
        assert_eq!((replayed.summary.trailing, replayed.summary.continued), (10, 0));
        assert_eq!(replayed.summary.alert_at, None);
    }
}

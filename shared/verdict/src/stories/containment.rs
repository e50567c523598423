use daimon_domain::id::MailboxId;
use daimon_domain::incident::{Incident, IncidentState};
use daimon_domain::reason::Reason;
use daimon_domain::verdict::{Severity, Tier, Verdict};

use super::*;
use crate::{Move, decide};

fn sent_at(number: usize, minutes: i64) -> Report {
    let mut report = own_bounce(number, Reason::UserUnknown, "Invoice");
    report.origin.received = vec![submission("198.51.100.66", Some(SATO), minutes)];
    report
}

#[test]
fn late_bounces_of_mail_from_before_the_new_password_move_nothing() {
    let mut state = State::default();
    state.contained(at(0));
    for number in 0..40 {
        // The echo after exactly one queue lifetime.
        let assessment = weigh(&mut state, &sent_at(number, -30), &known(), STRANGE, 5 * 1440);
        assert_eq!((assessment.verdict, assessment.continued), (Verdict::Legit, 0));
    }
    assert_eq!(state.assess(at(5 * 1440)).trailing, 40);
}

#[test]
fn mail_sent_after_it_to_two_recipients_means_the_thief_is_still_inside() {
    let mut state = State::default();
    state.contained(at(0));
    assert!(!weigh(&mut state, &sent_at(1, 60), &known(), STRANGE, 61).is_continued_abuse());
    let assessment = weigh(&mut state, &sent_at(2, 62), &known(), STRANGE, 63);
    assert!(assessment.is_continued_abuse() && assessment.wants_incident);
    assert_eq!(assessment.severity, Severity::Critical);
}

#[test]
fn ten_minutes_of_queue_and_clock_are_forgiven() {
    let mut state = State::default();
    state.contained(at(0));
    weigh(&mut state, &sent_at(1, 9), &known(), STRANGE, 61);
    assert_eq!((state.assess(at(61)).trailing, state.assess(at(61)).continued), (1, 0));
}

#[test]
fn undated_mail_is_trailing_until_the_tail_ends() {
    let (mut state, known) = (State::default(), known());
    state.contained(at(0));
    let mut report = own_bounce(1, Reason::UserUnknown, "Invoice");
    report.origin = Origin { date: Some(at(9 * 1440)), ..Origin::default() };
    weigh(&mut state, &report, &known, STRANGE, 9 * 1440);
    assert_eq!(state.assess(at(9 * 1440)).trailing, 1);
    weigh(&mut state, &report, &known, STRANGE, 11 * 1440);
    assert_eq!(state.assess(at(11 * 1440)).trailing, 1);
}

fn like(verdict: Verdict, assessment: &Assessment) -> Incident {
    Incident {
        tier: assessment.tier,
        severity: assessment.severity,
        score_db: assessment.score_db,
        bounces: assessment.bounces,
        unexpected_recipients: assessment.unexpected_recipients,
        ..incident(verdict)
    }
}

#[test]
fn an_incident_is_updated_and_never_doubled() {
    let mailbox: MailboxId = "mbx_01985aa0000070008000000000000001".parse().unwrap();
    let all = flood(&mut State::default(), &known(), STRANGE, 10, stolen);
    let (calm, sure) = (&all[0], &all[9]);
    assert_eq!(sure.verdict, Verdict::AccountTakeover);
    assert!(sure.tier >= Tier::Suspected);

    assert_eq!(decide(&mailbox, &[], calm), Move::None);
    assert_eq!(decide(&mailbox, &[], sure), Move::Open);
    let same = like(Verdict::AccountTakeover, sure);
    assert_eq!(decide(&mailbox, std::slice::from_ref(&same), sure), Move::None);

    // What could not be told becomes a takeover in the same incident, under the same key.
    let vague = like(Verdict::Undetermined, sure);
    assert_eq!(vague.dedup_key, same.dedup_key);
    let news = Move::Update { incident: vague.id, is_news: true, reopens: false };
    assert_eq!(decide(&mailbox, &[vague], sure), news);

    // Another cause of the same mailbox is another incident.
    let other = like(Verdict::BulkList, sure);
    assert_eq!(decide(&mailbox, &[other], sure), Move::Open);

    let numbers = Incident { bounces: 1, ..same };
    let update = Move::Update { incident: numbers.id, is_news: false, reopens: false };
    assert_eq!(decide(&mailbox, &[numbers], sure), update);
}

#[test]
fn what_begins_again_after_all_had_calmed_down_reopens_the_same_incident() {
    let mailbox: MailboxId = "mbx_01985aa0000070008000000000000001".parse().unwrap();
    let mut state = State::default();
    state.contained(at(0));
    weigh(&mut state, &sent_at(1, 60), &known(), STRANGE, 61);
    let assessment = weigh(&mut state, &sent_at(2, 62), &known(), STRANGE, 63);
    assert_ne!(assessment.verdict, Verdict::AccountTakeover);
    let before = Incident { state: IncidentState::Monitoring, ..incident(Verdict::AccountTakeover) };
    let reopened = Move::Update { incident: before.id, is_news: true, reopens: true };
    assert_eq!(decide(&mailbox, std::slice::from_ref(&before), &assessment), reopened);
    // A newsletter that is dealt with has nothing to do with it.
    let other = Incident { state: IncidentState::Monitoring, ..incident(Verdict::BulkList) };
    assert!(!matches!(decide(&mailbox, &[other], &assessment), Move::Update { reopens: true, .. }));
}

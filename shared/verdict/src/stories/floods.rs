use daimon_domain::bounce::{Action, Kind, NoticeKind, NoticeStrength};
use daimon_domain::reason::Reason;
use daimon_domain::verdict::{Severity, Tier, Verdict};

use super::*;
use crate::Signal;

fn first(all: &[Assessment], tier: Tier) -> usize {
    all.iter().position(|a| a.tier >= tier).map_or(usize::MAX, |place| place + 1)
}

#[test]
fn a_stolen_mailbox_at_twenty_an_hour_is_suspected_by_eight_bounces_and_probable_by_twelve() {
    let all = flood(&mut State::default(), &known(), STRANGE, 20, stolen);
    assert!(first(&all, Tier::Suspected) <= 8, "suspected after {}", first(&all, Tier::Suspected));
    assert!(first(&all, Tier::Probable) <= 12, "probable after {}", first(&all, Tier::Probable));
    let last = all.last().unwrap();
    assert_eq!(
        (last.verdict, last.severity, last.wants_incident),
        (Verdict::AccountTakeover, Severity::Critical, true)
    );
    assert!(all.iter().all(|a| a.verdict != Verdict::Backscatter));
}

#[test]
fn a_month_of_ordinary_life_gives_nothing() {
    let (mut state, known) = (State::default(), known());
    for day in 0..30 {
        let reason = MIXED[usize::try_from(day).unwrap() % MIXED.len()];
        let report = own_bounce(usize::try_from(day).unwrap(), reason, "Meeting");
        let assessment = weigh(&mut state, &report, &known, OWN, day * 1440);
        assert_eq!(
            (assessment.verdict, assessment.tier, assessment.wants_incident),
            (Verdict::Legit, Tier::None, false)
        );
        // A typo now and then: not an address we know, and here not in Sent either.
        if day % 7 == 0 {
            let typo = own_bounce(1000 + usize::try_from(day).unwrap(), Reason::UserUnknown, "Hello");
            let assessment = weigh(&mut state, &typo, &known, STRANGE, day * 1440 + 5);
            assert_eq!((assessment.verdict, assessment.wants_incident), (Verdict::Legit, false), "day {day}");
        }
    }
}

#[test]
fn an_address_forged_elsewhere_is_backscatter_and_never_a_takeover() {
    let all = flood(&mut State::default(), &known(), STRANGE, 20, foreign_bounce);
    assert!(all.iter().all(|a| a.tier == Tier::None && a.verdict != Verdict::AccountTakeover));
    let last = all.last().unwrap();
    assert_eq!((last.verdict, last.severity, last.wants_incident), (Verdict::Backscatter, Severity::Medium, true));
}

#[test]
fn what_left_here_in_part_is_no_backscatter_however_much_came_back_from_elsewhere() {
    let one_in = |share: usize| move |number| if number % share == 0 { stolen(number) } else { foreign_bounce(number) };
    for share in [2, 3, 4, 5] {
        let all = flood(&mut State::default(), &known(), STRANGE, 60, one_in(share));
        assert!(all.iter().all(|a| a.verdict != Verdict::Backscatter), "one in {share}");
    }
    let last = flood(&mut State::default(), &known(), STRANGE, 20, one_in(20)).pop().unwrap();
    assert_eq!(last.verdict, Verdict::Backscatter, "one may be the owner's own: {last:?}");
}

#[test]
fn a_letter_that_only_meets_unknown_users_is_a_mailing_of_the_owners_only_if_it_was_sent_as_ever() {
    let gone = |number| own_bounce(number, Reason::UserUnknown, "Summer prices");
    let written_anew = Facts { fingerprint_seen: Some(false), ..STRANGE };
    let strange = flood(&mut State::default(), &known(), written_anew, 60, gone);
    assert!(strange.iter().all(|a| a.verdict != Verdict::BulkList), "{:?}", strange.last());
    assert!(strange.iter().skip(5).all(|a| a.wants_incident && a.severity >= Severity::High), "{:?}", strange.last());
    let last = flood(&mut State::default(), &known(), STRANGE, 60, gone).pop().unwrap();
    assert_eq!(last.verdict, Verdict::BulkList, "{last:?}");
    // Some of those to whom it went are known.
    let mut state = State::default();
    let known_readers = |number: i64| Facts { recipient_known: Some(number % 10 == 3), ..written_anew };
    let all = (0..60).map(|n| weigh(&mut state, &gone(usize::try_from(n).unwrap()), &known(), known_readers(n), 3 * n));
    assert_eq!(all.last().unwrap().verdict, Verdict::BulkList);
}

#[test]
fn a_pop_mailbox_in_a_flood_is_undetermined_by_thirty_and_never_backscatter() {
    for report in [stolen as fn(usize) -> Report, foreign_bounce] {
        let all = flood(&mut State::default(), &pop_only(), NO_HISTORY, 30, report);
        let last = all.last().unwrap();
        assert!(matches!(last.verdict, Verdict::Undetermined | Verdict::AccountTakeover), "{:?}", last.verdict);
        assert!(last.wants_incident && last.severity >= Severity::High);
        assert!(all.iter().all(|a| a.verdict != Verdict::Backscatter));
    }
}

#[test]
fn an_imap_mailbox_of_which_nothing_is_known_is_as_blind_as_one_fetched_by_pop() {
    let imap = Known { has_no_history: true, sent_coverage: None, ..known() };
    assert_eq!(imap.provider, Some(Provider::ImapHost));
    let all = flood(&mut State::default(), &imap, NO_HISTORY, 30, foreign_bounce);
    assert!(all.iter().all(|a| a.verdict != Verdict::Backscatter));
    let last = all.last().unwrap();
    assert_eq!((last.verdict, last.wants_incident), (Verdict::Undetermined, true));
}

#[test]
fn who_signed_in_and_from_where_heads_the_explanation() {
    let two_thieves = |number| {
        let mut report = stolen(number);
        let (ip, helo) =
            if number % 4 == 0 { ("203.0.114.9", "other") } else { ("198.51.100.66", "mass\u{202e}sender") };
        report.origin.received = vec![Hop { helo: Some(helo.to_owned()), ..submission(ip, Some(SATO), 0) }];
        report
    };
    let last = flood(&mut State::default(), &known(), STRANGE, 20, two_thieves).pop().unwrap();
    let head = &last.evidence[0];
    assert_eq!((head.item.as_str(), head.count, head.against), ("submission", 15, None));
    // Of what the client calls itself only what stands in a host's name is shown.
    assert_eq!(head.value, format!("signed_in={SATO} from=198.51.100.66 helo=masssender"));

    // Bounces that come from outside may say anything.
    let forged = flood(&mut State::default(), &known(), STRANGE, 20, |number| {
        let mut report = two_thieves(number);
        report.envelope.received.insert(0, foreign_hop("mail.host.example", "evil.example", "192.0.2.99"));
        report
    });
    assert!(forged.iter().flat_map(|a| &a.evidence).all(|line| line.item != "submission"));
}

#[test]
fn each_line_names_its_rival_and_one_letter_scores_less_than_its_lines_add_up_to() {
    let one_letter = |n| own_bounce(n, MIXED[n % 5], "Invoice");
    let last = flood(&mut State::default(), &known(), STRANGE, 100, one_letter).pop().unwrap();
    assert!(last.evidence.iter().skip(1).all(|line| line.against == Some(Verdict::BulkList)), "{:?}", last.evidence);
    let sum: f64 = last.evidence.iter().map(|line| line.db).sum();
    assert!(sum > last.score_db + 100.0, "{sum}");
}

#[test]
fn the_owners_newsletter_is_a_list_and_no_alarm() {
    let newsletter = |number| {
        let mut report = own_bounce(number, Reason::UserUnknown, "August news");
        report.origin.list = Some("news.sakura.example".to_owned());
        report
    };
    let all = flood(&mut State::default(), &known(), STRANGE, 40, newsletter);
    assert!(all.iter().all(|a| a.tier == Tier::None && a.unexpected_recipients == 0));
    assert_eq!(all.last().unwrap().verdict, Verdict::BulkList);
    assert_eq!(all.last().unwrap().severity, Severity::Low);
}

#[test]
fn a_declared_campaign_from_an_outside_tool_is_a_list_although_sent_has_no_copy() {
    let facts = Facts { campaign: true, ..STRANGE };
    let all = flood(&mut State::default(), &known(), facts, 40, |n| own_bounce(n, Reason::UserUnknown, "Sale"));
    assert!(all.iter().all(|a| a.tier == Tier::None && a.verdict != Verdict::Undetermined));
    assert_eq!(all.last().unwrap().verdict, Verdict::BulkList);
}

#[test]
fn a_takeover_is_seen_through_the_owners_newsletter() {
    let (mut state, known) = (State::default(), known());
    let mut last = None;
    for number in 0..40 {
        let mut news = own_bounce(500 + number, Reason::UserUnknown, "August news");
        news.origin.list = Some("news.sakura.example".to_owned());
        let minutes = 3 * i64::try_from(number).unwrap();
        weigh(&mut state, &news, &known, STRANGE, minutes);
        last = Some(weigh(&mut state, &stolen(number), &known, STRANGE, minutes + 1));
    }
    let last = last.unwrap();
    assert_eq!(last.verdict, Verdict::AccountTakeover);
    assert!(last.tier >= Tier::Suspected);
    let verdicts: Vec<_> = last.clusters.iter().map(|cluster| cluster.verdict).collect();
    assert!(verdicts.contains(&Verdict::AccountTakeover) && verdicts.contains(&Verdict::BulkList), "{verdicts:?}");
}

#[test]
fn one_letter_adds_no_more_than_sixty_decibans_a_day() {
    let one_letter = |n| own_bounce(n, MIXED[n % 5], "Invoice");
    let all = flood(&mut State::default(), &known(), STRANGE, 100, one_letter);
    let last = all.last().unwrap();
    assert!(last.score_db <= 60.0 && last.score_db > 30.0, "{}", last.score_db);
    assert_eq!(last.tier, Tier::Probable);
}

#[test]
fn a_hacked_form_is_a_web_script() {
    let script = |number| {
        let mut report = own_bounce(number, Reason::UserUnknown, "Contact");
        let hop = &mut report.origin.received[0];
        *hop = Hop { by: hop.by.clone(), local_submission: true, at: hop.at, ..Hop::default() };
        report.origin.script = Some("33:form.php".to_owned());
        report
    };
    let all = flood(&mut State::default(), &known(), STRANGE, 12, script);
    assert!(all.iter().all(|a| a.tier == Tier::None));
    assert_eq!((all[11].verdict, all[11].severity), (Verdict::WebScript, Severity::High));
}

#[test]
fn a_loop_an_outage_and_a_listing_have_their_own_names() {
    let cases = [
        (Reason::RoutingLoop, NO_HISTORY, None, Verdict::ForwardingLoop),
        (Reason::Expired, OWN, Some(SATO), Verdict::Outage),
        (Reason::IpBlocked, OWN, Some(SATO), Verdict::ReputationBlock),
    ];
    for (reason, facts, signed_in_as, verdict) in cases {
        let all = flood(&mut State::default(), &known(), facts, 20, |n| {
            let mut report = own_bounce(n, reason, "Meeting");
            report.origin.received = vec![submission("198.51.100.66", signed_in_as, 0)];
            report
        });
        assert_eq!(all.last().unwrap().verdict, verdict, "{reason}");
    }
}

#[test]
fn delays_are_no_unexpected_recipients() {
    let delay = |number| {
        let mut report = own_bounce(number, Reason::NetworkError, "Meeting");
        report.kind = Kind::Delay;
        report.recipients[0].action = Action::Delayed;
        report
    };
    let all = flood(&mut State::default(), &known(), STRANGE, 30, delay);
    assert!(all.iter().all(|a| a.unexpected_recipients == 0 && a.tier == Tier::None));
}

#[test]
fn a_hard_notice_about_this_mailbox_is_proof_and_one_about_the_tenant_is_not() {
    let notice = |kind| {
        let mut state = State::default();
        state.signal(Signal::Notice { kind, strength: NoticeStrength::Hard }, at(0));
        state.assess(at(1))
    };
    let mailbox = notice(NoticeKind::MailboxThrottled);
    assert_eq!((mailbox.verdict, mailbox.tier), (Verdict::AccountTakeover, Tier::Confirmed));
    for kind in [NoticeKind::TenantThrottled, NoticeKind::DomainThrottled] {
        assert_eq!(notice(kind).verdict, Verdict::Legit, "{kind}");
    }
}

#[test]
fn a_throttled_tenant_does_not_convict_the_mailbox_whose_mail_it_stops() {
    let stopped = |number| {
        let mut report = own_bounce(number, Reason::RateLimited, "Meeting");
        report.recipients[0].remote_mta = None;
        report.provider_notice = Some(daimon_domain::bounce::ProviderNotice {
            id: "m365_tenant_threshold".to_owned(),
            kind: NoticeKind::TenantThrottled,
            strength: NoticeStrength::Hard,
            place: daimon_domain::bounce::NoticePlace::Diagnostic,
            said_by: None,
        });
        report
    };
    let all = flood(&mut State::default(), &known(), OWN, 20, stopped);
    assert!(all.iter().all(|a| a.tier == Tier::None && a.unexpected_recipients == 0));
}

#[test]
fn a_thief_with_another_envelope_sender_shows_in_replies_to_mail_nobody_wrote() {
    let mut state = State::default();
    for minutes in 0..6 {
        state.signal(Signal::PhantomReply, at(minutes));
    }
    let notice = Signal::Notice { kind: NoticeKind::MailboxBlocked, strength: NoticeStrength::Hard };
    state.signal(notice, at(9));
    let assessment = state.assess(at(10));
    assert_eq!((assessment.verdict, assessment.tier), (Verdict::AccountTakeover, Tier::Confirmed));
    assert!(assessment.evidence.iter().any(|line| line.value == "phantom_replies" && line.db > 0.0 && line.count == 1));
}

#[test]
fn the_same_bounces_give_the_same_bytes_and_a_stored_state_goes_on_where_it_was() {
    let (mut one, mut two) = (State::default(), State::default());
    flood(&mut one, &known(), STRANGE, 30, stolen);
    for number in 0..30 {
        weigh(&mut two, &stolen(number), &known(), STRANGE, 3 * i64::try_from(number).unwrap());
        two = serde_json::from_slice(&serde_json::to_vec(&two).unwrap()).unwrap();
    }
    assert_eq!(serde_json::to_vec(&one).unwrap(), serde_json::to_vec(&two).unwrap());
}

#[test]
fn a_state_stays_small_however_long_the_flood() {
    let mut state = State::default();
    flood(&mut state, &known(), STRANGE, 3000, |n| {
        let words: String = format!("{n}").chars().map(|c| char::from(b'a' + c as u8 - b'0')).collect();
        own_bounce(n, MIXED[n % 5], &words)
    });
    let bytes = serde_json::to_vec(&state).unwrap().len();
    assert!(bytes < 32 * 1024, "{bytes}");
}

#[test]
fn suspicion_lasts_two_quiet_days_and_then_goes() {
    let mut state = State::default();
    let last = flood(&mut state, &known(), STRANGE, 7, stolen).pop().unwrap();
    assert_eq!(last.tier, Tier::Suspected);
    assert_eq!(state.assess(at(2 * 1440)).tier, Tier::Suspected);
    assert_eq!(state.assess(at(8 * 1440)).tier, Tier::None);
    state.confirm();
    assert_eq!(state.assess(at(80 * 1440)).tier, Tier::Confirmed);
}

#[test]
fn suspicion_goes_also_where_a_bounce_of_the_owners_comes_every_day() {
    let mut state = State::default();
    flood(&mut state, &known(), STRANGE, 7, stolen);
    assert_eq!(state.standing(at(20)), (Verdict::AccountTakeover, Tier::Suspected));
    let tiers: Vec<_> = (1..10)
        .map(|day| {
            let typo = own_bounce(100 + usize::try_from(day).unwrap(), Reason::UserUnknown, "Meeting");
            weigh(&mut state, &typo, &known(), OWN, day * 1440).tier
        })
        .collect();
    assert_eq!((tiers[0], tiers[8]), (Tier::Suspected, Tier::None), "{tiers:?}");
}

#[test]
fn suspicion_stays_while_something_speaks_for_it_every_day() {
    let mut state = State::default();
    for day in 0..10 {
        for number in 0..7 {
            let report = stolen(usize::try_from(7 * day + number).unwrap());
            weigh(&mut state, &report, &known(), STRANGE, 1440 * day + 3 * number);
        }
        assert!(state.standing(at(1440 * day + 600)).1 >= Tier::Suspected, "day {day}");
    }
}

#[test]
fn a_language_that_the_mailbox_never_uses_counts_once_from_the_fifth_recipient_on() {
    let mut state = State::default();
    let facts = Facts { new_language: true, ..STRANGE };
    let seen = flood(&mut state, &known(), facts, 8, |n| own_bounce(n, Reason::UserUnknown, "Invoice"));
    let count = |assessment: &Assessment| {
        assessment.evidence.iter().find(|line| line.value == "new_language").map_or(0, |line| line.count)
    };
    assert_eq!(seen.iter().map(count).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 1, 1, 1]);
    let declared = Facts { campaign: true, ..facts };
    let mut state = State::default();
    let seen = flood(&mut state, &known(), declared, 8, |n| own_bounce(n, Reason::UserUnknown, "Invoice"));
    assert!(seen.iter().all(|assessment| count(assessment) == 0));
}

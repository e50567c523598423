//! What every simulated mailbox promises, whatever happens to it.

use daimon_domain::verdict::Verdict;
use daimon_episode::{Episode, Fleet, Mail, Part, Plan, Provider, Simulated, Speed, rehearse};
use mail_parser::{HeaderValue, MessageParser};

fn each() -> impl Iterator<Item = (Episode, Simulated)> {
    Episode::ALL.into_iter().flat_map(|episode| {
        let plan = Plan { days_before: 4, ..Plan::episode(episode) };
        (0..4).map(move |index| (episode, Fleet::new(11, plan).mailbox(index)))
    })
}

fn text(mail: &Mail) -> String {
    String::from_utf8_lossy(&mail.bytes).into_owned()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let plan = Plan::episode(Episode::Takeover(Speed::TwentyAnHour));
    assert_eq!(Fleet::new(5, plan).mailbox(3), Fleet::new(5, plan).mailbox(3));
    assert_ne!(Fleet::new(5, plan).mailbox(3), Fleet::new(6, plan).mailbox(3));
    assert_ne!(Fleet::new(5, plan).mailbox(3), Fleet::new(5, plan).mailbox(4));
}

#[test]
fn every_mail_is_one_and_they_are_in_the_order_of_time() {
    for (episode, mailbox) in each() {
        for mails in [&mailbox.received, &mailbox.sent] {
            assert!(mails.is_sorted_by_key(|mail| mail.at), "{episode:?}");
            for mail in mails {
                let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
                let shown = || String::from_utf8_lossy(&mail.bytes).into_owned();
                assert!(parsed.from().is_some(), "{}", shown());
                assert!(parsed.subject().is_some(), "{}", shown());
                assert!(parsed.date().is_some(), "{}", shown());
                assert!(parsed.parts.iter().all(|part| !part.is_encoding_problem), "{}", shown());
                for header in parsed.headers() {
                    let is_received = header.name.as_str().eq_ignore_ascii_case("received");
                    let is_hop = matches!(header.value, HeaderValue::Received(_));
                    assert!(!is_received || is_hop, "{}", shown());
                }
            }
        }
    }
}

#[test]
fn mail_is_ascii_or_encoded_and_lines_end_as_on_the_wire() {
    for (_, mailbox) in each() {
        for mail in mailbox.received.iter().chain(&mailbox.sent) {
            let text = text(mail);
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text}");
            assert_eq!(text.matches('\r').count(), text.matches("\r\n").count(), "{text}");
            assert!(text.is_ascii(), "{text}");
            assert!(text.lines().all(|line| line.len() < 998), "{text}");
        }
    }
}

#[test]
fn nobody_real_is_written_to() {
    const FORMS: [&str; 12] = [
        "googlemail.com",
        "gmail.com",
        "google.com",
        "outlook.com",
        "office365.com",
        "email.android.com",
        "gappssmtp.com",
        "GBRP265.PROD.OUTLOOK.COM",
        "DEUP281.PROD.OUTLOOK.COM",
        "mail.gmail.com",
        "localhost",
        "localhost.localdomain",
    ];
    for (_, mailbox) in each() {
        for mail in mailbox.received.iter().chain(&mailbox.sent) {
            let text = text(mail);
            for (at, _) in text.match_indices('@') {
                let domain: String = text
                    .get(at + 1..)
                    .unwrap_or_default()
                    .chars()
                    .take_while(|letter| letter.is_ascii_alphanumeric() || ['.', '-'].contains(letter))
                    .collect();
                let domain = domain.trim_end_matches('.');
                let is_machine = !domain.contains('.') || domain.split('.').all(|part| part.parse::<u8>().is_ok());
                let is_reserved = domain.ends_with(".example") || domain.starts_with("example.");
                let is_form = FORMS.iter().any(|form| domain.ends_with(form));
                assert!(is_machine || is_reserved || is_form, "{domain} in {text}");
            }
        }
    }
}

#[test]
fn an_episode_brings_what_it_promises_after_its_beginning() {
    for (episode, mailbox) in each() {
        let begins = mailbox.truth.begins.unwrap();
        let of_episode: Vec<&Mail> = mailbox.received.iter().filter(|mail| mail.of_episode).collect();
        assert_eq!(mailbox.truth.verdict, episode.verdict());
        assert!(of_episode.len() >= 3, "{episode:?}: {}", of_episode.len());
        assert!(of_episode.iter().all(|mail| mail.at >= begins), "{episode:?}");
        assert!(
            of_episode.len() >= 20
                || matches!(
                    episode,
                    Episode::FakeBounces | Episode::SilentTakeover | Episode::Takeover(_) | Episode::Outage
                ),
            "{episode:?}: {}",
            of_episode.len()
        );
        if mailbox.known.provider == Provider::PopOnly {
            assert!(mailbox.sent.is_empty(), "{episode:?}");
        }
    }
}

#[test]
fn every_verdict_but_doubt_is_the_truth_somewhere() {
    let found: Vec<Verdict> = Episode::ALL.iter().map(|episode| episode.verdict()).collect();
    for verdict in Verdict::ALL {
        let is_never = matches!(verdict, Verdict::Legit | Verdict::Undetermined);
        assert_eq!(found.contains(verdict), !is_never, "{verdict}");
    }
}

#[test]
fn a_takeover_is_written_by_the_own_server_and_a_joe_job_by_many() {
    let names = |episode| {
        let plan = Plan { days_before: 1, provider: Some(Provider::ImapHost), ..Plan::episode(episode) };
        let mailbox = Fleet::new(2, plan).mailbox(1);
        let of_episode: Vec<String> = mailbox.received.iter().filter(|mail| mail.of_episode).map(text).collect();
        let own = of_episode.iter().filter(|text| text.contains(&mailbox.known.own_hosts[0])).count();
        (of_episode.len(), own)
    };
    let (all, own) = names(Episode::Takeover(Speed::TwentyAnHour));
    assert!(own * 3 > all * 2, "{own} of {all}");
}

#[test]
fn background_has_its_days_and_hardly_any_bounce() {
    let fleet = Fleet::new(1, Plan::background(60));
    let mails: usize = (0..20).map(|index| fleet.mailbox(index).received.len()).sum();
    assert!((20 * 60..20 * 60 * 8).contains(&mails), "{mails}");
}

#[test]
fn a_rehearsal_is_of_the_mailbox_that_was_asked_for_and_is_over_at_the_given_time() {
    let ends_at = chrono::DateTime::from_timestamp(1_795_507_200, 0).unwrap();
    for provider in [Provider::ImapHost, Provider::Gmail, Provider::Microsoft365] {
        for episode in Episode::ALL {
            let part = Part {
                address: "sato@sakura-dental.example",
                provider,
                language: daimon_domain::tenant::Language::English,
                episode,
                most_bounces: 25,
                ends_at,
            };
            let played = rehearse(7, &part);
            assert_eq!(played.is_some(), episode.can_happen_at(provider), "{episode} at {provider:?}");
            let Some(played) = played else { continue };
            if episode == Episode::JoeJob {
                assert_eq!(rehearse(7, &part), Some(played.clone()));
            }
            let mut of_episode = played.received.iter().filter(|mail| mail.of_episode);
            assert!(of_episode.clone().all(|mail| (played.begins..=ends_at).contains(&mail.at)), "{episode}");
            assert!(of_episode.clone().count() >= 4, "{episode} at {provider:?}");
            assert!(of_episode.any(|mail| text(mail).contains("sato@sakura-dental.example")), "{episode}");
            assert!(played.received.iter().any(|mail| !mail.of_episode));
            assert!(played.sent.iter().any(|mail| mail.at < played.begins));
        }
    }
}

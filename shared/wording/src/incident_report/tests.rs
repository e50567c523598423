use chrono::TimeDelta;
use daimon_domain::id::{IncidentId, MailboxId, TenantId};
use daimon_domain::incident::{IncidentState, Life};
use daimon_domain::verdict::{EvidenceLine, Severity, Tier, Verdict};
use daimon_verdict::playbook;

use super::*;

fn at(minute: i64) -> DateTime<Utc> {
    "2026-11-24T06:50:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minute)
}

fn line(item: &str, value: &str, db: f64, count: u32) -> EvidenceLine {
    let against = (db != 0.0).then_some(Verdict::WebScript);
    EvidenceLine { item: item.to_owned(), value: value.to_owned(), db, count, against }
}

pub(crate) fn incident(verdict: Verdict, tier: Tier, state: IncidentState) -> Incident {
    let id = "019ab1c2d3e47f508192a3b4c5d6e7f8";
    Incident {
        id: format!("inc_{id}").parse::<IncidentId>().unwrap(),
        tenant: format!("tnt_{id}").parse::<TenantId>().unwrap(),
        mailbox: format!("mbx_{id}").parse::<MailboxId>().unwrap(),
        drill: None,
        verdict,
        tier,
        severity: Severity::Critical,
        state,
        score_db: 57.5,
        bounces: 60,
        unexpected_recipients: 58,
        evidence: vec![
            line("submission", "signed_in=sato@clinic.example from=203.0.113.66 helo=laptop", 0.0, 60),
            line("origin", "own_authenticated", 432.0, 60),
            line("fingerprint", "new", 32.4, 60),
            line("gen_site", "own_provider", 7.2, 60),
            line("sent_copy", "missing", -3.6, 60),
            line("reason", "mailbox_full", 0.4, 7),
        ],
        dedup_key: "key".to_owned(),
        sequence: 3,
        opened_at: at(30),
        updated_at: at(120),
        first_bounce_at: at(0),
        last_bounce_at: at(26 * 60),
        contained_at: state.is_contained().then(|| at(200)),
        life: Life { trailing: 4, ..Life::default() },
    }
}

fn tally() -> Tally {
    let hours = [(0, 8), (1, 31), (2, 14), (3, 3), (9, 2), (26, 2)];
    Tally {
        bounces: 60,
        is_cut: false,
        steps: hours.map(|(hour, bounces)| (at(hour * 60 - 50), bounces)).to_vec(),
        reasons: vec![(Reason::UserUnknown, 45), (Reason::SpamContent, 8), (Reason::MailboxFull, 7)],
        domains: vec![("gmail.com".to_owned(), 22), ("shop.example".to_owned(), 9), ("日本.example".to_owned(), 1)],
    }
}

/// Evil in every place where a stranger or a person can write.
const EVIL: &str =
    "<img src=x onerror=alert(1)>\"'&lt;\u{202e}gpj.exe\u{2066}\n\n# [link](javascript:alert(1)) **b** `c` | d";

fn facts<'a>(incident: &'a Incident, tally: &'a Tally, text: impl Fn(&'static str) -> &'a str) -> Facts<'a> {
    let steps = playbook::steps_for(incident.verdict);
    let mut steps: Vec<_> =
        steps.into_iter().map(|step| StepFact { step, stands: Stands::Open, by: None, at: None, note: None }).collect();
    if let [first, .., last] = steps.as_mut_slice() {
        (first.stands, first.by, first.at) = (Stands::Done, Some(text("Mori (Kestrel IT)")), Some(at(40)));
        first.note = Some(text("By phone with the owner."));
        (last.stands, last.by, last.at) = (Stands::Skipped, Some(text("Mori (Kestrel IT)")), Some(at(41)));
        last.note = Some(text("Kept in the archive."));
    }
    let happened = |minute, what, who, note| Happened { at: at(minute), what, who, note };
    Facts {
        incident,
        address: text("sato@clinic.example"),
        tenant: text("Sakura Dental Clinic"),
        msp: text("Kestrel IT"),
        contact: None,
        siblings: Vec::new(),
        steps,
        story: vec![
            happened(30, "opened", None, Some("account_takeover (probable), 57.5 dB ahead")),
            happened(35, "acknowledged", Some(text("Mori (Kestrel IT)")), None),
            happened(40, "step_done", Some(text("Mori (Kestrel IT)")), Some("C01")),
            happened(
                45,
                "commented",
                Some(text("Mori (Kestrel IT)")),
                Some(text("The owner is on a plane until 18:00.")),
            ),
        ],
        tally,
        still_tried: 3,
        standing: Some(Standing {
            checked_at: at(-60),
            findings: vec![("dmarc.only_watches".to_owned(), text("DMARC only watches (p=none).").to_owned())],
            unanswered: vec![text("SpamCop").to_owned()],
        }),
        refusals: vec![
            refused(Some(text("gmail-smtp-in.l.google.com")), "gmail.com", Reason::SpamContent, 6),
            refused(Some(text("aspmx.l.google.com")), "shop.example", Reason::Policy, 2),
            refused(None, text("clinic.example"), Reason::IpBlocked, 1),
        ],
        made_at: at(125),
    }
}

fn refused(host: Option<&str>, domain: &str, reason: Reason, bounces: u64) -> Refused {
    let (host, domain) = (host.map(str::to_owned), domain.to_owned());
    Refused { host, domain, reason, bounces, recent: bounces / 2, latest_at: at(60) }
}

fn report(verdict: Verdict, tier: Tier, state: IncidentState, language: Language) -> IncidentReport {
    IncidentReport::new(&facts(&incident(verdict, tier, state), &tally(), |text| text), language)
}

/// Without the style, which is one file and reviewed there.
fn without_style(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_style, rest) = rest.split_once("</style>").unwrap();
    format!("{head}<style>…</style>{rest}")
}

#[test]
fn the_report_on_a_drill_says_first_that_nothing_happened() {
    let drill = "drl_01985aa0000070008000000000000001".parse().ok();
    for (language, title, headline) in [
        (Language::English, "Drill: Incident report: ", "This is a drill: nothing of what follows has happened. "),
        (Language::Japanese, "【訓練】インシデント報告書", "これは訓練です。"),
    ] {
        let happened = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
        let made_up = Incident { drill, ..happened.clone() };
        let report =
            |incident: &Incident| IncidentReport::new(&facts(incident, &Tally::default(), |text| text), language);
        let (real, played) = (report(&happened), report(&made_up));
        assert!(played.title.starts_with(title) && played.headline.starts_with(headline), "{}", played.headline);
        assert!(!real.title.starts_with(title) && !real.headline.starts_with(headline), "{}", real.headline);
    }
}

#[test]
fn a_takeover_reads_like_this() {
    for language in Language::ALL {
        let report = report(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open, *language);
        insta::assert_snapshot!(format!("takeover_{language}.html"), without_style(&report.to_html()));
        insta::assert_snapshot!(format!("takeover_{language}.md"), report.to_markdown());
    }
}

#[test]
fn when_it_is_contained_the_late_bounces_have_an_end() {
    let report = report(Verdict::AccountTakeover, Tier::Confirmed, IncidentState::Contained, Language::English);
    let late = report.late_bounces.join(" ");
    assert!(late.contains("mail from before 24 November 2026, 10:10 UTC can go on coming back until about 4 December"));
    assert!(late.contains("Late bounces so far: 4."), "{late}");
    assert_eq!(report.late_until, Some(at(200) + TimeDelta::days(10)));
    assert!(report.to_html().contains("class=\"secured\""), "the chart shows when");
}

#[test]
fn every_cause_in_every_state_has_a_whole_report_in_both_languages() {
    for verdict in Verdict::ALL {
        for state in IncidentState::ALL {
            for language in Language::ALL {
                let report = report(*verdict, Tier::Suspected, *state, *language);
                let page = report.to_html();
                assert!(page.contains("</html>") && !page.contains("{since}"), "{verdict} {state}");
                for text in [&report.headline, &report.how_sure, &report.where_it_stands, &report.remaining_note] {
                    assert!(!text.contains(['{', '}', '_']), "{text}");
                    assert_eq!(text.is_ascii(), *language == Language::English, "{text}");
                }
            }
        }
    }
}

/// The names of the tags, and of their attributes.
fn tags(page: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _text) = part.split_once('>').unwrap_or((part, ""));
        let outside: String = tag.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
        let mut words = outside.split([' ', '\n']).filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default().to_owned();
        found.push((name, words.filter_map(|word| word.split_once('=')).map(|(name, _)| name.to_owned()).collect()));
    }
    found
}

#[test]
fn hostile_text_is_shown_and_never_obeyed() {
    let mut incident = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
    // A client may call itself anything, and a newer engine may see more than there are words for.
    incident.evidence.push(line("submission", &format!("signed_in={EVIL} from=203.0.113.66 helo={EVIL}"), 0.0, 1));
    incident.evidence.push(line(EVIL, EVIL, 12.0, 1));
    let mut hostile = tally();
    hostile.domains = vec![(EVIL.to_owned(), 9), ("ok.example".to_owned(), 1)];
    for language in Language::ALL {
        let of_evil = Facts { siblings: vec![EVIL], ..facts(&incident, &hostile, |_text| EVIL) };
        let counted = tally();
        let of_kind = Facts { siblings: vec!["mori@clinic.example"], ..facts(&incident, &counted, |text| text) };
        let evil = IncidentReport::new(&of_evil, *language);
        let kind = IncidentReport::new(&of_kind, *language);
        let page = evil.to_html();
        // Whatever was written: the page has the tags and attributes that it has without it, but for the rows of domains.
        let names = |page: &str| {
            let mut names: Vec<_> = tags(page);
            names.sort();
            names.dedup();
            names
        };
        assert_eq!(names(&page), names(&kind.to_html()));
        assert!(!page.contains("<img") && !page.contains("<script") && !page.contains(" onerror=alert(1)>"), "{page}");
        let text = evil.to_markdown();
        let mut meant = String::new();
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            // What stands behind a backslash has no meaning.
            if c == '\\' {
                characters.next()
            } else {
                meant.push(c);
                None
            };
        }
        for markup in ["<", "](", "`", "\n# l", "*b*", ":alert"] {
            assert!(!meant.contains(markup), "{markup}");
        }
        for written in [&page, &text] {
            assert!(!written.contains(['\u{202e}', '\u{2066}']));
            assert!(!written.contains("onerror=alert(1)&gt;\n") && written.contains("ok.example"));
        }
        assert_eq!(evil.recipient_domains.len(), 1, "what is no domain is none");
    }
}

#[test]
fn the_page_needs_nothing_from_outside() {
    for verdict in Verdict::ALL {
        let page = report(*verdict, Tier::Probable, IncidentState::Open, Language::Japanese).to_html();
        let tags = tags(&without_style(&page));
        for (name, attributes) in tags {
            assert!(!["script", "link", "img", "iframe", "object", "a", "form"].contains(&name.as_str()), "{name}");
            assert!(!attributes.iter().any(|name| name == "src" || name == "href" || name.starts_with("on")));
        }
        assert!(page.contains(POLICY) && !page.contains(" style="), "the policy knows the page's own style only");
        assert!(!page.contains("url(") && !page.contains("@import") && !page.contains("://"), "{verdict}");
    }
}

#[test]
fn an_incident_without_bounces_has_no_chart() {
    let incident = incident(Verdict::FakeBounce, Tier::None, IncidentState::Open);
    let empty = Tally::default();
    let report = IncidentReport::new(&facts(&incident, &empty, |text| text), Language::English);
    assert!(!report.to_html().contains("<svg") && !report.to_markdown().contains("Bounces over time"));
}

#[test]
fn a_flood_of_minutes_is_shown_with_the_time_around_it() {
    let mut incident = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
    incident.last_bounce_at = incident.first_bounce_at;
    let counted = Tally { steps: vec![(at(0), 60)], ..tally() };
    let mut facts = facts(&incident, &counted, |text| text);
    let bars = |facts: &Facts<'_>| {
        let bars = IncidentReport::new(facts, Language::English).chart.bars;
        (bars.first().unwrap().from, bars.len(), bars.last().unwrap().from)
    };
    assert_eq!(bars(&facts), (at(-20), 12, at(35)));
    facts.made_at = at(7);
    assert_eq!(bars(&facts), (at(-50), 12, at(5)), "nothing is said of what is to come");
    let svg = IncidentReport::new(&facts, Language::Japanese).chart.svg();
    assert!(svg.contains(">11/24 15:00<"), "{svg}");
}

#[test]
fn steps_of_time_fit_the_incident_and_begin_with_the_readers_day() {
    let mut incident = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
    incident.last_bounce_at = incident.first_bounce_at + TimeDelta::minutes(40);
    assert_eq!(chart::Scale::of(&incident, Language::English).step, TimeDelta::minutes(5));
    for (days, hours) in [(1, 1), (2, 2), (10, 12), (30, 24), (200, 168), (4000, 2832)] {
        incident.last_bounce_at = incident.first_bounce_at + TimeDelta::days(days);
        let scale = chart::Scale::of(&incident, Language::Japanese);
        assert_eq!(scale.step, TimeDelta::hours(hours), "{days}");
        assert_eq!((scale.origin + TimeDelta::hours(9)).timestamp(), 0);
    }
}

#[test]
fn mailboxes_with_the_same_password_are_named_and_of_many_the_first() {
    let incident = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
    let (tally, many) = (tally(), vec!["suzuki@clinic.example"; 12]);
    let told = |siblings: &[&'static str], language| {
        let facts = Facts { siblings: siblings.to_vec(), ..facts(&incident, &tally, |text| text) };
        IncidentReport::new(&facts, language).meaning.pop().unwrap()
    };
    assert!(!told(&[], Language::English).contains("password of its own"));
    let one = told(&many[..1], Language::English);
    assert!(one.starts_with("Another mailbox has the same password: suzuki@clinic.example."), "{one}");
    let twelve = told(&many, Language::English);
    assert!(
        twelve.starts_with("12 other mailboxes have the same password: ") && twelve.contains(", and 2 more."),
        "{twelve}"
    );
    let twelve = told(&many, Language::Japanese);
    assert!(twelve.contains("ほかに 12 件あります") && twelve.contains("、ほか 2 件"), "{twelve}");
}

#[test]
fn a_filter_that_hides_the_warning_is_told_with_what_it_means() {
    let mut incident = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
    incident.evidence.push(EvidenceLine {
        item: daimon_verdict::filing::ITEM.to_owned(),
        value: daimon_verdict::filing::FILTERED.to_owned(),
        db: 0.0,
        count: 40,
        against: None,
    });
    let report = IncidentReport::new(&facts(&incident, &tally(), |text| text), Language::English);
    assert!(report.meaning.last().unwrap().starts_with("Your filter hides the warning"), "{:?}", report.meaning);
}

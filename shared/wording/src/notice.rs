//! Texts to send: to colleagues, to partners and customers, to the person whose mailbox it is. The texts are data
//! (`data/notices.toml`); an incident's facts are filled in.

use std::sync::LazyLock;

use daimon_domain::incident::{Incident, IncidentState, TAIL};
use daimon_domain::playbook::Text;
use daimon_domain::tenant::Language;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_domain::words;
use serde::Deserialize;

use crate::said::{Said, said};
use crate::{foreign, moment, template};

words! {
    /// For whom a text is.
    Audience {
        /// Departments and colleagues in the company.
        Colleagues = "colleagues",
        /// Partners and customers who got the mail.
        Partners = "partners",
        /// The person whose mailbox it is.
        Owner = "owner",
    }
}

/// A text that is ready to be sent: plain text, with line feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which, such as `takeover_partners`.
    pub id: &'static str,
    /// For whom.
    pub audience: Audience,
    /// In which language.
    pub language: Language,
    /// How to send it: for whoever does, not for the reader.
    pub advice: &'static str,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
}

/// Whom and what a text tells of.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// The mailbox's address.
    pub address: &'a str,
    /// The client company.
    pub tenant: &'a str,
    /// Who looks after it.
    pub msp: &'a str,
}

#[derive(Deserialize)]
struct File {
    notice: Vec<Template>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    id: String,
    audience: Audience,
    applies_to: Vec<Verdict>,
    advice: Text,
    subject: Text,
    body: Text,
}

/// Texts that do not parse would leave people without words; a test makes sure that they do.
static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| read().map(|file| file.notice).unwrap_or_default());

fn read() -> Result<File, toml::de::Error> {
    toml::from_str(include_str!("../data/notices.toml"))
}

/// The texts for an incident in one language. None for one that was found to be no incident.
pub fn notices(about: About<'_>, language: Language) -> Vec<Notice> {
    let incident = about.incident;
    if incident.state == IncidentState::Dismissed {
        return Vec::new();
    }
    let values = values(about, language);
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // Nobody is to be told of what was made up, and people rehearse telling.
    let drill = match language {
        _ if incident.drill.is_none() => "",
        Language::English => "[Drill] ",
        Language::Japanese => "【訓練】",
    };
    let of_verdict = TEMPLATES.iter().filter(|template| template.applies_to.contains(&incident.verdict));
    of_verdict
        .map(|template| Notice {
            id: &template.id,
            audience: template.audience,
            language,
            advice: template.advice.in_language(language),
            subject: format!("{drill}{}", template::fill(template.subject.in_language(language), &values)),
            body: template::fill(template.body.in_language(language), &values),
        })
        .collect()
}

fn values(about: About<'_>, language: Language) -> [(&'static str, String); 8] {
    let incident = about.incident;
    let day = |at| moment::day(at, language);
    let until = incident.life.closes_at.or_else(|| incident.contained_at.map(|at| at + TAIL));
    let stopped = incident.contained_at.map(day).unwrap_or_default();
    [
        ("address", foreign::shown(about.address)),
        ("tenant", foreign::shown(about.tenant)),
        ("msp", foreign::shown(about.msp)),
        ("since", moment::full(incident.first_bounce_at, language)),
        ("since_day", day(incident.first_bounce_at)),
        // Nobody knows yet when it will be stopped: the tail is counted from the last that came.
        ("until_day", day(until.unwrap_or(incident.last_bounce_at + TAIL))),
        ("misused", misused(incident).in_language(language).to_owned()),
        ("stopped", template::fill(stopped_at(incident).in_language(language), &[("day", &stopped)])),
    ]
}

/// "… {misused} by somebody else", 「…が第三者に{misused}。」
const fn misused(incident: &Incident) -> Said {
    match (incident.verdict, incident.tier) {
        (Verdict::AccountTakeover, Tier::Confirmed) => said("was misused", "不正に利用されたことが判明しました"),
        (Verdict::AccountTakeover, Tier::Probable) => {
            said("has very probably been misused", "不正に利用された可能性が高いことが判明しました")
        }
        _ => said("may have been misused", "不正に利用された疑いがあり、調査を進めています"),
    }
}

const fn stopped_at(incident: &Incident) -> Said {
    if incident.contained_at.is_some() {
        said("The misuse was stopped on {day}.", "なお、{day}に不正利用を止める措置を完了しています。")
    } else {
        said("We are working on stopping it.", "現在、不正利用を止める措置を進めています。")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::incident_report::tests::incident;
    use crate::template::placeholders;

    fn about(incident: &Incident) -> About<'_> {
        About { incident, address: "sato@clinic.example", tenant: "Sakura Dental Clinic", msp: "Kestrel IT" }
    }

    #[test]
    fn every_text_is_there_in_both_languages_and_asks_for_nothing_unknown() {
        let templates = read().unwrap().notice;
        let sample = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
        let known: BTreeSet<&str> = values(about(&sample), Language::English).map(|(name, _)| name).into();
        let mut ids = BTreeSet::new();
        for template in &templates {
            let id = &template.id;
            assert!(
                ids.insert(id) && id.ends_with(template.audience.as_str()) && !template.applies_to.is_empty(),
                "{id}"
            );
            for text in [&template.advice, &template.subject, &template.body] {
                let named = |text| placeholders(text).collect::<BTreeSet<_>>();
                assert!(named(&text.en).is_subset(&known) && named(&text.ja).is_subset(&known), "{id}");
                assert_eq!(text.en.matches('{').count(), text.en.matches('}').count(), "{id}");
                assert!(text.en.is_ascii() && text.ja.chars().any(|c| matches!(c, 'ぁ'..='ん')), "{id}");
                assert!(!text.en.trim().is_empty(), "{id}");
            }
            assert!(template.body.en.contains("{since}") && template.body.ja.contains("{since}"), "{id}");
            assert!(placeholders(&template.advice.en).next().is_none(), "{id}: advice is not filled in");
        }
    }

    #[test]
    fn every_cause_has_words_for_the_owner_and_a_misused_name_for_everybody() {
        for verdict in Verdict::ALL {
            for language in Language::ALL {
                let incident = incident(*verdict, Tier::Suspected, IncidentState::Open);
                let audiences: Vec<_> =
                    notices(about(&incident), *language).iter().map(|notice| notice.audience).collect();
                let is_misused = matches!(
                    verdict,
                    Verdict::AccountTakeover | Verdict::Undetermined | Verdict::Backscatter | Verdict::WebScript
                );
                assert_eq!(audiences.contains(&Audience::Owner), *verdict != Verdict::Legit, "{verdict}");
                assert!(!is_misused || audiences == Audience::ALL, "{verdict}");
            }
        }
    }

    #[test]
    fn a_text_says_how_sure_it_is_and_whether_it_was_stopped() {
        let body = |tier, state, language| {
            let incident = incident(Verdict::AccountTakeover, tier, state);
            let all = notices(about(&incident), language);
            all.into_iter().find(|notice| notice.audience == Audience::Partners).unwrap().body
        };
        let english = body(Tier::Confirmed, IncidentState::Contained, Language::English);
        assert!(english.contains("our mail address sato@clinic.example was misused by somebody else."), "{english}");
        assert!(english.contains("The misuse was stopped on 24 November 2026."), "{english}");
        let english = body(Tier::Suspected, IncidentState::Open, Language::English);
        assert!(english.contains("may have been misused") && english.contains("working on stopping it"), "{english}");
        let japanese = body(Tier::Probable, IncidentState::Open, Language::Japanese);
        assert!(
            japanese.contains("第三者に不正に利用された可能性が高いことが判明しました。2026年11月24日"),
            "{japanese}"
        );
        let dismissed = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Dismissed);
        assert_eq!(notices(about(&dismissed), Language::English), []);
    }

    #[test]
    fn names_cannot_bring_lines_placeholders_or_directions_of_their_own() {
        let incident = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Open);
        let evil = "x\r\nBcc: all@evil.example\u{202e}{address}";
        for notice in notices(About { tenant: evil, msp: evil, ..about(&incident) }, Language::English) {
            assert!(!notice.body.contains(['\r', '\u{202e}']) && !notice.body.contains("\nBcc"), "{}", notice.body);
            assert!(notice.body.contains("x Bcc: all@evil.example{address}"), "{}", notice.body);
            assert!(!notice.subject.contains('\n'));
        }
    }

    #[test]
    fn the_texts_of_a_takeover_read_like_this() {
        let incident = incident(Verdict::AccountTakeover, Tier::Probable, IncidentState::Contained);
        for language in Language::ALL {
            let all = notices(about(&incident), *language);
            let all: Vec<_> = all
                .iter()
                .map(|notice| format!("[{}]\n({})\n{}\n\n{}", notice.id, notice.advice, notice.subject, notice.body))
                .collect();
            insta::assert_snapshot!(format!("takeover_{language}"), all.join("\n\n"));
        }
    }
}

//! A test of a mailbox's connection in words: what each step found, and what a technician can do about it. The words are data
//! (`data/connection_test.toml`); what was seen is filled in.

use std::sync::LazyLock;

use daimon_domain::connection_test::{ConnectionTest, Facts, Finding, Stepped, TestStep};
use daimon_domain::credential::CredentialKind;
use daimon_domain::playbook::Text;
use daimon_domain::tenant::Language;
use serde::Deserialize;

use crate::said::{Said, said};
use crate::{consent, foreign, moment, template};

/// What is told of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What the step is.
    pub title: &'static str,
    /// What it found.
    pub sentence: String,
    /// What somebody can do about it.
    pub advice: Option<String>,
    /// Where to do it.
    pub url: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    step: Vec<Title>,
    finding: Vec<Sentence>,
    advice: Vec<Special>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Title {
    step: TestStep,
    title: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentence {
    finding: Finding,
    says: Text,
    advice: Option<Text>,
}

/// Advice for some only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Special {
    findings: Vec<Finding>,
    /// At these providers only, by the names of the table of providers.
    #[serde(default)]
    providers: Vec<String>,
    /// With these kinds of credentials only.
    #[serde(default)]
    credentials: Vec<CredentialKind>,
    /// For these numbers of the provider's only.
    #[serde(default)]
    codes: Vec<u32>,
    advice: Text,
    url: Option<String>,
}

/// Words that do not parse would leave people without; a test makes sure that they do.
static WORDS: LazyLock<Option<File>> = LazyLock::new(|| read().ok());

fn read() -> Result<File, toml::de::Error> {
    toml::from_str(include_str!("../data/connection_test.toml"))
}

impl Special {
    fn fits(&self, test: &ConnectionTest, step: &Stepped) -> bool {
        let provider = test.provider.as_ref();
        self.findings.contains(&step.finding)
            && (self.providers.is_empty() || provider.is_some_and(|provider| self.providers.contains(provider)))
            && (self.credentials.is_empty() || test.credential.is_some_and(|kind| self.credentials.contains(&kind)))
            && (self.codes.is_empty() || step.facts.provider_code.is_some_and(|code| self.codes.contains(&code)))
    }
}

/// What is told of one step of a test. `provider` is what people call the provider, if it is known.
pub fn told(test: &ConnectionTest, step: &Stepped, provider: Option<&str>, language: Language) -> Told {
    let values = values(test, step, provider, language);
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let fill = |text: &Text| template::fill(text.in_language(language), &values);
    let words = WORDS.as_ref();
    let title = words.and_then(|words| words.step.iter().find(|title| title.step == step.step));
    let sentence = words.and_then(|words| words.finding.iter().find(|one| one.finding == step.finding));
    let special = words.and_then(|words| words.advice.iter().find(|special| special.fits(test, step)));
    let advice =
        special.map(|special| &special.advice).or_else(|| sentence.and_then(|sentence| sentence.advice.as_ref()));
    let mut advice = advice.map(fill);
    if let Some(usual) = &step.facts.usual_host {
        let elsewhere = template::fill(
            ELSEWHERE.in_language(language),
            &[("usual_host", &foreign::shown(usual)), ("provider", provider.unwrap_or_default())],
        );
        advice =
            Some(advice.map_or_else(|| elsewhere.clone(), |advice| format!("{advice}{}{elsewhere}", gap(language))));
    }
    Told {
        title: title.map_or(step.step.as_str(), |title| title.title.in_language(language)),
        sentence: sentence.map(|sentence| fill(&sentence.says)).unwrap_or_default(),
        advice,
        url: special.and_then(|special| special.url.as_deref()),
    }
}

const ELSEWHERE: Said = said(
    "Mail to this domain goes to {provider}, whose IMAP server is {usual_host}.",
    "このドメインのメールは {provider} で受信されており、その IMAP サーバーは {usual_host} です。",
);
const UNKNOWN_TIME: Said = said("at a time that the server does not tell", "日時不明");
const NOBODY: Said = said("the mail host", "メール事業者");

const fn gap(language: Language) -> &'static str {
    match language {
        Language::English => " ",
        Language::Japanese => "",
    }
}

fn values(
    test: &ConnectionTest,
    step: &Stepped,
    provider: Option<&str>,
    language: Language,
) -> Vec<(&'static str, String)> {
    let facts = &step.facts;
    let number = |number: Option<u32>| number.unwrap_or_default().to_string();
    let time = |at: Option<_>| {
        at.map_or_else(|| UNKNOWN_TIME.in_language(language).to_owned(), |at| moment::full(at, language))
    };
    let code = facts.provider_code.map(|code| format!("AADSTS{code}"));
    let in_brackets = match language {
        Language::English => code.as_ref().map(|code| format!(" ({code})")),
        Language::Japanese => code.as_ref().map(|code| format!("（{code}）")),
    };
    let mut values = vec![
        ("host", test.server.host.to_string()),
        ("port", test.server.port.to_string()),
        ("provider", provider.unwrap_or_else(|| NOBODY.in_language(language)).to_owned()),
        ("version", facts.tls_version.clone().unwrap_or_else(|| "TLS".to_owned())),
        ("expires", time(facts.certificate_expires_at)),
        ("token_expires", time(facts.token_expires_at)),
        ("folders", number(facts.folders)),
        ("found", found(facts, language)),
        ("sent", facts.sent.as_deref().map(foreign::shown).unwrap_or_default()),
        ("messages", number(facts.messages)),
        ("newest", time(facts.newest_at)),
        ("refusals", number(facts.refusals)),
        ("interval", interval(facts.interval_s.unwrap_or_default(), language)),
        ("bears", bears(facts, language)),
        ("consent_code", code.clone().unwrap_or_else(|| "consent_required".to_owned())),
        ("code", code.map(|code| format!(", {code}")).unwrap_or_default()),
        ("code_alone", in_brackets.unwrap_or_default()),
    ];
    values.extend(consent::NAMES.map(|name| (name, consent::pointed_at(test.credential, name, language))));
    values
}

/// What was taken for what.
fn found(facts: &Facts, language: Language) -> String {
    let inbox = match language {
        Language::English => "INBOX".to_owned(),
        Language::Japanese => "受信トレイ".to_owned(),
    };
    let named = [
        (said("Junk", "迷惑メール"), &facts.junk),
        (said("Trash", "ごみ箱"), &facts.trash),
        (said("Sent", "送信済み"), &facts.sent),
    ];
    let rest = named.into_iter().filter_map(|(what, name)| {
        let (what, name) = (what.in_language(language), foreign::shown(name.as_deref()?));
        Some(match language {
            Language::English => format!("{what} (“{name}”)"),
            Language::Japanese => format!("{what}（「{name}」）"),
        })
    });
    let all: Vec<String> = std::iter::once(inbox).chain(rest).collect();
    match language {
        Language::English => all.join(", "),
        Language::Japanese => all.join("、"),
    }
}

fn interval(seconds: u32, language: Language) -> String {
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match (language, minutes, rest) {
        (Language::English, 1, 0) => "minute".to_owned(),
        (Language::English, _, 0) => format!("{minutes} minutes"),
        (Language::English, ..) => format!("{seconds} seconds"),
        (Language::Japanese, _, 0) => format!("{minutes} 分"),
        (Language::Japanese, ..) => format!("{seconds} 秒"),
    }
}

/// How much of us the host bears.
fn bears(facts: &Facts, language: Language) -> String {
    match (facts.connections, facts.logins_a_minute, language) {
        (None, _, Language::English) => "one session at a time for each mailbox".to_owned(),
        (None, _, Language::Japanese) => "メールボックスごとに同時 1 接続".to_owned(),
        (Some(most), None, Language::English) => {
            format!("at most {most} sessions at a time for all mailboxes together")
        }
        (Some(most), None, Language::Japanese) => format!("全メールボックス合計で同時 {most} 接続"),
        (Some(most), Some(logins), Language::English) => {
            format!("at most {most} sessions at a time and {logins} sign-ins a minute for all mailboxes together")
        }
        (Some(most), Some(logins), Language::Japanese) => {
            format!("全メールボックス合計で同時 {most} 接続、毎分 {logins} 回のサインイン")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::DateTime;
    use daimon_domain::connection_test::StepOutcome;
    use daimon_domain::mailbox::{ImapServer, TlsMode};

    use super::*;

    fn test(provider: Option<&str>, credential: Option<CredentialKind>) -> ConnectionTest {
        let server = ImapServer { host: "imap.host.example".parse().unwrap(), port: 993, tls: TlsMode::Implicit };
        ConnectionTest { server, provider: provider.map(str::to_owned), credential, steps: Vec::new() }
    }

    fn facts() -> Facts {
        let at = DateTime::from_timestamp(1_790_000_000, 0);
        Facts {
            tls_version: Some("TLS 1.3".to_owned()),
            certificate_expires_at: at,
            token_expires_at: at,
            refusals: Some(2),
            folders: Some(12),
            junk: Some("迷惑メール".to_owned()),
            trash: Some("Trash".to_owned()),
            sent: Some("Sent".to_owned()),
            messages: Some(1_234),
            newest_at: at,
            connections: Some(4),
            logins_a_minute: Some(60),
            interval_s: Some(300),
            ..Facts::default()
        }
    }

    fn stepped(step: TestStep, finding: Finding) -> Stepped {
        Stepped { step, finding, facts: facts() }
    }

    fn is_japanese(text: &str) -> bool {
        text.chars().any(|c| matches!(c, 'ぁ'..='ん' | 'ァ'..='ヶ' | '一'..='龠'))
    }

    #[test]
    fn every_step_and_every_finding_has_words_in_both_languages_and_nothing_is_left_to_fill_in() {
        let file = read().unwrap();
        let steps: BTreeSet<TestStep> = file.step.iter().map(|title| title.step).collect();
        assert_eq!((steps.len(), file.step.len()), (TestStep::ALL.len(), TestStep::ALL.len()));
        let findings: BTreeSet<Finding> = file.finding.iter().map(|sentence| sentence.finding).collect();
        let missing: Vec<_> = Finding::ALL.iter().filter(|finding| !findings.contains(finding)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(findings.len(), file.finding.len(), "a finding is there twice");
        for finding in Finding::ALL {
            for kind in CredentialKind::ALL.iter().copied().map(Some).chain([None]) {
                let english = told(&test(None, kind), &stepped(TestStep::SignIn, *finding), None, Language::English);
                let japanese = told(&test(None, kind), &stepped(TestStep::SignIn, *finding), None, Language::Japanese);
                for told in [&english, &japanese] {
                    let text = format!("{} {}", told.sentence, told.advice.clone().unwrap_or_default());
                    assert!(!text.contains(['{', '}']) && !told.sentence.is_empty(), "{finding}: {text}");
                }
                assert!(is_japanese(&japanese.sentence) && is_japanese(japanese.title), "{}", japanese.sentence);
                assert!(!is_japanese(&english.sentence.replace("迷惑メール", "")), "{}", english.sentence);
                let is_bad = matches!(finding.outcome(), StepOutcome::Failed | StepOutcome::Warning);
                assert_eq!((english.advice.is_some(), japanese.advice.is_some()), (is_bad, is_bad), "{finding}");
                assert!(japanese.advice.as_deref().is_none_or(is_japanese), "{finding}");
            }
        }
    }

    #[test]
    fn what_is_said_at_one_provider_is_of_one_that_we_know_and_can_come_up() {
        let file = read().unwrap();
        for (at, special) in file.advice.iter().enumerate() {
            let is_bound =
                !special.providers.is_empty() || !special.credentials.is_empty() || !special.codes.is_empty();
            assert!(is_bound && !special.findings.is_empty(), "number {at} is for everybody");
            assert!(is_japanese(&special.advice.ja) && special.advice.en.len() > 40, "{}", special.advice.en);
            assert!(special.url.as_deref().is_none_or(|url| url.starts_with("https://")), "{at}");
            for provider in &special.providers {
                assert!(daimon_provider::named(provider).is_some(), "{provider} is nobody");
            }
            // Nothing before it takes everything away from it.
            let providers = special
                .providers
                .iter()
                .map(|name| Some(name.as_str()))
                .chain(special.providers.is_empty().then_some(None));
            let comes_up = providers.into_iter().any(|provider| {
                let kinds =
                    special.credentials.iter().copied().map(Some).chain(special.credentials.is_empty().then_some(None));
                kinds.into_iter().any(|kind| {
                    let codes = special.codes.iter().copied().map(Some).chain(special.codes.is_empty().then_some(None));
                    codes.into_iter().any(|provider_code| {
                        special.findings.iter().any(|finding| {
                            let step = Stepped {
                                facts: Facts { provider_code, ..facts() },
                                ..stepped(TestStep::SignIn, *finding)
                            };
                            let test = test(provider, kind);
                            file.advice.iter().position(|special| special.fits(&test, &step)) == Some(at)
                        })
                    })
                })
            });
            assert!(comes_up, "number {at} never comes up: {}", special.advice.en);
            for finding in &special.findings {
                assert!(finding.outcome() != StepOutcome::Ok, "{finding}");
            }
        }
    }

    #[test]
    fn an_administrator_is_told_the_exact_step_that_is_missing() {
        let app = test(Some("microsoft"), Some(CredentialKind::MicrosoftClientCredentials));
        let advice = |finding, code, language| {
            let step = Stepped {
                facts: Facts { provider_code: code, ..Facts::default() },
                ..stepped(TestStep::SignIn, finding)
            };
            told(&app, &step, Some("Microsoft 365"), language).advice.unwrap()
        };
        for (finding, code, says) in [
            (Finding::TokenLacksPermission, None, "step 1, “Give the application the permission IMAP.AccessAsApp”"),
            (Finding::TokenLacksPermission, None, "step 2, “Consent as an administrator”"),
            (Finding::TokenUnauthorizedClient, Some(700_016), "step 2, “Consent as an administrator”"),
            (Finding::TokenInvalidClient, Some(7_000_222), "client secret has expired"),
            (Finding::TokenNotLetIn, None, "step 3, “Make the application known to Exchange Online”"),
            (Finding::MailboxNotConnected, None, "step 4, “Let it into each mailbox”"),
            (Finding::MailboxNotConnected, None, "Add-MailboxPermission"),
        ] {
            let english = advice(finding, code, Language::English);
            assert!(english.contains(says), "{english}");
        }
        let japanese = advice(Finding::MailboxNotConnected, None, Language::Japanese);
        assert!(japanese.contains("手順 4「各メールボックスへのアクセスを許可する」"), "{japanese}");
        let google = test(Some("google"), Some(CredentialKind::GoogleServiceAccount));
        let step = stepped(TestStep::Token, Finding::TokenUnauthorizedClient);
        let told = told(&google, &step, Some("Gmail"), Language::English);
        assert!(told.advice.unwrap().contains("step 2, “Delegate domain-wide authority"), "{:?}", told.url);
        assert_eq!(told.url, Some("https://admin.google.com/ac/owl/domainwidedelegation"));
    }

    #[test]
    fn where_mail_of_the_domain_goes_is_said_when_the_server_is_not_there() {
        let mut step = stepped(TestStep::Resolve, Finding::HostNotFound);
        step.facts.usual_host = Some("www1234.sakura.ne.jp".to_owned());
        let told = told(&test(Some("sakura"), None), &step, Some("さくらのレンタルサーバ"), Language::English);
        let advice = told.advice.unwrap();
        assert!(
            advice.ends_with("goes to さくらのレンタルサーバ, whose IMAP server is www1234.sakura.ne.jp."),
            "{advice}"
        );
    }

    #[test]
    fn the_name_of_a_folder_is_shown_and_never_obeyed() {
        let mut step = stepped(TestStep::Folders, Finding::FoldersFound);
        step.facts.sent = Some("{host}\u{202e}\r\nevil".to_owned());
        let told = told(&test(None, None), &step, None, Language::English);
        assert!(told.sentence.ends_with("Sent (“{host} evil”)."), "{}", told.sentence);
    }
}

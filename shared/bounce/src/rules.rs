//! The rules that turn words, codes and senders into a reason.
//!
//! Codes alone mislead (5.1.1 also stands for "too many recipients this hour"), words alone too ("blocked" is said of
//! mailboxes and of senders). So a rule may ask for words, codes and a sender together, the first rule that holds
//! decides, and every answer carries its name. Rules are data (`rules/*.toml`), so that a mail administrator can read
//! and add them; each shows an example, and a rule whose example it does not decide is refused.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use daimon_domain::{bounce::Action, reason::Reason, status::EnhancedStatus};
use serde::Deserialize;

use crate::step::Step;
#[cfg(test)]
use crate::{status, step, text};

/// In the order in which they are asked.
const FILES: &[&str] = &[
    include_str!("../rules/providers.toml"),
    include_str!("../rules/sender.toml"),
    include_str!("../rules/recipient.toml"),
    include_str!("../rules/content.toml"),
    include_str!("../rules/transport.toml"),
];
/// Asked last: what the code alone means.
const CODES: &str = include_str!("../rules/codes.toml");

/// What is known of one failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    /// The words, in lower case with single spaces.
    pub(crate) text: &'a str,
    pub(crate) status: Option<EnhancedStatus>,
    pub(crate) reply: Option<u16>,
    /// Who speaks: the remote host, then the reporting one, in lower case.
    pub(crate) senders: [Option<&'a str>; 2],
    /// What the host answered to, where the report says so.
    pub(crate) step: Option<Step>,
    pub(crate) action: Action,
}

/// One rule. Of every list that is not empty at least one entry must hold, of `unless` none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) reason: Reason,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for the people who read the file; a test checks that it is there")
    )]
    sentence: String,
    #[serde(default)]
    text: Vec<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    /// `5.1.1`, or with `x` for any number.
    #[serde(default)]
    status: Vec<String>,
    /// The rule does not hold with these.
    #[serde(default)]
    unless_status: Vec<String>,
    #[serde(default)]
    reply: Vec<u16>,
    /// `connect`, `hello`, `mail`, `rcpt`, `data`.
    #[serde(default)]
    step: Vec<Step>,
    #[serde(default)]
    action: Vec<Action>,
    /// Ends of the host names that may say it.
    #[serde(default)]
    sender: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test checks that the rule decides it"))]
    example: String,
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "see `example`"))]
    example_sender: Option<String>,
}

/// Why a set of rules is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadRules {
    #[error("the file is not a list of rules")]
    Syntax(#[from] toml::de::Error),
    #[error("the words cannot be searched for")]
    Words(#[from] aho_corasick::BuildError),
    #[cfg(test)]
    #[error("rule {name}: {fault}")]
    Rule { name: String, fault: &'static str },
}

/// Rules and the one search that finds all their words.
#[derive(Debug)]
pub(crate) struct Rulebook {
    rules: Vec<Rule>,
    search: AhoCorasick,
    /// Per rule the positions of its words in the search: `text`, `also`, `unless`.
    words: Vec<[Vec<usize>; 3]>,
}

impl Rulebook {
    pub(crate) fn parse(files: &[&str]) -> Result<Self, BadRules> {
        #[derive(Deserialize)]
        struct File {
            rule: Vec<Rule>,
        }
        let mut rules = Vec::new();
        for file in files {
            rules.extend(toml::from_str::<File>(file)?.rule);
        }
        let mut all: Vec<String> = Vec::new();
        let mut known = std::collections::HashMap::new();
        let mut positions = |list: &[String]| -> Vec<usize> {
            list.iter()
                .map(|word| {
                    *known.entry(word.clone()).or_insert_with(|| {
                        all.push(word.clone());
                        all.len() - 1
                    })
                })
                .collect()
        };
        let words =
            rules.iter().map(|rule| [&rule.text, &rule.also, &rule.unless].map(|list| positions(list))).collect();
        let search = AhoCorasick::new(&all)?;
        Ok(Self { rules, search, words })
    }

    /// Whether every rule explains itself and decides its own example.
    #[cfg(test)]
    fn check(&self) -> Result<(), BadRules> {
        for (rule, words) in self.rules.iter().zip(&self.words) {
            let bad = |fault| Err(BadRules::Rule { name: rule.name.clone(), fault });
            if rule.sentence.trim().is_empty() {
                return bad("it has no sentence");
            }
            if rule.example.trim().is_empty() {
                return bad("it has no example");
            }
            if rule
                .text
                .iter()
                .chain(&rule.also)
                .chain(&rule.unless)
                .any(|word| *word != text::fold(word) && *word != word.to_lowercase())
            {
                return bad("its words are not in lower case");
            }
            let folded = text::fold(&rule.example);
            let failure = Failure {
                text: &folded,
                status: status::find_status(&rule.example),
                reply: status::find_reply(&rule.example),
                senders: [rule.example_sender.as_deref(), None],
                step: step::find(&folded),
                action: rule.action.first().copied().unwrap_or(Action::Failed),
            };
            if !self.holds(rule, words, &failure, &self.found(&folded)) {
                return bad("its example is not matched by it");
            }
        }
        Ok(())
    }

    /// The first rule that holds.
    pub(crate) fn decide(&self, failure: &Failure<'_>) -> Option<&Rule> {
        let found = self.found(failure.text);
        self.rules
            .iter()
            .zip(&self.words)
            .find(|(rule, words)| self.holds(rule, words, failure, &found))
            .map(|(rule, _)| rule)
    }

    /// Which words are in the text.
    fn found(&self, text: &str) -> Vec<bool> {
        let mut found = vec![false; self.search.patterns_len()];
        for hit in self.search.find_overlapping_iter(text) {
            if let Some(flag) = found.get_mut(hit.pattern().as_usize()) {
                *flag = true;
            }
        }
        found
    }

    #[expect(clippy::unused_self, reason = "the positions in `words` are this book's")]
    fn holds(&self, rule: &Rule, [any, also, unless]: &[Vec<usize>; 3], failure: &Failure<'_>, found: &[bool]) -> bool {
        let one_of = |words: &[usize]| words.iter().any(|at| found.get(*at).copied().unwrap_or(false));
        (any.is_empty() || one_of(any))
            && (also.is_empty() || one_of(also))
            && !one_of(unless)
            && (rule.status.is_empty()
                || failure.status.is_some_and(|status| rule.status.iter().any(|pattern| is_like(status, pattern))))
            && !failure.status.is_some_and(|status| rule.unless_status.iter().any(|pattern| is_like(status, pattern)))
            && (rule.step.is_empty() || failure.step.is_some_and(|step| rule.step.contains(&step)))
            && (rule.action.is_empty() || rule.action.contains(&failure.action))
            && (rule.reply.is_empty() || failure.reply.is_some_and(|reply| rule.reply.contains(&reply)))
            && (rule.sender.is_empty()
                || failure
                    .senders
                    .iter()
                    .flatten()
                    .any(|host| rule.sender.iter().any(|end| host.ends_with(end.as_str()))))
    }
}

/// Whether `5.1.1` is like `x.1.1`.
fn is_like(status: EnhancedStatus, pattern: &str) -> bool {
    let mut parts = pattern.split('.');
    let mut fits = |number: u16| parts.next().is_some_and(|part| part == "x" || part.parse() == Ok(number));
    fits(u16::from(status.class.digit())) && fits(status.subject) && fits(status.detail)
}

// A book that did not parse would be empty; a test keeps it from shipping.
static WORDS_BOOK: LazyLock<Option<Rulebook>> = LazyLock::new(|| Rulebook::parse(FILES).ok());
static CODES_BOOK: LazyLock<Option<Rulebook>> = LazyLock::new(|| Rulebook::parse(&[CODES]).ok());

/// The rule that the words decide.
pub(crate) fn by_words(failure: &Failure<'_>) -> Option<&'static Rule> {
    WORDS_BOOK.as_ref()?.decide(failure)
}

/// What the code alone means.
pub(crate) fn by_code(failure: &Failure<'_>) -> Option<&'static Rule> {
    CODES_BOOK.as_ref()?.decide(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(file: &str) -> String {
        Rulebook::parse(&[file]).and_then(|book| book.check()).unwrap_err().to_string()
    }

    #[test]
    fn every_rule_that_ships_explains_itself_and_matches_its_example() {
        for file in FILES.iter().chain([&CODES]) {
            Rulebook::parse(&[file]).unwrap().check().unwrap();
        }
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let mut names = std::collections::HashSet::new();
        for file in FILES.iter().chain([&CODES]) {
            for rule in Rulebook::parse(&[file]).unwrap().rules {
                assert!(names.insert(rule.name.clone()), "{} is there twice", rule.name);
            }
        }
    }

    #[test]
    fn a_rule_without_an_example_is_refused() {
        assert!(
            fault("[[rule]]\nname = 'a'\nreason = 'virus'\nsentence = 's'\ntext = ['virus']\n")
                .contains("list of rules")
        );
        assert!(
            fault("[[rule]]\nname = 'a'\nreason = 'virus'\nsentence = 's'\ntext = ['virus']\nexample = ''\n")
                .contains("no example")
        );
    }

    #[test]
    fn a_rule_that_does_not_match_its_example_is_refused() {
        assert!(
            fault("[[rule]]\nname = 'a'\nreason = 'virus'\nsentence = 's'\ntext = ['virus']\nexample = 'worm'\n")
                .contains("not matched")
        );
    }

    #[test]
    fn words_code_and_sender_are_weighed_together() {
        let text = text::fold("550 5.1.1 <a@b.example> Too many recipients this hour");
        let failure = Failure {
            text: &text,
            status: "5.1.1".parse().ok(),
            reply: Some(550),
            senders: [None, None],
            step: None,
            action: Action::Failed,
        };
        assert_eq!(by_words(&failure).map(|rule| rule.reason), Some(Reason::RateLimited));
        let failure = Failure { text: "550 5.1.1 no", ..failure };
        assert_eq!(by_code(&failure).map(|rule| rule.reason), Some(Reason::UserUnknown));
    }
}

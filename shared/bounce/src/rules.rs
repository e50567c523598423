//! The rules that turn words, codes and senders into a reason.
//!
//! Codes alone mislead (5.1.1 also stands for "too many recipients this hour"), words alone too ("blocked" is said of
//! mailboxes and of senders). So a rule may ask for words, codes and a sender together, the first rule that holds
//! decides, and every answer carries its name. Rules are data (`rules/*.toml`), so that a mail administrator can read
//! and add them; each shows an example, and a rule whose example it does not decide is refused.

use daimon_domain::{bounce::Action, reason::Reason, status::EnhancedStatus};
use serde::Deserialize;

#[cfg(test)]
use crate::{lexicon, search::Search, status, text};
use crate::{
    lexicon::lexicon,
    search::{Hits, Words},
    step::Step,
};

/// In the order in which they are asked.
pub(crate) const FILES: &[&str] = &[
    include_str!("../rules/google.toml"),
    include_str!("../rules/microsoft.toml"),
    include_str!("../rules/yahoo.toml"),
    include_str!("../rules/networks.toml"),
    include_str!("../rules/services.toml"),
    include_str!("../rules/rate.toml"),
    include_str!("../rules/authentication.toml"),
    include_str!("../rules/reputation.toml"),
    include_str!("../rules/sender.toml"),
    include_str!("../rules/mailbox.toml"),
    include_str!("../rules/domain.toml"),
    include_str!("../rules/recipient.toml"),
    include_str!("../rules/content.toml"),
    include_str!("../rules/transport.toml"),
];
/// Asked last: what the code alone means.
pub(crate) const CODES: &str = include_str!("../rules/codes.toml");

/// What is known of one failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    /// What was found in the words about it.
    pub(crate) words: &'a Hits,
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
    unless_step: Vec<Step>,
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
    #[cfg(test)]
    #[error("rule {name}: {fault}")]
    Rule { name: String, fault: &'static str },
}

/// Rules and where their words are in the search.
#[derive(Debug, Default)]
pub(crate) struct Rulebook {
    rules: Vec<Rule>,
    /// Per rule the numbers of its words: `text`, `also`, `unless`.
    words: Vec<[Hits; 3]>,
    /// Per word the rules that have it as `text`: only these can hold.
    by_word: Vec<Hits>,
    /// Those that ask for no words.
    wordless: Hits,
}

impl Rulebook {
    pub(crate) fn parse(files: &[&str], all: &mut Words) -> Result<Self, BadRules> {
        #[derive(Deserialize)]
        struct File {
            rule: Vec<Rule>,
        }
        let mut book = Self::default();
        for file in files {
            book.rules.extend(toml::from_str::<File>(file)?.rule);
        }
        book.wordless = Hits::none(book.rules.len());
        for (at, rule) in book.rules.iter().enumerate() {
            let text = all.add_all(&rule.text);
            for word in &text {
                if book.by_word.len() <= *word {
                    book.by_word.resize(word + 1, Hits::default());
                }
                if let Some(rules) = book.by_word.get_mut(*word) {
                    if rules.is_empty() {
                        *rules = Hits::none(book.rules.len());
                    }
                    rules.add(at);
                }
            }
            if text.is_empty() {
                book.wordless.add(at);
            }
            book.words.push([
                Hits::of(&text),
                Hits::of(&all.add_all(&rule.also)),
                Hits::of(&all.add_all(&rule.unless)),
            ]);
        }
        Ok(book)
    }

    /// Whether every rule explains itself and decides its own example.
    #[cfg(test)]
    fn check(&self, search: &Search) -> Result<(), BadRules> {
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
            let found = search.read(&folded);
            let failure = Failure {
                words: &found,
                status: status::find_status(&rule.example),
                reply: status::find_reply(&rule.example),
                senders: [rule.example_sender.as_deref(), None],
                step: lexicon::step(&lexicon::search(&folded)),
                action: rule.action.first().copied().unwrap_or(Action::Failed),
            };
            if !holds(rule, words, &failure) {
                return bad("its example is not matched by it");
            }
        }
        Ok(())
    }

    /// The first rule that holds.
    pub(crate) fn decide(&self, failure: &Failure<'_>) -> Option<&Rule> {
        let mut candidates = self.wordless.clone();
        for word in failure.words.numbers() {
            if let Some(rules) = self.by_word.get(word) {
                candidates.add_all(rules);
            }
        }
        candidates
            .numbers()
            .filter_map(|at| self.rules.get(at).zip(self.words.get(at)))
            .find(|(rule, words)| holds(rule, words, failure))
            .map(|(rule, _)| rule)
    }
}

fn holds(rule: &Rule, [any, also, unless]: &[Hits; 3], failure: &Failure<'_>) -> bool {
    (any.is_empty() || failure.words.meets(any))
        && (also.is_empty() || failure.words.meets(also))
        && !failure.words.meets(unless)
        && (rule.status.is_empty()
            || failure.status.is_some_and(|status| rule.status.iter().any(|pattern| is_like(status, pattern))))
        && !failure.status.is_some_and(|status| rule.unless_status.iter().any(|pattern| is_like(status, pattern)))
        && (rule.step.is_empty() || failure.step.is_some_and(|step| rule.step.contains(&step)))
        && !failure.step.is_some_and(|step| rule.unless_step.contains(&step))
        && (rule.action.is_empty() || rule.action.contains(&failure.action))
        && (rule.reply.is_empty() || failure.reply.is_some_and(|reply| rule.reply.contains(&reply)))
        && (rule.sender.is_empty()
            || failure.senders.iter().flatten().any(|host| rule.sender.iter().any(|end| host.ends_with(end.as_str()))))
}

/// Whether `5.1.1` is like `x.1.1`.
fn is_like(status: EnhancedStatus, pattern: &str) -> bool {
    let mut parts = pattern.split('.');
    let mut fits = |number: u16| parts.next().is_some_and(|part| part == "x" || part.parse() == Ok(number));
    fits(u16::from(status.class.digit())) && fits(status.subject) && fits(status.detail)
}

/// The rule that the words decide.
pub(crate) fn by_words(failure: &Failure<'_>) -> Option<&'static Rule> {
    lexicon().by_words.decide(failure)
}

/// What the code alone means.
pub(crate) fn by_code(failure: &Failure<'_>) -> Option<&'static Rule> {
    lexicon().by_code.decide(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str) -> Result<(), BadRules> {
        let mut words = Words::default();
        let book = Rulebook::parse(&[file], &mut words)?;
        book.check(&words.search().unwrap())
    }

    fn fault(file: &str) -> String {
        check(file).unwrap_err().to_string()
    }

    #[test]
    fn every_rule_that_ships_explains_itself_and_matches_its_example() {
        for file in FILES.iter().chain([&CODES]) {
            check(file).unwrap();
        }
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let mut names = std::collections::HashSet::new();
        for file in FILES.iter().chain([&CODES]) {
            for rule in Rulebook::parse(&[file], &mut Words::default()).unwrap().rules {
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
        let words = lexicon::search(&text);
        let failure = Failure {
            words: &words,
            status: "5.1.1".parse().ok(),
            reply: Some(550),
            senders: [None, None],
            step: None,
            action: Action::Failed,
        };
        assert_eq!(by_words(&failure).map(|rule| rule.reason), Some(Reason::RateLimited));
        let words = lexicon::search("550 5.1.1 no");
        let failure = Failure { words: &words, ..failure };
        assert_eq!(by_code(&failure).map(|rule| rule.reason), Some(Reason::UserUnknown));
    }
}

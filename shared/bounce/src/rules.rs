//! The rules that turn words, codes and senders into a reason.
//!
//! Codes alone mislead (5.1.1 also stands for "too many recipients this hour"), words alone too ("blocked" is said of
//! mailboxes and of senders). So a rule may ask for words, codes and a sender together, the first rule that holds
//! decides, and every answer carries its name. Rules are data (`rules/*.toml`), so that a mail administrator can read
//! and add them; each shows an example, and a rule whose example another one decides is refused (`check`).

use daimon_domain::{bounce::Action, reason::Reason, status::EnhancedStatus};
use serde::Deserialize;

use crate::{
    lexicon::{self, lexicon},
    search::{self, Hits, Search, Words},
    status,
    step::Step,
    text,
};

/// In the order in which they are asked.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("google.toml", include_str!("../rules/google.toml")),
    ("microsoft.toml", include_str!("../rules/microsoft.toml")),
    ("yahoo.toml", include_str!("../rules/yahoo.toml")),
    ("networks.toml", include_str!("../rules/networks.toml")),
    ("services.toml", include_str!("../rules/services.toml")),
    ("certain.toml", include_str!("../rules/certain.toml")),
    ("languages.toml", include_str!("../rules/languages.toml")),
    ("rate.toml", include_str!("../rules/rate.toml")),
    ("authentication.toml", include_str!("../rules/authentication.toml")),
    ("reputation.toml", include_str!("../rules/reputation.toml")),
    ("filter.toml", include_str!("../rules/filter.toml")),
    ("sender.toml", include_str!("../rules/sender.toml")),
    ("mailbox.toml", include_str!("../rules/mailbox.toml")),
    ("domain.toml", include_str!("../rules/domain.toml")),
    ("recipient.toml", include_str!("../rules/recipient.toml")),
    ("content.toml", include_str!("../rules/content.toml")),
    ("transport.toml", include_str!("../rules/transport.toml")),
];
/// Asked last: what the code alone means.
pub(crate) const CODES: (&str, &str) = ("codes.toml", include_str!("../rules/codes.toml"));

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
    /// The words are those of the whole letter about one recipient, asked before any others.
    pub(crate) is_letter: bool,
}

/// One rule. Of every list that is not empty at least one entry must hold, of `unless` none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) reason: Reason,
    /// For the people who read the file.
    sentence: String,
    #[serde(default)]
    text: Vec<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    /// `5.1.1`, or with `x` for any number.
    #[serde(default)]
    status: Vec<Pattern>,
    /// The rule does not hold with these.
    #[serde(default)]
    unless_status: Vec<Pattern>,
    #[serde(default)]
    reply: Vec<u16>,
    /// `connect`, `hello`, `mail`, `rcpt`, `data`.
    #[serde(default)]
    step: Vec<Step>,
    #[serde(default)]
    unless_step: Vec<Step>,
    #[serde(default)]
    action: Vec<Action>,
    /// Asked of the whole letter, before the words about the recipient are: what the reporting host itself explains.
    #[serde(default)]
    letter: bool,
    /// Domains whose hosts may say it.
    #[serde(default)]
    sender: Vec<String>,
    /// A line that the rule decides.
    example: String,
    /// The host that says it.
    #[serde(default)]
    example_sender: Option<String>,
}

/// Why a set of rules is not used.
#[derive(Debug, thiserror::Error)]
pub enum BadRules {
    /// The text is not what a file of rules looks like; the cause says where.
    #[error("{file} is not a list of rules")]
    Syntax {
        /// Which.
        file: String,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
    /// A rule is not as it must be.
    #[error("rule {name}: {fault}")]
    Rule {
        /// Which.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A rule that would never be asked about its own example.
    #[error(
        "rule {name}: its example is decided by {earlier}, which is asked before it; move {name} up, or narrow {earlier} with `unless` or `also`"
    )]
    Order {
        /// Which.
        name: String,
        /// The rule that decides instead.
        earlier: String,
    },
}

/// The files of rules that ship, each with its name, in the order in which they are asked.
pub fn shipped_rules() -> Vec<(&'static str, &'static str)> {
    FILES.iter().copied().chain([CODES]).collect()
}

/// Whether files of rules may be used together in this order; each comes with its name.
///
/// Every rule needs a name of its own, a sentence and an example, and must be the first that holds for its example: a
/// rule that is asked too late never says anything, and nobody notices.
pub fn check_rules(files: &[(&str, &str)]) -> Result<(), BadRules> {
    let mut words = Words::default();
    let book = Rulebook::parse(files, &mut words)?;
    book.check_words()?;
    book.check(&words.search().unwrap_or_default())
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
    pub(crate) fn parse(files: &[(&str, &str)], all: &mut Words) -> Result<Self, BadRules> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            rule: Vec<Rule>,
        }
        let mut book = Self::default();
        for (name, text) in files {
            let file: File =
                toml::from_str(text).map_err(|source| BadRules::Syntax { file: (*name).to_owned(), source })?;
            book.rules.extend(file.rule);
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

    /// Whether every word can be found in folded text.
    fn check_words(&self) -> Result<(), BadRules> {
        for rule in &self.rules {
            let bad = |fault| Err(BadRules::Rule { name: rule.name.clone(), fault });
            for word in rule.text.iter().chain(&rule.also).chain(&rule.unless) {
                if word.len() < search::MIN_WORD_BYTES {
                    return bad("a word of it has less than three bytes");
                }
                // At its ends a word may have a space, which folding takes away.
                let inner = word.strip_prefix(' ').unwrap_or(word);
                let inner = inner.strip_suffix(' ').unwrap_or(inner);
                if inner != text::fold(inner) {
                    return bad("its words are not in lower case with single spaces, and without addresses");
                }
            }
        }
        Ok(())
    }

    /// Whether every rule explains itself and is the one that decides its own example.
    fn check(&self, search: &Search) -> Result<(), BadRules> {
        let mut names = std::collections::HashSet::new();
        for (rule, words) in self.rules.iter().zip(&self.words) {
            let bad = |fault| Err(BadRules::Rule { name: rule.name.clone(), fault });
            if !names.insert(rule.name.as_str()) {
                return bad("there is another of this name");
            }
            if rule.sentence.trim().is_empty() {
                return bad("it has no sentence");
            }
            if rule.example.trim().is_empty() {
                return bad("it has no example");
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
                is_letter: rule.letter,
            };
            if !holds(rule, words, &failure) {
                return bad("its example is not matched by it");
            }
            if let Some(earlier) = self.decide(&failure).filter(|decided| decided.name != rule.name) {
                return Err(BadRules::Order { name: rule.name.clone(), earlier: earlier.name.clone() });
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
    rule.letter == failure.is_letter
        && (any.is_empty() || failure.words.meets(any))
        && (also.is_empty() || failure.words.meets(also))
        && !failure.words.meets(unless)
        && (rule.status.is_empty()
            || failure.status.is_some_and(|status| rule.status.iter().any(|pattern| pattern.fits(status))))
        && !failure.status.is_some_and(|status| rule.unless_status.iter().any(|pattern| pattern.fits(status)))
        && (rule.step.is_empty() || failure.step.is_some_and(|step| rule.step.contains(&step)))
        && !failure.step.is_some_and(|step| rule.unless_step.contains(&step))
        && (rule.action.is_empty() || rule.action.contains(&failure.action))
        && (rule.reply.is_empty() || failure.reply.is_some_and(|reply| rule.reply.contains(&reply)))
        && (rule.sender.is_empty()
            || failure.senders.iter().flatten().any(|host| rule.sender.iter().any(|domain| is_within(host, domain))))
}

/// Whether the host is of that domain, or is it. Anybody may own a name that only ends in the same letters.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain.trim_start_matches('.')).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A status in which `x` stands for any number.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pattern([Option<u16>; 3]);

impl Pattern {
    fn fits(&self, status: EnhancedStatus) -> bool {
        let numbers = [u16::from(status.class.digit()), status.subject, status.detail];
        self.0.iter().zip(numbers).all(|(pattern, number)| pattern.is_none_or(|pattern| pattern == number))
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |part: &str| if part == "x" { Ok(None) } else { part.parse().map(Some) };
        let numbers = text.split('.').map(number).collect::<Result<Vec<_>, _>>();
        let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
        numbers.map(Self).ok_or_else(|| format!("{text:?} is no status such as 5.1.1 or x.7.1"))
    }
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

    fn rule(name: &str, text: &str, example: &str) -> String {
        format!(
            "[[rule]]\nname = '{name}'\nreason = 'virus'\nsentence = 's'\ntext = ['{text}']\nexample = '{example}'\n"
        )
    }

    fn fault(files: &[(&str, &str)]) -> String {
        check_rules(files).unwrap_err().to_string()
    }

    #[test]
    fn every_rule_that_ships_explains_itself_and_decides_its_example() {
        if let Err(why) = check_rules(&shipped_rules()) {
            panic!("{why} {}", std::error::Error::source(&why).map(ToString::to_string).unwrap_or_default());
        }
    }

    #[test]
    fn the_readme_names_the_files_in_the_order_in_which_they_are_asked() {
        let (_, order) = include_str!("../README.md").split_once("Files are asked in this order").unwrap();
        let named: Vec<&str> = order.split('`').skip(1).step_by(2).take(FILES.len() + 1).collect();
        let asked: Vec<&str> = shipped_rules().iter().map(|(name, _)| name.trim_end_matches(".toml")).collect();
        assert_eq!(named, asked);
    }

    #[test]
    fn two_rules_of_one_name_are_refused() {
        let twice = rule("a", "virus", "virus");
        assert_eq!(fault(&[("one.toml", &twice), ("two.toml", &twice)]), "rule a: there is another of this name");
    }

    #[test]
    fn a_rule_without_an_example_is_refused() {
        let without = "[[rule]]\nname = 'a'\nreason = 'virus'\nsentence = 's'\ntext = ['virus']\n";
        let refused = check_rules(&[("own.toml", without)]).unwrap_err();
        assert_eq!(refused.to_string(), "own.toml is not a list of rules");
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        assert!(cause.contains("missing field `example`"), "{cause}");
        assert_eq!(fault(&[("own.toml", &rule("a", "virus", " "))]), "rule a: it has no example");
    }

    #[test]
    fn a_word_that_could_never_be_found_is_refused() {
        let unfit = "rule a: its words are not in lower case with single spaces, and without addresses";
        for word in ["Virus", "two  spaces", "a@b.example", "  virus", "tab\there"] {
            assert_eq!(fault(&[("own.toml", &rule("a", word, "virus"))]), unfit, "{word}");
        }
        let short = "rule a: a word of it has less than three bytes";
        assert_eq!(fault(&[("own.toml", &rule("a", "no", "no"))]), short);
        check_rules(&[("own.toml", &rule("a", " virus ", "a virus found"))]).unwrap();
    }

    #[test]
    fn a_table_of_another_name_is_refused() {
        let two = rule("a", "virus", "virus") + &rule("b", "worm", "worm").replace("[[rule]]", "[[rules]]");
        assert_eq!(fault(&[("own.toml", &two)]), "own.toml is not a list of rules");
    }

    #[test]
    fn a_sender_is_a_domain_and_all_within_it() {
        assert!(is_within("docomo.example", "docomo.example") && is_within("mx.docomo.example", "docomo.example"));
        assert!(
            !is_within("notdocomo.example", "docomo.example")
                && !is_within("docomo.example.evil.test", "docomo.example")
        );
    }

    #[test]
    fn a_rule_that_does_not_match_its_example_is_refused() {
        assert_eq!(fault(&[("own.toml", &rule("a", "virus", "worm"))]), "rule a: its example is not matched by it");
    }

    #[test]
    fn a_rule_that_is_asked_too_late_is_refused_also_in_another_file() {
        let (wide, narrow) = (rule("wide", "virus", "virus"), rule("narrow", "virus eicar", "virus eicar"));
        let refused = fault(&[("first.toml", &wide), ("second.toml", &narrow)]);
        assert!(
            refused.starts_with("rule narrow: its example is decided by wide, which is asked before it"),
            "{refused}"
        );
        check_rules(&[("second.toml", &narrow), ("first.toml", &wide)]).unwrap();
    }

    #[test]
    fn own_rules_may_be_asked_before_ours() {
        let own = rule("own.house", "our gateway found a worm called", "554 our gateway found a worm called Blaster");
        let mut files = vec![("own.toml", own.as_str())];
        files.extend(shipped_rules());
        check_rules(&files).unwrap();
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
            is_letter: false,
        };
        assert_eq!(by_words(&failure).map(|rule| rule.reason), Some(Reason::RateLimited));
        let words = lexicon::search("550 5.1.1 no");
        let failure = Failure { words: &words, ..failure };
        assert_eq!(by_code(&failure).map(|rule| rule.reason), Some(Reason::UserUnknown));
    }
}

//! All the words that are looked for, built once.
//!
//! The lists of phrases, the rules and the providers' notices share one search, so that a text is read once for all
//! of them.

use std::sync::LazyLock;

use crate::{
    notice::Notices,
    phrases::{self, List},
    rules::{self, Rulebook},
    search::{Hits, Search, Words},
    step::{SIGNS, Step},
};

#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    search: Search,
    lists: Vec<Hits>,
    /// The rules that ask for words first.
    pub(crate) by_words: Rulebook,
    /// What the codes alone mean.
    pub(crate) by_code: Rulebook,
    pub(crate) notices: Notices,
    /// Per word the step of the conversation that it is a sign of.
    steps: Vec<Option<Step>>,
}

// A book that did not parse would be empty; a test keeps it from shipping.
static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut words = Words::default();
    let lists = List::ALL.iter().map(|list| Hits::of(&words.add_all(phrases::of(*list)))).collect();
    let by_words = Rulebook::parse(rules::FILES, &mut words).unwrap_or_default();
    let by_code = Rulebook::parse(&[rules::CODES], &mut words).unwrap_or_default();
    let notices = Notices::read(&mut words);
    let mut steps = Vec::new();
    for (sign, step) in SIGNS {
        let word = words.add_last(sign);
        steps.resize(steps.len().max(word + 1), None);
        if let Some(known) = steps.get_mut(word) {
            *known = Some(*step);
        }
    }
    Lexicon { steps, search: words.search().unwrap_or_default(), lists, by_words, by_code, notices }
});

pub(crate) fn lexicon() -> &'static Lexicon {
    &LEXICON
}

/// Every known word in the text.
pub(crate) fn search(text: &str) -> Hits {
    LEXICON.search.read(text)
}

/// Whether one of the phrases of the list was found.
pub(crate) fn says(hits: &Hits, list: List) -> bool {
    LEXICON.lists.get(list as usize).is_some_and(|phrases| hits.meets(phrases))
}

/// Whether a provider's notice may begin there.
pub(crate) fn may_notify(hits: &Hits) -> bool {
    LEXICON.notices.may_begin(hits)
}

/// The last step that was named: a conversation ends where it failed.
pub(crate) fn step(hits: &Hits) -> Option<Step> {
    LEXICON.steps.get(hits.last()?).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_found_under_its_own_name() {
        for list in List::ALL {
            for phrase in phrases::of(*list) {
                assert!(says(&search(phrase), *list), "{phrase} is not found in {list:?}");
            }
        }
        assert!(!says(&search("lunch"), List::FailingWords));
    }
}

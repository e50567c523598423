//! Many words at once: one pass over a text finds every word that anything asks about.
//!
//! Rules, phrases and notices know some thousand words. Looking for each by itself would read a letter a thousand
//! times; one automaton reads each byte once, whatever the text is, and leaves a bit per word.

use std::collections::HashMap;

use aho_corasick::{
    Anchored, BuildError,
    automaton::Automaton,
    dfa::{Builder, DFA},
};

/// Words to look for, each once.
#[derive(Debug, Default)]
pub(crate) struct Words {
    all: Vec<String>,
    known: HashMap<String, usize>,
    /// Those of which the last one in the text is told.
    last: Vec<usize>,
}

impl Words {
    /// The number of the word, which is the same when it is added again.
    pub(crate) fn add(&mut self, word: &str) -> usize {
        if let Some(number) = self.known.get(word) {
            return *number;
        }
        let number = self.all.len();
        self.all.push(word.to_owned());
        self.known.insert(word.to_owned(), number);
        number
    }

    pub(crate) fn add_all<T: AsRef<str>>(&mut self, words: &[T]) -> Vec<usize> {
        words.iter().map(|word| self.add(word.as_ref())).collect()
    }

    /// Adds a word of those of which the last one in the text is told.
    pub(crate) fn add_last(&mut self, word: &str) -> usize {
        let number = self.add(word);
        self.last.push(number);
        number
    }

    pub(crate) fn search(&self) -> Result<Search, BuildError> {
        let automaton = Builder::new().ascii_case_insensitive(true).prefilter(false).build(&self.all)?;
        Ok(Search { automaton: Some(automaton), words: self.all.len(), last: Hits::of(&self.last) })
    }
}

/// The words, ready to be found. Empty, it finds none.
#[derive(Debug, Default)]
pub(crate) struct Search {
    automaton: Option<DFA>,
    words: usize,
    last: Hits,
}

impl Search {
    /// Which words are in the text; letters of ASCII are the same in both cases.
    pub(crate) fn read(&self, text: &str) -> Hits {
        let mut hits = Hits::none(self.words);
        let Some(automaton) = &self.automaton else { return hits };
        let Ok(mut state) = automaton.start_state(Anchored::No) else { return hits };
        for byte in text.bytes() {
            state = automaton.next_state(Anchored::No, state, byte);
            if automaton.is_match(state) {
                // The longest first.
                let found = (0..automaton.match_len(state)).map(|at| automaton.match_pattern(state, at).as_usize());
                let mut last = None;
                for word in found {
                    hits.add(word);
                    last = last.or(Some(word).filter(|word| self.last.has(*word)));
                }
                hits.last = last.or(hits.last);
            }
        }
        hits
    }
}

/// A bit per number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits {
    bits: Vec<u64>,
    last: Option<usize>,
}

impl Hits {
    pub(crate) fn none(count: usize) -> Self {
        Self { bits: vec![0; count.div_ceil(64)], last: None }
    }

    pub(crate) fn of(numbers: &[usize]) -> Self {
        let mut hits = Self::none(numbers.iter().max().map_or(0, |most| most + 1));
        for number in numbers {
            hits.add(*number);
        }
        hits
    }

    pub(crate) fn add(&mut self, number: usize) {
        if let Some(bits) = self.bits.get_mut(number / 64) {
            *bits |= 1 << (number % 64);
        }
    }

    fn has(&self, number: usize) -> bool {
        self.bits.get(number / 64).is_some_and(|bits| bits & (1 << (number % 64)) != 0)
    }

    /// The last one in the text of those of which the last one is told.
    pub(crate) fn last(&self) -> Option<usize> {
        self.last
    }

    pub(crate) fn add_all(&mut self, others: &Self) {
        for (bits, others) in self.bits.iter_mut().zip(&others.bits) {
            *bits |= others;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bits.iter().all(|bits| *bits == 0)
    }

    /// Whether both have one in common.
    pub(crate) fn meets(&self, others: &Self) -> bool {
        self.bits.iter().zip(&others.bits).any(|(bits, others)| bits & others != 0)
    }

    /// The numbers in ascending order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.bits.iter().enumerate().flat_map(|(at, bits)| {
            let mut rest = *bits;
            std::iter::from_fn(move || {
                let lowest = usize::try_from(rest.trailing_zeros()).ok().filter(|lowest| *lowest < 64)?;
                rest &= rest - 1;
                Some(at * 64 + lowest)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_within_words_are_found_too() {
        let mut words = Words::default();
        let numbers = words.add_all(&["user unknown", "unknown", "known", "absent", "使えません"]);
        let hits = words.search().unwrap().read("550 User UNKNOWN 使えません");
        assert_eq!(hits.numbers().collect::<Vec<_>>(), [0, 1, 2, 4]);
        assert!(hits.meets(&Hits::of(&numbers)));
        assert!(!hits.meets(&Hits::of(&[3])));
    }

    #[test]
    fn a_word_added_twice_has_one_number() {
        let mut words = Words::default();
        assert_eq!(words.add_all(&["a", "b", "a"]), [0, 1, 0]);
    }
}

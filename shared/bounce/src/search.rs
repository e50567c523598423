//! Many words at once: one pass over a text finds every word that anything asks about.
//!
//! Rules, phrases and notices know some five thousand words. Looking for each by itself would read a letter as often. An
//! automaton of them has many megabytes of transitions and waits for memory at every byte. But only what begins a word
//! is said, and in most texts a word begins at every sixth byte; so of each word the eight bytes are kept, from where a
//! word in it begins, that fewest others contain, of short ones four or three. Tables of bits, small enough to stay near
//! the processor, tell for the bytes at hand that nearly always no word has them, and the few others are compared.

use std::{cmp::Reverse, collections::HashMap};

/// Shorter words are not looked for.
pub(crate) const MIN_WORD_BYTES: usize = 3;

/// Words to look for, each once.
#[derive(Debug, Default)]
pub(crate) struct Words {
    all: Vec<String>,
    known: HashMap<String, usize>,
    /// Those of which the last one in the text is told.
    last: Vec<usize>,
}

impl Words {
    /// The number of the word, which is the same when it is added again, in small letters or in capitals.
    pub(crate) fn add(&mut self, word: &str) -> usize {
        let word = word.to_ascii_lowercase();
        if let Some(number) = self.known.get(&word) {
            return *number;
        }
        let number = self.all.len();
        self.all.push(word.clone());
        self.known.insert(word, number);
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

    pub(crate) fn search(self) -> Result<Search, TooShort> {
        let mut common: HashMap<u64, usize> = HashMap::new();
        for handle in self.all.iter().flat_map(|word| handles(word)) {
            *common.entry(handle.key).or_default() += 1;
        }
        let mut anchors = Vec::new();
        for (word, text) in self.all.iter().enumerate() {
            // Fewer bytes are found more often.
            let best = handles(text).into_iter().min_by_key(|handle| (Reverse(handle.width), common.get(&handle.key)));
            let Some(handle) = best else { return Err(TooShort(text.clone())) };
            let (length, tail) = (text.len(), tail(text.as_bytes()));
            anchors.push((handle.width, Anchor { key: handle.key, offset: handle.offset, length, tail, word }));
        }
        let tables = WIDTHS.map(|(width, bits)| {
            let own = anchors.iter().filter(|(own, _)| *own == width).map(|(_, anchor)| *anchor).collect();
            Table::of(width, bits, own)
        });
        let words = self.all.into_iter().map(String::into_bytes).collect();
        Ok(Search { words, last: Hits::of(&self.last), tables })
    }
}

/// A word that is too short to be looked for.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} has less than three bytes")]
pub(crate) struct TooShort(String);

/// How many bytes a word is looked up by, and how many bits of their hash tell them apart.
const WIDTHS: [(usize, u32); 3] = [(8, 16), (4, 14), (MIN_WORD_BYTES, 10)];

/// Calls for every place of a text where a word begins, or which is no part of one, with the eight bytes from there on.
/// Letters of ASCII are the same in both cases there, as are some signs; behind the text there are blanks.
#[inline]
fn for_starts(text: &str, mut found: impl FnMut(usize, u64)) {
    let bytes = text.as_bytes();
    let mut is_inside = false;
    for (at, byte) in bytes.iter().enumerate() {
        let was_inside = is_inside;
        is_inside = byte.is_ascii_alphanumeric() || *byte == b'_';
        if was_inside && is_inside || *byte == b' ' {
            continue;
        }
        let next = bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).unwrap_or_else(|| {
            let mut padded = [b' '; 8];
            padded.iter_mut().zip(bytes.iter().skip(at)).for_each(|(padded, byte)| *padded = *byte);
            padded
        });
        found(at, u64::from_be_bytes(next) | FOLDED);
    }
}

/// The bit that tells small letters from capitals, in each of eight bytes.
const FOLDED: u64 = 0x2020_2020_2020_2020;

/// The first so many of eight bytes.
fn first_of(gram: u64, width: usize) -> u64 {
    gram >> (8 * (8 - width))
}

/// A place in a word by which it can be found.
struct Handle {
    /// How far into the word.
    offset: usize,
    width: usize,
    /// So many bytes from there on.
    key: u64,
}

fn handles(word: &str) -> Vec<Handle> {
    let mut handles = Vec::new();
    for_starts(word, |offset, gram| {
        if let Some((width, _)) = WIDTHS.into_iter().find(|(width, _)| *width <= word.len() - offset) {
            handles.push(Handle { offset, width, key: first_of(gram, width) });
        }
    });
    handles
}

/// The last eight bytes, with the same signs taken for one as where words begin.
fn tail(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |last| u64::from_be_bytes(*last) | FOLDED)
}

/// Where in a text a word may be.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    key: u64,
    /// The last bytes of the word, if it has eight.
    tail: u64,
    /// How far into the word its key is.
    offset: usize,
    length: usize,
    word: usize,
}

/// Anchors by their keys. What is asked at every place of a text is small enough to stay near the processor.
#[derive(Debug, Default)]
struct Table {
    width: usize,
    bits: u32,
    /// A bit for each hash that there is.
    known: Vec<u64>,
    /// How many bits are set before each sixty-four.
    before: Vec<usize>,
    /// Per hash that there is, where its anchors begin.
    begins: Vec<usize>,
    anchors: Vec<Anchor>,
}

impl Table {
    fn of(width: usize, bits: u32, mut anchors: Vec<Anchor>) -> Self {
        let hash_of = |anchor: &Anchor| hash(anchor.key, bits);
        anchors.sort_by_key(hash_of);
        let mut table = Self { width, bits, known: vec![0; (1 << bits) / 64], ..Self::default() };
        for group in anchors.chunk_by(|one, next| hash_of(one) == hash_of(next)) {
            let hash = group.first().map(hash_of).unwrap_or_default();
            if let Some(known) = table.known.get_mut(hash / 64) {
                *known |= 1 << (hash % 64);
            }
            table.begins.push(table.begins.last().map_or(0, |_| table.anchors.len()));
            table.anchors.extend(group);
        }
        table.begins.push(table.anchors.len());
        let mut count = 0;
        for known in &table.known {
            table.before.push(count);
            count += usize::try_from(known.count_ones()).unwrap_or_default();
        }
        table
    }

    /// The anchors of these eight bytes, nearly always none.
    #[inline]
    fn get(&self, gram: u64) -> &[Anchor] {
        let hash = hash(first_of(gram, self.width), self.bits);
        let Some(known) = self.known.get(hash / 64) else { return &[] };
        let bit = 1 << (hash % 64);
        if known & bit == 0 { &[] } else { self.of_known(hash, (known & (bit - 1)).count_ones()) }
    }

    /// Those of a hash that there is, with so many before it among its sixty-four.
    fn of_known(&self, hash: usize, below: u32) -> &[Anchor] {
        let below = usize::try_from(below).unwrap_or_default();
        let rank = self.before.get(hash / 64).map_or(0, |before| before + below);
        match self.begins.get(rank..rank + 2) {
            Some([start, end]) => self.anchors.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// So many bits of the bytes.
fn hash(key: u64, bits: u32) -> usize {
    usize::try_from(key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits)).unwrap_or_default()
}

/// More of a link or of a host's name than this is not looked at.
const MAX_NAME_BYTES: usize = 256;

/// The words, ready to be found. Empty, it finds none.
#[derive(Debug, Default)]
pub(crate) struct Search {
    words: Vec<Vec<u8>>,
    last: Hits,
    /// One for each width.
    tables: [Table; WIDTHS.len()],
}

impl Search {
    /// Which words are in the text; letters of ASCII are the same in both cases.
    pub(crate) fn read(&self, text: &str) -> Hits {
        let mut hits = Hits::none(self.words.len());
        // Where the last word of those of which it is told ends, and how long it is.
        let mut last = (0, 0);
        for_starts(text, |start, gram| {
            for table in &self.tables {
                let key = first_of(gram, table.width);
                for anchor in table.get(gram).iter().filter(|anchor| anchor.key == key) {
                    self.take(text, start, anchor, &mut hits, &mut last);
                }
            }
        });
        hits
    }

    /// Takes the word of an anchor if it is there.
    fn take(&self, text: &str, at: usize, anchor: &Anchor, hits: &mut Hits, last: &mut (usize, usize)) {
        let is_told = self.last.has(anchor.word);
        if hits.has(anchor.word) && !is_told {
            return;
        }
        let Some(start) = at.checked_sub(anchor.offset) else { return };
        let end = start + anchor.length;
        let here = text.as_bytes().get(start..end).filter(|here| tail(here) == anchor.tail);
        let Some(here) = here else { return };
        let is_here = self.words.get(anchor.word).is_some_and(|word| here.eq_ignore_ascii_case(word));
        if !is_here || !is_said(text, start, end) {
            return;
        }
        hits.add(anchor.word);
        if is_told && (end, anchor.length) > *last {
            *last = (end, anchor.length);
            hits.last = Some(anchor.word);
        }
    }
}

/// Whether words found there are said: they begin a word, and are not the name of a host or of a page.
///
/// A host may be called `spam.policy.test` and explain itself at `/help/spam`; neither is a reason.
fn is_said(text: &str, start: usize, end: usize) -> bool {
    let (before, words, after) = (
        text.get(..start).unwrap_or_default(),
        text.get(start..end).unwrap_or_default(),
        text.get(end..).unwrap_or_default(),
    );
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if words.as_bytes().first().is_some_and(is_of_word) && before.as_bytes().last().is_some_and(is_of_word) {
        return false;
    }
    if words.contains(['.', '/', '=', '#', '_', ' ']) {
        return true;
    }
    let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let length = after.as_bytes().iter().take(MAX_NAME_BYTES).take_while(is_of_name).count();
    // The dot that ends a sentence makes no host: "suspended." is "suspend" and the rest of a word.
    let rest = after.get(..length).unwrap_or_default().trim_end_matches('.').as_bytes();
    let top = rest.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    if top.len() < rest.len() && (2..=6).contains(&top.len()) && top.iter().all(u8::is_ascii_alphabetic) {
        return false;
    }
    // Links and names are short; a text without spaces must not be read once for each word in it.
    let near = before.as_bytes().get(before.len().saturating_sub(MAX_NAME_BYTES)..).unwrap_or_default();
    let token = near.iter().rposition(|byte| *byte == b' ').map_or(near, |space| near.get(space..).unwrap_or_default());
    !token.windows(3).any(|signs| signs == b"://")
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
    fn words_within_others_are_found_too_and_parts_of_words_are_not() {
        let mut words = Words::default();
        let numbers = words.add_all(&["user unknown", "unknown", "known", "absent", "使えません"]);
        let hits = words.search().unwrap().read("550 User UNKNOWN 使えません");
        assert_eq!(hits.numbers().collect::<Vec<_>>(), [0, 1, 4]);
        assert!(hits.meets(&Hits::of(&numbers)));
        assert!(!hits.meets(&Hits::of(&[2, 3])));
    }

    #[test]
    fn a_word_is_found_wherever_it_stands_and_whatever_its_length() {
        let all = ["day", "spam", "quota exceeded", "不在"];
        let mut words = Words::default();
        words.add_all(&all);
        let search = words.search().unwrap();
        for (number, word) in all.iter().enumerate() {
            for text in
                [word.to_string(), format!("é{word}"), format!("{word} x"), format!("a {}ed", word.to_uppercase())]
            {
                assert_eq!(search.read(&text).numbers().collect::<Vec<_>>(), [number], "{text}");
            }
        }
        assert_eq!(search.read("da spa quota exceede").numbers().count(), 0);
    }

    #[test]
    fn a_word_of_two_bytes_is_refused() {
        let mut words = Words::default();
        words.add("no");
        assert!(words.search().is_err());
    }

    #[test]
    fn the_name_of_a_host_or_of_a_page_is_no_reason() {
        let said = |text: &str, words: &str| text.find(words).is_some_and(|at| is_said(text, at, at + words.len()));
        assert!(said("554 rejected as spam.", "spam"));
        assert!(said("554 spam. Go away", "spam"));
        assert!(said("account suspended.", "suspend"));
        assert!(said("account suspended...", "suspend"));
        assert!(said("550 anti-spam engine", "spam"));
        assert!(!said("host spam.policy.test said: no", "spam"));
        assert!(!said("host spam-gate.policy.test said: no", "spam"));
        assert!(!said("see http://mx.example/help/spam for more", "spam"));
        assert!(!said("see community.mimecast.com", "mime"));
        assert!(!said("refused", "used"));
        assert!(said("blocked using zen.spamhaus.org", "spamhaus."));
    }

    #[test]
    fn a_word_added_twice_has_one_number() {
        let mut words = Words::default();
        assert_eq!(words.add_all(&["a", "b", "a", "B"]), [0, 1, 0, 1]);
    }
}

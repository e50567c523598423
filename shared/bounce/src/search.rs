//! Many words at once: one pass over a text finds every word that anything asks about.
//!
//! Rules, phrases and notices know some fifteen hundred words. Looking for each by itself would read a letter as often.
//! An automaton of them has 15 MB of transitions and waits for memory at every byte. So of each word the eight bytes are
//! kept that fewest other words contain, of short ones four; a table of bits, small enough to stay near the processor,
//! tells for the bytes at hand that nearly always no word has them, and the few others are compared.

use std::collections::HashMap;

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

    pub(crate) fn search(self) -> Result<Search, TooShort> {
        let mut common: HashMap<u64, usize> = HashMap::new();
        for (_, gram) in
            self.all.iter().flat_map(|word| grams(word)).flat_map(|(end, gram)| [(end, gram), (end, short(gram))])
        {
            *common.entry(gram).or_default() += 1;
        }
        let mut search = Search { last: Hits::of(&self.last), ..Search::default() };
        for (number, word) in self.all.into_iter().enumerate() {
            if word.len() < MIN_WORD_BYTES {
                return Err(TooShort(word));
            }
            let is_long = word.len() >= 8;
            let width = if is_long { 8 } else { word.len().min(4) };
            let (end, gram) = grams(&word)
                .filter(|(end, _)| *end >= width)
                .map(|(end, gram)| (end, if is_long { gram } else { short(gram) }))
                .min_by_key(|(_, gram)| common.get(gram).copied())
                .unwrap_or_default();
            let tables = if word.is_ascii() { &mut search.ascii } else { &mut search.others };
            let table = if is_long { &mut tables.long } else { &mut tables.short };
            // What stands before a word of three bytes may be anything, or the start of the text.
            for before in 0..=if width == 3 { 0xff } else { 0 } {
                let gram = gram | before << 24;
                table.add(Anchor { gram, word: number, end });
            }
            search.words.push(word.into_bytes());
        }
        Ok(search)
    }
}

/// A word that is too short to be looked for.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} has less than three bytes")]
pub(crate) struct TooShort(String);

/// Up to eight bytes in a row, and how far they reach; letters of ASCII are the same in both cases, as are some signs.
fn grams(text: &str) -> impl Iterator<Item = (usize, u64)> {
    let mut gram = 0;
    text.bytes().enumerate().map(move |(at, byte)| {
        gram = gram << 8 | u64::from(byte | 0x20);
        (at + 1, gram)
    })
}

/// The last four of eight bytes.
fn short(gram: u64) -> u64 {
    gram & 0xffff_ffff
}

/// Sixteen bits of the bytes.
fn hash(gram: u64) -> usize {
    let [high, low, ..] = gram.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    usize::from(u16::from_be_bytes([high, low]))
}

/// Where a word may be when its bytes were seen.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    gram: u64,
    word: usize,
    /// How far into the word they reach.
    end: usize,
}

/// Anchors by the hash of their bytes.
#[derive(Debug)]
struct Table {
    /// A bit for each hash that there is.
    known: Vec<u64>,
    anchors: Vec<Vec<Anchor>>,
}

/// Of a hash so many bits are left out to find its anchors.
const SPARED_BITS: usize = 4;

impl Default for Table {
    fn default() -> Self {
        Self { known: vec![0; (1 << 16) / 64], anchors: vec![Vec::new(); (1 << 16) >> SPARED_BITS] }
    }
}

impl Table {
    fn add(&mut self, anchor: Anchor) {
        let hash = hash(anchor.gram);
        if let Some(bits) = self.known.get_mut(hash / 64) {
            *bits |= 1 << (hash % 64);
        }
        if let Some(anchors) = self.anchors.get_mut(hash >> SPARED_BITS) {
            anchors.push(anchor);
        }
    }

    /// The anchors of these bytes, nearly always none.
    #[inline]
    fn get(&self, gram: u64) -> impl Iterator<Item = &Anchor> {
        let hash = hash(gram);
        let is_known = self.known.get(hash / 64).is_some_and(|bits| bits & (1 << (hash % 64)) != 0);
        let anchors = is_known.then(|| self.anchors.get(hash >> SPARED_BITS)).flatten();
        anchors.into_iter().flatten().filter(move |anchor| anchor.gram == gram)
    }
}

/// More of a link or of a host's name than this is not looked at.
const MAX_NAME_BYTES: usize = 256;

/// The words, ready to be found. Empty, it finds none.
#[derive(Debug, Default)]
pub(crate) struct Search {
    words: Vec<Vec<u8>>,
    last: Hits,
    ascii: Tables,
    /// Words that a text of ASCII cannot have, and most texts are.
    others: Tables,
}

/// Where words of eight bytes or more may be, and where shorter ones.
#[derive(Debug, Default)]
struct Tables {
    long: Table,
    short: Table,
}

impl Search {
    /// Which words are in the text; letters of ASCII are the same in both cases.
    pub(crate) fn read(&self, text: &str) -> Hits {
        let mut hits = Hits::none(self.words.len());
        // Where the last word of those of which it is told ends, and how long it is.
        let mut last = (0, 0);
        self.take_all(text, &self.ascii, &mut hits, &mut last);
        if !text.is_ascii() {
            self.take_all(text, &self.others, &mut hits, &mut last);
        }
        hits
    }

    fn take_all(&self, text: &str, tables: &Tables, hits: &mut Hits, last: &mut (usize, usize)) {
        for (end, gram) in grams(text) {
            for anchor in tables.long.get(gram).chain(tables.short.get(short(gram))) {
                self.take(text, end, *anchor, hits, last);
            }
        }
    }

    /// Takes the word of an anchor if it is there.
    #[inline(never)]
    fn take(&self, text: &str, end: usize, anchor: Anchor, hits: &mut Hits, last: &mut (usize, usize)) {
        let is_told = self.last.has(anchor.word);
        if hits.has(anchor.word) && !is_told {
            return;
        }
        let Some((word, start)) = self.words.get(anchor.word).zip(end.checked_sub(anchor.end)) else { return };
        let here = text.as_bytes().get(start..start + word.len());
        if !here.is_some_and(|here| here.eq_ignore_ascii_case(word)) || !is_said(text, start, start + word.len()) {
            return;
        }
        hits.add(anchor.word);
        if is_told && (start + word.len(), word.len()) > *last {
            *last = (start + word.len(), word.len());
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
    memchr::memmem::find(token, b"://").is_none()
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
        assert_eq!(words.add_all(&["a", "b", "a"]), [0, 1, 0]);
    }
}

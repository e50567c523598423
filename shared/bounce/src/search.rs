//! Many words at once: one pass over a text finds every word that anything asks about.
//!
//! Rules, phrases and notices know some five thousand words. Looking for each by itself would read a letter as often. An
//! automaton of them has many megabytes of transitions and waits for memory at every byte. But only what begins a word
//! is said, and in most texts a word begins at every sixth byte; so of each word the eight bytes are kept, from where a
//! word in it begins, that fewest others contain, of short ones four or three. Tables of bits, small enough to stay near
//! the processor, tell for the bytes at hand that nearly always no word has them, and the few others are compared.

use std::{cmp::Reverse, collections::HashMap, num::NonZeroU64};

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

    pub(crate) fn search(self) -> Result<Search, Unfit> {
        let mut common: HashMap<u64, usize> = HashMap::new();
        for handle in self.all.iter().flat_map(|word| handles(word)) {
            *common.entry(handle.key).or_default() += 1;
        }
        let mut anchors = Vec::new();
        for (word, text) in self.all.iter().enumerate() {
            // Fewer bytes are found more often.
            let best = handles(text).into_iter().min_by_key(|handle| {
                let is_usual = USUAL.iter().any(|usual| handle.key == u64::from_be_bytes(**usual) | FOLDED);
                (Reverse(handle.width), is_usual, common.get(&handle.key))
            });
            let anchor = best.and_then(|handle| Some((handle.width, Anchor::of(text, word, &handle)?)));
            anchors.push(anchor.ok_or_else(|| Unfit(text.clone()))?);
        }
        let mut spelled = Vec::new();
        let tables = WIDTHS.map(|(width, bits)| {
            let own = anchors.iter().filter(|(own, _)| *own == width).map(|(_, anchor)| *anchor).collect();
            let mut table = Table::of(bits, own);
            for anchor in &mut table.anchors {
                anchor.spelled_at = small(spelled.len());
                spelled.extend(self.all.get(large(anchor.word)).into_iter().flat_map(|word| word.bytes()));
            }
            table
        });
        Ok(Search { count: self.all.len(), spelled, last: Hits::of(&self.last), tables })
    }
}

/// A word that is too short or too long to be looked for.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} has less than three bytes, or more than 65,535")]
pub(crate) struct Unfit(String);

/// How many bytes a word is looked up by, and how many bits of their hash tell them apart.
const WIDTHS: [(usize, u32); 3] = [(8, 16), (4, 14), (MIN_WORD_BYTES, 10)];

/// How words begin that nearly every report says: a word is better looked up by others of its bytes.
const USUAL: [&[u8; 8]; 12] = [
    b"address ",
    b"cannot b",
    b"could no",
    b"delivere",
    b"delivery",
    b"followin",
    b"for deli",
    b"mail sys",
    b"message ",
    b"not be d",
    b"recipien",
    b"undelive",
];

/// A bit for each of 64 bytes, the first one's the lowest. No branch is taken for a byte, so that a processor looks at
/// many at once.
fn bits(bytes: &[u8; 64], is_so: impl Fn(u8) -> bool) -> u64 {
    let so = bytes.map(|byte| u8::from(is_so(byte)));
    let (eights, _) = so.as_chunks::<8>();
    // Multiplied so, the lowest bits of eight bytes come to stand side by side in the highest.
    let side_by_side = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().zip((0..).step_by(8)).fold(0, |bits, (eight, at)| bits | side_by_side(eight) << at)
}

/// Calls for every place of a text where a word begins, or which is no part of one, with the eight bytes from there on.
/// Letters of ASCII are the same in both cases there, as are some signs; behind the text there are blanks.
#[inline]
fn for_starts(text: &str, mut found: impl FnMut(usize, u64)) {
    let bytes = text.as_bytes();
    let mut was_inside = 0;
    for (block, first) in bytes.chunks(64).zip((0..).step_by(64)) {
        let block = block.first_chunk().copied().unwrap_or_else(|| {
            let mut padded = [b' '; 64];
            padded.iter_mut().zip(block).for_each(|(padded, byte)| *padded = *byte);
            padded
        });
        let inside = bits(&block, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let mut starts = bits(&block, |byte| byte != b' ') & !(inside & (inside << 1 | was_inside));
        was_inside = inside >> 63;
        while starts != 0 {
            let at = first + large(starts.trailing_zeros());
            starts &= starts - 1;
            let next = bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).unwrap_or_else(|| {
                let mut padded = [b' '; 8];
                padded.iter_mut().zip(bytes.iter().skip(at)).for_each(|(padded, byte)| *padded = *byte);
                padded
            });
            found(at, u64::from_be_bytes(next) | FOLDED);
        }
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
fn tail(bytes: &[u8]) -> Option<u64> {
    bytes.last_chunk().map(|last| u64::from_be_bytes(*last) | FOLDED)
}

/// Where in a text a word may be. There are thousands, and they share the processor's memory with the text.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    key: u64,
    /// The last bytes of the word, if it has eight.
    tail: u64,
    /// How far the word goes on behind the beginning of its key.
    ahead: u16,
    length: u16,
    /// Where the whole word is kept.
    spelled_at: u32,
    word: u32,
}

impl Anchor {
    fn of(text: &str, word: usize, handle: &Handle) -> Option<Self> {
        Some(Self {
            key: handle.key,
            tail: tail(text.as_bytes()).unwrap_or_default(),
            ahead: u16::try_from(text.len() - handle.offset).ok()?,
            length: u16::try_from(text.len()).ok()?,
            spelled_at: 0,
            word: small(word),
        })
    }
}

/// Anchors by their keys. What is asked at every place of a text is small enough to stay near the processor.
#[derive(Debug, Default)]
struct Table {
    known: Vec<Known>,
    groups: Vec<Group>,
    anchors: Vec<Anchor>,
}

/// Which of sixty-four hashes there are.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    bits: u64,
    /// How many there are before them.
    before: u32,
}

/// The anchors of one hash.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Their key, if they have but one.
    key: Option<NonZeroU64>,
    start: u32,
    end: u32,
}

impl Table {
    fn of(bits: u32, mut anchors: Vec<Anchor>) -> Self {
        let hash_of = |anchor: &Anchor| hash(anchor.key, bits);
        anchors.sort_by_key(|anchor| (hash_of(anchor), anchor.key));
        let mut table = Self { known: vec![Known::default(); (1 << bits) / 64], ..Self::default() };
        for group in anchors.chunk_by(|one, next| hash_of(one) == hash_of(next)) {
            let Some(first) = group.first() else { continue };
            let hash = hash_of(first);
            if let Some(known) = table.known.get_mut(hash / 64) {
                known.bits |= 1 << (hash % 64);
            }
            let is_one = group.iter().all(|anchor| anchor.key == first.key);
            let start = table.anchors.len();
            table.anchors.extend(group);
            let key = NonZeroU64::new(first.key).filter(|_| is_one);
            table.groups.push(Group { key, start: small(start), end: small(table.anchors.len()) });
        }
        let mut count = 0;
        for known in &mut table.known {
            known.before = count;
            count += known.bits.count_ones();
        }
        table
    }

    fn knows(&self, hash: usize) -> bool {
        self.known.get(hash / 64).is_some_and(|known| known.bits & (1 << (hash % 64)) != 0)
    }

    /// The anchors of a key and its hash.
    fn get(&self, key: u64, hash: usize) -> impl Iterator<Item = &Anchor> {
        let known = self.known.get(hash / 64).copied().unwrap_or_default();
        let bit = 1 << (hash % 64);
        let group = (known.bits & bit != 0).then(|| large(known.before + (known.bits & (bit - 1)).count_ones()));
        let group = group.and_then(|rank| self.groups.get(rank));
        let group = group.filter(|group| group.key.is_none_or(|only| only.get() == key));
        let anchors = group.and_then(|group| self.anchors.get(large(group.start)..large(group.end)));
        anchors.unwrap_or_default().iter().filter(move |anchor| anchor.key == key)
    }
}

/// Counts of words are kept in four bytes.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn large(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
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
    count: usize,
    /// The words, one behind the other; those that are met together are kept together.
    spelled: Vec<u8>,
    last: Hits,
    /// One for each width.
    tables: [Table; WIDTHS.len()],
}

impl Search {
    /// Which words are in the text; letters of ASCII are the same in both cases.
    pub(crate) fn read(&self, text: &str) -> Hits {
        let mut hits = Hits::none(self.count);
        // Where the last word of those of which it is told ends, and how long it is.
        let mut last = (0, 0);
        for_starts(text, |start, gram| {
            let keys = WIDTHS.map(|(width, bits)| {
                let key = first_of(gram, width);
                (key, hash(key, bits))
            });
            let tables = || self.tables.iter().zip(keys);
            if !tables().fold(false, |is_known, (table, (_, hash))| is_known | table.knows(hash)) {
                return;
            }
            for anchor in tables().flat_map(|(table, (key, hash))| table.get(key, hash)) {
                self.take(text, start, anchor, &mut hits, &mut last);
            }
        });
        hits
    }

    /// Takes the word of an anchor if it is there.
    fn take(&self, text: &str, at: usize, anchor: &Anchor, hits: &mut Hits, last: &mut (usize, usize)) {
        let end = at + usize::from(anchor.ahead);
        let Some(start) = end.checked_sub(usize::from(anchor.length)) else { return };
        let Some(here) = text.as_bytes().get(start..end) else { return };
        if tail(here).is_some_and(|tail| tail != anchor.tail) {
            return;
        }
        let word = large(anchor.word);
        let is_told = self.last.has(word);
        if hits.has(word) && !is_told {
            return;
        }
        let spelled_at = large(anchor.spelled_at);
        let spelled = self.spelled.get(spelled_at..spelled_at + here.len()).unwrap_or_default();
        // Most texts are in small letters already.
        let is_here = here == spelled || here.eq_ignore_ascii_case(spelled);
        if !is_here || !is_said(text, start, end) {
            return;
        }
        hits.add(word);
        if is_told && (end, end - start) > *last {
            *last = (end, end - start);
            hits.last = Some(word);
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

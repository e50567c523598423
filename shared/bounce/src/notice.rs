//! Providers that say themselves what they did to the account.
//!
//! The patterns are data (`data/provider-notices.toml`): a provider's own words about
//! its own customer are the strongest evidence there is, so each names where it was seen.

use daimon_domain::bounce::{NoticeKind, NoticeStrength, ProviderNotice};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::literal::Extractor;
use serde::Deserialize;

use crate::{
    lexicon::lexicon,
    search::{Hits, Words},
    text,
};

#[derive(Deserialize)]
struct File {
    notice: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    kind: NoticeKind,
    strength: NoticeStrength,
    pattern: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test checks that the pattern matches it"))]
    example: String,
}

/// A notice whose pattern is fit for use.
#[derive(Debug)]
struct Notice {
    entry: Entry,
    pattern: Regex,
    /// What every match begins with: without one of these in the text the pattern need not be tried.
    beginnings: Hits,
}

#[derive(Debug, Default)]
pub(crate) struct Notices {
    all: Vec<Notice>,
    /// The beginnings of any.
    beginnings: Hits,
}

impl Notices {
    pub(crate) fn read(words: &mut Words) -> Self {
        let entries = toml::from_str::<File>(include_str!("../data/provider-notices.toml"))
            .map(|file| file.notice)
            .unwrap_or_default();
        let mut beginnings_of_any = Vec::new();
        // One broken pattern must not silence the others; a test refuses it before it ships.
        let fit = entries.into_iter().filter_map(|entry| {
            let pattern = RegexBuilder::new(&entry.pattern).case_insensitive(true).build().ok()?;
            let beginnings = words.add_all(&beginnings(&entry.pattern)?);
            beginnings_of_any.extend_from_slice(&beginnings);
            Some(Notice { entry, pattern, beginnings: Hits::of(&beginnings) })
        });
        let all = fit.collect();
        Self { all, beginnings: Hits::of(&beginnings_of_any) }
    }
}

/// The words of which every match of the pattern begins with one. A pattern of which they cannot be named is refused, for
/// it would be tried on every text.
fn beginnings(pattern: &str) -> Option<Vec<String>> {
    let pattern = regex_syntax::parse(pattern).ok()?;
    let beginnings = Extractor::new().extract(&pattern);
    let beginnings = beginnings.literals()?.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec()));
    beginnings.collect::<Result<Vec<_>, _>>().ok().filter(|all| all.iter().all(|word| !word.is_empty()))
}

/// More text than this is not searched.
const MAX_BYTES: usize = 64 << 10;

/// The first notice found in the text, in which these words are; runs of spaces must be single ones.
pub(crate) fn find(text: &str, words: &Hits) -> Option<ProviderNotice> {
    let Notices { all, beginnings } = &lexicon().notices;
    if !words.meets(beginnings) {
        return None;
    }
    let text = text::cut(text, MAX_BYTES);
    let may_match = |notice: &&Notice| words.meets(&notice.beginnings);
    let Notice { entry, .. } = all.iter().filter(may_match).find(|notice| notice.pattern.is_match(text))?;
    Some(ProviderNotice { id: entry.id.clone(), kind: entry.kind, strength: entry.strength })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::search;

    fn find(text: &str) -> Option<ProviderNotice> {
        super::find(text, &search(text))
    }

    #[test]
    fn every_notice_is_found_in_its_own_example() {
        let file: File = toml::from_str(include_str!("../data/provider-notices.toml")).unwrap();
        assert_eq!(lexicon().notices.all.len(), file.notice.len());
        for entry in &file.notice {
            let found = find(&entry.example).unwrap_or_else(|| panic!("{} is not found in its example", entry.id));
            assert_eq!(found.id, entry.id);
        }
    }

    #[test]
    fn an_ordinary_bounce_is_no_notice() {
        assert_eq!(find("550 5.1.1 User unknown"), None);
    }
}

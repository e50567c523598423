//! Providers that say themselves what they did to the account.
//!
//! The patterns are data (`data/provider-notices.toml`): a provider's own words about
//! its own customer are the strongest evidence there is, so each names where it was seen.

use std::sync::LazyLock;

use daimon_domain::bounce::{NoticeKind, NoticeStrength, ProviderNotice};
use regex::{Regex, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::text;

#[derive(Deserialize)]
struct File {
    notice: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    kind: NoticeKind,
    strength: NoticeStrength,
    pattern: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test checks that the pattern matches it"))]
    example: String,
}

struct Notices {
    entries: Vec<Entry>,
    patterns: RegexSet,
}

static NOTICES: LazyLock<Notices> = LazyLock::new(|| {
    let entries = toml::from_str::<File>(include_str!("../data/provider-notices.toml"))
        .map(|file| file.notice)
        .unwrap_or_default();
    // One broken pattern must not silence the others; a test refuses it before it ships.
    let entries: Vec<Entry> = entries.into_iter().filter(|entry| Regex::new(&entry.pattern).is_ok()).collect();
    let patterns = RegexSetBuilder::new(entries.iter().map(|entry| &entry.pattern))
        .case_insensitive(true)
        .build()
        .unwrap_or_default();
    Notices { entries, patterns }
});

/// More text than this is not searched.
const MAX_BYTES: usize = 64 << 10;

/// The first notice found in the text; runs of spaces must be single ones.
pub(crate) fn find(text: &str) -> Option<ProviderNotice> {
    let first = NOTICES.patterns.matches(text::cut(text, MAX_BYTES)).iter().next()?;
    let entry = NOTICES.entries.get(first)?;
    Some(ProviderNotice { id: entry.id.clone(), kind: entry.kind, strength: entry.strength })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_is_found_in_its_own_example() {
        let file: File = toml::from_str(include_str!("../data/provider-notices.toml")).unwrap();
        assert!(!file.notice.is_empty());
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

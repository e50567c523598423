//! The same in both languages.

use daimon_domain::tenant::Language;

/// The same in English and Japanese.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    en: &'static str,
    ja: &'static str,
}

/// The same in English and Japanese.
pub(crate) const fn said(en: &'static str, ja: &'static str) -> Said {
    Said { en, ja }
}

impl Said {
    /// In that language.
    pub const fn in_language(self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Japanese => self.ja,
        }
    }
}

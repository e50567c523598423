//! Names, subjects and sentences of three languages, and the lures of thieves, from `data/words.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::random::Random;

/// What a company writes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Japanese,
    English,
    German,
}

#[derive(Debug, Default, Deserialize)]
struct Table {
    japanese: Words,
    english: Words,
    german: Words,
    lure: Vec<Lure>,
}

#[derive(Debug, Default, Deserialize)]
struct Words {
    family: Vec<String>,
    given: Vec<String>,
    company: Vec<String>,
    trade: Vec<String>,
    subject: Vec<String>,
    opening: Vec<String>,
    sentence: Vec<String>,
    closing: Vec<String>,
    away: Vec<String>,
    away_text: Vec<String>,
    news: Vec<String>,
    news_text: Vec<String>,
}

/// A kind of unwanted mail: several subjects and texts to one end.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Lure {
    subject: Vec<String>,
    text: Vec<String>,
}

/// Broken only by a typing error in the file, which a test would show.
static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("../data/words.toml")).unwrap_or_default());

/// A name as it stands in addresses, and as it is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Name {
    pub(crate) ascii: String,
    pub(crate) shown: String,
}

impl Language {
    fn words(self) -> &'static Words {
        match self {
            Self::Japanese => &TABLE.japanese,
            Self::English => &TABLE.english,
            Self::German => &TABLE.german,
        }
    }

    /// The given name and the family name.
    pub(crate) fn person(self, random: &mut Random) -> (Name, Name) {
        let words = self.words();
        (split(one(&words.given, random)), split(one(&words.family, random)))
    }

    /// A company's name, as in its domain and as shown.
    pub(crate) fn company(self, random: &mut Random) -> Name {
        let words = self.words();
        let (first, trade) = (split(one(&words.company, random)), split(one(&words.trade, random)));
        let between = if self == Self::Japanese { "" } else { " " };
        Name {
            ascii: format!("{}-{}", first.ascii, trade.ascii),
            shown: format!("{}{between}{}", first.shown, trade.shown),
        }
    }

    pub(crate) fn subject(self, random: &mut Random) -> String {
        one(&self.words().subject, random).to_owned()
    }

    /// A short letter, signed.
    pub(crate) fn letter(self, signature: &str, random: &mut Random) -> String {
        let words = self.words();
        let mut text = format!("{}\n\n", one(&words.opening, random));
        for _ in 0..random.range(2, 4) {
            text += one(&words.sentence, random);
            text += "\n";
        }
        text + "\n" + one(&words.closing, random) + "\n" + signature + "\n"
    }

    /// The subject and the text of an automatic answer.
    pub(crate) fn away(self, subject: &str, random: &mut Random) -> (String, String) {
        let words = self.words();
        (one(&words.away, random).replace("{subject}", subject), one(&words.away_text, random).to_owned() + "\n")
    }

    /// The subject and the text of a newsletter.
    pub(crate) fn news(self, company: &str, random: &mut Random) -> (String, String) {
        let words = self.words();
        let [subject, text] = [&words.news, &words.news_text].map(|all| one(all, random).replace("{company}", company));
        (subject, text + "\n")
    }
}

impl Lure {
    pub(crate) fn any(random: &mut Random) -> &'static Self {
        static NONE: Lure = Lure { subject: Vec::new(), text: Vec::new() };
        random.pick(&TABLE.lure).unwrap_or(&NONE)
    }

    /// One of at most so many forms of it, filled for a recipient: subject and text.
    pub(crate) fn filled(&self, forms: usize, name: &str, random: &mut Random) -> (String, String) {
        let number = random.digits(5);
        let fill = |text: &str| text.replace("{n}", &number).replace("{name}", name);
        let subject = self.subject.iter().take(forms.max(1)).collect::<Vec<_>>();
        let text = self.text.iter().take(forms.max(1)).collect::<Vec<_>>();
        let subject = random.pick(&subject).map(|one| fill(one)).unwrap_or_default();
        let text = random.pick(&text).map(|one| fill(one)).unwrap_or_default();
        (subject, text + "\n")
    }
}

fn one<'a>(all: &'a [String], random: &mut Random) -> &'a str {
    random.pick(all).map(String::as_str).unwrap_or_default()
}

fn split(both: &str) -> Name {
    let (ascii, shown) = both.split_once(' ').unwrap_or((both, both));
    Name { ascii: ascii.to_owned(), shown: shown.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let table: Table = toml::from_str(include_str!("../data/words.toml")).unwrap();
        assert!(table.lure.len() >= 5 && table.german.news_text.len() >= 2);
        let mut random = Random::of(1, 1);
        for language in [Language::Japanese, Language::English, Language::German] {
            assert!(language.company(&mut random).ascii.contains('-'));
            assert!(language.letter("me", &mut random).lines().count() >= 6);
        }
    }
}

//! What a client company is told when its mailboxes begin to be watched: what is read, what is not, and what to do when an alert
//! comes. The texts are data (`data/welcome.toml`).

mod html;
mod markdown;

use std::sync::LazyLock;

use daimon_domain::playbook::Text;
use daimon_domain::tenant::Language;
use serde::Deserialize;

use crate::said::{Said, said};
use crate::{foreign, template};

const TITLE: Said = said("Your mailboxes are watched over", "メールボックスの見守りを開始しました");
const MAILBOXES: Said = said("The mailboxes", "対象のメールボックス");
const MORE: Said = said("and more", "ほか");

/// Whom it is for.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The client company.
    pub tenant: &'a str,
    /// Who looks after it.
    pub msp: &'a str,
    /// The addresses of its mailboxes.
    pub mailboxes: &'a [String],
    /// There are more than those.
    pub is_cut: bool,
}

/// The page in one language. Its texts are plain: whoever writes them into another page has to escape them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// In which language.
    pub language: Language,
    /// Its title.
    pub title: String,
    /// "For Sakura Dental Clinic".
    pub addressee: String,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What is said first.
    pub paragraphs: Vec<String>,
    /// A list.
    pub points: Vec<String>,
    /// What to do, one after the other.
    pub steps: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    section: Vec<Template>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    title: Text,
    intro: Option<Text>,
    #[serde(default)]
    paragraphs: Vec<Text>,
    #[serde(default)]
    points: Vec<Text>,
    #[serde(default)]
    steps: Vec<Text>,
}

const TEXTS: &str = include_str!("../../data/welcome.toml");

// A file that did not parse would be empty; a test keeps it from shipping.
static SECTIONS: LazyLock<Vec<Template>> =
    LazyLock::new(|| toml::from_str::<File>(TEXTS).map(|file| file.section).unwrap_or_default());

impl Welcome {
    /// Fills in the facts.
    pub fn new(facts: &Facts<'_>, language: Language) -> Self {
        let (tenant, msp) = (foreign::shown(facts.tenant), foreign::shown(facts.msp));
        let fill = |text: &Text| template::fill(text.in_language(language), &[("tenant", &tenant), ("msp", &msp)]);
        let all = |texts: &[Text]| texts.iter().map(fill).collect::<Vec<_>>();
        let mut sections: Vec<Section> = SECTIONS
            .iter()
            .map(|section| Section {
                title: fill(&section.title),
                paragraphs: section.intro.iter().map(fill).chain(section.paragraphs.iter().map(fill)).collect(),
                points: all(&section.points),
                steps: all(&section.steps),
            })
            .collect();
        if !facts.mailboxes.is_empty() {
            let more = facts.is_cut.then(|| MORE.in_language(language).to_owned());
            let points = facts.mailboxes.iter().map(|address| foreign::shown(address)).chain(more).collect();
            let title = MAILBOXES.in_language(language).to_owned();
            sections.push(Section { title, paragraphs: Vec::new(), points, steps: Vec::new() });
        }
        let addressee = match language {
            Language::English => format!("For {tenant}"),
            Language::Japanese => format!("{tenant} 御中"),
        };
        Self { language, title: TITLE.in_language(language).to_owned(), addressee, sections }
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::page(self)
    }

    /// As a page that holds all it needs.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(language: Language) -> Welcome {
        let mailboxes = ["sato@sakura.example".to_owned(), "info@sakura.example".to_owned()];
        let facts = Facts { tenant: "Sakura <Dental>", msp: "Kestrel *IT*", mailboxes: &mailboxes, is_cut: false };
        Welcome::new(&facts, language)
    }

    #[test]
    fn everything_is_said_in_both_languages_and_nothing_is_left_to_be_filled_in() {
        let file: File = toml::from_str(TEXTS).unwrap();
        assert_eq!(file.section.len(), 6);
        for language in Language::ALL {
            let welcome = welcome(*language);
            assert_eq!(welcome.sections.len(), 7);
            for section in &welcome.sections {
                let texts = section.paragraphs.iter().chain(&section.points).chain(&section.steps);
                let texts: Vec<_> = texts.collect();
                assert!(!texts.is_empty(), "{}", section.title);
                for text in texts {
                    assert!(!text.is_empty() && !text.contains(['{', '}']), "{text}");
                    let is_japanese = text.chars().any(|c| ('\u{3040}'..'\u{a000}').contains(&c));
                    assert!(is_japanese == (*language == Language::Japanese) || text.contains('@'), "{text}");
                }
            }
        }
    }

    #[test]
    fn names_are_shown_and_never_obeyed() {
        let page = welcome(Language::English).to_html();
        assert!(page.contains("Sakura &lt;Dental&gt;") && !page.contains("<Dental>"), "{page}");
        assert!(
            page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.contains(crate::incident_report::POLICY)
        );
        let text = welcome(Language::Japanese).to_markdown();
        assert!(text.contains("Kestrel \\*IT\\*") && text.contains("1. "), "{text}");
    }
}

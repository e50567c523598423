//! Moving the bounces of a confirmed incident out of the way, and back.
//!
//! It is the one thing that is ever done to a mailbox. So it is off until somebody names a folder for it, it is for incidents of
//! which nobody doubts what they are, and it can be undone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::folder::{Role, by_name, plain};
use crate::incident::{Incident, IncidentState};
use crate::mutf7;
use crate::verdict::Tier;
use crate::words;

/// Whether, and where to, a mailbox's bounces may be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tidying {
    /// The folder that they are moved to.
    pub folder: FolderTitle,
    /// Whether it is done without being asked for, once the incident is contained.
    pub is_automatic: bool,
}

/// The name of a folder that is nobody else's, as people read it.
///
/// Of one level: what separates levels is each server's own choice, so nothing that any server takes for it is in the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderTitle(String);

/// The longest name, in characters.
pub const LONGEST_TITLE: usize = 60;

/// Why a name can't be that of the folder.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadTitle {
    /// Nothing, or too much.
    #[error("must have 1 to {LONGEST_TITLE} characters")]
    Length,
    /// Spaces that nobody sees, or what can't be shown.
    #[error("must not have control characters, nor spaces at its ends")]
    Unseen,
    /// Separators of levels, wildcards, and what begins another namespace.
    #[error(r#"must not have any of / \ . ^ % * " and must not begin with # or ~"#)]
    Hierarchy,
    /// Mail goes there for other reasons.
    #[error("must not be INBOX, nor a folder for sent mail, junk, trash, feeds or notes")]
    InUse,
}

impl FolderTitle {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a folder that a server spells so is it, where servers have their folders: at the top, or below INBOX.
    pub fn is_called(&self, name: &str) -> bool {
        let below = |name: &str| {
            let (root, rest) = (name.get(..5)?, name.get(5..)?);
            let is_inbox = root.eq_ignore_ascii_case("INBOX") && rest.starts_with(['.', '/']);
            is_inbox.then(|| rest.get(1..).map(str::to_owned)).flatten()
        };
        let title = mutf7::decode(name).unwrap_or_else(|| name.to_owned());
        let title = below(&title).unwrap_or(title);
        plain(&self.0) == plain(&title)
    }
}

impl FromStr for FolderTitle {
    type Err = BadTitle;

    fn from_str(text: &str) -> Result<Self, BadTitle> {
        // Marks that turn the direction of writing, or have no width.
        let is_unseen = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        if !(1..=LONGEST_TITLE).contains(&text.chars().count()) {
            return Err(BadTitle::Length);
        }
        if text.trim() != text || text.chars().any(is_unseen) {
            return Err(BadTitle::Unseen);
        }
        if text.contains(['/', '\\', '.', '^', '%', '*', '"']) || text.starts_with(['#', '~']) {
            return Err(BadTitle::Hierarchy);
        }
        let name = plain(text);
        if name == "inbox" || by_name(&name) != Role::Other {
            return Err(BadTitle::InUse);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FolderTitle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Whether an incident's bounces may be moved: somebody is sure of what it is, and it was not dismissed. What a drill made up
/// lies nowhere.
pub fn may_be_tidied(incident: &Incident) -> bool {
    incident.tier == Tier::Confirmed && incident.state != IncidentState::Dismissed && incident.drill.is_none()
}

/// Whether they are moved without being asked for. While the way in is open the owner is to see what comes back.
pub fn is_tidied_by_itself(incident: &Incident) -> bool {
    may_be_tidied(incident) && incident.state.is_contained()
}

words! {
    /// Why a mail stays where it lies.
    Left {
        /// It is not there any more: its owner has deleted or moved it.
        Gone = "gone",
        /// Under its number lies a mail that says something else.
        Another = "another",
        /// The server has numbered the folder anew since it was read.
        Renumbered = "renumbered",
    }
}

/// So many mails stay for that reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StayFor {
    /// Why.
    pub because: Left,
    /// How many.
    pub mails: u64,
}

/// So many mails in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFolder {
    /// Which.
    pub folder: String,
    /// How many.
    pub mails: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tidied {
    /// Nothing was moved: it was only looked what would be.
    pub is_dry_run: bool,
    /// The folder of its own that the mails were, or would be, moved to.
    pub folder: Option<String>,
    /// What was moved, or would be, by the folder where it lay before; of an undoing, by the folder where it lies again.
    pub moved: Vec<InFolder>,
    /// What was to be moved and stays.
    pub left: Vec<StayFor>,
    /// What lies elsewhere: a rule put it there, or its owner did.
    pub elsewhere: Vec<InFolder>,
}

impl Tidied {
    /// How many mails were moved, or would be.
    pub fn mails(&self) -> u64 {
        self.moved.iter().map(|one| one.mails).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_its_own_has_a_name_of_one_level_that_means_nothing_else() {
        let read = |text: &str| text.parse::<FolderTitle>().map(|title| title.as_str().to_owned());
        for good in ["Daimon", "Returned mail", "エラーメール", "R&D", "Zurückgekommen"] {
            assert_eq!(read(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("", BadTitle::Length),
            (&"x".repeat(61), BadTitle::Length),
            (" Daimon", BadTitle::Unseen),
            ("Dai\r\nmon", BadTitle::Unseen),
            ("Dai\u{202e}mon", BadTitle::Unseen),
            ("INBOX/Daimon", BadTitle::Hierarchy),
            ("INBOX.Daimon", BadTitle::Hierarchy),
            ("a\"b", BadTitle::Hierarchy),
            ("*", BadTitle::Hierarchy),
            ("#news", BadTitle::Hierarchy),
            ("inbox", BadTitle::InUse),
            ("Sent Items", BadTitle::InUse),
            ("ゴミ箱", BadTitle::InUse),
            ("ＪＵＮＫ", BadTitle::InUse),
            ("RSS Feeds", BadTitle::InUse),
        ] {
            assert_eq!(read(bad), Err(why), "{bad}");
        }
        let called = |name: &str| "エラーメール".parse::<FolderTitle>().unwrap().is_called(name);
        let spelled = mutf7::encode("エラーメール").unwrap();
        assert!(called(&spelled) && called(&format!("INBOX.{spelled}")) && called("エラーメール"));
        assert!(!called("INBOX") && !called(&format!("Old/{spelled}")));
    }
}

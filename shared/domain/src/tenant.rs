//! A client company of one MSP.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::words;

words! {
    /// A language that people are spoken to in.
    Language {
        /// English.
        English = "en",
        /// Japanese.
        Japanese = "ja",
    }
}

/// A client company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id, for ever.
    pub id: TenantId,
    /// Its name.
    pub name: TenantName,
    /// The language of playbooks, pages and notices for it.
    pub language: Language,
    /// What other systems call it: `halopsa` → `1234`.
    pub external_refs: BTreeMap<String, String>,
    /// The groups it belongs to, such as `managed` or `gold`.
    pub groups: BTreeSet<Group>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// A job deletes it, and its key is gone already.
    pub is_deleting: bool,
    /// Grows with every change; the strong `ETag`.
    pub version: i64,
}

/// A name of 1 to 200 characters, without control characters, trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantName(String);

/// The text can't be a tenant's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a name has 1 to 200 characters and no control characters")]
pub struct MalformedName;

impl TenantName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for TenantName {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > 200 || text.chars().any(char::is_control) {
            return Err(MalformedName);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A label that tenants share: 1 to 40 small letters, digits, `-` and `_`.
///
/// Small letters only, so that `Gold` and `gold` are never two groups by mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Group(String);

/// The text can't be a group.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a group has 1 to 40 small letters, digits, - and _")]
pub struct MalformedGroup;

impl Group {
    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Group {
    type Err = MalformedGroup;

    fn from_str(text: &str) -> Result<Self, MalformedGroup> {
        let is_sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if !matches!(text.len(), 1..=40) || !text.bytes().all(is_sound) {
            return Err(MalformedGroup);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Group {
    type Error = MalformedGroup;

    fn try_from(text: String) -> Result<Self, MalformedGroup> {
        text.parse()
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_small_label() {
        for text in ["gold", "24x7", "west-coast_2", &"a".repeat(40)] {
            assert_eq!(text.parse::<Group>().unwrap().as_str(), text);
        }
        for text in ["", "Gold", "a b", "gold,silver", "é", &"a".repeat(41)] {
            assert_eq!(text.parse::<Group>(), Err(MalformedGroup), "{text}");
        }
    }
}

//! A client company of one MSP.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

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
    /// When it was created.
    pub created_at: DateTime<Utc>,
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

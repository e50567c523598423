//! Enhanced mail system status codes (RFC 3463).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The first number: did it work, may it work later, or never (RFC 3463, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `2`
    Success,
    /// `4`
    PersistentTransient,
    /// `5`
    Permanent,
}

impl Class {
    /// `2`, `4` or `5`.
    pub const fn digit(self) -> u8 {
        match self {
            Self::Success => 2,
            Self::PersistentTransient => 4,
            Self::Permanent => 5,
        }
    }
}

/// A status such as `5.1.1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedStatus {
    /// What kind of outcome.
    pub class: Class,
    /// What it is about: 1 addressing, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The detail.
    pub detail: u16,
}

impl EnhancedStatus {
    /// `class.subject.detail`.
    pub const fn new(class: Class, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.class.digit(), self.subject, self.detail)
    }
}

impl fmt::Debug for EnhancedStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The text was not a status code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a status code of RFC 3463")]
pub struct MalformedStatus;

impl FromStr for EnhancedStatus {
    type Err = MalformedStatus;

    /// Exactly `class "." subject "." detail`, one to three digits each, as in RFC 3463 section 2.
    fn from_str(text: &str) -> Result<Self, MalformedStatus> {
        let mut parts = text.split('.');
        let class = match parts.next() {
            Some("2") => Class::Success,
            Some("4") => Class::PersistentTransient,
            Some("5") => Class::Permanent,
            _ => return Err(MalformedStatus),
        };
        let mut number = || {
            parts
                .next()
                .filter(|digits| matches!(digits.len(), 1..=3) && digits.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok())
                .ok_or(MalformedStatus)
        };
        let (subject, detail) = (number()?, number()?);
        if parts.next().is_some() {
            return Err(MalformedStatus);
        }
        Ok(Self { class, subject, detail })
    }
}

impl Serialize for EnhancedStatus {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EnhancedStatus {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_as_it_was_written() {
        for text in ["5.1.1", "4.7.28", "2.0.0", "5.7.515"] {
            assert_eq!(text.parse::<EnhancedStatus>().map(|status| status.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for text in ["", "5", "5.1", "5.1.1.1", "3.1.1", "5.1.x", "5..1", "5.1.1000", "550"] {
            assert!(text.parse::<EnhancedStatus>().is_err(), "{text}");
        }
    }
}

//! What somebody wants to say to somebody, before a program writes it down.

use crate::{
    clock::{Time, Zone},
    words::Language,
};

/// Who a letter is from or to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Party {
    /// Empty for a bare address.
    pub(crate) shown: String,
    pub(crate) address: String,
}

impl Party {
    pub(crate) fn bare(address: &str) -> Self {
        Self { shown: String::new(), address: address.to_owned() }
    }

    pub(crate) fn local(&self) -> &str {
        self.address.split('@').next().unwrap_or_default()
    }

    pub(crate) fn domain(&self) -> &str {
        self.address.rsplit('@').next().unwrap_or_default()
    }
}

/// A letter.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) from: Party,
    pub(crate) to: Party,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) language: Language,
    pub(crate) at: Time,
    pub(crate) zone: Zone,
    /// The Message-ID that this answers, with angle brackets.
    pub(crate) answers: Option<String>,
    /// Further fields, such as `List-Unsubscribe`.
    pub(crate) extra: Vec<(&'static str, String)>,
    /// Also as HTML.
    pub(crate) is_html: bool,
}

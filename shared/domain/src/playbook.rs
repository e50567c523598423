//! What to do about an incident: one step, in English and Japanese.

use serde::{Deserialize, Serialize};

use crate::tenant::Language;
use crate::verdict::Verdict;
use crate::words;

words! {
    /// When in an incident's life a step is due.
    Phase {
        /// Stop it.
        Contain = "contain",
        /// Get the intruder out.
        Eradicate = "eradicate",
        /// Prove that it is over.
        Verify = "verify",
        /// Tell those concerned.
        Notify = "notify",
        /// Repair the damage.
        Recover = "recover",
    }
}

words! {
    /// Who does it.
    Who {
        /// Whoever administers the mail at the provider.
        ProviderAdmin = "provider_admin",
        /// The MSP.
        Msp = "msp",
        /// The owner of the mailbox.
        EndUser = "end_user",
        /// We do.
        System = "system",
        /// The client's management.
        Management = "management",
        /// Whoever administers the domain.
        DomainAdmin = "domain_admin",
        /// Whoever administers the web site.
        WebAdmin = "web_admin",
    }
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Text {
    /// The sentence in that language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Japanese => &self.ja,
        }
    }
}

/// One step of the playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Such as `C01`.
    pub id: String,
    /// When.
    pub phase: Phase,
    /// For which verdicts.
    pub applies_to: Vec<Verdict>,
    /// Who does it.
    pub who: Who,
    /// Which state it must be done for: `contained` or `recovered`.
    pub gate: Option<String>,
    /// What to do.
    pub title: Text,
    /// Why.
    pub why: Text,
    /// What to write down.
    pub evidence: String,
}

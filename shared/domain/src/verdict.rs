//! The cause that explains a group of bounces, how sure we are, and why.

use serde::{Deserialize, Serialize};

use crate::words;

words! {
    /// The cause that explains a group of bounces.
    Verdict {
        /// Ordinary mail of the mailbox's owner.
        Legit = "legit",
        /// Somebody else signs in and sends.
        AccountTakeover = "account_takeover",
        /// Somebody elsewhere forges the address.
        Backscatter = "backscatter",
        /// A form or script on the web server sends.
        WebScript = "web_script",
        /// The owner's own newsletter.
        BulkList = "bulk_list",
        /// Two forwards that feed each other.
        ForwardingLoop = "forwarding_loop",
        /// A mail system is down.
        Outage = "outage",
        /// Good mail is refused because of the sender's reputation.
        ReputationBlock = "reputation_block",
        /// Automatic answers come back.
        Autoresponder = "autoresponder",
        /// No bounce at all but a trap.
        FakeBounce = "fake_bounce",
        /// A takeover is not excluded by 20 dB: handled like one.
        Undetermined = "undetermined",
    }
}

words! {
    /// How sure we are that a mailbox was taken over, lowest first.
    Tier {
        /// Nothing out of the ordinary.
        None = "none",
        /// At least 20 dB and 3 unexpected recipients in 24 h.
        Watch = "watch",
        /// At least 30 dB and 5.
        Suspected = "suspected",
        /// At least 50 dB and 8.
        Probable = "probable",
        /// A hard signal, 60 dB from two templates, or a person.
        Confirmed = "confirmed",
    }
}

words! {
    /// How urgent an incident is.
    Severity {
        /// Can wait.
        Low = "low",
        /// This week.
        Medium = "medium",
        /// Today.
        High = "high",
        /// Now.
        Critical = "critical",
    }
}

/// One line of an explanation: what was seen, and how much it weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceLine {
    /// What was looked at, such as `gen_site` or `sent_copy`.
    pub item: String,
    /// What was seen, such as `own_provider`.
    pub value: String,
    /// Which way and how much it weighs for the verdict against its closest rival, in decibans (+10 is ten times
    /// likelier), summed over the bounces.
    pub db: f64,
    /// On how many bounces (or windows) it was seen.
    pub count: u32,
    /// The rival that `db` is against; `None` where nothing is weighed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub against: Option<Verdict>,
}

//! What can be seen on a bounce, and how much each sight weighs for each cause.
//!
//! The weights are data (`data/verdict-model.json`), in decibans relative to the cause that it fits best. They are
//! experts' priors, so no single sight may count for more than 12 dB.

use std::{collections::BTreeMap, sync::LazyLock};

use daimon_domain::verdict::Verdict;
use daimon_domain::words;
use serde::Deserialize;

/// How many causes are weighed against each other.
pub const CLASSES: usize = 9;

/// The causes, in the order of every table here.
pub const VERDICTS: [Verdict; CLASSES] = [
    Verdict::Legit,
    Verdict::AccountTakeover,
    Verdict::Backscatter,
    Verdict::WebScript,
    Verdict::BulkList,
    Verdict::Autoresponder,
    Verdict::ForwardingLoop,
    Verdict::Outage,
    Verdict::ReputationBlock,
];

/// One weight per cause.
pub type Weights = [f64; CLASSES];

words! {
    /// One thing that was seen: of one bounce (`item:value`), or of a whole window of 24 hours.
    Clue {
        /// The mailbox's own provider wrote the bounce.
        SiteOwn = "gen_site:own_provider",
        /// A foreign server wrote it.
        SiteForeign = "gen_site:foreign",
        /// Nobody can say.
        SiteUnknown = "gen_site:unknown",
        /// Sent by somebody who signed in at the own provider as this mailbox.
        OriginAuthenticated = "origin:own_authenticated",
        /// Sent through the own provider, which does not say who signed in.
        OriginOwn = "origin:own_no_auth_info",
        /// Sent through a host that strangers share, by somebody it does not name or names as none of ours.
        OriginShared = "origin:own_shared_host",
        /// Handed in on the web server itself.
        OriginScript = "origin:local_script",
        /// Entered somewhere else.
        OriginForeign = "origin:foreign_injection",
        /// An automatic answer.
        OriginAuto = "origin:auto_submitted",
        /// Nothing was returned, or nothing that can be believed.
        OriginUntold = "origin:no_headers",
        /// Handed in at the own provider by a client outside.
        ClientOutside = "client:outside",
        /// Sent the way this mailbox always sends.
        FingerprintSeen = "fingerprint:seen_before",
        /// Sent in a way never seen before.
        FingerprintNew = "fingerprint:new",
        /// A copy is in the Sent folder.
        SentFound = "sent_copy:found",
        /// A copy is in a Sent folder that gets one of whatever is submitted, by the owner or a thief.
        SentFiled = "sent_copy:filed",
        /// No copy is in a Sent folder that has copies of most mail.
        SentMissing = "sent_copy:missing",
        /// The mailbox has written to that recipient before.
        RecipientKnown = "recipient:known_correspondent",
        /// It never has.
        RecipientNew = "recipient:never_seen",
        /// Mail to that recipient came back days ago as well.
        RecipientReturned = "recipient:bounced_before",
        /// No such user.
        ReasonUnknownUser = "reason:user_unknown",
        /// Refused for what it says.
        ReasonContent = "reason:content_or_policy_block",
        /// Refused for where it comes from.
        ReasonListed = "reason:ip_or_domain_listed",
        /// Over quota.
        ReasonFull = "reason:mailbox_full",
        /// Late, or given up after days.
        ReasonTemporary = "reason:temporary_or_expired",
        /// The own provider lets this sender send no more.
        ReasonThrottled = "reason:own_provider_throttle",
        /// Too many hops.
        ReasonLoop = "reason:loop_or_hops",
        /// Anything else.
        ReasonOther = "reason:other",
        /// Marked as a list, or declared by its owner.
        CampaignMarked = "campaign:list_header_or_declared",
        /// No such mark.
        CampaignNone = "campaign:none",
        /// At least 60 % different organisations wrote the bounces.
        ReportersDispersed = "reporting_mta_dispersed",
        /// At most two did.
        ReportersConcentrated = "reporting_mta_concentrated",
        /// Several other local parts of the domain are forged too.
        ForgedLocalParts = "forged_local_parts",
        /// The own provider says that it throttles this mailbox.
        MailboxThrottled = "mailbox_throttled",
        /// The own provider says that it locked this mailbox.
        MailboxBlocked = "mailbox_blocked",
        /// The own provider throttles the domain.
        DomainThrottled = "domain_throttled",
        /// The own provider throttles the whole tenant.
        TenantThrottled = "tenant_throttled",
        /// The web host limits what the web server sends.
        WebSendingLimited = "web_sending_limited",
        /// Our own password was refused within a day of a burst.
        CredentialRefused = "credential_refused",
        /// Replies to mail that is not in Sent.
        PhantomReplies = "phantom_replies",
        /// Mails that only pose as reports, from outside.
        FakeBounces = "fake_bounces",
        /// Bounces arrive already read or in the bin.
        BouncesHidden = "bounces_hidden",
        /// The same system fails for several tenants.
        FleetOutage = "fleet_outage",
        /// The own provider's address is listed for unrelated mailboxes.
        FleetListed = "fleet_listed",
        /// At least 100 unexpected bounces in an hour.
        Volume = "volume",
        /// One letter to at least twelve recipients that came back in a day.
        OneLetter = "one_letter",
        /// A language this mailbox never uses.
        NewLanguage = "new_language",
    }
}

impl Clue {
    /// What was looked at.
    pub fn item(self) -> &'static str {
        self.as_str().split_once(':').map_or("window", |(item, _)| item)
    }

    /// What was seen.
    pub fn value(self) -> &'static str {
        self.as_str().split_once(':').map_or(self.as_str(), |(_, value)| value)
    }

    /// Whether it is of a window, not of one bounce.
    pub fn is_of_window(self) -> bool {
        !self.as_str().contains(':')
    }

    /// How much it speaks against each cause: 0 is the cause it fits best, never below −12.
    pub fn weights(self) -> Weights {
        TABLE.get(&self).copied().unwrap_or([0.0; CLASSES])
    }
}

/// Where a verdict is in the tables; `None` for the two that are not weighed.
pub fn class_of(verdict: Verdict) -> Option<usize> {
    VERDICTS.iter().position(|known| *known == verdict)
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the file")]
struct File {
    cap_db: f64,
    per_bounce_db: BTreeMap<String, BTreeMap<String, BTreeMap<Verdict, f64>>>,
    per_window_db: BTreeMap<String, BTreeMap<Verdict, f64>>,
}

/// A table that does not parse would leave every clue without weight; a test makes sure that it does.
static TABLE: LazyLock<BTreeMap<Clue, Weights>> =
    LazyLock::new(|| read(include_str!("../data/verdict-model.json")).unwrap_or_default());

fn read(text: &str) -> Result<BTreeMap<Clue, Weights>, serde_json::Error> {
    let file: File = serde_json::from_str(text)?;
    let row = |clue: &Clue| {
        let row = match clue.as_str().split_once(':') {
            Some((item, value)) => file.per_bounce_db.get(item)?.get(value)?,
            None => file.per_window_db.get(clue.as_str())?,
        };
        let weight = |verdict: &Verdict| row.get(verdict).copied().unwrap_or(0.0).max(-file.cap_db);
        Some((*clue, VERDICTS.each_ref().map(weight)))
    };
    Ok(Clue::ALL.iter().filter_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clue_has_a_row_that_fits_some_cause_best_and_none_convicts_alone() {
        let table = read(include_str!("../data/verdict-model.json")).unwrap();
        for clue in Clue::ALL {
            let weights = table.get(clue).unwrap_or_else(|| panic!("{clue} has no row"));
            assert!(weights.iter().any(|w| *w > -0.5), "{clue} fits nothing");
            assert!(weights.iter().all(|w| (-12.0..=0.0).contains(w)), "{clue}");
        }
    }
}

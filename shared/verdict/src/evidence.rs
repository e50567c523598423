//! From one bounce to what can be seen on it.
//!
//! Everything that needs the mailbox's history (is a copy in Sent, did it ever write to this recipient) is asked of the
//! caller as [`Facts`]; what the caller can't tell stays `None` and weighs nothing.

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Action, Kind, ProviderNotice, Recipient, Report};
use serde::{Deserialize, Serialize};

use crate::campaign;
use crate::clue::Clue;
use crate::hosts::organisation;
use crate::known::{Known, Provider, is_internal};
use crate::submission::{Submission, submission};
use crate::template::{fingerprint, fnv, template};
use crate::trusted_time::{Submitted, submitted};
use crate::{Signal, chain, reason, site};

/// What the mailbox's history says of one bounce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// A keyed hash of the recipient's address: the engine counts recipients and never sees one.
    pub recipient_key: &'a str,
    /// Whether the original's Message-ID is in Sent; `None` when it is not known or Sent was not read.
    pub sent_copy: Option<bool>,
    /// Whether the mailbox ever wrote to that recipient; `None` without history.
    pub recipient_known: Option<bool>,
    /// Whether it was sent the way this mailbox sends; `None` without history.
    pub fingerprint_seen: Option<bool>,
    /// Whether it belongs to a campaign that was declared or is known.
    pub campaign: bool,
    /// Whether it is made as this mailbox makes its mail, as far as Sent shows.
    pub is_usual: bool,
    /// Whether it is written in a language that this mailbox never uses.
    pub new_language: bool,
}

/// One bounce as the engine sees it: no recipient, no text. Of the sender it holds who signed in, if that is the mailbox or
/// one of its tenant's, from which address, and the client's name.
#[expect(clippy::struct_excessive_bools, reason = "independent claims about one bounce")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When the report arrived.
    pub bounced_at: DateTime<Utc>,
    /// What was seen.
    pub clues: Vec<Clue>,
    /// Which letter it was.
    pub template: String,
    /// How its sending is made, where that tells it from what its owner writes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fingerprint: Option<String>,
    /// The recipient, hashed.
    pub recipient: u64,
    /// The organisation that wrote the bounce, hashed.
    pub reporter: Option<u64>,
    /// Another local part of the own domain that was written in as sender, hashed.
    pub forged_local_part: Option<u64>,
    /// When the original was sent.
    pub submitted: Submitted,
    /// How much a missing copy in Sent counts, 0 to 1.
    pub sent_weight: f64,
    /// Nothing says that the owner wrote it.
    pub is_unexpected: bool,
    /// It left through the own provider.
    pub is_own_origin: bool,
    /// It says "late", not "failed".
    pub is_delay: bool,
    /// It is written in a language that this mailbox never uses.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_new_language: bool,
    /// Owner and thief look the same here.
    pub is_blind: bool,
    /// With which program and from which network it was sent, hashed; `None` where the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sender: Option<u64>,
    /// Who handed it in at the own provider, as the provider says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub submission: Option<Submission>,
}

impl Observation {
    /// Whether a copy of the mail lies in Sent, whoever has filed it.
    pub fn is_in_sent(&self) -> bool {
        self.clues.iter().any(|clue| matches!(clue, Clue::SentFound | Clue::SentFiled))
    }
}

/// What can be seen on one bounce. `None` when the report tells of no failure.
pub fn observe(
    report: &Report,
    recipient: &Recipient,
    known: &Known,
    facts: &Facts<'_>,
    bounced_at: DateTime<Utc>,
) -> Option<Observation> {
    let is_delay = match (report.kind, recipient.action) {
        (Kind::Bounce | Kind::Delay, Action::Delayed) => true,
        (Kind::Bounce | Kind::Delay, Action::Failed) => report.kind == Kind::Delay,
        (Kind::Bounce | Kind::Delay, Action::Delivered | Action::Relayed | Action::Expanded)
        | (Kind::Delivered | Kind::Feedback | Kind::AutoReply | Kind::Challenge | Kind::NotBounce, _) => return None,
    };
    let written_at = site::site(report, known);
    let origin = chain::origin(report, recipient, written_at, known);
    // "Our provider wrote it" means that it had taken the mail from us to send it. Where the mail came to it from outside,
    // it stands at the recipient's end, and where a neighbour may have sent it, its name says nothing.
    let is_of_others = matches!(origin, Clue::OriginForeign | Clue::OriginShared);
    let site = if written_at == Clue::SiteOwn && is_of_others { Clue::SiteUnknown } else { written_at };
    let is_campaign = facts.campaign || report.origin.list.is_some();
    // A thief's mail is there too, unless he deletes it: everywhere at some providers, and elsewhere where he writes in the web
    // mail. So a copy of what was not sent as ever clears nobody, and neither does one of what nobody says how it was handed in.
    let files_all = known.provider.is_some_and(Provider::files_all)
        || facts.fingerprint_seen == Some(false)
        || chain::may_be_of_own_program(report, written_at, known);
    let is_own = facts.sent_copy == Some(true) && !files_all;

    let mut clues = vec![site, origin];
    // A newsletter tool writes in its own way and leaves no copy: for what was declared, neither is a surprise. For a mere
    // list header it stays one, because spam carries those too.
    let facts = &if facts.campaign {
        Facts {
            fingerprint_seen: facts.fingerprint_seen.filter(|seen| *seen),
            sent_copy: facts.sent_copy.filter(|found| *found),
            ..*facts
        }
    } else {
        *facts
    };
    clues.extend(facts.fingerprint_seen.map(|seen| if seen { Clue::FingerprintSeen } else { Clue::FingerprintNew }));
    clues.extend(match facts.sent_copy {
        Some(true) if files_all => Some(Clue::SentFiled),
        Some(true) => Some(Clue::SentFound),
        Some(false) if known.sent_weight() > 0.0 => Some(Clue::SentMissing),
        Some(false) | None => None,
    });
    clues
        .extend(facts.recipient_known.map(|is_known| if is_known { Clue::RecipientKnown } else { Clue::RecipientNew }));
    clues.extend(reason_clue(report, recipient, site, known));
    clues.push(if is_campaign { Clue::CampaignMarked } else { Clue::CampaignNone });
    if origin == Clue::OriginOwn && chain::is_client_outside(report, recipient, written_at, known) {
        clues.push(Clue::ClientOutside);
    }

    let submission = submission(report, known).filter(|_| origin != Clue::OriginForeign);
    Some(Observation {
        bounced_at,
        is_own_origin: matches!(origin, Clue::OriginAuthenticated | Clue::OriginOwn | Clue::OriginScript)
            || (origin == Clue::OriginUntold && site == Clue::SiteOwn),
        clues,
        template: template(&report.origin),
        fingerprint: campaign::fingerprint(&report.origin).filter(|_| !facts.is_usual),
        recipient: fnv(facts.recipient_key.as_bytes()),
        reporter: report.reporting_mta.as_deref().map(|host| fnv(organisation(host).as_bytes())),
        forged_local_part: forged_local_part(report, known),
        submitted: submitted(report, written_at, known),
        sent_weight: known.sent_weight(),
        is_unexpected: !is_own && facts.recipient_known != Some(true) && !is_campaign,
        is_delay,
        is_new_language: facts.new_language && !facts.campaign,
        is_blind: known.is_blind(),
        sender: submission.as_ref().and_then(|submission| sender(report, submission)),
        submission,
    })
}

/// The program and the network. Web mail hands in on the host itself, whoever uses it: that is no network.
fn sender(report: &Report, submission: &Submission) -> Option<u64> {
    let network = submission.network().filter(|network| !is_internal(network.addr()))?;
    Some(fnv(format!("{}\u{1f}{network}", fingerprint(&report.origin)?).as_bytes()))
}

fn reason_clue(report: &Report, recipient: &Recipient, site: Clue, known: &Known) -> Option<Clue> {
    use daimon_domain::bounce::NoticeKind::{DomainThrottled, TenantThrottled};
    // A throttle of the whole domain or tenant stands on every mail of every mailbox: it is weighed once per window,
    // and says nothing of this one.
    let is_wide = |notice: &ProviderNotice| matches!(notice.kind, DomainThrottled | TenantThrottled);
    if report.provider_notice.as_ref().is_some_and(is_wide) && site::is_providers_word(report, known) {
        return None;
    }
    let refused_inside = recipient.remote_mta.as_deref().is_none_or(|host| known.owns_host(host));
    Some(reason::group(recipient.reason, site == Clue::SiteOwn && refused_inside))
}

fn forged_local_part(report: &Report, known: &Known) -> Option<u64> {
    let sender = report.origin.envelope_from.as_deref().or(report.origin.from.as_deref())?;
    let (_, domain) = sender.rsplit_once('@')?;
    let is_other =
        known.owns_domain(domain) && sender != known.address && !known.aliases.iter().any(|alias| alias == sender);
    is_other.then(|| fnv(sender.as_bytes()))
}

/// What a whole message says beside its bounces: the provider's own words, or a reply to mail that nobody sent.
///
/// `replies_to_unsent`: it answers a Message-ID of the own domain that is not in Sent.
pub fn signals(report: &Report, known: &Known, replies_to_unsent: bool) -> Vec<Signal> {
    let mut out = Vec::new();
    if let Some(notice) = &report.provider_notice
        && site::is_providers_word(report, known)
    {
        out.push(Signal::Notice { kind: notice.kind, strength: notice.strength });
    }
    // The own provider may tell of mail that it holds, with a link.
    if report.envelope.poses_as_report && site::site(report, known) != Clue::SiteOwn {
        out.push(Signal::FakeBounce);
    }
    if replies_to_unsent && known.sent_coverage.is_some_and(|share| share >= 0.6) {
        out.push(Signal::PhantomReply);
    }
    out
}

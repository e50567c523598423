//! What a message as received tells of a delivery, and of each recipient.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::origin::Origin;
use crate::reason::{Fault, Permanence, Reason};
use crate::status::EnhancedStatus;
use crate::words;

words! {
    /// What a message is.
    Kind {
        /// A delivery failed.
        Bounce = "bounce",
        /// A delivery is late and goes on.
        Delay = "delay",
        /// A delivery succeeded.
        Delivered = "delivered",
        /// An abuse or authentication report (RFC 5965, RFC 6591).
        Feedback = "feedback",
        /// An automatic answer (RFC 3834).
        AutoReply = "auto_reply",
        /// "Prove that you are human".
        Challenge = "challenge",
        /// Anything else.
        NotBounce = "not_bounce",
    }
}

words! {
    /// What the reporting MTA did (RFC 3464, 2.3.3).
    Action {
        /// Gave up.
        Failed = "failed",
        /// Still trying.
        Delayed = "delayed",
        /// Delivered.
        Delivered = "delivered",
        /// Passed on to a system that sends no reports.
        Relayed = "relayed",
        /// Delivered to an alias with several addresses.
        Expanded = "expanded",
    }
}

/// One message, read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What it is.
    pub kind: Kind,
    /// Who wrote the report (RFC 3464, 2.2.2; otherwise as the text says).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reporting_mta: Option<String>,
    /// When the reporting MTA got the original (RFC 3464, 2.2.5).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arrival_date: Option<DateTime<Utc>>,
    /// From whom it got it (RFC 3464, 2.2.4).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub received_from_mta: Option<String>,
    /// The sender's envelope id (RFC 3464, 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub original_envelope_id: Option<String>,
    /// `abuse`, `auth-failure` … of a feedback report (RFC 5965).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub feedback_type: Option<String>,
    /// The provider itself says that the account was throttled or blocked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider_notice: Option<ProviderNotice>,
    /// What is said of each recipient.
    pub recipients: Vec<Recipient>,
    /// What the returned original tells of where it came from.
    pub origin: Origin,
    /// The message's own header fields that later rooms weigh.
    pub envelope: Envelope,
    /// What could not be read and was skipped, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

/// What one report says of one recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// The address that failed, in lower case (RFC 3464 Final-Recipient, otherwise as the text says).
    pub address: String,
    /// The address that was written to, where it differs (RFC 3464 Original-Recipient).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub original_address: Option<String>,
    /// Why.
    pub reason: Reason,
    /// RFC 3463.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<EnhancedStatus>,
    /// The SMTP reply code, such as 550.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply: Option<u16>,
    /// RFC 3464.
    pub action: Action,
    /// Whether trying again can help.
    pub permanence: Permanence,
    /// Whose matter it is.
    pub fault: Fault,
    /// The line that decided, unfolded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diagnostic: Option<String>,
    /// Who refused (RFC 3464, 2.3.5; otherwise as the text says).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_mta: Option<String>,
    /// Until when it will be tried (RFC 3464, 2.3.8).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub will_retry_until: Option<DateTime<Utc>>,
    /// The name of the rule that decided the reason.
    pub rule: String,
}

/// The provider's own words about the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderNotice {
    /// The rule that matched, such as `m365_restricted_user`.
    pub id: String,
    /// What it says was done.
    pub kind: NoticeKind,
    /// How much it proves.
    pub strength: NoticeStrength,
    /// Where it stands.
    pub place: NoticePlace,
    /// The host whose answer the report quotes, where it names one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said_by: Option<String>,
}

words! {
    /// Where a provider's words stand in a message, and so whose they are.
    NoticePlace {
        /// In the subject: whoever wrote the message.
        Subject = "subject",
        /// In the text: whoever wrote the message.
        Letter = "letter",
        /// In what is said of a recipient, by the host that wrote the report.
        Diagnostic = "diagnostic",
        /// In what another host answered and the report only quotes. It may be anybody's host.
        Answer = "answer",
    }
}

words! {
    /// What a provider says it did.
    NoticeKind {
        /// This mailbox may send less or nothing.
        MailboxThrottled = "mailbox_throttled",
        /// This mailbox was locked, or its password changed.
        MailboxBlocked = "mailbox_blocked",
        /// The domain may send less.
        DomainThrottled = "domain_throttled",
        /// The whole tenant of a cloud provider may send less.
        TenantThrottled = "tenant_throttled",
        /// The web server may send less.
        WebSendingLimited = "web_sending_limited",
    }
}

words! {
    /// How much a notice proves.
    NoticeStrength {
        /// By itself.
        Hard = "hard",
        /// With anything else.
        Strong = "strong",
        /// A little.
        Medium = "medium",
    }
}

/// The outer message's own header fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Its own Message-ID, without angle brackets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message_id: Option<String>,
    /// Who it says it is from: the address in lower case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// Whether Return-Path is there and empty.
    #[serde(default)]
    pub null_return_path: bool,
    /// In-Reply-To and References, without angle brackets.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub references: Vec<String>,
    /// In-Reply-To alone: what it answers itself, not what stands further up in the thread.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub in_reply_to: Vec<String>,
    /// To and Cc: the addresses in lower case. They are weighed and never written out.
    #[serde(skip)]
    pub to: Vec<String>,
    /// What receiving servers checked (RFC 8601), topmost first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub checks: Vec<Check>,
    /// Each `X-MS-Exchange-Organization-AuthAs`, in lower case: what Exchange says of who handed it in, to its own
    /// organisation alone. It is weighed and never written out.
    #[serde(skip)]
    pub exchange_authenticated_as: Vec<String>,
    /// It looks like a report to a person, reports nothing, and wants its reader to click or sign in. It is weighed and never
    /// written out.
    #[serde(skip)]
    pub poses_as_report: bool,
    /// Its own Date.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub date: Option<DateTime<Utc>>,
    /// Its Received chain, newest first: how the report itself came here.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub received: Vec<crate::origin::Hop>,
}

/// An Authentication-Results field and where it stands: a server writes it next to its own Received line, and whatever
/// stands further down came with the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How many Received lines stand above it.
    pub below: usize,
    /// The field, unfolded.
    pub results: String,
}

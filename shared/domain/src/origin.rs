//! What a returned original tells of where it came from.
//!
//! Received lines are written by each host on top of the last, so trust runs downwards: everything below the first hop
//! that is not known to be ours may have been written by whoever sent it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The returned original's traces. All empty when nothing was returned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Whether any header of the original came back.
    pub returned: bool,
    /// Message-ID, without angle brackets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message_id: Option<String>,
    /// Date, as its author wrote it (forgeable).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub date: Option<DateTime<Utc>>,
    /// From: the address in lower case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// The envelope sender, in lower case: Return-Path of the original, X-Postfix-Sender and the like.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub envelope_from: Option<String>,
    /// Subject, decoded. Never stored in clear but for scoped roles and a limited time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// The charset of its text, or of its subject's encoded words. It is weighed and never written out.
    #[serde(skip)]
    pub charset: Option<String>,
    /// Content-Language (RFC 3282). It is weighed and never written out.
    #[serde(skip)]
    pub content_language: Option<String>,
    /// The Received chain, newest hop first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub received: Vec<Hop>,
    /// `X-PHP-Originating-Script`, `X-PHP-Script` and the like, as written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<String>,
    /// `X-Originating-IP`, `X-Sender-IP`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub originating_ip: Option<IpAddr>,
    /// `X-Mailer` or `User-Agent`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mailer: Option<String>,
    /// `d=` of each DKIM-Signature, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dkim_domains: Vec<String>,
    /// Where the key of each DKIM-Signature is, `s1._domainkey.example.com`, in lower case (RFC 6376, 3.6.2.1). It is looked up
    /// and never written out.
    #[serde(skip)]
    pub dkim_keys: Vec<String>,
    /// Each Authentication-Results field, unfolded.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub authentication_results: Vec<String>,
    /// `List-Id` or, without one, that a `List-Unsubscribe` is there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub list: Option<String>,
    /// `Auto-Submitted`, where it is not `no` (RFC 3834).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auto_submitted: Option<String>,
}

/// One Received line (RFC 5321, 4.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// What the client called itself (HELO), in lower case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub helo: Option<String>,
    /// The client's name by reverse look-up, in lower case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_host: Option<String>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_ip: Option<IpAddr>,
    /// Who wrote the line, in lower case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// ESMTPSA, ESMTP, LMTP, local … in upper case (RFC 3848).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub with: Option<String>,
    /// The sender signed in: ESMTPA, ESMTPSA, ASMTP, "Authenticated sender".
    #[serde(default)]
    pub authenticated: bool,
    /// As whom, where the line says so, in lower case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authenticated_as: Option<String>,
    /// Handed in on the host itself: pickup, "by uid", "with local".
    #[serde(default)]
    pub local_submission: bool,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<DateTime<Utc>>,
}

impl Hop {
    /// Whether it is a delivery into the mail store. LMTP (RFC 2033) is spoken inside a provider only, and such lines
    /// name neither a client's address nor, often, a host anybody knows: `from mx.example by vm with LMTP`.
    pub fn is_delivery(&self) -> bool {
        self.with.as_deref().is_some_and(|with| with.trim_start_matches("UTF8").starts_with("LMTP"))
    }
}

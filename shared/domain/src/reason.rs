//! Why a delivery failed, and whose matter that is.

use crate::words;

words! {
    /// Why a delivery failed.
    Reason {
        /// No such mailbox (x.1.1, x.1.3; x.1.10 from Exchange).
        UserUnknown = "user_unknown",
        /// Moved (x.1.6).
        RecipientMoved = "recipient_moved",
        /// Suspended or inactive (x.2.1).
        MailboxDisabled = "mailbox_disabled",
        /// Over quota (x.2.2).
        MailboxFull = "mailbox_full",
        /// The recipient's own filter.
        RecipientRefused = "recipient_refused",
        /// No such domain (x.1.2, x.4.4).
        HostUnknown = "host_unknown",
        /// Too many hops (x.4.6, x.4.14).
        RoutingLoop = "routing_loop",
        /// The host or the domain accepts no mail (521, x.3.2; a null MX, x.1.10).
        HostNotAccepting = "host_not_accepting",
        /// The connection failed (x.4.1, x.4.2).
        NetworkError = "network_error",
        /// Given up after the queue's lifetime (x.4.7).
        Expired = "expired",
        /// The mail system failed (x.3.0, x.3.5).
        SystemError = "system_error",
        /// TLS could not be agreed on.
        TlsFailure = "tls_failure",
        /// Too fast, too many, or over the sender's quota (4.7.0, x.4.5, x.7.28).
        RateLimited = "rate_limited",
        /// This sender or account is refused (x.1.7, x.1.8, x.7.27).
        SenderRejected = "sender_rejected",
        /// The content was judged to be spam.
        SpamContent = "spam_content",
        /// The sending address is listed, has no PTR or a bad reputation (x.7.25).
        IpBlocked = "ip_blocked",
        /// The sender's domain is listed.
        DomainBlocked = "domain_blocked",
        /// SPF, DKIM, DMARC or ARC (x.7.20 to 24, x.7.26, x.7.29).
        AuthFailure = "auth_failure",
        /// Another policy.
        Policy = "policy",
        /// Malware.
        Virus = "virus",
        /// Relaying was denied.
        RelayDenied = "relay_denied",
        /// Too large (x.3.4, x.2.3).
        MessageTooLarge = "message_too_large",
        /// Protocol or syntax (x.5.x, x.6.x).
        FormatError = "format_error",
        /// On the provider's suppression list.
        Suppressed = "suppressed",
        /// The text gives no cause.
        Undetermined = "undetermined",
    }
}

words! {
    /// Whether trying again can help.
    Permanence {
        /// It will not.
        Permanent = "permanent",
        /// It may.
        Temporary = "temporary",
    }
}

words! {
    /// Whose matter the failure is.
    Fault {
        /// The address.
        Recipient = "recipient",
        /// The recipient's host.
        Destination = "destination",
        /// What is thought of the sender.
        SenderReputation = "sender_reputation",
        /// How the sender proves who it is.
        SenderAuth = "sender_auth",
        /// The message.
        Content = "content",
        /// The way between.
        Transport = "transport",
        /// Not known.
        Unknown = "unknown",
    }
}

impl Reason {
    /// Whose matter it is.
    pub const fn fault(self) -> Fault {
        match self {
            Self::UserUnknown
            | Self::RecipientMoved
            | Self::MailboxDisabled
            | Self::MailboxFull
            | Self::RecipientRefused
            | Self::Suppressed => Fault::Recipient,
            Self::HostUnknown | Self::HostNotAccepting | Self::RelayDenied | Self::RoutingLoop => Fault::Destination,
            Self::RateLimited | Self::SenderRejected | Self::IpBlocked | Self::DomainBlocked | Self::Policy => {
                Fault::SenderReputation
            }
            Self::AuthFailure => Fault::SenderAuth,
            Self::SpamContent | Self::Virus | Self::MessageTooLarge | Self::FormatError => Fault::Content,
            Self::NetworkError | Self::Expired | Self::SystemError | Self::TlsFailure => Fault::Transport,
            Self::Undetermined => Fault::Unknown,
        }
    }
}

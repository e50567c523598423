//! A test of a mailbox's connection: which steps there are, and what may come of each.
//!
//! A finding says whether its step went well, so that nobody has to decide that a second time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::credential::{CredentialKind, TokenFault};
use crate::mailbox::{ConnectionFault, ImapServer};
use crate::words;

words! {
    /// A step, in the order in which they are taken.
    TestStep {
        /// The host's name leads to addresses.
        Resolve = "resolve",
        /// Something listens there.
        Connect = "connect",
        /// TLS, from the first byte or by STARTTLS.
        Tls = "tls",
        /// An IMAP server says what it can do.
        Greeting = "greeting",
        /// The identity provider gives an access token.
        Token = "token",
        /// Password or token are let in.
        SignIn = "sign_in",
        /// INBOX, Junk, Trash and Sent are there.
        Folders = "folders",
        /// INBOX can be opened for reading only.
        Inbox = "inbox",
        /// Mail can be seen in it.
        NewestMail = "newest_mail",
        /// Copies of what was sent can be seen.
        SentCopies = "sent_copies",
        /// How often the host lets us come.
        Limits = "limits",
    }
}

words! {
    /// How a step went.
    StepOutcome {
        /// As it should be.
        Ok = "ok",
        /// It works, and something about it is worth doing.
        Warning = "warning",
        /// It does not work.
        Failed = "failed",
        /// It was not tried.
        Skipped = "skipped",
    }
}

macro_rules! findings {
    ($($outcome:ident { $($(#[$doc:meta])* $finding:ident = $word:literal,)+ })+) => {
        words! {
            /// What came of a step.
            Finding { $($($(#[$doc])* $finding = $word,)+)+ }
        }

        impl Finding {
            /// How the step went.
            pub const fn outcome(self) -> StepOutcome {
                match self { $($(Self::$finding)|+ => StepOutcome::$outcome,)+ }
            }
        }
    };
}

findings! {
    Ok {
        /// The name leads to addresses that may be dialled.
        Resolved = "resolved",
        /// A connection was made.
        Connected = "connected",
        /// TLS was agreed on, and the certificate holds.
        TlsAgreed = "tls_agreed",
        /// An IMAP server spoke.
        ImapServer = "imap_server",
        /// There is an access token that holds.
        TokenGiven = "token_given",
        /// It was let in.
        SignedIn = "signed_in",
        /// The folders that matter are there.
        FoldersFound = "folders_found",
        /// INBOX was opened for reading only.
        InboxOpens = "inbox_opens",
        /// Mail was seen in INBOX.
        MailVisible = "mail_visible",
        /// The provider puts a copy of all that is sent into Sent.
        SentByProvider = "sent_by_provider",
        /// There are copies; they are filed by the programs that send.
        SentByPrograms = "sent_by_programs",
        /// It is read as often as it is set.
        WithinLimits = "within_limits",
    }
    Warning {
        /// The certificate runs out within two weeks.
        CertificateExpiresSoon = "certificate_expires_soon",
        /// The token lacks the permission that IMAP needs.
        TokenLacksPermission = "token_lacks_permission",
        /// No folder is known for Sent.
        NoSentFolder = "no_sent_folder",
        /// INBOX has no mail.
        InboxEmpty = "inbox_empty",
        /// Sent has no mail.
        SentEmpty = "sent_empty",
        /// The newest copy is much older than the newest mail.
        SentOld = "sent_old",
        /// The folder for Sent can't be opened.
        SentClosed = "sent_closed",
        /// The host wants to be asked less often than the mailbox is set.
        ReadLessOften = "read_less_often",
    }
    Failed {
        /// The name leads nowhere, or to an address that is not allowed: these look the same.
        HostNotFound = "host_not_found",
        /// No connection, or nothing but silence on it: these look the same.
        NoAnswer = "no_answer",
        /// What listens there does not speak TLS.
        NotTls = "not_tls",
        /// TLS 1.1 or older.
        TlsTooOld = "tls_too_old",
        /// The handshake broke off.
        TlsBroken = "tls_broken",
        /// The certificate has run out.
        CertificateExpired = "certificate_expired",
        /// The certificate holds from a later date on.
        CertificateNotYetValid = "certificate_not_yet_valid",
        /// The certificate is for other names.
        CertificateOtherName = "certificate_other_name",
        /// Nobody whom we trust has issued the certificate.
        CertificateUntrusted = "certificate_untrusted",
        /// The certificate was revoked.
        CertificateRevoked = "certificate_revoked",
        /// Anything else about the certificate.
        CertificateInvalid = "certificate_invalid",
        /// The server does not offer STARTTLS.
        StartTlsNotOffered = "starttls_not_offered",
        /// The server refuses STARTTLS.
        StartTlsRefused = "starttls_refused",
        /// Bytes in clear came after STARTTLS.
        StartTlsTampered = "starttls_tampered",
        /// What listens there is no IMAP server.
        NotImap = "not_imap",
        /// Somebody had signed in before us.
        SignedInAlready = "signed_in_already",
        /// The server hung up on us.
        TurnedAway = "turned_away",
        /// The server counts too many connections.
        TooManyConnections = "too_many_connections",
        /// The server counts too many requests, or too much data.
        Throttled = "throttled",
        /// The mailbox is over its quota.
        OverQuota = "over_quota",
        /// The server refuses where we come from.
        AddressBlocked = "address_blocked",
        /// The server takes no passwords.
        PasswordsNotTaken = "passwords_not_taken",
        /// The server takes no access tokens.
        TokensNotTaken = "tokens_not_taken",
        /// The secret can't be opened with our keys.
        SecretNotOpened = "secret_not_opened",
        /// The credential's tokens are for another server.
        TokenForOtherServer = "token_for_other_server",
        /// The consent does not hold.
        TokenInvalidGrant = "token_invalid_grant",
        /// The application is unknown, or its secret is wrong.
        TokenInvalidClient = "token_invalid_client",
        /// The application may not ask for this.
        TokenUnauthorizedClient = "token_unauthorized_client",
        /// The provider does not know what is asked for.
        TokenInvalidScope = "token_invalid_scope",
        /// Somebody has to consent.
        TokenConsentRequired = "token_consent_required",
        /// The provider asks us to come later.
        TokenBusy = "token_busy",
        /// The provider can't be reached.
        TokenUnreachable = "token_unreachable",
        /// What came back is no answer of a token endpoint.
        TokenUnusable = "token_unusable",
        /// The server refuses the password.
        PasswordRefused = "password_refused",
        /// It has done so often enough: nothing was tried.
        PasswordRefusedBefore = "password_refused_before",
        /// IMAP is switched off for the mailbox.
        ImapOff = "imap_off",
        /// A password made for one program is wanted.
        AppPasswordWanted = "app_password_wanted",
        /// Somebody has to sign in with a browser first.
        BrowserWanted = "browser_wanted",
        /// The account is locked for a while.
        AccountLocked = "account_locked",
        /// The account is closed, suspended or disabled.
        AccountDisabled = "account_disabled",
        /// The password has run out.
        PasswordExpired = "password_expired",
        /// The server takes the token not for this mailbox.
        TokenNotLetIn = "token_not_let_in",
        /// The token holds, and does not open this mailbox.
        MailboxNotConnected = "mailbox_not_connected",
        /// The server asks to come later.
        ServerBusy = "server_busy",
        /// The server says a NO without a cause.
        RefusedWithoutCause = "refused_without_cause",
        /// There is no INBOX.
        NoInbox = "no_inbox",
        /// INBOX can't be opened.
        InboxClosed = "inbox_closed",
        /// INBOX does not number its messages for good.
        NoUidValidity = "no_uid_validity",
        /// The connection broke.
        ConnectionBroke = "connection_broke",
        /// It took longer than it may.
        TimedOut = "timed_out",
        /// What came back is not IMAP as we can use it.
        ProtocolError = "protocol_error",
    }
    Skipped {
        /// A step before it failed.
        NotReached = "not_reached",
        /// It has a password.
        NotNeeded = "not_needed",
        /// There is no folder to look into.
        NothingToSee = "nothing_to_see",
    }
}

impl Finding {
    /// The public code of what failed.
    pub const fn fault(self) -> Option<ConnectionFault> {
        Some(match self {
            Self::HostNotFound => ConnectionFault::HostNotFound,
            Self::NoAnswer | Self::ConnectionBroke | Self::TimedOut => ConnectionFault::Unreachable,
            Self::NotTls
            | Self::TlsTooOld
            | Self::TlsBroken
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateOtherName
            | Self::CertificateUntrusted
            | Self::CertificateRevoked
            | Self::CertificateInvalid
            | Self::StartTlsNotOffered
            | Self::StartTlsRefused
            | Self::StartTlsTampered => ConnectionFault::TlsFailed,
            Self::NotImap
            | Self::SignedInAlready
            | Self::PasswordsNotTaken
            | Self::TokensNotTaken
            | Self::NoInbox
            | Self::InboxClosed
            | Self::ProtocolError => ConnectionFault::ProtocolError,
            Self::NoUidValidity => ConnectionFault::UnstableUids,
            Self::TurnedAway
            | Self::TooManyConnections
            | Self::Throttled
            | Self::OverQuota
            | Self::AddressBlocked
            | Self::ServerBusy
            | Self::RefusedWithoutCause
            | Self::MailboxNotConnected => ConnectionFault::ServerBusy,
            Self::SecretNotOpened
            | Self::PasswordRefused
            | Self::PasswordRefusedBefore
            | Self::ImapOff
            | Self::AppPasswordWanted
            | Self::BrowserWanted
            | Self::AccountLocked
            | Self::AccountDisabled
            | Self::PasswordExpired => ConnectionFault::CredentialRefused,
            Self::TokenForOtherServer | Self::TokenNotLetIn => ConnectionFault::AccessRefused,
            Self::TokenInvalidGrant
            | Self::TokenInvalidClient
            | Self::TokenUnauthorizedClient
            | Self::TokenInvalidScope
            | Self::TokenConsentRequired => ConnectionFault::GrantRefused,
            Self::TokenBusy | Self::TokenUnreachable | Self::TokenUnusable => ConnectionFault::TokenUnavailable,
            Self::Resolved
            | Self::Connected
            | Self::TlsAgreed
            | Self::ImapServer
            | Self::TokenGiven
            | Self::SignedIn
            | Self::FoldersFound
            | Self::InboxOpens
            | Self::MailVisible
            | Self::SentByProvider
            | Self::SentByPrograms
            | Self::WithinLimits
            | Self::CertificateExpiresSoon
            | Self::TokenLacksPermission
            | Self::NoSentFolder
            | Self::InboxEmpty
            | Self::SentEmpty
            | Self::SentOld
            | Self::SentClosed
            | Self::ReadLessOften
            | Self::NotReached
            | Self::NotNeeded
            | Self::NothingToSee => return None,
        })
    }
}

impl From<TokenFault> for Finding {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::InvalidGrant => Self::TokenInvalidGrant,
            TokenFault::InvalidClient => Self::TokenInvalidClient,
            TokenFault::UnauthorizedClient => Self::TokenUnauthorizedClient,
            TokenFault::InvalidScope => Self::TokenInvalidScope,
            TokenFault::ConsentRequired => Self::TokenConsentRequired,
            TokenFault::Busy => Self::TokenBusy,
            TokenFault::Unreachable => Self::TokenUnreachable,
            TokenFault::Unusable => Self::TokenUnusable,
        }
    }
}

/// What was seen on the way, as far as a step has it. Nothing of any message but that it is there, and when it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// As in `TLS 1.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// When the server's certificate runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_expires_at: Option<DateTime<Utc>>,
    /// What the server can do, of what matters here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// The provider's own number for what is in the way: Microsoft's `AADSTS…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<u32>,
    /// Until when the access token holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<DateTime<Utc>>,
    /// How often the password was refused, this time included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusals: Option<u32>,
    /// How many folders there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folders: Option<u32>,
    /// What was taken for Junk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub junk: Option<String>,
    /// What was taken for Trash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trash: Option<String>,
    /// What was taken for Sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// How many messages there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u32>,
    /// When the newest of them came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_at: Option<DateTime<Utc>>,
    /// How many sessions at a time the host has from all of us; none: it counts for each mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u16>,
    /// How many sign-ins a minute; none or 0: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logins_a_minute: Option<u16>,
    /// How often it is read, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<u32>,
    /// Where mailboxes of the address's domain usually are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual_host: Option<String>,
}

/// A step that was taken, or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stepped {
    /// Which.
    pub step: TestStep,
    /// What came of it.
    pub finding: Finding,
    /// What was seen.
    pub facts: Facts,
}

/// A test that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTest {
    /// The server as it was.
    pub server: ImapServer,
    /// Who that is, by our table of providers: by its host, or else by whoever takes the mail of the address's domain.
    pub provider: Option<String>,
    /// How it signs in, where it is not with a password.
    pub credential: Option<CredentialKind>,
    /// Every step, in order.
    pub steps: Vec<Stepped>,
}

impl ConnectionTest {
    /// The worst of its steps.
    pub fn outcome(&self) -> StepOutcome {
        let has = |outcome| self.steps.iter().any(|step| step.finding.outcome() == outcome);
        if has(StepOutcome::Failed) {
            StepOutcome::Failed
        } else if has(StepOutcome::Warning) {
            StepOutcome::Warning
        } else {
            StepOutcome::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_has_a_public_code_and_nothing_else_has() {
        for finding in Finding::ALL {
            assert_eq!(finding.fault().is_some(), finding.outcome() == StepOutcome::Failed, "{finding}");
        }
    }

    #[test]
    fn a_test_is_as_good_as_its_worst_step() {
        let step = |step, finding| Stepped { step, finding, facts: Facts::default() };
        let server = ImapServer {
            host: "imap.host.example".parse().unwrap(),
            port: 993,
            tls: crate::mailbox::TlsMode::Implicit,
        };
        let mut test = ConnectionTest { server, provider: None, credential: None, steps: Vec::new() };
        test.steps.push(step(TestStep::Token, Finding::NotNeeded));
        assert_eq!(test.outcome(), StepOutcome::Ok);
        test.steps.push(step(TestStep::Folders, Finding::NoSentFolder));
        assert_eq!(test.outcome(), StepOutcome::Warning);
        test.steps.push(step(TestStep::Inbox, Finding::InboxClosed));
        assert_eq!(test.outcome(), StepOutcome::Failed);
        let kept = serde_json::to_value(&test).unwrap();
        assert_eq!(serde_json::from_value::<ConnectionTest>(kept).unwrap(), test);
    }
}

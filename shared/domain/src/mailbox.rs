//! An IMAP account of a tenant: where it is, how we sign in, and how that goes.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{CredentialId, MailboxId, TenantId};
use crate::tidying::Tidying;
use crate::words;

/// A mailbox of a tenant. Its secret is not here: it stays sealed until a session signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Its id.
    pub id: MailboxId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The mail address that people write to.
    pub address: Address,
    /// Where its IMAP server is.
    pub server: ImapServer,
    /// The name to sign in with.
    pub username: String,
    /// What it signs in with in place of a password of its own.
    pub credential: Option<CredentialId>,
    /// Whether it is read.
    pub polling: Polling,
    /// How reading goes.
    pub connection: Connection,
    /// How often it is read, in seconds: 60 to 900.
    pub poll_interval_s: u32,
    /// How new mail is noticed.
    pub new_mail: NewMail,
    /// How it goes with that, where the server is to tell of it.
    pub idling: Idling,
    /// Whether, and where to, bounces may be moved; `None`: the mailbox is only looked at.
    pub tidying: Option<Tidying>,
    /// When it will be read next.
    pub next_poll_at: DateTime<Utc>,
    /// When it was last read to the end.
    pub last_polled_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with every change by a person; the strong `ETag`.
    pub version: i64,
}

/// A mail address in lower case: one `@`, a local part of at most 64 and a domain of at most 253 octets (RFC 5321,
/// 4.5.3.1), without spaces and control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

/// The text can't be a mail address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a mail address")]
pub struct MalformedAddress;

impl Address {
    /// `local@domain`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Address {
    type Err = MalformedAddress;

    fn from_str(text: &str) -> Result<Self, MalformedAddress> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(MalformedAddress)?;
        let domain_is_sound = !domain.is_empty()
            && domain.len() <= 253
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            });
        let local_is_sound = !local.is_empty()
            && local.len() <= 64
            && !local.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ',' | ';'));
        if domain_is_sound && local_is_sound { Ok(Self(text.to_lowercase())) } else { Err(MalformedAddress) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    /// An address is personal data and stays out of logs.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<address at {}>", self.domain())
    }
}

words! {
    /// How TLS begins.
    TlsMode {
        /// From the first byte, usually on port 993 (RFC 8314).
        Implicit = "implicit",
        /// By STARTTLS, usually on port 143, and never without.
        StartTls = "starttls",
    }
}

/// Where an IMAP server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImapServer {
    /// Its name, which its certificate must carry.
    pub host: HostName,
    /// Its port.
    pub port: u16,
    /// How TLS begins.
    pub tls: TlsMode,
}

/// A DNS name in lower case, at least one label, no IP literal, no trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// The text can't be a host's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a host name; addresses are not accepted, because a certificate must carry the name")]
pub struct MalformedHost;

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = MalformedHost;

    fn from_str(text: &str) -> Result<Self, MalformedHost> {
        let labels_are_sound = !text.is_empty()
            && text.len() <= 253
            && text.split('.').all(|label| {
                matches!(label.len(), 1..=63)
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            });
        // A last label of digits is how `127.1` and `0x7f.1` dress up as names (WHATWG URL, "ends in a number").
        let last = text.rsplit('.').next().unwrap_or_default();
        let ends_in_a_number = last.bytes().all(|b| b.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
        if labels_are_sound && !ends_in_a_number { Ok(Self(text.to_ascii_lowercase())) } else { Err(MalformedHost) }
    }
}

impl Serialize for HostName {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a mailbox is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polling {
    /// It is.
    Active,
    /// Not until somebody resumes it.
    Paused {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Not any more: it is being deleted.
    Deleting {
        /// Since when.
        since: DateTime<Utc>,
    },
}

impl Polling {
    /// Stops reading. A second pause keeps the first date.
    #[must_use]
    pub const fn pause(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Active => Self::Paused { since: now },
            Self::Paused { .. } | Self::Deleting { .. } => self,
        }
    }
}

words! {
    /// How new mail is noticed.
    NewMail {
        /// By looking, in turn.
        Poll = "poll",
        /// The server tells of it at once (IDLE, RFC 2177), and turns are further apart.
        Idle = "idle",
    }
}

words! {
    /// How it goes with a session in which the server tells of new mail.
    IdleState {
        /// There is none yet, or none any more: the next read that succeeds begins one.
        Starting = "starting",
        /// There is one.
        Idling = "idling",
        /// The server does not offer IDLE, so the mailbox is looked at in turn.
        NotOffered = "not_offered",
        /// As many as may be are there already, so the mailbox is looked at in turn until one of them ends.
        NoRoom = "no_room",
    }
}

/// A session in which the server tells of new mail, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idling {
    /// The next read that succeeds begins one.
    Starting,
    /// There is one.
    Since(DateTime<Utc>),
    /// The server does not offer it.
    NotOffered,
    /// As many as may be are there already.
    NoRoom,
}

impl Idling {
    /// In one word.
    pub const fn state(self) -> IdleState {
        match self {
            Self::Starting => IdleState::Starting,
            Self::Since(_) => IdleState::Idling,
            Self::NotOffered => IdleState::NotOffered,
            Self::NoRoom => IdleState::NoRoom,
        }
    }

    /// Since when there is one.
    pub const fn since(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Since(since) => Some(since),
            Self::Starting | Self::NotOffered | Self::NoRoom => None,
        }
    }
}

/// How reading a mailbox goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Never tried.
    New,
    /// The last session read to the end.
    Connected {
        /// Since when without a failure.
        since: DateTime<Utc>,
    },
    /// Something is in the way; it is tried again, later and later.
    Unreachable {
        /// What.
        code: ConnectionFault,
        /// Since when.
        since: DateTime<Utc>,
        /// Failures in a row.
        failures: u32,
    },
    /// The password is wrong, as often as we ask, or its provider refuses the credential. Not tried again until it is
    /// replaced.
    CredentialRefused {
        /// Which of the two: [`ConnectionFault::CredentialRefused`] or [`ConnectionFault::GrantRefused`].
        code: ConnectionFault,
        /// Since when.
        since: DateTime<Utc>,
    },
}

words! {
    /// Why a mailbox is not read: the eleven public codes, and no more, so that a test of a mailbox is no port scanner.
    ConnectionFault {
        /// The name does not resolve, or to an address that is not allowed.
        HostNotFound = "host_not_found",
        /// No connection, no greeting in time, or it broke off.
        Unreachable = "unreachable",
        /// No TLS, or a certificate that does not hold.
        TlsFailed = "tls_failed",
        /// The password was refused, in so many words.
        CredentialRefused = "credential_refused",
        /// The server does not let the mailbox in and names no cause: a wrong password, or trouble of its own.
        SignInFailed = "sign_in_failed",
        /// The identity provider refuses the credential that access tokens are asked for with.
        GrantRefused = "grant_refused",
        /// The identity provider gives no access token at the moment.
        TokenUnavailable = "token_unavailable",
        /// The server takes a fresh access token not for this mailbox.
        AccessRefused = "access_refused",
        /// The server asks us to come later: limits, maintenance, quota.
        ServerBusy = "server_busy",
        /// What came back is not IMAP as we can use it.
        ProtocolError = "protocol_error",
        /// A folder numbers its messages anew each time it is opened, so nothing that was read can be known again.
        UnstableUids = "unstable_uids",
        /// Reading it ended our own program three times, so it is not read until somebody asks for it.
        SetAside = "set_aside",
    }
}

impl ConnectionFault {
    /// What somebody can do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::HostNotFound => {
                "Check the host name of the IMAP server. Addresses inside a network have to be allowed by the operator."
            }
            Self::Unreachable => {
                "Check that the server and its port can be reached from the internet. It is tried again by itself."
            }
            Self::TlsFailed => "Check that the port speaks TLS and that the certificate is valid and names the host.",
            Self::CredentialRefused => "Replace the password, and check that the account may sign in over IMAP.",
            Self::SignInFailed => {
                "The server does not let the mailbox in and does not say why: check the password and that IMAP is enabled for it. It is tried again by itself, after an hour of failures once an hour, so that no account is locked for it."
            }
            Self::GrantRefused => {
                "The identity provider refuses the credential of this mailbox. Read the credential: its condition says why and what to do."
            }
            Self::TokenUnavailable => {
                "Nothing is to be done: the identity provider gives no access token at the moment, and is asked again by itself."
            }
            Self::AccessRefused => {
                "The server does not let the credential into this mailbox: check that the account exists, that IMAP is enabled for it, and that the credential's consent steps were done for it. It is tried again by itself."
            }
            Self::ServerBusy => {
                "Nothing is to be done: it is tried again by itself. If it stays so, ask the mail host for its limits."
            }
            Self::ProtocolError => "Check that host and port are those of an IMAP server, and that IMAP is enabled.",
            Self::SetAside => {
                "Reading this mailbox ended our program three times, so it is not read any more. Tell the operator. After an update, or when the mail host has changed something, read it now: it gets one more chance."
            }
            Self::UnstableUids => {
                "Open each folder of the mailbox once in a mail program: its folders get another UIDVALIDITY each time, and some servers (Courier) keep one only then. If it stays so, ask the mail host to repair the index of the mailbox. Reading resumes by itself when they keep it."
            }
        }
    }
}

/// How many refused passwords in a row before no more are tried: hosts lock accounts after a few.
pub const MAX_REFUSED_LOGINS: u32 = 3;

impl Connection {
    /// After a session that failed. `jitter` is 0 to 1.
    ///
    /// A refused password counts as refused only from the third time in a row: until then it is "unreachable, because
    /// `credential_refused`". A refused grant counts at once: it was the provider that was asked, and it said so.
    #[must_use]
    pub fn failed(&self, code: ConnectionFault, now: DateTime<Utc>) -> Self {
        let (since, failures) = match self {
            Self::Unreachable { code: before, since, failures }
                if *before == code || code != ConnectionFault::CredentialRefused =>
            {
                (*since, failures.saturating_add(1))
            }
            Self::New | Self::Connected { .. } | Self::Unreachable { .. } => (now, 1),
            Self::CredentialRefused { .. } => return self.clone(),
        };
        let is_final = match code {
            ConnectionFault::CredentialRefused => failures >= MAX_REFUSED_LOGINS,
            ConnectionFault::GrantRefused => true,
            ConnectionFault::HostNotFound
            | ConnectionFault::Unreachable
            | ConnectionFault::TlsFailed
            | ConnectionFault::SignInFailed
            | ConnectionFault::TokenUnavailable
            | ConnectionFault::AccessRefused
            | ConnectionFault::ServerBusy
            | ConnectionFault::ProtocolError
            | ConnectionFault::UnstableUids
            | ConnectionFault::SetAside => false,
        };
        if is_final {
            return Self::CredentialRefused { code, since: now };
        }
        Self::Unreachable { code, since, failures }
    }

    /// Whether the password has just been refused for the second time in a row, with nothing else between: hosts lock
    /// mailboxes that send spam.
    pub const fn is_refused_again(&self) -> bool {
        matches!(self, Self::Unreachable { code: ConnectionFault::CredentialRefused, failures: 2, .. })
    }

    /// After a session that read to the end.
    #[must_use]
    pub fn succeeded(&self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Connected { .. } => self.clone(),
            Self::New | Self::Unreachable { .. } | Self::CredentialRefused { .. } => Self::Connected { since: now },
        }
    }

    /// How long to wait after `failures` in a row: 2 s × 1.5ⁿ, at most 10 min, spread by a jitter of 0 to 1.
    pub fn cool_down(failures: u32, jitter: f64) -> TimeDelta {
        let exponent = i32::try_from(failures.saturating_sub(1).min(30)).unwrap_or(30);
        let base_ms = (2_000.0 * 1.5_f64.powi(exponent)).min(600_000.0);
        #[expect(clippy::cast_possible_truncation, reason = "at most 720,000")]
        let spread_ms = (base_ms * (0.8 + 0.4 * jitter.clamp(0.0, 1.0))) as i64;
        TimeDelta::milliseconds(spread_ms)
    }
}

/// Where polling a folder resumes.
///
/// IMAP UIDs only grow while UIDVALIDITY stays the same (RFC 9051, 2.3.1.1). When it changes, every UID we remember
/// means some other message, so the folder is read again; that is safe because a bounce is stored once however often
/// it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// RFC 9051 UIDVALIDITY.
    pub uid_validity: u32,
    /// The newest message already read.
    pub last_uid: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn the_third_refused_password_in_a_row_ends_sign_ins() {
        let refused = ConnectionFault::CredentialRefused;
        let once = Connection::New.failed(refused, at(1));
        let twice = once.failed(refused, at(2));
        assert!(matches!(twice, Connection::Unreachable { failures: 2, .. }));
        assert_eq!(twice.failed(refused, at(3)), Connection::CredentialRefused { code: refused, since: at(3) });
    }

    #[test]
    fn a_refused_grant_ends_sign_ins_at_once_and_a_token_that_is_not_let_in_never_does() {
        let refused = Connection::New.failed(ConnectionFault::GrantRefused, at(1));
        assert_eq!(refused, Connection::CredentialRefused { code: ConnectionFault::GrantRefused, since: at(1) });
        for code in [ConnectionFault::TokenUnavailable, ConnectionFault::AccessRefused] {
            let often = (1..=50).fold(Connection::New, |before, second| before.failed(code, at(second)));
            assert!(matches!(often, Connection::Unreachable { failures: 50, .. }) && !often.is_refused_again());
        }
    }

    #[test]
    fn an_outage_between_two_refusals_starts_the_count_again() {
        let refused = ConnectionFault::CredentialRefused;
        let state = Connection::New.failed(refused, at(1)).failed(refused, at(2));
        let state = state.failed(ConnectionFault::Unreachable, at(3)).failed(refused, at(4));
        assert!(matches!(state, Connection::Unreachable { failures: 1, .. }));
    }

    #[test]
    fn cool_downs_grow_and_stop_growing() {
        assert_eq!(Connection::cool_down(1, 0.5), TimeDelta::seconds(2));
        assert_eq!(Connection::cool_down(2, 0.5), TimeDelta::seconds(3));
        assert_eq!(Connection::cool_down(500, 0.5), TimeDelta::minutes(10));
    }

    #[test]
    fn addresses_in_disguise_are_no_host_names() {
        for text in ["127.0.0.1", "0x7f.1", "127.1", "::1", "[::1]", "2130706433", "a..b", "-a.example", "a.example."] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
        assert_eq!("IMAP.Example".parse::<HostName>().unwrap().as_str(), "imap.example");
    }

    #[test]
    fn an_address_is_one_address() {
        for text in ["", "a", "@b.example", "a@", "a b@c.example", "a@b@c.example", "a@b..c", "a\r\n@b.example"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
        assert_eq!("Sato@Sakura.Example".parse::<Address>().unwrap().as_str(), "sato@sakura.example");
    }
}

//! Why a session could not go on, as decisions: what to do next differs between any two of these.

use std::io;

use daimon_domain::mailbox::ConnectionFault;

/// Causes that somebody tells apart from others of their case.
pub(crate) const NOT_OFFERED: &str = "STARTTLS is not offered";
pub(crate) const NOT_BEGUN: &str = "STARTTLS was refused";
pub(crate) const TAMPERED: &str = "bytes in clear after STARTTLS";
pub(crate) const PREAUTH: &str = "PREAUTH";
pub(crate) const NO_CAUSE: &str = "a NO without a cause";
pub(crate) const NO_UID_VALIDITY: &str = "no UIDVALIDITY";

/// Why a session, or one step of it, failed.
///
/// No case carries what the server wrote: that text may hold addresses, and in logs it would be the server's to forge.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The server said `[AUTHENTICATIONFAILED]` in answer to our sign-in. Nothing else counts as a refused password:
    /// hosts that are overloaded, in maintenance or over quota answer a plain `NO`, and a mailbox that stops being
    /// read because of a midnight time-out is worse than one more sign-in.
    #[error("the server refused the password")]
    Refused,
    /// The server does not let us in and names no cause. It may be the password, and it may be a bad hour of the server.
    #[error("the server lets nobody in and does not say why")]
    NotLetIn,
    /// The server does not let this access token in: it has run out or was taken back, or it is not for this account. No
    /// account is locked for that, so it counts for nothing until a fresh token is refused too.
    #[error("the server refused the access token")]
    TokenRefused,
    /// The server asks us to come later: `[UNAVAILABLE]`, `[LIMIT]`, `[OVERQUOTA]`, BYE, or a `NO` that names no cause, other than to a sign-in.
    #[error("the server asks to come later ({0})")]
    Busy(&'static str),
    /// TLS can't be had, or something tried to keep us from it.
    #[error("no TLS: {0}")]
    Tls(&'static str),
    /// It took longer than it may.
    #[error("timed out: {0}")]
    TimedOut(&'static str),
    /// The connection broke, or an earlier command of this session did not end and took the connection with it.
    #[error("the connection broke")]
    Unreachable(#[source] Option<io::Error>),
    /// The server sent more than one answer may hold.
    #[error("too much: {0}")]
    TooMuch(&'static str),
    /// What came back is not IMAP as we can use it.
    #[error("not usable as IMAP: {0}")]
    Protocol(&'static str),
    /// An argument of ours holds a character that no IMAP command may carry. Nothing was sent.
    #[error("a line break or NUL in an argument")]
    Unsendable,
    /// The server has no such folder, or does not let us open it. The session goes on.
    #[error("the folder cannot be opened")]
    NoFolder,
}

impl SessionError {
    /// The public code.
    pub const fn code(&self) -> ConnectionFault {
        match self {
            Self::Refused => ConnectionFault::CredentialRefused,
            Self::NotLetIn => ConnectionFault::SignInFailed,
            Self::TokenRefused => ConnectionFault::AccessRefused,
            Self::Busy(_) => ConnectionFault::ServerBusy,
            Self::Tls(_) => ConnectionFault::TlsFailed,
            Self::TimedOut(_) | Self::Unreachable(_) => ConnectionFault::Unreachable,
            Self::TooMuch(_) | Self::Protocol(_) | Self::Unsendable | Self::NoFolder => ConnectionFault::ProtocolError,
        }
    }

    /// Whether the session is still usable after it.
    pub const fn leaves_the_session_usable(&self) -> bool {
        matches!(self, Self::NoFolder | Self::Unsendable)
    }
}

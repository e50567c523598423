//! What can go wrong on the way out, in the few words that customers may see.

use std::path::{Path, PathBuf};

use daimon_domain::delivery::AttemptFault;
use daimon_domain::mailbox::ConnectionFault;

/// No connection, or no answer.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name leads, among others, to an address or port that is not allowed.
    #[error("the host leads to an address or port that is not allowed")]
    Forbidden,
    /// The name does not resolve.
    #[error("the host name does not resolve")]
    HostNotFound,
    /// No connection, or it broke off.
    #[error("no connection")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// TLS could not be agreed on, or the certificate does not hold.
    #[error("no trustworthy TLS")]
    TlsFailed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not in time.
    #[error("not in time")]
    TimedOut,
}

impl From<&DialError> for AttemptFault {
    fn from(error: &DialError) -> Self {
        match error {
            DialError::Forbidden => Self::Forbidden,
            DialError::HostNotFound => Self::HostNotFound,
            DialError::Unreachable(_) => Self::Unreachable,
            DialError::TlsFailed(_) => Self::TlsFailed,
            DialError::TimedOut => Self::TimedOut,
        }
    }
}

impl From<&DialError> for ConnectionFault {
    /// A forbidden address looks like a name that does not exist, and silence like a refusal: otherwise a test of a
    /// mailbox would map the network we run in.
    fn from(error: &DialError) -> Self {
        match error {
            DialError::Forbidden | DialError::HostNotFound => Self::HostNotFound,
            DialError::Unreachable(_) | DialError::TimedOut => Self::Unreachable,
            DialError::TlsFailed(_) => Self::TlsFailed,
        }
    }
}

/// A setting that says where to go can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file can't be read.
    #[error("{} can't be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file has something else in it.
    #[error("line {line} of {} is not {expected}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What a line looks like.
        expected: &'static str,
    },
    /// A file of certificates has none, or something else in it.
    #[error("{} has no usable PEM certificates", path.display())]
    Certificates {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// A hosts file outside development.
    #[error("a resolve file is for development only")]
    ResolveFileInProduction,
    /// The system says nothing of how to resolve names.
    #[error("the system's DNS settings can't be used")]
    Dns(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No root certificates.
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
}

pub(crate) fn read(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })
}

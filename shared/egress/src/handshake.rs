//! What TLS was agreed on, and why none was: for whoever has to mend it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, ProtocolVersion};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::dial::TlsStream;
use crate::error::DialError;

/// What was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// When the server's certificate runs out, in seconds since 1970.
    pub expires_at: Option<i64>,
}

/// Looks at a connection.
pub fn handshake(stream: &TlsStream) -> Handshake {
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    let parsed = certificate.and_then(|der| X509Certificate::from_der(der).ok());
    Handshake { version, expires_at: parsed.map(|(_, certificate)| certificate.validity().not_after.timestamp()) }
}

/// Why TLS was not agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFlaw {
    /// The certificate has run out.
    Expired,
    /// It holds from a later date on.
    NotYetValid,
    /// It is for other names.
    OtherName,
    /// Nobody whom we trust has issued it.
    Untrusted,
    /// It was revoked.
    Revoked,
    /// Anything else about it.
    BadCertificate,
    /// The server speaks TLS 1.1 or older.
    TooOld,
    /// What came was not TLS.
    NotTls,
    /// The other side broke off.
    Broken,
}

impl DialError {
    /// What was wrong with TLS; `None`: it was something else.
    pub fn tls_flaw(&self) -> Option<TlsFlaw> {
        let Self::TlsFailed(source) = self else { return None };
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(source.as_ref());
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<Error>() {
                return Some(flaw(error));
            }
            // What is inside one of these is not its source.
            let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            cause = inside.map(|inside| inside as &(dyn std::error::Error + 'static)).or_else(|| error.source());
        }
        Some(TlsFlaw::Broken)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls adds to these, and only a few can be mended differently")]
fn flaw(error: &Error) -> TlsFlaw {
    match error {
        Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFlaw::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFlaw::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFlaw::OtherName,
            // The second: whoever issued it calls himself like somebody whom we trust.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFlaw::Untrusted,
            CertificateError::Revoked => TlsFlaw::Revoked,
            _ => TlsFlaw::BadCertificate,
        },
        Error::PeerIncompatible(_)
        | Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity) => {
            TlsFlaw::TooOld
        }
        Error::InvalidMessage(_) => TlsFlaw::NotTls,
        _ => TlsFlaw::Broken,
    }
}

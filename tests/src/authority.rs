//! A throw-away certificate authority, so that TLS is real and checked.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::place::Place;

/// Names of the servers that a stranger's client would dial; all of them are 127.0.0.1 here.
pub const NAMES: [&str; 7] = [
    "localhost",
    "mail.sakura-dental.example",
    "imap.provider.example",
    "hooks.psa.example",
    crate::identity::HOST,
    "oauth2.googleapis.com",
    "imap.gmail.com",
];

/// A name that resolves but that no certificate carries: for sessions that must be refused.
pub const UNCERTIFIED: &str = "imap.impostor.example";

/// The files of an authority and of the one certificate it issued.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Authority {
    /// What clients must trust.
    pub ca: PathBuf,
    /// What servers show.
    pub certificate: PathBuf,
    /// The key to it.
    pub key: PathBuf,
}

impl Authority {
    /// Makes both in `place`, or keeps those that are there.
    pub fn in_place(place: &Place) -> anyhow::Result<Self> {
        let dir = place.folder("ca")?;
        let made = Self { ca: dir.join("ca.pem"), certificate: dir.join("server.pem"), key: dir.join("server.key") };
        if !made.key.exists() {
            made.issue()?;
        }
        Ok(made)
    }

    fn issue(&self) -> anyhow::Result<()> {
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(DnType::CommonName, "Daimon's throw-away authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let ca_key = KeyPair::generate()?;
        let ca = params.self_signed(&ca_key)?;
        std::fs::write(&self.ca, ca.pem())?;

        let issuer = Issuer::new(params, ca_key);
        let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
        names.push("127.0.0.1".to_owned());
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?;
        std::fs::write(&self.certificate, certificate.pem())?;
        std::fs::write(&self.key, key.serialize_pem())?;
        Ok(())
    }

    /// A TLS server that shows the certificate.
    pub fn acceptor(&self) -> anyhow::Result<tokio_rustls::TlsAcceptor> {
        use rustls::pki_types::pem::PemObject;
        let chain = vec![rustls::pki_types::CertificateDer::from_pem_file(&self.certificate)?];
        let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&self.key)?;
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config)))
    }

    /// A TLS client that trusts only this authority.
    pub fn connector(&self) -> anyhow::Result<tokio_rustls::TlsConnector> {
        use rustls::pki_types::pem::PemObject;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_file(&self.ca)?)?;
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)))
    }

    /// Writes a hosts file that leads every name here.
    pub fn hosts_file(path: &Path) -> anyhow::Result<()> {
        let lines: String = NAMES.iter().chain([&UNCERTIFIED]).map(|name| format!("127.0.0.1 {name}\n")).collect();
        Ok(std::fs::write(path, lines)?)
    }
}

fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

//! Resolve once, vet every answer, dial what was vetted.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use daimon_domain::mailbox::HostName;
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::error::{DialError, SettingsError};
use crate::guard::{Guard, IMAP_PORTS, at};
use crate::resolve::{NoAnswer, Resolver};

/// How long a connection, and then its TLS handshake, may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A TLS connection that is ready to be spoken over.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Addresses that may be dialled.
#[derive(Debug)]
pub struct Vetted(Vec<SocketAddr>);

/// What the operator says of the way out.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `DAIMON_EGRESS_ALLOW_FILE`.
    pub allow_file: Option<PathBuf>,
    /// `DAIMON_EXTRA_CA_FILE`.
    pub extra_ca_file: Option<PathBuf>,
    /// `DAIMON_RESOLVE_FILE`, in development only.
    pub resolve_file: Option<PathBuf>,
    /// `DAIMON_DNS_SERVERS`; none: the system's.
    pub dns_servers: Vec<SocketAddr>,
    /// `DAIMON_API_HOSTS`: what our own API is called.
    pub own_hosts: Vec<HostName>,
    /// Whether this is development.
    pub development: bool,
}

/// The only way out.
#[derive(Clone)]
pub struct Egress {
    inner: Arc<Inner>,
}

struct Inner {
    guard: Guard,
    resolver: Resolver,
    tls: Arc<ClientConfig>,
    /// How long a webhook may take in all.
    post_limit: Duration,
}

impl Egress {
    /// Reads the files that the settings name.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let guard =
            Guard::new(settings.allow_file.as_deref(), settings.development)?.with_own(settings.own_hosts.clone());
        let resolver = Resolver::new(settings.resolve_file.as_deref(), &settings.dns_servers, settings.development)?;
        let extra_roots = settings.extra_ca_file.as_deref().map(certificates).transpose()?.unwrap_or_default();
        Self::with(guard, resolver, extra_roots, crate::post::LIMIT)
    }

    pub(crate) fn with(
        guard: Guard,
        resolver: Resolver,
        extra_roots: Vec<CertificateDer<'static>>,
        post_limit: Duration,
    ) -> Result<Self, SettingsError> {
        let tls = Arc::new(tls_config(extra_roots).map_err(SettingsError::Tls)?);
        Ok(Self { inner: Arc::new(Inner { guard, resolver, tls, post_limit }) })
    }

    /// What decides about URLs and addresses.
    pub fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    /// TLS 1.2 or later, verified by the platform's roots and the extra ones.
    pub fn tls_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.inner.tls)
    }

    /// How long a webhook request may take in all.
    pub fn post_limit(&self) -> Duration {
        self.inner.post_limit
    }

    /// A name's text records, each with its strings joined.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        self.inner.resolver.txt(name).await
    }

    /// A domain's mail exchangers, best first; the null MX (RFC 7505) is an empty name.
    pub async fn mx(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        self.inner.resolver.mx(name).await
    }

    /// Hosts and ports of a service (RFC 2782), best first; "decidedly not" is an empty name.
    pub async fn srv(&self, name: &str) -> Result<Vec<(String, u16)>, NoAnswer> {
        self.inner.resolver.srv(name).await
    }

    /// A name's addresses, to be looked at: whoever wants to dial one has it vetted by [`Self::connect`].
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        self.inner.resolver.looked_at(name).await
    }

    /// Connects to an IMAP server.
    pub async fn connect(&self, host: &HostName, port: u16) -> Result<TcpStream, DialError> {
        let dialled = async { dial(&self.vetted(host, port, IMAP_PORTS).await?, CONNECT_LIMIT).await };
        timeout(CONNECT_LIMIT, dialled).await.unwrap_or(Err(DialError::TimedOut))
    }

    /// The first half of [`Self::connect`]: where an IMAP server's name leads, for whoever wants to know how far he comes.
    pub async fn vet(&self, host: &HostName, port: u16) -> Result<Vetted, DialError> {
        let vetted = timeout(CONNECT_LIMIT, self.vetted(host, port, IMAP_PORTS)).await;
        vetted.unwrap_or(Err(DialError::TimedOut)).map(Vetted)
    }

    /// The second half of [`Self::connect`].
    pub async fn dial(&self, vetted: &Vetted) -> Result<TcpStream, DialError> {
        timeout(CONNECT_LIMIT, dial(&vetted.0, CONNECT_LIMIT)).await.unwrap_or(Err(DialError::TimedOut))
    }

    /// Connects to an IMAP server that speaks TLS from the first byte.
    pub async fn tls_connect(&self, host: &HostName, port: u16) -> Result<TlsStream, DialError> {
        let plain = self.connect(host, port).await?;
        self.start_tls(host, plain).await
    }

    /// Begins TLS on a connection, as after STARTTLS.
    pub async fn start_tls(&self, host: &HostName, plain: TcpStream) -> Result<TlsStream, DialError> {
        let name = ServerName::try_from(host.as_str().to_owned())
            .map_err(|not_a_name| DialError::TlsFailed(Box::new(not_a_name)))?;
        let handshake = TlsConnector::from(self.tls_config()).connect(name, plain);
        match timeout(CONNECT_LIMIT, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(DialError::TlsFailed(Box::new(error))),
            Err(_elapsed) => Err(DialError::TimedOut),
        }
    }

    /// Where that name leads, every address vetted. One forbidden answer refuses them all: a name that points both
    /// outside and inside is an attack or a mistake.
    pub(crate) async fn vetted(
        &self,
        host: &HostName,
        port: u16,
        usual_ports: &[u16],
    ) -> Result<Vec<SocketAddr>, DialError> {
        let addresses = self.inner.resolver.addresses(host).await?;
        let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| at(ip, port)).collect();
        if addresses.iter().all(|address| self.inner.guard.permits(*address, usual_ports)) {
            Ok(addresses)
        } else {
            Err(DialError::Forbidden)
        }
    }
}

/// Dials one address after the other, each for its share of the time, so that a silent one leaves some for the next. The last
/// failure is the one that is told.
async fn dial(addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, DialError> {
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut failure = DialError::HostNotFound;
    for address in addresses {
        let Ok(dialled) = timeout(share, TcpStream::connect(address)).await else {
            failure = DialError::TimedOut;
            continue;
        };
        match dialled {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| DialError::Unreachable(Box::new(error)))?;
                return Ok(stream);
            }
            Err(error) => failure = DialError::Unreachable(Box::new(error)),
        }
    }
    Err(failure)
}

fn tls_config(extra_roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra_roots, Arc::clone(&provider))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .dangerous() // rustls's word for any verifier that is not its own; this one is the platform's
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let unusable = |source| SettingsError::Certificates { path: path.to_owned(), source };
    let found =
        CertificateDer::pem_file_iter(path).map_err(unusable)?.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
    if found.is_empty() { Err(unusable(rustls_pki_types::pem::Error::NoItemsFound)) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::handshake::{TlsFlaw, handshake};
    use crate::stub::{Authority, Proof, Stub};

    fn host(text: &str) -> HostName {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn tls_is_spoken_with_who_the_certificate_names() {
        let authority = Authority::new();
        let stub = Stub::start(Proof::Name(&authority, "imap.example"), Some(b"hello".to_vec())).await;
        let egress = authority.egress("127.0.0.1/32:*", [&["127.0.0.1"], &["127.0.0.1"]]);
        let port = stub.address.port();
        let mut stream = egress.tls_connect(&host("imap.example"), port).await.unwrap();
        let agreed = handshake(&stream);
        // rcgen's own default.
        assert_eq!((agreed.version, agreed.expires_at), ("TLS 1.3", Some(67_090_118_400)));
        stream.write_all(b"{}").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "hello");
        let refused = egress.tls_connect(&host("other.example"), port).await;
        assert!(matches!(refused, Err(DialError::TlsFailed(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn behind_an_address_that_is_silent_the_next_is_found() {
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let silent = silent.listen(1).unwrap();
        let at = silent.local_addr().unwrap();
        let good = tokio::net::TcpListener::bind(("127.0.0.3", at.port())).await.unwrap();
        // Nobody accepts: when its queue is full, the kernel leaves who comes without an answer.
        let short = Duration::from_millis(200);
        let mut queue = Vec::new();
        while let Ok(Ok(stream)) = timeout(short, TcpStream::connect(at)).await {
            queue.push(stream);
        }
        assert!(matches!(dial(&[at], short).await, Err(DialError::TimedOut)));
        let found = dial(&[at, good.local_addr().unwrap()], short * 2).await.unwrap();
        assert_eq!(found.peer_addr().unwrap(), good.local_addr().unwrap());
    }

    #[tokio::test]
    async fn an_imap_server_whose_certificate_does_not_hold_hears_nothing() {
        let (authority, stranger) = (Authority::new(), Authority::new());
        for (what, proof, flaw) in [
            ("expired", Proof::Expired(&authority, "imap.example"), TlsFlaw::Expired),
            ("another name", Proof::Name(&authority, "other.example"), TlsFlaw::OtherName),
            ("another authority", Proof::Name(&stranger, "imap.example"), TlsFlaw::Untrusted),
            ("self-signed", Proof::SelfSigned("imap.example"), TlsFlaw::Untrusted),
        ] {
            let stub = Stub::start(proof, Some(b"hello".to_vec())).await;
            let egress = authority.egress("127.0.0.1/32:*", [&["127.0.0.1"], &["127.0.0.1"]]);
            let refused = egress.tls_connect(&host("imap.example"), stub.address.port()).await;
            assert_eq!(refused.as_ref().err().and_then(DialError::tls_flaw), Some(flaw), "{what}: {refused:?}");
            let plain = egress.connect(&host("imap.example"), stub.address.port()).await.unwrap();
            let refused = egress.start_tls(&host("imap.example"), plain).await;
            assert!(matches!(refused, Err(DialError::TlsFailed(_))), "{what}, by STARTTLS: {refused:?}");
            assert_eq!(stub.request(), "", "{what}");
        }
    }

    #[tokio::test]
    async fn a_server_that_speaks_tls_1_1_is_left() {
        let authority = Authority::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut offered = vec![0; 4_096];
            let read = stream.read(&mut offered).await.unwrap();
            offered.truncate(read);
            // ServerHello (RFC 4346, 7.4.1.3): version 3.2, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
            let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
            hello.extend([7; 32]);
            hello.extend([0, 0, 0x2f, 0]);
            stream.write_all(&hello).await.unwrap();
            let mut said = Vec::new();
            stream.read_to_end(&mut said).await.unwrap();
            (offered, said)
        });
        let egress = authority.egress("127.0.0.1/32:*", [&["127.0.0.1"]]);
        let refused = egress.tls_connect(&host("imap.example"), port).await;
        assert_eq!(refused.as_ref().err().and_then(DialError::tls_flaw), Some(TlsFlaw::TooOld), "{refused:?}");
        let (offered, said) = server.await.unwrap();
        // supported_versions (RFC 8446, 4.2.1): 1.3 and 1.2, and nothing below.
        assert!(offered.windows(9).any(|bytes| bytes == [0, 43, 0, 5, 4, 3, 4, 3, 3]), "{offered:?}");
        assert_eq!(said.get(5..), Some(&[2, 70][..]), "a fatal alert: protocol_version");
    }

    #[tokio::test]
    async fn one_forbidden_answer_refuses_them_all() {
        let authority = Authority::new();
        let stub = Stub::start(Proof::None, None).await;
        let port = stub.address.port();
        let egress = authority.egress("127.0.0.1/32:*", [&["127.0.0.1", "10.0.0.1"], &["10.0.0.1"], &["8.8.8.8"]]);
        for what in ["mixed", "private", "public at an unusual port"] {
            let refused = egress.connect(&host("imap.example"), port).await;
            assert!(matches!(refused, Err(DialError::Forbidden)), "{what}: {refused:?}");
        }
        let refused = egress.connect(&host("imap.example"), port).await;
        assert!(matches!(refused, Err(DialError::HostNotFound)), "{refused:?}");
        assert_eq!(stub.connections(), 0);
    }

    #[tokio::test]
    async fn the_next_address_is_dialled_when_the_first_is_closed() {
        let authority = Authority::new();
        let stub = Stub::start(Proof::None, None).await;
        let egress = authority.egress("127.0.0.0/8:*", [&["127.0.0.9", "127.0.0.1"]]);
        let stream = egress.connect(&host("imap.example"), stub.address.port()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), stub.address);
    }

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let settings = Settings { extra_ca_file: Some("/dev/null".into()), ..Settings::default() };
        let refused = certificates(settings.extra_ca_file.as_deref().unwrap()).err().unwrap();
        assert!(refused.to_string().contains("/dev/null"), "{refused}");
    }
}

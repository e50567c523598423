//! Servers on loopback that answer as the test says, and a way out that leads to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::dial::Egress;
use crate::guard::Guard;
use crate::resolve::Resolver;

/// An authority that only the test trusts.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A server's side of TLS for that name.
    fn server(&self, name: &str, expired: bool) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        acceptor(params.signed_by(&key, &self.issuer).unwrap().der().clone(), &key)
    }

    /// A way out whose DNS answers are written down, through a guard with these lines.
    pub(crate) fn egress<const N: usize>(&self, allowed: &str, answers: [&[&str]; N]) -> Egress {
        let guard = Guard::parse(allowed, true).unwrap();
        let roots = vec![self.certificate.clone()];
        Egress::with(guard, Resolver::scripted(answers), roots, Duration::from_millis(300)).unwrap()
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A server that counts connections and answers each in the same way.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    request: Arc<std::sync::Mutex<String>>,
    task: JoinHandle<()>,
}

/// How a stub proves who it is.
pub(crate) enum Proof<'a> {
    /// It does not speak TLS.
    None,
    /// A certificate for this name.
    Name(&'a Authority, &'a str),
    /// A certificate that was valid for this name.
    Expired(&'a Authority, &'a str),
    /// A certificate for this name that only its own key has signed.
    SelfSigned(&'a str),
}

impl Stub {
    /// Answers `answer` and closes; an answer of `None` never comes.
    pub(crate) async fn start(proof: Proof<'_>, answer: Option<Vec<u8>>) -> Self {
        let acceptor = match proof {
            Proof::None => None,
            Proof::Name(authority, name) => Some(authority.server(name, false)),
            Proof::Expired(authority, name) => Some(authority.server(name, true)),
            Proof::SelfSigned(name) => {
                let key = KeyPair::generate().unwrap();
                let params = CertificateParams::new([name.to_owned()]).unwrap();
                Some(acceptor(params.self_signed(&key).unwrap().der().clone(), &key))
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let request = Arc::new(std::sync::Mutex::new(String::new()));
        let (counted, seen) = (Arc::clone(&connections), Arc::clone(&request));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                match &acceptor {
                    None => serve(stream, answer.as_deref(), &seen).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream, answer.as_deref(), &seen).await;
                        }
                    }
                }
            }
        });
        Self { address, connections, request, task }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn request(&self) -> String {
        self.request.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request to the end of its short body, then answers.
async fn serve<S>(mut stream: S, answer: Option<&[u8]>, seen: &std::sync::Mutex<String>)
where
    S: AsyncReadExt + AsyncWrite + Unpin,
{
    let mut read = Vec::new();
    while !read.ends_with(b"}") {
        match stream.read_buf(&mut read).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
    *seen.lock().unwrap() = String::from_utf8_lossy(&read).into_owned();
    match answer {
        Some(answer) => {
            // The client hangs up early when it has read enough.
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
        None => std::future::pending().await,
    }
}

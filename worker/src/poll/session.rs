//! A signed-in session: the only place that speaks IMAP.

use std::future::Future;
use std::io;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};

use super::checkpoint::{Checkpoint, Selected};
use super::folders::Folder;
use super::mail::{Batch, Mail, SentMail};
use super::{Limits, SessionError};

/// What a session runs over: a TLS stream, or one end of a pipe in tests.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What to sign in with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub secret: SecretString,
}

/// A signed-in session. Dropping any of its futures drops the connection: an answer that nobody read would be taken for the
/// answer to the next command.
pub struct Session {
    limits: Limits,
}

impl Session {
    /// Waits for the greeting and signs in. `stream` is TLS already.
    pub async fn open<S: Stream + 'static>(
        stream: S,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Self, SessionError> {
        let _ = (stream, credentials);
        std::future::ready(()).await;
        Ok(Self { limits })
    }

    /// Like [`Session::open`] on a connection without TLS, which `upgrade` turns into one with TLS before anything secret is said.
    pub async fn open_starttls<S, F, Up>(
        stream: S,
        upgrade: F,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Self, SessionError>
    where
        S: Stream + 'static,
        F: FnOnce(Box<dyn Stream>) -> Up + Send,
        Up: Future<Output = io::Result<Box<dyn Stream>>> + Send,
    {
        let stream = upgrade(Box::new(stream)).await.map_err(|_refused| SessionError::Tls("handshake failed"))?;
        Self::open(stream, credentials, limits).await
    }

    /// The folders that can be opened, with what each is for.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, SessionError> {
        std::future::ready(()).await;
        Ok(Vec::new())
    }

    /// Opens a folder for reading only. `known` is where reading it stopped last time.
    pub async fn examine(&mut self, folder: &Folder, known: Option<Checkpoint>) -> Result<Selected, SessionError> {
        let _ = (folder, known);
        std::future::ready(()).await;
        Err(SessionError::NoFolder)
    }

    /// On the first visit: the first UID that arrived on `since`'s day or later, or `uid_next` when none did.
    pub async fn first_uid_since(&mut self, selected: Selected, since: DateTime<Utc>) -> Result<u32, SessionError> {
        let _ = since;
        std::future::ready(()).await;
        Ok(selected.uid_next)
    }

    /// Reads what may be reports, from UID `first` on, at most [`Limits::batch`] messages.
    pub async fn reports(&mut self, selected: Selected, first: u32) -> Result<Batch<Mail>, SessionError> {
        let _ = (selected, first, self.limits);
        std::future::ready(()).await;
        Err(SessionError::NoFolder)
    }

    /// Reads Message-ID, Date and recipients of sent mail, from UID `first` on, at most [`Limits::batch`] messages.
    pub async fn sent(&mut self, selected: Selected, first: u32) -> Result<Batch<SentMail>, SessionError> {
        let _ = (selected, first, self.limits);
        std::future::ready(()).await;
        Err(SessionError::NoFolder)
    }

    /// Says goodbye, for politeness only: the answer doesn't matter.
    pub async fn close(self) {
        std::future::ready(()).await;
    }
}

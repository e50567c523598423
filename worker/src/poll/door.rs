//! A session that is opened one step at a time, for whoever wants to know how far he comes and why no further.

use std::future::Future;

use super::checked::{Outcome, Wire};
use super::error::{NOT_BEGUN, NOT_OFFERED};
use super::session::{Credentials, Secret, Stream};
use super::sign_in::{Capabilities, sign_in};
use super::{Hint, Limits, Session, SessionError};

/// What is worth telling of what a server can do.
const TOLD: &[&str] = &[
    "IMAP4REV1",
    "IMAP4REV2",
    "IDLE",
    "SPECIAL-USE",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "MOVE",
    "UIDPLUS",
    "COMPRESS=DEFLATE",
    "X-GM-EXT-1",
    "LOGINDISABLED",
    "AUTH=PLAIN",
    "AUTH=LOGIN",
    "AUTH=XOAUTH2",
    "AUTH=OAUTHBEARER",
];

/// A connection to a server that has not been signed in to.
pub struct Door<S: Stream = Box<dyn Stream>> {
    wire: Wire<S>,
    limits: Limits,
}

/// What a server can do.
#[derive(Debug)]
pub struct Offers(Capabilities);

impl Offers {
    /// What is worth telling of it.
    pub fn told(&self) -> Vec<String> {
        TOLD.iter().filter(|name| self.0.has(name)).map(|name| (*name).to_owned()).collect()
    }

    /// Whether this can be shown to it.
    pub fn take(&self, secret: &Secret) -> bool {
        match secret {
            Secret::Password(_) => self.0.has("AUTH=PLAIN") || !self.0.has("LOGINDISABLED"),
            Secret::Token { .. } => self.0.has("AUTH=XOAUTH2") || self.0.has("AUTH=OAUTHBEARER"),
        }
    }
}

/// Why it was no further, and what the server's words say of it.
#[derive(Debug)]
pub struct TurnedAway {
    /// Why.
    pub error: SessionError,
    /// What its words say.
    pub hint: Option<Hint>,
}

impl<S: Stream> Door<S> {
    /// Takes over a connection whose server speaks next.
    pub fn new(stream: S, limits: Limits) -> Self {
        Self { wire: Wire::new(stream, limits), limits }
    }

    /// Waits for the greeting, and asks what the server can do.
    pub async fn offers(&mut self) -> Result<Offers, TurnedAway> {
        let asked = async {
            self.wire.greeting().await?;
            Capabilities::ask(&mut self.wire).await
        };
        let asked = asked.await;
        asked.map(Offers).map_err(|error| self.turned_away(error))
    }

    /// Turns a connection in clear, whose server has greeted, into one with TLS.
    pub async fn start_tls<F, Up, T, E>(mut self, offers: &Offers, upgrade: F) -> Result<Door, SessionError>
    where
        F: FnOnce(S) -> Up,
        Up: Future<Output = Result<T, E>>,
        T: Stream + 'static,
    {
        if !offers.0.has("STARTTLS") {
            return Err(SessionError::Tls(NOT_OFFERED));
        }
        if self.wire.command("STARTTLS", |_| {}).await?.outcome != Outcome::Ok {
            return Err(SessionError::Tls(NOT_BEGUN));
        }
        Ok(Door { wire: self.wire.upgrade(upgrade).await?, limits: self.limits })
    }

    fn turned_away(&self, error: SessionError) -> TurnedAway {
        TurnedAway { error, hint: self.wire.hint() }
    }
}

impl Door {
    /// Takes over a connection with TLS whose server speaks next.
    pub fn with_tls<T: Stream + 'static>(stream: T, limits: Limits) -> Self {
        Self::new(Box::new(stream), limits)
    }

    /// What the server can do under TLS, after STARTTLS: nothing that it said before counts.
    pub async fn offers_now(&mut self) -> Result<Offers, TurnedAway> {
        let asked = Capabilities::ask(&mut self.wire).await;
        asked.map(Offers).map_err(|error| self.turned_away(error))
    }

    /// Signs in, once.
    pub async fn sign_in(mut self, offers: &Offers, credentials: &Credentials) -> Result<Session, TurnedAway> {
        match sign_in(&mut self.wire, &offers.0, credentials).await {
            Ok(()) => {
                Session::signed_in(self.wire, self.limits).await.map_err(|error| TurnedAway { error, hint: None })
            }
            Err(error) => Err(self.turned_away(error)),
        }
    }
}

//! From the host's name to the newest mail, one step at a time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::connection_test::{Facts, Finding, TestStep};
use daimon_domain::mailbox::{Connection, ConnectionFault, HostName, MAX_REFUSED_LOGINS, Mailbox, TlsMode};
use daimon_egress::{DialError, Handshake, TlsFlaw, handshake};
use daimon_provider::Budget;

use super::super::job::{PollError, Reader};
use super::super::work::Work;
use super::notes::Notes;
use crate::poll::error::{NO_CAUSE, NO_UID_VALIDITY, NOT_BEGUN, NOT_OFFERED, PREAUTH, TAMPERED};
use crate::poll::{
    Credentials, Door, Folder, Hint, Limits, Offers, Role, Secret, Selected, Session, SessionError, TurnedAway,
};
use crate::token::{Access, Grant, NoToken, Token, lacks_permission};

/// A certificate is to be renewed before that.
const SOON: TimeDelta = TimeDelta::days(14);
/// Copies that are so much older than the mail that comes say that copies are filed no more.
const OLD: TimeDelta = TimeDelta::days(30);
/// Somebody waits.
const SESSION: Duration = Duration::from_mins(2);

/// What a test means for the mailbox.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effect {
    /// The password was refused, once more.
    pub(super) is_refused: bool,
    /// It was let in.
    pub(super) is_let_in: bool,
    /// Whatever kept it from being read is over.
    pub(super) works: bool,
}

/// Why the walk goes no further.
enum Stop {
    /// The step has failed, which is written down.
    Here,
    /// Nothing can be said of the mailbox.
    Us(PollError),
}

impl<E: Into<PollError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Us(error.into())
    }
}

/// Goes as far as possible. An error says nothing of the mailbox: the test is to be begun again.
pub(super) async fn walk(ctx: &Reader, work: &Work, notes: &mut Notes) -> Result<Effect, PollError> {
    let mut walk = Walk { ctx, mailbox: &work.mailbox, notes, effect: Effect::default() };
    match walk.go(work).await {
        Ok(()) | Err(Stop::Here) => Ok(walk.effect),
        Err(Stop::Us(error)) => Err(error),
    }
}

struct Walk<'a> {
    ctx: &'a Reader,
    mailbox: &'a Mailbox,
    notes: &'a mut Notes,
    effect: Effect,
}

impl Walk<'_> {
    async fn go(&mut self, work: &Work) -> Result<(), Stop> {
        let (door, offers) = self.enter().await?;
        let session = match work.access(&self.ctx.master) {
            None => return Err(self.failed(TestStep::Token, Finding::SecretNotOpened)),
            Some(Access::Password(credentials)) => {
                self.well(TestStep::Token, Finding::NotNeeded);
                self.with_password(door, &offers, &credentials).await?
            }
            Some(Access::Token(grant)) => Box::pin(self.with_token(door, &offers, &grant)).await?,
        };
        self.effect.is_let_in = true;
        self.look_around(session).await?;
        self.limits();
        Ok(())
    }

    fn host(&self) -> &HostName {
        &self.mailbox.server.host
    }

    fn well(&mut self, step: TestStep, finding: Finding) {
        self.notes.add(step, finding, Facts::default());
    }

    fn failed(&mut self, step: TestStep, finding: Finding) -> Stop {
        self.failed_with(step, finding, Facts::default())
    }

    fn failed_with(&mut self, step: TestStep, finding: Finding, facts: Facts) -> Stop {
        self.notes.add(step, finding, facts);
        Stop::Here
    }

    /// To a server that has said what it can do, under TLS.
    async fn enter(&mut self) -> Result<(Door, Offers), Stop> {
        let egress = &self.ctx.egress;
        // What is not allowed looks like what is not there.
        let Ok(vetted) = egress.vet(self.host(), self.mailbox.server.port).await else {
            return Err(self.failed(TestStep::Resolve, Finding::HostNotFound));
        };
        self.well(TestStep::Resolve, Finding::Resolved);
        let Ok(plain) = egress.dial(&vetted).await else {
            return Err(self.failed(TestStep::Connect, Finding::NoAnswer));
        };
        let limits = Limits { session: SESSION, ..Limits::default() };
        match self.mailbox.server.tls {
            TlsMode::Implicit => {
                let stream = match egress.start_tls(self.host(), plain).await {
                    Ok(stream) => stream,
                    Err(error) => return Err(self.no_tls(&error)),
                };
                self.well(TestStep::Connect, Finding::Connected);
                self.tls(&handshake(&stream));
                let mut door = Door::with_tls(stream, limits);
                let offers = door.offers().await.map_err(|turned| self.no_greeting(TestStep::Greeting, &turned))?;
                self.greeted(&offers);
                Ok((door, offers))
            }
            TlsMode::StartTls => {
                let mut door = Door::new(plain, limits);
                let offers = match door.offers().await {
                    Ok(offers) => offers,
                    // Nothing but silence.
                    Err(TurnedAway { error: SessionError::TimedOut(_), .. }) => {
                        return Err(self.failed(TestStep::Connect, Finding::NoAnswer));
                    }
                    Err(turned) => {
                        self.well(TestStep::Connect, Finding::Connected);
                        return Err(self.no_greeting(TestStep::Tls, &turned));
                    }
                };
                self.well(TestStep::Connect, Finding::Connected);
                let (mut flaw, mut agreed) = (None, None);
                let host = self.host().clone();
                let upgraded = door.start_tls(&offers, |plain| async {
                    let upgraded = egress.start_tls(&host, plain).await;
                    flaw = upgraded.as_ref().err().and_then(DialError::tls_flaw);
                    agreed = upgraded.as_ref().ok().map(handshake);
                    upgraded
                });
                let mut door = match upgraded.await {
                    Ok(door) => door,
                    Err(error) => {
                        let finding = flaw.map_or_else(|| of_starttls(&error), of_flaw);
                        return Err(self.failed(TestStep::Tls, finding));
                    }
                };
                if let Some(agreed) = &agreed {
                    self.tls(agreed);
                }
                let offers = door.offers_now().await.map_err(|turned| self.no_greeting(TestStep::Greeting, &turned))?;
                self.greeted(&offers);
                Ok((door, offers))
            }
        }
    }

    /// A handshake that is never answered looks like a port that nobody listens on.
    fn no_tls(&mut self, error: &DialError) -> Stop {
        let Some(flaw) = error.tls_flaw() else { return self.failed(TestStep::Connect, Finding::NoAnswer) };
        self.well(TestStep::Connect, Finding::Connected);
        self.failed(TestStep::Tls, of_flaw(flaw))
    }

    fn tls(&mut self, agreed: &Handshake) {
        let expires_at = agreed.expires_at.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let is_soon = expires_at.is_some_and(|at| at < self.ctx.time.now() + SOON);
        let finding = if is_soon { Finding::CertificateExpiresSoon } else { Finding::TlsAgreed };
        let facts = Facts {
            tls_version: Some(agreed.version.to_owned()),
            certificate_expires_at: expires_at,
            ..Facts::default()
        };
        self.notes.add(TestStep::Tls, finding, facts);
    }

    fn greeted(&mut self, offers: &Offers) {
        let facts = Facts { capabilities: offers.told(), ..Facts::default() };
        self.notes.add(TestStep::Greeting, Finding::ImapServer, facts);
    }

    fn no_greeting(&mut self, step: TestStep, turned: &TurnedAway) -> Stop {
        let finding = match (&turned.error, turned.hint.map(of_hint)) {
            (SessionError::Busy(_), Some(finding)) => finding,
            (SessionError::Busy(_), None) => Finding::TurnedAway,
            (SessionError::Protocol(PREAUTH), _) => Finding::SignedInAlready,
            (SessionError::Protocol(_) | SessionError::TooMuch(_) | SessionError::TimedOut(_), _) => Finding::NotImap,
            (error, _) => of_error(error),
        };
        self.failed(step, finding)
    }

    async fn with_password(&mut self, door: Door, offers: &Offers, credentials: &Credentials) -> Result<Session, Stop> {
        let known = &self.mailbox.connection;
        if matches!(known, Connection::CredentialRefused { code: ConnectionFault::CredentialRefused, .. }) {
            let facts = Facts { refusals: Some(MAX_REFUSED_LOGINS), ..Facts::default() };
            return Err(self.failed_with(TestStep::SignIn, Finding::PasswordRefusedBefore, facts));
        }
        if !offers.take(&credentials.secret) {
            return Err(self.failed(TestStep::SignIn, Finding::PasswordsNotTaken));
        }
        match door.sign_in(offers, credentials).await {
            Ok(session) => {
                self.well(TestStep::SignIn, Finding::SignedIn);
                Ok(session)
            }
            Err(turned) => {
                let mut facts = Facts::default();
                if matches!(turned.error, SessionError::Refused) {
                    self.effect.is_refused = true;
                    facts.refusals =
                        Some(refusals(&known.failed(ConnectionFault::CredentialRefused, self.ctx.time.now())));
                }
                Err(self.failed_with(TestStep::SignIn, of_turned(&turned), facts))
            }
        }
    }

    async fn with_token(&mut self, door: Door, offers: &Offers, grant: &Grant) -> Result<Session, Stop> {
        // Whoever gets a token may read every mailbox that it is for.
        if *self.host() != grant.credential.imap_host {
            return Err(self.failed(TestStep::Token, Finding::TokenForOtherServer));
        }
        let given = grant.token_asked_for(self.ctx).await;
        let mut token = self.given(grant, given).await?;
        let mut is_fresh = false;
        if lacks(grant, &token) {
            let another = grant.another_asked_for(self.ctx, &token).await;
            token = self.given(grant, another).await?;
            is_fresh = true;
        }
        let finding = if lacks(grant, &token) { Finding::TokenLacksPermission } else { Finding::TokenGiven };
        let facts = Facts { token_expires_at: Some(token.expires_at), ..Facts::default() };
        self.notes.add(TestStep::Token, finding, facts);
        if matches!(self.mailbox.connection, Connection::CredentialRefused { code: ConnectionFault::GrantRefused, .. })
        {
            // It was the provider that was in the way, and it is no more.
            self.effect.works = true;
        }
        if !offers.take(&token.credentials.secret) {
            return Err(self.failed(TestStep::SignIn, Finding::TokensNotTaken));
        }
        let mut turned = match door.sign_in(offers, &token.credentials).await {
            Ok(session) => return Ok(self.let_in(session)),
            Err(turned) => turned,
        };
        // One from before an administrator allowed something says nothing of what is allowed now.
        if matches!(turned.error, SessionError::TokenRefused) && !is_fresh {
            let another = grant.another_asked_for(self.ctx, &token).await;
            if let Ok(another) = another {
                let (door, offers) = self.again().await?;
                match door.sign_in(&offers, &another.credentials).await {
                    Ok(session) => return Ok(self.let_in(session)),
                    Err(again) => turned = again,
                }
            }
        }
        Err(self.failed(TestStep::SignIn, of_turned(&turned)))
    }

    fn let_in(&mut self, session: Session) -> Session {
        self.well(TestStep::SignIn, Finding::SignedIn);
        session
    }

    /// A second connection, after a first one that came as far as this: nothing new is written down.
    async fn again(&mut self) -> Result<(Door, Offers), Stop> {
        let limits = Limits { session: SESSION, ..Limits::default() };
        let (egress, server) = (&self.ctx.egress, &self.mailbox.server);
        let opened = async {
            let (mut door, offers) = match server.tls {
                TlsMode::Implicit => {
                    let stream = egress.tls_connect(&server.host, server.port).await.map_err(PollError::from)?;
                    let mut door = Door::with_tls(stream, limits);
                    let offers = door.offers().await.map_err(|turned| PollError::from(turned.error))?;
                    return Ok((door, offers));
                }
                TlsMode::StartTls => {
                    let plain = egress.connect(&server.host, server.port).await.map_err(PollError::from)?;
                    let mut door = Door::new(plain, limits);
                    let offers = door.offers().await.map_err(|turned| PollError::from(turned.error))?;
                    let upgraded = door.start_tls(&offers, |plain| egress.start_tls(&server.host, plain)).await;
                    (upgraded.map_err(PollError::from)?, offers)
                }
            };
            drop(offers);
            let offers = door.offers_now().await.map_err(|turned| PollError::from(turned.error))?;
            Ok::<_, PollError>((door, offers))
        };
        match opened.await {
            Ok(opened) => Ok(opened),
            Err(_) => Err(self.failed(TestStep::SignIn, Finding::ConnectionBroke)),
        }
    }

    /// A token, or the step has failed.
    async fn given(&mut self, grant: &Grant, given: Result<Token, NoToken>) -> Result<Token, Stop> {
        let finding = match given {
            Ok(token) => return Ok(token),
            Err(NoToken::Refused(fault) | NoToken::Later { fault, .. }) => fault.into(),
            Err(NoToken::Sealed) => Finding::SecretNotOpened,
            Err(error @ (NoToken::Awaited | NoToken::Store(_))) => return Err(error.into()),
        };
        let provider_code = grant.provider_code(self.ctx).await?;
        Err(self.failed_with(TestStep::Token, finding, Facts { provider_code, ..Facts::default() }))
    }

    /// Into the folders, for reading only.
    async fn look_around(&mut self, mut session: Session) -> Result<(), Stop> {
        let folders = session.folders().await;
        let folders = folders.map_err(|error| self.broke(TestStep::Folders, &error, &session))?;
        let named = |role| folders.iter().find(|folder| folder.role == role);
        let title = |role| named(role).map(Folder::title);
        let facts = Facts {
            folders: u32::try_from(folders.len()).ok(),
            junk: title(Role::Junk),
            trash: title(Role::Trash),
            sent: title(Role::Sent),
            ..Facts::default()
        };
        let Some(inbox) = named(Role::Inbox) else {
            return Err(self.failed_with(TestStep::Folders, Finding::NoInbox, facts));
        };
        let sent = named(Role::Sent);
        let finding = if sent.is_some() { Finding::FoldersFound } else { Finding::NoSentFolder };
        self.notes.add(TestStep::Folders, finding, facts);

        let selected = match session.examine(inbox, None).await {
            Ok(selected) => selected,
            Err(SessionError::Protocol(NO_UID_VALIDITY)) => {
                return Err(self.failed(TestStep::Inbox, Finding::NoUidValidity));
            }
            Err(error) => return Err(self.broke(TestStep::Inbox, &error, &session)),
        };
        self.well(TestStep::Inbox, Finding::InboxOpens);
        self.effect.works = true;
        let (finding, facts) = self.newest(&mut session, selected, TestStep::NewestMail).await?;
        let came_last = facts.newest_at;
        self.notes.add(TestStep::NewestMail, finding, facts);
        self.copies(&mut session, sent, came_last).await?;
        session.close().await;
        Ok(())
    }

    async fn newest(
        &mut self,
        session: &mut Session,
        selected: Selected,
        step: TestStep,
    ) -> Result<(Finding, Facts), Stop> {
        let newest_at = session.newest(selected).await;
        let newest_at = newest_at.map_err(|error| self.broke(step, &error, session))?;
        let finding = if selected.exists == 0 { Finding::InboxEmpty } else { Finding::MailVisible };
        Ok((finding, Facts { messages: Some(selected.exists), newest_at, ..Facts::default() }))
    }

    async fn copies(
        &mut self,
        session: &mut Session,
        sent: Option<&Folder>,
        came_last: Option<DateTime<Utc>>,
    ) -> Result<(), Stop> {
        let step = TestStep::SentCopies;
        let Some(sent) = sent else {
            self.well(step, Finding::NothingToSee);
            return Ok(());
        };
        let selected = match session.examine(sent, None).await {
            Ok(selected) => selected,
            Err(error) if error.leaves_the_session_usable() => {
                self.well(step, Finding::SentClosed);
                return Ok(());
            }
            Err(error) => return Err(self.broke(step, &error, session)),
        };
        let (_, facts) = self.newest(session, selected, step).await?;
        let is_old = came_last.zip(facts.newest_at).is_some_and(|(came, sent)| came - sent > OLD);
        let finding = if selected.exists == 0 {
            Finding::SentEmpty
        } else if is_old {
            Finding::SentOld
        } else if self.notes.provider.is_some_and(|provider| provider.files_sent) {
            Finding::SentByProvider
        } else {
            Finding::SentByPrograms
        };
        self.notes.add(step, finding, Facts { sent: Some(sent.title()), ..facts });
        Ok(())
    }

    /// The session ended in the middle of a step.
    fn broke(&mut self, step: TestStep, error: &SessionError, session: &Session) -> Stop {
        let hint = session.hint().filter(|_| matches!(error, SessionError::Busy(_)));
        let finding = hint.map_or_else(|| of_error(error), of_hint);
        self.failed(step, finding)
    }

    fn limits(&mut self) {
        let budget = Budget::of_host(self.host().as_str(), self.ctx.usual);
        let least_s = u32::try_from(budget.least_interval.as_secs()).unwrap_or(u32::MAX);
        let facts = Facts {
            connections: budget.connections,
            logins_a_minute: budget.connections.map(|_| budget.logins_a_minute).filter(|logins| *logins > 0),
            interval_s: Some(self.mailbox.poll_interval_s.max(least_s)),
            ..Facts::default()
        };
        let is_less = least_s > self.mailbox.poll_interval_s;
        let finding = if is_less { Finding::ReadLessOften } else { Finding::WithinLimits };
        self.notes.add(TestStep::Limits, finding, facts);
    }
}

fn lacks(grant: &Grant, token: &Token) -> bool {
    match &token.credentials.secret {
        Secret::Token { token, .. } => lacks_permission(grant.credential.kind, token),
        Secret::Password(_) => false,
    }
}

fn refusals(connection: &Connection) -> u32 {
    match connection {
        Connection::Unreachable { failures, .. } => *failures,
        Connection::CredentialRefused { .. } => MAX_REFUSED_LOGINS,
        Connection::New | Connection::Connected { .. } => 0,
    }
}

const fn of_flaw(flaw: TlsFlaw) -> Finding {
    match flaw {
        TlsFlaw::Expired => Finding::CertificateExpired,
        TlsFlaw::NotYetValid => Finding::CertificateNotYetValid,
        TlsFlaw::OtherName => Finding::CertificateOtherName,
        TlsFlaw::Untrusted => Finding::CertificateUntrusted,
        TlsFlaw::Revoked => Finding::CertificateRevoked,
        TlsFlaw::BadCertificate => Finding::CertificateInvalid,
        TlsFlaw::TooOld => Finding::TlsTooOld,
        TlsFlaw::NotTls => Finding::NotTls,
        TlsFlaw::Broken => Finding::TlsBroken,
    }
}

/// Why STARTTLS came to nothing, before any handshake.
fn of_starttls(error: &SessionError) -> Finding {
    let SessionError::Tls(why) = error else { return of_error(error) };
    match *why {
        NOT_OFFERED => Finding::StartTlsNotOffered,
        NOT_BEGUN => Finding::StartTlsRefused,
        TAMPERED => Finding::StartTlsTampered,
        _ => Finding::TlsBroken,
    }
}

/// What a server's words say of a sign-in that came to nothing.
fn of_turned(turned: &TurnedAway) -> Finding {
    match (&turned.error, turned.hint.map(of_hint)) {
        (
            SessionError::Refused | SessionError::NotLetIn | SessionError::TokenRefused | SessionError::Busy(_),
            Some(finding),
        ) => finding,
        (error, _) => of_error(error),
    }
}

const fn of_hint(hint: Hint) -> Finding {
    match hint {
        Hint::ImapOff => Finding::ImapOff,
        Hint::AppPassword => Finding::AppPasswordWanted,
        Hint::Browser => Finding::BrowserWanted,
        Hint::PasswordsOff => Finding::PasswordsNotTaken,
        Hint::Locked => Finding::AccountLocked,
        Hint::Disabled => Finding::AccountDisabled,
        Hint::Expired => Finding::PasswordExpired,
        Hint::Connections => Finding::TooManyConnections,
        Hint::Throttled => Finding::Throttled,
        Hint::OverQuota => Finding::OverQuota,
        Hint::Blocked => Finding::AddressBlocked,
        Hint::NotConnected => Finding::MailboxNotConnected,
    }
}

fn of_error(error: &SessionError) -> Finding {
    match error {
        SessionError::Refused => Finding::PasswordRefused,
        SessionError::TokenRefused => Finding::TokenNotLetIn,
        SessionError::NotLetIn | SessionError::Busy(NO_CAUSE) => Finding::RefusedWithoutCause,
        SessionError::Busy(_) => Finding::ServerBusy,
        SessionError::Tls(_) => Finding::TlsBroken,
        SessionError::TimedOut(_) => Finding::TimedOut,
        SessionError::Unreachable(_) => Finding::ConnectionBroke,
        SessionError::TooMuch(_) | SessionError::Protocol(_) | SessionError::Unsendable => Finding::ProtocolError,
        SessionError::NoFolder => Finding::InboxClosed,
    }
}

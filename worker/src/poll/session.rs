//! A signed-in session: what can be asked of a mailbox.

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::RangeInclusive;
use std::time::Duration;

use async_imap::imap_proto::{MailboxDatum, Response, ResponseCode};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::checked::{Outcome, Wire};
use super::checkpoint::{Checkpoint, Selected};
use super::error::{NO_UID_VALIDITY, NOT_BEGUN, NOT_OFFERED};
use super::fetch::{fetch, highest, search};
use super::folders::{self, Folder};
use super::idle::Idle;
use super::mail::{Ahead, Batch, SentMail};
use super::sign_in::{Capabilities, quoted, sign_in};
use super::{Hint, Limits, SessionError, sent_mail};

/// What a session runs over: a TLS stream, or one end of a pipe in tests.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// What to sign in with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// What proves it.
    pub secret: Secret,
}

/// What proves who signs in.
#[derive(Clone, Debug)]
pub enum Secret {
    /// A password.
    Password(SecretString),
    /// An access token of OAuth 2.
    Token {
        /// The token.
        token: SecretString,
        /// Whether XOAUTH2 comes first where both are offered. It is what Google and Microsoft document.
        prefers_xoauth2: bool,
    },
}

/// How many UIDs one search may span: as many as fit into one line of an answer.
const WINDOW: u32 = 5_000;
/// How many searches one batch may take to get across a gap.
const WINDOWS_A_BATCH: usize = 200;
/// Octets of the chosen header fields.
pub(super) const HEADER: u32 = 16_384;

/// A signed-in session.
///
/// Dropping the future of any of its methods drops the connection: an answer that nobody read would be taken for the answer to the
/// next command. Everything after that is [`SessionError::Unreachable`].
pub struct Session {
    pub(super) wire: Wire,
    pub(super) limits: Limits,
    pub(super) capabilities: Capabilities,
    ends: Instant,
    /// What the last search in the open folder has found.
    found: Option<Ahead>,
    /// How many messages in the open folder nobody had seen when it was opened.
    recent: u32,
    /// Nearly everything that was last looked at in the open folder was a report.
    pub(super) is_flood: bool,
    /// Messages of the open folder that are not looked at.
    passed_over: BTreeSet<u32>,
}

impl Session {
    /// Waits for the greeting and signs in, once. `stream` is TLS already.
    pub async fn open<S: Stream + 'static>(
        stream: S,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Self, SessionError> {
        let mut wire: Wire = Wire::new(Box::new(stream), limits);
        wire.greeting().await?;
        Self::enter(wire, credentials, limits).await
    }

    /// Like [`Session::open`] on a connection without TLS, which `upgrade` turns into one with TLS before anything
    /// secret is said.
    pub async fn open_starttls<S, F, Up, T, E>(
        stream: S,
        upgrade: F,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Self, SessionError>
    where
        S: Stream,
        F: FnOnce(S) -> Up,
        Up: Future<Output = Result<T, E>>,
        T: Stream + 'static,
    {
        let mut wire = Wire::new(stream, limits);
        wire.greeting().await?;
        if !Capabilities::ask(&mut wire).await?.has("STARTTLS") {
            return Err(SessionError::Tls(NOT_OFFERED));
        }
        if wire.command("STARTTLS", |_| {}).await?.outcome != Outcome::Ok {
            return Err(SessionError::Tls(NOT_BEGUN));
        }
        Self::enter(wire.upgrade(upgrade).await?, credentials, limits).await
    }

    async fn enter(mut wire: Wire, credentials: &Credentials, limits: Limits) -> Result<Self, SessionError> {
        let before = Capabilities::ask(&mut wire).await?;
        sign_in(&mut wire, &before, credentials).await?;
        Self::signed_in(wire, limits).await
    }

    /// Takes over a connection that was let in just now.
    pub(super) async fn signed_in(mut wire: Wire, limits: Limits) -> Result<Self, SessionError> {
        let ends = wire.ends().ok_or(SessionError::Unreachable(None))?;
        let capabilities = Capabilities::ask(&mut wire).await?;
        Ok(Self {
            wire,
            limits,
            capabilities,
            ends,
            found: None,
            recent: 0,
            is_flood: false,
            passed_over: BTreeSet::new(),
        })
    }

    /// Goes on after the server was waited for.
    pub(super) fn resumed(wire: Wire, limits: Limits, capabilities: Capabilities) -> Result<Self, SessionError> {
        let ends = wire.ends().ok_or(SessionError::Unreachable(None))?;
        Ok(Self {
            wire,
            limits,
            capabilities,
            ends,
            found: None,
            recent: 0,
            is_flood: false,
            passed_over: BTreeSet::new(),
        })
    }

    /// Whether the server can tell of new mail.
    pub fn offers_idle(&self) -> bool {
        self.capabilities.has("IDLE")
    }

    /// Lets the server tell of new mail in the folder that was opened last.
    pub async fn idle(self, selected: Selected) -> Result<Idle, SessionError> {
        Idle::enter(self.wire, self.limits, self.capabilities.kept_short(), (selected, self.recent)).await
    }

    /// The folders that can be opened, with what each is for: INBOX first, then Junk, Trash, Sent and the rest.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, SessionError> {
        let mut listed = Vec::new();
        // Servers may mark folders in a plain LIST too, but need not (RFC 6154, 2).
        if self.capabilities.has("SPECIAL-USE") && self.capabilities.has("LIST-EXTENDED") {
            self.list(r#"LIST "" "*" RETURN (SPECIAL-USE)"#, &mut listed).await?;
        }
        if listed.is_empty() && self.list(r#"LIST "" "*""#, &mut listed).await? != Outcome::Ok {
            return Err(SessionError::Busy("the folders can't be listed"));
        }
        Ok(folders::settled(listed))
    }

    async fn list(&mut self, command: &str, listed: &mut Vec<(Folder, bool)>) -> Result<Outcome, SessionError> {
        let answer = self.wire.command(command, |response| {
            if let Response::MailboxData(MailboxDatum::List(data)) = response {
                listed.extend(folders::listed(data));
            }
        });
        Ok(answer.await?.outcome)
    }

    /// Opens a folder for reading only. `known` is where reading it stopped last time.
    pub async fn examine(&mut self, folder: &Folder, known: Option<Checkpoint>) -> Result<Selected, SessionError> {
        Ok(self.open_folder("EXAMINE", &folder.name, known).await?.0)
    }

    /// The same by EXAMINE or SELECT, and whether it is for reading only.
    pub(super) async fn open_folder(
        &mut self,
        verb: &str,
        name: &str,
        known: Option<Checkpoint>,
    ) -> Result<(Selected, bool), SessionError> {
        (self.found, self.is_flood) = (None, false);
        self.passed_over.clear();
        let (mut uid_validity, mut uid_next, mut exists, mut recent) = (None, None, 0, 0);
        let command = format!("{verb} {}", *quoted(name));
        let answer = self.wire.command(&command, |response| match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => exists = *count,
            Response::MailboxData(MailboxDatum::Recent(count)) => recent = *count,
            Response::Data { outcome, .. } => match outcome.code {
                Some(ResponseCode::UidValidity(value)) => uid_validity = Some(value),
                Some(ResponseCode::UidNext(value)) => uid_next = Some(value),
                _ => {}
            },
            _ => {}
        });
        let answer = answer.await?;
        self.recent = recent;
        if answer.outcome == Outcome::No && !answer.is_busy() {
            return Err(SessionError::NoFolder);
        }
        answer.ok()?;
        let Some(uid_validity) = uid_validity.filter(|value| *value > 0) else {
            return Err(SessionError::Protocol(NO_UID_VALIDITY));
        };
        let known = known.filter(|known| known.uid_validity == uid_validity);
        let at_least = known.map_or(1, |known| known.last_uid.saturating_add(1));
        let tells_uid_next = uid_next.is_some();
        // Missing, or lower than a UID that was seen already: the highest UID tells what comes next.
        let uid_next = match uid_next {
            Some(value) if value >= at_least => value,
            Some(_) if exists == 0 => at_least,
            Some(_) => highest(&mut self.wire).await?.saturating_add(1).max(at_least),
            None if exists == 0 => 1,
            None => highest(&mut self.wire).await?.saturating_add(1),
        };
        Ok((Selected { uid_validity, uid_next, tells_uid_next, exists }, answer.is_read_only))
    }

    /// On the first visit: the first UID that arrived on `since`'s day or later, or `uid_next` when none did.
    ///
    /// Looks from the newest messages backwards, so that years of mail cost nothing. Mail that was copied in out of order may be
    /// left out.
    pub async fn first_uid_since(&mut self, selected: Selected, since: DateTime<Utc>) -> Result<u32, SessionError> {
        // SINCE means the date in the server's time zone (RFC 9051, 6.4.4).
        let day = (since - TimeDelta::days(1)).format("%-d-%b-%Y");
        let mut first = selected.uid_next;
        let mut end = selected.uid_next.saturating_sub(1);
        for _ in 0..WINDOWS_A_BATCH {
            if end == 0 || selected.exists == 0 {
                break;
            }
            let start = if selected.exists <= WINDOW { 1 } else { end.saturating_sub(WINDOW - 1).max(1) };
            let window = start..=end;
            let found = self.uids(&window, &format!(" SINCE {day}")).await?;
            match found.first() {
                Some(uid) => first = *uid,
                None if self.uids(&window, "").await?.is_empty() => {}
                None => break,
            }
            end = start - 1;
        }
        Ok(first)
    }

    /// The UIDs in `window` that meet more `criteria`. Servers answer `n:*` with what is below `n`, and some any range.
    pub(super) async fn uids(
        &mut self,
        window: &RangeInclusive<u32>,
        criteria: &str,
    ) -> Result<Vec<u32>, SessionError> {
        let mut found = search(&mut self.wire, &format!("UID {}:{}{criteria}", window.start(), window.end())).await?;
        found.retain(|uid| window.contains(uid) && !self.passed_over.contains(uid));
        Ok(found)
    }

    /// What comes next in the open folder: at most `most` messages from UID `first` on.
    pub async fn ahead(&mut self, selected: Selected, first: u32, most: usize) -> Result<Ahead, SessionError> {
        let mut found =
            Ahead { first_uid: first, uids: Vec::new(), through_uid: first.saturating_sub(1), next_uid: None };
        if let Some(known) = self.found.take().filter(|known| known.first_uid <= first && known.through_uid >= first) {
            found.uids.extend(known.uids.iter().filter(|uid| **uid >= first));
            found.through_uid = known.through_uid;
        }
        let last = selected.uid_next.saturating_sub(1);
        for _ in 0..WINDOWS_A_BATCH {
            if found.through_uid >= last || found.uids.len() >= most {
                break;
            }
            let (start, end) = (found.through_uid + 1, found.through_uid.saturating_add(WINDOW));
            let end = if selected.exists <= WINDOW { last } else { last.min(end) };
            found.uids.extend(self.uids(&(start..=end), "").await?);
            found.through_uid = end;
        }
        found.next_uid = found.through_uid.checked_add(1).filter(|next| *next < selected.uid_next);
        let ahead = found.beginning(most);
        self.found = Some(found);
        Ok(ahead)
    }

    /// Passes over these messages until another folder is opened, as if they were not there.
    pub fn pass_over(&mut self, uids: impl IntoIterator<Item = u32>) {
        self.passed_over.extend(uids);
    }

    /// When the newest message of the open folder came; `None` when it has none, or when the server doesn't say.
    pub async fn newest(&mut self, selected: Selected) -> Result<Option<DateTime<Utc>>, SessionError> {
        if selected.exists == 0 {
            return Ok(None);
        }
        let uid = highest(&mut self.wire).await?;
        let told = fetch(&mut self.wire, &[uid], "UID INTERNALDATE", &mut Vec::new()).await?;
        Ok(told.get(&uid).and_then(|told| told.internal_date))
    }

    /// What the server's last words said of why it turned us away.
    pub const fn hint(&self) -> Option<Hint> {
        self.wire.hint()
    }

    /// How many messages are read at a time.
    pub const fn batch(&self) -> usize {
        self.limits.batch
    }

    /// Reads Message-ID, Date and recipients of the sent mail that comes next.
    pub async fn sent(&mut self, ahead: &Ahead) -> Result<Batch<SentMail>, SessionError> {
        let uids = &ahead.uids;
        let fields = sent_mail::FIELDS;
        let items = format!("UID INTERNALDATE BODY.PEEK[HEADER.FIELDS ({fields})]<0.{HEADER}>");
        let mut put_aside = Vec::new();
        let messages = fetch(&mut self.wire, uids, &items, &mut put_aside).await?;
        let items = messages.iter().map(|(uid, told)| sent_mail::read(*uid, told)).collect();
        Ok(Batch { items, put_aside, ..Batch::of(ahead) })
    }

    /// Until when the session may go on. Whoever reads a backlog stops between two batches when little is left: a session
    /// that is cut off counts as a failure.
    pub const fn ends(&self) -> Instant {
        self.ends
    }

    /// Says goodbye, for politeness only: the answer doesn't matter, and is not waited for long.
    pub async fn close(mut self) {
        let goodbye = self.wire.command("LOGOUT", |_| {});
        let _ = tokio::time::timeout(Duration::from_secs(5), goodbye).await;
    }
}

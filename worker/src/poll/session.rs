//! A signed-in session: what can be asked of a mailbox.

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
use super::fetch::{Fetched, fetch, search};
use super::folders::{self, Folder};
use super::mail::{Ahead, Batch, Glance, Mail, PutAside, SentMail, Unreadable};
use super::sign_in::{Capabilities, quoted, sign_in};
use super::{Limits, SessionError, candidate, sent_mail};

/// What a session runs over: a TLS stream, or one end of a pipe in tests.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

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
const HEADER: u32 = 16_384;
/// Whole messages fetched by one command.
const BODIES_A_COMMAND: usize = 16;

/// A signed-in session.
///
/// Dropping the future of any of its methods drops the connection: an answer that nobody read would be taken for the answer to the
/// next command. Everything after that is [`SessionError::Unreachable`].
pub struct Session {
    wire: Wire,
    limits: Limits,
    capabilities: Capabilities,
    ends: Instant,
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
            return Err(SessionError::Tls("STARTTLS is not offered"));
        }
        if wire.command("STARTTLS", |_| {}).await?.outcome != Outcome::Ok {
            return Err(SessionError::Tls("STARTTLS was refused"));
        }
        Self::enter(wire.upgrade(upgrade).await?, credentials, limits).await
    }

    async fn enter(mut wire: Wire, credentials: &Credentials, limits: Limits) -> Result<Self, SessionError> {
        let ends = wire.ends().ok_or(SessionError::Unreachable(None))?;
        let before = Capabilities::ask(&mut wire).await?;
        sign_in(&mut wire, &before, credentials).await?;
        let capabilities = Capabilities::ask(&mut wire).await?;
        Ok(Self { wire, limits, capabilities, ends })
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
        let (mut uid_validity, mut uid_next, mut exists) = (None, None, 0);
        let command = format!("EXAMINE {}", *quoted(&folder.name));
        let answer = self.wire.command(&command, |response| match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => exists = *count,
            Response::Data { outcome, .. } => match outcome.code {
                Some(ResponseCode::UidValidity(value)) => uid_validity = Some(value),
                Some(ResponseCode::UidNext(value)) => uid_next = Some(value),
                _ => {}
            },
            _ => {}
        });
        let answer = answer.await?;
        if answer.outcome == Outcome::No && !answer.is_busy() {
            return Err(SessionError::NoFolder);
        }
        answer.ok()?;
        let Some(uid_validity) = uid_validity.filter(|value| *value > 0) else {
            return Err(SessionError::Protocol("no UIDVALIDITY"));
        };
        let known = known.filter(|known| known.uid_validity == uid_validity);
        let at_least = known.map_or(1, |known| known.last_uid.saturating_add(1));
        let uid_next = match uid_next {
            Some(value) if value >= at_least => value,
            // Missing, or lower than a UID that was seen already: the highest UID tells what comes next.
            Some(_) | None if exists == 0 => at_least,
            Some(_) | None => {
                let highest = search(&mut self.wire, "UID *").await?.last().copied();
                highest.map_or(at_least, |uid| uid.saturating_add(1)).max(at_least)
            }
        };
        Ok(Selected { uid_validity, uid_next, exists })
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
    async fn uids(&mut self, window: &RangeInclusive<u32>, criteria: &str) -> Result<Vec<u32>, SessionError> {
        let mut found = search(&mut self.wire, &format!("UID {}:{}{criteria}", window.start(), window.end())).await?;
        found.retain(|uid| window.contains(uid));
        Ok(found)
    }

    /// What comes next in a folder: at most `most` messages, and no more than [`Limits::batch`], from UID `first` on.
    pub async fn ahead(&mut self, selected: Selected, first: u32, most: usize) -> Result<Ahead, SessionError> {
        let most = most.min(self.limits.batch);
        let last = selected.uid_next.saturating_sub(1);
        let mut found = Vec::new();
        let mut through = first.saturating_sub(1);
        for _ in 0..WINDOWS_A_BATCH {
            if through >= last || found.len() >= most {
                break;
            }
            let start = through + 1;
            let end = if selected.exists <= WINDOW { last } else { last.min(through.saturating_add(WINDOW)) };
            found.extend(self.uids(&(start..=end), "").await?);
            through = end;
        }
        if found.len() > most {
            found.truncate(most);
            through = found.last().copied().unwrap_or(through);
        }
        let next_uid = through.checked_add(1).filter(|next| *next < selected.uid_next);
        Ok(Ahead { first_uid: first, uids: found, through_uid: through, next_uid })
    }

    /// Reads what may be reports among what comes next.
    pub async fn reports(&mut self, ahead: &Ahead) -> Result<Batch<Mail>, SessionError> {
        let uids = &ahead.uids;
        let fields = candidate::FIELDS;
        let items = format!("UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({fields})]<0.{HEADER}>");
        let mut put_aside = Vec::new();
        let messages = fetch(&mut self.wire, uids, &items, &mut put_aside).await?;
        let (wanted, others): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|(_, told)| told.bytes.as_deref().is_none_or(candidate::may_be_report));

        let mut batch = Batch {
            items: Vec::with_capacity(wanted.len()),
            quoted: Vec::new(),
            glanced: Vec::new(),
            put_aside: Vec::new(),
            looked_at: uids.len(),
            through_uid: ahead.through_uid,
            next_uid: ahead.next_uid,
            fault: None,
        };
        for chunk in wanted.chunk_by({
            let mut run = 0;
            let most = self.limits.message;
            move |one, next| {
                run = (run + 1) % BODIES_A_COMMAND;
                let is_small = |told: &Fetched| told.size.is_some_and(|size| size <= most);
                run != 0 && is_small(&one.1) && is_small(&next.1)
            }
        }) {
            match self.bodies(chunk, &mut put_aside).await {
                Ok(items) => batch.items.extend(items),
                Err(fault) => {
                    let from = chunk.first().map_or(ahead.first_uid, |(uid, _)| *uid);
                    let mut read = from.saturating_sub(1);
                    if let ([(uid, _)], SessionError::TooMuch(_)) = (chunk, &fault) {
                        put_aside.push(PutAside { uid: *uid, because: Unreadable::TooLarge });
                        read = *uid;
                    }
                    if read < ahead.first_uid {
                        return Err(fault);
                    }
                    batch.through_uid = read;
                    batch.next_uid = None;
                    batch.fault = Some(fault);
                    break;
                }
            }
        }
        if batch.items.is_empty() && put_aside.iter().filter(|aside| aside.because == Unreadable::Withheld).count() > 1
        {
            // Not bad messages, but a bad hour of the server.
            return Err(batch.fault.unwrap_or(SessionError::Busy("nothing can be read")));
        }
        put_aside.retain(|aside| aside.uid <= batch.through_uid);
        for (_, told) in others.iter().filter(|(uid, _)| *uid <= batch.through_uid) {
            batch.quoted.extend(told.bytes.as_deref().and_then(|header| candidate::answer(header, told.internal_date)));
            let found = told.internal_date.zip(told.is_seen);
            batch.glanced.extend(found.map(|(at, is_seen)| Glance { at, is_seen }));
        }
        batch.put_aside = put_aside;
        Ok(batch)
    }

    /// Fetches the messages themselves, up to [`Limits::message`] octets each.
    async fn bodies(
        &mut self,
        wanted: &[(u32, Fetched)],
        put_aside: &mut Vec<PutAside>,
    ) -> Result<Vec<Mail>, SessionError> {
        let most = self.limits.message;
        let uids: Vec<_> = wanted.iter().map(|(uid, _)| *uid).collect();
        let mut messages = fetch(&mut self.wire, &uids, &format!("UID BODY.PEEK[]<0.{most}>"), put_aside).await?;
        let items = wanted.iter().filter_map(|(uid, told)| {
            // NIL: it vanished in between.
            let mut bytes = messages.remove(uid)?.bytes?;
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let is_cut = bytes.len() >= most && told.size.is_none_or(|size| size > self.limits.message);
            bytes.truncate(most);
            Some(Mail {
                uid: *uid,
                internal_date: told.internal_date,
                is_seen: told.is_seen,
                size: told.size,
                bytes,
                is_cut,
            })
        });
        Ok(items.collect())
    }

    /// Reads Message-ID, Date and recipients of the sent mail that comes next.
    pub async fn sent(&mut self, ahead: &Ahead) -> Result<Batch<SentMail>, SessionError> {
        let uids = &ahead.uids;
        let fields = sent_mail::FIELDS;
        let items = format!("UID INTERNALDATE BODY.PEEK[HEADER.FIELDS ({fields})]<0.{HEADER}>");
        let mut put_aside = Vec::new();
        let messages = fetch(&mut self.wire, uids, &items, &mut put_aside).await?;
        Ok(Batch {
            items: messages.iter().map(|(uid, told)| sent_mail::read(*uid, told)).collect(),
            quoted: Vec::new(),
            glanced: Vec::new(),
            put_aside,
            looked_at: uids.len(),
            through_uid: ahead.through_uid,
            next_uid: ahead.next_uid,
            fault: None,
        })
    }

    /// How long the session may go on. Whoever reads a backlog stops between two batches when little is left: a session
    /// that is cut off counts as a failure.
    pub fn time_left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// Says goodbye, for politeness only: the answer doesn't matter, and is not waited for long.
    pub async fn close(mut self) {
        let goodbye = self.wire.command("LOGOUT", |_| {});
        let _ = tokio::time::timeout(Duration::from_secs(5), goodbye).await;
    }
}

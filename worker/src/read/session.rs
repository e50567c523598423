//! Which folders are read, from where, and in which order.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::mailbox::{Checkpoint, ImapServer, TlsMode};
use daimon_egress::Egress;
use daimon_store::quarantine::{self, Quarantined};
use daimon_store::tidied;
use tokio::time::Instant;

use super::commit::{commit_numbering, commit_put_aside, commit_sent};
use super::hands;
use super::job::{PollError, Reader};
use super::reports::{self, Open};
use super::work::Work;
use crate::idle::{Lent, Seat, Wish, begin};
use crate::poll::{Ahead, Credentials, Folder, Limits, Role, Selected, Session, SessionError};
use crate::token::Access;

/// How far back the first visit looks, and every other: nobody wants bounces kept for less.
pub(super) const FIRST_VISIT: TimeDelta = TimeDelta::days(60);
/// A mailbox with more folders than this is read in part.
const MOST_FOLDERS: usize = 200;

/// What a batch may take: with less than this left of a session, the next one goes on.
const A_BATCH: Duration = Duration::from_mins(1);

/// With so many changes of UIDVALIDITY in a row a folder is not read any more until it keeps it.
const MOST_RENUMBERINGS: u32 = 5;

/// Holds one session and records what it finds, batch by batch.
pub(super) async fn read(ctx: &Reader, work: &mut Work, access: &Access) -> Result<(), PollError> {
    let ended = Box::pin(read_all(ctx, work, access)).await;
    judged(ended, work.has_progressed)
}

/// A session without an end has to have come further, or else the next one would not either, nor anyone after it.
fn judged(ended: Result<(), PollError>, has_progressed: bool) -> Result<(), PollError> {
    match ended {
        Err(PollError::Unfinished) if !has_progressed => Err(PollError::Stalled),
        ended => ended,
    }
}

async fn read_all(ctx: &Reader, work: &mut Work, access: &Access) -> Result<(), PollError> {
    hands::apart(ctx, work, "").await?;
    let opening = async {
        let mut entered = Box::pin(open(ctx, work, access)).await?;
        let folders = entered.session.folders().await?;
        Ok::<_, PollError>((entered, folders))
    };
    let (Entered { mut session, seat, ends_at }, mut folders) = hands::within(work, opening).await?;
    folders.truncate(MOST_FOLDERS);
    // What was sent comes first: bounces are weighed by it.
    folders.sort_by_key(|folder| folder.role != Role::Sent);
    let inbox = folders.iter().find(|folder| folder.role == Role::Inbox).cloned();
    let mut is_renumbered = false;
    for folder in folders {
        match read_folder(ctx, work, &mut session, &folder).await {
            Ok(()) => {}
            Err(PollError::Renumbered) => is_renumbered = true,
            Err(PollError::Session(error)) if error.leaves_the_session_usable() => {
                tracing::debug!(mailbox.id = %work.id(), error = %error, "a folder was left out");
            }
            Err(error) => return Err(error),
        }
    }
    match (work.standing, inbox) {
        (Some(standing), Some(inbox)) if !is_renumbered => {
            let known = work.folders.get(&inbox.name).copied();
            let wish = Wish { msp: work.wall.msp, mailbox: &work.mailbox, standing, seat, inbox, known, ends_at };
            work.begun = Box::pin(begin(&ctx.idlers, &ctx.fleet, wish, session)).await;
        }
        _ => session.close().await,
    }
    if is_renumbered { Err(PollError::Renumbered) } else { Ok(()) }
}

/// A session, and what it may wait with afterwards.
struct Entered {
    session: Session,
    /// The place it has waited in.
    seat: Option<Seat>,
    /// When what it signed in with runs out.
    ends_at: Option<DateTime<Utc>>,
}

/// The session that has waited for new mail, if that is why the mailbox is read, or else a new one.
async fn open(ctx: &Reader, work: &Work, access: &Access) -> Result<Entered, PollError> {
    if !work.is_told {
        return enter(ctx, &work.mailbox.server, access).await;
    }
    let token = work.standing.and_then(|standing| standing.lease).map(|lease| lease.token);
    // Another one needs a seat at the server, which this poll has not taken.
    let Lent { session, seat } = ctx.idlers.take(work.id(), token).await.ok_or(PollError::NotLent)?;
    let ends_at = seat.ends_at;
    Ok(Entered { session, seat: Some(seat), ends_at })
}

/// Signs in with what the mailbox has. A token that is not let in may have run out before its time: it is replaced, once.
async fn enter(ctx: &Reader, server: &ImapServer, access: &Access) -> Result<Entered, PollError> {
    let sign_in = async |credentials: &Credentials, ends_at| {
        let session = sign_in(&ctx.egress, server, credentials, Limits::default()).await?;
        Ok(Entered { session, seat: None, ends_at })
    };
    let grant = match access {
        Access::Password(credentials) => return sign_in(credentials, None).await,
        Access::Token(grant) => grant,
    };
    // Whoever gets a token may read every mailbox that it is for.
    if server.host != grant.credential.imap_host {
        return Err(SessionError::Unsendable.into());
    }
    let token = Box::pin(grant.token(ctx)).await?;
    match sign_in(&token.credentials, Some(token.expires_at)).await {
        Err(PollError::Session(SessionError::TokenRefused)) => {}
        signed_in => return signed_in,
    }
    let another = Box::pin(grant.another(ctx, &token)).await?.ok_or(SessionError::TokenRefused)?;
    sign_in(&another.credentials, Some(another.expires_at)).await
}

/// A session of its own, signed in with what the mailbox has.
pub(super) async fn signed_in(ctx: &Reader, server: &ImapServer, access: &Access) -> Result<Session, PollError> {
    Ok(Box::pin(enter(ctx, server, access)).await?.session)
}

/// Signs in, once.
pub(super) async fn sign_in(
    egress: &Egress,
    server: &ImapServer,
    credentials: &Credentials,
    limits: Limits,
) -> Result<Session, PollError> {
    match server.tls {
        TlsMode::Implicit => {
            let stream = egress.tls_connect(&server.host, server.port).await?;
            Ok(Session::open(stream, credentials, limits).await?)
        }
        TlsMode::StartTls => {
            let stream = egress.connect(&server.host, server.port).await?;
            let upgrade = |plain| egress.start_tls(&server.host, plain);
            Ok(Session::open_starttls(stream, upgrade, credentials, limits).await?)
        }
    }
}

async fn read_folder(ctx: &Reader, work: &mut Work, session: &mut Session, folder: &Folder) -> Result<(), PollError> {
    let known = work.folders.get(&folder.name).copied();
    hands::apart(ctx, work, &folder.name).await?;
    let selected = hands::within(work, session.examine(folder, known)).await?;
    if commit_numbering(ctx, work, &folder.name, selected.checkpoint(0)).await? >= MOST_RENUMBERINGS {
        return Err(PollError::Renumbered);
    }
    // After a change of UIDVALIDITY that was noted and then not read.
    let is_unread = work.renumbered.contains_key(&folder.name) && known.is_some_and(|known| known.last_uid == 0);
    let mut next = if known.is_none() || selected.starts_over(known) || is_unread {
        let since = session.first_uid_since(selected, ctx.time.now() - FIRST_VISIT);
        let first = hands::within(work, since).await?;
        if first >= selected.uid_next {
            remember_start(ctx, work, folder, selected).await?;
        }
        Some(first).filter(|first| *first < selected.uid_next)
    } else if folder.role == Role::Sent {
        // What is learnt of a mail there counts each time.
        selected.first_new_uid(known)
    } else {
        selected.first_to_read(known)
    };
    if let Some(first) = next {
        // What we moved there ourselves has not come, and what processes died of is read when somebody asks for it.
        let mut tx = ctx.db.begin(&work.wall).await?;
        let ours = tidied::put_there(&mut tx, work.id(), &folder.name, selected.uid_validity, first).await?;
        let deadly = quarantine::died_of(&mut tx, work.id(), &folder.name, selected.uid_validity, first).await?;
        tx.commit().await?;
        session.pass_over(ours.into_iter().chain(deadly));
    }
    if let Some(known) = known.filter(|known| known.uid_validity == selected.uid_validity) {
        read_again(ctx, work, session, folder, selected, known).await?;
    }
    while let Some(first) = next {
        may_go_on(ctx.stop.is_cancelled(), session.ends())?;
        let open = Open { folder, selected };
        if folder.role != Role::Sent && work.hands.are_empty() {
            next = reports::read_on(ctx, work, session, open, first).await?;
            continue;
        }
        hands::apart(ctx, work, &folder.name).await?;
        let most = work.hands.most(&folder.name, selected, first, &work.mailbox.connection).min(session.batch());
        let ahead = hands::within(work, session.ahead(selected, first, most)).await?;
        next = if let Some(uid) = work.hands.culprit(&folder.name, selected, &ahead) {
            let checkpoint = selected.checkpoint(ahead.through_uid);
            commit_put_aside(ctx, work, folder.name.clone(), checkpoint, uid).await?;
            ahead.next_uid
        } else {
            hands::take(ctx, work, folder, selected, &ahead).await?;
            if folder.role == Role::Sent {
                read_sent(ctx, work, session, folder, selected, &ahead).await?
            } else {
                reports::read(ctx, work, session, open, &ahead, None).await?
            }
        };
        work.seat.among_others();
    }
    hands::among_others(ctx, work).await
}

/// Reads what was put aside and somebody asks for.
async fn read_again(
    ctx: &Reader,
    work: &mut Work,
    session: &mut Session,
    folder: &Folder,
    selected: Selected,
    known: Checkpoint,
) -> Result<(), PollError> {
    let is_here = |one: &Quarantined| one.folder == folder.name && one.uid_validity == selected.uid_validity;
    let messages: Vec<_> = work.asked_again.extract_if(.., |one| is_here(one)).collect();
    for message in messages {
        let uid = message.uid;
        let ahead = Ahead { first_uid: uid, uids: vec![uid], through_uid: uid, next_uid: None };
        hands::take_again(ctx, work, &message).await?;
        reports::read(ctx, work, session, Open { folder, selected }, &ahead, Some((message, known))).await?;
        work.seat.among_others();
    }
    Ok(())
}

/// Whether there is time for another batch. A session that is cut off would count as a failure of the mailbox, and a
/// backlog of more than one session as a mailbox that can't be read.
pub(super) fn may_go_on(is_stopping: bool, ends: Instant) -> Result<(), PollError> {
    if is_stopping {
        return Err(PollError::Stopped);
    }
    if ends < Instant::now() + A_BATCH { Err(PollError::Unfinished) } else { Ok(()) }
}

/// Nothing of interest is there: remember where new mail begins.
async fn remember_start(ctx: &Reader, work: &mut Work, folder: &Folder, selected: Selected) -> Result<(), PollError> {
    let checkpoint = selected.checkpoint(selected.uid_next.saturating_sub(1));
    commit_sent(ctx, work, folder.name.clone(), checkpoint, &[]).await
}

async fn read_sent(
    ctx: &Reader,
    work: &mut Work,
    session: &mut Session,
    folder: &Folder,
    selected: Selected,
    ahead: &Ahead,
) -> Result<Option<u32>, PollError> {
    let batch = hands::within(work, session.sent(ahead)).await?;
    let checkpoint = selected.checkpoint(batch.through_uid);
    commit_sent(ctx, work, folder.name.clone(), checkpoint, &batch.items).await?;
    batch.fault.map_or(Ok(batch.next_uid), |fault| Err(fault.into()))
}

#[cfg(test)]
mod tests {
    use daimon_domain::mailbox::ConnectionFault;

    use super::*;

    #[test]
    fn a_session_without_an_end_is_a_failure_unless_it_came_further() {
        let stalled = judged(Err(PollError::Unfinished), false).unwrap_err();
        assert_eq!(stalled.fault(), Some(ConnectionFault::Unreachable), "the mailbox can't be read");
        assert!(matches!(judged(Err(PollError::Unfinished), true), Err(PollError::Unfinished)));
        assert!(judged(Ok(()), false).is_ok(), "nothing was new");
    }

    #[test]
    fn a_backlog_goes_on_in_another_session_before_this_one_is_cut_off() {
        let whole = Instant::now() + Limits::default().session;
        assert!(may_go_on(false, whole).is_ok());
        assert!(matches!(may_go_on(false, Instant::now() + A_BATCH / 2), Err(PollError::Unfinished)));
        assert!(matches!(may_go_on(true, whole), Err(PollError::Stopped)));
        let fault = PollError::Unfinished.fault();
        assert_eq!(fault, None, "the mailbox is not to blame");
    }
}

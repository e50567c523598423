//! What a session does, from the first look to the result.

use daimon_domain::clock::Clock;
use daimon_domain::incident::Incident;
use daimon_domain::job::JobFailure;
use daimon_domain::tidying::{FolderTitle, InFolder, Left, StayFor, Tidied};
use daimon_store::tidied::{self, TidiedMail, TidyState};

use super::Errand;
use super::mover::{Checked, Mover};
use crate::poll::{Called, Role, Session, title};
use crate::read::asked::Held;
use crate::read::errand::NotDone;
use crate::read::job::{PollError, Reader};
use crate::read::session::{may_go_on, signed_in};
use crate::read::work::Work;

/// Does what is to be done, as far as there is time; what came of it since the job was asked for.
pub(super) async fn walk(
    ctx: &Reader,
    work: &Work,
    held: &Held,
    errand: Errand,
    incident: &Incident,
) -> Result<Tidied, NotDone> {
    let access = work.access(&ctx.master).ok_or(PollError::Sealed)?;
    let session = signed_in(ctx, &work.mailbox.server, &access).await?;
    if session.moves().is_none() {
        session.close().await;
        return Err(NotDone::ForGood(JobFailure::MoveNotOffered));
    }
    let mut mover = Mover { ctx, work, held, session };
    let tidied = match errand {
        Errand::Tidy(folder) => {
            Box::pin(mover.settle()).await?;
            let inbox = inbox(&mut mover.session).await?;
            let name = destination(&mut mover.session, &folder).await?;
            let mut tx = mover.begin().await?;
            tidied::plan(&mut tx, incident, &inbox, ctx.time.now()).await?;
            tx.commit().await.map_err(PollError::from)?;
            carry_all(&mut mover, incident, TidyState::Planned, Some(&name)).await?;
            result(&mover, incident, TidyState::Away, Some(&inbox), Some(folder.to_string())).await?
        }
        Errand::Look(folder) => {
            let inbox = inbox(&mut mover.session).await?;
            if mover.session.called(folder.as_str()).await? == Called::InUse {
                return Err(NotDone::ForGood(JobFailure::FolderRefused));
            }
            look(&mut mover, incident, &inbox, &folder).await?
        }
        Errand::Untidy => {
            Box::pin(mover.settle()).await?;
            let mut tx = mover.begin().await?;
            tidied::forget_plan(&mut tx, incident.id).await?;
            tx.commit().await.map_err(PollError::from)?;
            carry_all(&mut mover, incident, TidyState::Away, None).await?;
            result(&mover, incident, TidyState::Back, None, None).await?
        }
    };
    mover.session.close().await;
    Ok(tidied)
}

/// What INBOX is called: some servers spell it otherwise.
async fn inbox(session: &mut Session) -> Result<String, NotDone> {
    let folders = session.folders().await?;
    let inbox = folders.into_iter().find(|folder| folder.role == Role::Inbox);
    inbox.map(|folder| folder.name).ok_or(NotDone::ForGood(JobFailure::FolderRefused))
}

/// The folder that mails are moved to, made if it is not there.
async fn destination(session: &mut Session, folder: &FolderTitle) -> Result<String, NotDone> {
    match session.called(folder.as_str()).await? {
        Called::There(name) => Ok(name),
        Called::InUse => Err(NotDone::ForGood(JobFailure::FolderRefused)),
        Called::Nowhere(names) => Ok(session.make_folder(&names).await?),
    }
}

/// Moves everything that stands so, batch by batch.
async fn carry_all(
    mover: &mut Mover<'_>,
    incident: &Incident,
    state: TidyState,
    to: Option<&str>,
) -> Result<(), NotDone> {
    loop {
        may_go_on(mover.ctx.stop.is_cancelled(), mover.session.ends())?;
        let mut tx = mover.begin().await?;
        let mails = tidied::next(&mut tx, incident.id, state, mover.session.batch()).await?;
        tx.commit().await.map_err(PollError::from)?;
        let mails = of_one_place(mails);
        let Some(first) = mails.first() else { return Ok(()) };
        let to = to.map_or_else(|| first.from.folder.clone(), str::to_owned);
        Box::pin(mover.carry(mails, &to)).await?;
    }
}

/// The first of them, and those that lie with it and go back to the same place.
pub(super) fn of_one_place(mut mails: Vec<TidiedMail>) -> Vec<TidiedMail> {
    if let Some(first) = mails.first().cloned() {
        let place = |mail: &TidiedMail| (mail.at.folder.clone(), mail.at.uid_validity, mail.from.folder.clone());
        let way = |mail: &TidiedMail| mail.way.as_ref().map(|way| (way.0.folder.clone(), way.0.uid_validity));
        mails.retain(|mail| place(mail) == place(&first) && way(mail) == way(&first) && mail.state == first.state);
    }
    mails
}

/// What would be moved. It is planned in a transaction that comes to nothing.
async fn look(
    mover: &mut Mover<'_>,
    incident: &Incident,
    inbox: &str,
    folder: &FolderTitle,
) -> Result<Tidied, NotDone> {
    let mut tx = mover.begin().await?;
    tidied::plan(&mut tx, incident, inbox, mover.ctx.time.now()).await?;
    let mails = tidied::next(&mut tx, incident.id, TidyState::Planned, usize::MAX).await?;
    let elsewhere = tidied::elsewhere(&mut tx, incident.id, inbox).await?;
    drop(tx);
    let selected = mover.look_into(inbox).await?;
    let (here, renumbered): (Vec<_>, Vec<_>) =
        mails.into_iter().partition(|mail| mail.at.uid_validity == selected.uid_validity);
    let (mut good, mut gone, mut another) = (0, 0, 0);
    for some in here.chunks(mover.session.batch()) {
        may_go_on(mover.ctx.stop.is_cancelled(), mover.session.ends())?;
        let checked = Box::pin(mover.check(selected, some.to_vec())).await?;
        let Checked { good: agreed, moved, gone: vanished, another: others } = checked;
        good += agreed.len() + moved.len();
        gone += vanished.len();
        another += others.len();
    }
    let stay = [(Left::Gone, gone), (Left::Another, another), (Left::Renumbered, renumbered.len())];
    let left = stay.into_iter().filter(|(_, mails)| *mails > 0);
    Ok(Tidied {
        is_dry_run: true,
        folder: Some(folder.to_string()),
        moved: (good > 0).then(|| InFolder { folder: title(inbox), mails: good as u64 }).into_iter().collect(),
        left: left.map(|(because, mails)| StayFor { because, mails: mails as u64 }).collect(),
        elsewhere: titled(elsewhere),
    })
}

/// What came of the job, in all its sessions.
async fn result(
    by: &Mover<'_>,
    incident: &Incident,
    state: TidyState,
    inbox: Option<&str>,
    folder: Option<String>,
) -> Result<Tidied, NotDone> {
    let since = by.held.job.created_at;
    let mut tx = by.begin().await?;
    let moved = tidied::moved_since(&mut tx, incident.id, state, since).await?;
    let left = tidied::left_since(&mut tx, incident.id, state == TidyState::Back, since).await?;
    let elsewhere = match inbox {
        Some(inbox) => tidied::elsewhere(&mut tx, incident.id, inbox).await?,
        None => Vec::new(),
    };
    tx.commit().await.map_err(PollError::from)?;
    Ok(Tidied { is_dry_run: false, folder, moved: titled(moved), left, elsewhere: titled(elsewhere) })
}

/// The folders as people read them.
fn titled(folders: Vec<InFolder>) -> Vec<InFolder> {
    folders.into_iter().map(|one| InFolder { folder: title(&one.folder), ..one }).collect()
}

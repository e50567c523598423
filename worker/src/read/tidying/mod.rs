//! Moving the bounces of a confirmed incident to a folder of their own, and back, because somebody asked for it.
//!
//! It is the only thing that ever changes a mailbox. Only what lies in INBOX is moved: what lies elsewhere was put there by a
//! filter, a rule or the owner, which is evidence or a choice, and a mail that is taken out of Junk teaches the filter. A mail is
//! moved only if it still says what it said when it was judged. What is about to be moved is written down before, and where it
//! went after, so that a process may die at any moment (`mover.rs`).

mod mover;
mod walk;

use chrono::TimeDelta;
use daimon_domain::clock::Clock;
use daimon_domain::id::{AuditId, JobId, MailboxId};
use daimon_domain::incident::Incident;
use daimon_domain::job::{Job, JobFailure, JobKind};
use daimon_domain::scope::Wall;
use daimon_domain::tidying::{FolderTitle, Tidied, is_tidied_by_itself, may_be_tidied};
use daimon_store::job::{self, End};
use daimon_store::tidied::{self, TidyState};
use daimon_store::{StoreError, audit, incident};
use serde_json::json;

use self::walk::walk;
use super::asked::Held;
use super::errand::{NotDone, run};
use super::job::Reader;
use super::work::Work;

/// What comes late is moved without being asked for once in so long.
const BETWEEN: TimeDelta = TimeDelta::hours(1);

/// What is to be done.
enum Errand {
    /// To this folder.
    Tidy(FolderTitle),
    /// The same, but nothing is moved.
    Look(FolderTitle),
    /// Back.
    Untidy,
}

/// Does the job on a mailbox that is ours.
pub(super) async fn tidy(held: Held, ctx: &Reader, work: Work) -> Result<(), StoreError> {
    let errand = errand(ctx, &held, &work).await?;
    let walking = async |work: &Work| match errand {
        Some((errand, incident)) => walk(ctx, work, &held, errand, &incident).await,
        None => Err(NotDone::ForGood(JobFailure::NotAllowed)),
    };
    match run(&held, ctx, work, walking).await? {
        Some(brought) => end(&held, ctx, brought).await,
        None => Ok(()),
    }
}

/// What the job asks for; `None`: that may not be done any more.
async fn errand(ctx: &Reader, held: &Held, work: &Work) -> Result<Option<(Errand, Incident)>, StoreError> {
    let Some(id) = held.job.incident else { return Ok(None) };
    let mut tx = ctx.db.begin(&held.wall).await?;
    let Some(incident) = incident::find(&mut tx, id).await? else { return Ok(None) };
    let folder = work.mailbox.tidying.as_ref().map(|tidying| tidying.folder.clone());
    let errand = match (held.job.kind, folder, held.job.is_dry_run) {
        (JobKind::Untidy, ..) => Some(Errand::Untidy),
        (JobKind::Tidy, Some(folder), false) if may_be_tidied(&incident) => Some(Errand::Tidy(folder)),
        (JobKind::Tidy, Some(folder), true) if may_be_tidied(&incident) => Some(Errand::Look(folder)),
        (JobKind::Tidy | JobKind::TestConnection | JobKind::Recipients | JobKind::Deletion, ..) => None,
    };
    Ok(errand.map(|errand| (errand, incident)))
}

/// Asks for what is moved without being asked for: the mailbox's owner has had time to see it, since somebody has shut the way in.
/// Once an hour at most, and not again what somebody has moved back. `inbox`: where mail arrives, if that was ever opened.
pub(super) async fn begin_by_itself(
    ctx: &Reader,
    wall: &Wall,
    mailbox: MailboxId,
    inbox: Option<&str>,
) -> Result<(), StoreError> {
    let (Some(inbox), now) = (inbox, ctx.time.now()) else { return Ok(()) };
    let mut tx = ctx.db.begin(wall).await?;
    if job::asked_since(&mut tx, mailbox, JobKind::Tidy, now - BETWEEN).await?.count > 0 {
        return Ok(());
    }
    let live = incident::live_for_mailbox(&mut tx, mailbox).await?;
    for incident in live.iter().filter(|incident| is_tidied_by_itself(incident)) {
        if tidied::was_undone(&mut tx, incident.id).await? || !tidied::has_news(&mut tx, incident, inbox).await? {
            continue;
        }
        let id = JobId::new(now, &ctx.entropy);
        let asked = Job::asked(id, JobKind::Tidy, incident.tenant, "daimon".to_owned(), now);
        let job = Job { mailbox: Some(mailbox), incident: Some(incident.id), ..asked };
        if job::insert(&mut tx, &job).await? {
            let entry = audit::NewEntry {
                id: AuditId::new(now, &ctx.entropy),
                tenant: Some(incident.tenant),
                at: now,
                actor: "daimon".to_owned(),
                action: "incident.tidy_requested".to_owned(),
                subject: incident.id.to_string(),
                detail: json!({ "job": job.id, "mailbox": mailbox, "dry_run": false }),
            };
            audit::append(&mut tx, &entry).await?;
        }
        break;
    }
    tx.commit().await
}

/// Ends the job without a result. What was moved until then is told all the same, and can be moved back.
pub(super) async fn fail(held: &Held, ctx: &Reader, why: JobFailure) -> Result<(), StoreError> {
    end(held, ctx, Err(why)).await
}

async fn end(held: &Held, ctx: &Reader, brought: Result<Tidied, JobFailure>) -> Result<(), StoreError> {
    let (now, id) = (ctx.time.now(), held.job.id);
    let mut tx = ctx.db.begin(&held.wall).await?;
    let incident = match held.job.incident {
        Some(incident) => incident::find_held(&mut tx, incident).await?,
        None => None,
    };
    let (what, state) = match held.job.kind {
        JobKind::Untidy => ("untidied", TidyState::Back),
        JobKind::Tidy | JobKind::TestConnection | JobKind::Recipients | JobKind::Deletion => {
            ("tidied", TidyState::Away)
        }
    };
    let mut mails = 0;
    if let Some(incident) = incident.as_ref().filter(|_| !held.job.is_dry_run) {
        let moved = tidied::moved_since(&mut tx, incident.id, state, held.job.created_at).await?;
        mails = moved.iter().map(|one| one.mails).sum();
    }
    let folder = brought.as_ref().ok().and_then(|tidied| tidied.folder.clone());
    let failure = brought.as_ref().err().copied();
    let left: u64 = brought.as_ref().map_or(0, |tidied| tidied.left.iter().map(|one| one.mails).sum());
    let brought = match brought {
        Ok(tidied) => Ok(serde_json::to_value(&tidied)
            .map_err(|error| StoreError::Corrupt { table: "job", source: error.into() })?),
        Err(why) => Err(why),
    };
    if !job::finish(&mut tx, id, &held.lease, &End { brought, is_in_vain: false, at: now }).await? {
        tracing::warn!(job.id = %id, "job {id} was taken over, or has gone, while it was done");
        return Ok(());
    }
    if let Some(incident) = incident.filter(|_| !held.job.is_dry_run) {
        if mails > 0 {
            let note = match folder.filter(|_| what == "tidied") {
                Some(folder) => format!("{mails} to {folder}"),
                None => mails.to_string(),
            };
            let who = held.job.created_by.clone();
            let entry = incident::Entry { at: now, what: what.to_owned(), who, note: Some(note) };
            incident::add_entry(&mut tx, &incident, &entry).await?;
        }
        let entry = audit::NewEntry {
            id: AuditId::new(now, &ctx.entropy),
            tenant: Some(incident.tenant),
            at: now,
            actor: "daimon".to_owned(),
            action: format!("incident.{what}"),
            subject: incident.id.to_string(),
            detail: json!({
                "job": id, "mailbox": incident.mailbox, "mails": mails, "left": left, "failure": failure
            }),
        };
        audit::append(&mut tx, &entry).await?;
    }
    tx.commit().await?;
    let outcome = failure.map_or("done", JobFailure::as_str);
    metrics::counter!("daimon_mails_moved_total", "kind" => held.job.kind.as_str()).increment(mails);
    tracing::info!(job.id = %id, mails, left, outcome, "job {id} has ended");
    Ok(())
}

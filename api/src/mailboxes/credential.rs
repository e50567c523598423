//! A new password or another credential, and with it, where needed, a new server.

use actix_web::{HttpResponse, put};
use chrono::TimeDelta;
use daimon_domain::mailbox::Mailbox;
use daimon_store::old_credential::{self, OldCredential};
use daimon_store::{incident, mailbox};
use daimon_verdict::life;
use secrecy::SecretString;
use serde_json::json;

use super::secret::{self, Means};
use super::view::{MailboxView, NewCredential};
use crate::caller::{Caller, MailboxesWrite, Permitted};
use crate::deletion::living_mailbox;
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, IfMatchHeader, MailboxPath};
use crate::problem::Problem;

/// Replace a mailbox's credential
///
/// Seals the new password in place of the one before, or lets the mailbox sign in with a credential of its tenant, and reads it
/// at once, also when its old password was refused. Nobody can read a password back. While a takeover is being dealt with, the old one is kept, sealed, and tried now
/// and then: that it is refused proves that the way in is shut. It is erased when the incident ends.
#[utoipa::path(operation_id = "replaceMailboxCredential", tag = "Mailboxes", params(MailboxPath, IfMatchHeader), request_body = NewCredential, responses(
    (status = 200, description = "The mailbox as it is now", body = MailboxView, headers(("ETag", description = "Its new version"))),
    (status = 409, description = "`conflict`: it is being deleted"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[put("/v1/mailboxes/{mailbox_id}/credential")]
pub(super) async fn replace_credential(
    asked: Permitted<MailboxesWrite, (At<MailboxPath>, IfMatch, Body<NewCredential>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut mailbox = living_mailbox(&mut caller, path.id()?).await?;
    expected.check(mailbox.version)?;
    let now = caller.now;
    let means = Means::of(body.value.password, body.value.credential_id)?;
    let old = (mailbox.username.clone(), mailbox.server.clone(), secret::open(&mut caller, &mailbox).await);
    if let Some(imap) = body.value.imap {
        mailbox.server = imap.vetted(&caller.service.guard)?;
        mailbox.version = mailbox::update(&mut caller.tx, &mailbox, now).await?.ok_or(Problem::PreconditionFailed)?;
    }
    let sealed =
        means.seal(&mut caller, mailbox.tenant, mailbox.id, &mailbox.server).await?.ok_or_else(MailboxPath::absent)?;
    mailbox::replace_secret(&mut caller.tx, mailbox.id, mailbox.version, &sealed, means.credential(), now)
        .await?
        .ok_or(Problem::PreconditionFailed)?;
    means.note_hash(&mut caller, &mailbox).await?;
    let mailbox = mailbox::find(&mut caller.tx, mailbox.id).await?.ok_or_else(MailboxPath::absent)?;
    let (username, server, old) = old;
    match old {
        // The same password proves nothing, and another server says nothing of this one.
        Ok(Some(old)) if server == mailbox.server && !means.is(&old) => {
            keep_old(&mut caller, &mailbox, username, &old).await?;
        }
        Ok(_) => {}
        Err(error) => {
            let id = mailbox.id;
            tracing::warn!(error = %error, mailbox.id = %id, "the old password of mailbox {id} can't be opened, so it proves nothing");
        }
    }
    caller.audit("mailbox.credential_replaced", mailbox.id, Some(mailbox.tenant), json!({})).await?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    caller.commit().await?;
    service.hint_poll(msp, mailbox.tenant, mailbox.id).await;
    Ok(tagged(mailbox.version, &MailboxView::from(mailbox)))
}

/// The first try of an old password: hosts lock accounts after a few refusals in a short time.
const FIRST_TRY_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Keeps the old password with the incidents of whoever stole it.
async fn keep_old<P>(
    caller: &mut Caller<P>,
    mailbox: &Mailbox,
    username: String,
    old: &SecretString,
) -> Result<(), Problem> {
    for incident in incident::live_for_mailbox(&mut caller.tx, mailbox.id).await? {
        if !life::has_a_tail(incident.verdict) || incident.life.refused_since.is_some() {
            continue;
        }
        let Some(secret) = secret::seal_old(caller, &incident, old).await? else { continue };
        let kept = OldCredential {
            username: username.clone(),
            secret,
            replaced_at: caller.now,
            tries: 0,
            accepted_at: None,
            refused_at: None,
            next_try_at: Some(caller.now + FIRST_TRY_AFTER),
        };
        old_credential::keep(&mut caller.tx, &incident, &kept).await?;
        let (what, who) = ("credential_replaced".to_owned(), caller.actor.to_string());
        let entry = incident::Entry { at: caller.now, what, who, note: None };
        incident::add_entry(&mut caller.tx, &incident, &entry).await?;
    }
    Ok(())
}

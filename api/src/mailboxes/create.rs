//! Beginning to read a mailbox.

use actix_web::{HttpResponse, post};
use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::mailbox::{Address, Connection, Idling, ImapServer, Mailbox, NewMail, Polling};
use daimon_store::mailbox;
use serde_json::json;

use super::secret::Means;
use super::view::{MailboxView, NewMailbox};
use crate::caller::{Caller, MailboxesWrite, Permitted};
use crate::deletion::living_tenant;
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Create a mailbox
///
/// The mailbox is read at once and from then on. Its password is sealed under the tenant's own key and never shown
/// again. In place of a password it can have a `credential_id`: it signs in with OAuth 2 then, and shares that credential's
/// access token with the others that have it. One tenant has one mailbox with an address. Where the server offers it, new mail can be
/// read within a second of its arrival (`"new_mail": "idle"`).
#[utoipa::path(operation_id = "createMailbox", tag = "Mailboxes", params(IdempotencyKeyHeader), request_body = NewMailbox, responses(
    (status = 201, description = "The mailbox", body = MailboxView, headers(("Location", description = "Where it is read"), ("ETag", description = "Its version"))),
    (status = 409, description = "`conflict`: the tenant has a mailbox with this address already, or is being deleted")))]
#[post("/v1/mailboxes")]
pub(super) async fn create_mailbox(
    asked: Permitted<MailboxesWrite, (IdempotencyKey, Body<NewMailbox>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let new = body.value;
    let asked = Asked {
        server: new.imap.vetted(&caller.service.guard)?,
        means: Means::of(new.password, new.credential_id)?,
        username: new.username.unwrap_or_else(|| new.address.to_string()),
        address: new.address,
        poll_interval_s: new.poll_interval_s,
        new_mail: new.new_mail,
    };
    let tenant = caller.tenant(new.tenant_id)?;
    living_tenant(&mut caller, tenant).await?;
    let mailbox = store(&mut caller, tenant, asked)
        .await?
        .ok_or_else(|| Problem::invalid("/tenant_id", "there is no such tenant"))?;
    let id = mailbox.id;
    caller.audit("mailbox.created", id, Some(tenant), json!({})).await?;
    let location = format!("/v1/mailboxes/{id}");
    let (service, msp) = (caller.service.clone(), caller.msp);
    let made = Created { location, version: Some(mailbox.version), view: MailboxView::from(mailbox) };
    let response = once.created(caller, made).await?;
    service.hint_poll(msp, tenant, id).await;
    Ok(response)
}

/// A mailbox that somebody wants to be read.
pub(crate) struct Asked {
    pub(crate) address: Address,
    pub(crate) server: ImapServer,
    pub(crate) username: String,
    pub(crate) means: Means,
    pub(crate) poll_interval_s: Option<u32>,
    pub(crate) new_mail: Option<NewMail>,
}

/// Seals what it signs in with, and stores it. `None`: there is no such tenant within reach.
pub(crate) async fn store<P>(
    caller: &mut Caller<P>,
    tenant: TenantId,
    asked: Asked,
) -> Result<Option<Mailbox>, Problem> {
    let id = MailboxId::new(caller.now, caller.service.sources.entropy());
    let Some(sealed) = asked.means.seal(caller, tenant, id, &asked.server).await? else { return Ok(None) };
    let mailbox = Mailbox {
        id,
        tenant,
        username: asked.username,
        address: asked.address,
        credential: asked.means.credential(),
        server: asked.server,
        polling: Polling::Active,
        connection: Connection::New,
        poll_interval_s: asked.poll_interval_s.unwrap_or(300),
        new_mail: asked.new_mail.unwrap_or(NewMail::Poll),
        idling: Idling::Starting,
        tidying: None,
        next_poll_at: caller.now,
        last_polled_at: None,
        created_at: caller.now,
        version: 1,
    };
    mailbox::insert(&mut caller.tx, &mailbox, &sealed).await?;
    asked.means.note_hash(caller, &mailbox).await?;
    Ok(Some(mailbox))
}

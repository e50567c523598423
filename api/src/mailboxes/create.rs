//! Beginning to read a mailbox.

use actix_web::{HttpResponse, post};
use daimon_domain::id::MailboxId;
use daimon_domain::mailbox::{Connection, Mailbox, Polling};
use daimon_domain::scope::Tenants;
use daimon_store::mailbox;
use serde_json::json;

use super::secret;
use super::view::{MailboxView, NewMailbox};
use crate::caller::{MailboxesWrite, Permitted};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Create a mailbox
///
/// The mailbox is read at once and from then on. Its password is sealed under the tenant's own key and never shown
/// again. One tenant has one mailbox with an address.
#[utoipa::path(operation_id = "createMailbox", tag = "Mailboxes", params(IdempotencyKeyHeader), request_body = NewMailbox, responses(
    (status = 201, description = "The mailbox", body = MailboxView, headers(("Location", description = "Where it is read"), ("ETag", description = "Its version"))),
    (status = 409, description = "This tenant has a mailbox with this address already, or a request with this Idempotency-Key is being answered right now")))]
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
    let server = new.imap.vetted(&caller.service.guard)?;
    let tenant = match (new.tenant_id, &caller.tenants) {
        (Some(tenant), _) => tenant,
        (None, Tenants::Only(tenants)) if tenants.len() == 1 => tenants.first().copied().ok_or(Problem::Internal)?,
        (None, Tenants::All | Tenants::Only(_)) => return Err(Problem::invalid("/tenant_id", "is missing")),
    };
    let id = MailboxId::new(caller.now, caller.service.sources.entropy());
    let sealed = secret::seal(&mut caller, tenant, id, &new.password)
        .await?
        .ok_or_else(|| Problem::invalid("/tenant_id", "there is no such tenant"))?;
    let mailbox = Mailbox {
        id,
        tenant,
        username: new.username.unwrap_or_else(|| new.address.to_string()),
        address: new.address,
        server,
        polling: Polling::Active,
        connection: Connection::New,
        poll_interval_s: new.poll_interval_s.unwrap_or(300),
        next_poll_at: caller.now,
        last_polled_at: None,
        created_at: caller.now,
        version: 1,
    };
    mailbox::insert(&mut caller.tx, &mailbox, &sealed).await?;
    secret::note_hash(&mut caller, &mailbox, &new.password).await?;
    caller.audit("mailbox.created", id, Some(tenant), json!({ "host": mailbox.server.host })).await?;
    let location = format!("/v1/mailboxes/{id}");
    let (service, msp) = (caller.service.clone(), caller.msp);
    let made = Created { location, version: Some(mailbox.version), view: MailboxView::from(mailbox) };
    let response = once.created(caller, made).await?;
    service.hint_poll(msp, tenant, id).await;
    Ok(response)
}

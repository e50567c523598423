//! Declaring a maintenance window.

use actix_web::{HttpResponse, post};
use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId, WindowId};
use daimon_domain::maintenance::{LONGEST, Window};
use daimon_store::{mailbox, maintenance};
use serde_json::json;

use super::view::{NewWindow, WindowView};
use crate::caller::{Caller, IncidentsWrite, Permitted};
use crate::deletion::living_tenant;
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Declare a maintenance window
///
/// While it lasts, incidents of these mailboxes open and change as always, and you see them here, but nobody is told: no
/// event of an incident, none that a mailbox is watched, unreachable or readable again. When it ends, what is still so is
/// told, once for each incident, as it is then: as `incident.opened` where you were told of nothing before. A refused password
/// is told at once, because it is not tried again. Drills are told.
#[utoipa::path(operation_id = "createMaintenanceWindow", tag = "Maintenance windows", params(IdempotencyKeyHeader), request_body = NewWindow, responses(
    (status = 201, description = "The window", body = WindowView, headers(("Location", description = "Where it is read"), ("ETag", description = "Its version"))),
    (status = 409, description = "`conflict`: the tenant is being deleted")))]
#[post("/v1/maintenance-windows")]
pub(super) async fn create_window(
    asked: Permitted<IncidentsWrite, (IdempotencyKey, Body<NewWindow>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let new = body.value;
    if living_tenant(&mut caller, new.tenant_id).await?.is_none() {
        return Err(Problem::invalid("/tenant_id", "there is no such tenant"));
    }
    let starts_at = new.starts_at.unwrap_or(caller.now);
    check(&mut caller, new.tenant_id, &new.mailbox_ids, starts_at, new.ends_at).await?;
    let window = Window {
        id: WindowId::new(caller.now, caller.service.sources.entropy()),
        tenant: new.tenant_id,
        mailboxes: new.mailbox_ids,
        starts_at,
        ends_at: new.ends_at,
        reason: new.reason,
        created_at: caller.now,
        created_by: caller.actor.to_string(),
        version: 1,
    };
    maintenance::insert(&mut caller.tx, &window).await?;
    let detail = json!({ "starts_at": window.starts_at, "ends_at": window.ends_at });
    caller.audit("maintenance_window.declared", window.id, Some(window.tenant), detail).await?;
    let location = format!("/v1/maintenance-windows/{}", window.id);
    once.created(caller, Created { location, version: Some(window.version), view: WindowView::from(window) }).await
}

/// Whether a window can be so.
pub(super) async fn check<P>(
    caller: &mut Caller<P>,
    tenant: TenantId,
    mailboxes: &[MailboxId],
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
) -> Result<(), Problem> {
    if ends_at <= starts_at {
        return Err(Problem::invalid("/ends_at", "is not after starts_at"));
    }
    if ends_at > starts_at + LONGEST {
        return Err(Problem::invalid("/ends_at", "is more than 90 days after starts_at"));
    }
    if ends_at <= caller.now {
        return Err(Problem::invalid("/ends_at", "is over already"));
    }
    for (at, id) in mailboxes.iter().enumerate() {
        let mailbox = mailbox::find(&mut caller.tx, *id).await?;
        if mailbox.is_none_or(|mailbox| mailbox.tenant != tenant) {
            return Err(Problem::invalid(format!("/mailbox_ids/{at}"), "the tenant has no such mailbox"));
        }
    }
    Ok(())
}

//! The log, newest first.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::{Listed, audit};
use uuid::Uuid;

use super::view::{AuditEntryView, ListAuditEntries};
use crate::caller::{AuditRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List the audit log
///
/// Every change that was made through this interface, newest first. Entries are never edited or removed, and each
/// carries the hash of the one before.
#[utoipa::path(operation_id = "listAuditEntries", tag = "Audit", params(ListAuditEntries), responses(
    (status = 200, description = "A page of the log", body = Page<AuditEntryView>)))]
#[get("/v1/audit-entries")]
pub(super) async fn list_audit_entries(
    asked: Permitted<AuditRead, Query<ListAuditEntries>>,
) -> Result<Json<Page<AuditEntryView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let after = query.0.after_sequence;
    let walk = Walk::new(&caller, "audit_entries", &after, query.0.cursor.as_deref(), query.0.limit)?;
    let before = |place: Uuid| i64::try_from(place.as_u128()).unwrap_or(0);
    let listed = audit::list(&mut caller.tx, after, walk.page(before)).await?;
    let place = |entry: &(i64, AuditEntryView)| Uuid::from_u128(u128::try_from(entry.0).unwrap_or(0));
    let items = listed
        .items
        .into_iter()
        .map(|entry| Ok((entry.sequence, AuditEntryView::try_from(entry)?)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|error| Problem::internal(&error))?;
    Ok(Json(walk.answer(Listed { items, more: listed.more }, place, |(_sequence, view)| view)))
}

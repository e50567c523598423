//! The whole log.

use actix_web::{HttpResponse, get};
use daimon_store::{MspTx, Page, audit};
use futures_util::FutureExt;

use super::view::{AuditEntryView, ExportAuditEntries};
use crate::caller::{AuditRead, Caller, Permitted};
use crate::export::{AT_ONCE, ExportFormat, Part, Token, Writing, streamed};
use crate::input::Query;
use crate::problem::Problem;

/// The columns of a table, as the fields of an entry are called.
const COLUMNS: [&str; 10] =
    ["sequence", "id", "tenant_id", "at", "actor", "action", "subject", "detail", "previous_hash", "hash"];

/// Export the audit log
///
/// What `GET /v1/audit-entries` lists with the same filter, newest first and to the end, as lines of JSON (`ndjson`) or as a table
/// (`csv`, UTF-8 with a byte order mark). It is written while it is read; an answer that breaks off is not whole. Each entry's
/// `previous_hash` is the `hash` of the line below it.
#[utoipa::path(operation_id = "exportAuditEntries", tag = "Audit", params(ExportAuditEntries), responses(
    (status = 200, description = "The log", content(
        (String = "application/x-ndjson", example = json!("{\"sequence\":12,\"action\":\"mailbox.paused\"}\n")),
        (String = "text/csv", example = json!("sequence,id,tenant_id,at,actor,action,subject,detail,previous_hash,hash\r\n")),
    ))))]
#[get("/v1/audit-entries/export")]
pub(super) async fn export_audit_entries(
    asked: Permitted<AuditRead, (Query<ExportAuditEntries>, Token)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (query, token)) = asked;
    let format = query.0.format.unwrap_or(ExportFormat::Ndjson);
    let writing = Writing { format, columns: &COLUMNS, name: "audit-entries" };
    let after = query.0.after_sequence;
    let first = part(&mut caller.tx, after, None, writing).await?;
    let service = caller.service.clone();
    drop(caller);
    streamed(service, token, writing, first, move |mut caller: Caller<AuditRead>, before| {
        async move { part(&mut caller.tx, after, Some(before), writing).await }.boxed_local()
    })
}

async fn part(tx: &mut MspTx, after: Option<i64>, before: Option<i64>, writing: Writing) -> Result<Part<i64>, Problem> {
    let listed = audit::list(tx, after, Page { limit: AT_ONCE, before }).await?;
    let next = listed.items.last().filter(|_| listed.more).map(|last| last.sequence);
    let rows = listed.items.into_iter().map(AuditEntryView::try_from).collect::<Result<Vec<_>, _>>();
    Ok(Part { bytes: writing.rows(&rows.map_err(|error| Problem::internal(&error))?)?, next })
}

//! All bounces that are asked for, to the end.

use actix_web::{HttpResponse, get};
use daimon_domain::id::BounceId;
use daimon_store::bounce::{self, BounceFilter};
use daimon_store::{MspTx, Page};
use futures_util::FutureExt;

use super::list::livemode;
use super::view::{BounceView, ExportBounces};
use crate::caller::{BouncesRead, Caller, Permitted};
use crate::export::{AT_ONCE, ExportFormat, Part, Token, Writing, streamed};
use crate::input::Query;
use crate::problem::Problem;

/// The columns of a table, as the fields of a bounce are called.
const COLUMNS: [&str; 20] = [
    "id",
    "tenant_id",
    "mailbox_id",
    "folder",
    "received_at",
    "kind",
    "reason",
    "status",
    "reply",
    "action",
    "permanence",
    "fault",
    "rule",
    "diagnostic",
    "reporting_mta",
    "remote_mta",
    "recipient_domain",
    "verdict",
    "incident_id",
    "livemode",
];

/// Export bounces
///
/// What `GET /v1/bounces` lists with the same filters, newest first and to the end, as lines of JSON (`ndjson`) or as a table
/// (`csv`, UTF-8 with a byte order mark, for spreadsheets). It is written while it is read, so that its length does not matter; what
/// comes in meanwhile is not in it. An answer that breaks off is not whole: a token holds for 15 minutes, so ask for less by `from`
/// and `to` then. In a table, text that begins with `=`, `+`, `-` or `@` has an apostrophe before it, so that no spreadsheet takes it for a
/// formula.
#[utoipa::path(operation_id = "exportBounces", tag = "Bounces", params(ExportBounces), responses(
    (status = 200, description = "All of them", content(
        (String = "application/x-ndjson", example = json!("{\"id\":\"bnc_019ab1c2d3e47f508192a3b4c5d6e7f8\",\"kind\":\"bounce\",\"reason\":\"user_unknown\"}\n")),
        (String = "text/csv", example = json!("id,tenant_id,mailbox_id,folder,received_at,kind,reason\r\n")),
    ))))]
#[get("/v1/bounces/export")]
pub(super) async fn export_bounces(
    asked: Permitted<BouncesRead, (Query<ExportBounces>, Token)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (query, token)) = asked;
    let query = query.0;
    let filter = BounceFilter {
        tenant: query.tenant_id,
        mailbox: query.mailbox_id,
        reason: query.reason,
        recipient_domain: query.recipient_domain.map(|domain| domain.to_lowercase()),
        verdict: query.verdict,
        incident: query.incident_id,
        from: query.from,
        to: query.to,
        livemode: livemode(query.livemode, query.incident_id),
    };
    let format = query.format.unwrap_or(ExportFormat::Ndjson);
    let writing = Writing { format, columns: &COLUMNS, name: "bounces" };
    let first = part(&mut caller.tx, &filter, None, writing).await?;
    let service = caller.service.clone();
    // Nobody keeps a connection for a reader who may be slow.
    drop(caller);
    streamed(service, token, writing, first, move |mut caller: Caller<BouncesRead>, after| {
        let filter = filter.clone();
        async move { part(&mut caller.tx, &filter, Some(after), writing).await }.boxed_local()
    })
}

async fn part(
    tx: &mut MspTx,
    filter: &BounceFilter,
    before: Option<BounceId>,
    writing: Writing,
) -> Result<Part<BounceId>, Problem> {
    let listed = bounce::list(tx, filter, Page { limit: AT_ONCE, before }).await?;
    let next = listed.items.last().filter(|_| listed.more).map(|last| last.0.id);
    let rows: Vec<BounceView> = listed.items.into_iter().map(From::from).collect();
    Ok(Part { bytes: writing.rows(&rows)?, next })
}

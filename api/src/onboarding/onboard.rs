//! Taking companies in.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse, post};
use daimon_domain::scope::Permission;
use daimon_queue::Kind;
use daimon_store::audit;

use super::body::Sheet;
use super::servers::Servers;
use super::view::{NewOnboarding, OnboardQuery, OnboardedView, RowStatus};
use super::write::{Done, Writer};
use crate::caller::{Permitted, TenantsWrite};
use crate::idempotency::IdempotencyKey;
use crate::input::Query;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Take companies in
///
/// Creates companies with their mailboxes, at most 1,000 rows at a time, from JSON or from a table (`text/csv`; UTF-8, or `Shift_JIS` with
/// `charset=shift_jis`). The first line of a table names its columns: `company` and `address`, and of `external_id`,
/// `external_system` (`psa` when left out), `language`, `groups`, `password`, `credential_id`, `username`, `host`, `port`, `tls`,
/// `poll_interval_s` and `new_mail` those that you need. Good rows go in though others are wrong, and each wrong one is answered with what
/// is wrong where. A company is found again by what your other systems call it, else by its name, and a mailbox by its address: so the
/// same may be sent again, and what is there is left as it is, but for what another system calls a company of which that was not known.
/// A mailbox that is there gets another password by `PUT /v1/mailboxes/{mailbox_id}/credential`. Where no server is named it is looked for. The connection of each
/// new mailbox is tested. Needs `mailboxes:write` too.
#[utoipa::path(operation_id = "onboardTenants", tag = "Tenants", params(OnboardQuery, IdempotencyKeyHeader),
    request_body(content(
        (NewOnboarding = "application/json"),
        (String = "text/csv", example = json!("company,external_id,language,address,password,host\nSakura Dental,1234,ja,sato@sakura.example,correct horse battery staple,imap.sakura.example\n")),
    )),
    responses(
        (status = 207, description = "What came of each row", body = OnboardedView),
        (status = 409, description = "`busy`: somebody of yours is taking companies in, or a mailbox or a company of these rows was made or changed at this moment; nothing was done")))]
#[post("/v1/tenants/onboard")]
pub(super) async fn onboard_tenants(
    asked: Permitted<TenantsWrite, (Query<OnboardQuery>, IdempotencyKey, Sheet, QueryText)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(caller, (query, once, sheet, text)) = asked;
    caller.also_needs(Permission::MailboxesWrite)?;
    let is_dry = query.0.dry_run.unwrap_or(false);
    let (service, msp) = (caller.service.clone(), caller.msp);
    // Others need the connection to the database while we look around.
    let paused = caller.pause().await?;
    let servers = Servers::find(&sheet.lines, &service.egress).await;
    let mut caller = paused.resume().await?;
    let once = if is_dry {
        None
    } else {
        let whole = Bytes::from([text.0.as_bytes(), b"\n".as_slice(), sheet.bytes.as_ref()].concat());
        match once.begin(&mut caller, &whole).await? {
            Ok(once) => Some(once),
            Err(answer) => return Ok(answer),
        }
    };
    let writer = Writer::new(&mut caller, &sheet.lines, &servers, query.0.test.unwrap_or(true)).await?;
    let Done { mut view, entries, hints } = writer.write(sheet.lines).await?;
    let Some(once) = once else {
        caller.tx.rollback().await?;
        view.dry_run = true;
        // What was made is gone again.
        for row in view.rows.iter_mut().filter(|row| row.status == RowStatus::Created) {
            (row.tenant_id, row.mailbox_id, row.job_id) = (None, None, None);
        }
        return Ok(HttpResponse::build(StatusCode::MULTI_STATUS).json(view));
    };
    if !entries.is_empty() {
        audit::append_many(&mut caller.tx, &entries).await?;
    }
    let response = once.each(caller, view).await?;
    for (tenant, (mailboxes, jobs)) in hints {
        service.hint_all(Kind::Job, msp, tenant, &jobs).await;
        service.hint_all(Kind::Poll, msp, tenant, &mailboxes).await;
    }
    Ok(response)
}

/// The query as written: the same rows with another query are another request.
pub(super) struct QueryText(String);

impl FromRequest for QueryText {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(Ok(Self(request.query_string().to_owned())))
    }
}

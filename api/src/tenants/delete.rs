//! Letting a client company go.

use actix_web::{HttpResponse, delete};
use daimon_store::deletion::Target;
use daimon_store::tenant;

use crate::caller::{Permitted, TenantsWrite};
use crate::deletion::answer;
use crate::etag::IfMatch;
use crate::jobs::JobView;
use crate::path::{At, IfMatchHeader, TenantPath};
use crate::problem::Problem;

/// Delete a tenant
///
/// Removes the client company with its mailboxes, bounces, incidents and events, and destroys the key that sealed its
/// passwords. This can't be undone; the audit log keeps the ids. Where there is much to delete the answer is 202 with a job that
/// does it: the key is destroyed and its mailboxes are no longer read by then, and until the job is `done` the tenant is `deleting`. Whoever
/// asks again meanwhile, with whatever version, is given that job.
#[utoipa::path(operation_id = "deleteTenant", tag = "Tenants", params(TenantPath, IfMatchHeader), responses(
    (status = 202, description = "Its key is destroyed, and this job deletes the rest", body = JobView, headers(("Location", description = "Where to see how it goes"))),
    (status = 204, description = "It is gone"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/tenants/{tenant_id}")]
pub(super) async fn delete_tenant(
    asked: Permitted<TenantsWrite, (At<TenantPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let tenant = tenant::find(&mut caller.tx, path.id()?).await?.ok_or_else(TenantPath::absent)?;
    answer(caller, Target::Tenant(tenant.id), tenant.version, expected).await
}

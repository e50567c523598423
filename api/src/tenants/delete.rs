//! Letting a client company go.

use actix_web::{HttpResponse, delete};
use daimon_store::tenant;
use serde_json::json;

use crate::caller::{Permitted, TenantsWrite};
use crate::etag::IfMatch;
use crate::path::{At, IfMatchHeader, TenantPath};
use crate::problem::Problem;

/// Delete a tenant
///
/// Removes the client company with its mailboxes, bounces and incidents, and destroys the key that sealed its
/// passwords. This can't be undone; the audit log keeps the ids.
#[utoipa::path(operation_id = "deleteTenant", tag = "Tenants", params(TenantPath, IfMatchHeader), responses(
    (status = 204, description = "It is gone"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/tenants/{tenant_id}")]
pub(super) async fn delete_tenant(
    asked: Permitted<TenantsWrite, (At<TenantPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let tenant = tenant::find(&mut caller.tx, path.id()?).await?.ok_or_else(TenantPath::absent)?;
    expected.check(tenant.version)?;
    if !tenant::delete(&mut caller.tx, tenant.id, tenant.version, caller.now).await? {
        return Err(Problem::PreconditionFailed);
    }
    caller.audit("tenant.deleted", tenant.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

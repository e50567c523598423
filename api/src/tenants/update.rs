//! Changing a tenant.

use actix_web::{HttpResponse, patch};
use daimon_store::tenant;
use serde_json::json;

use super::view::{TenantChange, TenantView};
use crate::caller::{Permitted, TenantsWrite};
use crate::deletion::living_tenant;
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, IfMatchHeader, TenantPath};
use crate::problem::Problem;

/// Change a tenant
///
/// Changes what the body has and leaves the rest. Needs the `ETag` that you read, so that no change is lost.
#[utoipa::path(operation_id = "updateTenant", tag = "Tenants", params(TenantPath, IfMatchHeader), request_body = TenantChange, responses(
    (status = 200, description = "The tenant as it is now", body = TenantView, headers(("ETag", description = "Its new version"))),
    (status = 409, description = "`conflict`: it is being deleted"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/tenants/{tenant_id}")]
pub(super) async fn update_tenant(
    asked: Permitted<TenantsWrite, (At<TenantPath>, IfMatch, Body<TenantChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut tenant = living_tenant(&mut caller, path.id()?).await?.ok_or_else(TenantPath::absent)?;
    expected.check(tenant.version)?;
    let change = body.value;
    tenant.name = change.name.unwrap_or(tenant.name);
    tenant.language = change.language.unwrap_or(tenant.language);
    tenant.external_refs = change.external_refs.unwrap_or(tenant.external_refs);
    if let Some(groups) = change.groups {
        tenant.groups = groups.into_iter().collect();
    }
    tenant.version = tenant::update(&mut caller.tx, &tenant).await?.ok_or(Problem::PreconditionFailed)?;
    caller.audit("tenant.changed", tenant.id, Some(tenant.id), json!({})).await?;
    caller.commit().await?;
    Ok(tagged(tenant.version, &TenantView::from(tenant)))
}

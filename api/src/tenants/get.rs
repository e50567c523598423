//! Reading one tenant.

use actix_web::web::Path;
use actix_web::{HttpResponse, get};
use daimon_store::tenant;

use super::view::TenantView;
use crate::caller::{Caller, TenantsRead};
use crate::etag::tagged;
use crate::path::TenantPath;
use crate::problem::Problem;

/// Read a tenant
///
/// The client company with what your other systems call it. Its `ETag` is what a change must name.
#[utoipa::path(operation_id = "getTenant", tag = "Tenants", params(TenantPath), responses(
    (status = 200, description = "The tenant", body = TenantView, headers(("ETag", description = "Its version")))))]
#[get("/v1/tenants/{tenant_id}")]
pub(super) async fn get_tenant(mut caller: Caller<TenantsRead>, path: Path<TenantPath>) -> Result<HttpResponse, Problem> {
    let tenant = tenant::find(&mut caller.tx, path.id()?).await?.ok_or_else(TenantPath::absent)?;
    Ok(tagged(tenant.version, &TenantView::from(tenant)))
}

//! Reading one tenant.

use actix_web::{HttpResponse, get};
use daimon_store::tenant;

use super::view::TenantView;
use crate::caller::{Permitted, TenantsRead};
use crate::etag::tagged;
use crate::path::{At, TenantPath};
use crate::problem::Problem;

/// Read a tenant
///
/// The client company with what your other systems call it. Its `ETag` is what a change must name.
#[utoipa::path(operation_id = "getTenant", tag = "Tenants", params(TenantPath), responses(
    (status = 200, description = "The tenant", body = TenantView, headers(("ETag", description = "Its version")))))]
#[get("/v1/tenants/{tenant_id}")]
pub(super) async fn get_tenant(asked: Permitted<TenantsRead, At<TenantPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let tenant = tenant::find(&mut caller.tx, path.id()?).await?.ok_or_else(TenantPath::absent)?;
    Ok(tagged(tenant.version, &TenantView::from(tenant)))
}

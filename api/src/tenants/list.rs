//! Which tenants there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::TenantId;
use daimon_store::tenant;

use super::view::{ListTenants, TenantView};
use crate::caller::{Permitted, TenantsRead};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List tenants
///
/// The client companies within reach of your key, newest first.
#[utoipa::path(operation_id = "listTenants", tag = "Tenants", params(ListTenants), responses(
    (status = 200, description = "A page of tenants", body = Page<TenantView>)))]
#[get("/v1/tenants")]
pub(super) async fn list_tenants(
    asked: Permitted<TenantsRead, Query<ListTenants>>,
) -> Result<Json<Page<TenantView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let walk = Walk::new(&caller, "tenants", &(), query.0.cursor.as_deref(), query.0.limit)?;
    let listed = tenant::list(&mut caller.tx, walk.page(TenantId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |tenant| tenant.id.as_uuid(), TenantView::from)))
}

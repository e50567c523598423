//! Which tenants there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::TenantId;
use daimon_store::tenant::{self, TenantFilter};

use super::view::{ListTenants, TenantView};
use crate::caller::{Permitted, TenantsRead};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List tenants
///
/// The client companies within reach of your key, newest first: all, or those with a name, of a group, or that another system of yours
/// calls so.
#[utoipa::path(operation_id = "listTenants", tag = "Tenants", params(ListTenants), responses(
    (status = 200, description = "A page of tenants", body = Page<TenantView>)))]
#[get("/v1/tenants")]
pub(super) async fn list_tenants(
    asked: Permitted<TenantsRead, Query<ListTenants>>,
) -> Result<Json<Page<TenantView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let filter = TenantFilter {
        name: query.name.map(|name| name.as_str().to_owned()),
        group: query.group.map(|group| group.as_str().to_owned()),
        system: query.external_system,
        reference: query.external_id,
    };
    let walk = Walk::new(&caller, "tenants", &filter, query.cursor.as_deref(), query.limit)?;
    let listed = tenant::list(&mut caller.tx, &filter, walk.page(TenantId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |tenant| tenant.id.as_uuid(), TenantView::from)))
}

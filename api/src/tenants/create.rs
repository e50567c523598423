//! Taking a client company in.

use actix_web::{HttpResponse, post};
use daimon_domain::id::TenantId;
use daimon_domain::scope::Tenants;
use daimon_domain::tenant::{Language, Tenant};
use daimon_seal::{Aad, DataKey};
use daimon_store::tenant;
use serde_json::json;

use super::view::{NewTenant, TenantView};
use crate::caller::{Caller, Permitted, TenantsWrite};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Create a tenant
///
/// A client company gets an id that stays, and a key of its own that seals its mailboxes' passwords. A key that is
/// limited to some tenants can't create others.
#[utoipa::path(operation_id = "createTenant", tag = "Tenants", params(IdempotencyKeyHeader), request_body = NewTenant, responses(
    (status = 201, description = "The tenant", body = TenantView, headers(("Location", description = "Where it is read"), ("ETag", description = "Its version")))))]
#[post("/v1/tenants")]
pub(super) async fn create_tenant(
    asked: Permitted<TenantsWrite, (IdempotencyKey, Body<NewTenant>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    if caller.tenants != Tenants::All {
        return Err(Problem::Overreach);
    }
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let tenant = store(&mut caller, body.value).await?;
    caller.audit("tenant.created", tenant.id, Some(tenant.id), json!({})).await?;
    let location = format!("/v1/tenants/{}", tenant.id);
    once.created(caller, Created { location, version: Some(tenant.version), view: TenantView::from(tenant) }).await
}

/// Stores a tenant with a key of its own.
pub(crate) async fn store<P>(caller: &mut Caller<P>, new: NewTenant) -> Result<Tenant, Problem> {
    let entropy = caller.service.sources.entropy();
    let tenant = Tenant {
        id: TenantId::new(caller.now, entropy),
        name: new.name,
        language: new.language.unwrap_or(Language::English),
        external_refs: new.external_refs,
        groups: new.groups.into_iter().collect(),
        created_at: caller.now,
        is_deleting: false,
        version: 1,
    };
    let data_key = DataKey::generate(entropy);
    let sealed = caller.service.master.wrap(&data_key, &Aad::tenant_key(caller.msp, tenant.id))?;
    tenant::insert(&mut caller.tx, &tenant, &sealed).await?;
    Ok(tenant)
}

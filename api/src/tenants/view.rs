//! Wire shapes of tenants.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use daimon_domain::id::TenantId;
use daimon_domain::tenant::{Group, Language, Tenant, TenantName};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A tenant to be made.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTenant, example = json!({"name": "Sakura Dental", "language": "ja", "external_refs": {"halopsa": "1234"}, "groups": ["gold"]}))]
pub(crate) struct NewTenant {
    /// Its name: 1 to 200 characters.
    #[serde(deserialize_with = "crate::input::text")]
    #[garde(skip)]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub(crate) name: TenantName,
    /// The language of its playbooks; English when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::language)]
    pub(crate) language: Option<Language>,
    /// What your other systems call it.
    #[serde(default)]
    #[garde(custom(are_references))]
    pub(crate) external_refs: BTreeMap<String, String>,
    /// The groups it belongs to: at most 50. Webhook endpoints can be told of a group.
    #[serde(default)]
    #[garde(length(max = 50))]
    #[schema(schema_with = crate::words::groups)]
    pub(crate) groups: Vec<Group>,
}

/// What to change of a tenant. What is left out stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantChange, example = json!({"name": "Sakura Dental Clinic"}))]
pub(crate) struct TenantChange {
    /// Its name: 1 to 200 characters.
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 200)]
    pub(crate) name: Option<TenantName>,
    /// The language of its playbooks.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::language)]
    pub(crate) language: Option<Language>,
    /// What your other systems call it; replaces all of it.
    #[serde(default)]
    #[garde(inner(custom(are_references)))]
    pub(crate) external_refs: Option<BTreeMap<String, String>>,
    /// The groups it belongs to; replaces all of them. What happens from now on is told accordingly.
    #[serde(default)]
    #[garde(inner(length(max = 50)))]
    #[schema(schema_with = crate::words::groups)]
    pub(crate) groups: Option<Vec<Group>>,
}

/// A client company.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant, example = json!({
    "id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Sakura Dental", "language": "ja", "external_refs": {"halopsa": "1234"},
    "groups": ["gold"], "created_at": "2026-11-24T07:00:00Z", "deleting": false
}))]
pub(crate) struct TenantView {
    /// Its id, for ever.
    #[schema(schema_with = crate::words::tenant_id)]
    pub(crate) id: TenantId,
    /// Its name.
    pub(crate) name: String,
    /// The language of its playbooks.
    #[schema(schema_with = crate::words::language)]
    pub(crate) language: Language,
    /// What your other systems call it.
    pub(crate) external_refs: BTreeMap<String, String>,
    /// The groups it belongs to.
    #[schema(schema_with = crate::words::groups)]
    pub(crate) groups: BTreeSet<Group>,
    /// When it was created.
    pub(crate) created_at: DateTime<Utc>,
    /// A job deletes it. Its key is gone already, and nothing can be added to it.
    pub(crate) deleting: bool,
}

/// Which tenants, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTenants {
    /// With exactly this name only.
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    #[param(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub(crate) name: Option<TenantName>,
    /// Of this group only.
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    #[param(value_type = Option<String>, min_length = 1, max_length = 40, pattern = "^[a-z0-9_-]+$")]
    pub(crate) group: Option<Group>,
    /// Those that this other system of yours knows only, by its name in `external_refs`.
    #[garde(inner(length(chars, min = 1, max = 200), custom(crate::input::is_plain)))]
    #[param(min_length = 1, max_length = 200)]
    pub(crate) external_system: Option<String>,
    /// Those that it, or any other system when none is named, calls so only.
    #[garde(inner(length(chars, min = 1, max = 200), custom(crate::input::is_plain)))]
    #[param(min_length = 1, max_length = 200)]
    pub(crate) external_id: Option<String>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name.as_str().to_owned(),
            language: tenant.language,
            external_refs: tenant.external_refs,
            groups: tenant.groups,
            created_at: tenant.created_at,
            deleting: tenant.is_deleting,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
fn are_references(references: &BTreeMap<String, String>, context: &()) -> garde::Result {
    let is_sound = |text: &String| matches!(text.chars().count(), 1..=200);
    if references.len() > 50 || !references.iter().all(|(system, id)| is_sound(system) && is_sound(id)) {
        return Err(garde::Error::new("has more than 50 entries, or a text that has not 1 to 200 characters"));
    }
    references.iter().try_for_each(|(system, id)| {
        crate::input::is_plain(system, context).and_then(|()| crate::input::is_plain(id, context))
    })
}

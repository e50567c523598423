//! Wire shapes of API keys.

use chrono::{DateTime, Utc};
use daimon_domain::id::{KeyId, TenantId};
use daimon_domain::scope::{Permission, Tenants};
use daimon_store::api_key::ApiKey;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::is_plain;

/// A key to be made. It can't do more than the key that makes it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApiKey, example = json!({"name": "Ticket system", "permissions": ["incidents:read", "incidents:write"]}))]
pub(crate) struct NewApiKey {
    /// What it is for.
    #[garde(length(chars, min = 1, max = 200), custom(is_plain))]
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// What it may do.
    #[garde(length(min = 1, max = 32))]
    #[schema(schema_with = crate::words::permissions)]
    pub(crate) permissions: Vec<Permission>,
    /// The tenants within its reach. Left out: as far as the key that makes it.
    #[serde(default)]
    #[garde(inner(length(min = 1, max = 200)))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Option<Vec<TenantId>>,
    /// When it ends by itself.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey, example = json!({
    "id": "key_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Ticket system", "permissions": ["incidents:read", "incidents:write"],
    "tenants": null, "created_at": "2026-11-24T07:00:00Z", "expires_at": null, "revoked_at": null
}))]
pub(crate) struct ApiKeyView {
    /// Its id.
    #[schema(schema_with = crate::words::key_id)]
    pub(crate) id: KeyId,
    /// What it is for.
    pub(crate) name: String,
    /// What it may do.
    #[schema(schema_with = crate::words::permissions)]
    pub(crate) permissions: Vec<Permission>,
    /// The tenants within its reach; `null`: all, also those to come.
    #[schema(schema_with = crate::words::tenant_ids_or_null)]
    pub(crate) tenants: Option<Vec<TenantId>>,
    /// When it was made.
    pub(crate) created_at: DateTime<Utc>,
    /// When it ends by itself.
    #[schema(required = true)]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Since when it does not hold any more.
    #[schema(required = true)]
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// A new API key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedApiKey, example = json!({
    "id": "key_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Ticket system", "permissions": ["incidents:read"], "tenants": null,
    "created_at": "2026-11-24T07:00:00Z", "expires_at": null, "revoked_at": null, "key": "dmn_live_…"
}))]
pub(crate) struct CreatedApiKeyView {
    #[serde(flatten)]
    pub(crate) api_key: ApiKeyView,
    /// The key. It is shown this once: we keep a hash only.
    pub(crate) key: String,
}

/// Which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListApiKeys {
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            permissions: key.permissions,
            tenants: match key.tenants {
                Tenants::All => None,
                Tenants::Only(tenants) => Some(tenants),
            },
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

//! Wire shapes of users.

use chrono::{DateTime, Utc};
use daimon_domain::id::{TenantId, UserId};
use daimon_domain::mailbox::Address;
use daimon_domain::scope::{Permission, Tenants};
use daimon_domain::user::{Role, User};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::{Change, is_plain};

/// Somebody to be invited.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser, example = json!({"email": "mori@kestrel-it.example", "name": "Aiko Mori", "role": "operator"}))]
pub(crate) struct NewUser {
    /// The address that they sign in with, once within your MSP. It can't be changed.
    #[serde(deserialize_with = "crate::input::text")]
    #[garde(skip)]
    #[schema(value_type = String, max_length = 320)]
    pub(crate) email: Address,
    /// What people call them: it stands in incidents' stories.
    #[garde(length(chars, min = 1, max = 200), custom(is_plain))]
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// What they may do: nothing that you may not.
    #[garde(skip)]
    #[schema(schema_with = crate::words::role)]
    pub(crate) role: Role,
    /// The tenants within their reach. Left out: as far as you. An owner reaches all of them.
    #[serde(default)]
    #[garde(inner(length(min = 1, max = 200)))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Option<Vec<TenantId>>,
}

/// What to change of a user. What is left out stays. Their tokens end when their rights change: a refresh brings others.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange, example = json!({"role": "admin", "tenants": null}))]
pub(crate) struct UserChange {
    /// What people call them.
    #[serde(default, deserialize_with = "present")]
    #[garde(inner(length(chars, min = 1, max = 200), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub(crate) name: Option<String>,
    /// What they may do: nothing that you may not.
    #[serde(default, deserialize_with = "present")]
    #[garde(skip)]
    #[schema(schema_with = crate::words::role)]
    pub(crate) role: Option<Role>,
    /// The tenants within their reach; `null`: all.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::tenant_ids_or_null)]
    pub(crate) tenants: Change<Vec<TenantId>>,
    /// Whether they may not sign in. It ends their sessions.
    #[serde(default, deserialize_with = "present")]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) disabled: Option<bool>,
}

/// Somebody to be invited again.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInvitation, example = json!({"reset_totp": true}))]
pub(crate) struct NewInvitation {
    /// Whether their second factor is lost too: it and their recovery codes hold no more.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) reset_totp: bool,
}

/// A person who signs in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User, example = json!({
    "id": "usr_019ab1c2d3e47f508192a3b4c5d6e7f8", "email": "mori@kestrel-it.example", "name": "Aiko Mori", "role": "operator",
    "permissions": ["tenants:read", "mailboxes:read"], "tenants": null, "disabled_at": null, "accepted_at": "2026-11-24T08:00:00Z",
    "invitation_expires_at": null, "totp_since": null, "last_signed_in_at": "2026-11-24T08:00:00Z",
    "created_at": "2026-11-24T07:00:00Z"
}))]
pub(crate) struct UserView {
    /// Their id.
    #[schema(schema_with = crate::words::user_id)]
    pub(crate) id: UserId,
    /// The address that they sign in with, in small letters.
    pub(crate) email: String,
    /// What people call them.
    pub(crate) name: String,
    /// What they may do.
    #[schema(schema_with = crate::words::role)]
    pub(crate) role: Role,
    /// What that is, one by one.
    #[schema(schema_with = crate::words::permissions)]
    pub(crate) permissions: Vec<Permission>,
    /// The tenants within their reach; `null`: all, also those to come.
    #[schema(schema_with = crate::words::tenant_ids_or_null)]
    pub(crate) tenants: Option<Vec<TenantId>>,
    /// Since when they may not sign in.
    #[schema(required = true)]
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    /// Since when they have a password; `null`: the invitation waits.
    #[schema(required = true)]
    pub(crate) accepted_at: Option<DateTime<Utc>>,
    /// Until when the invitation that is out can be accepted.
    #[schema(required = true)]
    pub(crate) invitation_expires_at: Option<DateTime<Utc>>,
    /// Since when they sign in with a second factor.
    #[schema(required = true)]
    pub(crate) totp_since: Option<DateTime<Utc>>,
    /// When they last signed in.
    #[schema(required = true)]
    pub(crate) last_signed_in_at: Option<DateTime<Utc>>,
    /// When they were invited.
    pub(crate) created_at: DateTime<Utc>,
}

/// Somebody who was invited.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvitedUser, example = json!({
    "id": "usr_019ab1c2d3e47f508192a3b4c5d6e7f8", "email": "mori@kestrel-it.example", "name": "Aiko Mori", "role": "operator",
    "permissions": ["tenants:read", "mailboxes:read"], "tenants": null, "disabled_at": null, "accepted_at": null,
    "invitation_expires_at": "2026-12-01T07:00:00Z", "totp_since": null, "last_signed_in_at": null,
    "created_at": "2026-11-24T07:00:00Z", "invitation": "dmn_invite_…"
}))]
pub(crate) struct InvitedUserView {
    #[serde(flatten)]
    pub(crate) user: UserView,
    /// What they set their password with, at `POST /v1/auth/accept-invitation`. It is shown this once: give it to them, and
    /// to nobody else.
    pub(crate) invitation: String,
}

/// Which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsers {
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name,
            role: user.role,
            permissions: user.role.permissions(),
            tenants: match user.tenants {
                Tenants::All => None,
                Tenants::Only(tenants) => Some(tenants),
            },
            disabled_at: user.disabled_at,
            accepted_at: user.accepted_at,
            invitation_expires_at: user.invitation_expires_at,
            totp_since: user.totp_since,
            last_signed_in_at: user.last_signed_in_at,
            created_at: user.created_at,
        }
    }
}

/// A field that may be left out; `null` is none of its values.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

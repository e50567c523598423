//! "Who am I?"

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::scope::{Actor, Tenants};
use daimon_store::{api_key, msp, user};

use super::view::{Kind, MeView, MspOfMe, SecondFactorView};
use crate::caller::{Caller, Oneself};
use crate::problem::Problem;

/// Read who you are
///
/// The API key or the user behind your token, what they may do, how far they reach, and of which MSP they are. Every token
/// that holds may ask.
#[utoipa::path(operation_id = "getMe", tag = "Me", responses((status = 200, description = "Who you are", body = MeView)))]
#[get("/v1/me")]
pub(super) async fn get_me(mut caller: Caller<Oneself>) -> Result<Json<MeView>, Problem> {
    let msp = msp::find(&mut caller.tx).await?.ok_or(Problem::Internal)?;
    let (kind, name, user) = match caller.actor {
        Actor::Key(key) => {
            let (key, _hash) = api_key::find(&mut caller.tx, key).await?.ok_or(Problem::Internal)?;
            (Kind::ApiKey, key.name, None)
        }
        Actor::User(user) => {
            let user = user::find(&mut caller.tx, user).await?.ok_or(Problem::Internal)?;
            (Kind::User, user.name.clone(), Some(user))
        }
    };
    Ok(Json(MeView {
        kind,
        id: caller.actor.to_string(),
        name,
        email: user.as_ref().map(|user| user.email.as_str().to_owned()),
        role: user.as_ref().map(|user| user.role),
        permissions: caller.permissions,
        tenants: match caller.tenants {
            Tenants::All => None,
            Tenants::Only(tenants) => Some(tenants),
        },
        msp: MspOfMe { id: msp.id, name: msp.name },
        second_factor: user.map(|user| SecondFactorView {
            since: user.totp_since,
            is_required: user.role.needs_second_factor(),
            recovery_codes_left: user.recovery_codes,
        }),
    }))
}

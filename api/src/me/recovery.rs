//! Other recovery codes.

use actix_web::web::Json;
use actix_web::{HttpRequest, post};
use daimon_seal::recovery_codes;
use daimon_store::user;
use serde_json::json;

use super::person::{held, tries};
use super::view::{RecoveryCodesView, TotpCode};
use crate::auth::{Code, check_code};
use crate::caller::{Oneself, Permitted};
use crate::input::Body;
use crate::problem::Problem;

/// Renew your recovery codes
///
/// Ten others, shown this once; those before hold no more. Needs a code of the authenticator app.
#[utoipa::path(operation_id = "renewRecoveryCodes", tag = "Me", request_body = TotpCode, responses(
    (status = 200, description = "The codes, shown once", body = RecoveryCodesView),
    (status = 401, description = "`unauthenticated`: no token, or one that does not hold. `second_factor_required`: the code does not hold"),
    (status = 409, description = "`conflict`: you have no second factor"),
    (status = 429, description = "Too many attempts, or too many requests")))]
#[post("/v1/me/recovery-codes")]
pub(super) async fn renew_recovery_codes(
    asked: Permitted<Oneself, (HttpRequest, Body<TotpCode>)>,
) -> Result<Json<RecoveryCodesView>, Problem> {
    let Permitted(mut caller, (request, body)) = asked;
    tries(&mut caller, &request).await?;
    let (user, proofs) = held(&mut caller).await?;
    if proofs.totp_secret.is_none() {
        return Err(Problem::Conflict("You have no second factor: enrol one at POST /v1/me/totp."));
    }
    let (service, now) = (caller.service.clone(), caller.now);
    let code = Code { totp: Some(&body.value.totp), recovery: None };
    check_code(&mut caller.tx, &service, &user, &proofs, &code, now).await?;
    let (codes, hashes) = recovery_codes(service.sources.entropy());
    user::replace_recovery_codes(&mut caller.tx, user.id, &hashes).await?;
    caller.audit("user.recovery_codes_renewed", user.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(Json(RecoveryCodesView::new(&codes)))
}

//! A second factor: codes of an authenticator app (RFC 6238).

use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse, post};
use daimon_seal::{Aad, TotpSecret, recovery_codes};
use daimon_store::{msp, user};
use secrecy::ExposeSecret;
use serde_json::json;

use super::person::{held, tries};
use super::view::{RecoveryCodesView, TotpChange, TotpCode, TotpView};
use crate::auth::{Code, check_code, prove_password};
use crate::caller::{Oneself, Permitted};
use crate::input::Body;
use crate::problem::Problem;

/// Enrol a second factor
///
/// A secret for an authenticator app, shown this once; `uri` is what a QR code is made of. It holds when a code of it has
/// come to `POST /v1/me/totp/confirm`. Whoever has one already sends a code of it, and it holds until the new one does.
#[utoipa::path(operation_id = "enrolTotp", tag = "Me", request_body = TotpChange, responses(
    (status = 200, description = "The secret, shown once", body = TotpView),
    (status = 401, description = "`unauthenticated`: no token, or one that does not hold. `second_factor_required`: a code of the factor that there is is missing, or does not hold"),
    (status = 429, description = "Too many attempts, or too many requests")))]
#[post("/v1/me/totp")]
pub(super) async fn begin_totp(
    asked: Permitted<Oneself, (HttpRequest, Body<TotpChange>)>,
) -> Result<Json<TotpView>, Problem> {
    let Permitted(mut caller, (request, body)) = asked;
    let (_user, proofs) = tries(&mut caller, &request).await?;
    let paused = caller.pause().await?;
    prove_password(&paused.service, body.value.password, &proofs).await?;
    let mut caller = paused.resume().await?;
    let service = caller.service.clone();
    let (user, proofs) = held(&mut caller).await?;
    let code = Code { totp: body.value.totp.as_ref(), recovery: body.value.recovery_code.as_ref() };
    check_code(&mut caller.tx, &service, &user, &proofs, &code, caller.now).await?;
    let msp = msp::find(&mut caller.tx).await?.ok_or(Problem::Internal)?;
    let secret = TotpSecret::generate(service.sources.entropy());
    let sealed = service.master.seal(&Aad::totp_secret(caller.msp, user.id), secret.as_bytes())?;
    user::begin_totp(&mut caller.tx, user.id, &sealed).await?;
    caller.commit().await?;
    let uri = secret.uri(&format!("Daimon {}", msp.name), user.email.as_str());
    Ok(Json(TotpView { secret: secret.text().expose_secret().to_owned(), uri: uri.expose_secret().to_owned() }))
}

/// Confirm a second factor
///
/// A code shows that the app has the secret: from now on signing in takes one. The answer has ten recovery codes, shown this
/// once, each good once in place of a code.
#[utoipa::path(operation_id = "confirmTotp", tag = "Me", request_body = TotpCode, responses(
    (status = 200, description = "It holds; the recovery codes, shown once", body = RecoveryCodesView),
    (status = 409, description = "`conflict`: no secret waits to be confirmed"),
    (status = 429, description = "Too many attempts, or too many requests")))]
#[post("/v1/me/totp/confirm")]
pub(super) async fn confirm_totp(
    asked: Permitted<Oneself, (HttpRequest, Body<TotpCode>)>,
) -> Result<Json<RecoveryCodesView>, Problem> {
    let Permitted(mut caller, (request, body)) = asked;
    let (user, proofs) = tries(&mut caller, &request).await?;
    let nothing = Problem::Conflict("No secret waits to be confirmed: enrol one at POST /v1/me/totp.");
    let sealed = proofs.totp_pending.ok_or_else(|| nothing.clone())?;
    let service = caller.service.clone();
    let secret = TotpSecret::from_bytes(&service.master.open(&Aad::totp_secret(caller.msp, user.id), &sealed)?);
    let step = secret.step_of(body.value.totp.expose_secret(), caller.now, None);
    let step = step.ok_or_else(|| Problem::invalid("/totp", "is not the code of this secret and time"))?;
    let (codes, hashes) = recovery_codes(service.sources.entropy());
    let now = caller.now;
    if !user::confirm_totp(&mut caller.tx, user.id, &sealed, step, &hashes, now).await? {
        return Err(nothing);
    }
    caller.audit("user.totp_enrolled", user.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(Json(RecoveryCodesView::new(&codes)))
}

/// Disable your second factor
///
/// From now on your password is enough again. Needs it and a code. Owners and admins can't: they enrol another one instead.
#[utoipa::path(operation_id = "disableTotp", tag = "Me", request_body(content = TotpChange, example = json!({ "password": "correct horse battery staple", "totp": "492039" })), responses(
    (status = 204, description = "Your password is enough"),
    (status = 401, description = "`unauthenticated`: no token, or one that does not hold. `second_factor_required`: a code is missing, or does not hold"),
    (status = 409, description = "`conflict`: your role needs a second factor"),
    (status = 429, description = "Too many attempts, or too many requests")))]
#[post("/v1/me/totp/disable")]
pub(super) async fn disable_totp(
    asked: Permitted<Oneself, (HttpRequest, Body<TotpChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (request, body)) = asked;
    let (user, proofs) = tries(&mut caller, &request).await?;
    if user.role.needs_second_factor() {
        return Err(Problem::Conflict("Your role needs a second factor. Enrol another one in place of it."));
    }
    let paused = caller.pause().await?;
    prove_password(&paused.service, body.value.password, &proofs).await?;
    let mut caller = paused.resume().await?;
    let service = caller.service.clone();
    let (user, proofs) = held(&mut caller).await?;
    let code = Code { totp: body.value.totp.as_ref(), recovery: body.value.recovery_code.as_ref() };
    check_code(&mut caller.tx, &service, &user, &proofs, &code, caller.now).await?;
    user::end_totp(&mut caller.tx, user.id).await?;
    caller.audit("user.totp_disabled", user.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

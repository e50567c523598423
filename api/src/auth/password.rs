//! Signing in with a password.
//!
//! An unknown MSP, an unknown user, one who is disabled or has not accepted the invitation, and a wrong password are
//! answered the same, after the same statements and the same work.

use actix_web::HttpRequest;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use daimon_domain::id::{MspId, UserId};
use daimon_domain::mailbox::Address;
use daimon_domain::scope::Wall;
use daimon_domain::user::User;
use daimon_store::user;
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::proof::{Code, check_code};
use super::session;
use super::view::TokenView;
use crate::limits::count_attempt;
use crate::problem::Problem;
use crate::service::Service;

const REFUSED: Problem = Problem::Unauthenticated("This does not hold: no such user, or another password.");

/// What somebody signs in with.
pub(super) struct Presented {
    pub(super) msp: MspId,
    pub(super) email: Address,
    pub(super) password: SecretString,
    pub(super) totp: Option<SecretString>,
    pub(super) recovery_code: Option<SecretString>,
}

/// Begins a session, if it all holds.
pub(super) async fn sign_in(
    request: &HttpRequest,
    service: &Data<Service>,
    presented: Presented,
) -> Result<TokenView, Problem> {
    let wall = Wall::whole(presented.msp);
    count_attempt(service, request, presented.msp, &presented.email).await?;
    let mut tx = service.db.begin(&wall).await?;
    // Nobody has the id of zeros: whoever is unknown is looked up as often as anybody.
    let id = user::id_of(&mut tx, &presented.email).await?.unwrap_or(UserId::from_uuid(Uuid::nil()));
    let found = user::find(&mut tx, id).await?;
    let proofs = user::proofs(&mut tx, id).await?.unwrap_or_default();
    tx.rollback().await?;
    let active = found.as_ref().filter(|user| user.is_active());
    let stored = active.and(proofs.password_hash.clone());
    let holds = service.hashing.verify(presented.password, stored.clone()).await?;
    let now = service.sources.now();
    let Some(user) = active.filter(|_| holds) else {
        if let Some(user) = &found {
            failed(service, presented.msp, user.id, "password", now);
        }
        return Err(REFUSED);
    };

    let mut tx = service.db.begin(&wall).await?;
    let held = user::find_held(&mut tx, user.id).await?.filter(User::is_active).ok_or(REFUSED)?;
    let proofs = user::proofs(&mut tx, user.id).await?.ok_or(REFUSED)?;
    if proofs.password_hash != stored {
        return Err(REFUSED);
    }
    let code = Code { totp: presented.totp.as_ref(), recovery: presented.recovery_code.as_ref() };
    if let Err(problem) = check_code(&mut tx, service, &held, &proofs, &code, now).await {
        if code.totp.is_some() || code.recovery.is_some() {
            failed(service, presented.msp, held.id, "code", now);
        }
        return Err(problem);
    }
    let view = session::begin(&mut tx, service, &held, "user.signed_in", now).await?;
    tx.commit().await?;
    Ok(view)
}

/// Writes down that somebody did not get in, after they were told: how long that takes says nothing to them.
fn failed(service: &Data<Service>, msp: MspId, user: UserId, what: &'static str, now: DateTime<Utc>) {
    let service = service.clone();
    actix_web::rt::spawn(async move {
        let written = async {
            let mut tx = service.db.begin(&Wall::whole(msp)).await?;
            let did = crate::caller::Did {
                actor: "sign-in".to_owned(),
                action: "user.sign_in_failed",
                subject: user.to_string(),
                tenant: None,
                detail: json!({ "because": what }),
            };
            crate::caller::write_down(&mut tx, &service, did, now).await?;
            tx.commit().await?;
            Ok::<_, Problem>(())
        };
        if written.await.is_err() {
            tracing::warn!(user.id = %user, "a failed sign-in of {user} is missing in the audit log");
        }
    });
}

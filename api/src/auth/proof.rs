//! Whether somebody is who they say: a password, and a code besides.

use chrono::{DateTime, Utc};
use daimon_domain::user::User;
use daimon_seal::{Aad, NewPassword, TotpSecret, recovery_hash};
use daimon_store::user::{self, Proofs};
use daimon_store::{MspTx, msp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::caller::{Did, write_down};
use crate::problem::Problem;
use crate::service::Service;

/// What came besides the password.
pub(crate) struct Code<'a> {
    /// The six digits of an app.
    pub(crate) totp: Option<&'a SecretString>,
    /// One of the codes for whoever has lost it.
    pub(crate) recovery: Option<&'a SecretString>,
}

/// Takes the code of a user who has a second factor: it is good once, and used with the transaction.
pub(crate) async fn check_code(
    tx: &mut MspTx,
    service: &Service,
    user: &User,
    proofs: &Proofs,
    code: &Code<'_>,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let Some(sealed) = proofs.totp_secret.as_deref() else { return Ok(()) };
    let holds = match (code.totp, code.recovery) {
        (Some(totp), _) => {
            let secret = TotpSecret::from_bytes(&service.master.open(&Aad::totp_secret(tx.msp(), user.id), sealed)?);
            match secret.step_of(totp.expose_secret(), now, proofs.totp_last_step) {
                Some(step) => user::use_step(tx, user.id, step).await?,
                None => false,
            }
        }
        (None, Some(recovery)) => {
            let holds = user::use_recovery_code(tx, user.id, &recovery_hash(recovery.expose_secret())).await?;
            if holds {
                let did = Did {
                    actor: user.id.to_string(),
                    action: "user.recovery_code_used",
                    subject: user.id.to_string(),
                    tenant: None,
                    detail: json!({ "left": user.recovery_codes.saturating_sub(1) }),
                };
                write_down(tx, service, did, now).await?;
            }
            holds
        }
        (None, None) => {
            return Err(Problem::SecondFactor("This user signs in with a code besides the password: send totp."));
        }
    };
    if holds { Ok(()) } else { Err(Problem::SecondFactor("The code does not hold, or was used already.")) }
}

/// Whether it is the user's password. The transaction of the caller should have ended: this takes its time.
pub(crate) async fn prove_password(service: &Service, password: SecretString, proofs: &Proofs) -> Result<(), Problem> {
    if service.hashing.verify(password, proofs.password_hash.clone()).await? {
        Ok(())
    } else {
        Err(Problem::invalid("/password", "is not your password"))
    }
}

/// A password that may be had from now on, or what is wrong with it at `pointer`.
pub(crate) async fn new_password(
    tx: &mut MspTx,
    user: &User,
    text: &SecretString,
    pointer: &'static str,
) -> Result<NewPassword, Problem> {
    let msp = msp::find(tx).await?.ok_or(Problem::Internal)?;
    let about = [user.email.as_str(), &user.name, &msp.name, msp.shown()];
    NewPassword::new(text, &about).map_err(|weak| Problem::invalid(pointer, weak.to_string()))
}

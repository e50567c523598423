//! The user who calls, where it is one.

use actix_web::HttpRequest;
use daimon_domain::id::{SessionId, UserId};
use daimon_domain::scope::Actor;
use daimon_domain::user::User;
use daimon_store::user::{self, Proofs};

use crate::caller::{Caller, Oneself};
use crate::limits::count_attempt;
use crate::problem::Problem;

/// Who they are, by their token.
pub(super) fn of(caller: &Caller<Oneself>) -> Result<(UserId, SessionId), Problem> {
    match (caller.actor, caller.session) {
        (Actor::User(user), Some(session)) => Ok((user, session)),
        (Actor::User(_) | Actor::Key(_), _) => Err(Problem::NotAPerson),
    }
}

/// Who they are, and what they prove it with. To be asked before a password or a code is tried: who has a stolen token does
/// not get to guess.
pub(super) async fn tries(caller: &mut Caller<Oneself>, request: &HttpRequest) -> Result<(User, Proofs), Problem> {
    let (user, proofs) = read(caller).await?;
    count_attempt(&caller.service, request, caller.msp, &user.email).await?;
    Ok((user, proofs))
}

/// The same, held until the transaction ends.
pub(super) async fn held(caller: &mut Caller<Oneself>) -> Result<(User, Proofs), Problem> {
    let (id, _session) = of(caller)?;
    user::find_held(&mut caller.tx, id).await?.ok_or(Problem::Internal)?;
    read(caller).await
}

async fn read(caller: &mut Caller<Oneself>) -> Result<(User, Proofs), Problem> {
    let (id, _session) = of(caller)?;
    let user = user::find(&mut caller.tx, id).await?.ok_or(Problem::Internal)?;
    let proofs = user::proofs(&mut caller.tx, id).await?.ok_or(Problem::Internal)?;
    Ok((user, proofs))
}

//! Nobody makes anybody mightier than themselves, or lays hands on who is; and somebody is left who may do everything.

use chrono::TimeDelta;
use daimon_domain::id::{TenantId, UserId};
use daimon_domain::scope::Tenants;
use daimon_domain::user::{Role, User};
use daimon_store::{tenant, user};

use crate::caller::Caller;
use crate::path::UserPath;
use crate::problem::Problem;

/// For how long an invitation can be accepted.
pub(super) const INVITED_FOR: TimeDelta = TimeDelta::days(7);

/// Refuses a role that may do what the caller may not.
pub(super) fn may_give<P>(caller: &Caller<P>, role: Role) -> Result<(), Problem> {
    if role.is_within(&caller.permissions) { Ok(()) } else { Err(Problem::Overreach) }
}

/// A user whom the caller may change. One who reaches further is out of sight; one with more rights is seen and left alone.
pub(super) async fn changeable<P>(caller: &mut Caller<P>, id: UserId) -> Result<User, Problem> {
    let user = user::find(&mut caller.tx, id).await?.ok_or_else(UserPath::absent)?;
    may_give(caller, user.role)?;
    Ok(user)
}

/// The tenants that were asked for, if all of them are within the caller's reach. Left out: as far as the caller.
pub(super) async fn tenants<P>(
    caller: &mut Caller<P>,
    asked: Option<Vec<TenantId>>,
    role: Role,
) -> Result<Tenants, Problem> {
    let tenants = match asked {
        None => caller.tenants.clone(),
        Some(tenants) => {
            for (index, id) in tenants.iter().enumerate() {
                if tenant::find(&mut caller.tx, *id).await?.is_none() {
                    return Err(Problem::invalid(format!("/tenants/{index}"), "there is no such tenant"));
                }
            }
            Tenants::Only(tenants)
        }
    };
    within(caller, tenants, role)
}

/// The same of tenants that are known.
pub(super) fn within<P>(caller: &Caller<P>, tenants: Tenants, role: Role) -> Result<Tenants, Problem> {
    if role == Role::Owner && tenants != Tenants::All {
        return Err(Problem::invalid("/tenants", "an owner reaches all tenants"));
    }
    if caller.tenants.reach(&tenants) { Ok(tenants) } else { Err(Problem::Overreach) }
}

/// Refuses to take away the last owner who can sign in.
pub(super) async fn leaves_an_owner<P>(caller: &mut Caller<P>, leaving: &User) -> Result<(), Problem> {
    let is_owner = leaving.role == Role::Owner && leaving.is_active();
    if is_owner && user::other_owners(&mut caller.tx, leaving.id).await? == 0 {
        return Err(Problem::Conflict("This is the last owner who can sign in. Make somebody else an owner first."));
    }
    Ok(())
}

//! How often anybody may try to prove who they are: as one user, and from one address.
//!
//! Counted before it is looked whether there is such a user, so that who is refused learns nothing. A user is counted by a
//! keyed hash: Redis holds no addresses.

use std::time::Duration;

use actix_web::HttpRequest;
use daimon_domain::id::MspId;
use daimon_domain::mailbox::Address;
use daimon_queue::Quota;

use super::address;
use crate::problem::Problem;
use crate::service::Service;

const WINDOW: Duration = Duration::from_mins(10);

/// Counts an attempt as this user, and from where it comes.
pub(crate) async fn count_attempt(
    service: &Service,
    request: &HttpRequest,
    msp: MspId,
    email: &Address,
) -> Result<(), Problem> {
    count_source(service, request).await?;
    let hash = service.master.keyed_hash(msp).hash(&[b"sign-in", email.as_str().as_bytes()]);
    let name = hash.iter().take(12).fold("sign-in-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    let detail = "Too many attempts to sign in as this user.";
    count(service, &msp.to_string(), &name, service.limits.rates.sign_ins_per_user, detail).await
}

/// Counts an attempt from where it comes only.
pub(crate) async fn count_source(service: &Service, request: &HttpRequest) -> Result<(), Problem> {
    let Some(address) = address::of(request, service.limits.rates.forwarded_hops) else { return Ok(()) };
    let detail = "Too many attempts to sign in came from this address.";
    count(service, &address, "sign-in", service.limits.rates.sign_ins_per_address, detail).await
}

async fn count(service: &Service, group: &str, name: &str, most: u32, detail: &'static str) -> Result<(), Problem> {
    let quota = Quota { most, window: WINDOW };
    let now = service.sources.now();
    let taken = service.limits.take(service.queue.as_ref(), group, &[(name, quota)], 1, now).await;
    let wait = taken.levels.iter().map(|level| level.wait).max().unwrap_or_default();
    if wait.is_zero() {
        return Ok(());
    }
    metrics::counter!("daimon_rate_limited_total", "bucket" => "sign-in").increment(1);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Err(Problem::TooMany { detail, wait_s: u32::try_from(seconds).unwrap_or(u32::MAX) })
}

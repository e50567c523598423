//! How a mailbox's domain stands, asked of DNS once a day after the mailbox was read.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use daimon_boot::logging::chain;
use daimon_domain::clock::Clock;
use daimon_domain::id::TenantId;
use daimon_domain::scope::Wall;
use daimon_egress::Egress;
use daimon_posture::{Blocklists, Dns, Posture, Unavailable};
use daimon_store::StoreError;
use daimon_store::dkim_selector;
use daimon_store::domain_posture::{self, DomainPosture};

use super::job::Reader;

/// How long an answer is good for.
const GOOD_FOR: TimeDelta = TimeDelta::hours(24);
/// A selector that no mail has shown for longer may have been retired.
const SIGNED_LATELY: TimeDelta = TimeDelta::days(90);
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// DNS through the one way out.
struct Outside<'a>(&'a Egress);

impl Dns for Outside<'_> {
    async fn txt(&self, name: &str) -> Result<Vec<String>, Unavailable> {
        self.0.txt(name).await.map_err(|_no_answer| Unavailable("TXT"))
    }

    async fn mx(&self, name: &str) -> Result<Vec<String>, Unavailable> {
        self.0.mx(name).await.map_err(|_no_answer| Unavailable("MX"))
    }

    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Unavailable> {
        self.0.addresses(name).await.map_err(|_no_answer| Unavailable("A"))
    }
}

/// Asks if that is due. Nothing depends on it, so a failure is only noted.
pub(super) async fn refresh(ctx: &Reader, wall: &Wall, tenant: TenantId, domain: &str) {
    let Some(lists) = &ctx.blocklists else { return };
    match tokio::time::timeout(PATIENCE, refreshed(ctx, lists, wall, tenant, &domain.to_ascii_lowercase())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %chain(&error), "how a domain stands was not recorded"),
        Err(_elapsed) => tracing::info!("how a domain stands could not be asked in time"),
    }
}

async fn refreshed(
    ctx: &Reader,
    lists: &Blocklists,
    wall: &Wall,
    tenant: TenantId,
    domain: &str,
) -> Result<(), StoreError> {
    let now = ctx.time.now();
    let mut tx = ctx.db.begin(wall).await?;
    let last = domain_posture::checked_at(&mut tx, tenant, domain).await?;
    let selectors = dkim_selector::list(&mut tx, tenant, domain, now - SIGNED_LATELY).await?;
    tx.commit().await?;
    if last.is_some_and(|last| now < last + GOOD_FOR) {
        return Ok(());
    }
    // No transaction is open while DNS is asked.
    let posture = Posture::of(domain, &selectors, lists, &Outside(&ctx.egress)).await;
    let posture = serde_json::to_value(&posture).unwrap_or_default();
    let stands = DomainPosture { domain: domain.to_owned(), checked_at: now, posture };
    let mut tx = ctx.db.begin(wall).await?;
    domain_posture::upsert(&mut tx, tenant, &stands).await?;
    tx.commit().await
}

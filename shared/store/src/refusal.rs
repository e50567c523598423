//! Who refuses mail of a domain for its sender's sake.

use chrono::{DateTime, Utc};
use daimon_domain::id::{TenantId, uuid_floor};
use daimon_domain::reason::Reason;

use crate::{MspTx, StoreError, row};

/// What a receiver does when it thinks little of a sender.
const FOR_THE_SENDER: [Reason; 7] = [
    Reason::IpBlocked,
    Reason::DomainBlocked,
    Reason::SpamContent,
    Reason::AuthFailure,
    Reason::Policy,
    Reason::RateLimited,
    Reason::SenderRejected,
];
/// What the own provider says as well: they count only where a host beyond it is named.
const ALSO_AT_HOME: [Reason; 2] = [Reason::RateLimited, Reason::SenderRejected];
/// So many of a mailbox's newest bounces are looked at.
const MOST_OF_A_MAILBOX: i64 = 20_000;
/// So many refusals are counted.
const MOST: i64 = 50_000;
/// So many hosts and domains are told apart.
const MOST_GROUPS: i64 = 2_000;

/// Refusals by one host for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// Who refused, where the report says so.
    pub host: Option<String>,
    /// The recipients' domain.
    pub domain: String,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub bounces: u64,
    /// How many of them lately.
    pub recent: u64,
    /// The newest.
    pub latest_at: DateTime<Utc>,
}

/// Refusals of mail from all of the tenant's mailboxes of a domain since then, most first; `recent` is when lately began.
#[tracing::instrument(name = "store.refusal.list", skip_all)]
pub async fn list(
    tx: &mut MspTx,
    tenant: TenantId,
    domain: &str,
    since: DateTime<Utc>,
    recent: DateTime<Utc>,
) -> Result<Vec<Refusals>, StoreError> {
    const TABLE: &str = "bounce";
    let words = |reasons: &[Reason]| reasons.iter().map(|reason| reason.as_str().to_owned()).collect::<Vec<_>>();
    let rows = sqlx::query!(
        r#"select host, domain, reason, count(*) as "bounces!", count(*) filter (where received_at >= $4) as "recent!",
            max(received_at) as "latest_at!"
        from (
            select lower(newest.remote_mta) as host, newest.recipient_domain as domain, newest.reason, newest.received_at
            from mailbox cross join lateral (
                select remote_mta, recipient_domain, reason, kind, received_at from bounce
                where bounce.mailbox_id = mailbox.mailbox_id and bounce_id >= $3 and drill_id is null
                order by bounce_id desc limit $7
            ) as newest
            where mailbox.tenant_id = $1 and split_part(mailbox.address, '@', -1) = $2
                and newest.kind = 'bounce' and newest.reason = any ($5)
                and (newest.remote_mta is not null or newest.reason <> all ($6))
            limit $8
        ) as refused
        group by host, domain, reason order by count(*) desc, host, domain, reason limit $9"#,
        tenant.as_uuid(),
        domain,
        uuid_floor(since),
        recent,
        &words(&FOR_THE_SENDER),
        &words(&ALSO_AT_HOME),
        MOST_OF_A_MAILBOX,
        MOST,
        MOST_GROUPS
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|refused| {
            Ok(Refusals {
                host: refused.host,
                domain: refused.domain,
                reason: row::text(TABLE, &refused.reason)?,
                bounces: row::number(TABLE, refused.bounces)?,
                recent: row::number(TABLE, refused.recent)?,
                latest_at: refused.latest_at,
            })
        })
        .collect()
}

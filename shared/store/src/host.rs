//! Seats at IMAP servers: how many sessions each has from all workers, and how fast they sign in.
//!
//! A server counts what comes from our address, whichever MSP it is for. So this is asked by the fleet's role, which knows
//! the names of servers and no more of anybody.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Fleet, StoreError};

/// What a server bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bears {
    /// Sessions at a time.
    pub connections: u16,
    /// Sign-ins a minute, 0 for as many as there are. As many as there are connections may come at once.
    pub logins_a_minute: u16,
}

/// How long a server is remembered where nobody signs in.
const KEPT: TimeDelta = TimeDelta::days(1);
/// No seat is taken for so long, and no server asks for a pause of it.
const FURTHEST: TimeDelta = TimeDelta::hours(1);

impl Fleet {
    /// Takes a seat at a server until `until`, and counts a sign-in. `false`: it is full, or it is too soon.
    #[tracing::instrument(name = "store.fleet.take_seat", skip_all)]
    pub async fn take_seat(
        &self,
        host: &str,
        bears: Bears,
        seat: Uuid,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool().begin().await?;
        // Held until the end, so that of two who take the last seat one comes second.
        let opens_at = sqlx::query_scalar!(
            "insert into host as known (host, connections, opens_at) values ($1, $2, $3)
            on conflict on constraint host_pk do update set connections = excluded.connections
            returning opens_at",
            host,
            i32::from(bears.connections),
            now
        )
        .fetch_one(&mut *tx)
        .await?;
        // What lies so far ahead was reckoned by a clock that has been set back since.
        let opens_at = if opens_at > now + FURTHEST { now } else { opens_at };
        sqlx::query!(
            "delete from host_seat where host = $1 and (taken_until <= $2 or taken_until > $3)",
            host,
            now,
            now + FURTHEST
        )
        .execute(&mut *tx)
        .await?;
        let taken = sqlx::query_scalar!(r#"select count(*) as "taken!" from host_seat where host = $1"#, host)
            .fetch_one(&mut *tx)
            .await?;
        let is_free = opens_at <= now && taken < i64::from(bears.connections);
        if is_free {
            sqlx::query!("insert into host_seat (host, seat, taken_until) values ($1, $2, $3)", host, seat, until)
                .execute(&mut *tx)
                .await?;
            // The generic cell rate algorithm: a sign-in costs its share of a minute, and what was not used is kept for
            // as many as may come at once.
            // Where as many may come as there are, nobody comes too soon: also not who looked at the clock a moment before
            // another one and was served after it.
            let (each, saved) = match i32::from(bears.logins_a_minute) {
                0 => (TimeDelta::zero(), TimeDelta::minutes(1)),
                count => {
                    let each = TimeDelta::minutes(1) / count;
                    (each, each * (i32::from(bears.connections) - 1))
                }
            };
            let opens_at = opens_at.max(now - saved) + each;
            sqlx::query!("update host set opens_at = $2 where host = $1", host, opens_at).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(is_free)
    }

    /// Keeps a seat until `until`.
    pub async fn keep_seat(&self, seat: Uuid, until: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query!("update host_seat set taken_until = $2 where seat = $1", seat, until).execute(self.pool()).await?;
        Ok(())
    }

    /// Gives a seat up. The second time it does nothing.
    pub async fn leave_seat(&self, seat: Uuid) -> Result<(), StoreError> {
        sqlx::query!("delete from host_seat where seat = $1", seat).execute(self.pool()).await?;
        Ok(())
    }

    /// Forgets servers where nobody signs in any more.
    pub async fn forget_hosts(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query!(
            "delete from host where opens_at < $1
                and not exists (select from host_seat where host_seat.host = host.host and taken_until > $2)",
            now - KEPT,
            now
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }
}

//! Which workers hold sessions in which servers tell of new mail, and how many there may be of all of them.
//!
//! A worker says that it lives; whatever it holds is its own for as long as it does. That is one row every few seconds however
//! many sessions it holds. Asked by the fleet's role: it counts for all MSPs together.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::{MailboxId, MspId};
use uuid::Uuid;

use crate::{Fleet, StoreError, row};

/// How long a worker is remembered that is heard of no more.
const KEPT: TimeDelta = TimeDelta::days(1);

impl Fleet {
    /// Says that a worker lives until then, and how many sessions it holds.
    #[tracing::instrument(name = "store.fleet.keep_idle_worker", skip_all)]
    pub async fn keep_idle_worker(
        &self,
        holder: Uuid,
        sessions: u32,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into idle_worker as known (holder, sessions, alive_until) values ($1, $2, $3)
            on conflict on constraint idle_worker_pk
                do update set sessions = excluded.sessions, alive_until = excluded.alive_until",
            holder,
            row::int(sessions),
            until
        )
        .execute(self.pool())
        .await?;
        sqlx::query!(
            "delete from idle_worker where alive_until < $1
                and not exists (select from mailbox where idle_holder = idle_worker.holder)",
            now - KEPT
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Whether there is room for the worker's own `sessions` among the `most` that all may have. It counts as alive `until` then
    /// if it has never been heard of.
    #[tracing::instrument(name = "store.fleet.idle_room", skip_all)]
    pub async fn idle_room(
        &self,
        holder: Uuid,
        sessions: u32,
        most: u32,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool().begin().await?;
        sqlx::query!(
            "insert into idle_worker (holder, sessions, alive_until) values ($1, 0, $2)
            on conflict on constraint idle_worker_pk do nothing",
            holder,
            until
        )
        .execute(&mut *tx)
        .await?;
        // Held until the end, and in one order, so that of two who take the last place one comes second.
        let all = sqlx::query!("select holder, sessions, alive_until from idle_worker order by holder for update")
            .fetch_all(&mut *tx)
            .await?;
        let is_alive = |until: DateTime<Utc>| until > now && until <= now + TimeDelta::hours(1);
        let others = all.iter().filter(|one| one.holder != holder && is_alive(one.alive_until));
        let taken = others.map(|one| i64::from(one.sessions)).sum::<i64>() + i64::from(sessions);
        let has_room = taken <= i64::from(most);
        if has_room {
            let sessions = row::int(sessions);
            sqlx::query!("update idle_worker set sessions = $2 where holder = $1", holder, sessions)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(has_room)
    }

    /// The sessions that are a worker's, by mailbox and token, but for those that are of no use any more.
    #[tracing::instrument(name = "store.fleet.idling", skip_all)]
    pub async fn idling(&self, holder: Uuid) -> Result<Vec<(MspId, MailboxId, Uuid)>, StoreError> {
        let rows = sqlx::query!(
            r#"select msp_id, mailbox_id, idle_token as "idle_token!" from mailbox
            where idle_holder = $1 and polling = 'active' and connection <> 'credential_refused'"#,
            holder
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (MspId::from_uuid(row.msp_id), MailboxId::from_uuid(row.mailbox_id), row.idle_token))
            .collect())
    }

    /// Of which MSPs workers hold sessions that are heard of no more.
    #[tracing::instrument(name = "store.fleet.lost_idling", skip_all)]
    pub async fn lost_idling(&self, now: DateTime<Utc>) -> Result<Vec<(MspId, Uuid)>, StoreError> {
        let rows = sqlx::query!(
            r#"select distinct msp_id, idle_holder as "idle_holder!" from mailbox
            where idle_holder is not null and not exists (
                select from idle_worker where holder = mailbox.idle_holder
                    and alive_until > $1 and alive_until <= $1 + interval '1 hour')"#,
            now
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| (MspId::from_uuid(row.msp_id), row.idle_holder)).collect())
    }

    /// Says that a worker holds nothing any more.
    pub async fn leave_idle_worker(&self, holder: Uuid) -> Result<(), StoreError> {
        sqlx::query!("delete from idle_worker where holder = $1", holder).execute(self.pool()).await?;
        Ok(())
    }
}

//! What a sign-in begins: a row that every token of it is checked against, so that ending it ends them at once.

use chrono::{DateTime, Utc};
use daimon_domain::id::{SessionId, UserId};
use daimon_domain::scope::Tenants;
use daimon_domain::user::Role;
use daimon_domain::words;

use crate::user::tenants;
use crate::{MspTx, StoreError, row};

words! {
    /// Why a session ended.
    Ended {
        /// Somebody asked for it.
        Revoked = "revoked",
        /// A refresh token came a second time: one of two who have it has stolen it.
        Reused = "reused",
        /// The user has another password.
        PasswordChanged = "password_changed",
        /// The user was invited again, and their password holds no more.
        InvitedAgain = "invited_again",
        /// The user was disabled.
        Disabled = "disabled",
    }
}

/// A session, and what its user may do right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which one.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The number of the refresh token that is good next.
    pub next_refresh: i64,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Since when its user may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// What its user may do.
    pub role: Role,
    /// How far its user reaches.
    pub tenants: Tenants,
    /// Whether its user signs in with a code besides the password.
    pub has_totp: bool,
}

impl Session {
    /// Neither ended nor over, and its user may sign in.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && now < self.expires_at && self.disabled_at.is_none()
    }
}

/// Begins a session. Those of the user that were over before `forgotten_before` are forgotten.
pub async fn insert(
    tx: &mut MspTx,
    id: SessionId,
    user: UserId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    forgotten_before: DateTime<Utc>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "delete from user_session where user_id = $1 and least(expires_at, ended_at) < $2",
        user.as_uuid(),
        forgotten_before
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into user_session (msp_id, session_id, user_id, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        msp,
        id.as_uuid(),
        user.as_uuid(),
        now,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("update msp_user set last_signed_in_at = $2 where user_id = $1", user.as_uuid(), now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A session, also one that is over; `None` also when its user reaches further than the wall.
pub async fn find(tx: &mut MspTx, id: SessionId) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query!(
        r#"select user_id, next_refresh, user_session.created_at, expires_at, ended_at, disabled_at, role, tenants,
            totp_secret is not null as "has_totp!"
        from user_session join msp_user using (msp_id, user_id) where session_id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(Session {
            id,
            user: UserId::from_uuid(row.user_id),
            next_refresh: row.next_refresh,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            disabled_at: row.disabled_at,
            role: row::text("msp_user", &row.role)?,
            tenants: tenants(row.tenants),
            has_totp: row.has_totp,
        })
    })
    .transpose()
}

/// Takes the refresh token of that number and moves the session's end. `false`: it is not the one that is good next, or
/// the session is over.
pub async fn refresh(
    tx: &mut MspTx,
    id: SessionId,
    number: i64,
    expires_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update user_session set next_refresh = next_refresh + 1, expires_at = $3
        where session_id = $1 and next_refresh = $2 and ended_at is null",
        id.as_uuid(),
        number,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a session; `false` when it had ended.
pub async fn end(tx: &mut MspTx, id: SessionId, because: Ended, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update user_session set ended_at = $2, ended_because = $3 where session_id = $1 and ended_at is null",
        id.as_uuid(),
        now,
        because.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a user but `besides`.
pub async fn end_all(
    tx: &mut MspTx,
    user: UserId,
    besides: Option<SessionId>,
    because: Ended,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "update user_session set ended_at = $3, ended_because = $4
        where user_id = $1 and session_id is distinct from $2 and ended_at is null",
        user.as_uuid(),
        besides.map(SessionId::as_uuid),
        now,
        because.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

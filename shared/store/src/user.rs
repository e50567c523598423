//! People who sign in: who they are, and what they prove it with, of which only hashes and sealed values are kept.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_domain::id::{TenantId, UserId};
use daimon_domain::mailbox::Address;
use daimon_domain::scope::Tenants;
use daimon_domain::user::{Role, User};
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError, row};

/// What a user proves who they are with.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proofs {
    /// The hash of the password (a PHC string).
    pub password_hash: Option<String>,
    /// The SHA-256 of an invitation that is out.
    pub invitation_sha256: Option<[u8; 32]>,
    /// What codes are made of, sealed.
    pub totp_secret: Option<Vec<u8>>,
    /// What they are to be made of from when one of them has come, sealed.
    pub totp_pending: Option<Vec<u8>>,
    /// The step of the last code that was used.
    pub totp_last_step: Option<i64>,
    /// The SHA-256 of each recovery code that is left.
    pub recovery_sha256: Vec<[u8; 32]>,
}

impl std::fmt::Debug for Proofs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("<proofs>")
    }
}

struct Row {
    user_id: Uuid,
    email: String,
    name: String,
    role: String,
    tenants: Option<Vec<Uuid>>,
    disabled_at: Option<DateTime<Utc>>,
    accepted_at: Option<DateTime<Utc>>,
    invitation_expires_at: Option<DateTime<Utc>>,
    totp_since: Option<DateTime<Utc>>,
    recovery_codes: i32,
    last_signed_in_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl TryFrom<Row> for User {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId::from_uuid(row.user_id),
            email: row::text("msp_user", &row.email)?,
            name: row.name,
            role: row::text("msp_user", &row.role)?,
            tenants: tenants(row.tenants),
            disabled_at: row.disabled_at,
            accepted_at: row.accepted_at,
            invitation_expires_at: row.invitation_expires_at,
            totp_since: row.totp_since,
            recovery_codes: row::number("msp_user", row.recovery_codes)?,
            last_signed_in_at: row.last_signed_in_at,
            created_at: row.created_at,
            version: row.version,
        })
    }
}

pub(crate) fn tenants(column: Option<Vec<Uuid>>) -> Tenants {
    column.map_or(Tenants::All, |ids| Tenants::Only(ids.into_iter().map(TenantId::from_uuid).collect()))
}

fn column(tenants: &Tenants) -> Option<Vec<Uuid>> {
    match tenants {
        Tenants::All => None,
        Tenants::Only(ids) => Some(ids.iter().map(|id| id.as_uuid()).collect()),
    }
}

/// Stores somebody who was invited. `Conflict { msp_user_email_once }`: there is somebody with this address.
pub async fn insert(tx: &mut MspTx, user: &User, invitation_sha256: &[u8; 32]) -> Result<(), StoreError> {
    let (msp, tenants) = (tx.msp().as_uuid(), column(&user.tenants));
    sqlx::query!(
        "insert into msp_user (msp_id, user_id, email, name, role, tenants, invitation_sha256, invitation_expires_at,
            created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        msp,
        user.id.as_uuid(),
        user.email.as_str(),
        user.name,
        user.role.as_str(),
        tenants.as_deref(),
        invitation_sha256,
        user.invitation_expires_at,
        user.created_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one user; `None` also when they reach further than the wall.
pub async fn find(tx: &mut MspTx, id: UserId) -> Result<Option<User>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select user_id, email, name, role, tenants, disabled_at, accepted_at, invitation_expires_at, totp_since,
            cardinality(recovery_sha256) as "recovery_codes!", last_signed_in_at, created_at, version
        from msp_user where user_id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(User::try_from).transpose()
}

/// The same, held until the transaction ends, so that two of them agree on what is there.
pub async fn find_held(tx: &mut MspTx, id: UserId) -> Result<Option<User>, StoreError> {
    sqlx::query!(r#"select 1 as "one!" from msp_user where user_id = $1 for update"#, id.as_uuid())
        .fetch_optional(tx.conn())
        .await?;
    find(tx, id).await
}

/// Who has this address.
pub async fn id_of(tx: &mut MspTx, email: &Address) -> Result<Option<UserId>, StoreError> {
    let id = sqlx::query_scalar!("select user_id from msp_user where email = $1", email.as_str())
        .fetch_optional(tx.conn())
        .await?;
    Ok(id.map(UserId::from_uuid))
}

/// What people call these users; those outside the wall are missing.
pub async fn names(tx: &mut MspTx, ids: &[UserId]) -> Result<BTreeMap<UserId, String>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows =
        sqlx::query!("select user_id, name from msp_user where user_id = any ($1)", &ids).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| (UserId::from_uuid(row.user_id), row.name)).collect())
}

/// Users, newest first.
pub async fn list(tx: &mut MspTx, page: Page<UserId>) -> Result<Listed<User>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select user_id, email, name, role, tenants, disabled_at, accepted_at, invitation_expires_at, totp_since,
            cardinality(recovery_sha256) as "recovery_codes!", last_signed_in_at, created_at, version
        from msp_user where $1::uuid is null or user_id < $1 order by user_id desc limit $2"#,
        page.before.map(UserId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?))
}

/// Writes name, role, tenants and whether they are disabled if the stored version is still `user.version`, and answers
/// the new version. `None`: somebody else was faster, or they are gone.
pub async fn update(tx: &mut MspTx, user: &User) -> Result<Option<i64>, StoreError> {
    let tenants = column(&user.tenants);
    Ok(sqlx::query_scalar!(
        "update msp_user set name = $3, role = $4, tenants = $5, disabled_at = $6, version = version + 1
        where user_id = $1 and version = $2 returning version",
        user.id.as_uuid(),
        user.version,
        user.name,
        user.role.as_str(),
        tenants.as_deref(),
        user.disabled_at
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Removes a user with their sessions if the stored version is still `version`. The audit log keeps the id.
pub async fn delete(tx: &mut MspTx, id: UserId, version: i64) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from msp_user where user_id = $1 and version = $2", id.as_uuid(), version)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// How many owners there are who can sign in, besides this one. All owners are held until the transaction ends: of two
/// who remove each other at once the second one waits, and then finds that there is nobody else.
pub async fn other_owners(tx: &mut MspTx, besides: UserId) -> Result<usize, StoreError> {
    let rows = sqlx::query_scalar!(
        "select user_id from msp_user
        where role = $1 and disabled_at is null and password_hash is not null order by user_id for update",
        Role::Owner.as_str()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().filter(|id| *id != besides.as_uuid()).count())
}

/// What a user proves who they are with.
pub async fn proofs(tx: &mut MspTx, id: UserId) -> Result<Option<Proofs>, StoreError> {
    let row = sqlx::query!(
        "select password_hash, invitation_sha256, totp_secret, totp_pending, totp_last_step, recovery_sha256
        from msp_user where user_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let hash = |bytes| row::hash("msp_user", bytes);
        Ok(Proofs {
            password_hash: row.password_hash,
            invitation_sha256: row.invitation_sha256.map(hash).transpose()?,
            totp_secret: row.totp_secret,
            totp_pending: row.totp_pending,
            totp_last_step: row.totp_last_step,
            recovery_sha256: row.recovery_sha256.into_iter().map(hash).collect::<Result<_, _>>()?,
        })
    })
    .transpose()
}

/// Invites somebody again: the password that there was holds no more.
pub async fn invite(
    tx: &mut MspTx,
    id: UserId,
    sha256: &[u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update msp_user set invitation_sha256 = $2, invitation_expires_at = $3, password_hash = null, accepted_at = null,
            version = version + 1
        where user_id = $1",
        id.as_uuid(),
        sha256,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets a password, if the invitation is still the one that was read. `false`: somebody else has accepted it.
pub async fn accept(
    tx: &mut MspTx,
    id: UserId,
    invitation_sha256: &[u8; 32],
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update msp_user set password_hash = $3, accepted_at = $4, invitation_sha256 = null, invitation_expires_at = null,
            version = version + 1
        where user_id = $1 and invitation_sha256 = $2",
        id.as_uuid(),
        invitation_sha256,
        password_hash,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces a password, if it is still the one that was proved. `false`: somebody else has replaced it.
pub async fn replace_password(tx: &mut MspTx, id: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update msp_user set password_hash = $3 where user_id = $1 and password_hash = $2",
        id.as_uuid(),
        old,
        new
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps what codes are to be made of, once one of them has come.
pub async fn begin_totp(tx: &mut MspTx, id: UserId, sealed: &[u8]) -> Result<(), StoreError> {
    sqlx::query!("update msp_user set totp_pending = $2 where user_id = $1", id.as_uuid(), sealed)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// From now on codes are made of what was pending, if that is still `sealed`.
pub async fn confirm_totp(
    tx: &mut MspTx,
    id: UserId,
    sealed: &[u8],
    step: i64,
    recovery_sha256: &[[u8; 32]],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update msp_user set totp_secret = totp_pending, totp_pending = null, totp_since = $3, totp_last_step = $4,
            recovery_sha256 = $5, version = version + 1
        where user_id = $1 and totp_pending = $2",
        id.as_uuid(),
        sealed,
        now,
        step,
        &row::hashes(recovery_sha256)
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// From now on a password is enough again.
pub async fn end_totp(tx: &mut MspTx, id: UserId) -> Result<(), StoreError> {
    sqlx::query!(
        "update msp_user set totp_secret = null, totp_since = null, totp_pending = null, totp_last_step = null,
            recovery_sha256 = '{}', version = version + 1
        where user_id = $1",
        id.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes the code of a step: `false` when it, or a later one, was used already.
pub async fn use_step(tx: &mut MspTx, id: UserId, step: i64) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update msp_user set totp_last_step = $2
        where user_id = $1 and totp_secret is not null and coalesce(totp_last_step < $2, true)",
        id.as_uuid(),
        step
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a recovery code: `false` when there is no such one any more.
pub async fn use_recovery_code(tx: &mut MspTx, id: UserId, sha256: &[u8; 32]) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update msp_user set recovery_sha256 = array_remove(recovery_sha256, $2)
        where user_id = $1 and $2 = any (recovery_sha256)",
        id.as_uuid(),
        sha256.as_slice()
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces all recovery codes.
pub async fn replace_recovery_codes(tx: &mut MspTx, id: UserId, sha256: &[[u8; 32]]) -> Result<(), StoreError> {
    sqlx::query!("update msp_user set recovery_sha256 = $2 where user_id = $1", id.as_uuid(), &row::hashes(sha256))
        .execute(tx.conn())
        .await?;
    Ok(())
}

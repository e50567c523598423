//! What mailboxes sign in with in place of a password.

use chrono::{DateTime, Utc};
use daimon_domain::credential::{Condition, Credential};
use daimon_domain::id::{CredentialId, TenantId};
use uuid::Uuid;

use crate::{Listed, MspTx, Page, Sealed, StoreError, row};

struct Row {
    credential_id: Uuid,
    tenant_id: Uuid,
    name: String,
    kind: String,
    imap_host: String,
    directory_id: Option<String>,
    client_id: String,
    token_url: Option<String>,
    scope: Option<String>,
    account: Option<String>,
    created_at: DateTime<Utc>,
    version: i64,
    mailboxes: i64,
    issued_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    fault: Option<String>,
    refused_since: Option<DateTime<Utc>>,
    next_try_at: Option<DateTime<Utc>>,
}

/// A credential, and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The credential.
    pub credential: Credential,
    /// How asking for tokens went, the last time.
    pub condition: Condition,
    /// How many mailboxes sign in with it.
    pub mailboxes: i64,
}

impl TryFrom<Row> for Known {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        const TABLE: &str = "credential";
        let fault = row::maybe_text("access_token", row.fault.as_deref())?;
        let condition = match (fault, row.refused_since, row.next_try_at, row.issued_at.zip(row.expires_at)) {
            (Some(fault), Some(since), _, _) => Condition::Refused { fault, since },
            (Some(fault), None, Some(next_try_at), _) => Condition::CoolingDown { fault, next_try_at },
            (_, _, _, Some((issued_at, expires_at))) => Condition::Ready { issued_at, expires_at },
            (_, _, _, None) => Condition::New,
        };
        let credential = Credential {
            id: CredentialId::from_uuid(row.credential_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            name: row.name,
            kind: row::text(TABLE, &row.kind)?,
            imap_host: row::text(TABLE, &row.imap_host)?,
            directory_id: row.directory_id,
            client_id: row.client_id,
            token_url: row.token_url,
            scope: row.scope,
            account: row.account,
            created_at: row.created_at,
            version: row.version,
        };
        Ok(Self { credential, condition, mailboxes: row.mailboxes })
    }
}

/// A secret, and which of those that the credential had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The secret, which the data key of the credential's tenant opens.
    pub sealed: Sealed,
    /// Grows with each.
    pub version: i64,
}

/// Stores a new credential.
pub async fn insert(tx: &mut MspTx, credential: &Credential, secret: &Sealed) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into credential (msp_id, tenant_id, credential_id, name, kind, imap_host, directory_id, client_id, token_url,
            scope, account, sealed_secret, secret_key_version, created_at, version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        msp,
        credential.tenant.as_uuid(),
        credential.id.as_uuid(),
        credential.name,
        credential.kind.as_str(),
        credential.imap_host.as_str(),
        credential.directory_id,
        credential.client_id,
        credential.token_url,
        credential.scope,
        credential.account,
        secret.bytes,
        secret.key_version,
        credential.created_at,
        credential.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one; `None` also when it is outside the wall.
#[tracing::instrument(name = "store.credential.find", skip_all, fields(credential.id = %id))]
pub async fn find(tx: &mut MspTx, id: CredentialId) -> Result<Option<Known>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select credential_id, credential.tenant_id, name, kind, imap_host, directory_id, client_id, token_url, scope, account,
            created_at, version,
            (select count(*) from mailbox where mailbox.credential_id = credential.credential_id) as "mailboxes!",
            last.issued_at as "issued_at?", last.expires_at as "expires_at?", last.fault as "fault?",
            last.refused_since as "refused_since?", last.next_try_at as "next_try_at?"
        from credential
        left join lateral (
            select issued_at, expires_at, fault, refused_since, next_try_at from access_token
            where access_token.credential_id = credential.credential_id order by asked_at desc, holder_id limit 1
        ) as last on true
        where credential_id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Known::try_from).transpose()
}

/// Credentials, newest first.
pub async fn list(
    tx: &mut MspTx,
    tenant: Option<TenantId>,
    page: Page<CredentialId>,
) -> Result<Listed<Known>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select credential_id, credential.tenant_id, name, kind, imap_host, directory_id, client_id, token_url, scope, account,
            created_at, version,
            (select count(*) from mailbox where mailbox.credential_id = credential.credential_id) as "mailboxes!",
            last.issued_at as "issued_at?", last.expires_at as "expires_at?", last.fault as "fault?",
            last.refused_since as "refused_since?", last.next_try_at as "next_try_at?"
        from credential
        left join lateral (
            select issued_at, expires_at, fault, refused_since, next_try_at from access_token
            where access_token.credential_id = credential.credential_id order by asked_at desc, holder_id limit 1
        ) as last on true
        where ($1::uuid is null or credential.tenant_id = $1) and ($2::uuid is null or credential_id < $2)
        order by credential_id desc limit $3"#,
        tenant.map(TenantId::as_uuid),
        page.before.map(CredentialId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Known::try_from).collect::<Result<_, _>>()?))
}

/// The secret as it is now.
pub async fn secret(tx: &mut MspTx, id: CredentialId) -> Result<Option<Secret>, StoreError> {
    let row = sqlx::query!(
        "select sealed_secret, secret_key_version, secret_version from credential where credential_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Secret {
        sealed: Sealed { bytes: row.sealed_secret, key_version: row.secret_key_version },
        version: row.secret_version,
    }))
}

/// Holds the credential until the transaction ends, if its secret is still of that version.
pub async fn hold(tx: &mut MspTx, id: CredentialId, secret_version: i64) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!(
        "select credential_id from credential where credential_id = $1 and secret_version = $2 for no key update",
        id.as_uuid(),
        secret_version
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(held.is_some())
}

/// Stores the secret that the provider gave in place of the one of that version. `false`: people were faster, or it is gone.
pub async fn rotate(
    tx: &mut MspTx,
    id: CredentialId,
    secret_version: i64,
    secret: &Sealed,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update credential set sealed_secret = $3, secret_key_version = $4, secret_version = secret_version + 1
        where credential_id = $1 and secret_version = $2",
        id.as_uuid(),
        secret_version,
        secret.bytes,
        secret.key_version
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces name, whom to ask for what, and the secret, if the stored version is still `credential.version`; answers the new
/// one. What was given or told before goes with the old secret.
pub async fn replace(tx: &mut MspTx, credential: &Credential, secret: &Sealed) -> Result<Option<i64>, StoreError> {
    let version = sqlx::query_scalar!(
        "update credential set name = $3, directory_id = $4, client_id = $5, token_url = $6, scope = $7, account = $8,
            sealed_secret = $9, secret_key_version = $10, secret_version = secret_version + 1, version = version + 1
        where credential_id = $1 and version = $2 returning version",
        credential.id.as_uuid(),
        credential.version,
        credential.name,
        credential.directory_id,
        credential.client_id,
        credential.token_url,
        credential.scope,
        credential.account,
        secret.bytes,
        secret.key_version
    )
    .fetch_optional(tx.conn())
    .await?;
    if version.is_some() {
        sqlx::query!("delete from access_token where credential_id = $1", credential.id.as_uuid())
            .execute(tx.conn())
            .await?;
    }
    Ok(version)
}

/// Removes one, if the stored version is still `version`. `Missing { mailbox_credential_fk }`: a mailbox signs in with it.
pub async fn delete(tx: &mut MspTx, id: CredentialId, version: i64) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from credential where credential_id = $1 and version = $2", id.as_uuid(), version)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

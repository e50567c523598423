//! Access tokens, and who asks for one right now.
//!
//! The provider is asked by whoever has the row's lease, so that many mailboxes with one credential make one request: a
//! lease, like everywhere here, and no lock, because a lock would hold a transaction and a connection open for as long as a
//! provider likes to take. Its outcome counts only while the credential's secret is still the one it was asked with.

use chrono::{DateTime, Utc};
use daimon_domain::credential::TokenFault;
use daimon_domain::id::{CredentialId, MailboxId, TenantId};
use uuid::Uuid;

use crate::{MspTx, Sealed, StoreError, row};

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Of which credential.
    pub credential: CredentialId,
    /// Whose that is.
    pub tenant: TenantId,
    /// The mailbox, and by which name the token names it; `None`: all mailboxes of the credential share it.
    pub mailbox: Option<(MailboxId, String)>,
}

impl Holder {
    /// The row's id, under which the token is sealed too.
    pub fn id(&self) -> Uuid {
        self.mailbox.as_ref().map_or(self.credential.as_uuid(), |(mailbox, _)| mailbox.as_uuid())
    }
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The last one that was given.
    pub token: Option<Issued>,
    /// Since when, and why, the provider is not asked any more.
    pub refused: Option<(TokenFault, DateTime<Utc>)>,
    /// Why and until when it is not asked.
    pub cooling: Option<(TokenFault, DateTime<Utc>)>,
    /// Failures in a row.
    pub failures: u32,
    /// The provider's own number for why it gave none the last time: Microsoft's `AADSTS…`.
    pub provider_code: Option<u32>,
}

/// A token as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The token, which the data key of the tenant opens.
    pub sealed: Sealed,
    /// When it was given.
    pub issued_at: DateTime<Utc>,
    /// Until when it holds.
    pub expires_at: DateTime<Utc>,
}

/// Reads what is known. A token that names somebody else is none.
pub async fn find(tx: &mut MspTx, holder: &Holder) -> Result<Option<AccessToken>, StoreError> {
    const TABLE: &str = "access_token";
    let row = sqlx::query!(
        "select subject, sealed_token, token_key_version, issued_at, expires_at, fault, refused_since, next_try_at, failures,
            provider_code
        from access_token where credential_id = $1 and holder_id = $2",
        holder.credential.as_uuid(),
        holder.id()
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let subject = holder.mailbox.as_ref().map(|(_, name)| name.as_str());
    if row.subject.as_deref() != subject {
        return Ok(None);
    }
    let fault: Option<TokenFault> = row::maybe_text(TABLE, row.fault.as_deref())?;
    let token = match (row.sealed_token, row.token_key_version, row.issued_at, row.expires_at) {
        (Some(bytes), Some(key_version), Some(issued_at), Some(expires_at)) => {
            Some(Issued { sealed: Sealed { bytes, key_version }, issued_at, expires_at })
        }
        _ => None,
    };
    Ok(Some(AccessToken {
        token,
        refused: fault.zip(row.refused_since),
        cooling: fault.zip(row.next_try_at),
        failures: row::number(TABLE, row.failures)?,
        provider_code: row.provider_code.map(|code| row::number(TABLE, code)).transpose()?,
    }))
}

/// Takes the right to ask, until `until`. `seen` is when the token that is to be replaced was given, if there was one.
/// `None`: somebody else asks, has asked since, or was told not to.
///
/// Commit before the provider is asked.
pub async fn lease(
    tx: &mut MspTx,
    holder: &Holder,
    seen: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    let msp = tx.msp().as_uuid();
    let subject = holder.mailbox.as_ref().map(|(_, name)| name.as_str());
    // What is known of another name says nothing of this one.
    sqlx::query!(
        "delete from access_token where credential_id = $1 and holder_id = $2 and subject is distinct from $3",
        holder.credential.as_uuid(),
        holder.id(),
        subject
    )
    .execute(tx.conn())
    .await?;
    Ok(sqlx::query_scalar!(
        r#"insert into access_token as known (msp_id, tenant_id, credential_id, holder_id, mailbox_id, subject, asked_at,
            lease_token, lease_until)
        values ($1, $2, $3, $4, $5, $6, $8, gen_random_uuid(), $9)
        on conflict on constraint access_token_pk do update
            set lease_token = excluded.lease_token, lease_until = excluded.lease_until, asked_at = excluded.asked_at
            where (known.lease_until is null or known.lease_until <= $8) and known.refused_since is null
                and (known.next_try_at is null or known.next_try_at <= $8)
                and known.issued_at is not distinct from $7
        returning lease_token as "lease_token!""#,
        msp,
        holder.tenant.as_uuid(),
        holder.credential.as_uuid(),
        holder.id(),
        holder.mailbox.as_ref().map(|(mailbox, _)| mailbox.as_uuid()),
        subject,
        seen,
        now,
        until
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Stores a token. Hold the credential first. Also of whoever was late: a token that was given holds, unless there is a newer
/// one.
pub async fn store(tx: &mut MspTx, holder: &Holder, lease: Uuid, issued: &Issued) -> Result<(), StoreError> {
    sqlx::query!(
        "update access_token set sealed_token = $4, token_key_version = $5, issued_at = $6, expires_at = $7, fault = null,
            refused_since = null, failures = 0, next_try_at = null, provider_code = null,
            lease_until = case lease_token when $3 then null else lease_until end,
            lease_token = nullif(lease_token, $3)
        where credential_id = $1 and holder_id = $2 and (lease_token = $3 or issued_at is null or issued_at < $6)",
        holder.credential.as_uuid(),
        holder.id(),
        lease,
        issued.sealed.bytes,
        issued.sealed.key_version,
        issued.issued_at,
        issued.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down that none was given: refused, or not before `next_try_at`. Hold the credential first. What was given before
/// stays. Nothing of whoever was late.
pub async fn fail(
    tx: &mut MspTx,
    holder: &Holder,
    lease: Uuid,
    (fault, provider_code): (TokenFault, Option<u32>),
    next_try_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (refused_since, next_try_at) = if fault.is_refusal() { (Some(now), None) } else { (None, Some(next_try_at)) };
    sqlx::query!(
        "update access_token set fault = $4, refused_since = $5, next_try_at = $6, failures = failures + 1,
            provider_code = $7, lease_token = null, lease_until = null
        where credential_id = $1 and holder_id = $2 and lease_token = $3",
        holder.credential.as_uuid(),
        holder.id(),
        lease,
        fault.as_str(),
        refused_since,
        next_try_at,
        provider_code.map(row::int)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives the right to ask back, with nothing learnt.
pub async fn give_back(tx: &mut MspTx, holder: &Holder, lease: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "update access_token set lease_token = null, lease_until = null
        where credential_id = $1 and holder_id = $2 and lease_token = $3",
        holder.credential.as_uuid(),
        holder.id(),
        lease
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets refusals and cool-downs of a credential, so that the provider is asked once more.
pub async fn pardon(tx: &mut MspTx, credential: CredentialId) -> Result<(), StoreError> {
    sqlx::query!(
        "update access_token set fault = null, refused_since = null, failures = 0, next_try_at = null,
            provider_code = null
        where credential_id = $1",
        credential.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets that one was refused, and nothing else: the provider is asked once more, unless it asked to be left alone.
pub async fn ask_again(tx: &mut MspTx, holder: &Holder) -> Result<(), StoreError> {
    sqlx::query!(
        "update access_token set fault = null, refused_since = null, provider_code = null
        where credential_id = $1 and holder_id = $2 and refused_since is not null",
        holder.credential.as_uuid(),
        holder.id()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

//! IMAP accounts: what people set, and (in [`lease`](self::lease())) who is reading one right now.

mod idle;
mod lease;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::{CredentialId, MailboxId, TenantId};
use daimon_domain::mailbox::{Connection, ConnectionFault, IdleState, Idling, ImapServer, Mailbox, Polling};
use daimon_domain::tidying::Tidying;
use uuid::Uuid;

pub use idle::{
    IdleEnd, IdleLease, IdleStanding, begin_idle, end_idle, give_back_idling, idle_standing, notice, stay_out,
};
pub use lease::{
    DetectorState, Ending, MailboxEnd, borrow, detector_state, end, give_back, give_back_borrowed, hold, lease,
    progress, renew,
};

use crate::{Listed, MspTx, Page, Sealed, StoreError, in_hand, quarantine, row, watched};

struct Row {
    mailbox_id: Uuid,
    tenant_id: Uuid,
    address: String,
    host: String,
    port: i32,
    tls: String,
    username: String,
    credential_id: Option<Uuid>,
    polling: String,
    polling_since: Option<DateTime<Utc>>,
    connection: String,
    connection_since: Option<DateTime<Utc>>,
    connection_fault: Option<String>,
    connection_failures: i32,
    connection_refusal: Option<String>,
    poll_interval_s: i32,
    new_mail: String,
    idle_since: Option<DateTime<Utc>>,
    idle_fault: Option<String>,
    tidying_folder: Option<String>,
    tidying_is_automatic: bool,
    next_poll_at: DateTime<Utc>,
    last_polled_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl TryFrom<Row> for Mailbox {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let connection = match (row.connection.as_str(), row.connection_since, row.connection_fault.as_deref()) {
            ("new", None, None) => Connection::New,
            ("connected", Some(since), None) => Connection::Connected { since },
            ("unreachable", Some(since), Some(fault)) => Connection::Unreachable {
                code: row::text("mailbox", fault)?,
                since,
                failures: row::number("mailbox", row.connection_failures)?,
            },
            ("credential_refused", Some(since), None) => {
                let code = row::maybe_text("mailbox", row.connection_refusal.as_deref())?;
                Connection::CredentialRefused { code: code.unwrap_or(ConnectionFault::CredentialRefused), since }
            }
            _ => return Err(row::corrupt("mailbox", "a connection without its date or fault")),
        };
        Ok(Self {
            id: MailboxId::from_uuid(row.mailbox_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            address: row::text("mailbox", &row.address)?,
            server: ImapServer {
                host: row::text("mailbox", &row.host)?,
                port: row::number("mailbox", row.port)?,
                tls: row::text("mailbox", &row.tls)?,
            },
            username: row.username,
            credential: row.credential_id.map(CredentialId::from_uuid),
            polling: match (row.polling.as_str(), row.polling_since) {
                ("active", None) => Polling::Active,
                ("paused", Some(since)) => Polling::Paused { since },
                ("deleting", Some(since)) => Polling::Deleting { since },
                _ => return Err(row::corrupt("mailbox", "a pause without its date")),
            },
            connection,
            poll_interval_s: row::number("mailbox", row.poll_interval_s)?,
            new_mail: row::text("mailbox", &row.new_mail)?,
            idling: match (row.idle_since, row::maybe_text::<IdleState>("mailbox", row.idle_fault.as_deref())?) {
                (Some(since), _) => Idling::Since(since),
                (None, Some(IdleState::NotOffered)) => Idling::NotOffered,
                (None, Some(IdleState::NoRoom)) => Idling::NoRoom,
                (None, None | Some(IdleState::Starting | IdleState::Idling)) => Idling::Starting,
            },
            tidying: row::maybe_text("mailbox", row.tidying_folder.as_deref())?
                .map(|folder| Tidying { folder, is_automatic: row.tidying_is_automatic }),
            next_poll_at: row.next_poll_at,
            last_polled_at: row.last_polled_at,
            created_at: row.created_at,
            version: row.version,
        })
    }
}

/// A connection as its five columns.
struct Columns {
    connection: &'static str,
    since: Option<DateTime<Utc>>,
    fault: Option<&'static str>,
    failures: i32,
    refusal: Option<&'static str>,
}

impl From<&Connection> for Columns {
    fn from(connection: &Connection) -> Self {
        let mut refusal = None;
        let (connection, since, fault, failures) = match connection {
            Connection::New => ("new", None, None, 0),
            Connection::Connected { since } => ("connected", Some(*since), None, 0),
            Connection::Unreachable { code, since, failures } => {
                ("unreachable", Some(*since), Some(code.as_str()), row::int(*failures))
            }
            Connection::CredentialRefused { code, since } => {
                refusal = (*code != ConnectionFault::CredentialRefused).then_some(code.as_str());
                ("credential_refused", Some(*since), None, 0)
            }
        };
        Self { connection, since, fault, failures, refusal }
    }
}

/// Which mailboxes to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only with this address, in lower case.
    pub address: Option<String>,
    /// Only those that sign in with this credential.
    pub credential: Option<CredentialId>,
}

/// Stores a new mailbox; `secret` is [`Sealed::nothing`] when it has a credential. `Conflict { mailbox_address_once }`: the
/// tenant has one with this address.
pub async fn insert(tx: &mut MspTx, mailbox: &Mailbox, secret: &Sealed) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let connection = Columns::from(&mailbox.connection);
    let (polling, polling_since) = match mailbox.polling {
        Polling::Active => ("active", None),
        Polling::Paused { since } => ("paused", Some(since)),
        Polling::Deleting { since } => ("deleting", Some(since)),
    };
    sqlx::query!(
        "insert into mailbox (msp_id, tenant_id, mailbox_id, address, host, port, tls, username, sealed_secret,
            secret_key_version, polling, polling_since, connection, connection_since, connection_fault,
            connection_failures, poll_interval_s, next_poll_at, last_polled_at, created_at, version, credential_id,
            connection_refusal, new_mail, tidying_folder, tidying_is_automatic)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
            $24, $25, $26)",
        msp,
        mailbox.tenant.as_uuid(),
        mailbox.id.as_uuid(),
        mailbox.address.as_str(),
        mailbox.server.host.as_str(),
        i32::from(mailbox.server.port),
        mailbox.server.tls.as_str(),
        mailbox.username,
        secret.bytes,
        secret.key_version,
        polling,
        polling_since,
        connection.connection,
        connection.since,
        connection.fault,
        connection.failures,
        row::int(mailbox.poll_interval_s),
        mailbox.next_poll_at,
        mailbox.last_polled_at,
        mailbox.created_at,
        mailbox.version,
        mailbox.credential.map(CredentialId::as_uuid),
        connection.refusal,
        mailbox.new_mail.as_str(),
        mailbox.tidying.as_ref().map(|tidying| tidying.folder.as_str()),
        mailbox.tidying.as_ref().is_some_and(|tidying| tidying.is_automatic)
    )
    .execute(tx.conn())
    .await?;
    if mailbox.polling == Polling::Active {
        watched::begin(tx, mailbox.tenant, mailbox.id, mailbox.created_at).await?;
    }
    Ok(())
}

/// Reads one mailbox; `None` also when it is outside the wall.
#[tracing::instrument(name = "store.mailbox.find", skip_all, fields(mailbox.id = %id))]
pub async fn find(tx: &mut MspTx, id: MailboxId) -> Result<Option<Mailbox>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select mailbox_id, tenant_id, address, host, port, tls, username, credential_id, polling, polling_since, connection, connection_since,
            connection_fault, connection_failures, connection_refusal, poll_interval_s, new_mail, idle_since, idle_fault,
            tidying_folder, tidying_is_automatic, next_poll_at, last_polled_at, created_at, version
        from mailbox where mailbox_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Mailbox::try_from).transpose()
}

/// Those of these tenants that have one of these addresses, in lower case.
pub async fn with_addresses(
    tx: &mut MspTx,
    tenants: &[TenantId],
    addresses: &[String],
) -> Result<Vec<Mailbox>, StoreError> {
    let tenants: Vec<_> = tenants.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        "select mailbox_id, tenant_id, address, host, port, tls, username, credential_id, polling, polling_since, connection, connection_since,
            connection_fault, connection_failures, connection_refusal, poll_interval_s, new_mail, idle_since, idle_fault,
            tidying_folder, tidying_is_automatic, next_poll_at, last_polled_at, created_at, version
        from mailbox where tenant_id = any ($1) and address = any ($2)",
        &tenants,
        addresses
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Mailbox::try_from).collect()
}

/// Mailboxes, newest first.
pub async fn list(
    tx: &mut MspTx,
    filter: &MailboxFilter,
    page: Page<MailboxId>,
) -> Result<Listed<Mailbox>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select mailbox_id, tenant_id, address, host, port, tls, username, credential_id, polling, polling_since, connection, connection_since,
            connection_fault, connection_failures, connection_refusal, poll_interval_s, new_mail, idle_since, idle_fault,
            tidying_folder, tidying_is_automatic, next_poll_at, last_polled_at, created_at, version
        from mailbox
        where ($1::uuid is null or tenant_id = $1) and ($2::text is null or address = $2)
            and ($5::uuid is null or credential_id = $5) and ($3::uuid is null or mailbox_id < $3)
        order by mailbox_id desc limit $4",
        filter.tenant.map(TenantId::as_uuid),
        filter.address,
        page.before.map(MailboxId::as_uuid),
        page.probe(),
        filter.credential.map(CredentialId::as_uuid)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Mailbox::try_from).collect::<Result<_, _>>()?))
}

/// Writes address, server, username, interval, how new mail is noticed and whether bounces may be moved if the stored version is still `mailbox.version`, and answers the new
/// version. `None`: somebody else was faster, or it is gone.
///
/// Another server or username begins anew: the connection is new, a session that still runs is fenced off, the mailbox is
/// due at `now`, and nothing speaks against it.
pub async fn update(tx: &mut MspTx, mailbox: &Mailbox, now: DateTime<Utc>) -> Result<Option<i64>, StoreError> {
    let version = sqlx::query_scalar!(
        "update mailbox set address = $3, poll_interval_s = $4, tidying_folder = $5, tidying_is_automatic = $6,
            version = version + 1
        where mailbox_id = $1 and version = $2 and polling <> 'deleting' returning version",
        mailbox.id.as_uuid(),
        mailbox.version,
        mailbox.address.as_str(),
        row::int(mailbox.poll_interval_s),
        mailbox.tidying.as_ref().map(|tidying| tidying.folder.as_str()),
        mailbox.tidying.as_ref().is_some_and(|tidying| tidying.is_automatic)
    )
    .fetch_optional(tx.conn())
    .await?;
    if version.is_some() {
        idle::choose(tx, mailbox, now).await?;
        let moved = sqlx::query!(
            "update mailbox set host = $2, port = $3, tls = $4, username = $5, connection = 'new',
                connection_since = null, connection_fault = null, connection_failures = 0, connection_refusal = null,
                attempt = 0, lease_token = null, lease_until = null, next_poll_at = $6, poll_requested_at = null,
                idle_holder = null, idle_token = null, idle_since = null, idle_fault = null, idle_failures = 0,
                idle_not_before = null
            where mailbox_id = $1 and (host, port, tls, username) is distinct from ($2, $3, $4, $5)",
            mailbox.id.as_uuid(),
            mailbox.server.host.as_str(),
            i32::from(mailbox.server.port),
            mailbox.server.tls.as_str(),
            mailbox.username,
            now
        )
        .execute(tx.conn())
        .await?;
        if moved.rows_affected() > 0 {
            in_hand::forget(tx, mailbox.id).await?;
        }
    }
    Ok(version)
}

/// Stops reading. The second time it changes nothing; `false` when there is no such mailbox, or not for long.
pub async fn pause(tx: &mut MspTx, id: MailboxId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set version = version + case polling when 'active' then 1 else 0 end,
            polling_since = coalesce(polling_since, $2), polling = 'paused', idle_holder = null, idle_token = null,
            idle_since = null
        where mailbox_id = $1 and polling <> 'deleting'",
        id.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    watched::end(tx, id, now).await?;
    Ok(done.rows_affected() == 1)
}

/// Reads again, at once. The second time it changes nothing; `false` when there is no such mailbox, or not for long.
pub async fn resume(tx: &mut MspTx, id: MailboxId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set version = version + case polling when 'active' then 0 else 1 end,
            next_poll_at = case polling when 'active' then next_poll_at else $2 end,
            polling_since = null, polling = 'active'
        where mailbox_id = $1 and polling <> 'deleting'",
        id.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 {
        watched::resume(tx, id, now).await?;
    }
    Ok(done.rows_affected() == 1)
}

/// What was put aside may be asked for this long after.
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::hours(1);

/// Makes a mailbox due at `now`, also after a session that runs at the moment; `false` when there is no such mailbox.
///
/// What processes died of may be read once more: a message, or the mailbox itself. Once an hour, because that may end another.
pub async fn poll_now(tx: &mut MspTx, id: MailboxId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set next_poll_at = least(next_poll_at, $2), poll_requested_at = $2
        where mailbox_id = $1 and polling <> 'deleting'",
        id.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    quarantine::ask_again(tx, id, now - ASKED_AGAIN_AFTER).await?;
    in_hand::pardon(tx, id, now - ASKED_AGAIN_AFTER).await?;
    Ok(done.rows_affected() == 1)
}

/// The sealed password, which the data key of the mailbox's tenant opens. Of a mailbox with a credential there is nothing to
/// open.
pub async fn sealed_secret(tx: &mut MspTx, id: MailboxId) -> Result<Option<Sealed>, StoreError> {
    let row = sqlx::query!("select sealed_secret, secret_key_version from mailbox where mailbox_id = $1", id.as_uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| Sealed { bytes: row.sealed_secret, key_version: row.secret_key_version }))
}

/// Notes the keyed hash of the password, by which others with the same are found.
pub async fn set_secret_hash(tx: &mut MspTx, id: MailboxId, hash: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query!(
        "update mailbox set secret_hash = $2 where mailbox_id = $1 and secret_hash is distinct from $2",
        id.as_uuid(),
        hash.as_slice()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Replaces the password, or what takes its place, if the stored version is still `version`, and answers the new version.
///
/// A session that still tries the old one is fenced off, and the mailbox is due at `now`.
pub async fn replace_secret(
    tx: &mut MspTx,
    id: MailboxId,
    version: i64,
    secret: &Sealed,
    credential: Option<CredentialId>,
    now: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar!(
        "update mailbox set sealed_secret = $3, secret_key_version = $4, secret_hash = null, credential_id = $6,
            connection = 'new', connection_since = null, connection_fault = null, connection_failures = 0,
            connection_refusal = null, attempt = 0, lease_token = null, lease_until = null, next_poll_at = $5,
            poll_requested_at = null, version = version + 1, idle_holder = null, idle_token = null, idle_since = null,
            idle_fault = null, idle_failures = 0, idle_not_before = null
        where mailbox_id = $1 and version = $2 and polling <> 'deleting' returning version",
        id.as_uuid(),
        version,
        secret.bytes,
        secret.key_version,
        now,
        credential.map(CredentialId::as_uuid)
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Begins anew with every mailbox that signs in with a credential: what they were answered was about another secret. Answers
/// how many there are.
pub async fn begin_anew(tx: &mut MspTx, credential: CredentialId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "update mailbox set connection = 'new', connection_since = null, connection_fault = null, connection_failures = 0,
            connection_refusal = null, attempt = 0, lease_token = null, lease_until = null, next_poll_at = $2,
            poll_requested_at = null, idle_holder = null, idle_token = null, idle_since = null, idle_fault = null,
            idle_failures = 0, idle_not_before = null
        where credential_id = $1",
        credential.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Reads those of them that could not be read once more, as if nothing had been in the way. Answers how many there are.
pub async fn try_again(tx: &mut MspTx, credential: CredentialId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "update mailbox set connection = 'new', connection_since = null, connection_fault = null, connection_failures = 0,
            connection_refusal = null, next_poll_at = $2, poll_requested_at = $2
        where credential_id = $1 and connection in ('credential_refused', 'unreachable')",
        credential.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

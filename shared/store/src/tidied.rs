//! Mails that are moved to a folder of their own, and back: where each lay, where it lies, and what may be on its way.
//!
//! What is to be moved is written down before, and where it went after. In between a process may die; then the row says from where
//! the mail may have gone and where to look for it.

use chrono::{DateTime, Utc};
use daimon_domain::id::{BounceId, IncidentId, MailboxId, TenantId};
use daimon_domain::incident::Incident;
use daimon_domain::tidying::{InFolder, Left, StayFor};
use daimon_domain::words;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{MspTx, StoreError, row};

const TABLE: &str = "tidied_mail";

words! {
    /// Where a mail stands.
    TidyState {
        /// It is to be moved.
        Planned = "planned",
        /// It was moved.
        Away = "away",
        /// It was moved back.
        Back = "back",
        /// It stays where it is, or is nowhere.
        Left = "left",
    }
}

/// A message in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Spot {
    /// Which folder, as the server spells it.
    pub folder: String,
    /// Under which UIDVALIDITY.
    pub uid_validity: u32,
    /// Which message.
    pub uid: u32,
}

/// Where a mail is on its way to. It has, or would have, that UID or a higher one there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way(pub Spot);

/// A mail that is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TidiedMail {
    /// Of which tenant.
    pub tenant: TenantId,
    /// For which incident.
    pub incident: IncidentId,
    /// Where it lay when it was judged: what names the row.
    pub from: Spot,
    /// Where it lies now.
    pub at: Spot,
    /// What was judged of it.
    pub bounces: Vec<BounceId>,
    /// Where it stands.
    pub state: TidyState,
    /// Where it may be on its way to.
    pub way: Option<Way>,
}

struct Row {
    tenant_id: Uuid,
    incident_id: Uuid,
    folder: String,
    uid_validity: i64,
    uid: i64,
    at_folder: String,
    at_uid_validity: i64,
    at_uid: i64,
    bounces: Vec<Uuid>,
    state: String,
    to_folder: Option<String>,
    to_uid_validity: Option<i64>,
    to_from_uid: Option<i64>,
}

fn spot(folder: String, uid_validity: i64, uid: i64) -> Result<Spot, StoreError> {
    Ok(Spot { folder, uid_validity: row::number(TABLE, uid_validity)?, uid: row::number(TABLE, uid)? })
}

impl TryFrom<Row> for TidiedMail {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let way = match (row.to_folder, row.to_uid_validity, row.to_from_uid) {
            (Some(folder), Some(uid_validity), Some(uid)) => Some(Way(spot(folder, uid_validity, uid)?)),
            _ => None,
        };
        Ok(Self {
            tenant: TenantId::from_uuid(row.tenant_id),
            incident: IncidentId::from_uuid(row.incident_id),
            from: spot(row.folder, row.uid_validity, row.uid)?,
            at: spot(row.at_folder, row.at_uid_validity, row.at_uid)?,
            bounces: row.bounces.into_iter().map(BounceId::from_uuid).collect(),
            state: row::text(TABLE, &row.state)?,
            way,
        })
    }
}

/// Plans to move what lies in a folder and was judged to be of the incident: to have its cause, or none of its own, since the first
/// bounces come before anybody knows. A report that also tells of something else stays. The second time it plans only what has come since. Answers how many mails that are.
#[tracing::instrument(name = "store.tidied.plan", skip_all, fields(incident.id = %incident.id))]
pub async fn plan(tx: &mut MspTx, incident: &Incident, folder: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let msp = tx.msp().as_uuid();
    let done = sqlx::query!(
        "insert into tidied_mail (msp_id, tenant_id, mailbox_id, incident_id, folder, uid_validity, uid, bounces, state, at_folder,
            at_uid_validity, at_uid, changed_at)
        select $1, $2, $3, $4, folder, uid_validity, uid, array_agg(bounce_id order by bounce_id), 'planned', folder,
            uid_validity, uid, $7
        from bounce where mailbox_id = $3 and folder = $5 and drill_id is null
        group by folder, uid_validity, uid having bool_and(coalesce(incident_id = $4 and verdict in ($6, 'undetermined'), false))
        on conflict on constraint tidied_mail_pk do nothing",
        msp,
        incident.tenant.as_uuid(),
        incident.mailbox.as_uuid(),
        incident.id.as_uuid(),
        folder,
        incident.verdict.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Forgets what was planned and not begun.
pub async fn forget_plan(tx: &mut MspTx, incident: IncidentId) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from tidied_mail where incident_id = $1 and state = 'planned' and to_folder is null",
        incident.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a mail of the incident lies in that folder and nobody has planned to move it.
pub async fn has_news(tx: &mut MspTx, incident: &Incident, folder: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
            select from bounce where incident_id = $1 and verdict in ($2, 'undetermined') and folder = $3 and drill_id is null
                and not exists (select from tidied_mail where tidied_mail.mailbox_id = bounce.mailbox_id
                    and tidied_mail.folder = bounce.folder and tidied_mail.uid_validity = bounce.uid_validity
                    and tidied_mail.uid = bounce.uid)
        ) as "exists!""#,
        incident.id.as_uuid(),
        incident.verdict.as_str(),
        folder
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Whether somebody has moved mails of an incident back.
pub async fn was_undone(tx: &mut MspTx, incident: IncidentId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from tidied_mail where incident_id = $1 and state = 'back') as "exists!""#,
        incident.as_uuid()
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Mails of an incident in that state which are not on their way: at most so many, by where they lie.
pub async fn next(
    tx: &mut MspTx,
    incident: IncidentId,
    state: TidyState,
    most: usize,
) -> Result<Vec<TidiedMail>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select tenant_id, incident_id, folder, uid_validity, uid, at_folder, at_uid_validity, at_uid, bounces, state, to_folder,
            to_uid_validity, to_from_uid
        from tidied_mail where incident_id = $1 and state = $2 and to_folder is null
        order by at_folder, at_uid_validity, at_uid limit $3",
        incident.as_uuid(),
        state.as_str(),
        i64::try_from(most).unwrap_or(i64::MAX)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TidiedMail::try_from).collect()
}

/// What a process that died may have moved in a mailbox, at most so many, by where they lay.
pub async fn on_their_way(tx: &mut MspTx, mailbox: MailboxId, most: usize) -> Result<Vec<TidiedMail>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select tenant_id, incident_id, folder, uid_validity, uid, at_folder, at_uid_validity, at_uid, bounces, state, to_folder,
            to_uid_validity, to_from_uid
        from tidied_mail where mailbox_id = $1 and to_folder is not null
        order by at_folder, at_uid_validity, to_folder, to_uid_validity, at_uid limit $2",
        mailbox.as_uuid(),
        i64::try_from(most).unwrap_or(i64::MAX)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TidiedMail::try_from).collect()
}

/// What names the rows, as columns.
struct Keys {
    folders: Vec<String>,
    validities: Vec<i64>,
    uids: Vec<i64>,
}

impl Keys {
    fn of<'m>(mails: impl Iterator<Item = &'m TidiedMail>) -> Self {
        let mut keys = Self { folders: Vec::new(), validities: Vec::new(), uids: Vec::new() };
        for TidiedMail { from, .. } in mails {
            keys.folders.push(from.folder.clone());
            keys.validities.push(i64::from(from.uid_validity));
            keys.uids.push(i64::from(from.uid));
        }
        keys
    }
}

/// Writes down that these are about to be moved: they will have that UID or a higher one there.
pub async fn set_out(
    tx: &mut MspTx,
    mailbox: MailboxId,
    mails: &[TidiedMail],
    to: &Spot,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let keys = Keys::of(mails.iter());
    sqlx::query!(
        "update tidied_mail set to_folder = $5, to_uid_validity = $6, to_from_uid = $7, changed_at = $8
        from unnest($2::text[], $3::bigint[], $4::bigint[]) as one (folder, uid_validity, uid)
        where mailbox_id = $1 and tidied_mail.folder = one.folder and tidied_mail.uid_validity = one.uid_validity
            and tidied_mail.uid = one.uid",
        mailbox.as_uuid(),
        &keys.folders,
        &keys.validities,
        &keys.uids,
        to.folder,
        i64::from(to.uid_validity),
        i64::from(to.uid),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down where mails lie now, and that their bounces do, also for whoever is about to read them again. `state`: how they stand now; `None`: as before.
///
/// Nothing is on its way any more.
pub async fn lie_at(
    tx: &mut MspTx,
    mailbox: MailboxId,
    mails: &[(TidiedMail, Spot)],
    state: Option<TidyState>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let keys = Keys::of(mails.iter().map(|(mail, _)| mail));
    let folders: Vec<_> = mails.iter().map(|(_, at)| at.folder.clone()).collect();
    let validities: Vec<_> = mails.iter().map(|(_, at)| i64::from(at.uid_validity)).collect();
    let uids: Vec<_> = mails.iter().map(|(_, at)| i64::from(at.uid)).collect();
    sqlx::query!(
        "update tidied_mail set at_folder = one.at_folder, at_uid_validity = one.at_uid_validity, at_uid = one.at_uid,
            state = coalesce($8, state), to_folder = null, to_uid_validity = null, to_from_uid = null, changed_at = $9
        from unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[])
            as one (folder, uid_validity, uid, at_folder, at_uid_validity, at_uid)
        where mailbox_id = $1 and tidied_mail.folder = one.folder and tidied_mail.uid_validity = one.uid_validity
            and tidied_mail.uid = one.uid",
        mailbox.as_uuid(),
        &keys.folders,
        &keys.validities,
        &keys.uids,
        &folders,
        &validities,
        &uids,
        state.map(TidyState::as_str),
        now
    )
    .execute(tx.conn())
    .await?;
    let (mut ids, mut at_folders, mut at_validities, mut at_uids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (mail, at) in mails {
        for bounce in &mail.bounces {
            ids.push(bounce.as_uuid());
            at_folders.push(at.folder.clone());
            at_validities.push(i64::from(at.uid_validity));
            at_uids.push(i64::from(at.uid));
        }
    }
    sqlx::query!(
        "update bounce set folder = one.folder, uid_validity = one.uid_validity, uid = one.uid
        from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) as one (bounce_id, folder, uid_validity, uid)
        where bounce.bounce_id = one.bounce_id and bounce.bounce_id = any ($1)",
        &ids,
        &at_folders,
        &at_validities,
        &at_uids
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update bounced_recipient set folder = one.folder, uid_validity = one.uid_validity, uid = one.uid
        from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) as one (bounce_id, folder, uid_validity, uid)
        where bounced_recipient.bounce_id = one.bounce_id and bounced_recipient.bounce_id = any ($1)
            and job_id in (select job_id from job where mailbox_id = $5 and kind = 'recipients' and ended_at is null)",
        &ids,
        &at_folders,
        &at_validities,
        &at_uids,
        mailbox.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down that these did not go: they lie where they lay.
pub async fn stay(
    tx: &mut MspTx,
    mailbox: MailboxId,
    mails: &[TidiedMail],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let keys = Keys::of(mails.iter());
    sqlx::query!(
        "update tidied_mail set to_folder = null, to_uid_validity = null, to_from_uid = null, changed_at = $5
        from unnest($2::text[], $3::bigint[], $4::bigint[]) as one (folder, uid_validity, uid)
        where mailbox_id = $1 and tidied_mail.folder = one.folder and tidied_mail.uid_validity = one.uid_validity
            and tidied_mail.uid = one.uid",
        mailbox.as_uuid(),
        &keys.folders,
        &keys.validities,
        &keys.uids,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down that these are left alone, and why.
pub async fn leave(
    tx: &mut MspTx,
    mailbox: MailboxId,
    mails: &[TidiedMail],
    because: Left,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let keys = Keys::of(mails.iter());
    sqlx::query!(
        "update tidied_mail set state = 'left', because = $5, to_folder = null, to_uid_validity = null, to_from_uid = null,
            changed_at = $6
        from unnest($2::text[], $3::bigint[], $4::bigint[]) as one (folder, uid_validity, uid)
        where mailbox_id = $1 and tidied_mail.folder = one.folder and tidied_mail.uid_validity = one.uid_validity
            and tidied_mail.uid = one.uid",
        mailbox.as_uuid(),
        &keys.folders,
        &keys.validities,
        &keys.uids,
        because.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The messages of a folder from a UID on that we put there: they are known, and not to be read as if they had come.
pub async fn put_there(
    tx: &mut MspTx,
    mailbox: MailboxId,
    folder: &str,
    uid_validity: u32,
    first: u32,
) -> Result<Vec<u32>, StoreError> {
    let uids = sqlx::query_scalar!(
        "select at_uid from tidied_mail
        where mailbox_id = $1 and at_folder = $2 and at_uid_validity = $3 and at_uid >= $4 and state in ('away', 'back')
        order by at_uid",
        mailbox.as_uuid(),
        folder,
        i64::from(uid_validity),
        i64::from(first)
    )
    .fetch_all(tx.conn())
    .await?;
    uids.into_iter().map(|uid| row::number(TABLE, uid)).collect()
}

/// The folders of a mailbox in which mails lie, or lay, that we moved there.
pub async fn folders(tx: &mut MspTx, mailbox: MailboxId) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select distinct at_folder from tidied_mail where mailbox_id = $1 and at_folder <> folder",
        mailbox.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// What was moved since then, so that it stands in that state, by where it lay when it was judged.
pub async fn moved_since(
    tx: &mut MspTx,
    incident: IncidentId,
    state: TidyState,
    since: DateTime<Utc>,
) -> Result<Vec<InFolder>, StoreError> {
    let rows = sqlx::query!(
        r#"select folder, count(*) as "mails!" from tidied_mail
        where incident_id = $1 and state = $2 and to_folder is null and changed_at >= $3
        group by folder order by folder"#,
        incident.as_uuid(),
        state.as_str(),
        since
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| Ok(InFolder { folder: row.folder, mails: row::number(TABLE, row.mails)? })).collect()
}

/// What was left alone since then, and why: of what had been moved away, or of what had not.
pub async fn left_since(
    tx: &mut MspTx,
    incident: IncidentId,
    was_away: bool,
    since: DateTime<Utc>,
) -> Result<Vec<StayFor>, StoreError> {
    let rows = sqlx::query!(
        r#"select because as "because!", count(*) as "mails!" from tidied_mail
        where incident_id = $1 and state = 'left' and (at_folder <> folder) = $2 and changed_at >= $3
        group by because order by because"#,
        incident.as_uuid(),
        was_away,
        since
    )
    .fetch_all(tx.conn())
    .await?;
    let read =
        |because: &str, mails| Ok(StayFor { because: row::text(TABLE, because)?, mails: row::number(TABLE, mails)? });
    rows.into_iter().map(|row| read(&row.because, row.mails)).collect()
}

/// In which other folders mails of the incident lie that nobody of us moved there.
pub async fn elsewhere(tx: &mut MspTx, incident: IncidentId, folder: &str) -> Result<Vec<InFolder>, StoreError> {
    let rows = sqlx::query!(
        r#"select folder, count(distinct (uid_validity, uid)) as "mails!" from bounce
        where incident_id = $1 and folder <> $2 and drill_id is null
            and folder not in (select at_folder from tidied_mail where incident_id = $1 and state = 'away')
        group by folder order by folder"#,
        incident.as_uuid(),
        folder
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| Ok(InFolder { folder: row.folder, mails: row::number(TABLE, row.mails)? })).collect()
}

//! Bounces: stored once however often they are read, because the id is made of the message and the recipient.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Action, Kind};
use daimon_domain::id::{BounceId, DrillId, IncidentId, MailboxId, TenantId, uuid_floor};
use daimon_domain::reason::{Fault, Permanence, Reason};
use daimon_domain::status::EnhancedStatus;
use daimon_domain::verdict::Verdict;
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError, row};

/// What one report says of one recipient, without anything that names the recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounce {
    /// A UUIDv7-shaped value of INTERNALDATE and a keyed hash of mailbox, raw header block and recipient.
    pub id: BounceId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which mailbox.
    pub mailbox: MailboxId,
    /// In which folder it was found.
    pub folder: String,
    /// Under which UIDVALIDITY.
    pub uid_validity: u32,
    /// Which message.
    pub uid: u32,
    /// INTERNALDATE.
    pub received_at: DateTime<Utc>,
    /// What the message is.
    pub kind: Kind,
    /// Why the delivery failed.
    pub reason: Reason,
    /// RFC 3463.
    pub status: Option<EnhancedStatus>,
    /// The SMTP reply code.
    pub reply: Option<u16>,
    /// Whether trying again can help.
    pub permanence: Permanence,
    /// Whose matter it is.
    pub fault: Fault,
    /// RFC 3464.
    pub action: Action,
    /// The rule that decided the reason.
    pub rule: String,
    /// The line that decided, with addresses redacted by the caller.
    pub diagnostic: Option<String>,
    /// Who wrote the report.
    pub reporting_mta: Option<String>,
    /// Who refused.
    pub remote_mta: Option<String>,
    /// Keyed hash of the recipient's address.
    pub recipient_hash: [u8; 32],
    /// The recipient's domain.
    pub recipient_domain: String,
    /// Which template of message it belongs to, as the detector named it.
    pub template: Option<String>,
    /// Keyed hash of the subject without what varies.
    pub subject_skeleton_hash: Option<[u8; 32]>,
    /// The evidence as weighed, in JSON. It is text, since a hundred thousand are written and few are ever looked into.
    pub observation: String,
    /// The cause, once judged.
    pub verdict: Option<Verdict>,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// The drill that made it up; `None`: it came.
    pub drill: Option<DrillId>,
}

struct Row {
    bounce_id: Uuid,
    tenant_id: Uuid,
    mailbox_id: Uuid,
    folder: String,
    uid_validity: i64,
    uid: i64,
    received_at: DateTime<Utc>,
    kind: String,
    reason: String,
    status: Option<String>,
    reply: Option<i16>,
    permanence: String,
    fault: String,
    action: String,
    rule: String,
    diagnostic: Option<String>,
    reporting_mta: Option<String>,
    remote_mta: Option<String>,
    recipient_hash: Vec<u8>,
    recipient_domain: String,
    template: Option<String>,
    subject_skeleton_hash: Option<Vec<u8>>,
    observation: String,
    verdict: Option<String>,
    incident_id: Option<Uuid>,
    drill_id: Option<Uuid>,
}

impl TryFrom<Row> for Bounce {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        const TABLE: &str = "bounce";
        Ok(Self {
            id: BounceId::from_uuid(row.bounce_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            mailbox: MailboxId::from_uuid(row.mailbox_id),
            folder: row.folder,
            uid_validity: row::number(TABLE, row.uid_validity)?,
            uid: row::number(TABLE, row.uid)?,
            received_at: row.received_at,
            kind: row::text(TABLE, &row.kind)?,
            reason: row::text(TABLE, &row.reason)?,
            status: row::maybe_text(TABLE, row.status.as_deref())?,
            reply: row.reply.map(|reply| row::number(TABLE, reply)).transpose()?,
            permanence: row::text(TABLE, &row.permanence)?,
            fault: row::text(TABLE, &row.fault)?,
            action: row::text(TABLE, &row.action)?,
            rule: row.rule,
            diagnostic: row.diagnostic,
            reporting_mta: row.reporting_mta,
            remote_mta: row.remote_mta,
            recipient_hash: row::hash(TABLE, row.recipient_hash)?,
            recipient_domain: row.recipient_domain,
            template: row.template,
            subject_skeleton_hash: row.subject_skeleton_hash.map(|hash| row::hash(TABLE, hash)).transpose()?,
            observation: row.observation,
            verdict: row::maybe_text(TABLE, row.verdict.as_deref())?,
            incident: row.incident_id.map(IncidentId::from_uuid),
            drill: row.drill_id.map(DrillId::from_uuid),
        })
    }
}

/// Which bounces to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BounceFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only of this mailbox.
    pub mailbox: Option<MailboxId>,
    /// Only for this reason.
    pub reason: Option<Reason>,
    /// Only to this domain, in lower case.
    pub recipient_domain: Option<String>,
    /// Only with this verdict.
    pub verdict: Option<Verdict>,
    /// Only of this incident.
    pub incident: Option<IncidentId>,
    /// Only received then or later.
    pub from: Option<DateTime<Utc>>,
    /// Only received before.
    pub to: Option<DateTime<Utc>>,
    /// Only those that came, or only those that drills made up.
    pub livemode: Option<bool>,
}

/// How much of a text is kept: mails are written by strangers.
const LONGEST_TEXT: usize = 2_000;
/// How much of a domain is kept: as much as DNS allows.
const LONGEST_DOMAIN: usize = 253;

/// So many are sent in one statement.
const A_STATEMENT: usize = 500;

/// Stores what is new of these and says which: only those are to be judged.
#[tracing::instrument(name = "store.bounce.insert_many", skip_all, fields(bounces = bounces.len()))]
pub async fn insert_many(tx: &mut MspTx, bounces: &[Bounce]) -> Result<HashSet<BounceId>, StoreError> {
    let mut new = HashSet::with_capacity(bounces.len());
    for some in bounces.chunks(A_STATEMENT) {
        new.extend(insert_some(tx, some).await?);
    }
    Ok(new)
}

async fn insert_some(tx: &mut MspTx, bounces: &[Bounce]) -> Result<Vec<BounceId>, StoreError> {
    let msp = tx.msp().as_uuid();
    let texts =
        |of: fn(&Bounce) -> &str| bounces.iter().map(|bounce| row::clean(of(bounce), LONGEST_TEXT)).collect::<Vec<_>>();
    let maybes = |of: fn(&Bounce) -> Option<String>| {
        bounces.iter().map(|bounce| of(bounce).map(|text| row::clean(&text, LONGEST_TEXT))).collect::<Vec<_>>()
    };
    let domains: Vec<_> = bounces.iter().map(|bounce| row::clean(&bounce.recipient_domain, LONGEST_DOMAIN)).collect();
    let ids: Vec<_> = bounces.iter().map(|bounce| bounce.id.as_uuid()).collect();
    let tenants: Vec<_> = bounces.iter().map(|bounce| bounce.tenant.as_uuid()).collect();
    let mailboxes: Vec<_> = bounces.iter().map(|bounce| bounce.mailbox.as_uuid()).collect();
    let validities: Vec<_> = bounces.iter().map(|bounce| i64::from(bounce.uid_validity)).collect();
    let uids: Vec<_> = bounces.iter().map(|bounce| i64::from(bounce.uid)).collect();
    let received: Vec<_> = bounces.iter().map(|bounce| bounce.received_at).collect();
    let replies: Vec<_> =
        bounces.iter().map(|bounce| bounce.reply.and_then(|reply| i16::try_from(reply).ok())).collect();
    let recipients: Vec<_> = bounces.iter().map(|bounce| bounce.recipient_hash.to_vec()).collect();
    let skeletons: Vec<_> =
        bounces.iter().map(|bounce| bounce.subject_skeleton_hash.map(|hash| hash.to_vec())).collect();
    let observations: Vec<_> = bounces.iter().map(|bounce| row::clean_json(&bounce.observation).into_owned()).collect();
    let incidents: Vec<_> = bounces.iter().map(|bounce| bounce.incident.map(IncidentId::as_uuid)).collect();
    let drills: Vec<_> = bounces.iter().map(|bounce| bounce.drill.map(DrillId::as_uuid)).collect();
    let new = sqlx::query_scalar!(
        "insert into bounce (msp_id, bounce_id, tenant_id, mailbox_id, folder, uid_validity, uid, received_at, kind,
            reason, status, reply, permanence, fault, action, rule, diagnostic, reporting_mta, remote_mta,
            recipient_hash, recipient_domain, template, subject_skeleton_hash, observation, verdict, incident_id, drill_id)
        select $1, * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[],
            $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::smallint[], $13::text[], $14::text[],
            $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::bytea[], $21::text[], $22::text[],
            $23::bytea[], $24::text[]::jsonb[], $25::text[], $26::uuid[], $27::uuid[])
        on conflict do nothing returning bounce_id",
        msp,
        &ids,
        &tenants,
        &mailboxes,
        &texts(|bounce| &bounce.folder),
        &validities,
        &uids,
        &received,
        &texts(|bounce| bounce.kind.as_str()),
        &texts(|bounce| bounce.reason.as_str()),
        &maybes(|bounce| bounce.status.map(|status| status.to_string())) as &[Option<String>],
        &replies as &[Option<i16>],
        &texts(|bounce| bounce.permanence.as_str()),
        &texts(|bounce| bounce.fault.as_str()),
        &texts(|bounce| bounce.action.as_str()),
        &texts(|bounce| &bounce.rule),
        &maybes(|bounce| bounce.diagnostic.clone()) as &[Option<String>],
        &maybes(|bounce| bounce.reporting_mta.clone()) as &[Option<String>],
        &maybes(|bounce| bounce.remote_mta.clone()) as &[Option<String>],
        &recipients,
        &domains,
        &maybes(|bounce| bounce.template.clone()) as &[Option<String>],
        &skeletons as &[Option<Vec<u8>>],
        &observations,
        &maybes(|bounce| bounce.verdict.map(|verdict| verdict.to_string())) as &[Option<String>],
        &incidents as &[Option<Uuid>],
        &drills as &[Option<Uuid>]
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(new.into_iter().map(BounceId::from_uuid).collect())
}

/// Which of these are stored already.
pub async fn existing_ids(tx: &mut MspTx, ids: &[BounceId]) -> Result<HashSet<BounceId>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
    let known = sqlx::query_scalar!("select bounce_id from bounce where bounce_id = any ($1)", &ids)
        .fetch_all(tx.conn())
        .await?;
    Ok(known.into_iter().map(BounceId::from_uuid).collect())
}

/// Writes what the judge decided; answers how many bounces it was written to.
pub async fn judge_many(tx: &mut MspTx, judged: &[(BounceId, Verdict, Option<IncidentId>)]) -> Result<u64, StoreError> {
    let ids: Vec<_> = judged.iter().map(|(id, ..)| id.as_uuid()).collect();
    let verdicts: Vec<_> = judged.iter().map(|(_, verdict, _)| verdict.to_string()).collect();
    let incidents: Vec<_> = judged.iter().map(|(.., incident)| incident.map(IncidentId::as_uuid)).collect();
    let done = sqlx::query!(
        "update bounce set verdict = judged.verdict, incident_id = judged.incident_id
        from unnest($1::uuid[], $2::text[], $3::uuid[]) as judged (bounce_id, verdict, incident_id)
        where bounce.bounce_id = judged.bounce_id and bounce.bounce_id = any ($1)",
        &ids,
        &verdicts,
        &incidents as &[Option<Uuid>]
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Reads one bounce; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: BounceId) -> Result<Option<Bounce>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select bounce_id, tenant_id, mailbox_id, folder, uid_validity, uid, received_at, kind, reason, status, reply,
            permanence, fault, action, rule, diagnostic, reporting_mta, remote_mta, recipient_hash, recipient_domain,
            template, subject_skeleton_hash, observation::text as "observation!", verdict, incident_id, drill_id
        from bounce where bounce_id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Bounce::try_from).transpose()
}

/// A bounce without its observation, which is as long as all the rest and shown by no list.
#[derive(Clone, Debug, PartialEq)]
pub struct Brief(pub Bounce);

/// Bounces, newest first. The times are compared inside the ids, so that whole months are left out.
#[tracing::instrument(name = "store.bounce.list", skip_all)]
pub async fn list(tx: &mut MspTx, filter: &BounceFilter, page: Page<BounceId>) -> Result<Listed<Brief>, StoreError> {
    let upper = [page.before.map(BounceId::as_uuid), filter.to.map(uuid_floor)].into_iter().flatten().min();
    let rows = sqlx::query_as!(
        Row,
        r#"select bounce_id, tenant_id, mailbox_id, folder, uid_validity, uid, received_at, kind, reason, status, reply,
            permanence, fault, action, rule, diagnostic, reporting_mta, remote_mta, recipient_hash, recipient_domain,
            template, subject_skeleton_hash, '{}' as "observation!", verdict, incident_id, drill_id
        from bounce
        where bounce_id >= $1 and bounce_id < $2
            and ($3::uuid is null or tenant_id = $3) and ($4::uuid is null or mailbox_id = $4)
            and ($5::text is null or reason = $5) and ($6::text is null or recipient_domain = $6)
            and ($7::text is null or verdict = $7) and ($8::uuid is null or incident_id = $8)
            and ($10::boolean is null or (drill_id is null) = $10)
        order by bounce_id desc limit $9"#,
        filter.from.map_or(Uuid::nil(), uuid_floor),
        upper.unwrap_or(Uuid::max()),
        filter.tenant.map(TenantId::as_uuid),
        filter.mailbox.map(MailboxId::as_uuid),
        filter.reason.map(Reason::as_str),
        filter.recipient_domain,
        filter.verdict.map(Verdict::as_str),
        filter.incident.map(IncidentId::as_uuid),
        page.probe(),
        filter.livemode
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(|row| row.try_into().map(Brief)).collect::<Result<_, _>>()?))
}

/// The letters that the bounces of an incident were about, the most frequent first.
pub async fn templates(tx: &mut MspTx, incident: IncidentId) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select template as "template!" from bounce where incident_id = $1 and template is not null
        group by template order by count(*) desc, template limit 1000"#,
        incident.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// How the mails that the bounces of an incident were about are made, where that tells them from the owner's others. Once is
/// no sending.
pub async fn fingerprints(tx: &mut MspTx, incident: IncidentId) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select observation ->> 'fingerprint' as "fingerprint!" from bounce
        where incident_id = $1 and observation ->> 'fingerprint' is not null
        group by 1 having count(*) > 1 order by count(*) desc, 1 limit 100"#,
        incident.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// To how many recipients mail of an incident went out through the own provider after `at`, by times that can be trusted.
pub async fn sent_after(tx: &mut MspTx, incident: IncidentId, at: DateTime<Utc>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select count(distinct recipient_hash) as "recipients!" from bounce
        where incident_id = $1 and observation ->> 'is_own_origin' = 'true'
            and observation ->> 'is_unexpected' = 'true'
            and observation -> 'submitted' ->> 'source' in ('own_received', 'own_arrival')
            and (observation -> 'submitted' ->> 'at')::timestamptz > $2"#,
        incident.as_uuid(),
        at
    )
    .fetch_one(tx.conn())
    .await?)
}

//! Sendings that a tenant did on purpose.

use chrono::{DateTime, Utc};
use daimon_domain::campaign::{Campaign, Marks};
use daimon_domain::id::{CampaignId, IncidentId, MailboxId, TenantId};
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError};

/// No mailbox has more campaigns than are worth asking: the newest count.
const MOST: i64 = 200;

struct Row {
    campaign_id: Uuid,
    tenant_id: Uuid,
    mailbox_id: Option<Uuid>,
    incident_id: Option<Uuid>,
    name: String,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    subject: Option<String>,
    list_id: Option<String>,
    message_ids: Vec<String>,
    templates: Vec<String>,
    fingerprints: Vec<String>,
    created_at: DateTime<Utc>,
    created_by: String,
}

impl From<Row> for Campaign {
    fn from(row: Row) -> Self {
        Self {
            id: CampaignId::from_uuid(row.campaign_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            mailbox: row.mailbox_id.map(MailboxId::from_uuid),
            incident: row.incident_id.map(IncidentId::from_uuid),
            name: row.name,
            marks: Marks {
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                subject: row.subject,
                list_id: row.list_id,
                message_ids: row.message_ids,
                templates: row.templates,
                fingerprints: row.fingerprints,
            },
            created_at: row.created_at,
            created_by: row.created_by,
        }
    }
}

/// Which campaigns to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only of this mailbox, or of any of its tenant's.
    pub mailbox: Option<MailboxId>,
}

/// Stores a campaign. `Missing { campaign_mailbox_fk }`: the tenant has no such mailbox.
pub async fn insert(tx: &mut MspTx, campaign: &Campaign) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let marks = &campaign.marks;
    sqlx::query!(
        "insert into campaign (msp_id, tenant_id, campaign_id, mailbox_id, incident_id, name, starts_at, ends_at, subject,
            list_id, message_ids, templates, fingerprints, created_at, created_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        msp,
        campaign.tenant.as_uuid(),
        campaign.id.as_uuid(),
        campaign.mailbox.map(MailboxId::as_uuid),
        campaign.incident.map(IncidentId::as_uuid),
        campaign.name,
        marks.starts_at,
        marks.ends_at,
        marks.subject,
        marks.list_id,
        &marks.message_ids,
        &marks.templates,
        &marks.fingerprints,
        campaign.created_at,
        campaign.created_by
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select campaign_id, tenant_id, mailbox_id, incident_id, name, starts_at, ends_at, subject, list_id, message_ids,
            templates, fingerprints, created_at, created_by
        from campaign where campaign_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Campaign::from))
}

/// Campaigns, newest first.
pub async fn list(
    tx: &mut MspTx,
    filter: &CampaignFilter,
    page: Page<CampaignId>,
) -> Result<Listed<Campaign>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select campaign_id, tenant_id, mailbox_id, incident_id, name, starts_at, ends_at, subject, list_id, message_ids,
            templates, fingerprints, created_at, created_by
        from campaign
        where ($1::uuid is null or tenant_id = $1)
            and ($2::uuid is null or mailbox_id = $2
                or (mailbox_id is null and tenant_id = (select tenant_id from mailbox where mailbox_id = $2)))
            and ($3::uuid is null or campaign_id < $3)
        order by campaign_id desc limit $4",
        filter.tenant.map(TenantId::as_uuid),
        filter.mailbox.map(MailboxId::as_uuid),
        page.before.map(CampaignId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Campaign::from).collect()))
}

/// What marks the campaigns of a mailbox that had not ended by `since`, or that are known again by how their mails are made.
pub async fn marks_for(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    since: DateTime<Utc>,
) -> Result<Vec<(CampaignId, Marks)>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select campaign_id, tenant_id, mailbox_id, incident_id, name, starts_at, ends_at, subject, list_id, message_ids,
            templates, fingerprints, created_at, created_by
        from campaign
        where tenant_id = $1 and (mailbox_id is null or mailbox_id = $2) and (ends_at is null or ends_at >= $3 or fingerprints <> '{}')
        order by campaign_id desc limit $4",
        tenant.as_uuid(),
        mailbox.as_uuid(),
        since,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    let marks = |campaign: Campaign| (campaign.id, campaign.marks);
    Ok(rows.into_iter().map(|row| marks(Campaign::from(row))).collect())
}

/// Remembers how the mails of a campaign are made. A campaign is made in a few ways; more are not remembered.
pub async fn learn(tx: &mut MspTx, id: CampaignId, fingerprints: &[String]) -> Result<(), StoreError> {
    sqlx::query!(
        "update campaign set fingerprints = array(
            select known from unnest(fingerprints || $2) as known group by known order by known limit 100
        ) where campaign_id = $1 and not fingerprints @> $2 and cardinality(fingerprints) < 100",
        id.as_uuid(),
        fingerprints
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes one; `false` when there is none.
pub async fn delete(tx: &mut MspTx, id: CampaignId) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from campaign where campaign_id = $1", id.as_uuid()).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Removes what an incident was said to be.
pub async fn delete_of_incident(tx: &mut MspTx, id: IncidentId) -> Result<(), StoreError> {
    sqlx::query!("delete from campaign where incident_id = $1", id.as_uuid()).execute(tx.conn()).await?;
    Ok(())
}

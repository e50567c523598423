//! The operations.

use actix_web::web::{Bytes, Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_domain::id::{AuditId, KeyId, TenantId, uuid_floor};
use daimon_seal::SystemEntropy;
use serde::Deserialize;
use serde_json::json;
use sqlx::Row as _;
use uuid::Uuid;

use super::rows::{Bounce, Incident, Mailbox, MailboxRow, OfTenant, Page, Tenant};
use super::{Failed, Served, sql};

/// How many rows a page has when nothing is said, as for the API.
const LIMIT: usize = 50;

/// What stands after the prefix of an id.
fn uuid_of(id: &str) -> Option<Uuid> {
    id.split_once('_').and_then(|(_, hex)| Uuid::try_parse(hex).ok())
}

#[expect(clippy::disallowed_methods, reason = "it is looked whether the API says the same")]
#[get("/v1/mailboxes/{id}")]
pub(super) async fn mailbox(served: Data<Served>, id: Path<String>) -> Result<Json<Mailbox>, Failed> {
    let mut tx = served.begin().await?;
    let found: Option<MailboxRow> = sqlx::query_as(sql::MAILBOX).bind(uuid_of(&id)).fetch_optional(&mut *tx).await?;
    Ok(Json(found.ok_or(sqlx::Error::RowNotFound)?.into()))
}

/// Which bounces: what is asked for here.
#[derive(Deserialize)]
pub(super) struct Bounces {
    tenant_id: Option<String>,
    reason: Option<String>,
    from: Option<DateTime<Utc>>,
}

#[expect(clippy::disallowed_methods, reason = "it is looked whether the API says the same")]
#[get("/v1/bounces")]
pub(super) async fn bounces(served: Data<Served>, asked: Query<Bounces>) -> Result<Json<Page<Bounce>>, Failed> {
    let asked = asked.into_inner();
    let mut tx = served.begin().await?;
    let rows = sqlx::query_as(sql::BOUNCES)
        .bind(asked.from.map_or(Uuid::nil(), uuid_floor))
        .bind(Uuid::max())
        .bind(asked.tenant_id.as_deref().and_then(uuid_of))
        .bind(None::<Uuid>)
        .bind(asked.reason)
        .bind(None::<String>)
        .bind(None::<String>)
        .bind(None::<Uuid>)
        .bind(51_i64)
        .bind(Some(true))
        .fetch_all(&mut *tx)
        .await?;
    Ok(Json(Page::of(rows, LIMIT, |bounce: &Bounce| bounce.id.0)))
}

/// Which incidents: what is asked for here.
#[derive(Deserialize)]
pub(super) struct Incidents {
    #[serde(default)]
    live: bool,
}

#[expect(clippy::disallowed_methods, reason = "it is looked whether the API says the same")]
#[get("/v1/incidents")]
pub(super) async fn incidents(served: Data<Served>, asked: Query<Incidents>) -> Result<Json<Page<Incident>>, Failed> {
    let mut tx = served.begin().await?;
    let rows = sqlx::query_as(sql::INCIDENTS)
        .bind(None::<Uuid>)
        .bind(None::<Uuid>)
        .bind(None::<String>)
        .bind(None::<String>)
        .bind(asked.live)
        .bind(None::<Uuid>)
        .bind(51_i64)
        .bind(Some(true))
        .fetch_all(&mut *tx)
        .await?;
    Ok(Json(Page::of(rows, LIMIT, |incident: &Incident| incident.id.0)))
}

/// A new company.
#[derive(Deserialize)]
struct NewTenant {
    name: String,
    language: String,
}

#[expect(clippy::disallowed_methods, reason = "it is looked whether the API says the same")]
#[post("/v1/tenants")]
pub(super) async fn create_tenant(
    served: Data<Served>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, actix_web::Error> {
    let new: NewTenant = serde_json::from_slice(&body)?;
    let once = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let (msp, now) = (served.msp, SystemClock.now());
    let since = now - TimeDelta::hours(24);
    let id = TenantId::new(now, &SystemEntropy);
    let view = Tenant {
        id: OfTenant(id.as_uuid()),
        name: &new.name,
        language: &new.language,
        external_refs: json!({}),
        groups: [],
        created_at: now,
        deleting: false,
    };
    let answer = serde_json::to_vec(&view)?;
    let location = format!("/v1/tenants/{id}");
    let write = async {
        let mut tx = served.begin().await?;
        let lock = format!("idempotency/{msp}/{}/{once}", served.key);
        let held = sqlx::query(sql::HOLD).bind(lock).fetch_one(&mut *tx).await?;
        let kept = sqlx::query(sql::KEPT).bind(served.key).bind(once).bind(since).fetch_optional(&mut *tx).await?;
        if !held.try_get::<bool, _>("held!")? || kept.is_some() {
            return Err(sqlx::Error::RowNotFound.into());
        }
        sqlx::query(sql::FORGET).bind(since).execute(&mut *tx).await?;
        sqlx::query(sql::TENANT)
            .bind(msp)
            .bind(id.as_uuid())
            .bind(&new.name)
            .bind(&new.language)
            .bind(json!({}))
            .bind([7_u8; 60].as_slice())
            .bind(now)
            .bind(1_i64)
            .bind(Vec::<String>::new())
            .execute(&mut *tx)
            .await?;
        let end = sqlx::query(sql::AUDIT_END).fetch_one(&mut *tx).await?;
        let (sequence, previous): (i64, Vec<u8>) = (end.try_get("sequence")?, end.try_get("hash")?);
        let bytes = vec![7_u8; 300];
        let hash: Vec<u8> = sqlx::query(sql::AUDIT_HASH).bind(bytes).fetch_one(&mut *tx).await?.try_get("hash!")?;
        sqlx::query(sql::AUDIT)
            .bind(msp)
            .bind(sequence + 1)
            .bind(AuditId::new(now, &SystemEntropy).as_uuid())
            .bind(id.as_uuid())
            .bind(now)
            .bind(KeyId::from_uuid(served.key).to_string())
            .bind("tenant.created")
            .bind(id.to_string())
            .bind("{}")
            .bind(previous)
            .bind(&hash)
            .execute(&mut *tx)
            .await?;
        sqlx::query(sql::AUDIT_MOVE).bind(sequence + 1).bind(&hash).execute(&mut *tx).await?;
        sqlx::query(sql::KEEP)
            .bind(msp)
            .bind(served.key)
            .bind(once)
            .bind([7_u8; 32].as_slice())
            .bind(201_i16)
            .bind(&location)
            .bind("\"1\"")
            .bind(&answer)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok::<(), Failed>(())
    };
    write.await?;
    Ok(HttpResponse::Created().insert_header(("location", location)).content_type("application/json").body(answer))
}

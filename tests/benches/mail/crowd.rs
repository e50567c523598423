//! Many mailboxes, and a worker that reads them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use daimon_tests::client::Client;
use daimon_tests::postfix;
use daimon_tests::program::Settings;
use daimon_tests::servers::ServersAt;
use daimon_tests::stage::Stage;
use daimon_tests::world::Stores;
use futures_util::{StreamExt, stream};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "Sakura2019";
/// So many mailboxes are entered at a time.
const AT_A_TIME: usize = 8;

/// A database and programs of its own, so that nothing of another part is still going on in it.
pub(crate) async fn stage(at: &ServersAt, database: &str, more: Settings) -> anyhow::Result<Stage> {
    at.postgres.admin("postgres", &format!("create database {database} owner daimon_owner")).await?;
    let stores = Stores {
        app: at.postgres.url("daimon_app", database),
        fleet: at.postgres.url("daimon_fleet", database),
        owner: at.postgres.url("daimon_owner", database),
        redis: at.redis.clone(),
    };
    let folder = at.folder.join(database);
    std::fs::create_dir_all(&folder)?;
    let mut settings = vec![("DAIMON_REDIS_PREFIX".to_owned(), database.to_owned())];
    settings.extend(more);
    Stage::set(&stores, &folder, &at.authority.ca, "Kestrel IT", &folder.join("first.key"), settings).await
}

/// As many sessions and sign-ins as there are: what servers bear is not what is measured.
pub(crate) fn unbounded() -> Settings {
    [("DAIMON_HOST_LOGINS_PER_MINUTE", "0"), ("DAIMON_HOST_CONNECTIONS", "64"), ("DAIMON_POLL_SLOTS", "64")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// Enters mailboxes of one company, each with its address and the port of its server.
pub(crate) async fn onboard(
    client: &Client,
    mailboxes: impl IntoIterator<Item = (String, u16)>,
    new_mail: &str,
    interval_s: u32,
) -> anyhow::Result<usize> {
    let tenant = Arc::new(client.create_tenant("Sakura Dental Clinic").await?);
    let entered = stream::iter(mailboxes).map(|(address, port)| {
        let tenant = Arc::clone(&tenant);
        async move {
            let body = json!({
                "tenant_id": *tenant, "address": address, "password": PASSWORD, "new_mail": new_mail,
                "poll_interval_s": interval_s, "imap": { "host": postfix::NAME, "port": port }
            });
            client.post("/v1/mailboxes", &body).await.map(|_| ())
        }
    });
    let done: Vec<_> = entered.buffer_unordered(AT_A_TIME).collect().await;
    let count = done.len();
    done.into_iter().collect::<anyhow::Result<()>>()?;
    Ok(count)
}

/// One number out of the database, as the superuser.
pub(crate) async fn number(look: &mut PgConnection, sql: &str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(look).await?)
}

/// Returns when a number in the database has become `wanted`.
pub(crate) async fn until(look: &mut PgConnection, sql: &str, wanted: i64, patience: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let reached = number(look, sql).await?;
        if reached >= wanted {
            return Ok(());
        }
        ensure!(began.elapsed() < patience, "{reached} of {wanted} within {patience:?}: {sql}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What a process has in memory, in octets.
pub(crate) fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

//! A flood is read to its last mail: from onboarding to committed rows and a verdict.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_tests::flood;
use daimon_tests::life::Person;
use daimon_tests::servers::ServersAt;
use daimon_tests::stage::Stage;
use serde_json::Value;

use crate::cpu::{self, Cpu};
use crate::others;

/// How long one drain may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// What came of it.
pub(crate) struct Drained {
    pub(crate) mails: u32,
    pub(crate) octets: u64,
    pub(crate) ours: Duration,
    pub(crate) mbsync: Duration,
    pub(crate) bare: Duration,
    pub(crate) cpu: Vec<(String, Cpu)>,
}

/// Fills a mailbox with `mails` bounces, has them read by all three, and looks whether ours has missed any.
pub(crate) async fn measure(stage: &Stage, servers: &ServersAt, database: &str, mails: u32) -> anyhow::Result<Drained> {
    let now = SystemClock.now();
    let owner = Person::with_account(servers, "reception@sakura-dental.example", "Sakura2019")?;
    let ordinary = owner.lived_for_a_month(servers, now).await?;
    let folder = servers.folder.join("flood");
    flood::write(&folder, &owner, mails, now)?;
    servers.dovecot.import(&owner.address, &folder)?;
    std::fs::remove_dir_all(&folder)?;
    let held = owner.open(servers).await?.count("INBOX").await?;
    ensure!(held > mails, "INBOX holds {held} messages, and {mails} bounces were put into it");

    settle()?;
    let (bare, octets) = others::bare_fetch(servers, &owner).await?;

    let before = cpu::by_program()?;
    let began = Instant::now();
    owner.onboarded(&stage.client, servers).await?;
    let mut look = servers.postgres.look(database).await?;
    let wanted = i64::from(mails + ordinary);
    loop {
        // A checkpoint is stored with the rows before it, and one row is cheap to look at.
        let reached = sqlx::query_scalar("select last_uid::bigint from folder where name = 'INBOX'");
        let reached: i64 = reached.fetch_optional(&mut look).await?.unwrap_or_default();
        if reached >= i64::from(mails) && rows(&mut look).await? >= wanted {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "the mailbox was not read within {PATIENCE:?}: UID {reached} is reached");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ours = began.elapsed();
    let cpu = cpu::since(&before)?;
    let rows = rows(&mut look).await?;
    ensure!(rows == wanted, "{rows} bounces are stored, and {wanted} are there");
    // Last, because the system goes on writing its files long after it has ended.
    let mbsync = others::mbsync(servers, &owner, &servers.folder.join("mbsync")).await?;
    let incidents = stage.client.incidents().await?;
    let verdict =
        incidents.first().and_then(|one| one.get("verdict")).and_then(Value::as_str).context("no incident")?;
    ensure!(verdict == "account_takeover", "the flood was called {verdict}");
    Ok(Drained { mails, octets, ours, mbsync, bare, cpu })
}

/// Lets the system write what lies around, so that it takes no time from what is measured.
fn settle() -> anyhow::Result<()> {
    ensure!(std::process::Command::new("sync").status()?.success(), "sync failed");
    Ok(())
}

async fn rows(look: &mut sqlx::PgConnection) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from bounce").fetch_one(look).await?)
}

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

/// A mailbox with a flood in it.
pub(crate) struct Flooded {
    owner: Person,
    /// So many of the flood, and so many bounces in all.
    mails: u32,
    wanted: i64,
}

/// What came of reading it.
pub(crate) struct Drained {
    pub(crate) took: Duration,
    /// How many bounces were read.
    pub(crate) read: i64,
    /// How many were counted.
    pub(crate) counted: i64,
    pub(crate) cpu: Vec<(String, Cpu)>,
}

impl Flooded {
    /// Fills a mailbox with `mails` bounces.
    pub(crate) async fn fill(servers: &ServersAt, mails: u32) -> anyhow::Result<Self> {
        let now = SystemClock.now();
        let owner = Person::with_account(servers, "reception@sakura-dental.example", "Sakura2019")?;
        let ordinary = owner.lived_for_a_month(servers, now).await?;
        let folder = servers.folder.join("flood");
        flood::write(&folder, &owner, mails, now)?;
        servers.dovecot.import(&owner.address, &folder)?;
        std::fs::remove_dir_all(&folder)?;
        let held = owner.open(servers).await?.count("INBOX").await?;
        ensure!(held > mails, "INBOX holds {held} messages, and {mails} bounces were put into it");
        Ok(Self { owner, mails, wanted: i64::from(mails + ordinary) })
    }

    /// How long a FETCH of it takes whose answer nobody looks at, and of how many octets.
    pub(crate) async fn bare_fetch(&self, servers: &ServersAt) -> anyhow::Result<(Duration, u64)> {
        settle()?;
        others::bare_fetch(servers, &self.owner).await
    }

    /// How long mbsync takes. Last, because the system goes on writing its files long after it has ended.
    pub(crate) async fn mbsync(&self, servers: &ServersAt) -> anyhow::Result<Duration> {
        settle()?;
        others::mbsync(servers, &self.owner, &servers.folder.join("mbsync")).await
    }

    /// Has it read, and looks whether any was missed and what it was called.
    pub(crate) async fn read(&self, stage: &Stage, servers: &ServersAt, database: &str) -> anyhow::Result<Drained> {
        settle()?;
        let before = cpu::by_program()?;
        let began = Instant::now();
        self.owner.onboarded(&stage.client, servers).await?;
        let mut look = servers.postgres.look(database).await?;
        let (read, counted) = loop {
            // A checkpoint is stored with the rows before it, and one row is cheap to look at.
            let reached = sqlx::query_scalar("select last_uid::bigint from folder where name = 'INBOX'");
            let reached: i64 = reached.fetch_optional(&mut look).await?.unwrap_or_default();
            if reached >= i64::from(self.mails) {
                let (read, counted) = told_of(&mut look).await?;
                if read + counted >= self.wanted {
                    break (read, counted);
                }
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "the mailbox was not read within {PATIENCE:?}: UID {reached} is reached"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let (took, cpu) = (began.elapsed(), cpu::since(&before)?);
        ensure!(read + counted == self.wanted, "{read} bounces are stored and {counted} counted of {}", self.wanted);
        let incidents = stage.client.incidents().await?;
        let verdict =
            incidents.first().and_then(|one| one.get("verdict")).and_then(Value::as_str).context("no incident")?;
        ensure!(verdict == "account_takeover", "the flood was called {verdict}");
        Ok(Drained { took, read, counted, cpu })
    }
}

/// Lets the system write what lies around, so that it takes no time from what is measured.
fn settle() -> anyhow::Result<()> {
    ensure!(std::process::Command::new("sync").status()?.success(), "sync failed");
    Ok(())
}

/// How many bounces are stored, and how many were counted.
async fn told_of(look: &mut sqlx::PgConnection) -> anyhow::Result<(i64, i64)> {
    let read = sqlx::query_scalar("select count(*) from bounce").fetch_one(&mut *look).await?;
    let counted = "select coalesce(sum(unread_bounces), 0)::bigint from incident";
    Ok((read, sqlx::query_scalar(counted).fetch_one(look).await?))
}

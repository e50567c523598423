//! What a story plays in: a database, a clock and programs of its own, on the run's shared servers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, bail};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_domain::event::EventType;
use daimon_domain::id::{KeyId, MspId, TenantId};
use daimon_domain::scope::{Permission, Tenants, Wall};
use daimon_domain::verdict::{Severity, Verdict};
use daimon_seal::{ApiKey, SystemEntropy};
use daimon_store::{Db, MspTx, Owner, api_key, event, msp};
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::authority::Authority;
use crate::catcher::Catcher;
use crate::client::Client;
use crate::clock::Clock;
use crate::place::Place;
use crate::program::{Program, Settings};
use crate::servers::{self, ServersAt};

/// The database that every story's is cloned from.
const TEMPLATE: &str = "daimon_template";

/// Brings a database's schema up to date, as its owner.
pub async fn migrate(owner_url: &str) -> anyhow::Result<()> {
    let owner = Owner::connect(owner_url).await?;
    owner.migrate().await.context("the schema could not be brought up to date")?;
    owner.close().await;
    Ok(())
}

/// Makes the migrated template, once per run.
pub async fn template(servers: &ServersAt) -> anyhow::Result<()> {
    let _alone = alone(servers).await?;
    let made = servers.postgres.admin("postgres", &format!("create database {TEMPLATE} owner daimon_owner")).await;
    if let Err(why) = made {
        // Made before; anything else shows when it is cloned.
        tracing::debug!("{why}");
        return Ok(());
    }
    migrate(&servers.postgres.url("daimon_owner", TEMPLATE)).await
}

/// Creates an MSP and a key that may do everything, as `daimon-api bootstrap` does; the key's text.
pub async fn bootstrap(owner_url: &str, name: &str, now: DateTime<Utc>) -> anyhow::Result<String> {
    let owner = Owner::connect(owner_url).await?;
    owner.ensure_partitions(now).await?;
    let msp = MspId::new(now, &SystemEntropy);
    let mut tx = owner.begin(&Wall::whole(msp)).await?;
    msp::create(&mut tx, name, now).await?;
    let key = KeyId::new(now, &SystemEntropy);
    let (text, hash) = ApiKey::generate(msp, key, &SystemEntropy);
    let new = api_key::ApiKey {
        id: key,
        name: "first key".to_owned(),
        permissions: Permission::ALL.to_vec(),
        tenants: Tenants::All,
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    api_key::insert(&mut tx, &new, &hash).await?;
    tx.commit().await?;
    Ok(text.expose_secret().to_owned())
}

/// The three roles' addresses and Redis.
#[derive(Clone, Debug)]
pub struct Stores {
    /// `daimon_app`.
    pub app: String,
    /// `daimon_fleet`.
    pub fleet: String,
    /// `daimon_owner`.
    pub owner: String,
    /// Redis.
    pub redis: String,
}

/// The files that both programs read.
#[derive(Clone, Debug)]
pub struct Files {
    /// Everything secret is sealed under it.
    pub master_key: PathBuf,
    /// Loopback is open where programs without privileges listen, because our servers are there.
    pub allow: PathBuf,
    /// Names that lead to 127.0.0.1.
    pub hosts: PathBuf,
}

impl Files {
    /// Writes those that are not there.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        let files = Self {
            master_key: folder.join("master.key"),
            allow: folder.join("egress.allow"),
            hosts: folder.join("hosts"),
        };
        if !files.master_key.exists() {
            use daimon_domain::clock::Entropy as _;
            let mut key = [0; 32];
            SystemEntropy.fill(&mut key);
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            std::fs::write(&files.master_key, format!("{hex}\n"))?;
            std::fs::set_permissions(&files.master_key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        std::fs::write(&files.allow, "# the private servers of the tests and the demo\n127.0.0.1/32:1024-65535\n")?;
        Authority::hosts_file(&files.hosts)?;
        Ok(files)
    }
}

/// The settings of both programs for a database on private servers. The clock is the system's unless `clock` says so.
pub fn settings(stores: &Stores, prefix: &str, files: &Files, ca: &Path, clock: Option<String>) -> Settings {
    let Stores { app, fleet, owner, redis } = stores.clone();
    let mut settings = vec![
        ("DATABASE_URL".to_owned(), app),
        ("DATABASE_FLEET_URL".to_owned(), fleet),
        ("DATABASE_OWNER_URL".to_owned(), owner),
        ("REDIS_URL".to_owned(), redis),
        ("DAIMON_REDIS_PREFIX".to_owned(), prefix.to_owned()),
        ("DAIMON_MASTER_KEY_FILE".to_owned(), files.master_key.display().to_string()),
        ("DAIMON_ENV".to_owned(), "development".to_owned()),
        ("DAIMON_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("DAIMON_INTERNAL_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("DAIMON_EGRESS_ALLOW_FILE".to_owned(), files.allow.display().to_string()),
        ("DAIMON_EXTRA_CA_FILE".to_owned(), ca.display().to_string()),
        ("DAIMON_RESOLVE_FILE".to_owned(), files.hosts.display().to_string()),
        ("DAIMON_LOG".to_owned(), "info".to_owned()),
    ];
    // Whoever measures or tells stories asks more often than a client should, and by a clock that stands nobody could come back.
    for name in [
        "DAIMON_REQUESTS_PER_KEY",
        "DAIMON_REQUESTS_PER_MSP",
        "DAIMON_REQUESTS_PER_ADDRESS",
        "DAIMON_SIGN_INS_PER_USER",
        "DAIMON_SIGN_INS_PER_ADDRESS",
    ] {
        settings.push((name.to_owned(), "1000000".to_owned()));
    }
    if let Some(clock) = clock {
        settings.push(("DAIMON_CLOCK".to_owned(), clock));
        // By a clock that stands, a server would never bear another sign-in.
        settings.push(("DAIMON_HOST_LOGINS_PER_MINUTE".to_owned(), "0".to_owned()));
    }
    settings
}

/// A story's own.
#[derive(Debug)]
pub struct World {
    /// The run's servers.
    pub servers: &'static ServersAt,
    /// Time.
    pub clock: Clock,
    /// The API's client, with a key that may do everything.
    pub client: Client,
    /// The settings of its programs.
    pub settings: Settings,
    /// Its database.
    pub database: String,
    /// Its part of the names that stories share: users and domains.
    pub tag: String,
    api: Program,
    worker: Option<Program>,
    _place: Place,
}

impl World {
    /// Starts the API and a worker. The clock begins now and stands.
    pub async fn start() -> anyhow::Result<Self> {
        let mut world = Self::without_worker().await?;
        world.start_worker().await?;
        Ok(world)
    }

    /// The same with programs that write down all that they can.
    pub async fn talkative() -> anyhow::Result<Self> {
        let mut world = Self::begin("trace").await?;
        world.start_worker().await?;
        Ok(world)
    }

    /// Starts the API only.
    pub async fn without_worker() -> anyhow::Result<Self> {
        Self::begin("info").await
    }

    async fn begin(log: &str) -> anyhow::Result<Self> {
        static STORIES: AtomicU32 = AtomicU32::new(0);
        let servers = servers::shared().await?;
        let place = Place::temporary()?;
        let tag = format!("{:x}x{:x}", std::process::id(), STORIES.fetch_add(1, Ordering::Relaxed));
        let database = format!("story_{tag}");
        template(servers).await?;
        clone(servers, &database).await?;
        let now = SystemClock.now().trunc_subsecs(3);
        let clock = Clock::start(place.path(), now)?;
        let files = Files::in_folder(place.path())?;
        let postgres = &servers.postgres;
        let stores = Stores {
            app: postgres.url("daimon_app", &database),
            fleet: postgres.url("daimon_fleet", &database),
            owner: postgres.url("daimon_owner", &database),
            redis: servers.redis.clone(),
        };
        let prefix = format!("daimon-{tag}");
        let mut settings = settings(&stores, &prefix, &files, &servers.authority.ca, Some(clock.setting()));
        settings.push(("DAIMON_LOG".to_owned(), log.to_owned()));
        let key = bootstrap(&postgres.url("daimon_owner", &database), "Kestrel IT", now).await?;
        let api = Program::start("daimon-api", &["serve"], &settings).await?;
        let client = Client::new(&format!("http://{}", api.address("api")?), &key)?;
        Ok(Self { servers, clock, client, settings, database, tag, api, worker: None, _place: place })
    }

    /// Starts the worker, again or for the first time.
    pub async fn start_worker(&mut self) -> anyhow::Result<()> {
        self.worker = Some(Program::start("daimon-worker", &["run"], &self.settings).await?);
        Ok(())
    }

    /// Pulls the worker's plug.
    pub fn kill_worker(&mut self) -> anyhow::Result<()> {
        self.worker.take().context("no worker runs")?.kill()
    }

    /// Stops the worker as an upgrade does.
    pub fn stop_worker(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        self.worker.take().context("no worker runs")?.stop()
    }

    /// Something happens, and whoever wants to be told is told, as when a worker finds it out.
    pub async fn happens(
        &self,
        kind: EventType,
        verdict: Option<Verdict>,
        severity: Option<Severity>,
        tenant: Option<&str>,
    ) -> anyhow::Result<()> {
        let (now, tenant) = (self.clock.now().await, tenant.map(str::parse::<TenantId>).transpose()?);
        let body = format!("{{\"type\":\"{kind}\",\"timestamp\":\"{}\",\"data\":{{}}}}", now.to_rfc3339());
        let told = event::New { kind, at: now, body, verdict, drill: None };
        let mut tx = self.behind_the_wall().await?;
        event::tell(&mut tx, told, tenant, severity, &SystemEntropy).await?;
        Ok(tx.commit().await?)
    }

    /// A transaction as the programs have them, behind the wall of the client's MSP.
    pub async fn behind_the_wall(&self) -> anyhow::Result<MspTx> {
        let app = self.settings.iter().find(|(name, _)| name == "DATABASE_URL").context("no DATABASE_URL")?;
        let db = Db::connect(&app.1, 1).await?;
        let msp = ApiKey::parse(self.client.key()).ok().context("no key")?.msp;
        Ok(db.begin(&Wall::whole(msp)).await?)
    }

    /// A client for another provider in the same database.
    pub async fn another_msp(&self, name: &str) -> anyhow::Result<Client> {
        let owner = self.servers.postgres.url("daimon_owner", &self.database);
        let key = bootstrap(&owner, name, self.clock.now().await).await?;
        Client::new(&self.client.base, &key)
    }

    /// Lets time pass and the worker do all that is due then.
    pub async fn pass(&self, by: TimeDelta) -> anyhow::Result<u64> {
        self.clock.advance(by).await?;
        self.clock.drain().await
    }

    /// Lets the worker do all that is due.
    pub async fn drain(&self) -> anyhow::Result<u64> {
        self.clock.drain().await
    }

    /// Lets the worker do a job; the job when it has ended.
    pub async fn job_ended(&self, job: &str) -> anyhow::Result<Value> {
        self.job_of(&self.client, job).await
    }

    /// The same for another caller.
    pub async fn job_of(&self, client: &Client, job: &str) -> anyhow::Result<Value> {
        let mut seen = Value::Null;
        for _ in 0..200 {
            self.drain().await?;
            seen = client.get(&format!("/v1/jobs/{job}")).await?.body;
            if seen.get("ended_at").is_some_and(Value::is_string) {
                return Ok(seen);
            }
            self.clock.advance(TimeDelta::seconds(1)).await?;
        }
        bail!("the job does not end: {seen:#}")
    }

    /// The id of the incident, of which there is one.
    pub async fn only_incident(&self) -> anyhow::Result<String> {
        let incidents = self.client.incidents().await?;
        let [incident] = incidents.as_slice() else { bail!("there is not one incident: {incidents:#?}") };
        let id = incident.get("id").and_then(Value::as_str);
        Ok(id.context("an incident has an id")?.to_owned())
    }

    /// A receiver of webhooks.
    pub async fn catcher(&self) -> anyhow::Result<Catcher> {
        Catcher::start(&self.servers.authority).await
    }

    /// The API's process, to look at its log.
    pub fn api(&self) -> &Program {
        &self.api
    }

    /// The worker's process.
    pub fn worker(&self) -> anyhow::Result<&Program> {
        self.worker.as_ref().context("no worker runs")
    }

    /// Runs SQL as the superuser, who sees over every wall.
    pub async fn sql(&self, sql: &str) -> anyhow::Result<()> {
        self.servers.postgres.admin(&self.database, sql).await
    }

    /// Takes the story's database away from the programs: their connections break, and none can be made.
    pub async fn database_goes_away(&self) -> anyhow::Result<()> {
        let database = &self.database;
        let deaf = format!("alter database {database} allow_connections false");
        self.servers.postgres.admin("postgres", &deaf).await?;
        let cut = format!(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity
            where datname = '{database}' and usename like 'daimon%' and usename <> current_user"
        );
        self.servers.postgres.admin("postgres", &cut).await
    }

    /// Ends what [`World::database_goes_away`] began.
    pub async fn database_comes_back(&self) -> anyhow::Result<()> {
        let back = format!("alter database {} allow_connections true", self.database);
        self.servers.postgres.admin("postgres", &back).await
    }

    async fn tables(&self) -> anyhow::Result<(PgConnection, Vec<String>)> {
        let mut connection = self.servers.postgres.look(&self.database).await?;
        let tables = "select relname::text from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition";
        let tables = sqlx::query_scalar(tables).fetch_all(&mut connection).await?;
        Ok((connection, tables))
    }

    /// In which tables an id stands, in how many rows.
    pub async fn rows_with(&self, id: &str) -> anyhow::Result<Vec<(String, i64)>> {
        let (mut connection, tables) = self.tables().await?;
        let uuid: uuid::Uuid = id.rsplit('_').next().unwrap_or_default().parse()?;
        let mut found = Vec::new();
        for table in tables {
            let sql =
                format!("select count(*) from \"{table}\" a where a::text like '%{uuid}%' or a::text like '%{id}%'");
            let count = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
            found.extend((count > 0).then_some((table, count)));
        }
        Ok(found)
    }

    /// The keys of all that is in Redis.
    pub async fn redis_keys(&self) -> anyhow::Result<Vec<String>> {
        let client = redis::Client::open(self.servers.redis.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        Ok(redis::cmd("KEYS").arg("*").query_async(&mut connection).await?)
    }

    /// What the database holds of all MSPs: of each table how many rows, and a digest of them.
    pub async fn contents(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let (mut connection, tables) = self.tables().await?;
        let mut contents = BTreeMap::new();
        for table in tables {
            let sql = format!(
                "select count(*) || ' ' || coalesce(md5(string_agg(a::text, '|' order by a::text)), '') from \"{table}\" a"
            );
            let digest = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
            contents.insert(table, digest);
        }
        Ok(contents)
    }

    /// Every row of every table, as text, as whoever steals the database reads it.
    pub async fn dump(&self) -> anyhow::Result<String> {
        let (mut connection, tables) = self.tables().await?;
        let mut dump = String::new();
        for table in tables {
            let sql = format!("select coalesce(string_agg(a::text, chr(10)), '') from \"{table}\" a");
            let rows: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
            dump.push_str(&rows);
            dump.push('\n');
        }
        Ok(dump)
    }

    /// One number out of the database, as the superuser.
    pub async fn number(&self, sql: &'static str) -> anyhow::Result<i64> {
        let mut connection = self.servers.postgres.look(&self.database).await?;
        Ok(sqlx::query_scalar(sql).fetch_one(&mut connection).await?)
    }
}

impl Drop for World {
    /// Whatever a story is about: nothing was marked as seen but by the mailbox's owner.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let seen = self.servers.dovecot.seen_by_strangers(|user| user.contains(&self.tag));
            assert!(seen.as_ref().is_ok_and(Vec::is_empty), "marked as seen, and not by the owner: {seen:#?}");
        }
    }
}

async fn clone(servers: &ServersAt, database: &str) -> anyhow::Result<()> {
    let mut alone = alone(servers).await?;
    let sql = format!("create database {database} template {TEMPLATE} owner daimon_owner");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut alone).await.context("the story's database could not be made")?;
    Ok(())
}

/// Waits until no other story of the run makes or clones the template: Postgres copies a database only while nobody else is
/// there. Lasts as long as the connection.
async fn alone(servers: &ServersAt) -> anyhow::Result<PgConnection> {
    let mut connection = PgConnection::connect(&servers.postgres.url("daimon_owner", "postgres")).await?;
    sqlx::raw_sql("select pg_advisory_lock(7242)").execute(&mut connection).await?;
    Ok(connection)
}

//! The real programs on servers of their own, to be maltreated: every part can be killed, stopped and started again, in
//! real time, and Postgres keeps what it has confirmed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use daimon_boot::time::Time;
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_domain::event::EventType;
use daimon_domain::id::{DeliveryId, MspId, TenantId};
use daimon_domain::scope::Wall;
use daimon_domain::verdict::Severity;
use daimon_queue::{Kind, Queue};
use daimon_seal::SystemEntropy;
use daimon_store::{Db, event};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::authority::Authority;
use crate::client::Client;
use crate::place::{Place, free_port};
use crate::postgres::{Postgres, PostgresAt};
use crate::program::{Program, Settings};
use crate::redis_server::Redis;
use crate::sink::Sink;
use crate::world::{Files, Stores, bootstrap, migrate, settings};

const DATABASE: &str = "daimon";
const PREFIX: &str = "daimon";

/// Servers, the API, and as many workers as were started.
#[derive(Debug)]
pub struct Rig {
    /// Where everything of it lies.
    pub place: Place,
    /// The certificates.
    pub authority: Authority,
    /// How to reach Postgres.
    pub at: PostgresAt,
    /// How to reach Redis.
    pub redis_url: String,
    /// The caller who may do everything.
    pub client: Arc<Client>,
    /// The workers, in the order of their starts.
    pub workers: Vec<Program>,
    settings: Settings,
    api: Option<Program>,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

impl Rig {
    /// Starts the servers and the API.
    pub async fn start(more: &[(&str, &str)], clock: Option<String>) -> anyhow::Result<Self> {
        let place = Place::temporary()?;
        let (place, authority, postgres, redis) = tokio::task::spawn_blocking(move || {
            let authority = Authority::in_place(&place)?;
            let postgres = Postgres::start(&place, true)?;
            let redis = Redis::start(&place)?;
            anyhow::Ok((place, authority, postgres, redis))
        })
        .await??;
        let at = PostgresAt { socket: postgres.socket().to_owned() };
        at.roles().await?;
        at.admin("postgres", &format!("create database {DATABASE} owner daimon_owner")).await?;
        let redis_url = redis.url();
        let stores = Stores {
            app: at.url("daimon_app", DATABASE),
            fleet: at.url("daimon_fleet", DATABASE),
            owner: at.url("daimon_owner", DATABASE),
            redis: redis_url.clone(),
        };
        migrate(&stores.owner).await?;
        let key = bootstrap(&stores.owner, "Kestrel IT", SystemClock.now()).await?;
        let files = Files::in_folder(place.path())?;
        let mut settings = settings(&stores, PREFIX, &files, &authority.ca, clock);
        let listen = format!("127.0.0.1:{}", free_port()?);
        let ours =
            [("DAIMON_LISTEN", listen.as_str()), ("DAIMON_LEASE_S", "2"), ("DAIMON_HOST_LOGINS_PER_MINUTE", "0")];
        for (name, value) in ours.iter().chain(more) {
            settings.retain(|(known, _)| known != name);
            settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        let client = Arc::new(Client::new(&format!("http://{listen}"), &key)?);
        let mut rig = Self {
            place,
            authority,
            at,
            redis_url,
            client,
            workers: Vec::new(),
            settings,
            api: None,
            postgres: Some(postgres),
            redis: Some(redis),
        };
        rig.start_api().await?;
        Ok(rig)
    }

    /// Starts the API, again or for the first time, where it was before.
    pub async fn start_api(&mut self) -> anyhow::Result<()> {
        let log = self.place.path().join("api.log");
        let api = Program::start_logging("daimon-api", &["serve"], &self.settings, log).await;
        self.api = Some(api.context("the API")?);
        Ok(())
    }

    /// Starts one more worker.
    pub async fn start_worker(&mut self) -> anyhow::Result<()> {
        self.workers.push(Program::start("daimon-worker", &["run"], &self.settings).await.context("a worker")?);
        Ok(())
    }

    /// The worker that was started first of those that run.
    pub fn worker(&self) -> anyhow::Result<&Program> {
        self.workers.first().context("no worker runs")
    }

    /// The same, to be ended.
    pub fn take_worker(&mut self) -> anyhow::Result<Program> {
        ensure!(!self.workers.is_empty(), "no worker runs");
        Ok(self.workers.remove(0))
    }

    /// Kills the API.
    pub fn kill_api(&mut self) -> anyhow::Result<()> {
        self.api.take().context("the API does not run")?.kill()
    }

    /// Kills Postgres.
    pub fn kill_postgres(&mut self) -> anyhow::Result<()> {
        self.postgres.take().context("Postgres does not run")?.kill()
    }

    /// Stops Postgres as an administrator does.
    pub async fn stop_postgres(&mut self) -> anyhow::Result<()> {
        let postgres = self.postgres.take().context("Postgres does not run")?;
        tokio::task::spawn_blocking(move || postgres.stop()).await?
    }

    /// Starts Postgres again with what it had.
    pub async fn start_postgres(&mut self) -> anyhow::Result<()> {
        let place = Place::lasting(self.place.path())?;
        self.postgres = Some(tokio::task::spawn_blocking(move || Postgres::start(&place, true)).await??);
        Ok(())
    }

    /// Kills Redis.
    pub fn kill_redis(&mut self) -> anyhow::Result<()> {
        self.redis.take().context("Redis does not run")?.kill()
    }

    /// Kills Redis and takes the last octets of what it wrote away; how many there were.
    pub fn cut_redis(&mut self, octets: u64) -> anyhow::Result<u64> {
        self.redis.take().context("Redis does not run")?.lose(octets)
    }

    /// Starts Redis again with what is left.
    pub async fn start_redis(&mut self) -> anyhow::Result<()> {
        let place = Place::lasting(self.place.path())?;
        self.redis = Some(tokio::task::spawn_blocking(move || Redis::start(&place)).await??);
        Ok(())
    }

    /// A connection that sees everything.
    pub async fn look(&self) -> anyhow::Result<PgConnection> {
        self.at.look(DATABASE).await
    }

    /// One number out of the database.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let mut look = self.look().await?;
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut look).await?;
        look.close().await?;
        Ok(number)
    }

    /// Returns when a number in the database is `wanted`; how long that took.
    pub async fn until(&self, sql: &str, wanted: i64, patience: Duration) -> anyhow::Result<Duration> {
        let began = std::time::Instant::now();
        let mut look = self.look().await?;
        loop {
            let found: i64 = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut look).await?;
            if found == wanted {
                look.close().await?;
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < patience, "{found} instead of {wanted} after {patience:?}: {sql}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs SQL as the superuser.
    pub async fn sql(&self, sql: &str) -> anyhow::Result<()> {
        self.at.admin(DATABASE, sql).await
    }

    /// What Postgres logs first when statements are logged.
    pub const LOGGING_BEGINS: &'static str = "select 'statements are logged from here'";

    /// Begins, or ends, to have every statement logged, with the name of who says it in front.
    pub async fn log_statements(&self, are_logged: bool) -> anyhow::Result<()> {
        let settings = [("log_line_prefix", "'%a '"), ("log_statement", "'all'")];
        for (name, value) in settings {
            let what = if are_logged { format!("set {name} = {value}") } else { format!("reset {name}") };
            self.sql(&format!("alter system {what}")).await?;
        }
        self.sql("select pg_reload_conf()").await?;
        // Who is connected is told of it when Postgres itself has read it, as a new connection shows.
        let wanted = if are_logged { "all" } else { "none" };
        let began = std::time::Instant::now();
        loop {
            let mut look = self.look().await?;
            let shown: String = sqlx::query_scalar("show log_statement").fetch_one(&mut look).await?;
            look.close().await?;
            if shown == wanted {
                break;
            }
            ensure!(began.elapsed() < Duration::from_secs(10), "log_statement is still {shown}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if are_logged { self.sql(Self::LOGGING_BEGINS).await } else { Ok(()) }
    }

    /// What Postgres logged last.
    pub fn postgres_output(&self) -> String {
        self.postgres.as_ref().map(Postgres::output).unwrap_or_default()
    }

    /// Registers an endpoint of the sink, for all events or only those about some tenants.
    pub async fn endpoint(&self, sink: &Sink, name: &str, tenants: &[String]) -> anyhow::Result<String> {
        self.endpoint_at(&sink.url(name), tenants, |secret| sink.knows(name, secret)).await
    }

    /// Registers an endpoint anywhere.
    pub async fn endpoint_at(
        &self,
        url: &str,
        tenants: &[String],
        with_secret: impl FnOnce(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<String> {
        let body = json!({ "url": url, "tenants": tenants });
        let answer = self.client.post("/v1/webhook-endpoints", &body).await?;
        with_secret(&answer.text("secret")?)?;
        answer.text("id")
    }

    /// Writes events as the programs do, without the work that leads to them.
    pub async fn teller(&self, tenants: &[String]) -> anyhow::Result<Teller> {
        let mut look = self.look().await?;
        let msp: Uuid = sqlx::query_scalar("select msp_id from msp").fetch_one(&mut look).await?;
        look.close().await?;
        Ok(Teller {
            db: Db::connect(&self.at.url("daimon_app", DATABASE), 8).await?,
            queue: Queue::connect(&self.redis_url, PREFIX)?,
            wall: Wall::whole(MspId::from_uuid(msp)),
            tenants: tenants.iter().map(|id| id.parse()).collect::<Result<_, _>>().ok().context("not a tenant's id")?,
            time: Time::system(),
        })
    }
}

/// Writes events as the programs do.
#[derive(Clone, Debug)]
pub struct Teller {
    /// Connections like the programs'.
    pub db: Db,
    queue: Queue,
    wall: Wall,
    tenants: Vec<TenantId>,
    time: Time,
}

impl Teller {
    /// What event number so and so says: about as much as one about an incident.
    fn body(&self, number: usize, kind: EventType) -> String {
        let evidence: Vec<Value> = (0..6)
            .map(|line| json!({ "line": line, "says": "Bounces of mail that nobody here has sent, to strangers, within an hour." }))
            .collect();
        let data =
            json!({ "number": number, "tenant_id": self.tenant(number), "evidence": evidence, "livemode": true });
        json!({ "type": kind, "timestamp": self.time.now().to_rfc3339(), "data": data }).to_string()
    }

    fn tenant(&self, number: usize) -> Option<TenantId> {
        self.tenants.get(number % self.tenants.len().max(1)).copied()
    }

    /// Commits an event and its deliveries, and hints them; how many there are.
    pub async fn tell(&self, number: usize) -> anyhow::Result<usize> {
        let told = self.commit(number, async {}).await?;
        let ids: Vec<Uuid> = told.iter().map(|id| id.as_uuid()).collect();
        let tenant = self.tenant(number).context("an event about nobody")?;
        // Without Redis it is found a little later.
        drop(self.queue.push_many(Kind::Deliver, tenant, self.wall.msp, &ids).await);
        Ok(told.len())
    }

    /// The same without hints, as a program does that dies after its commit, and not before `held` has ended.
    pub async fn commit(&self, number: usize, held: impl Future<Output = ()>) -> anyhow::Result<Vec<DeliveryId>> {
        let kind = EventType::IncidentUpdated;
        let body = self.body(number, kind);
        let new = event::New { kind, at: self.time.now(), body, verdict: None, drill: None };
        let tenant = self.tenant(number);
        let mut tx = self.db.begin(&self.wall).await?;
        let told = event::tell(&mut tx, new, tenant, Some(Severity::High), &SystemEntropy).await?;
        held.await;
        tx.commit().await?;
        Ok(told)
    }
}

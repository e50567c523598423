//! The least that answers the same: actix-web and sqlx, and nothing of ours.
//!
//! For each request it says in one transaction what the API says to Postgres, word for word (`said` looks whether it does):
//! the beginning with the wall, the look-up of the key, the statements of the operation. Its answers are the same JSON. It
//! reads no token, counts nobody, logs and measures nothing, and judges no input. It has as many threads and connections.

mod asked;
mod rows;
mod sql;

use std::fmt;
use std::process::Command;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{App, HttpServer, ResponseError};
use anyhow::Context;
use daimon_tests::keep::Kept;
use daimon_tests::rig::Rig;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Postgres, Row as _, Transaction};
use uuid::Uuid;

use crate::stock::Stock;

/// What it is called: its program, and its connections.
pub(crate) const NAME: &str = "bare";
/// As many as the API has.
const CONNECTIONS: u32 = 20;

/// A running one.
pub(crate) struct Bare {
    /// Where it listens.
    pub(crate) base: String,
    _kept: Kept,
}

/// Starts it, as a process of its own.
pub(crate) fn start(rig: &Rig, stock: &Stock) -> anyhow::Result<Bare> {
    // By another name, so that its time can be told from ours.
    let program = rig.place.path().join(NAME);
    std::fs::copy(std::env::current_exe()?, &program)?;
    let mut command = Command::new(program);
    command.env_clear().args(["--bare", &rig.at.url("daimon_app", "daimon")]);
    command.args(["--msp", &stock.msp.to_string(), "--key", &stock.key.to_string()]);
    let mut kept = Kept::start(NAME, command, "TERM", None)?;
    let ready = kept.ready_line(Duration::from_secs(20))?;
    let address = ready.rsplit('=').next().context("it does not say where it listens")?;
    Ok(Bare { base: format!("http://{address}"), _kept: kept })
}

/// What its handlers have.
struct Served {
    pool: PgPool,
    begin: String,
    msp: Uuid,
    key: Uuid,
}

impl Served {
    /// Begins a transaction behind the wall, for a key that is not revoked.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, Failed> {
        let mut tx = self.pool.begin_with(AssertSqlSafe(self.begin.clone())).await?;
        #[expect(clippy::disallowed_methods, reason = "it is looked whether the API says the same")]
        let key = sqlx::query(sql::KEY).bind(self.key).fetch_one(&mut *tx).await?;
        let revoked: Option<chrono::DateTime<chrono::Utc>> = key.try_get("revoked_at")?;
        if revoked.is_some() { Err(Failed(sqlx::Error::RowNotFound)) } else { Ok(tx) }
    }
}

/// Whatever went wrong, 500.
#[derive(Debug)]
struct Failed(sqlx::Error);

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl ResponseError for Failed {}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

/// Serves until it is asked to stop.
pub(crate) async fn serve(url: &str, msp: Uuid, key: Uuid) -> anyhow::Result<()> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.application_name(NAME).options([
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "120s"),
        ("timezone", "UTC"),
    ]);
    // As the API's: by itself the pool would ask a connection whether it is there before each request.
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    let pool = pool.connect_with(options).await?;
    let given = Data::new(Served { pool, begin: sql::begin(msp), msp, key });
    let server = HttpServer::new(move || {
        let app = App::new().app_data(given.clone());
        app.service(asked::mailbox).service(asked::bounces).service(asked::incidents).service(asked::create_tenant)
    });
    let server = server.shutdown_timeout(1).bind("127.0.0.1:0")?;
    let address = server.addrs().first().copied().context("it listens nowhere")?;
    println!("ready api={address}");
    Ok(server.run().await?)
}

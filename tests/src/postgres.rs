//! A private Postgres on a unix socket.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::keep::Kept;
use crate::place::{Place, is_root, program, run, user_of};

/// The superuser. Row-level security does not hold for it, so programs and tests never use it.
const ADMIN: &str = "daimon_admin";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    socket: PathBuf,
    kept: Kept,
}

impl Postgres {
    /// Starts it in `place`, keeping data that is there. `durable` is for data that shall survive a power cut.
    pub fn start(place: &Place, durable: bool) -> anyhow::Result<Self> {
        let postgres = newest()?;
        let data = place.folder("pg")?;
        let socket = place.sockets()?;
        // initdb and postgres refuse root.
        let somebody = if is_root() {
            Some(user_of(&["postgres", "nobody"]).context("no user to run Postgres as")?)
        } else {
            None
        };
        let as_somebody = |program: &Path| -> Command {
            let Some(user) = &somebody else { return Command::new(program) };
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
            if user == "nobody" {
                command = Command::new("setpriv");
                command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"]).arg(program);
            }
            command
        };
        if let Some(user) = &somebody {
            run(Command::new("chown").arg(user).arg(&data).arg(&socket))?;
        }
        let fresh = !data.join("PG_VERSION").exists();
        if fresh {
            run(as_somebody(&postgres.with_file_name("initdb"))
                .args(["-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
                .arg(&data)
                .current_dir("/"))?;
        }
        let mut command = as_somebody(&postgres);
        command.current_dir("/").arg("-D").arg(&data).arg("-k").arg(&socket);
        command.args(["-c", "listen_addresses=", "-c", "max_connections=300", "-c", "unix_socket_permissions=0777"]);
        if durable {
            // When something was confirmed is for Postgres to say.
            command.args(["-c", "track_commit_timestamp=on"]);
        } else {
            command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        }
        // SIGINT is Postgres's "fast shutdown": SIGTERM would wait for clients to leave.
        let mut kept = Kept::start("postgres", command, "INT", place.to_remove())?;
        kept.wait_for_line(Duration::from_secs(20), "ready", |line| {
            line.contains("database system is ready to accept connections")
        })?;
        Ok(Self { socket, kept })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it logged last.
    pub fn output(&self) -> String {
        self.kept.output()
    }

    /// Kills it with all its backends; what it confirmed stays for the next one in the same place, if it is durable.
    pub fn kill(self) -> anyhow::Result<()> {
        self.kept.kill()
    }

    /// Stops it as an administrator does: who is connected is cut off.
    pub fn stop(self) -> anyhow::Result<()> {
        let status = self.kept.stop(Duration::from_secs(30))?;
        anyhow::ensure!(status.success(), "Postgres did not stop by itself: {status}");
        Ok(())
    }
}

/// How to reach a server that somebody started.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PostgresAt {
    /// The folder of its socket.
    pub socket: PathBuf,
}

impl PostgresAt {
    /// The address of a database for one of the roles.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@localhost/{database}?host={}", self.socket.display())
    }

    /// Runs statements as the superuser, outside a transaction.
    pub async fn admin(&self, database: &str, sql: &str) -> anyhow::Result<()> {
        execute(&self.url(ADMIN, database), sql).await
    }

    /// A connection of the superuser, which sees through the tenant wall: for looking at what programs stored.
    pub async fn look(&self, database: &str) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.url(ADMIN, database)).await?)
    }

    /// Makes the three roles of the product, and one for the store's own tests, if they are not there. It and the owner
    /// may create databases.
    pub async fn roles(&self) -> anyhow::Result<()> {
        self.admin("postgres", ROLES).await
    }
}

/// Runs statements as the role in `url`.
pub(crate) async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// One statement, so that two who start at once do not meet half-way.
const ROLES: &str = "do $$ begin
    perform pg_advisory_xact_lock(7241);
    if not exists (select from pg_roles where rolname = 'daimon_owner') then create role daimon_owner login createdb nosuperuser nobypassrls; end if;
    if not exists (select from pg_roles where rolname = 'daimon_app') then create role daimon_app login nosuperuser nobypassrls; end if;
    if not exists (select from pg_roles where rolname = 'daimon_fleet') then create role daimon_fleet login nosuperuser nobypassrls; end if;
    if not exists (select from pg_roles where rolname = 'daimon_test') then
        -- The tests' role becomes the other two by `set role`, but must not inherit from them, or their policies
        -- would let it see over the wall; of databases that it makes it must inherit the owner's rights.
        create role daimon_test_becomes nologin noinherit in role daimon_app, daimon_fleet;
        create role daimon_test login createdb nosuperuser nobypassrls in role daimon_test_becomes;
    end if;
end $$";

fn newest() -> anyhow::Result<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = debian
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin/postgres"))))
        .filter(|(_, binary)| binary.exists())
        .collect();
    found.sort();
    match found.pop() {
        Some((_, binary)) => Ok(binary),
        None => program(&["postgres"], "postgresql"),
    }
}

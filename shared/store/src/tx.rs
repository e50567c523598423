//! The one way to the tables: a transaction inside a wall.
//!
//! `SET LOCAL` ends with its transaction. A `SET` would stay with the connection and let the next request that is given
//! it from the pool look over somebody else's wall.

use std::time::Duration;

use daimon_domain::id::MspId;
use daimon_domain::scope::{Tenants, Wall};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction};

use crate::{MIGRATOR, StoreError};

/// How long a request waits for a connection before it is told that the database is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that was given back so lately is taken as it is: it answered then. Asking again would be one round trip of
/// five in a request that reads.
const FRESH: Duration = Duration::from_secs(1);

/// What `plan_cache_mode` says.
const PLANNED_AS_POSTGRES_LIKES: &str = "auto";
const PLANNED_ONCE: &str = "force_generic_plan";

/// Connections of an ordinary role, for requests and jobs.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    plans: &'static str,
}

/// A transaction that sees one MSP, or some tenants of it. Dropping it undoes it.
#[derive(Debug)]
pub struct MspTx {
    tx: Transaction<'static, Postgres>,
    wall: Wall,
}

/// Connections of the role that owns the tables: migrations and the first MSP.
#[derive(Clone, Debug)]
pub struct Owner {
    pool: PgPool,
}

/// A pool whose role has been found to be ordinary.
pub(crate) async fn connect(url: &str, max_connections: u32) -> Result<PgPool, StoreError> {
    connect_with(url.parse()?, max_connections).await
}

/// The same for what a crash of the database may undo: a commit does not wait for the disk.
pub(crate) async fn connect_for_now(url: &str, max_connections: u32) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse()?;
    connect_with(options.options([("synchronous_commit", "off")]), max_connections).await
}

async fn connect_with(options: PgConnectOptions, max_connections: u32) -> Result<PgPool, StoreError> {
    let options = options.application_name("daimon").options([
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "120s"),
        ("timezone", "UTC"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, seen| {
            Box::pin(async move {
                if seen.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    refuse_unwalled(&pool).await?;
    Ok(pool)
}

/// Superusers and BYPASSRLS pass every wall, `force` or not.
async fn refuse_unwalled(pool: &PgPool) -> Result<(), StoreError> {
    let role = sqlx::query!(
        r#"select rolname::text as "name!", (rolsuper or rolbypassrls) as "unwalled!" from pg_roles where rolname = current_user"#
    )
    .fetch_one(pool)
    .await?;
    if role.unwalled { Err(StoreError::Unwalled { role: role.name }) } else { Ok(()) }
}

impl Db {
    /// Connects, and refuses a role that would see over every wall.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        Ok(Self { pool: connect(url, max_connections).await?, plans: PLANNED_AS_POSTGRES_LIKES })
    }

    /// The same for a pool that exists.
    pub async fn of_pool(pool: PgPool) -> Result<Self, StoreError> {
        refuse_unwalled(&pool).await?;
        Ok(Self { pool, plans: PLANNED_AS_POSTGRES_LIKES })
    }

    /// The same connections, for who says the same few things thousands of times, each of one row that it names: they are
    /// planned once. By itself Postgres plans them each time, because a plan for one month looks cheaper than one for all,
    /// and takes longer for that than for what is planned.
    #[must_use]
    pub fn planned_once(&self) -> Self {
        Self { pool: self.pool.clone(), plans: PLANNED_ONCE }
    }

    /// Begins a transaction inside `wall`.
    pub async fn begin(&self, wall: &Wall) -> Result<MspTx, StoreError> {
        MspTx::begin(&self.pool, wall, self.plans).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!(r#"select 1 as "one!""#).fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Closes every connection; what runs is waited for.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl MspTx {
    async fn begin(pool: &PgPool, wall: &Wall, plans: &'static str) -> Result<Self, StoreError> {
        // In one go with the beginning, which takes no parameters: what is written into it are our own words and UUIDs.
        let begin = format!(
            "begin; select set_config('app.msp_id', '{}', true), set_config('app.tenant_scope', '{}', true),
                set_config('plan_cache_mode', '{plans}', true)",
            wall.msp.as_uuid(),
            scope(&wall.tenants)
        );
        Ok(Self { tx: pool.begin_with(AssertSqlSafe(begin)).await?, wall: wall.clone() })
    }

    /// Makes it happen.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    /// Makes it happen without waiting for the disk: a crash of the database may undo it, and what is committed in it has to
    /// bear that.
    pub async fn commit_for_now(mut self) -> Result<(), StoreError> {
        sqlx::query!("select set_config('synchronous_commit', 'off', true) as set").fetch_one(self.conn()).await?;
        self.commit().await
    }

    /// Undoes it, and waits until the connection is free again.
    pub async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.tx.rollback().await?)
    }

    /// Whose data it sees.
    pub const fn msp(&self) -> MspId {
        self.wall.msp
    }

    /// The wall it was begun with.
    pub const fn wall(&self) -> &Wall {
        &self.wall
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Lets the next statements see all tenants of the MSP, until [`MspTx::narrow`].
    ///
    /// An event is told to every endpoint that wants it, also to those that the caller who caused it can't see. When a
    /// statement between the two fails, the transaction is lost anyway.
    pub(crate) async fn widen(&mut self) -> Result<(), StoreError> {
        self.set_scope(&Tenants::All).await
    }

    /// Ends what [`MspTx::widen`] began.
    pub(crate) async fn narrow(&mut self) -> Result<(), StoreError> {
        let tenants = self.wall.tenants.clone();
        self.set_scope(&tenants).await
    }

    async fn set_scope(&mut self, tenants: &Tenants) -> Result<(), StoreError> {
        if self.wall.tenants != Tenants::All {
            sqlx::query!("select set_config('app.tenant_scope', $1, true)", scope(tenants))
                .fetch_one(self.conn())
                .await?;
        }
        Ok(())
    }
}

/// The tenants as the policies read them.
fn scope(tenants: &Tenants) -> String {
    match tenants {
        Tenants::All => "*".to_owned(),
        Tenants::Only(ids) => ids.iter().map(|id| id.as_uuid().to_string()).collect::<Vec<_>>().join(","),
    }
}

impl Owner {
    /// Connects as the owner of the tables.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self { pool: connect(url, 2).await? })
    }

    /// The same for a pool that exists.
    pub async fn of_pool(pool: PgPool) -> Result<Self, StoreError> {
        refuse_unwalled(&pool).await?;
        Ok(Self { pool })
    }

    /// Brings the schema up to date. The second time it finds nothing to do.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(MIGRATOR.run(&self.pool).await?)
    }

    /// Begins a transaction inside `wall`: forced row security binds the owner too.
    pub async fn begin(&self, wall: &Wall) -> Result<MspTx, StoreError> {
        MspTx::begin(&self.pool, wall, PLANNED_AS_POSTGRES_LIKES).await
    }

    /// Closes every connection; what runs is waited for.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Whether there is any MSP yet.
    pub async fn any_msp_exists(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(r#"select exists (select from msp) as "exists!""#).fetch_one(&self.pool).await?)
    }

    /// Every MSP.
    pub async fn msps(&self) -> Result<Vec<MspId>, StoreError> {
        let ids = sqlx::query_scalar!("select msp_id from msp order by msp_id").fetch_all(&self.pool).await?;
        Ok(ids.into_iter().map(MspId::from_uuid).collect())
    }

    /// Makes the months around `at`, so that a new database need not wait for a worker's upkeep.
    pub async fn ensure_partitions(&self, at: chrono::DateTime<chrono::Utc>) -> Result<i32, StoreError> {
        Ok(sqlx::query_scalar!(r#"select ensure_partitions($1) as "made!""#, at).fetch_one(&self.pool).await?)
    }
}

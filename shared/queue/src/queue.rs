//! The queue itself: hints in, hints out, in turn.

use std::sync::Arc;
use std::time::Duration;

use daimon_domain::id::{MspId, TenantId};
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::bucket::{Quota, Taken};
use crate::hint::{self, Hint, Kind};

/// Longer than this, and Redis counts as away: Postgres can answer as well.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Redis is away, or answers nonsense: ask Postgres instead.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the queue")]
pub struct QueueError(#[from] RedisError);

/// Hints in Redis. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    prefix: Arc<str>,
    client: Client,
    commands: ConnectionManager,
    /// One connection for each kind of waiting: a blocked command would hold up all others on its connection.
    waiting: Arc<[Mutex<Option<MultiplexedConnection>>; 6]>,
    push: Script,
    pop: Script,
    take: Script,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "<queue {}>", self.prefix)
    }
}

impl Queue {
    /// A queue in the Redis at `url`, whose keys start with `prefix`. Redis need not be there yet, nor stay.
    ///
    /// An error means that `url` is none.
    pub fn connect(url: &str, prefix: &str) -> Result<Self, QueueError> {
        let client = Client::open(url)?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER_WITHIN))
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_secs(1));
        let commands = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        Ok(Self {
            prefix: prefix.into(),
            client,
            commands,
            waiting: Arc::new([const { Mutex::const_new(None) }; 6]),
            push: Script::new(include_str!("lua/push.lua")),
            pop: Script::new(include_str!("lua/pop.lua")),
            take: Script::new(include_str!("lua/take.lua")),
        })
    }

    /// What all keys of a kind start with. The braces keep them on one node of a cluster.
    fn keys(&self, kind: Kind) -> String {
        format!("{{{}:{kind}}}", self.prefix)
    }

    /// Queues a hint and says whether it was new: one that is queued already is not queued again.
    pub async fn push(&self, kind: Kind, tenant: TenantId, msp: MspId, id: Uuid) -> Result<bool, QueueError> {
        self.push_many(kind, tenant, msp, &[id]).await.map(|new| new == 1)
    }

    /// Queues hints of one tenant and says how many were new.
    #[tracing::instrument(name = "queue.push", skip_all, fields(kind = %kind, hints = ids.len()))]
    pub async fn push_many(&self, kind: Kind, tenant: TenantId, msp: MspId, ids: &[Uuid]) -> Result<u32, QueueError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let keys = self.keys(kind);
        let mut call = self.push.key(format!("{keys}:ring"));
        call.key(format!("{keys}:signal")).arg(&keys).arg(hint::turn(msp, tenant));
        for id in ids {
            call.arg(id.to_string());
        }
        Ok(call.invoke_async(&mut self.commands.clone()).await?)
    }

    /// Takes at most `max` hints, one of each tenant in turn.
    #[tracing::instrument(name = "queue.pop", level = "debug", skip_all, fields(kind = %kind))]
    pub async fn pop(&self, kind: Kind, max: usize) -> Result<Vec<Hint>, QueueError> {
        let keys = self.keys(kind);
        let mut call = self.pop.key(format!("{keys}:ring"));
        let found: Vec<(String, String)> = call.arg(&keys).arg(max).invoke_async(&mut self.commands.clone()).await?;
        Ok(found.iter().filter_map(|(turn, id)| hint::read(turn, id)).collect())
    }

    /// Waits until something is pushed, at most `timeout`, and says whether something was. One waits at a time.
    pub async fn wait(&self, kind: Kind, timeout: Duration) -> Result<bool, QueueError> {
        let [poll, deliver, tend, drill, job, digest] = &*self.waiting;
        let mut slot = match kind {
            Kind::Poll => poll.lock().await,
            Kind::Deliver => deliver.lock().await,
            Kind::Tend => tend.lock().await,
            Kind::Drill => drill.lock().await,
            Kind::Job => job.lock().await,
            Kind::Digest => digest.lock().await,
        };
        // Taken out while in use, so that a broken connection, or one whose answer nobody waited for, is not used again.
        let mut connection = if let Some(connection) = slot.take() {
            connection
        } else {
            let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_WITHIN));
            self.client.get_multiplexed_async_connection_with_config(&config).await?
        };
        connection.set_response_timeout(timeout + ANSWER_WITHIN);
        let mut call = redis::cmd("BLPOP");
        call.arg(format!("{}:signal", self.keys(kind))).arg(timeout.as_secs_f64().max(0.01));
        let woken: Option<(String, String)> = call.query_async(&mut connection).await?;
        *slot = Some(connection);
        Ok(woken.is_some())
    }

    /// Takes one of each of these buckets, or of none if any of them has none left. The buckets of one `group` lie together.
    ///
    /// Whoever wants several is given that many, or a sixteenth of what is left if that is fewer, but one at least.
    #[tracing::instrument(name = "queue.take", level = "debug", skip_all)]
    pub async fn take(
        &self,
        group: &str,
        buckets: &[(&str, Quota)],
        wanted: u32,
        now_us: i64,
    ) -> Result<Taken, QueueError> {
        let mut call = self.take.arg(now_us);
        call.arg(wanted);
        for (name, quota) in buckets {
            call.key(format!("{{{}:rate:{group}}}:{name}", self.prefix)).arg(quota.most.max(1)).arg(quota.window_us());
        }
        let (count, told): (u32, Vec<i64>) = call.invoke_async(&mut self.commands.clone()).await?;
        let levels = told.as_chunks::<2>().0.iter().zip(buckets);
        Ok(Taken { count, levels: levels.map(|([full_in, wait], (_, quota))| quota.level(*full_in, *wait)).collect() })
    }

    /// How many tenants have hints of a kind.
    pub async fn tenants_waiting(&self, kind: Kind) -> Result<u64, QueueError> {
        let mut call = redis::cmd("LLEN");
        call.arg(format!("{}:ring", self.keys(kind)));
        Ok(call.query_async(&mut self.commands.clone()).await?)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let _: String = redis::cmd("PING").query_async(&mut self.commands.clone()).await?;
        Ok(())
    }
}

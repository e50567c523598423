//! The clock that the programs follow: time passes when a test says so.
//!
//! One JSON object a line. We send `{"now": …}` and wait for `{"at": …}`; we send `{"drain": 7}` and wait for
//! `{"drained": 7, "did": N}`, which a worker answers when nothing is due and nothing is in flight.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// How long a program may take to answer; it is busy with real servers.
const PATIENCE: Duration = Duration::from_secs(90);

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct Clock {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    now: DateTime<Utc>,
    followers: Vec<Follower>,
    drains: u64,
}

#[derive(Debug)]
struct Follower {
    name: String,
    lines: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Follower {
    async fn tell(&mut self, what: &Value) -> anyhow::Result<()> {
        Ok(self.write.write_all(format!("{what}\n").as_bytes()).await?)
    }

    /// The next line that has `key`.
    async fn hear(&mut self, key: &str) -> anyhow::Result<Value> {
        loop {
            let line = self.lines.next_line().await?.context("it hung up")?;
            let said: Value = serde_json::from_str(&line)?;
            if let Some(value) = said.get(key) {
                if key == "drained" {
                    return Ok(said);
                }
                return Ok(value.clone());
            }
        }
    }
}

impl Clock {
    /// Starts at `now` on a socket in `folder`.
    pub fn start(folder: &Path, now: DateTime<Utc>) -> anyhow::Result<Self> {
        let socket = folder.join("clock");
        let listener = UnixListener::bind(&socket)?;
        let state = Arc::new(Mutex::new(State { now, followers: Vec::new(), drains: 0 }));
        let of_task = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _from)) = listener.accept().await {
                if let Err(why) = welcome(stream, &of_task).await {
                    tracing::warn!("a program did not greet the clock: {why}");
                }
            }
        });
        Ok(Self { socket, state, task })
    }

    /// What `DAIMON_CLOCK` shall say.
    pub fn setting(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// The time.
    pub async fn now(&self) -> DateTime<Utc> {
        self.state.lock().await.now
    }

    /// Moves on, and returns when every program has seen it.
    pub async fn advance(&self, by: TimeDelta) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        state.now += by;
        let now = rfc3339(state.now);
        let mut alive = Vec::new();
        for mut follower in state.followers.drain(..) {
            let seen = async {
                follower.tell(&json!({ "now": now })).await?;
                while follower.hear("at").await?.as_str().map(parse) != Some(parse(&now)) {}
                anyhow::Ok(())
            };
            match tokio::time::timeout(PATIENCE, seen).await {
                Ok(Ok(())) => alive.push(follower),
                Ok(Err(_ended)) => {}
                Err(_elapsed) => bail!("{} did not follow the clock within {PATIENCE:?}", follower.name),
            }
        }
        state.followers = alive;
        Ok(())
    }

    /// Returns when no worker has anything due or in flight; how much they did.
    pub async fn drain(&self) -> anyhow::Result<u64> {
        let mut state = self.state.lock().await;
        state.drains += 1;
        let number = state.drains;
        let mut did = 0;
        let mut workers = 0;
        let mut alive = Vec::new();
        for mut follower in state.followers.drain(..) {
            if follower.name != "worker" {
                alive.push(follower);
                continue;
            }
            let drained = async {
                follower.tell(&json!({ "drain": number })).await?;
                loop {
                    let said = follower.hear("drained").await?;
                    if said.get("drained").and_then(Value::as_u64) == Some(number) {
                        return anyhow::Ok(said.get("did").and_then(Value::as_u64).unwrap_or(0));
                    }
                }
            };
            match tokio::time::timeout(PATIENCE, drained).await {
                Ok(Ok(done)) => {
                    workers += 1;
                    did += done;
                    alive.push(follower);
                }
                Ok(Err(_ended)) => {}
                Err(_elapsed) => bail!("a worker did not come to rest within {PATIENCE:?}"),
            }
        }
        state.followers = alive;
        anyhow::ensure!(workers > 0, "no worker is there to be drained");
        Ok(did)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn welcome(stream: UnixStream, state: &Mutex<State>) -> anyhow::Result<()> {
    let (read, write) = stream.into_split();
    let mut follower = Follower { name: String::new(), lines: BufReader::new(read).lines(), write };
    let hello = tokio::time::timeout(PATIENCE, follower.hear("hello")).await??;
    hello.as_str().unwrap_or_default().clone_into(&mut follower.name);
    let mut state = state.lock().await;
    follower.tell(&json!({ "now": rfc3339(state.now) })).await?;
    state.followers.push(follower);
    Ok(())
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc))
}

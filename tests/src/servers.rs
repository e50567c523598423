//! The heavy servers, shared by all stories of a run.
//!
//! `with-servers run` starts them once and tells its children by [`HANDED_DOWN`]. A test that runs without it starts
//! its own; its guards end them with the process.

use std::path::PathBuf;

use anyhow::Context;
use tokio::sync::OnceCell;

use crate::authority::Authority;
use crate::courier::{Courier, CourierAt};
use crate::dovecot::{Dovecot, DovecotAt, Setup};
use crate::place::Place;
use crate::postfix::{Postfix, PostfixAt};
use crate::postgres::{Postgres, PostgresAt};
use crate::redis_server::Redis;
use crate::remote::Remote;

/// The variable that names the file with a [`ServersAt`].
pub const HANDED_DOWN: &str = "DAIMON_TEST_SERVERS";

/// What servers are started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Stories: all servers, in a hurry.
    Stories,
    /// Figures: Postgres keeps what it has confirmed, Dovecot stores mail as densely as large providers do, nobody sends.
    Measuring,
}

/// The variable that chooses the IMAP server which the product signs in at: `dovecot`, or `courier`.
pub const IMAP: &str = "DAIMON_TEST_IMAP";

/// Running servers; they end with this value.
#[derive(Debug)]
pub struct Servers {
    at: ServersAt,
    _postfix: Option<Postfix>,
    _remote: Remote,
    _courier: Option<Courier>,
    _dovecot: Dovecot,
    _redis: Redis,
    _postgres: Postgres,
    place: Place,
}

/// How to reach running servers.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ServersAt {
    /// The truth.
    pub postgres: PostgresAt,
    /// The hints.
    pub redis: String,
    /// The mailboxes: where mail is delivered, and what their owners use.
    pub dovecot: DovecotAt,
    /// The IMAP server that the product signs in at, where it is not Dovecot.
    pub courier: Option<CourierAt>,
    /// The mail server that bounces, or why it does not run.
    postfix: Result<PostfixAt, String>,
    /// The certificates.
    pub authority: Authority,
    /// The folder of the run.
    pub folder: PathBuf,
}

impl Servers {
    /// Starts all of them in a temporary folder.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_in(Place::in_memory()?).await
    }

    /// Starts all of them in `place`.
    pub async fn start_in(place: Place) -> anyhow::Result<Self> {
        Self::start_for(place, Purpose::Stories).await
    }

    /// Starts those that `purpose` needs, and as it needs them.
    pub async fn start_for(place: Place, purpose: Purpose) -> anyhow::Result<Self> {
        let is_measured = purpose == Purpose::Measuring;
        let remote = Remote::start(None).await?;
        let port = remote.port();
        let started = tokio::task::spawn_blocking(move || {
            let authority = Authority::in_place(&place)?;
            let postgres = Postgres::start(&place, is_measured)?;
            let redis = Redis::start(&place)?;
            let dovecot = Dovecot::start_with(&place, &authority, Setup { is_dense: is_measured, ..Setup::default() })?;
            let courier = if is_measured { None } else { second(&place, &authority, dovecot.at())? };
            // Only Postfix wants root. Without it the stories that need no real bounces can still be told.
            let postfix = if is_measured {
                Err(anyhow::anyhow!("it is not measured"))
            } else {
                Postfix::start(&place, dovecot.at(), port)
            };
            anyhow::Ok((place, authority, postgres, redis, dovecot, courier, postfix))
        });
        let (place, authority, postgres, redis, dovecot, courier, postfix) = started.await??;
        let at = ServersAt {
            postgres: PostgresAt { socket: postgres.socket().to_owned() },
            redis: redis.url(),
            dovecot: dovecot.at().clone(),
            courier: courier.as_ref().map(|courier| courier.at().clone()),
            postfix: postfix.as_ref().map(|postfix| postfix.at().clone()).map_err(|why| format!("{why:#}")),
            authority,
            folder: place.path().to_owned(),
        };
        at.postgres.roles().await?;
        Ok(Self {
            at,
            _postfix: postfix.ok(),
            _remote: remote,
            _courier: courier,
            _dovecot: dovecot,
            _redis: redis,
            _postgres: postgres,
            place,
        })
    }

    /// How to reach them.
    pub fn at(&self) -> &ServersAt {
        &self.at
    }

    /// Writes how to reach them into a file, for [`HANDED_DOWN`].
    pub fn hand_down(&self) -> anyhow::Result<PathBuf> {
        let file = self.place.path().join("servers.json");
        std::fs::write(&file, serde_json::to_vec_pretty(&self.at)?)?;
        Ok(file)
    }
}

/// The second IMAP server, where one is wanted.
pub fn second(place: &Place, authority: &Authority, dovecot: &DovecotAt) -> anyhow::Result<Option<Courier>> {
    let wanted = std::env::var_os(IMAP).unwrap_or_default();
    match wanted.to_str() {
        Some("courier") => Courier::start(place, authority, dovecot).map(Some),
        Some("" | "dovecot") => Ok(None),
        _ => anyhow::bail!("{IMAP} is {}: it can be dovecot or courier", wanted.display()),
    }
}

impl ServersAt {
    /// The port of the IMAP server that the product signs in at.
    pub fn imaps(&self) -> u16 {
        self.courier.as_ref().map_or(self.dovecot.imaps, |courier| courier.imaps)
    }

    /// How often somebody tried to sign in there as `user`.
    pub fn sign_ins(&self, user: &str) -> anyhow::Result<usize> {
        match &self.courier {
            Some(courier) => courier.sign_ins(user),
            None => self.dovecot.sign_ins(user),
        }
    }

    /// For a story that is of Dovecot alone: whether to tell it. Why it is left out is printed at the end of the run.
    pub fn is_of_dovecot(&self, story: &str, because: &str) -> anyhow::Result<bool> {
        use std::io::Write as _;
        if self.courier.is_some() {
            let mut skipped = std::fs::OpenOptions::new().create(true).append(true).open(self.skipped())?;
            writeln!(skipped, "left out on Courier: {story}: {because}")?;
        }
        Ok(self.courier.is_none())
    }

    /// What was left out, and why.
    pub fn skipped(&self) -> PathBuf {
        self.folder.join("skipped")
    }

    /// The mail server that bounces. It changes users for each of its parts and therefore wants root.
    pub fn postfix(&self) -> anyhow::Result<&PostfixAt> {
        self.postfix.as_ref().map_err(|why| anyhow::anyhow!("there is no Postfix here, so no real bounces: {why}"))
    }
}

/// The servers of this run: handed down, or started for this process.
pub async fn shared() -> anyhow::Result<&'static ServersAt> {
    static SHARED: OnceCell<(ServersAt, Option<&'static Servers>)> = OnceCell::const_new();
    let (at, _ours) = SHARED
        .get_or_try_init(|| async {
            if let Some(file) = std::env::var_os(HANDED_DOWN) {
                let text = std::fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
                return anyhow::Ok((serde_json::from_slice(&text)?, None));
            }
            // Never dropped, like every static: the guards see to the end.
            let ours: &'static Servers = Box::leak(Box::new(Servers::start().await?));
            Ok((ours.at().clone(), Some(ours)))
        })
        .await?;
    Ok(at)
}

//! `daimon-worker run`: start, work, stop.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use daimon_boot::internal::{Check, serve};
use daimon_boot::settings::{Environment, Worker, refuse};
use daimon_boot::shutdown::{Signal, within};
use daimon_boot::time::Time;
use daimon_boot::{logging, metrics};
use daimon_egress::Egress;
use daimon_posture::Blocklists;
use daimon_provider::Budget;
use daimon_queue::{Kind, Queue};
use daimon_seal::{MasterKey, SystemEntropy};
use daimon_store::{Db, Fleet};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::deliver::Deliverer;
use crate::idle::{self, Idlers};
use crate::pool::{Jobs, announce, answer_drains, consume, hear};
use crate::read::{Left, Reader, Room};
use crate::upkeep::{let_go, upkeep};

/// Incidents that are tended at once: each is a few statements, seldom a sign-in.
const TEND_SLOTS: u16 = 4;
/// Drills of which a step is played at once: they must not delay what is real.
const DRILL_SLOTS: u16 = 1;
/// Jobs that clients wait for, at once: each holds one session for seconds.
const JOB_SLOTS: u16 = 4;
/// Digests that are written at once: each counts an MSP's day.
const DIGEST_SLOTS: u16 = 2;
/// Jobs may go on this long after the signal before their work is given back.
const FINISH_WITHIN: Duration = Duration::from_secs(22);
/// And this long to give it back.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(5);
/// And connections this long to close: 30 s in all.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Runs the pool until SIGTERM or SIGINT. `out` gets one line when it is ready.
pub async fn run(settings: Worker, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let common = &settings.common;
    if let Err(error) = common.check() {
        refuse(&error);
    }
    if let Err(error) = logging::init(&common.surroundings.log) {
        refuse(&error);
    }
    let master = match MasterKey::from_hex_file(&common.master_key_file) {
        Ok(master) => Arc::new(master),
        Err(error) => refuse(&format_args!("DAIMON_MASTER_KEY_FILE is wrong: {error}")),
    };
    let egress = daimon_egress::Settings {
        allow_file: common.egress.egress_allow_file.clone(),
        extra_ca_file: common.egress.extra_ca_file.clone(),
        resolve_file: common.egress.resolve_file.clone(),
        dns_servers: common.egress.dns_servers.clone(),
        own_hosts: common.egress.api_hosts.clone(),
        development: common.surroundings.environment == Environment::Development,
    };
    let egress = match Egress::new(&egress) {
        Ok(egress) => egress,
        Err(error) => refuse(&format_args!("the way out can't be used: {error}")),
    };
    let blocklists = match blocklists(&settings) {
        Ok(blocklists) => blocklists.map(Arc::new),
        Err(error) => refuse(&format_args!("DAIMON_BLOCKLISTS_FILE {error}")),
    };
    let queue = match Queue::connect(common.redis_url.expose(), &common.redis_prefix) {
        Ok(queue) => queue,
        Err(_malformed) => refuse(&"REDIS_URL is not a URL of Redis"),
    };

    let stop = Signal::watch().context("cannot watch for signals")?;
    let recorded = metrics::install().context("cannot record metrics")?;
    let (time, drains) =
        Time::start(common.surroundings.clock.as_deref(), "worker").await.context("DAIMON_CLOCK cannot be followed")?;
    let connections = u32::from(settings.poll_slots.max(settings.deliver_slots)).clamp(8, 48);
    let db = Db::connect(common.database_url.expose(), connections).await.context("DATABASE_URL")?;
    let fleet = Fleet::connect(settings.fleet.database_fleet_url.expose()).await.context("DATABASE_FLEET_URL")?;

    let lease = TimeDelta::seconds(i64::from(settings.lease_s));
    let hurry = CancellationToken::new();
    let (idlers, news) = Idlers::new(settings.idle_sessions, lease, time.clone(), stop.clone());
    let reader = Reader {
        db: db.clone(),
        egress: egress.clone(),
        master: Arc::clone(&master),
        queue: queue.clone(),
        time: time.clone(),
        entropy: SystemEntropy,
        lease,
        read_all_up_to: usize::try_from(settings.read_all_up_to).ok().filter(|most| *most > 0),
        left: Left::default(),
        room: Room::default(),
        blocklists,
        deletions: Semaphore::new(1),
        fleet: fleet.clone(),
        idlers: idlers.clone(),
        usual: Budget {
            connections: Some(settings.host_connections),
            logins_a_minute: settings.host_logins_per_minute,
            least_interval: Duration::ZERO,
        },
        stop: stop.clone(),
        hurry: hurry.clone(),
    };
    let slots = usize::from(settings.deliver_slots);
    let deliverer = Deliverer::new(db.planned_once(), egress, master, Arc::new(time.clone()), lease, slots);
    let jobs = Arc::new(Jobs::new(reader, deliverer));
    let loops = TaskTracker::new();
    let tasks = TaskTracker::new();
    let places = || (fleet.clone(), queue.clone(), time.clone());
    loops.spawn(announce(fleet.clone(), queue.clone(), time.clone(), stop.clone()));
    loops.spawn(idle::keep(idlers.clone(), db.clone(), fleet.clone(), lease, stop.clone()));
    loops.spawn(upkeep(fleet.clone(), time.clone(), stop.clone()));
    loops.spawn(let_go(fleet.clone(), time.clone(), stop.clone()));
    loops.spawn(answer_drains(drains, places(), Arc::clone(&jobs), stop.clone()));
    let (rest, stopping) = (Arc::clone(&jobs), stop.clone());
    loops.spawn(async move { rest.give_back_rest(stopping).await });
    let slots_for = [
        (Kind::Poll, settings.poll_slots),
        (Kind::Deliver, settings.deliver_slots),
        (Kind::Tend, TEND_SLOTS),
        (Kind::Drill, DRILL_SLOTS),
        (Kind::Job, JOB_SLOTS),
        (Kind::Digest, DIGEST_SLOTS),
    ];
    let mut news = Some(news);
    for (kind, slots) in slots_for {
        let free = Arc::new(Semaphore::new(usize::from(slots)));
        if kind == Kind::Poll
            && let Some(news) = news.take()
        {
            loops.spawn(hear(news, Arc::clone(&free), Arc::clone(&jobs), tasks.clone(), stop.clone()));
        }
        loops.spawn(consume(kind, free, places(), Arc::clone(&jobs), tasks.clone(), stop.clone()));
    }

    let checked = db.clone();
    let check = Check::new("postgres", move || {
        let db = checked.clone();
        async move { db.ping().await.is_ok() }
    });
    let internal = serve(settings.internal_listen, vec![check], recorded).context("DAIMON_INTERNAL_LISTEN")?;
    writeln!(out, "ready internal={}", internal.address).context("cannot say that it is ready")?;
    out.flush().context("cannot say that it is ready")?;
    tracing::info!(poll_slots = settings.poll_slots, deliver_slots = settings.deliver_slots, "the worker is ready");

    stop.cancelled().await;
    finish(&loops, &tasks, &hurry).await;
    let close = async {
        internal.stop().await;
        jobs.give_back_left().await;
        idle::give_back(&idlers, &db, &fleet).await;
        db.close().await;
        fleet.close().await;
    };
    within(CLOSE_WITHIN, "connections to Postgres", close).await;
    Ok(())
}

/// The block lists to ask. In development nothing is asked of the world's name servers, only of those that are named.
fn blocklists(settings: &Worker) -> Result<Option<Blocklists>, String> {
    let common = &settings.common;
    if common.surroundings.environment == Environment::Development && common.egress.dns_servers.is_empty() {
        return Ok(None);
    }
    let lists = match &settings.blocklists_file {
        None => Blocklists::shipped(),
        Some(path) => {
            Blocklists::parse(&std::fs::read_to_string(path).map_err(|error| format!("can't be read: {error}"))?)
        }
    };
    lists.map(Some).map_err(|error| error.to_string())
}

/// Lets jobs end, then makes them give back what they hold.
async fn finish(loops: &TaskTracker, tasks: &TaskTracker, hurry: &CancellationToken) {
    loops.close();
    tasks.close();
    let all = async {
        loops.wait().await;
        tasks.wait().await;
    };
    if tokio::time::timeout(FINISH_WITHIN, all).await.is_ok() {
        return;
    }
    hurry.cancel();
    if tokio::time::timeout(GIVE_BACK_WITHIN, tasks.wait()).await.is_err() {
        tracing::warn!(jobs = tasks.len(), "jobs did not end in time; their leases run out");
    }
}

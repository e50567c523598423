//! Redis forgets, loses the end of what it wrote, and is away.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use daimon_tests::rig::{Rig, Teller};
use daimon_tests::sink::{Manner, Sink};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use uuid::Uuid;

use crate::load::{lateness, millis};
use crate::model::{self, Compared};
use crate::row::Row;
use crate::traffic::{self, Pace, Promised};

const EVENTS: usize = 500;
const ENDPOINTS: usize = 10;
const FLUSHES: usize = 5;
const MOST_TO_HINT: Duration = Duration::from_secs(30);
const CUT: u64 = 64 * 1_024;
const MOST_LATE: f64 = 5.0;
const PATIENCE: Duration = Duration::from_mins(3);

/// So many deliveries wait for receivers that think long, and a worker is at work at them.
async fn outstanding() -> anyhow::Result<(Rig, Sink, Teller)> {
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], None).await?;
    let sink = Sink::start(Some(&rig.authority), true).await?;
    for number in 0..ENDPOINTS {
        rig.endpoint(&sink, &number.to_string(), &[]).await?;
        sink.behaves(&number.to_string(), Manner::Thinks(Duration::from_millis(700)));
    }
    let mut tenants = Vec::new();
    for number in 0..10 {
        tenants.push(rig.client.create_tenant(&format!("Company {number}")).await?);
    }
    let teller = rig.teller(&tenants).await?;
    let told = stream::iter(0..EVENTS).map(|number| teller.tell(number)).buffer_unordered(8);
    told.collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    rig.start_worker().await?;
    sink.wait_for("0", 3, Duration::from_secs(30)).await?;
    Ok((rig, sink, teller))
}

/// Everything comes, once the receivers think no more.
async fn all_come(rig: &Rig, sink: &Sink) -> anyhow::Result<Compared> {
    for number in 0..ENDPOINTS {
        sink.behaves(&number.to_string(), Manner::Answers(204));
    }
    rig.until("select count(*) from delivery where state <> 'delivered'", 0, PATIENCE).await?;
    let mut compared = Compared::default();
    for number in 0..ENDPOINTS {
        model::arrived(rig, sink, &number.to_string(), &mut compared).await?;
    }
    Ok(compared)
}

/// The ids of deliveries that Redis has hints of.
async fn hinted(rig: &Rig) -> anyhow::Result<HashSet<Uuid>> {
    let client = redis::Client::open(rig.redis_url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*:deliver}:known:*").query_async(&mut connection).await?;
    let mut all = HashSet::new();
    for key in keys {
        let ids: Vec<String> = redis::cmd("SMEMBERS").arg(key).query_async(&mut connection).await?;
        all.extend(ids.iter().filter_map(|id| Uuid::try_parse(id).ok()));
    }
    Ok(all)
}

/// Deliveries that wait and that nobody has in hand.
async fn waiting(rig: &Rig) -> anyhow::Result<HashSet<Uuid>> {
    let mut look = rig.look().await?;
    let sql = "select delivery_id from delivery where state = 'pending' and lease_until is null";
    Ok(sqlx::query_scalar::<_, Uuid>(sql).fetch_all(&mut look).await?.into_iter().collect())
}

/// How long it takes until each delivery that waits now has been hinted, or waits no more.
async fn all_hinted(rig: &Rig) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut missing = waiting(rig).await?;
    while !missing.is_empty() && began.elapsed() < MOST_TO_HINT * 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (hinted, waiting) = (hinted(rig).await?, waiting(rig).await?);
        missing.retain(|id| !hinted.contains(id) && waiting.contains(id));
    }
    Ok(began.elapsed())
}

/// Most error lines of the workers and the API within one second.
fn most_errors_a_second(log: &str) -> usize {
    let mut seconds: Vec<&str> =
        log.lines().filter(|line| line.contains("ERROR") || line.contains("\"error\"")).map(second_of).collect();
    seconds.sort_unstable();
    seconds.chunk_by(|one, next| one == next).map(<[&str]>::len).max().unwrap_or(0)
}

/// The time of a line, without fractions.
fn second_of(line: &str) -> &str {
    let start = line.find("20").unwrap_or(0);
    line.get(start..start + 19).unwrap_or_default()
}

/// Redis is flushed while thousands of deliveries wait.
pub(crate) async fn r2() -> anyhow::Result<Row> {
    let (rig, sink, _teller) = outstanding().await?;
    let pid = rig.worker()?.pid();
    let client = redis::Client::open(rig.redis_url.as_str())?;
    let waited = waiting(&rig).await?.len();
    let mut slowest = Duration::ZERO;
    for _ in 0..FLUSHES {
        let mut connection = client.get_multiplexed_async_connection().await?;
        let () = redis::cmd("FLUSHALL").query_async(&mut connection).await?;
        slowest = slowest.max(all_hinted(&rig).await?);
    }
    let compared = all_come(&rig, &sink).await?;
    let worker = rig.worker()?;
    let errors = most_errors_a_second(&worker.output());
    let is_same = worker.pid() == pid && std::path::Path::new(&format!("/proc/{pid}")).exists();
    let slowest_s = slowest.as_secs_f64();
    Ok(Row {
        what: "Redis flushed 5 times while 5,000 deliveries wait",
        wanted: "none lost, all hinted again ≤ 30 s, no restart, ≤ 1 error line a second",
        found: format!(
            "{waited} waited: {}; all hinted within {slowest_s:.1} s; {errors} error lines in the worst second",
            compared.says()
        ),
        reached: compared.is_whole() && slowest <= MOST_TO_HINT && is_same && errors <= 1,
        figures: json!({ "waiting": waited, "hinted_again_seconds": millis(slowest_s), "errors_a_second": errors,
            "restarted": !is_same, "compared": compared.figures() }),
    })
}

/// Redis loses the end of its append-only file.
pub(crate) async fn r3() -> anyhow::Result<Row> {
    let (mut rig, sink, _teller) = outstanding().await?;
    all_hinted(&rig).await?;
    let length = rig.cut_redis(CUT)?;
    rig.start_redis().await?;
    let left = hinted(&rig).await?.len();
    let took = all_hinted(&rig).await?;
    let compared = all_come(&rig, &sink).await?;
    Ok(Row {
        what: "Redis' append-only file cut by 64 KiB",
        wanted: "none lost",
        found: format!(
            "cut from {} KiB, {left} hints were left, all were back within {:.1} s: {}",
            length / 1_024,
            took.as_secs_f64(),
            compared.says()
        ),
        reached: compared.is_whole() && length > CUT,
        figures: json!({ "octets_before": length, "octets_cut": CUT, "hints_left": left, "compared": compared.figures() }),
    })
}

/// Redis is away.
pub(crate) async fn r4(span: Duration) -> anyhow::Result<Row> {
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], None).await?;
    let sink = Sink::start(Some(&rig.authority), true).await?;
    rig.endpoint(&sink, "honest", &[]).await?;
    rig.start_worker().await?;
    let cases = traffic::cases(&rig, 4).await?;
    rig.until("select count(*) from delivery where state <> 'delivered'", 0, PATIENCE).await?;
    sink.forget();
    rig.kill_redis()?;
    let pace = Arc::new(Pace { wanted: u32::MAX, pause: Duration::from_secs(1), ..Pace::default() });
    let clients: Vec<_> = cases
        .iter()
        .map(|case| tokio::spawn(traffic::client(Arc::clone(&rig.client), case.incident.clone(), Arc::clone(&pace))))
        .collect();
    tokio::time::sleep(span).await;
    pace.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut promised = Promised::default();
    for client in clients {
        promised.add(client.await?);
    }
    rig.until("select count(*) from delivery where state <> 'delivered'", 0, PATIENCE).await?;
    let (p50, p95) = lateness(&sink, ["honest".to_owned()]);
    let (told, unanswered) = (sink.count("honest"), promised.unknown.values().sum::<u32>());
    let odd = promised.odd.len();
    let mut compared = Compared::default();
    model::stored(&rig, &promised, &mut compared).await?;
    let moves = promised.moves.len();
    if told < moves {
        compared.lost.push(format!("{told} webhooks came of {moves} changes"));
    }
    rig.start_redis().await?;
    rig.worker().context("the worker has ended")?;
    Ok(Row {
        what: "Redis gone",
        wanted: "for 10 minutes: the API answers, webhooks go out, first attempt p95 ≤ 5 s",
        found: format!(
            "{:.1} minutes: {} changes accepted, {} not; {told} webhooks, first attempt p50 {p50:.2} s, p95 {p95:.2} s; {}",
            span.as_secs_f64() / 60.0,
            promised.count(),
            unanswered + u32::try_from(odd)?,
            compared.says()
        ),
        reached: compared.is_whole()
            && p95 <= MOST_LATE
            && unanswered == 0
            && odd == 0
            && span >= Duration::from_mins(10),
        figures: json!({ "minutes": span.as_secs_f64() / 60.0, "accepted": promised.count(), "unanswered": unanswered,
            "webhooks": told, "p50_seconds": millis(p50), "p95_seconds": millis(p95), "compared": compared.figures() }),
    })
}

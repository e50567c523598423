//! Deliveries a second, and how soon the first attempt is made.

use std::time::{Duration, Instant};

use daimon_bench::{quantile, round};
use daimon_tests::rig::{Rig, Teller};
use daimon_tests::sink::{Manner, Sink};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tokio::net::TcpListener;

use crate::cpu;

/// The figures that are wanted.
const LEAST_A_SECOND: f64 = 300.0;
const MOST_LATE: f64 = 1.0;
const MOST_OF_THE_DEAD: f64 = 0.02;
/// What is wanted of the dead is wanted of so long a time.
const WHOLE: Duration = Duration::from_mins(10);
/// So many webhooks a worker sends at a time, if it is not told otherwise.
const SLOTS: f64 = 32.0;
/// The speed is looked at in spans of this.
const WINDOW: Duration = Duration::from_secs(10);
/// So many deliveries wait while it is measured: enough that the worker never waits for us.
const WAITING: usize = 600;
/// So many companies are told about in turn.
const TENANTS: usize = 20;
/// Webhooks a second while it is measured how soon they come.
const EASY: u32 = 50;

/// How the sink is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wire {
    /// As in production.
    Tls,
    /// In clear.
    Plain,
}

/// A rig with a worker, and a sink with that many endpoints that do what they should.
async fn staged(good: usize, wire: Wire) -> anyhow::Result<(Rig, Sink, Teller)> {
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], None).await?;
    let sink = Sink::start((wire == Wire::Tls).then_some(&rig.authority), false).await?;
    for number in 0..good {
        rig.endpoint(&sink, &number.to_string(), &[]).await?;
    }
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        tenants.push(rig.client.create_tenant(&format!("Company {number}")).await?);
    }
    let teller = rig.teller(&tenants).await?;
    rig.start_worker().await?;
    Ok((rig, sink, teller))
}

/// Tells so many endpoints of one event after the other, as fast as they are told.
pub(crate) async fn throughput(endpoints: usize, span: Duration, wire: Wire) -> anyhow::Result<(bool, Value)> {
    let is_crowd = endpoints >= 100;
    let good = if is_crowd { endpoints - 2 } else { endpoints };
    let (rig, sink, teller) = staged(good, wire).await?;
    // It is never accepted, so nobody answers.
    let hole = TcpListener::bind("127.0.0.1:0").await?;
    let (mut dead, mut dripping) = (String::new(), String::new());
    if is_crowd {
        let url = sink.url("dead").replace(port_of(&sink.url("")), &hole.local_addr()?.port().to_string());
        dead = rig.endpoint_at(&url, &[], |_secret| Ok(())).await?;
        dripping = rig.endpoint(&sink, "dripping", &[]).await?;
        sink.behaves("dripping", Manner::Drips);
    }
    let all_good = |sink: &Sink| sink.first_times() - u64::try_from(sink.count("dripping")).unwrap_or(0);
    let (cpu, began) = (cpu::by_program()?, Instant::now());
    let (mut told, mut windows, mut seen) = (0_usize, Vec::new(), 0);
    while began.elapsed() < span {
        let waiting = (told * good).saturating_sub(usize::try_from(all_good(&sink))?);
        let wanted = WAITING.saturating_sub(waiting).div_ceil(good);
        if wanted == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        } else {
            let events = stream::iter(told..told + wanted.min(50)).map(|number| teller.tell(number));
            let done: Vec<_> = events.buffer_unordered(4).collect().await;
            told += done.len();
            done.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        }
        if began.elapsed() >= WINDOW * u32::try_from(windows.len() + 1)? {
            let now = all_good(&sink);
            windows.push(a_second(now - seen, WINDOW));
            seen = now;
        }
    }
    let (came, took) = (all_good(&sink), began.elapsed());
    let used = cpu::since(&cpu)?;
    let per_second = a_second(came, took);
    windows.sort_by(f64::total_cmp);
    let slowest = windows.first().copied().unwrap_or(per_second);
    let twice = sink.requests() - sink.first_times();
    println!(
        "\n{endpoints} endpoints for {:.0} s{}",
        took.as_secs_f64(),
        if is_crowd { ", one of them dead and one dripping" } else { "" }
    );
    // So many are wanted of a crowd: one endpoint gets no more of a worker than its answers are worth.
    let wanted = if is_crowd { format!(" (wanted: {LEAST_A_SECOND:.0})") } else { String::new() };
    println!("deliveries a second      {per_second:>8.0}, {slowest:.0} in the slowest {} s{wanted}", WINDOW.as_secs());
    let mut reached = (!is_crowd || per_second >= LEAST_A_SECOND) && sink.faults().is_empty();
    let mut figures = json!({
        "deliveries": came, "seconds": round(took.as_secs_f64()), "a_second": round(per_second),
        "a_second_in_slowest_10_s": round(slowest), "repeated": twice, "faults": sink.faults(),
    });
    if is_crowd {
        let shares = [share_of(&rig, &dead, took).await?, share_of(&rig, &dripping, took).await?];
        for (name, (share, attempts)) in [("dead", shares[0]), ("dripping", shares[1])] {
            println!(
                "the {name} one's share of the slots' time {:>6.2} %, {attempts} attempts (wanted: at most {:.0} % of ten minutes)",
                share * 100.0,
                MOST_OF_THE_DEAD * 100.0
            );
            // Until five attempts have failed it costs what they take: that is much of a quick look.
            reached &= share <= MOST_OF_THE_DEAD || span < WHOLE;
            if let Some(figures) = figures.as_object_mut() {
                figures.insert(format!("{name}_share_of_worker_time"), json!((share * 10_000.0).round() / 10_000.0));
                figures.insert(format!("{name}_attempts"), json!(attempts));
            }
        }
    }
    for fault in sink.faults() {
        println!("wrong: {fault}");
    }
    cpu::print(&used);
    if let Some(figures) = figures.as_object_mut() {
        figures.insert("reached".to_owned(), json!(reached));
    }
    Ok((reached, figures))
}

/// How soon webhooks come when there are fifty a second: from the time of the change to the arrival at the receiver.
pub(crate) async fn latency(span: Duration, wire: Wire) -> anyhow::Result<(bool, Value)> {
    const ENDPOINTS: usize = 10;
    let (_rig, sink, teller) = staged(ENDPOINTS, wire).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) * u32::try_from(ENDPOINTS)? / EASY);
    let (began, mut told) = (Instant::now(), 0);
    let mut telling = tokio::task::JoinSet::new();
    while began.elapsed() < span {
        ticks.tick().await;
        let teller = teller.clone();
        telling.spawn(async move { teller.tell(told).await });
        told += 1;
    }
    while let Some(done) = telling.join_next().await {
        done??;
    }
    for number in 0..ENDPOINTS {
        sink.wait_for(&number.to_string(), told, Duration::from_secs(30)).await?;
    }
    let (p50, p95) = lateness(&sink, (0..ENDPOINTS).map(|number| number.to_string()));
    println!("\n{EASY} webhooks a second to {ENDPOINTS} endpoints, for {:.0} s", span.as_secs_f64());
    println!("from the change to its arrival: p50 {p50:.3} s, p95 {p95:.3} s (wanted: at most {MOST_LATE:.0})");
    let reached = p95 <= MOST_LATE && sink.faults().is_empty();
    let figures = json!({
        "webhooks": told * ENDPOINTS, "a_second": EASY, "p50_seconds": millis(p50), "p95_seconds": millis(p95),
        "faults": sink.faults(), "reached": reached,
    });
    Ok((reached, figures))
}

/// The median and the 95th in a hundred of how late events came to these endpoints first, in seconds.
pub(crate) fn lateness(sink: &Sink, endpoints: impl IntoIterator<Item = String>) -> (f64, f64) {
    let mut all: Vec<f64> = endpoints
        .into_iter()
        .flat_map(|name| sink.arrived(&name).into_iter().map(|(id, arrival)| arrival.late_s(&id)))
        .collect();
    all.sort_by(f64::total_cmp);
    (quantile(&all, 0.5), quantile(&all, 0.95))
}

pub(crate) fn millis(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

fn port_of(url: &str) -> &str {
    url.rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn a_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

/// Which part of the time of all slots attempts at an endpoint took, and how many there were.
#[expect(clippy::cast_precision_loss, reason = "milliseconds and a count")]
async fn share_of(rig: &Rig, endpoint: &str, span: Duration) -> anyhow::Result<(f64, i64)> {
    let uuid = endpoint.rsplit('_').next().unwrap_or_default();
    let from = format!("from attempt join delivery using (msp_id, delivery_id) where endpoint_id = '{uuid}'");
    let mut look = rig.look().await?;
    let sql = format!("select coalesce(sum(latency_ms), 0)::bigint, count(*) {from}");
    #[expect(clippy::disallowed_methods, reason = "it looks, as the superuser, at what the programs have stored")]
    let (ms, attempts): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut look).await?;
    Ok((ms as f64 / 1_000.0 / (SLOTS * span.as_secs_f64()), attempts))
}

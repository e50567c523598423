//! Workers die, sleep and are asked to go, with work in their hands.

use std::time::{Duration, Instant};

use daimon_domain::clock::{Entropy as _, SeededEntropy};
use daimon_tests::rig::{Rig, Teller};
use daimon_tests::sink::{Manner, Sink};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use sqlx::Connection as _;

use crate::load::millis;
use crate::row::Row;
use crate::traffic;

/// A delivery's lease is never shorter than a request may take, and what it takes to record it.
const LEASE_OF_DELIVERY: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(2);
/// How soon after the end of a lease its work resumes.
const TO_RESUME: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(90);

async fn staged(more: &[(&str, &str)]) -> anyhow::Result<(Rig, Sink, Teller)> {
    staged_for(&["honest"], more).await
}

async fn staged_for(endpoints: &[impl AsRef<str>], more: &[(&str, &str)]) -> anyhow::Result<(Rig, Sink, Teller)> {
    let mut settings = vec![("DAIMON_LOG", "warn")];
    settings.extend(more);
    let rig = Rig::start(&settings, None).await?;
    let sink = Sink::start(Some(&rig.authority), true).await?;
    for endpoint in endpoints {
        rig.endpoint(&sink, endpoint.as_ref(), &[]).await?;
    }
    let tenant = rig.client.create_tenant("Sakura Dental Clinic").await?;
    let teller = rig.teller(&[tenant]).await?;
    Ok((rig, sink, teller))
}

async fn tell(teller: &Teller, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let told = stream::iter(numbers).map(|number| teller.tell(number)).buffer_unordered(8);
    told.collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(())
}

/// A worker is killed while it sends and while it reads.
pub(crate) async fn r6() -> anyhow::Result<Row> {
    const ROUNDS: usize = 2;
    // No more go at a time to one whose answers a worker does not know yet.
    const SENT: usize = 5;
    let (mut rig, sink, teller) = staged(&[]).await?;
    let (mut sent, mut read) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        // In the midst of requests, and in the midst of reading bounces that it may not commit.
        let (tenant, _server) = traffic::mailbox(&rig, &format!("killed{round}"), "poll").await?;
        let mut holder = rig.look().await?;
        sqlx::raw_sql("begin; lock table bounce in share row exclusive mode").execute(&mut holder).await?;
        sink.behaves("honest", Manner::Holds);
        tell(&teller, round * SENT..(round + 1) * SENT).await?;
        rig.start_worker().await?;
        let begun = "select count(*) from delivery where lease_token is not null";
        rig.until(begun, i64::try_from(SENT)?, PATIENCE).await?;
        let stuck =
            "select least(count(*), 1) from pg_stat_activity where usename = 'daimon_app' and wait_event_type = 'Lock'";
        rig.until(stuck, 1, PATIENCE).await?;
        let known = sink.requests();
        rig.take_worker()?.kill()?;
        let killed = Instant::now();
        holder.close().await?;
        sink.behaves("honest", Manner::Answers(204));
        rig.start_worker().await?;
        let tenant = tenant.rsplit('_').next().unwrap_or_default().to_owned();
        let opened = format!("select count(*) from incident where tenant_id = '{tenant}'");
        rig.until(&opened, 1, PATIENCE).await?;
        read = read.max(killed.elapsed());
        while sink.requests() < known + u64::try_from(SENT)? {
            anyhow::ensure!(killed.elapsed() < PATIENCE, "what the dead worker sent is not sent again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sent = sent.max(killed.elapsed());
        rig.until("select count(*) from delivery where state <> 'delivered'", 0, PATIENCE).await?;
        rig.take_worker()?.kill()?;
    }
    let incidents = rig.number("select count(*) from incident").await?;
    let opened = rig.number("select count(*) from event where type = 'incident.opened'").await?;
    let most = sink.arrived("honest").values().map(|arrival| arrival.times).max().unwrap_or(0);
    let (sent_s, read_s) = (sent.as_secs_f64(), read.as_secs_f64());
    let is_single = incidents == i64::try_from(ROUNDS)? && opened == incidents && most <= 2 && sink.faults().is_empty();
    Ok(Row {
        what: "a worker killed while it reads and sends (leases of 2 s; 30 s for a delivery)",
        wanted: "resumed ≤ 5 s after the lease; no duplicate incident; at most one repeated webhook, with the same id",
        found: format!(
            "reading resumed and done after {read_s:.1} s, sending after {sent_s:.1} s; {incidents} incidents of {ROUNDS} floods; a webhook came at most {most} times"
        ),
        reached: is_single && sent <= LEASE_OF_DELIVERY + TO_RESUME && read <= LEASE + TO_RESUME,
        figures: json!({ "read_seconds": millis(read_s), "sent_seconds": millis(sent_s), "floods": ROUNDS,
            "incidents": incidents, "opened_events": opened, "most_times": most }),
    })
}

fn all_behave(sink: &Sink, endpoints: &[String], manner: &Manner) {
    for endpoint in endpoints {
        sink.behaves(endpoint, manner.clone());
    }
}

/// A worker sleeps past its leases and wakes with answers to record.
pub(crate) async fn r7() -> anyhow::Result<Row> {
    const ROUNDS: usize = 2;
    // As many at a time as one gets whose answers a worker does not know yet; and so many slots that a quarter of them has room
    // for all, because receivers that are not known, and one company's, have no more.
    const EVENTS: usize = 5;
    const ENDPOINTS: usize = 20;
    const EACH: usize = EVENTS * ENDPOINTS;
    let endpoints: Vec<String> = (0..ENDPOINTS).map(|number| format!("honest{number}")).collect();
    let (mut rig, sink, teller) = staged_for(&endpoints, &[("DAIMON_DELIVER_SLOTS", "400")]).await?;
    let mut said = 0;
    for round in 0..ROUNDS {
        rig.start_worker().await?;
        all_behave(&sink, &endpoints, &Manner::Holds);
        let known = sink.requests();
        tell(&teller, round * EVENTS..(round + 1) * EVENTS).await?;
        while sink.requests() < known + u64::try_from(EACH)? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rig.worker()?.signal("STOP");
        // The sleeper's requests are answered, but it does not hear it.
        all_behave(&sink, &endpoints, &Manner::Answers(204));
        rig.start_worker().await?;
        rig.until("select count(*) from delivery where state <> 'delivered'", 0, PATIENCE).await?;
        let sleeper = rig.take_worker()?;
        sleeper.signal("CONT");
        let began = Instant::now();
        let fenced =
            |log: &str| log.lines().filter(|line| line.contains("was taken over while it was being sent")).count();
        while fenced(&sleeper.output()) < EACH && began.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        said += fenced(&sleeper.output());
        sleeper.kill()?;
        rig.take_worker()?.kill()?;
    }
    // Recorded twice would be: two attempts with an outcome, or a count of two.
    let whole = rig
        .number(
            "select count(*) from delivery where state = 'delivered' and attempts = 1 and 1 =
            (select count(*) from attempt where attempt.delivery_id = delivery.delivery_id and fault is distinct from 'interrupted')",
        )
        .await?;
    let all = ROUNDS * EACH;
    Ok(Row {
        what: "a worker stopped past its leases and woken",
        wanted: "fenced off 200 of 200 times",
        found: format!("{said} of {all} fenced off by its own account; {whole} of {all} deliveries have one outcome"),
        reached: said == all && whole == i64::try_from(all)?,
        figures: json!({ "leases": all, "fenced_off": said, "with_one_outcome": whole }),
    })
}

/// Workers are asked to go in the midst of their work.
pub(crate) async fn r12(seed: u64) -> anyhow::Result<Row> {
    const ROUNDS: usize = 50;
    let (mut rig, sink, teller) = staged(&[]).await?;
    sink.behaves("honest", Manner::Thinks(Duration::from_millis(150)));
    let mut servers = Vec::new();
    for number in 0..5 {
        servers.push(traffic::mailbox(&rig, &format!("user{number}"), "idle").await?);
    }
    let chance = SeededEntropy::new(seed);
    let (mut slowest, mut left, mut unclean, mut told) = (Duration::ZERO, 0, 0, 0);
    for _ in 0..ROUNDS {
        rig.start_worker().await?;
        tell(&teller, told..told + 60).await?;
        told += 60;
        tokio::time::sleep(Duration::from_millis(400).mul_f64(chance.fraction())).await;
        let worker = rig.take_worker()?;
        let began = Instant::now();
        let status = tokio::task::spawn_blocking(move || worker.stop()).await??;
        slowest = slowest.max(began.elapsed());
        unclean += u32::from(!status.success());
        left += rig
            .number(
                "select (select count(*) from delivery where lease_token is not null)
                + (select count(*) from mailbox where lease_token is not null or idle_holder is not null)
                + (select count(*) from in_hand)",
            )
            .await?;
    }
    rig.start_worker().await?;
    rig.until("select count(*) from delivery where state <> 'delivered'", 0, PATIENCE).await?;
    rig.until("select count(distinct tenant_id) from incident", i64::try_from(servers.len())?, PATIENCE).await?;
    let arrived = sink.arrived("honest");
    let twice = arrived.values().filter(|arrival| arrival.times > 1).count();
    let bounces = rig.number("select count(*) from bounce").await?;
    let came = i64::try_from(servers.len())? * i64::from(traffic::BOUNCES);
    let slowest_s = slowest.as_secs_f64();
    Ok(Row {
        what: "SIGTERM 50 times in the midst of sending and reading",
        wanted: "out ≤ 30 s, no lease left, nothing twice",
        found: format!(
            "out within {slowest_s:.1} s, {unclean} not by themselves; {left} leases left; {} webhooks, {twice} twice; {bounces} bounces of {came}",
            arrived.len()
        ),
        reached: slowest <= Duration::from_secs(30)
            && unclean == 0
            && left == 0
            && twice == 0
            && bounces == came
            && arrived.len() >= told,
        figures: json!({ "times": ROUNDS, "out_seconds": millis(slowest_s), "leases_left": left, "webhooks": arrived.len(),
            "twice": twice, "bounces": bounces }),
    })
}

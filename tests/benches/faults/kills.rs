//! Everything is killed, one after the other and at random, while clients change things.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use daimon_domain::clock::{Clock as _, Entropy as _, SeededEntropy, SystemClock};
use daimon_tests::clock::Clock;
use daimon_tests::flood;
use daimon_tests::life::Person;
use daimon_tests::place::Place;
use daimon_tests::rig::Rig;
use daimon_tests::sink::{Manner, Sink};
use serde_json::json;

use crate::model::{self, Compared};
use crate::row::Row;
use crate::traffic::{self, BOUNCES, Pace, Promised};

const CLIENTS: usize = 10;
const WORKERS: usize = 2;
/// How fine the clock is that the programs follow.
const TICK: Duration = Duration::from_millis(50);
/// The clock is set to another time so often, and back again as often.
const JUMPS: u32 = 3;
const JUMP: TimeDelta = TimeDelta::minutes(30);
const PATIENCE: Duration = Duration::from_mins(15);

/// Receivers that misbehave, each told of one company: none of them may lose anything, or keep others from being told.
fn rude() -> [(&'static str, Manner); 5] {
    [
        ("slow", Manner::Thinks(Duration::from_secs(1))),
        ("lying", Manner::Lies),
        ("dripping", Manner::Drips),
        ("redirecting", Manner::Redirects("https://hooks.psa.example/elsewhere".to_owned())),
        ("hanging-up", Manner::HangsUp),
    ]
}

/// 10,000 accepted changes over 50 kills.
pub(crate) async fn r1(seed: u64, changes: u32, kills: u32) -> anyhow::Result<Row> {
    let folder = Place::temporary()?;
    let clock = Arc::new(Clock::start(folder.path(), SystemClock.now())?);
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], Some(clock.setting())).await?;
    let sink = Sink::start(Some(&rig.authority), true).await?;
    let ticking = tokio::spawn(tick(Arc::clone(&clock)));
    for _ in 0..WORKERS {
        rig.start_worker().await?;
    }
    rig.endpoint(&sink, "honest", &[]).await?;
    let cases = traffic::cases(&rig, CLIENTS).await?;
    let (_, busy) = traffic::mailbox(&rig, "busy", "idle").await?;
    let before = model::so_far(&rig).await?;
    for ((name, manner), case) in rude().into_iter().zip(&cases) {
        rig.endpoint(&sink, name, std::slice::from_ref(&case.tenant)).await?;
        sink.behaves(name, manner);
    }
    let pace = Arc::new(Pace { wanted: changes, ..Pace::default() });
    let clients: Vec<_> = cases
        .iter()
        .map(|case| tokio::spawn(traffic::client(Arc::clone(&rig.client), case.incident.clone(), Arc::clone(&pace))))
        .collect();
    let began = Instant::now();
    let (killed, delivered) = killing(&mut rig, seed, kills, &pace, &clock, &busy).await?;
    let mut promised = Promised::default();
    for client in clients {
        promised.add(client.await?);
    }
    let took = began.elapsed();

    // The world becomes nicer, and time passes until everything has come or was given up.
    for (name, _) in rude() {
        sink.behaves(name, Manner::Answers(204));
    }
    settled(&rig, &clock).await?;
    let mut compared = Compared::default();
    model::stored(&rig, &promised, &mut compared).await?;
    model::arrived(&rig, &sink, "honest", &mut compared).await?;
    for ((name, _), case) in rude().into_iter().zip(&cases) {
        model::arrived_since(&rig, &sink, name, Some(&case.tenant), &before, &mut compared).await?;
    }
    let bounces = i64::try_from(CLIENTS + 1)? * i64::from(BOUNCES) + i64::from(delivered);
    let stored = rig.number("select count(*) from bounce").await?;
    if stored != bounces {
        let list = if stored < bounces { &mut compared.lost } else { &mut compared.invented };
        list.push(format!("{stored} bounces are stored, and {bounces} came"));
    }
    let given_up = rig.number("select count(*) from delivery where state <> 'delivered'").await?;
    ticking.abort();
    let accepted = promised.count();
    let odd = promised.odd.len();
    for odd in promised.odd.iter().take(5) {
        println!("      odd answer: {odd}");
    }
    let words: Vec<String> = killed.iter().map(|(name, count)| format!("{name} {count}")).collect();
    Ok(Row {
        what: "kill -9 of API, workers, Redis and Postgres at random, rude receivers, a clock that jumps",
        wanted: "10,000 accepted changes over 50 kills: none lost, none invented",
        found: format!(
            "{accepted} accepted in {:.0} s over {} kills ({}): {}; {given_up} deliveries not delivered; {odd} odd answers",
            took.as_secs_f64(),
            killed.values().sum::<u32>(),
            words.join(", "),
            compared.says()
        ),
        reached: compared.is_whole() && given_up == 0 && odd == 0 && accepted >= usize::try_from(changes)?,
        figures: json!({ "accepted": accepted, "kills": killed, "jumps_of_the_clock": 2 * JUMPS, "bounces": stored,
            "not_delivered": given_up, "odd_answers": odd, "compared": compared.figures() }),
    })
}

/// Real time passes for the programs too.
async fn tick(clock: Arc<Clock>) {
    let mut last = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let passed = last.elapsed();
        last = Instant::now();
        if let Err(why) = clock.advance(TimeDelta::from_std(passed).unwrap_or_default()).await {
            println!("      the clock: {why:#}");
        }
    }
}

/// Kills whatever the seed says when that many changes were accepted; how often each was, and how many bounces came.
async fn killing(
    rig: &mut Rig,
    seed: u64,
    kills: u32,
    pace: &Pace,
    clock: &Clock,
    busy: &daimon_tests::scripted_imap::ScriptedImap,
) -> anyhow::Result<(BTreeMap<&'static str, u32>, u32)> {
    let chance = SeededEntropy::new(seed);
    let owner = Person { address: "busy@sakura-dental.example".to_owned(), password: String::new() };
    let mut killed = BTreeMap::new();
    let mut delivered = 0;
    let begun = Instant::now();
    for number in 0..kills {
        let due = (f64::from(number) + chance.fraction()) / f64::from(kills) * f64::from(pace.wanted);
        while f64::from(pace.accepted.load(Ordering::Relaxed)) < due {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "changes are not accepted any more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        busy.deliver(&flood::one(&owner, BOUNCES + delivered, SystemClock.now()), SystemClock.now());
        delivered += 1;
        let rest = Duration::from_millis(500).mul_f64(chance.fraction());
        let name = match chance.fraction() {
            draw if draw < 0.25 => {
                rig.kill_api()?;
                tokio::time::sleep(rest).await;
                rig.start_api().await?;
                "api"
            }
            draw if draw < 0.5 => {
                rig.take_worker()?.kill()?;
                tokio::time::sleep(rest).await;
                rig.start_worker().await?;
                "worker"
            }
            draw if draw < 0.75 => {
                rig.kill_redis()?;
                tokio::time::sleep(rest).await;
                rig.start_redis().await?;
                "redis"
            }
            _ => {
                rig.kill_postgres()?;
                tokio::time::sleep(rest).await;
                rig.start_postgres().await?;
                "postgres"
            }
        };
        *killed.entry(name).or_default() += 1;
        let part = kills / (2 * JUMPS + 1);
        if part > 0 && (number + 1).is_multiple_of(part) && (number + 1) / part <= 2 * JUMPS {
            let is_ahead = ((number + 1) / part).is_multiple_of(2);
            clock.advance(if is_ahead { -JUMP } else { JUMP }).await?;
        }
    }
    Ok((killed, delivered))
}

/// Returns when nothing is to be sent or read any more. The clock jumps ahead when nothing moves.
async fn settled(rig: &Rig, clock: &Clock) -> anyhow::Result<()> {
    let waiting = "select (select count(*) from delivery where state = 'pending')
        + (select count(*) from mailbox where lease_until is not null)";
    let began = Instant::now();
    let (mut last, mut since) = (i64::MAX, Instant::now());
    loop {
        let now = rig.number(waiting).await?;
        if now == 0 {
            return Ok(());
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "{now} deliveries and mailboxes are still waiting");
        if now < last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > Duration::from_secs(3) {
            clock.advance(TimeDelta::minutes(10)).await?;
            (last, since) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

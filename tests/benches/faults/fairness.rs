//! One company has more to tell than everybody else together.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use daimon_tests::rig::Rig;
use daimon_tests::sink::{Manner, Sink};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::load::{lateness, millis};
use crate::row::Row;
use crate::traffic::{self, Pace, Promised};

const JOBS: usize = 10_000;
const ENDPOINTS: usize = 20;
const SPAN: Duration = Duration::from_secs(30);
/// A receiver far away: what a slot is held for is mostly this, and not the work of this machine.
const AWAY: Duration = Duration::from_millis(250);
/// A receiver that hardly answers, but in time.
const CRAWLS: Duration = Duration::from_secs(15);
const MOST_TIMES: f64 = 2.0;

/// A small company's webhooks alone, and beside 10,000 of a large one: whose receivers are as far away, or hardly answer.
pub(crate) async fn r11() -> anyhow::Result<Row> {
    let away = beside(AWAY).await?;
    let crawling = beside(CRAWLS).await?;
    let told = |one: &Beside| {
        format!(
            "{:.3} s alone, {:.3} s beside {} to {} that wait: {:.2} times",
            one.alone,
            one.crowded,
            one.waiting[0],
            one.waiting[1],
            one.times()
        )
    };
    Ok(Row {
        what: "a company with 10,000 deliveries, to receivers that answer after 250 ms, or after 15 s, beside a small one",
        wanted: "the small one's p95 ≤ 2 times its p95 alone",
        found: format!("p95 until it is answered {}; beside those of 15 s {}", told(&away), told(&crawling)),
        reached: [&away, &crawling].iter().all(|one| one.times() <= MOST_TIMES && one.waiting[1] > 0),
        figures: json!({ "away": away.figures(), "crawling": crawling.figures() }),
    })
}

/// How late 95 in 100 of the small company's were answered, and how many of the large one's waited before and after.
struct Beside {
    alone: f64,
    crowded: f64,
    waiting: [i64; 2],
}

impl Beside {
    fn times(&self) -> f64 {
        self.crowded / self.alone
    }

    fn figures(&self) -> Value {
        json!({ "alone_p95_seconds": millis(self.alone), "beside_p95_seconds": millis(self.crowded),
            "times": millis(self.times()), "waiting_before": self.waiting[0], "waiting_after": self.waiting[1] })
    }
}

async fn beside(thinks: Duration) -> anyhow::Result<Beside> {
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], None).await?;
    let sink = Sink::start(Some(&rig.authority), false).await?;
    rig.start_worker().await?;
    let cases = traffic::cases(&rig, 1).await?;
    let case = cases.first().context("no incident")?;
    let large = rig.client.create_tenant("Large").await?;
    rig.endpoint(&sink, "small", std::slice::from_ref(&case.tenant)).await?;
    sink.behaves("small", Manner::Thinks(AWAY));
    for number in 0..ENDPOINTS {
        rig.endpoint(&sink, &number.to_string(), std::slice::from_ref(&large)).await?;
        sink.behaves(&number.to_string(), Manner::Thinks(thinks));
    }
    let alone = round(&rig, &sink, &case.incident).await?;
    let teller = rig.teller(&[large]).await?;
    let told = stream::iter(0..JOBS / ENDPOINTS).map(|number| teller.tell(number)).buffer_unordered(8);
    told.collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let waiting = "select count(*) from delivery where state = 'pending'";
    let before = rig.number(waiting).await?;
    let beside = round(&rig, &sink, &case.incident).await?;
    let after = rig.number(waiting).await?;
    // Until it was answered: what the small one's receiver takes is the same for both.
    let away = AWAY.as_secs_f64();
    Ok(Beside { alone: alone + away, crowded: beside + away, waiting: [before, after] })
}

/// Some changes a second of the small company; how late 95 in 100 arrived.
async fn round(rig: &Rig, sink: &Sink, incident: &str) -> anyhow::Result<f64> {
    let before = sink.arrived("small");
    let pace = Arc::new(Pace { wanted: u32::MAX, pause: Duration::from_millis(150), ..Pace::default() });
    let client = tokio::spawn(traffic::client(Arc::clone(&rig.client), incident.to_owned(), Arc::clone(&pace)));
    tokio::time::sleep(SPAN).await;
    pace.stop.store(true, Ordering::Relaxed);
    let mut promised = Promised::default();
    promised.add(client.await?);
    sink.wait_for("small", before.len() + promised.moves.len(), Duration::from_mins(1)).await?;
    let (_, p95) = lateness(sink, ["small".to_owned()]);
    sink.forget();
    Ok(p95)
}

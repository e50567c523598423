//! One company has more to tell than everybody else together.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use daimon_tests::rig::Rig;
use daimon_tests::sink::{Manner, Sink};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::load::{lateness, millis};
use crate::row::Row;
use crate::traffic::{self, Pace, Promised};

const JOBS: usize = 10_000;
const ENDPOINTS: usize = 20;
const SPAN: Duration = Duration::from_secs(30);
/// A receiver far away: what a slot is held for is mostly this, and not the work of this machine.
const AWAY: Duration = Duration::from_millis(250);
const MOST_TIMES: f64 = 2.0;

/// A small company's webhooks alone, and beside 10,000 of a large one.
pub(crate) async fn r11() -> anyhow::Result<Row> {
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
        sink.behaves(&number.to_string(), Manner::Thinks(AWAY));
    }
    let alone = round(&rig, &sink, &case.incident).await?;
    let teller = rig.teller(&[large]).await?;
    let told = stream::iter(0..JOBS / ENDPOINTS).map(|number| teller.tell(number)).buffer_unordered(8);
    told.collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let waiting = "select count(*) from delivery where state = 'pending'";
    let before = rig.number(waiting).await?;
    let beside = round(&rig, &sink, &case.incident).await?;
    let after = rig.number(waiting).await?;
    // Until it was answered: what the receiver takes is the same for both.
    let away = AWAY.as_secs_f64();
    let times = (beside + away) / (alone + away);
    Ok(Row {
        what: "a company with 10,000 deliveries beside a small one; receivers answer after 250 ms",
        wanted: "the small one's p95 ≤ 2 times its p95 alone",
        found: format!(
            "p95 until it is answered {:.3} s alone, {:.3} s beside {before} to {after} that wait: {times:.2} times",
            alone + away,
            beside + away
        ),
        reached: times <= MOST_TIMES && after > 0,
        figures: json!({ "alone_p95_seconds": millis(alone + away), "beside_p95_seconds": millis(beside + away), "times": millis(times),
            "waiting_before": before, "waiting_after": after }),
    })
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

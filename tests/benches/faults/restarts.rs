//! Postgres is restarted under the feet of everybody.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use daimon_domain::clock::{Entropy as _, SeededEntropy};
use daimon_tests::rig::Rig;
use daimon_tests::sink::Sink;
use reqwest::Method;
use serde_json::json;

use crate::load::millis;
use crate::model::{self, Compared};
use crate::row::Row;
use crate::traffic::{self, Pace, Promised};

const RESTARTS: u32 = 20;
const MOST_TO_BE_BACK: Duration = Duration::from_secs(5);

/// Twenty restarts: honest answers meanwhile, and back soon.
pub(crate) async fn r5(seed: u64) -> anyhow::Result<Row> {
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], None).await?;
    let sink = Sink::start(Some(&rig.authority), true).await?;
    rig.endpoint(&sink, "honest", &[]).await?;
    rig.start_worker().await?;
    let cases = traffic::cases(&rig, 3).await?;
    let pace = Arc::new(Pace { wanted: u32::MAX, pause: Duration::from_millis(50), ..Pace::default() });
    let clients: Vec<_> = cases
        .iter()
        .map(|case| tokio::spawn(traffic::client(Arc::clone(&rig.client), case.incident.clone(), Arc::clone(&pace))))
        .collect();
    let chance = SeededEntropy::new(seed);
    let (mut slowest, mut refused) = (Duration::ZERO, 0_u32);
    for _ in 0..RESTARTS {
        tokio::time::sleep(Duration::from_secs(1).mul_f64(chance.fraction())).await;
        rig.stop_postgres().await?;
        // Somebody asks while it is away.
        let answer = rig.client.request(Method::GET, "/v1/tenants", None, None).await?;
        refused += u32::from(answer.is_honest_refusal());
        rig.start_postgres().await?;
        let began = Instant::now();
        loop {
            let asked =
                tokio::time::timeout(MOST_TO_BE_BACK, rig.client.request(Method::GET, "/v1/tenants", None, None));
            if asked.await.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status == 200)) {
                break;
            }
            anyhow::ensure!(began.elapsed() < Duration::from_mins(1), "the API has not come back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slowest = slowest.max(began.elapsed());
    }
    pace.stop.store(true, Ordering::Relaxed);
    let mut promised = Promised::default();
    for client in clients {
        promised.add(client.await?);
    }
    rig.until("select count(*) from delivery where state <> 'delivered'", 0, Duration::from_mins(2)).await?;
    let mut compared = Compared::default();
    model::stored(&rig, &promised, &mut compared).await?;
    model::arrived(&rig, &sink, "honest", &mut compared).await?;
    let odd = promised.odd.len();
    for odd in promised.odd.iter().take(5) {
        println!("      odd answer: {odd}");
    }
    let slowest_s = slowest.as_secs_f64();
    Ok(Row {
        what: "Postgres restarted 20 times",
        wanted: "503 with a problem and Retry-After, back ≤ 5 s, nothing lost",
        found: format!(
            "{refused} of {RESTARTS} honest refusals, {odd} other answers; back within {slowest_s:.2} s; {} changes accepted: {}",
            promised.count(),
            compared.says()
        ),
        reached: compared.is_whole() && refused == RESTARTS && odd == 0 && slowest <= MOST_TO_BE_BACK,
        figures: json!({ "restarts": RESTARTS, "honest_refusals": refused, "other_answers": odd,
            "back_seconds": millis(slowest_s), "accepted": promised.count(), "compared": compared.figures() }),
    })
}

//! Whether another provider's thing takes as long to be not found as one that there is not: who asks would learn of it.

use std::time::{Duration, Instant};

use anyhow::ensure;
use daimon_bench::round;
use daimon_tests::rig::Rig;
use reqwest::Client;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::load::median;
use crate::stock::Stock;

/// One is no later than the other by more than that share.
const MOST_APART: f64 = 0.05;
/// So often each is asked for, in turn.
const TIMES: usize = 2_000;

/// Asks for things of each kind, theirs and none's.
pub(crate) async fn measure(rig: &Rig, stock: &Stock) -> anyhow::Result<(bool, Value)> {
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let mut reached = true;
    let mut figures = Map::new();
    println!("\nAnother provider's next to one that there is not, of {TIMES} each in turn");
    for (name, path, theirs) in &stock.theirs {
        let token = rig.client.sign_in().await?;
        let ask = async |id: Uuid| {
            let url = format!("{}{path}{}", rig.client.base, id.simple());
            let request = http.get(url).bearer_auth(&token);
            let began = Instant::now();
            let answer = request.send().await?;
            let status = answer.status();
            answer.bytes().await?;
            ensure!(status == 404, "{path}: {status}");
            anyhow::Ok(began.elapsed().as_secs_f64() * 1_000.0)
        };
        let (mut foreign, mut missing) = (Vec::with_capacity(TIMES), Vec::with_capacity(TIMES));
        for (number, id) in theirs.iter().cycle().take(TIMES).enumerate() {
            // As old as theirs, so that it would lie in the same part of the tables.
            let mut none = id.into_bytes();
            none[15] ^= 1;
            let none = Uuid::from_bytes(none);
            // Whoever is asked for second finds more in caches.
            if number.is_multiple_of(2) {
                foreign.push(ask(*id).await?);
                missing.push(ask(none).await?);
            } else {
                missing.push(ask(none).await?);
                foreign.push(ask(*id).await?);
            }
        }
        let (foreign, missing) = (median(&foreign), median(&missing));
        let apart = (foreign / missing - 1.0).abs();
        reached &= apart <= MOST_APART;
        println!(
            "{name:<12}theirs in {foreign:.3} ms, none in {missing:.3} ms (medians): {:.1} % apart (wanted: {:.0} % at most)",
            apart * 100.0,
            MOST_APART * 100.0
        );
        let figure = json!({ "theirs_ms": round(foreign), "none_ms": round(missing), "apart": round(apart) });
        figures.insert((*name).to_owned(), figure);
    }
    Ok((reached, Value::Object(figures)))
}

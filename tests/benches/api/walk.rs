//! Whether page 2,000 costs more than page 1.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use daimon_bench::round;
use daimon_tests::rig::Rig;
use reqwest::Client;
use serde_json::{Map, Value, json};

use crate::load::median;

/// The page that is wanted, and how much later than the first it may come.
const DEEP: u32 = 2_000;
const MOST_TIMES: f64 = 2.0;
/// So often each is read, in turn.
const TIMES: u32 = 100;

/// One page, and how long it took, in milliseconds.
struct Read {
    page: Value,
    took_ms: f64,
}

impl Read {
    fn next(&self) -> Option<String> {
        self.page.get("next").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        let items = self.page.get("items").and_then(Value::as_array);
        items.into_iter().flatten().filter_map(|item| item.get("id").and_then(Value::as_str))
    }
}

/// Walks through all bounces of the provider, with pages of the usual size and of the largest.
pub(crate) async fn measure(rig: &Rig, is_whole: bool) -> anyhow::Result<(bool, Value)> {
    println!("\nAll bounces of the provider, page by page");
    let mut reached = is_whole;
    let mut figures = Map::new();
    for limit in [50, 200] {
        let (is_reached, figure) = walk(rig, limit).await?;
        reached &= is_reached;
        figures.insert(format!("of_{limit}"), figure);
    }
    Ok((reached, Value::Object(figures)))
}

async fn walk(rig: &Rig, limit: u32) -> anyhow::Result<(bool, Value)> {
    let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let token = rig.client.sign_in().await?;
    let read = async |cursor: Option<&str>| {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let url = format!("{}/v1/bounces?limit={limit}{cursor}", rig.client.base);
        let request = http.get(url).bearer_auth(&token);
        let began = Instant::now();
        let answer = request.send().await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
        ensure!(status.is_success(), "{status}, {}", String::from_utf8_lossy(&body));
        anyhow::Ok(Read { page: serde_json::from_slice(&body)?, took_ms })
    };
    let mut walked = Vec::new();
    let (mut cursor, mut last, mut seen) = (None::<String>, None::<String>, 0_usize);
    let mut deepest: Option<String> = None;
    for page in 1..=DEEP {
        deepest.clone_from(&cursor);
        let found = read(cursor.as_deref()).await?;
        for id in found.ids() {
            ensure!(last.as_deref().is_none_or(|last| id < last), "page {page} of {limit}: {id} is out of order");
            last = Some(id.to_owned());
            seen += 1;
        }
        walked.push(found.took_ms);
        cursor = found.next();
        if cursor.is_none() {
            break;
        }
    }
    let deep = u32::try_from(walked.len())?;
    let deepest = deepest.context("all of it is on one page")?;
    let (mut first_ms, mut deep_ms) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        first_ms.push(read(None).await?.took_ms);
        deep_ms.push(read(Some(&deepest)).await?.took_ms);
    }
    let (first_ms, deep_ms) = (median(&first_ms), median(&deep_ms));
    let last_ten = median(walked.get(walked.len().saturating_sub(10)..).unwrap_or_default());
    let first_ten = median(walked.get(..10).unwrap_or_default());
    let times = deep_ms / first_ms;
    println!(
        "pages of {limit:<4}page 1 in {first_ms:.2} ms, page {deep} in {deep_ms:.2} ms (medians of {TIMES} in turn): \
         {times:.2} times (wanted: page {DEEP} at most {MOST_TIMES}); once each, pages 1 to 10 in {first_ten:.2} ms, the last ten \
         in {last_ten:.2} ms; {seen} bounces, each once and newest first"
    );
    let figures = json!({
        "page": deep, "first_ms": round(first_ms), "deep_ms": round(deep_ms), "times": round(times), "bounces": seen,
    });
    Ok((deep == DEEP && times <= MOST_TIMES, figures))
}

//! Two ways to ask.
//!
//! How many requests a server can answer is asked by wrk, which asks again as soon as it is answered and costs little itself.
//! How long answers take can't be asked like that: whoever waits for an answer before asking again does not notice that a
//! server stood still. So requests then have their times, evenly spread, whatever became of those before, and an answer is
//! as late as it comes after its time (what oha calls `--latency-correction`).

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::Client;

use crate::operation::Operation;

/// So many requests are on their way at a time while as many as possible are to be answered.
pub(crate) const CONNECTIONS: u32 = 16;

/// How many requests a second wrk is answered.
pub(crate) async fn most_a_second(
    folder: &Path,
    base: &str,
    operation: &Operation,
    token: &str,
    once: &str,
    span: Duration,
) -> anyhow::Result<f64> {
    let script = folder.join("ask.lua");
    tokio::fs::write(&script, operation.script(token, once)).await?;
    let mut command = tokio::process::Command::new("wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{}s", span.as_secs()), "--timeout", "10s", "-s"]);
    command.arg(&script).arg(base).kill_on_drop(true).stdin(Stdio::null());
    let output = command.output().await.context("wrk could not be run: Debian's package wrk has it")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk: {said}{}", String::from_utf8_lossy(&output.stderr));
    for line in said.lines().map(str::trim) {
        ensure!(!line.starts_with("Non-2xx") && !line.starts_with("Socket errors"), "{base}: {line}");
    }
    let figure = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    figure.and_then(|figure| figure.trim().parse().ok()).with_context(|| format!("no figure in {said}"))
}

/// How late answers come when there are so many requests a second, in seconds, the soonest first.
pub(crate) async fn lateness(
    base: &str,
    operation: &Arc<Operation>,
    token: &str,
    once: &str,
    rate: f64,
    span: Duration,
) -> anyhow::Result<Vec<f64>> {
    /// Connections are opened meanwhile, and nothing is counted.
    const BEFORE: Duration = Duration::from_secs(1);
    let http = Client::builder().no_proxy().http1_only().timeout(Duration::from_secs(30)).build()?;
    let asked = (base.to_owned(), Arc::clone(operation), token.to_owned(), once.to_owned());
    let runtime = tokio::runtime::Handle::current();
    // The timers of tokio are coarser than the times between requests, those of a thread are not.
    let sent = tokio::task::spawn_blocking(move || {
        let (base, operation, token, once) = asked;
        let (mut sent, mut number, began) = (Vec::new(), 0_u32, Instant::now());
        loop {
            let since = Duration::from_secs_f64(f64::from(number) / rate);
            if since >= BEFORE + span {
                return sent;
            }
            let due = began + since;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let turn = usize::try_from(number).unwrap_or_default();
            let request = operation.request(&http, &base, &token, turn, &once);
            let answer = runtime.spawn(async move {
                let answer = request.send().await?;
                let status = answer.status();
                answer.bytes().await?;
                let late = due.elapsed();
                ensure!(status.is_success(), "{status}");
                anyhow::Ok(late)
            });
            if since >= BEFORE {
                sent.push(answer);
            }
            number += 1;
        }
    })
    .await?;
    let mut late = Vec::with_capacity(sent.len());
    for answer in sent {
        late.push(answer.await??.as_secs_f64());
    }
    if late.is_empty() {
        bail!("nothing was asked at {rate} a second");
    }
    late.sort_by(f64::total_cmp);
    Ok(late)
}

/// The value below which that share of all lies.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// The one in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

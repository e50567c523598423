//! How late mailboxes are read that are to be read every minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use daimon_bench::{quantile, round};
use daimon_tests::scripted_imap::ScriptedImap;
use daimon_tests::servers::ServersAt;
use serde_json::{Value, json};

use crate::cpu;
use crate::crowd;

const MOST_LATE: f64 = 6.0;
const EVERY_S: u32 = 60;
const PATIENCE: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Reads so many mailboxes for some minutes, and sees how long after its turn each has been read to its end.
#[expect(clippy::disallowed_methods, reason = "it looks, as the superuser, at what the programs have stored")]
pub(crate) async fn measure(at: &ServersAt, mailboxes: u32, minutes: u32) -> anyhow::Result<(bool, Value)> {
    let scripted = ScriptedImap::start(&at.authority).await?;
    let stage = crowd::stage(at, "polls", crowd::unbounded()).await?;
    let all = (0..mailboxes).map(|number| (format!("user{number}@sakura-dental.example"), scripted.port));
    crowd::onboard(&stage.client, all, "poll", EVERY_S).await?;
    let mut look = at.postgres.look("polls").await?;
    let read = "select count(*) from mailbox where connection = 'connected'";
    crowd::until(&mut look, read, i64::from(mailboxes), PATIENCE).await?;
    let (mut turns, mut late): (HashMap<uuid::Uuid, DateTime<Utc>>, Vec<f64>) = (HashMap::new(), Vec::new());
    let (before, cpu) = (scripted.connections(), cpu::by_program()?);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(u64::from(minutes) * 60) {
        let rows: Vec<(uuid::Uuid, DateTime<Utc>, DateTime<Utc>)> =
            sqlx::query_as("select mailbox_id, next_poll_at, last_polled_at from mailbox").fetch_all(&mut look).await?;
        for (id, next, last) in rows {
            if let Some(turn) = turns.insert(id, next).filter(|turn| *turn != next) {
                late.push((last - turn).as_seconds_f64());
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // Whoever has not had a turn that is long over counts too.
    let now: DateTime<Utc> = sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut look).await?;
    late.extend(turns.values().map(|turn| (now - *turn).as_seconds_f64()).filter(|late| *late > MOST_LATE));
    late.sort_by(f64::total_cmp);
    let (median, p99) = (quantile(&late, 0.5), quantile(&late, 0.99));
    let a_second = f64::from(u32::try_from(scripted.connections() - before)?) / (f64::from(minutes) * 60.0);
    println!("\n{mailboxes} mailboxes every {EVERY_S} s, for {minutes} minutes: {} reads", late.len());
    println!("a second {a_second:>31.1}");
    println!("read to the end after its turn: p50 {median:.2} s, p99 {p99:.2} s (wanted: at most {MOST_LATE:.0})");
    cpu::print(&cpu::since(&cpu)?);
    let reached = p99 <= MOST_LATE && late.len() >= usize::try_from(mailboxes)? * usize::try_from(minutes - 1)?;
    let figures = json!({
        "mailboxes": mailboxes, "reads": late.len(), "reads_a_second": round(a_second),
        "late_p50_seconds": round(median), "late_p99_seconds": round(p99), "reached": reached,
    });
    Ok((reached, figures))
}

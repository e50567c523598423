//! Work that ends the program that begins it.
//!
//! No message is known that ends the reader, so the death is dealt from outside: each time a worker asks its IMAP server
//! for the poisoned message, or begins the poisoned test of a connection, it is sent the signal that `abort()` raises.

use std::time::Duration;

use anyhow::Context;
use daimon_tests::rig::Rig;
use daimon_tests::scripted_imap::Reply;
use serde_json::json;
use tokio::sync::mpsc;

use crate::row::Row;
use crate::traffic;

/// The message that is poisoned.
const POISON: u32 = 11;
const MOST_DEATHS: u32 = 3;
const PATIENCE: Duration = Duration::from_mins(1);

/// Whether a command asks for all of the poisoned message.
fn asks_for_poison(command: &str) -> bool {
    let Some(rest) = command.strip_prefix("UID FETCH ") else { return false };
    let Some((set, items)) = rest.split_once(' ') else { return false };
    let holds = |range: &str| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        first.parse().unwrap_or(0) <= POISON && POISON <= last.parse().unwrap_or(u32::MAX)
    };
    items.contains("BODY") && set.split(',').any(holds)
}

/// A message and a job that abort the process.
pub(crate) async fn r8() -> anyhow::Result<Row> {
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], None).await?;
    let (_, server) = traffic::mailbox(&rig, "poisoned", "poll").await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    server.answers(move |_, command| {
        asks_for_poison(command).then(|| {
            // Nobody waits any more when the part is over.
            let _ = tell.send(());
            // It reads until it dies.
            Reply::Say(Vec::new())
        })
    });
    let aside = "select count(*) from quarantine";
    let mut deaths = 0;
    while rig.number(aside).await? == 0 {
        anyhow::ensure!(deaths < 10, "ten workers have died of it");
        rig.start_worker().await?;
        let is_touched = async {
            loop {
                if told.try_recv().is_ok() {
                    return anyhow::Ok(true);
                }
                if rig.number(aside).await? > 0 {
                    return Ok(false);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let is_touched = tokio::time::timeout(PATIENCE, is_touched).await.context("nobody reads the mailbox")??;
        let worker = rig.take_worker()?;
        if is_touched {
            worker.abort()?;
            deaths += 1;
        } else {
            worker.kill()?;
        }
    }
    let uid = rig.number("select max(uid)::bigint from quarantine").await?;
    rig.start_worker().await?;
    let rest = i64::from(traffic::BOUNCES) - 1;
    rig.until("select count(*) from bounce", rest, PATIENCE).await?;
    let suspect = rig.number("select count(*) from quarantine").await?;
    rig.take_worker()?.kill()?;

    let job_deaths = of_a_job(&mut rig, &server).await?;
    Ok(Row {
        what: "a message, and a job, that abort the process",
        wanted: "put aside after 3, and nothing else with them",
        found: format!(
            "message {uid} was put aside after {deaths} deaths, the first of them among others; {rest} other bounces were read; {suspect} put aside; a test of a connection ended after {job_deaths} deaths"
        ),
        reached: uid == i64::from(POISON) && suspect == 1 && deaths == MOST_DEATHS + 1 && job_deaths == MOST_DEATHS,
        figures: json!({ "deaths": deaths, "alone": deaths - 1, "put_aside": suspect, "others_read": rest, "job_deaths": job_deaths }),
    })
}

/// How many deaths a test of a connection takes.
async fn of_a_job(rig: &mut Rig, server: &daimon_tests::scripted_imap::ScriptedImap) -> anyhow::Result<u32> {
    server.is_honest();
    // Only the test goes there, and nobody reads.
    let mailboxes = rig.client.get("/v1/mailboxes").await?.items();
    let mailbox = mailboxes.first().and_then(|mailbox| mailbox.get("id")).context("no mailbox")?;
    let mailbox = mailbox.as_str().unwrap_or_default();
    rig.client.post(&format!("/v1/mailboxes/{mailbox}/pause"), &json!({})).await?;
    let path = format!("/v1/mailboxes/{mailbox}/test-connection");
    let (tell, mut told) = mpsc::unbounded_channel();
    server.answers(move |_, _command| {
        let _ = tell.send(());
        Some(Reply::Say(Vec::new()))
    });
    let job = rig.client.post(&path, &json!({})).await?.text("id")?;
    let path = format!("/v1/jobs/{job}");
    let mut deaths = 0;
    loop {
        anyhow::ensure!(deaths < 10, "ten workers have died of the job");
        rig.start_worker().await?;
        let began = std::time::Instant::now();
        let has_ended = loop {
            let state = rig.client.get(&path).await?;
            if !state.word("ended_at").is_empty() {
                break true;
            }
            if told.try_recv().is_ok() {
                break false;
            }
            anyhow::ensure!(began.elapsed() < PATIENCE, "the job is neither begun nor ended: {}", state.body);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        if has_ended {
            rig.take_worker()?.kill()?;
            return Ok(deaths);
        }
        rig.take_worker()?.abort()?;
        while told.try_recv().is_ok() {}
        deaths += 1;
    }
}

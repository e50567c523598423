//! How soon a bounce is judged that a server tells of: from its delivery, and from what the server says of it.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use daimon_bench::quantile;
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_tests::dovecot::{Dovecot, Setup};
use daimon_tests::imap::Imap;
use daimon_tests::life::{letter, returned};
use daimon_tests::lmtp::Lmtp;
use daimon_tests::place::Place;
use daimon_tests::postfix::NAME;
use daimon_tests::servers::ServersAt;
use serde_json::{Value, json};

use crate::crowd::{self, PASSWORD};

/// Seconds: the median, and what one in a hundred may take.
const FROM_EXISTS: (f64, f64) = (0.2, 1.0);
const FROM_DELIVERY: (f64, f64) = (0.8, 1.6);
const FIRST_UID: u32 = 400_000;
const PATIENCE: Duration = Duration::from_mins(5);
/// Deliveries come one after the other, and each mailbox has its turn when all others have had theirs.
const APART: Duration = Duration::from_millis(250);

/// Delivers `rounds` bounces to each of so many mailboxes on Dovecot, over LMTP, while somebody else waits there too and sees
/// when the server tells of each.
#[expect(clippy::disallowed_methods, reason = "it looks, as the superuser, at what the programs have stored")]
pub(crate) async fn measure(at: &ServersAt, mailboxes: u32, rounds: u32) -> anyhow::Result<(bool, Value)> {
    let place = Place::temporary()?;
    let dovecot = Dovecot::start_with(&place, &at.authority, Setup { is_crowd: true, ..Setup::default() })?;
    let stage = crowd::stage(at, "latency", crowd::unbounded()).await?;
    let addresses: Vec<String> = (0..mailboxes).map(|number| format!("user{number}@sakura-dental.example")).collect();
    for (address, uid) in addresses.iter().zip(FIRST_UID..) {
        dovecot.at().add_user_of_crowd(address, PASSWORD, uid)?;
    }
    let all = addresses.iter().map(|address| (address.clone(), dovecot.at().imaps));
    crowd::onboard(&stage.client, all, "idle", 900).await?;
    let mut look = at.postgres.look("latency").await?;
    let waiting = "select count(*) from mailbox where idle_holder is not null";
    crowd::until(&mut look, waiting, i64::from(mailboxes), PATIENCE).await?;

    let mut watchers = Vec::new();
    for address in &addresses {
        let mut imap = Imap::sign_in(&at.authority, dovecot.at().imaps, address, PASSWORD).await?;
        watchers.push(tokio::spawn(async move { imap.arrivals("INBOX", rounds, PATIENCE).await }));
    }
    let mut lmtp = Lmtp::connect(&dovecot.at().lmtp).await?;
    let mut delivered: HashMap<(String, i64), DateTime<Utc>> = HashMap::new();
    // So that no mailbox is told of more often than it is read.
    let pause = Duration::from_secs(12).saturating_sub(APART * mailboxes);
    for round in 1..=rounds {
        for (number, address) in (0_u32..).zip(&addresses) {
            let mail = report(address, round * 10_000 + number, SystemClock.now());
            delivered.insert((address.clone(), i64::from(round)), SystemClock.now());
            lmtp.deliver("", address, &mail).await?;
            tokio::time::sleep(APART).await;
        }
        tokio::time::sleep(pause).await;
    }
    let wanted = i64::from(mailboxes * rounds);
    crowd::until(&mut look, "select count(*) from bounce", wanted, PATIENCE).await?;

    // When Postgres had it on disk, by Postgres: the bounce, what is thought of it and the checkpoint are one commit.
    let rows: Vec<(String, i64, DateTime<Utc>)> = sqlx::query_as(
        "select mailbox.address, bounce.uid, pg_xact_commit_timestamp(bounce.xmin)
        from bounce join mailbox using (msp_id, mailbox_id)",
    )
    .fetch_all(&mut look)
    .await?;
    let committed: HashMap<(String, i64), DateTime<Utc>> =
        rows.into_iter().map(|(address, uid, at)| ((address, uid), at)).collect();
    let (mut from_delivery, mut from_exists) = (Vec::new(), Vec::new());
    for (key, at) in &delivered {
        let stored = committed.get(key).with_context(|| format!("number {} is not stored", key.1))?;
        from_delivery.push((*stored - *at).as_seconds_f64());
    }
    for (watcher, address) in watchers.into_iter().zip(&addresses) {
        for (uid, told) in (1_i64..).zip(watcher.await??) {
            let stored = committed.get(&(address.clone(), uid)).context("a message that was told of is not stored")?;
            from_exists.push((*stored - told).as_seconds_f64());
        }
    }
    println!("\n{wanted} bounces come to {mailboxes} mailboxes on Dovecot, whose server tells of them");
    let mut reached = true;
    let mut figures = json!({ "mailboxes": mailboxes, "bounces": wanted });
    for (name, key, mut seconds, (median, most)) in [
        ("EXISTS to verdict", "from_exists", from_exists, FROM_EXISTS),
        ("delivery to verdict", "from_delivery", from_delivery, FROM_DELIVERY),
    ] {
        seconds.sort_by(f64::total_cmp);
        let (p50, p99) = (quantile(&seconds, 0.5), quantile(&seconds, 0.99));
        println!("{name:<20} p50 {p50:>7.3} s, p99 {p99:>7.3} s (wanted: at most {median:.1} and {most:.1})");
        reached &= p50 <= median && p99 <= most;
        if let Some(figures) = figures.as_object_mut() {
            figures.insert(format!("{key}_p50_seconds"), json!(millis(p50)));
            figures.insert(format!("{key}_p99_seconds"), json!(millis(p99)));
        }
    }
    if let Some(figures) = figures.as_object_mut() {
        figures.insert("reached".to_owned(), json!(reached));
    }
    Ok((reached, figures))
}

fn millis(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

/// The owner's mail number so and so comes back.
fn report(owner: &str, number: u32, at: DateTime<Utc>) -> String {
    let to = format!("typo{number}@friend.test");
    let sent = letter(owner, &to, "Hello", &format!("{number}@pc.test"), at, "Hello.\r\n");
    returned(&sent, owner, &to, NAME, at)
}

//! Transactions that commit late, and readers that must not miss them.

use std::collections::HashSet;
use std::time::Duration;

use daimon_domain::clock::{Entropy as _, SeededEntropy};
use daimon_tests::client::Client;
use daimon_tests::rig::Rig;
use daimon_tests::sink::Sink;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::model::{self, Compared};
use crate::row::Row;

const PAIRS: usize = 200;

/// Who reads on from where he was.
struct Reader<'a> {
    client: &'a Client,
    cursor: Option<String>,
    seen: Vec<String>,
}

impl Reader<'_> {
    async fn reads_on(&mut self) -> anyhow::Result<()> {
        loop {
            let after = self.cursor.as_ref().map(|cursor| format!("&after={cursor}")).unwrap_or_default();
            let page = self.client.get(&format!("/v1/events?limit=200{after}")).await?;
            for event in page.items() {
                self.cursor = event.get("cursor").and_then(Value::as_str).map(ToOwned::to_owned);
                self.seen.push(event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned());
            }
            if page.word("next").is_empty() {
                return Ok(());
            }
        }
    }
}

/// One of two transactions begins first and commits last, while somebody reads.
pub(crate) async fn r10(seed: u64) -> anyhow::Result<Row> {
    let mut rig = Rig::start(&[("DAIMON_LOG", "warn")], None).await?;
    let sink = Sink::start(Some(&rig.authority), true).await?;
    rig.endpoint(&sink, "honest", &[]).await?;
    rig.start_worker().await?;
    let tenant = rig.client.create_tenant("Sakura Dental Clinic").await?;
    let teller = rig.teller(&[tenant]).await?;
    let mut reader = Reader { client: &rig.client, cursor: None, seen: Vec::new() };
    let chance = SeededEntropy::new(seed);
    for pair in 0..PAIRS {
        let (written, is_written) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let slow = teller.clone();
        let slow = tokio::spawn(async move {
            let held = async {
                let _ = written.send(());
                let _ = released.await;
            };
            slow.commit(2 * pair, held).await
        });
        is_written.await?;
        teller.tell(2 * pair + 1).await?;
        // Most of the time somebody reads between the two commits: past the place of the one that is to come.
        if chance.fraction() < 0.8 {
            reader.reads_on().await?;
        }
        let _ = release.send(());
        slow.await??;
        if chance.fraction() < 0.5 {
            reader.reads_on().await?;
        }
    }
    reader.reads_on().await?;
    let read = reader.seen;
    let different: HashSet<&String> = read.iter().collect();
    rig.until("select count(*) from delivery where state <> 'delivered'", 0, Duration::from_mins(1)).await?;
    let mut compared = Compared::default();
    model::arrived(&rig, &sink, "honest", &mut compared).await?;
    let missed = 2 * PAIRS - different.len();
    let twice = read.len() - different.len();
    Ok(Row {
        what: "overlapping transactions, of which the first commits last",
        wanted: "no event missed, neither by push nor by GET /v1/events",
        found: format!("{PAIRS} pairs: {missed} missed and {twice} twice by pull; pushed: {}", compared.says()),
        reached: missed == 0 && twice == 0 && compared.is_whole(),
        figures: json!({ "pairs": PAIRS, "missed_by_pull": missed, "twice_by_pull": twice, "pushed": compared.figures() }),
    })
}

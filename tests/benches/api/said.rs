//! Whether the comparison is fair: the bare server has to answer the same, and to say the same to Postgres.

use std::time::Duration;

use anyhow::ensure;
use daimon_tests::rig::Rig;
use serde_json::Value;

use crate::bare;
use crate::operation::Operation;

/// How the API calls itself in Postgres, and how the bare server does.
const NAMES: [&str; 2] = [bare::NAME, "daimon"];
/// What differs between two answers to the same request.
const OWN: [&str; 3] = ["next", "id", "created_at"];

/// Asks both once, and says in what they differ.
pub(crate) async fn expect_the_same(rig: &Rig, sides: &[String; 2], operation: &Operation) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let token = rig.client.sign_in().await?;
    let ask = async |at: usize, once: &str| {
        let base = sides.get(at).map_or("", String::as_str);
        let answer = operation.request(&http, base, &token, 0, once).send().await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        ensure!(status.is_success(), "{base}: {status}, {}", String::from_utf8_lossy(&body));
        anyhow::Ok(without_own(serde_json::from_slice(&body)?, operation.is_read()))
    };
    let mut answers = Vec::new();
    let mut said = Vec::new();
    for (at, name) in NAMES.into_iter().enumerate() {
        // The first time statements are prepared, and connections made.
        for number in 0..3 {
            answers.push(ask(at, &format!("same-{number}-{at}")).await?);
        }
        rig.log_statements(true).await?;
        ask(at, &format!("said-{at}")).await?;
        // A transaction that only read is ended after its answer.
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.log_statements(false).await?;
        said.push(statements(&rig.postgres_output(), name));
    }
    let [bare, .., ours] = answers.as_slice() else { return Ok(()) };
    ensure!(bare == ours, "{}: the bare server answers\n{bare}\nand the API\n{ours}", operation.name);
    let [bare, ours] = said.as_slice() else { return Ok(()) };
    ensure!(
        bare == ours && !ours.is_empty(),
        "{}: the bare server says\n    {}\nto Postgres, and the API\n    {}",
        operation.name,
        bare.join("\n    "),
        ours.join("\n    ")
    );
    Ok(())
}

/// Of a list all but its cursor; of what was made all but what tells it from another.
fn without_own(mut answer: Value, is_read: bool) -> Value {
    if let Some(answer) = answer.as_object_mut() {
        answer.retain(|name, _| !OWN.contains(&name.as_str()) || (is_read && name != "next"));
    }
    answer
}

/// What a program said to Postgres since statements were last logged, by Postgres's log.
fn statements(log: &str, program: &str) -> Vec<String> {
    let since = log.rsplit_once(Rig::LOGGING_BEGINS).map_or(log, |(_, since)| since);
    let (ours, marks) = (format!("{program} LOG:"), [" LOG:", " DETAIL:", " HINT:", " STATEMENT:"]);
    let mut statements: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in since.lines().map(str::trim) {
        if let Some(begun) = line.strip_prefix(ours.as_str()) {
            statements.push(begun.trim().to_owned());
            goes_on = true;
        } else if marks.iter().any(|mark| line.contains(mark)) {
            goes_on = false;
        } else if let Some(last) = statements.last_mut().filter(|_| goes_on) {
            last.push(' ');
            last.push_str(line);
        }
    }
    // `execute sqlx_s_7: select …`: which number it has is of no matter.
    let text = |line: String| line.split_once(": ").map_or(line.clone(), |(_, text)| text.to_owned());
    let plain = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    statements.into_iter().map(text).map(plain).collect()
}

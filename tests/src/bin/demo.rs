//! A mailbox is stolen before your eyes, with real servers on this machine and nothing else.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_tests::catcher::Catcher;
use daimon_tests::client::Client;
use daimon_tests::life::{Person, THIEF};
use daimon_tests::program::Program;
use daimon_tests::servers::Servers;
use daimon_tests::stage::{Stage, asked_to_end};
use daimon_tests::world::Stores;
use serde_json::Value;

#[tokio::main]
async fn main() -> ExitCode {
    let done = tokio::select! {
        done = demo() => done,
        ended = asked_to_end() => ended,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nThe demo failed: {why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> anyhow::Result<()> {
    step("Starting a private Postgres, Redis, Dovecot and Postfix, on unix sockets and free ports of 127.0.0.1");
    let servers = Servers::start().await?;
    let at = servers.at();
    at.postfix()?;
    at.postgres.admin("postgres", "create database daimon owner daimon_owner").await?;
    let stores = Stores {
        app: at.postgres.url("daimon_app", "daimon"),
        fleet: at.postgres.url("daimon_fleet", "daimon"),
        owner: at.postgres.url("daimon_owner", "daimon"),
        redis: at.redis.clone(),
    };
    let stage =
        Stage::set(&stores, &at.folder, &at.authority.ca, "Kestrel IT", &at.folder.join("first.key"), Vec::new())
            .await?;
    let client = &stage.client;
    println!("    API {}   documentation {0}/docs", client.base);

    step("Kestrel IT, a managed service provider, registers where it wants to be told");
    let catcher = Catcher::start(&at.authority).await?;
    let (_endpoint, secret) = client.create_endpoint(&catcher.url()).await?;
    println!("    {}", catcher.url());

    step("Sakura Dental Clinic's reception has worked with its mailbox for a month");
    let sato = Person::with_account(at, "reception@sakura-dental.example", "Sakura2019")?;
    let ordinary = sato.lived_for_a_month(at, SystemClock.now()).await?;
    let mailbox = sato.onboarded(client, at).await?;
    wait("the mailbox is read", || async { Ok(client.bounces(&mailbox).await?.len() >= usize::try_from(ordinary)?) })
        .await?;
    let before = client.incidents().await?;
    println!(
        "    read over IMAP with TLS: {ordinary} bounces of addresses that were mistyped; incidents: {}",
        before.len()
    );
    ensure!(before.is_empty(), "ordinary life was taken for an incident: {before:?}");

    step(&format!(
        "A thief who guessed the password signs in from {THIEF} and sends 60 mails through the clinic's server"
    ));
    let came = sato.was_stolen(at, 60, 60).await?;
    println!("    {came} real bounces lie in the clinic's inbox, written by Postfix");

    step("Daimon reads them");
    let asked = Instant::now();
    client.poll_now(&mailbox).await?;
    let told = catcher.wait_for(Duration::from_secs(90), |caught| caught.kind() == "incident.opened").await?;
    println!(
        "    told {:.1} s after it was asked to look (unasked, it looks every minute or so)",
        asked.elapsed().as_secs_f64()
    );
    let listed = client.incidents().await?;
    let id = listed.first().and_then(|incident| incident.get("id")).and_then(Value::as_str).context("no incident")?;
    let incident = client.incident(id).await?;
    explain(&incident);

    step("The provider's system receives a webhook");
    told.verify(&secret, true)?;
    println!("    {} {}", told.header("webhook-id"), told.kind());
    println!("    the signature holds, says the independent library `standardwebhooks`");

    step("What to do first");
    playbook(&incident);

    step("What the clinic is given to read");
    for path in reports(client, id).await? {
        println!("    {}", path.display());
    }

    step("The same question, asked without any server: `daimon-worker scan` of the mailbox's folders on disk");
    let maildir = at.dovecot.maildir(&sato.address);
    let [received, new, sent] = ["cur", "new", ".Sent"].map(|folder| maildir.join(folder).display().to_string());
    let arguments = ["scan", &received, &new, "--sent", &sent, "--address", &sato.address];
    let scan = Program::run("daimon-worker", &arguments, &Vec::new()).await?;
    ensure!(scan.status.success(), "scan: {}", String::from_utf8_lossy(&scan.stderr));
    for line in String::from_utf8_lossy(&scan.stdout).lines().take(4) {
        println!("    {line}");
    }

    let verdict = text(&incident, "verdict");
    if verdict != "account_takeover" {
        bail!("the incident is {verdict}, not account_takeover");
    }
    if std::env::var_os("DEMO_EXIT").is_some_and(|value| !value.is_empty() && value != "0") {
        step("Done: the theft was found and told, and nothing is left running");
        return Ok(());
    }
    step("Everything stays up until you press Ctrl-C");
    println!("    documentation  {}/docs", client.base);
    println!("    metrics        http://{}/metrics", stage.internal.1);
    println!("    try\n  {}", stage.curl());
    std::future::pending::<()>().await;
    Ok(())
}

/// Keeps the report on an incident, to be opened in a browser.
async fn reports(client: &Client, id: &str) -> anyhow::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.daimon/demo");
    std::fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let mut kept = Vec::new();
    for language in ["en", "ja"] {
        let path = folder.join(format!("report.{language}.html"));
        let (_headers, page) =
            client.read(&format!("/v1/incidents/{id}/report?language={language}"), "text/html").await?;
        std::fs::write(&path, page)?;
        kept.push(path);
    }
    Ok(kept)
}

fn step(title: &str) {
    println!("\n▸ {title}");
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Why, in the incident's own words.
fn explain(incident: &Value) {
    println!(
        "    incident {}: {} ({}), severity {}",
        text(incident, "id"),
        text(incident, "verdict"),
        text(incident, "tier"),
        text(incident, "severity")
    );
    println!("    {}", text(incident, "headline"));
    let evidence = incident.get("evidence").and_then(Value::as_array).cloned().unwrap_or_default();
    for line in evidence.iter().filter(|line| line.get("against").is_some_and(|rival| !rival.is_null())) {
        println!("      - {}", text(line, "sentence"));
    }
}

/// The first steps, in the language of the tenant.
fn playbook(incident: &Value) {
    let steps = ["playbook", "steps"].iter().find_map(|key| incident.get(key)).cloned().unwrap_or_default();
    let steps =
        steps.as_array().cloned().or_else(|| steps.get("steps").and_then(Value::as_array).cloned()).unwrap_or_default();
    for step in steps.iter().take(4) {
        let title = step.get("title").map(|title| title.as_str().map_or_else(|| text(title, "en"), ToOwned::to_owned));
        println!("    {}  {}  [{}]", text(step, "id"), title.unwrap_or_default(), text(step, "who"));
    }
}

/// Asks until `look` says yes, as a customer's program would: the worker works in its own time here, and the API tells
/// nobody by itself.
async fn wait<F: Future<Output = anyhow::Result<bool>>>(what: &str, look: impl Fn() -> F) -> anyhow::Result<()> {
    for _ in 0..300 {
        if look().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!("within a minute it did not come to be that {what}")
}

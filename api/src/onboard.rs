//! `daimon-api onboard`: a table is sent to an API that runs, some rows at a time, and what is wrong is said by row and field.
//!
//! It goes through the API and not to the database, so that the key's reach, the walls and the audit log hold for it as for
//! everybody. What it prints holds no cell of the table.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use daimon_api::table::{self, Row, Table};
use daimon_egress::{OwnAnswer, OwnApi};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::commands::say;

/// How often a request is repeated that is told to come back.
const TRIES: u32 = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Onboard {
    /// The table: UTF-8, or what --charset says. Its first line names the columns: `company`, `address`, and of
    /// `external_id`, `external_system`, `language`, `groups`, `password`, `credential_id`, `username`, `host`, `port`, `tls`,
    /// `poll_interval_s`, `new_mail` those that you need.
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Where the API is, such as `https://daimon.msp.example`.
    #[arg(long, value_name = "URL", env = "DAIMON_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key with tenants:write and mailboxes:write. Give it in the environment: arguments are seen by others on the machine.
    #[arg(long, value_name = "KEY", env = "DAIMON_API_KEY", hide_env_values = true)]
    api_key: SecretString,
    /// Say what would come of each row, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Don't test the mailboxes' connections.
    #[arg(long)]
    no_test: bool,
    /// The file's charset: `utf-8` or `shift_jis`, in which Excel writes in Japan; UTF-8 when left out.
    #[arg(long, value_name = "CHARSET")]
    charset: Option<String>,
    /// How many rows are sent at a time: 1 to 1,000.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    batch: u16,
}

/// Of an answer, what is looked at.
#[derive(Debug, Default, Deserialize)]
struct Onboarded {
    tenants_created: u32,
    created: u32,
    existing: u32,
    invalid: u32,
    rows: Vec<Told>,
}

#[derive(Debug, Deserialize)]
struct Told {
    row: u32,
    errors: Vec<Wrong>,
}

#[derive(Debug, Deserialize)]
struct Wrong {
    field: String,
    detail: String,
}

/// Sends a table, and says what came of it.
pub(crate) async fn run(asked: &Onboard) -> anyhow::Result<ExitCode> {
    let name = asked.file.display();
    let bytes = std::fs::read(&asked.file).with_context(|| format!("{name} can't be read"))?;
    let table = table::decode(&bytes, asked.charset.as_deref()).and_then(|text| table::read(&text));
    let table = table.with_context(|| format!("{name} is no table of mailboxes"))?;
    let api = OwnApi::at(&asked.url).context("--url")?;
    let mut token = sign_in(&api, &asked.api_key).await?;
    let mut all = Onboarded::default();
    for rows in table.rows.chunks(asked.batch.into()) {
        let part = send(asked, &api, &mut token, &table, rows).await?;
        all.tenants_created += part.tenants_created;
        all.created += part.created;
        all.existing += part.existing;
        all.invalid += part.invalid;
        for told in part.rows {
            for wrong in told.errors {
                say(&format!("row {}, {}: {}", told.row, wrong.field, wrong.detail));
            }
        }
    }
    let Onboarded { tenants_created, created, existing, invalid, .. } = all;
    // Each part of a dry run finds the same companies new.
    let companies = if asked.dry_run {
        "this was a dry run, and nothing was changed".to_owned()
    } else {
        format!("{tenants_created} new companies")
    };
    say(&format!("{created} mailboxes onboarded, {existing} were there, {invalid} rows wrong; {companies}"));
    Ok(if invalid == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn sign_in(api: &OwnApi, key: &SecretString) -> anyhow::Result<SecretString> {
    #[derive(Deserialize)]
    struct Token {
        access_token: SecretString,
    }
    let answer = patiently(|| api.post("/v1/auth/token", key.expose_secret(), "application/json", Vec::new())).await?;
    if answer.status != 200 {
        bail!("DAIMON_API_KEY was refused: {}", problem(&answer));
    }
    let token: Token = serde_json::from_slice(&answer.body).context("the answer is no token: is this a Daimon API?")?;
    Ok(token.access_token)
}

/// Sends some rows, and tells of each by its line in the file.
async fn send(
    asked: &Onboard,
    api: &OwnApi,
    token: &mut SecretString,
    table: &Table,
    rows: &[Row],
) -> anyhow::Result<Onboarded> {
    let body = table.write(rows)?;
    let path = format!("/v1/tenants/onboard?dry_run={}&test={}", asked.dry_run, !asked.no_test);
    let media = "text/csv; charset=utf-8";
    let mut answer = patiently(|| api.post(&path, token.expose_secret(), media, body.clone())).await?;
    if answer.status == 401 {
        // A token holds for a quarter of an hour.
        *token = sign_in(api, &asked.api_key).await?;
        answer = patiently(|| api.post(&path, token.expose_secret(), media, body.clone())).await?;
    }
    if answer.status != 207 {
        let first = rows.first().map_or(0, |row| row.line);
        bail!(
            "the rows from {first} on were not taken: {}; those before are in, and all may be sent again",
            problem(&answer)
        );
    }
    let mut part: Onboarded = serde_json::from_slice(&answer.body).context("the answer can't be read")?;
    // A cell may have several lines, so that is asked of who counts them.
    let sent = table::read(&table::decode(&body, None)?)?;
    for told in &mut part.rows {
        let at = sent.rows.iter().position(|row| row.line == told.row);
        told.row = at.and_then(|at| rows.get(at)).map_or(told.row, |row| row.line);
    }
    Ok(part)
}

/// Asks again when it is told to.
async fn patiently<F>(mut ask: impl FnMut() -> F) -> anyhow::Result<OwnAnswer>
where
    F: Future<Output = Result<OwnAnswer, daimon_egress::DialError>>,
{
    let mut tries = 0;
    loop {
        let answer = ask().await.context("the API does not answer")?;
        tries += 1;
        match answer.retry_after_s {
            Some(wait_s) if [409, 429, 503].contains(&answer.status) && tries < TRIES => {
                tokio::time::sleep(Duration::from_secs(wait_s.clamp(1, 60))).await;
            }
            Some(_) | None => return Ok(answer),
        }
    }
}

/// What a problem says, for people.
fn problem(answer: &OwnAnswer) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Problem {
        detail: String,
        errors: Vec<Detail>,
    }
    #[derive(Deserialize)]
    struct Detail {
        detail: String,
    }
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let errors: Vec<String> = problem.errors.into_iter().map(|error| error.detail).collect();
    let said = if errors.is_empty() { problem.detail } else { errors.join("; ") };
    if said.is_empty() { format!("status {}", answer.status) } else { said }
}

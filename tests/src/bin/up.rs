//! API and worker, with a private Postgres and a private Redis unless others are named, until Ctrl-C.
//!
//! Everything lives under `.daimon/` and is there again the next time. `DATABASE_URL` (with `DATABASE_FLEET_URL` and
//! `DATABASE_OWNER_URL`) and `REDIS_URL` put real servers in their place.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use daimon_tests::authority::Authority;
use daimon_tests::place::Place;
use daimon_tests::postgres::{Postgres, PostgresAt};
use daimon_tests::redis_server::Redis;
use daimon_tests::stage::{Stage, asked_to_end};
use daimon_tests::world::Stores;

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = tokio::select! {
        done = up() => done,
        ended = asked_to_end() => ended,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn up() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.daimon/up");
    let place = Place::lasting(&folder)?;
    // Sockets go into a short temporary folder: a unix socket's path has at most 107 bytes.
    let (mut postgres, mut redis) = (None, None);
    let app = variable("DATABASE_URL");
    let stores = if let Some(app) = app {
        Stores {
            fleet: variable("DATABASE_FLEET_URL").context("DATABASE_URL needs DATABASE_FLEET_URL beside it")?,
            owner: variable("DATABASE_OWNER_URL").context("DATABASE_URL needs DATABASE_OWNER_URL beside it")?,
            app,
            redis: String::new(),
        }
    } else {
        println!("Postgres   private, in {}", place.path().display());
        let started = tokio::task::spawn_blocking({
            let place = Place::lasting(&folder)?;
            move || Postgres::start(&place, true)
        })
        .await??;
        let at = PostgresAt { socket: started.socket().to_owned() };
        at.roles().await?;
        // Refused when it is there already; anything else shows when the schema is brought up to date.
        drop(at.admin("postgres", "create database daimon owner daimon_owner").await);
        postgres = Some(started);
        Stores {
            app: at.url("daimon_app", "daimon"),
            fleet: at.url("daimon_fleet", "daimon"),
            owner: at.url("daimon_owner", "daimon"),
            redis: String::new(),
        }
    };
    let redis_url = if let Some(url) = variable("REDIS_URL") {
        url
    } else {
        println!("Redis      private, in {}", place.path().display());
        let started = tokio::task::spawn_blocking({
            let place = Place::lasting(&folder)?;
            move || Redis::start(&place)
        })
        .await??;
        let url = started.url();
        redis = Some(started);
        url
    };
    let stores = Stores { redis: redis_url, ..stores };
    let authority = Authority::in_place(&place)?;
    // Fixed where `make up` is used by hand; the environment can say otherwise.
    let listen = ("DAIMON_LISTEN".to_owned(), variable("DAIMON_LISTEN").unwrap_or_else(|| "127.0.0.1:8080".to_owned()));
    let stage =
        Stage::set(&stores, place.path(), &authority.ca, "My MSP", &place.path().join("first.key"), vec![listen])
            .await?;
    println!("API        {}/docs", stage.client.base);
    println!(
        "health     http://{0}/readyz (API), http://{1}/readyz (worker), /metrics beside them",
        stage.internal.0, stage.internal.1
    );
    println!("first key  {}   (kept in .daimon/up/first.key)", stage.client.key());
    println!("try\n  {}", stage.curl());
    println!("Ctrl-C ends everything; the data stays in .daimon/up.");
    std::future::pending::<()>().await;
    drop((stage, postgres, redis));
    Ok(())
}

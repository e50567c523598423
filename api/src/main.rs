//! `daimon-api`: serves the API, and sets a new installation up.

mod commands;
mod onboard;
mod verify_audit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use daimon_boot::settings::{self, Api, Owner};
use daimon_domain::mailbox::Address;

/// A page of a list is a thousand small texts, made on one thread and often dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reads the bounces of your tenants' mailboxes and tells you which mailbox was taken over: the API.
#[derive(Debug, Parser)]
#[command(
    name = "daimon-api",
    version,
    after_help = "A new installation: `daimon-api bootstrap`, then `daimon-api serve`. Each command's --help lists its \
                  settings. They can be given as environment variables or as arguments."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// Without a subcommand every setting comes from the environment.
#[derive(Debug, Parser)]
#[command(name = "daimon-api", version)]
struct Serve {
    #[command(flatten)]
    api: Api,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API until SIGTERM; the same as no subcommand, with settings from the environment.
    Serve(Box<Api>),
    /// Sets a new database up: its tables, the first MSP and the MSP's first API key, which is printed this once; an owner besides, if you like.
    Bootstrap(Bootstrap),
    /// Brings the database to this version; safe to repeat. Run it before the programs of a new version.
    Migrate(Owner),
    /// Takes the companies and mailboxes of a table (CSV) in, through an API that runs; safe to repeat. Ends with 1 when rows were
    /// wrong, and says of each which and why.
    Onboard(onboard::Onboard),
    /// Goes through the audit log of every MSP, as the database's owner: prints where each ends, or where it was changed, and then ends with 1.
    VerifyAudit(verify_audit::VerifyAudit),
    /// Prints the `OpenAPI` document (JSON) that the API serves at `/openapi.json`. Needs no settings.
    Openapi,
}

#[derive(Debug, clap::Args)]
struct Bootstrap {
    /// The MSP's name: 1 to 200 characters.
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// Create one although there is one already; otherwise that is refused and nothing is changed.
    #[arg(long)]
    another: bool,
    /// The address of the MSP's first owner, who is invited: the invitation is printed on a second line, this once. Nobody when left out.
    #[arg(long, value_name = "ADDRESS")]
    owner_email: Option<Address>,
    /// What people call that owner; the address when left out.
    #[arg(long, value_name = "TEXT", requires = "owner_email", value_parser = a_name)]
    owner_name: Option<String>,
    #[command(flatten)]
    owner: Owner,
}

fn a_name(text: &str) -> Result<String, String> {
    let is_sound = matches!(text.chars().count(), 1..=200) && !text.chars().any(char::is_control);
    if is_sound { Ok(text.to_owned()) } else { Err("has 1 to 200 characters".to_owned()) }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let done = match settings::parse_or_exit::<Cli>().command {
        Some(Command::VerifyAudit(asked)) => return verify_audit::run(&asked).await,
        Some(Command::Onboard(asked)) => return onboard::run(&asked).await,
        None => commands::serve(settings::parse_or_exit::<Serve>().api).await,
        Some(Command::Serve(api)) => commands::serve(*api).await,
        Some(Command::Bootstrap(asked)) => {
            let first = asked.owner_email.map(|email| {
                let name = asked.owner_name.unwrap_or_else(|| email.as_str().chars().take(200).collect());
                commands::FirstOwner { email, name }
            });
            commands::bootstrap(&asked.owner, &asked.name, asked.another, first).await
        }
        Some(Command::Migrate(owner)) => commands::migrate(&owner).await,
        Some(Command::Openapi) => commands::openapi(),
    };
    done.map(|()| ExitCode::SUCCESS)
}

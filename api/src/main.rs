//! `daimon-api`: serves the API, and sets a new installation up.

mod commands;

use clap::{Parser, Subcommand};
use daimon_boot::settings::{self, Api, Owner};

/// Reads the bounces of your tenants' mailboxes and tells you which mailbox was taken over: the API.
#[derive(Debug, Parser)]
#[command(name = "daimon-api", version)]
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
    /// Serves the API; the same as no subcommand.
    Serve(Box<Api>),
    /// Creates the first MSP and its first API key, and prints the key, once.
    Bootstrap(Bootstrap),
    /// Brings the database to this version.
    Migrate(Owner),
    /// Prints the `OpenAPI` document. Needs no settings.
    Openapi,
}

#[derive(Debug, clap::Args)]
struct Bootstrap {
    /// The MSP's name.
    #[arg(long)]
    name: String,
    /// Create one although there is one already.
    #[arg(long)]
    another: bool,
    #[command(flatten)]
    owner: Owner,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match settings::parse_or_exit::<Cli>().command {
        None => commands::serve(settings::parse_or_exit::<Serve>().api).await,
        Some(Command::Serve(api)) => commands::serve(*api).await,
        Some(Command::Bootstrap(asked)) => commands::bootstrap(&asked.owner, &asked.name, asked.another).await,
        Some(Command::Migrate(owner)) => commands::migrate(&owner).await,
        Some(Command::Openapi) => commands::openapi(),
    }
}

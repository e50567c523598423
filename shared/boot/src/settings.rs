//! Every setting of both programs.
//!
//! A wrong or missing setting ends the program at once with one line that names it, because a program that starts with
//! half of its settings fails later, elsewhere and for somebody else.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, ValueEnum};
use daimon_domain::mailbox::HostName;

/// Where the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// In earnest.
    Production,
    /// On a developer's machine or in a test: webhooks to loopback without TLS, a clock and a hosts file of one's own.
    Development,
}

/// A URL that carries a password: printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The URL, to connect with.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("<url>")
    }
}

/// Accepts a URL of one of `schemes`. The message never repeats the value: it may hold a password.
fn secret_url(text: &str, schemes: &[&str]) -> Result<SecretUrl, String> {
    match url::Url::parse(text) {
        Ok(url) if schemes.contains(&url.scheme()) => Ok(SecretUrl(text.to_owned())),
        Ok(_) | Err(_) => Err(format!("must be a URL that starts with {}", schemes.join(":// or ") + "://")),
    }
}

fn postgres_url(text: &str) -> Result<SecretUrl, String> {
    secret_url(text, &["postgres", "postgresql"])
}

fn redis_url(text: &str) -> Result<SecretUrl, String> {
    secret_url(text, &["redis", "rediss", "unix", "redis+unix"])
}

fn redis_prefix(text: &str) -> Result<String, String> {
    let is_sound =
        matches!(text.len(), 1..=64) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    if is_sound { Ok(text.to_owned()) } else { Err("must be 1 to 64 letters, digits, or any of - _ . :".to_owned()) }
}

fn clock_socket(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("unix:") {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        Some(_) | None => Err("must be unix: and an absolute path".to_owned()),
    }
}

/// What both programs need.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Postgres, as `daimon_app`, the role that row-level security binds: `postgres://daimon_app:password@host/daimon`.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true, value_parser = postgres_url)]
    pub database_url: SecretUrl,
    /// Redis, which holds hints only, so that losing it loses nothing: `redis://host:6379`, `rediss://host:6379` with
    /// TLS, or `unix:///run/redis.sock`.
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true, value_parser = redis_url)]
    pub redis_url: SecretUrl,
    /// What every key in Redis starts with, for installations that share one.
    #[arg(long, value_name = "TEXT", env = "DAIMON_REDIS_PREFIX", default_value = "daimon", value_parser = redis_prefix)]
    pub redis_prefix: String,
    /// The key that everything secret is sealed under: a file of 64 hexadecimal digits (`openssl rand -hex 32`). Of
    /// several lines the first one seals, and all of them open. Keep a copy: without it no mailbox's password can be
    /// read.
    #[arg(long, value_name = "FILE", env = "DAIMON_MASTER_KEY_FILE")]
    pub master_key_file: PathBuf,
    /// What is common to everything that may be tried on a developer's machine.
    #[command(flatten)]
    pub surroundings: Surroundings,
    /// What is dialled, and whom we believe there.
    #[command(flatten)]
    pub egress: Egress,
}

/// Where the program runs, and by which clock.
#[derive(Clone, Debug, Args)]
pub struct Surroundings {
    /// Where the program runs: `development` accepts what would be dangerous in production.
    #[arg(long, value_name = "NAME", env = "DAIMON_ENV", default_value = "production")]
    pub environment: Environment,
    /// Follow the clock behind this socket, as in `unix:/run/clock` (development only); the system's when left out.
    #[arg(long, value_name = "SOCKET", env = "DAIMON_CLOCK", value_parser = clock_socket)]
    pub clock: Option<PathBuf>,
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, and more for a part, as in
    /// `info,daimon_worker=debug`.
    #[arg(long, value_name = "FILTER", env = "DAIMON_LOG", default_value = "info")]
    pub log: String,
}

/// What may be dialled, and whom we believe there.
#[derive(Clone, Debug, Args)]
pub struct Egress {
    /// What may be dialled beside public addresses at the usual ports (webhooks 443, IMAP 993 and 143): a file of lines
    /// such as `10.1.2.0/24:993`, `10.1.2.7/32:8000-8999` or `203.0.113.7/32:*`; nothing when left out.
    #[arg(long, value_name = "FILE", env = "DAIMON_EGRESS_ALLOW_FILE")]
    pub egress_allow_file: Option<PathBuf>,
    /// Certificate authorities of your own, a PEM file; the platform's are believed in any case, and only they when left
    /// out.
    #[arg(long, value_name = "FILE", env = "DAIMON_EXTRA_CA_FILE")]
    pub extra_ca_file: Option<PathBuf>,
    /// A hosts file that is asked before DNS (development only); DNS alone when left out.
    #[arg(long, value_name = "FILE", env = "DAIMON_RESOLVE_FILE")]
    pub resolve_file: Option<PathBuf>,
    /// The DNS servers to ask, such as `192.0.2.53:53,192.0.2.54:53`: block lists refuse public ones. The system's when
    /// left out.
    #[arg(long, value_name = "ADDRESS", env = "DAIMON_DNS_SERVERS", value_delimiter = ',')]
    pub dns_servers: Vec<SocketAddr>,
    /// By which names clients reach the API, such as `api.daimon.example`: no webhook may lead there, because each event would
    /// make another; when left out, only the name by which whoever registers a webhook reached us is refused.
    #[arg(long, value_name = "HOST", env = "DAIMON_API_HOSTS", value_delimiter = ',')]
    pub api_hosts: Vec<HostName>,
}

/// Postgres as the role that may ask the few questions that span MSPs.
#[derive(Clone, Debug, Args)]
pub struct Fleet {
    /// Postgres, as `daimon_fleet`, the role that sees of all MSPs which work is due, and nothing else:
    /// `postgres://daimon_fleet:password@host/daimon`.
    #[arg(long, value_name = "URL", env = "DATABASE_FLEET_URL", hide_env_values = true, value_parser = postgres_url)]
    pub database_fleet_url: SecretUrl,
}

/// Postgres as the role that migrates.
#[derive(Clone, Debug, Args)]
pub struct Owner {
    /// Postgres, as `daimon_owner`, the role that the tables belong to: `postgres://daimon_owner:password@host/daimon`.
    #[arg(long, value_name = "URL", env = "DATABASE_OWNER_URL", hide_env_values = true, value_parser = postgres_url)]
    pub database_owner_url: SecretUrl,
}

/// What the API needs.
#[derive(Clone, Debug, Args)]
pub struct Api {
    /// What both programs need.
    #[command(flatten)]
    pub common: Common,
    /// Where to listen for clients, without TLS: put a proxy in front. Port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", env = "DAIMON_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where to listen for `/healthz`, `/readyz` and `/metrics`: for inside only. Port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", env = "DAIMON_INTERNAL_LISTEN", default_value = "127.0.0.1:9090")]
    pub internal_listen: SocketAddr,
    /// How many requests anybody may make.
    #[command(flatten)]
    pub rates: Rates,
}

/// How many requests a minute are answered; what was not used is kept for a minute.
#[derive(Clone, Copy, Debug, Args)]
pub struct Rates {
    /// How many requests a minute an API key, or a user, makes at most: 1 to 1,000,000.
    #[arg(long, value_name = "COUNT", env = "DAIMON_REQUESTS_PER_KEY", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests_per_key: u32,
    /// How many all API keys and users of an MSP make together: 1 to 1,000,000.
    #[arg(long, value_name = "COUNT", env = "DAIMON_REQUESTS_PER_MSP", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests_per_msp: u32,
    /// How many come from an address (of IPv6, a /64) without a token that holds, which includes every exchange of a key for
    /// a token: 1 to 1,000,000.
    #[arg(long, value_name = "COUNT", env = "DAIMON_REQUESTS_PER_ADDRESS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests_per_address: u32,
    /// How often within ten minutes somebody may try to sign in as the same user: 1 to 1,000,000.
    #[arg(long, value_name = "COUNT", env = "DAIMON_SIGN_INS_PER_USER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sign_ins_per_user: u32,
    /// How often within ten minutes anybody may try to sign in from the same address (of IPv6, a /64): 1 to 1,000,000.
    #[arg(long, value_name = "COUNT", env = "DAIMON_SIGN_INS_PER_ADDRESS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sign_ins_per_address: u32,
    /// How many proxies of your own stand before the API and add to `X-Forwarded-For` whom they saw: 0 to 9. What others
    /// wrote there is not believed.
    #[arg(long, value_name = "COUNT", env = "DAIMON_FORWARDED_HOPS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=9))]
    pub forwarded_hops: u8,
}

/// What the worker needs.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    /// What both programs need.
    #[command(flatten)]
    pub common: Common,
    /// The fleet's role.
    #[command(flatten)]
    pub fleet: Fleet,
    /// Where to listen for `/healthz`, `/readyz` and `/metrics`: for inside only. Port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", env = "DAIMON_INTERNAL_LISTEN", default_value = "127.0.0.1:9091")]
    pub internal_listen: SocketAddr,
    /// After how many seconds another worker takes over what this one began, if it is heard of no more: 1 to 3,600.
    #[arg(long, value_name = "SECONDS", env = "DAIMON_LEASE_S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub lease_s: u32,
    /// How many mailboxes are read at a time: 1 to 500.
    #[arg(long, value_name = "COUNT", env = "DAIMON_POLL_SLOTS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub poll_slots: u16,
    /// How many sessions an IMAP server that is not in our table of providers has at a time, from all workers together: 1 to
    /// 500.
    #[arg(long, value_name = "COUNT", env = "DAIMON_HOST_CONNECTIONS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub host_connections: u16,
    /// How many sign-ins a minute such a server has: 1 to 60,000; 0: as many as there are.
    #[arg(long, value_name = "COUNT", env = "DAIMON_HOST_LOGINS_PER_MINUTE", default_value_t = 120, value_parser = clap::value_parser!(u16).range(0..=60_000))]
    pub host_logins_per_minute: u16,
    /// How many reports of one mailbox a session reads. Of a flood beyond that, when it is settled what it is, one in twenty is
    /// read and the rest is counted; 0: all are read.
    #[arg(long, value_name = "COUNT", env = "DAIMON_READ_ALL_UP_TO", default_value_t = 10_000)]
    pub read_all_up_to: u32,
    /// How many sessions there are at most, of all workers together, in which IMAP servers tell of new mail (`"new_mail":
    /// "idle"`); further mailboxes are read in turn: 0 to 1,000,000. A worker needs about 64 KiB for each.
    #[arg(long, value_name = "COUNT", env = "DAIMON_IDLE_SESSIONS", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub idle_sessions: u32,
    /// How many webhooks are sent at a time: 1 to 500.
    #[arg(long, value_name = "COUNT", env = "DAIMON_DELIVER_SLOTS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub deliver_slots: u16,
    /// The DNS block lists to ask for your customers' domains, a TOML file as `shared/posture/data/blocklists.toml`; that
    /// one when left out.
    #[arg(long, value_name = "FILE", env = "DAIMON_BLOCKLISTS_FILE")]
    pub blocklists_file: Option<PathBuf>,
}

/// A setting that only makes sense on a developer's machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{setting} is accepted with DAIMON_ENV=development only")]
pub struct DevelopmentOnly {
    /// Its name.
    pub setting: &'static str,
}

impl Common {
    /// Refuses what would let a test's shortcuts into production.
    pub const fn check(&self) -> Result<(), DevelopmentOnly> {
        let is_production = matches!(self.surroundings.environment, Environment::Production);
        if is_production && self.surroundings.clock.is_some() {
            return Err(DevelopmentOnly { setting: "DAIMON_CLOCK" });
        }
        if is_production && self.egress.resolve_file.is_some() {
            return Err(DevelopmentOnly { setting: "DAIMON_RESOLVE_FILE" });
        }
        Ok(())
    }
}

/// Reads the settings of `P`, or ends the program: code 2 and one line on stderr that names the setting. `--help` and
/// `--version` end it too, as usual.
pub fn parse_or_exit<P: Parser>() -> P {
    P::try_parse().unwrap_or_else(|error| match explain(&error, &P::command()) {
        Some(line) => refuse(&line),
        None => error.exit(),
    })
}

/// Ends the program because of a setting: code 2 and one line on stderr.
#[expect(clippy::print_stderr, reason = "logging starts only once the settings are known to be good")]
pub fn refuse(line: &dyn fmt::Display) -> ! {
    eprintln!("{line}");
    std::process::exit(2)
}

/// One line for a person: the setting and what is wrong with it; `None` where clap's own text is better.
fn explain(error: &clap::Error, command: &clap::Command) -> Option<String> {
    use std::error::Error as _;
    let context = error.get(ContextKind::InvalidArg)?;
    let argument =
        if let ContextValue::Strings(several) = context { several.first()?.clone() } else { context.to_string() };
    let setting = setting_of(command, &argument)?;
    let kind = error.kind();
    if kind == ErrorKind::MissingRequiredArgument {
        Some(format!("{setting} is not set"))
    } else if matches!(kind, ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        let because = error.source().map_or_else(|| "is none of the accepted values".to_owned(), ToString::to_string);
        Some(format!("{setting} is wrong: {because}"))
    } else {
        None
    }
}

/// The environment variable behind `--name <NAME>`, in this command or one of its subcommands.
fn setting_of(command: &clap::Command, argument: &str) -> Option<String> {
    let long = argument.split_whitespace().next()?.strip_prefix("--")?;
    command
        .get_arguments()
        .find(|one| one.get_long() == Some(long))
        .and_then(|one| one.get_env())
        .map(|name| name.to_string_lossy().into_owned())
        .or_else(|| command.get_subcommands().find_map(|sub| setting_of(sub, argument)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        worker: Worker,
    }

    const WHOLE: [&str; 9] = [
        "worker",
        "--database-url",
        "postgres://app:hunter2@db/daimon",
        "--database-fleet-url",
        "postgres://fleet@db/daimon",
        "--redis-url",
        "unix:///run/redis.sock",
        "--master-key-file",
        "/etc/daimon/master.key",
    ];

    fn parsed(more: &[&str]) -> Result<Program, String> {
        Program::try_parse_from(WHOLE.iter().chain(more))
            .map_err(|e| explain(&e, &Program::command()).unwrap_or_default())
    }

    #[test]
    fn the_help_says_of_every_setting_what_it_is_and_what_happens_without_it() {
        #[derive(Debug, Parser)]
        struct Others {
            #[command(flatten)]
            api: Api,
            #[command(flatten)]
            owner: Owner,
        }
        let mut seen = 0;
        for command in [Program::command(), Others::command()] {
            for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
                let name = argument.get_id().as_str();
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.len() > 30, "{name}: {help}");
                assert!(argument.get_env().is_some(), "{name} has no variable");
                let unit = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap();
                assert_ne!(unit.to_lowercase(), name, "{name}: its value has no kind");
                let says_default = !argument.get_default_values().is_empty() || help.contains("when left out");
                assert!(argument.is_required_set() || says_default, "{name} says no default: {help}");
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = Program::try_parse_from(WHOLE.iter().take(7)).unwrap_err();
        assert_eq!(explain(&error, &Program::command()).unwrap(), "DAIMON_MASTER_KEY_FILE is not set");
    }

    #[test]
    fn a_wrong_setting_is_named_and_its_value_is_not_repeated() {
        let line = parsed(&["--lease-s", "0"]).unwrap_err();
        assert!(line.starts_with("DAIMON_LEASE_S "), "{line}");
        let mut wrong = WHOLE;
        wrong[2] = "mysql://app:hunter2@db/daimon";
        let line = explain(&Program::try_parse_from(wrong).unwrap_err(), &Program::command()).unwrap();
        assert!(line.starts_with("DATABASE_URL ") && !line.contains("hunter2"), "{line}");
    }

    #[test]
    fn a_password_in_a_url_is_not_printed() {
        let program = parsed(&[]).unwrap();
        assert!(!format!("{program:?}").contains("hunter2"));
    }

    #[test]
    fn production_follows_no_clock() {
        let program = parsed(&["--clock", "unix:/tmp/clock"]).unwrap();
        assert_eq!(program.worker.common.check(), Err(DevelopmentOnly { setting: "DAIMON_CLOCK" }));
        let program = parsed(&["--clock", "unix:/tmp/clock", "--environment", "development"]).unwrap();
        assert_eq!(program.worker.common.check(), Ok(()));
    }
}

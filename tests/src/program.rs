//! The real programs, as separate processes.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use anyhow::Context;

use crate::keep::Kept;

/// How long a program may take to say that it is ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// Settings by name, as in the environment.
pub type Settings = Vec<(String, String)>;

/// A running `daimon-api` or `daimon-worker`.
#[derive(Debug)]
pub struct Program {
    kept: Kept,
    ready: String,
}

impl Program {
    /// Starts it with these settings and nothing else of our environment, and waits until it is ready.
    pub async fn start(name: &str, arguments: &[&str], settings: &Settings) -> anyhow::Result<Self> {
        Self::launch(name, arguments, settings, None).await
    }

    /// The same, with its log in a file.
    pub async fn start_logging(
        name: &str,
        arguments: &[&str],
        settings: &Settings,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        Self::launch(name, arguments, settings, Some(log)).await
    }

    async fn launch(name: &str, arguments: &[&str], settings: &Settings, log: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut command = command(name, settings)?;
        command.args(arguments);
        let name = name.to_owned();
        tokio::task::spawn_blocking(move || {
            let mut kept = match log {
                Some(log) => Kept::start_logging(&name, command, "TERM", &log)?,
                None => Kept::start(&name, command, "TERM", None)?,
            };
            let ready = kept.ready_line(PATIENCE)?;
            Ok(Self { kept, ready })
        })
        .await?
    }

    /// Runs it to its end.
    pub async fn run(name: &str, arguments: &[&str], settings: &Settings) -> anyhow::Result<Output> {
        let mut command = tokio::process::Command::from(command(name, settings)?);
        command.args(arguments).kill_on_drop(true).stdin(std::process::Stdio::null());
        Ok(tokio::time::timeout(PATIENCE, command.output()).await.with_context(|| format!("{name} did not end"))??)
    }

    /// The address that follows `key=` in the ready line.
    pub fn address(&self, key: &str) -> anyhow::Result<String> {
        let wanted = format!("{key}=");
        let found = self.ready.split(' ').find_map(|word| word.strip_prefix(&wanted));
        found.map(ToOwned::to_owned).with_context(|| format!("no {key} in {:?}", self.ready))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.kept.pid()
    }

    /// What it logged.
    pub fn output(&self) -> String {
        self.kept.output()
    }

    /// The first line of its log that `is_it` likes, which may come a moment after the answer that it is about.
    pub fn line(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> anyhow::Result<String> {
        self.kept.wait_for_line(Duration::from_secs(10), what, is_it)
    }

    /// Kills it as a power cut would.
    pub fn kill(self) -> anyhow::Result<()> {
        self.kept.kill()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        self.kept.signal(name);
    }

    /// Lets it end as `abort()` ends a program.
    pub fn abort(mut self) -> anyhow::Result<ExitStatus> {
        self.kept.signal("ABRT");
        self.kept.ended()
    }

    /// Asks it to stop, as an upgrade does.
    pub fn stop(self) -> anyhow::Result<ExitStatus> {
        self.kept.stop(Duration::from_secs(30))
    }
}

fn command(name: &str, settings: &Settings) -> anyhow::Result<Command> {
    let mut command = Command::new(built(name)?);
    command.env_clear().envs(settings.iter().map(|(name, value)| (name, value)));
    for kept in ["PATH", "HOME", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    Ok(command)
}

/// The variable that names the folder with the programs, where it is not Cargo's that we lie in.
pub const PROGRAMS: &str = "DAIMON_TEST_PROGRAMS";

/// Where Cargo put a program of the workspace: beside us, or one folder up from a test.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        return Ok(PathBuf::from(folder).join(name));
    }
    let me = std::env::current_exe()?;
    let found = me.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: `cargo build --workspace --bins` builds it"))
}

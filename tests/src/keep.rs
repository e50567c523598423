//! Processes that cannot outlive us.
//!
//! A test may be killed, a demo interrupted, a benchmark aborted: no destructor runs then. So every process gets its
//! own process group (Ctrl-C reaches only us) and a guard, a shell that waits at the other end of a pipe. When we are
//! gone, in whatever way, the pipe closes, and the guard ends the group and removes what it was told to remove.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How much of a process's output is kept for the day it fails.
const LINES_KEPT: usize = 400;

/// A process of ours and its guard.
#[derive(Debug)]
pub struct Kept {
    name: String,
    child: Child,
    guard: Option<Child>,
    gentle: &'static str,
    said: Arc<Said>,
    log: Option<PathBuf>,
}

/// What a process says, and a bell for each line and for the end of each of its two pipes.
#[derive(Debug, Default)]
struct Said {
    output: Mutex<Output>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Output {
    kept: VecDeque<String>,
    ended: u8,
}

impl Said {
    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when `done` holds, or patience ends.
    fn wait_until(&self, patience: Duration, mut done: impl FnMut(&Output) -> bool) -> MutexGuard<'_, Output> {
        let waited = self.news.wait_timeout_while(self.lock(), patience, |output| !done(output));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Kept {
    /// Starts `command`. `gentle` is the signal that asks it to stop; `remove` is deleted should we die first.
    pub fn start(name: &str, command: Command, gentle: &'static str, remove: Option<&Path>) -> anyhow::Result<Self> {
        Self::launch(name, command, gentle, remove, None)
    }

    /// The same for a program whose log goes to a file, as it would in production: whoever reads it line by line takes time
    /// from whatever is measured.
    pub fn start_logging(name: &str, command: Command, gentle: &'static str, log: &Path) -> anyhow::Result<Self> {
        Self::launch(name, command, gentle, None, Some(log))
    }

    fn launch(
        name: &str,
        mut command: Command,
        gentle: &'static str,
        remove: Option<&Path>,
        log: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let errors = match log {
            Some(log) => Stdio::from(File::options().create(true).append(true).open(log)?),
            None => Stdio::piped(),
        };
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command
            .spawn()
            .with_context(|| format!("{name} could not be started ({})", command.get_program().display()))?;
        let guard = guard(child.id(), gentle, remove)?;
        let said = Arc::new(Said::default());
        if let Some(stdout) = child.stdout.take() {
            collect(stdout, Arc::clone(&said));
        }
        match child.stderr.take() {
            Some(stderr) => collect(stderr, Arc::clone(&said)),
            None => said.lock().ended += 1,
        }
        let log = log.map(Path::to_owned);
        Ok(Self { name: name.to_owned(), child, guard: Some(guard), gentle, said, log })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote, newest last.
    pub fn output(&self) -> String {
        let logged = self.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
        let logged: Vec<&str> = logged.lines().collect();
        let last = logged.iter().skip(logged.len().saturating_sub(LINES_KEPT)).map(|line| format!("    {line}\n"));
        self.said.lock().kept.iter().map(|line| format!("    {line}\n")).chain(last).collect()
    }

    /// Its first line that starts with `ready`.
    pub fn ready_line(&mut self, patience: Duration) -> anyhow::Result<String> {
        self.wait_for_line(patience, "ready", |line| line.starts_with("ready"))
    }

    /// Waits for the first line that `is_it` likes; the process's end, or that of patience, is an error.
    pub fn wait_for_line(
        &mut self,
        patience: Duration,
        what: &str,
        is_it: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        let find = |output: &Output| output.kept.iter().find(|line| is_it(line)).cloned();
        let output = self.said.wait_until(patience, |output| output.ended == 2 || find(output).is_some());
        let (found, has_ended) = (find(&output), output.ended == 2);
        drop(output);
        match found {
            Some(line) => Ok(line),
            None if has_ended => bail!("{} ended before it was {what}:\n{}", self.name, self.output()),
            None => bail!("{} was not {what} within {patience:?}:\n{}", self.name, self.output()),
        }
    }

    /// Asks `look` until it answers, the process ends, or patience does: for servers that listen without a word of it.
    pub fn wait_until<T>(&mut self, patience: Duration, what: &str, look: impl Fn() -> Option<T>) -> anyhow::Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                // Its last lines are still on their way to us.
                drop(self.said.wait_until(Duration::from_secs(1), |output| output.ended == 2));
                bail!("{} ended ({status}) before it was {what}:\n{}", self.name, self.output());
            }
            if begun.elapsed() > patience {
                bail!("{} was not {what} within {patience:?}:\n{}", self.name, self.output());
            }
            // Nobody is told when a port opens.
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it and its children as a power cut would, also those that went into groups of their own.
    pub fn kill(mut self) -> anyhow::Result<()> {
        let children = children(self.child.id());
        signal("KILL", &self.child.id().to_string());
        self.child.wait()?;
        for child in &children {
            signal("KILL", &child.to_string());
        }
        let begun = Instant::now();
        while children.iter().any(|child| is_living(*child)) {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(10), "children of {} live on", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        signal(name, &self.child.id().to_string());
    }

    /// Waits until it has ended by itself, or of a signal.
    pub fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Asks it to stop and waits; kills it when it doesn't.
    pub fn stop(mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let group = format!("-{}", self.child.id());
        let begun = Instant::now();
        let known = self.child.try_wait()?;
        if known.is_none() {
            signal(self.gentle, &self.child.id().to_string());
        }
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if begun.elapsed() > patience {
                signal("KILL", &group);
                self.child.wait()?;
                break ExitStatus::from_raw(9);
            }
            // A process closes its pipes when it ends, a moment before it can be waited for, and not at all while a child of
            // it holds them: so the bell is heard, and not relied on.
            let closed = self.said.lock().ended;
            drop(self.said.wait_until(Duration::from_millis(10), |output| output.ended > closed));
        };
        // Dovecot's and Postfix's masters leave before their children do.
        let left = patience.saturating_sub(begun.elapsed());
        if !is_gone_within(left, self.child.id()) {
            signal("KILL", &group);
            is_gone_within(Duration::from_secs(1), self.child.id());
        }
        if let Some(mut guard) = self.guard.take() {
            if let Some(mut pipe) = guard.stdin.take() {
                // The guard leaves without a deed when it is told so.
                drop(writeln!(pipe, "leave"));
            }
            guard.wait()?;
        }
        Ok(status)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, self.output());
        }
        drop(self.end(Duration::from_secs(5)));
    }
}

/// Whether the process group is empty before patience ends.
fn is_gone_within(patience: Duration, group: u32) -> bool {
    let begun = Instant::now();
    while has_living(group) {
        if begun.elapsed() > patience {
            return false;
        }
        // Only a parent is told when a process ends, and these are no children of ours.
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Whether a process of this group lives; one that only waits to be reaped doesn't (proc(5), `/proc/pid/stat`).
fn has_living(group: u32) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    lines.any(|line| {
        // The name before these fields may hold anything, brackets too.
        let mut fields = line.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.next() != Some("Z") && fields.nth(1).and_then(|of| of.parse().ok()) == Some(group)
    })
}

/// Processes whose parent this is (proc(5): the fourth field).
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    all.filter(|pid| of_stat(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// Whether a process is there that does not only wait to be reaped.
fn is_living(pid: u32) -> bool {
    of_stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// A process's state and its parent.
fn of_stat(pid: u32) -> Option<(String, u32)> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = line.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn collect(from: impl std::io::Read + Send + 'static, into: Arc<Said>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { break };
            let mut output = into.lock();
            if output.kept.len() == LINES_KEPT {
                output.kept.pop_front();
            }
            output.kept.push_back(line);
            into.news.notify_all();
        }
        into.lock().ended += 1;
        into.news.notify_all();
    });
}

fn guard(pid: u32, gentle: &str, remove: Option<&Path>) -> anyhow::Result<Child> {
    // A group first gets the gentle signal, for a server that cleans up after itself, and then no choice.
    let script = r#"if read -r word; then exit 0; fi
as=; [ "$(id -u)" = 0 ] || as='sudo -n'
end() { kill -s "$1" -- "$2" || $as kill -s "$1" -- "$2"; }
there() { [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }
end "$2" "$1"; n=0
while there "$1" && [ $n -lt 30 ]; do n=$((n + 1)); sleep 0.1; done
end KILL -"$1"
[ -z "$3" ] || rm -rf "$3" || $as rm -rf "$3""#;
    let remove = remove.map_or(OsStr::new(""), Path::as_os_str);
    Command::new("/bin/sh")
        .args(["-c", script, "daimon-guard"])
        .arg(pid.to_string())
        .arg(gentle)
        .arg(remove)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("no /bin/sh to guard the private servers with")
}

/// Sends a signal to a process, or to a group when `to` begins with a minus. One that runs as root for an ordinary user
/// was started by sudo, and is told by sudo.
pub(crate) fn signal(name: &str, to: &str) {
    let script = r#"kill -s "$0" -- "$1" || { [ "$(id -u)" != 0 ] && sudo -n kill -s "$0" -- "$1"; }"#;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, name, to]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(command.status());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_ends_with_its_keeper() {
        let mut command = Command::new("/bin/sleep");
        command.arg("600");
        let kept = Kept::start("sleep", command, "TERM", None).unwrap();
        let pid = kept.pid();
        assert!(Path::new(&format!("/proc/{pid}")).exists());
        drop(kept);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn children_end_with_a_process_that_leaves_them_behind() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap 'exit 0' TERM; (trap '' TERM; sleep 600) & echo ready; wait"]);
        let mut kept = Kept::start("a master and its child", command, "TERM", None).unwrap();
        kept.ready_line(Duration::from_secs(5)).unwrap();
        let group = kept.pid();
        assert!(has_living(group));
        assert!(kept.stop(Duration::from_millis(500)).unwrap().code().is_none_or(|code| code == 0));
        assert!(!has_living(group));
    }

    #[test]
    fn a_guard_ends_what_a_killed_keeper_left_behind() {
        let mut command = Command::new("/bin/sleep");
        command.arg("600").process_group(0);
        let mut orphan = command.spawn().unwrap();
        let mut guard = guard(orphan.id(), "TERM", None).unwrap();
        drop(guard.stdin.take()); // what the kernel does when the keeper is killed
        assert_eq!(orphan.wait().unwrap().signal(), Some(15));
        guard.wait().unwrap();
    }

    #[test]
    fn a_process_that_ends_early_says_why() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo no such setting >&2; exit 3"]);
        let mut kept = Kept::start("program", command, "TERM", None).unwrap();
        let why = kept.ready_line(Duration::from_secs(5)).unwrap_err().to_string();
        assert!(why.contains("no such setting"), "{why}");
    }
}

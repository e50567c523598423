//! A private Redis on a unix socket.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::keep::Kept;
use crate::place::{Place, program};

/// A running server.
#[derive(Debug)]
pub struct Redis {
    socket: PathBuf,
    dir: PathBuf,
    kept: Kept,
}

impl Redis {
    /// Starts it in `place`.
    pub fn start(place: &Place) -> anyhow::Result<Self> {
        let dir = place.folder("redis")?;
        let socket = place.socket("redis.sock")?;
        let mut command = Command::new(program(&["redis-server", "valkey-server"], "redis-server")?);
        command.args([
            "--port",
            "0",
            "--unixsocketperm",
            "700",
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--save",
            "",
        ]);
        command.args(["--maxmemory-policy", "noeviction"]).arg("--unixsocket").arg(&socket).arg("--dir").arg(&dir);
        let mut kept = Kept::start("redis", command, "TERM", place.to_remove())?;
        // "The server is now ready …", or "Ready …" since 7.2.
        kept.wait_for_line(Duration::from_secs(20), "ready", |line| line.contains("eady to accept connections"))?;
        Ok(Self { socket, dir, kept })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Kills it; what it wrote stays for the next one in the same place.
    pub fn kill(self) -> anyhow::Result<()> {
        self.kept.kill()
    }

    /// Kills it and takes the last `octets` of its append-only file away, as a power cut may; how many there were.
    pub fn lose(self, octets: u64) -> anyhow::Result<u64> {
        let dir = self.dir.clone();
        self.kept.kill()?;
        let files = std::fs::read_dir(dir.join("appendonlydir"))?.flatten().map(|file| file.path());
        let newest = files.filter(|path| path.extension().is_some_and(|ending| ending == "aof")).max();
        let file = std::fs::File::options().write(true).open(newest.context("no append-only file")?)?;
        let length = file.metadata()?.len();
        file.set_len(length.saturating_sub(octets))?;
        file.sync_all()?;
        Ok(length)
    }
}

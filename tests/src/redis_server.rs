//! A private Redis on a unix socket.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::keep::Kept;
use crate::place::{Place, program};

/// A running server.
#[derive(Debug)]
pub struct Redis {
    socket: PathBuf,
    _kept: Kept,
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
        Ok(Self { socket, _kept: kept })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }
}

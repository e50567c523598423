//! Where private servers live.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// Where files lie in memory.
const MEMORY: &str = "/dev/shm";
/// All stories together write less than that.
const ENOUGH_MIB: u64 = 6_144;

/// A folder of a run: short, because the path of a unix socket has at most 107 bytes, and open to look into, because
/// the servers run as several users.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    temporary: bool,
}

impl Place {
    /// A new folder under the system's temporary folder; it is removed with this value.
    pub fn temporary() -> anyhow::Result<Self> {
        Self::under("/tmp")
    }

    /// The same in memory, if there is room for what servers of tests write: each story has a database of five hundred files, and
    /// none of them has to outlive the machine.
    pub fn in_memory() -> anyhow::Result<Self> {
        Self::under(if free_mib(MEMORY).is_some_and(|free| free >= ENOUGH_MIB) { MEMORY } else { "/tmp" })
    }

    fn under(folder: &str) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("dmn").rand_bytes(6).tempdir_in(folder);
        let path = dir.with_context(|| format!("no folder could be made in {folder}"))?.keep();
        open(&path)?;
        Ok(Self { path, temporary: true })
    }

    /// A folder that stays.
    pub fn lasting(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path)?;
        open(path)?;
        Ok(Self { path: path.canonicalize()?, temporary: false })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside; made when it is not there.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        // What is there keeps its rights: Postgres refuses a data folder that others may look into.
        if !path.exists() {
            std::fs::create_dir_all(&path)?;
            open(&path)?;
        }
        Ok(path)
    }

    /// A folder for sockets: inside, or under the system's temporary folder when the path would be too long.
    pub fn sockets(&self) -> anyhow::Result<PathBuf> {
        if self.path.as_os_str().len() < 80 {
            return self.folder("s");
        }
        let elsewhere = tempfile::Builder::new().prefix("dmn").rand_bytes(6).tempdir_in("/tmp")?.keep();
        open(&elsewhere)?;
        Ok(elsewhere)
    }

    /// Where a socket of this name may be.
    pub fn socket(&self, name: &str) -> anyhow::Result<PathBuf> {
        Ok(self.sockets()?.join(name))
    }

    /// What a guard shall remove.
    pub fn to_remove(&self) -> Option<&Path> {
        self.temporary.then_some(self.path.as_path())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary && std::fs::remove_dir_all(&self.path).is_err() && !is_root() {
            // What sudo made, sudo removes.
            drop(Command::new("sudo").args(["-n", "rm", "-rf", "--"]).arg(&self.path).status());
        }
    }
}

/// How much may still be written there.
fn free_mib(folder: &str) -> Option<u64> {
    let output = Command::new("df").args(["--output=avail", "--block-size=1M", folder]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().last()?.trim().parse().ok()
}

fn open(path: &Path) -> anyhow::Result<()> {
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?)
}

/// Whether we are root: then servers that refuse it run as somebody else.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// The first of these users that the machine knows.
pub(crate) fn user_of(names: &[&str]) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    names.iter().find(|name| passwd.lines().any(|line| line.split(':').next() == Some(**name))).map(ToString::to_string)
}

/// Our own user's and group's name.
pub(crate) fn own_names() -> anyhow::Result<(String, String)> {
    let ask = |flag: &str| -> anyhow::Result<String> {
        let answer = Command::new("id").arg(flag).output().context("`id` could not be run")?;
        Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
    };
    Ok((ask("-un")?, ask("-gn")?))
}

/// Runs a program to its end; its output is the error when it fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{} could not be run", command.get_program().display()))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    anyhow::ensure!(output.status.success(), "{} failed ({}):\n{said}", command.get_program().display(), output.status);
    Ok(said)
}

/// The first of these programs that exists.
pub(crate) fn program(candidates: &[&str], package: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for candidate in candidates {
        if candidate.starts_with('/') && Path::new(candidate).exists() {
            return Ok(PathBuf::from(candidate));
        }
        if let Some(found) = std::env::split_paths(&path).map(|dir| dir.join(candidate)).find(|full| full.exists()) {
            return Ok(found);
        }
    }
    anyhow::bail!("{} is missing: `make deps` installs Debian's package {package}", candidates.join(" or "))
}

/// A port that was free a moment ago. Only for servers that cannot be asked for port 0.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

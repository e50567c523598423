//! What `demo` and `up` share: programs in real time on private servers, and words on a terminal.

use std::path::Path;

use anyhow::Context;
use daimon_domain::clock::{Clock as _, SystemClock};

use crate::client::Client;
use crate::program::{Program, Settings};
use crate::world::{Files, Stores, bootstrap, migrate, settings};

/// Running programs and a caller who may do everything.
#[derive(Debug)]
pub struct Stage {
    /// The caller, with the first key.
    pub client: Client,
    /// Where health checks and metrics are: API and worker.
    pub internal: (String, String),
    /// Their settings.
    pub settings: Settings,
    worker: Program,
    _api: Program,
}

impl Stage {
    /// Brings the schema up to date, makes the first MSP and its key unless `key_file` holds one, starts both programs.
    pub async fn set(
        stores: &Stores,
        folder: &Path,
        ca: &Path,
        msp: &str,
        key_file: &Path,
        more: Settings,
    ) -> anyhow::Result<Self> {
        migrate(&stores.owner).await?;
        let key = if let Ok(known) = std::fs::read_to_string(key_file) {
            known.trim().to_owned()
        } else {
            let key = bootstrap(&stores.owner, msp, SystemClock.now()).await?;
            std::fs::write(key_file, format!("{key}\n"))?;
            std::fs::set_permissions(key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            key
        };
        let files = Files::in_folder(folder)?;
        let mut settings = settings(stores, "daimon", &files, ca, None);
        for (name, value) in more {
            settings.retain(|(known, _)| *known != name);
            settings.push((name, value));
        }
        let api = Program::start("daimon-api", &["serve"], &settings).await.context("the API did not start")?;
        let mut of_worker = settings.clone();
        of_worker.retain(|(name, _)| name != "DAIMON_INTERNAL_LISTEN");
        of_worker.push(("DAIMON_INTERNAL_LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
        let worker = Program::start("daimon-worker", &["run"], &of_worker).await.context("the worker did not start")?;
        let client = Client::new(&format!("http://{}", api.address("api")?), &key)?;
        let internal = (api.address("internal")?, worker.address("internal")?);
        Ok(Self { client, internal, settings, worker, _api: api })
    }

    /// The worker's process id.
    pub fn worker(&self) -> u32 {
        self.worker.pid()
    }

    /// A command that shows the API at work, ready to paste.
    pub fn curl(&self) -> String {
        let base = &self.client.base;
        format!(
            "token=$(curl -sX POST -H 'Authorization: Bearer {key}' {base}/v1/auth/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n  curl -s -H \"Authorization: Bearer $token\" {base}/v1/incidents",
            key = self.client.key()
        )
    }
}

/// Returns when the person at the terminal, or the system, wants an end.
pub async fn asked_to_end() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

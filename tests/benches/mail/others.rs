//! What the drain is compared with: a program that downloads the same mailbox, and a FETCH whose answer nobody looks at.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use daimon_tests::life::Person;
use daimon_tests::servers::ServersAt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long mbsync takes to download INBOX, without waiting for the disk.
pub(crate) async fn mbsync(servers: &ServersAt, owner: &Person, folder: &Path) -> anyhow::Result<Duration> {
    std::fs::create_dir_all(folder.join("mail"))?;
    let config = folder.join("mbsyncrc");
    let (port, ca) = (servers.dovecot.imaps, servers.authority.ca.display());
    let (address, password, here) = (&owner.address, &owner.password, folder.display());
    let text = format!(
        "FSync no\n\nIMAPStore far\nHost localhost\nPort {port}\nUser {address}\nPass \"{password}\"\nSSLType IMAPS\nCertificateFile {ca}\nPipelineDepth 50\n\nMaildirStore near\nPath {here}/mail/\nInbox {here}/mail/INBOX\n\nChannel all\nFar :far:INBOX\nNear :near:INBOX\nSync Pull\nCreate Near\nSyncState {here}/state\n"
    );
    std::fs::write(&config, text)?;
    let began = Instant::now();
    let mut command = tokio::process::Command::new("mbsync");
    command.arg("-c").arg(&config).arg("all").kill_on_drop(true);
    let output = command.output().await.context("mbsync could not be run: Debian's package isync has it")?;
    let took = began.elapsed();
    ensure!(output.status.success(), "mbsync: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_dir_all(folder)?;
    Ok(took)
}

/// How long it takes until a server has sent all messages of INBOX over one connection with TLS.
pub(crate) async fn bare_fetch(servers: &ServersAt, owner: &Person) -> anyhow::Result<(Duration, u64)> {
    let name = rustls::pki_types::ServerName::try_from("localhost")?;
    let tcp = tokio::net::TcpStream::connect(("127.0.0.1", servers.dovecot.imaps)).await?;
    let mut stream = servers.authority.connector()?.connect(name, tcp).await?;
    let (address, password) = (&owner.address, &owner.password);
    let commands = format!("a LOGIN \"{address}\" \"{password}\"\r\nb EXAMINE INBOX\r\n");
    stream.write_all(commands.as_bytes()).await?;
    until(&mut stream, b"\r\nb OK").await?;
    let began = Instant::now();
    stream.write_all(b"c UID FETCH 1:* BODY.PEEK[]\r\n").await?;
    let octets = until(&mut stream, b"\r\nc OK").await?;
    Ok((began.elapsed(), octets))
}

/// Reads to the end of an answer, and forgets it.
async fn until<S: AsyncReadExt + Unpin>(stream: &mut S, end: &[u8]) -> anyhow::Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let (mut tail, mut octets) = (Vec::new(), 0);
    loop {
        let read = stream.read(&mut buffer).await?;
        ensure!(read > 0, "the IMAP server hung up");
        octets += read as u64;
        // The end of what came is enough: it is a line of its own.
        let new = buffer.get(..read).unwrap_or_default();
        tail.extend_from_slice(new.get(read.saturating_sub(200)..).unwrap_or_default());
        if tail.windows(end.len()).any(|window| window == end) {
            return Ok(octets);
        }
        let surplus = tail.len().saturating_sub(200);
        tail.drain(..surplus);
    }
}

//! How a mail is handed in: signed in with TLS, by a host that may relay, or by the `sendmail` command.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::script::{By, Mail, Mta, Scene};

/// The password of every sender.
pub const PASSWORD: &str = "sakura-2026";

/// Hands `bytes` in to `mta` for `recipients`.
pub fn send(mta: &Mta, mail: &Mail, scene: &Scene, recipients: &[String], bytes: &[u8]) -> anyhow::Result<()> {
    let from = mail.envelope_from.as_deref().unwrap_or(&mail.from);
    match mail.by {
        By::SignedIn if mta.signs_in => signed_in(mta, mail, from, recipients, bytes),
        By::SignedIn | By::Relay => relay(mta, mail, scene, from, recipients, bytes),
        By::Local => local(from, recipients, bytes),
    }
}

fn signed_in(mta: &Mta, mail: &Mail, from: &str, recipients: &[String], bytes: &[u8]) -> anyhow::Result<()> {
    let helo = mail.helo.as_deref().unwrap_or("localhost").replace('[', "%5B").replace(']', "%5D");
    let mut command = Command::new("curl");
    command.args(["-sS", "-k", "--ssl-reqd", "--max-time", "30", "--crlf", "--upload-file", "-", "--mail-from", from]);
    for recipient in recipients {
        command.args(["--mail-rcpt", recipient]);
    }
    if let Some(client) = mail.client {
        command.args(["--interface", &client.to_string()]);
    }
    command.args(["--user", &format!("{}:{PASSWORD}", mail.from)]);
    command.arg(format!("smtp://{}:587/{helo}", mta.address));
    feed(command, bytes)
}

fn local(from: &str, recipients: &[String], bytes: &[u8]) -> anyhow::Result<()> {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=33", "--regid=33", "--clear-groups", "/usr/sbin/sendmail", "-i", "-f", from, "--"]);
    command.args(recipients);
    feed(command, bytes)
}

fn feed(mut command: Command, bytes: &[u8]) -> anyhow::Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no way in")?.write_all(bytes)?;
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn relay(mta: &Mta, mail: &Mail, scene: &Scene, from: &str, recipients: &[String], bytes: &[u8]) -> anyhow::Result<()> {
    let mut stream = BufReader::new(connect(mail.client.unwrap_or(mta.address), SocketAddr::from((mta.address, 25)))?);
    answer(&mut stream, "220")?;
    command(&mut stream, &format!("EHLO {}", mail.helo.as_deref().unwrap_or("localhost")), "250")?;
    let ret = scene.ret.as_ref().map(|ret| format!(" RET={ret}")).unwrap_or_default();
    let envid = scene.envid.as_ref().map(|envid| format!(" ENVID={envid}")).unwrap_or_default();
    let international = if recipients.iter().all(|to| to.is_ascii()) { "" } else { " SMTPUTF8" };
    command(&mut stream, &format!("MAIL FROM:<{from}>{ret}{envid}{international}"), "250")?;
    for to in recipients {
        let notify = scene
            .notify
            .as_ref()
            .map(|notify| format!(" NOTIFY={notify} ORCPT=rfc822;{}", to.replace('+', "+2B")))
            .unwrap_or_default();
        command(&mut stream, &format!("RCPT TO:<{to}>{notify}"), "250")?;
    }
    command(&mut stream, "DATA", "354")?;
    for line in bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            stream.get_mut().write_all(b".")?;
        }
        stream.get_mut().write_all(line)?;
        stream.get_mut().write_all(b"\r\n")?;
    }
    command(&mut stream, ".", "250")?;
    command(&mut stream, "QUIT", "221")
}

/// Connects as `client`. Every address of the script is one of this machine's.
fn connect(client: Ipv4Addr, server: SocketAddr) -> anyhow::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((client, 0)))?;
        socket.connect(server).await
    })?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn command(stream: &mut BufReader<TcpStream>, line: &str, expected: &str) -> anyhow::Result<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
    answer(stream, expected).with_context(|| line.to_owned())
}

fn answer(stream: &mut BufReader<TcpStream>, expected: &str) -> anyhow::Result<()> {
    loop {
        let mut line = String::new();
        ensure!(stream.read_line(&mut line)? > 0, "the mail server hung up");
        if line.get(3..4) != Some("-") {
            ensure!(line.starts_with(expected), "the mail server said {line:?} where {expected} was expected");
            return Ok(());
        }
    }
}

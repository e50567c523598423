//! The rest of the world's mail servers: each at its address on port 25, each with its own words.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;

use super::names::HOME;
use super::script::{Answer, At, Script};

/// A mail that came home.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// To whom.
    pub to: String,
    /// With an empty envelope sender.
    pub is_report: bool,
    /// As received, with a trace of it on top.
    pub bytes: Vec<u8>,
}

/// What came home so far.
#[derive(Clone, Debug, Default)]
pub struct Home(Arc<(Mutex<Vec<Arrived>>, Condvar)>);

impl Home {
    /// What came home until it is enough, or nobody wants to wait any longer.
    pub fn wait(&self, patience: Duration, is_enough: impl Fn(&[Arrived]) -> bool) -> Vec<Arrived> {
        let (mails, came) = &*self.0;
        let mails = mails.lock().unwrap_or_else(PoisonError::into_inner);
        let (mails, _in_time) =
            came.wait_timeout_while(mails, patience, |mails| !is_enough(mails)).unwrap_or_else(PoisonError::into_inner);
        mails.clone()
    }
}

/// Lets every host of the script answer; what is sent to our own senders is collected.
pub fn serve(script: &Script) -> anyhow::Result<Home> {
    let home = Home::default();
    listen(HOME.0, HOME.1, Vec::new(), &home)?;
    for (host, address) in script.hosts()? {
        let answers: Vec<Answer> = script.answer.iter().filter(|answer| answer.host == host).cloned().collect();
        if !answers.iter().any(|answer| matches!(answer.at, At::Refused | At::Silent | At::Unreachable)) {
            listen(&host, address, answers, &home)?;
        }
    }
    Ok(home)
}

fn listen(host: &str, address: Ipv4Addr, answers: Vec<Answer>, home: &Home) -> anyhow::Result<()> {
    let listener = TcpListener::bind((address, 25)).with_context(|| format!("{host} at {address}"))?;
    let (host, home, answers) = (host.to_owned(), home.clone(), Arc::new(answers));
    std::thread::spawn(move || {
        while let Ok((stream, from)) = listener.accept() {
            let talk = Talk {
                host: host.clone(),
                from,
                sender: String::new(),
                helo: String::new(),
                recipients: Vec::new(),
                answers: Arc::clone(&answers),
                home: home.clone(),
            };
            std::thread::spawn(move || drop(talk.converse(stream)));
        }
    });
    Ok(())
}

struct Talk {
    host: String,
    from: SocketAddr,
    helo: String,
    sender: String,
    recipients: Vec<String>,
    answers: Arc<Vec<Answer>>,
    home: Home,
}

impl Talk {
    /// What the host says to everybody at this stage.
    fn to_all(&self, at: At) -> Option<String> {
        self.answers.iter().find(|answer| answer.at == at).map(|answer| self.fill(answer))
    }

    fn to_recipients(&self, at: At) -> Option<String> {
        self.recipients
            .iter()
            .find_map(|to| self.answers.iter().find(|answer| answer.at == at && same(&answer.to, to)))
            .map(|answer| self.fill(answer))
    }

    fn fill(&self, answer: &Answer) -> String {
        let lines: Vec<&str> = answer.reply.trim().lines().map(str::trim).collect();
        lines
            .join("\r\n")
            .replace("{client}", &self.from.ip().to_string())
            .replace("{to}", &answer.to)
            .replace("{from}", &self.sender)
            .replace("{host}", &self.host)
    }

    fn converse(mut self, stream: TcpStream) -> anyhow::Result<()> {
        let mut stream = BufReader::new(stream);
        if let Some(refusal) = self.to_all(At::Connect) {
            return say(&mut stream, &refusal);
        }
        say(&mut stream, &format!("220 {} ESMTP", self.host))?;
        let mut line = Vec::new();
        loop {
            line.clear();
            if stream.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            let verb: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
            let path = || text.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" if self.answers.iter().any(|answer| answer.at == At::HeloOnly) => {
                    say(&mut stream, "502 Command not implemented")?;
                }
                "EHLO" | "HELO" => {
                    text.split_whitespace().nth(1).unwrap_or_default().clone_into(&mut self.helo);
                    let answer = self.to_all(At::Ehlo).unwrap_or_else(|| self.extensions());
                    say(&mut stream, &answer)?;
                }
                "STARTTLS" => {
                    say(&mut stream, "220 2.0.0 Ready to start TLS")?;
                    stream.get_mut().write_all(b"421 4.3.0 TLS engine failed\r\n")?;
                    return Ok(());
                }
                "MAIL" => {
                    self.sender = path();
                    self.recipients.clear();
                    let size = text
                        .to_ascii_uppercase()
                        .split_once("SIZE=")
                        .and_then(|(_, size)| size.split_whitespace().next()?.parse::<u64>().ok());
                    let is_small = self.answers.iter().any(|answer| answer.at == At::Small);
                    let too_large = size
                        .filter(|size| is_small && *size > 1000)
                        .map(|_| "552 5.3.4 Message size exceeds fixed limit".to_owned());
                    let answer = self.to_all(At::Mail).or(too_large).unwrap_or_else(|| "250 2.1.0 Ok".to_owned());
                    say(&mut stream, &answer)?;
                }
                "RCPT" => {
                    let to = path();
                    let refusal = self
                        .answers
                        .iter()
                        .find(|answer| matches!(answer.at, At::Rcpt | At::HeloOnly) && same(&answer.to, &to));
                    let reply = refusal.map(|answer| self.fill(answer));
                    if reply.is_none() {
                        self.recipients.push(to);
                    }
                    say(&mut stream, reply.as_deref().unwrap_or("250 2.1.5 Ok"))?;
                }
                "DATA" => {
                    if let Some(refusal) = self.to_recipients(At::Data) {
                        say(&mut stream, &refusal)?;
                        continue;
                    }
                    if self.recipients.is_empty() {
                        say(&mut stream, "554 5.5.1 No valid recipients")?;
                        continue;
                    }
                    say(&mut stream, "354 Go ahead")?;
                    if self
                        .recipients
                        .iter()
                        .any(|to| self.answers.iter().any(|answer| answer.at == At::Drop && same(&answer.to, to)))
                    {
                        return Ok(());
                    }
                    let body = content(&mut stream)?;
                    if self.to_recipients(At::DropEnd).is_some() {
                        return Ok(());
                    }
                    if let Some(refusal) = self.to_recipients(At::End) {
                        say(&mut stream, &refusal)?;
                    } else {
                        self.take(&body);
                        say(&mut stream, "250 2.0.0 Ok: queued")?;
                    }
                }
                "QUIT" => return say(&mut stream, "221 2.0.0 Bye"),
                _other => say(&mut stream, "250 2.0.0 Ok")?,
            }
        }
    }

    fn extensions(&self) -> String {
        let has = |at: At| self.answers.iter().any(|answer| answer.at == at);
        let mut lines = vec![self.host.as_str(), "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"];
        if has(At::BrokenTls) {
            lines.push("STARTTLS");
        }
        if self.host == HOME.0 {
            lines.push("SMTPUTF8");
        }
        lines.push(if has(At::Small) { "SIZE 1000" } else { "SIZE 52428800" });
        let last = lines.pop().unwrap_or_default();
        format!("{}250 {last}", lines.iter().map(|line| format!("250-{line}\r\n")).collect::<String>())
    }

    /// Keeps what came home, with the lines that a delivery agent writes on top.
    fn take(&self, body: &[u8]) {
        if self.host != HOME.0 {
            return;
        }
        let (mails, came) = &*self.home.0;
        let mut mails = mails.lock().unwrap_or_else(PoisonError::into_inner);
        for to in &self.recipients {
            let trace = format!(
                "Return-Path: <{}>\nDelivered-To: {to}\nReceived: from {helo} ([{ip}])\n\tby {host} with LMTP\n\tid {number:06}Mh8wBWuk\n\tfor <{to}>; {date}\n",
                self.sender,
                helo = self.helo,
                ip = self.from.ip(),
                host = HOME.0,
                number = mails.len(),
                date = super::date(),
            );
            let bytes = [trace.as_bytes(), body].concat();
            mails.push(Arrived { to: to.to_lowercase(), is_report: self.sender.is_empty(), bytes });
        }
        came.notify_one();
    }
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// The content with LF line ends, its dots unstuffed.
fn content(stream: &mut BufReader<TcpStream>) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        anyhow::ensure!(stream.read_until(b'\n', &mut line)? > 0, "the client left inside DATA");
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"." {
            return Ok(body);
        }
        body.extend(line.strip_prefix(b".").unwrap_or(line));
        body.push(b'\n');
    }
}

fn say(stream: &mut BufReader<TcpStream>, text: &str) -> anyhow::Result<()> {
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).context("the client left")
}

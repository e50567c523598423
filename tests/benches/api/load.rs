//! Two ways to ask.
//!
//! How many requests a server can answer is asked by wrk, which asks again as soon as it is answered and costs little itself.
//! How long answers take can't be asked like that: whoever waits for an answer before asking again does not notice that a
//! server stood still. So requests then have their times, evenly spread, whatever became of those before, and an answer is
//! as late as it comes after its time (what wrk2 and oha call corrected latency), also when no connection was free to ask it.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use daimon_bench::quantile;
use reqwest::Client;

use crate::operation::{Operation, TURNS};

/// So many requests are on their way at a time.
pub(crate) const CONNECTIONS: u32 = 16;

/// How many requests a second wrk is answered.
pub(crate) async fn most_a_second(
    folder: &Path,
    base: &str,
    operation: &Operation,
    token: &str,
    once: &str,
    span: Duration,
) -> anyhow::Result<f64> {
    let script = folder.join("ask.lua");
    tokio::fs::write(&script, operation.script(token, once)).await?;
    let mut command = tokio::process::Command::new("wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{}s", span.as_secs()), "--timeout", "10s", "-s"]);
    command.arg(&script).arg(base).kill_on_drop(true).stdin(Stdio::null());
    let output = command.output().await.context("wrk could not be run: Debian's package wrk has it")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk: {said}{}", String::from_utf8_lossy(&output.stderr));
    for line in said.lines().map(str::trim) {
        ensure!(!line.starts_with("Non-2xx") && !line.starts_with("Socket errors"), "{base}: {line}");
    }
    let figure = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    figure.and_then(|figure| figure.trim().parse().ok()).with_context(|| format!("no figure in {said}"))
}

/// How late answers come when there are so many requests a second, in seconds, the soonest first.
pub(crate) async fn lateness(
    base: &str,
    operation: &Arc<Operation>,
    token: &str,
    once: &str,
    rate: f64,
    span: Duration,
) -> anyhow::Result<Vec<f64>> {
    let asked = (base.to_owned(), Arc::clone(operation), token.to_owned(), once.to_owned());
    // Threads, because whoever asks shares the processors with whoever answers, and a client that does more costs more.
    let mut late = tokio::task::spawn_blocking(move || {
        let (base, operation, token, once) = asked;
        let asked = Requests::of(&base, &operation, &token, &once)?;
        let (next, began) = (AtomicU32::new(0), Instant::now());
        let each = || ask_in_turn(&asked, (&next, began), rate, span);
        std::thread::scope(|scope| {
            let askers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(each)).collect();
            let joined = askers.into_iter().map(|one| one.join().map_err(|_panic| anyhow!("a thread panicked"))?);
            Ok::<_, anyhow::Error>(joined.collect::<anyhow::Result<Vec<_>>>()?.concat())
        })
    })
    .await??;
    if late.is_empty() {
        bail!("nothing was asked at {rate} a second");
    }
    late.sort_by(f64::total_cmp);
    Ok(late)
}

/// Requests as they go over the wire; those that are only read are written down before anything is measured.
struct Requests<'a> {
    address: &'a str,
    ready: Vec<Vec<u8>>,
    make: Box<dyn Fn(usize) -> anyhow::Result<Vec<u8>> + Send + Sync + 'a>,
}

impl<'a> Requests<'a> {
    fn of(base: &'a str, operation: &'a Operation, token: &'a str, once: &'a str) -> anyhow::Result<Self> {
        let http = Client::builder().no_proxy().build()?;
        let address = base.trim_start_matches("http://");
        let make = move |number| {
            let request = operation.request(&http, base, token, number, once).build()?;
            Ok(written(&request, address))
        };
        let turns = if operation.is_read() { TURNS } else { 0 };
        let ready = (0..turns).map(&make).collect::<anyhow::Result<_>>()?;
        Ok(Self { address, ready, make: Box::new(make) })
    }

    fn get(&self, number: u32) -> anyhow::Result<Cow<'_, [u8]>> {
        let number = usize::try_from(number)?;
        match self.ready.get(number % TURNS) {
            Some(ready) => Ok(Cow::Borrowed(ready)),
            None => (self.make)(number).map(Cow::Owned),
        }
    }
}

/// One connection, which takes the next request whose time it is, and is late when it was busy.
fn ask_in_turn(
    asked: &Requests<'_>,
    (next, began): (&AtomicU32, Instant),
    rate: f64,
    span: Duration,
) -> anyhow::Result<Vec<f64>> {
    /// Meanwhile nothing is counted.
    const BEFORE: Duration = Duration::from_secs(1);
    let mut connection = BufReader::new(TcpStream::connect(asked.address)?);
    connection.get_ref().set_nodelay(true)?;
    connection.get_ref().set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut late = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let since = Duration::from_secs_f64(f64::from(number) / rate);
        if since >= BEFORE + span {
            return Ok(late);
        }
        let request = asked.get(number)?;
        let due = began + since;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        connection.get_mut().write_all(&request)?;
        read_answer(&mut connection)?;
        if since >= BEFORE {
            late.push(due.elapsed().as_secs_f64());
        }
    }
}

/// A request as it goes over the wire (RFC 9112, 2.1).
fn written(request: &reqwest::Request, host: &str) -> Vec<u8> {
    let (method, url) = (request.method(), request.url());
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let mut wire = format!("{method} {}{query} HTTP/1.1\r\nhost: {host}\r\n", url.path()).into_bytes();
    for (name, value) in request.headers() {
        wire.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if !body.is_empty() {
        wire.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    wire.extend_from_slice(b"\r\n");
    wire.extend_from_slice(body);
    wire
}

/// Reads an answer to its end. Both servers say how long theirs are.
fn read_answer(connection: &mut impl BufRead) -> anyhow::Result<()> {
    let (mut line, mut length) = (String::new(), None);
    connection.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 2"), "{}", line.trim());
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse::<u64>()?);
        }
    }
    let length = length.context("an answer does not say how long it is")?;
    let read = std::io::copy(&mut connection.take(length), &mut std::io::sink())?;
    ensure!(read == length, "an answer broke off");
    Ok(())
}

/// The one in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

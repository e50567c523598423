//! Following a test's clock over a socket.

use std::io;
use std::path::Path;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

use crate::time::Drain;

/// The clock can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Nobody listens there, or it went away.
    #[error("the clock cannot be reached")]
    Unreachable(#[from] io::Error),
    /// It says something else than the time first.
    #[error("the clock does not tell the time")]
    NoTime,
}

/// What the clock says.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Heard {
    Now { now: DateTime<Utc> },
    Drain { drain: u64 },
}

/// What we say.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Hello { hello: &'a str },
    At { at: DateTime<Utc> },
    Drained { drained: u64, did: u64 },
}

/// Connects, introduces the program and waits for the first time.
pub(crate) async fn follow(
    path: &Path,
    program: &str,
    requests: mpsc::Sender<Drain>,
) -> Result<watch::Receiver<DateTime<Utc>>, FollowError> {
    let (from, mut to) = UnixStream::connect(path).await?.into_split();
    let mut lines = BufReader::new(from).lines();
    say(&mut to, &Said::Hello { hello: program }).await?;
    let Some(Heard::Now { now }) = hear(&mut lines).await? else {
        return Err(FollowError::NoTime);
    };
    let (shown, receiver) = watch::channel(now.trunc_subsecs(6));
    say(&mut to, &Said::At { at: now }).await?;
    tokio::spawn(async move {
        match go_on(lines, to, shown, requests).await {
            Ok(()) => tracing::info!("the clock went away; it stands still now"),
            Err(error) => tracing::warn!(error = %error, "the clock broke off; it stands still now"),
        }
    });
    Ok(receiver)
}

async fn go_on(
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    mut to: OwnedWriteHalf,
    shown: watch::Sender<DateTime<Utc>>,
    requests: mpsc::Sender<Drain>,
) -> io::Result<()> {
    let (answers, mut answered) = mpsc::channel::<(u64, u64)>(4);
    loop {
        tokio::select! {
            heard = hear(&mut lines) => match heard? {
                None => return Ok(()),
                Some(Heard::Now { now }) => {
                    shown.send_replace(now.trunc_subsecs(6));
                    say(&mut to, &Said::At { at: now }).await?;
                }
                Some(Heard::Drain { drain }) => {
                    let (done, did) = oneshot::channel();
                    // Nobody takes requests in a program that has no work of its own: it is drained already.
                    let taken = requests.send(Drain { done }).await.is_ok();
                    let answers = answers.clone();
                    tokio::spawn(async move {
                        let did = if taken { did.await.unwrap_or(0) } else { 0 };
                        let _ = answers.send((drain, did)).await;
                    });
                }
            },
            Some((drained, did)) = answered.recv() => say(&mut to, &Said::Drained { drained, did }).await?,
        }
    }
}

async fn hear(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> io::Result<Option<Heard>> {
    match lines.next_line().await? {
        None => Ok(None),
        Some(line) => serde_json::from_str(&line).map(Some).map_err(io::Error::other),
    }
}

async fn say(to: &mut OwnedWriteHalf, said: &Said<'_>) -> io::Result<()> {
    let mut line = serde_json::to_vec(said).map_err(io::Error::other)?;
    line.push(b'\n');
    to.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use daimon_domain::clock::Clock;
    use tokio::net::UnixListener;

    use crate::time::Time;

    #[tokio::test]
    async fn a_program_follows_the_clock_and_answers_a_drain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let listener = UnixListener::bind(&path).unwrap();
        let test = tokio::spawn(async move {
            use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
            let (from, mut to) = listener.accept().await.unwrap().0.into_split();
            let mut lines = BufReader::new(from).lines();
            let mut heard = vec![lines.next_line().await.unwrap().unwrap()];
            for say in
                ["{\"now\":\"2026-01-01T00:00:00Z\"}\n", "{\"now\":\"2026-01-02T00:00:00Z\"}\n", "{\"drain\":7}\n"]
            {
                to.write_all(say.as_bytes()).await.unwrap();
                heard.push(lines.next_line().await.unwrap().unwrap());
            }
            heard
        });
        let (time, mut drains) = Time::start(Some(&path), "worker").await.unwrap();
        drains.next().await.done(3);
        assert_eq!(
            test.await.unwrap(),
            [
                r#"{"hello":"worker"}"#,
                r#"{"at":"2026-01-01T00:00:00Z"}"#,
                r#"{"at":"2026-01-02T00:00:00Z"}"#,
                r#"{"drained":7,"did":3}"#
            ]
        );
        assert_eq!(time.now(), chrono::Utc.with_ymd_and_hms(2026, 1, 2, 0, 0, 0).unwrap());
    }
}

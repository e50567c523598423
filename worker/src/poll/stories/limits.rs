//! Servers that send too much, or take too long.

use std::time::Duration;

use daimon_domain::mailbox::ConnectionFault;
use tokio::io::AsyncWriteExt;

use crate::poll::scripted::{Reply, credentials, reports, session};
use crate::poll::{Limits, Selected, Session, SessionError};

const SELECTED: Selected = Selected { uid_validity: 7, uid_next: 4, tells_uid_next: true, exists: 3 };

async fn flooded(bytes: Vec<u8>) -> SessionError {
    let (mut session, _) =
        session(move |command| command.starts_with("UID SEARCH").then(|| Reply::Say(bytes.clone()))).await;
    reports(&mut session, SELECTED, 1).await.unwrap_err()
}

#[tokio::test]
async fn literals_of_impossible_size_end_the_session() {
    for size in ["419430401", "4294967295", "-1"] {
        let error = flooded(format!("* 1 FETCH (UID 1 BODY[] {{{size}}}\r\n").into_bytes()).await;
        assert!(matches!(error, SessionError::TooMuch(_)), "{size}: {error:?}");
    }
}

#[tokio::test]
async fn a_line_without_end_ends_the_session() {
    let error = flooded(vec![b'x'; 1 << 20]).await;
    assert!(matches!(error, SessionError::TooMuch(_)), "{error:?}");
}

#[tokio::test]
async fn endless_small_talk_ends_the_session() {
    for line in ["* OK still here\r\n", "\r\n", "* NAMESPACE NIL NIL NIL\r\n"] {
        let error = flooded(line.repeat(10_001).into_bytes()).await;
        assert!(matches!(error, SessionError::TooMuch(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_parentheses_never_reach_the_parser() {
    let nested =
        |parentheses: &str| format!("* 1 FETCH (BODYSTRUCTURE {parentheses}\r\n{{tag}} OK done\r\n").into_bytes();
    let error = flooded(nested(&"(".repeat(100_000))).await;
    assert!(matches!(error, SessionError::TooMuch(_)), "a line of them is too long: {error:?}");
    // Each line may pass, and a literal hangs the next one on it.
    for deep in ["(".repeat(60_000), format!("{}{{0}}\r\n", "(".repeat(50_000)).repeat(2)] {
        let error = flooded(nested(&deep)).await;
        assert!(matches!(error, SessionError::Protocol(_)), "{error:?}");
    }
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_hours(1);
/// A server may take its time, except where a test says otherwise: one limit can be reached and no other, however long
/// the machine makes us wait.
const PATIENT: fn() -> Limits =
    || Limits { greeting: LONG, idle: LONG, session: LONG, patience: LONG, ..Limits::default() };

/// What becomes of a session with a server that says `start`, then `x` again and again, or nothing more.
async fn left(limits: Limits, start: &'static [u8], goes_on: bool) -> &'static str {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let mut said = theirs.write_all(start).await;
        while said.is_ok() {
            let pause = if goes_on { SHORT / 10 } else { LONG };
            tokio::time::sleep(pause).await;
            said = theirs.write_all(b"x").await;
        }
    });
    match Session::open(ours, &credentials(), limits).await.err().unwrap() {
        error @ SessionError::TimedOut(what) => {
            assert_eq!(error.code(), ConnectionFault::Unreachable);
            what
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_without_a_greeting_is_left() {
    let limits = Limits { greeting: SHORT, ..PATIENT() };
    assert_eq!(left(limits, b"", false).await, "no greeting");
    assert_eq!(left(limits, b"* OK ", true).await, "no greeting");
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let limits = Limits { idle: SHORT, ..PATIENT() };
    assert_eq!(left(limits, b"* OK hello\r\n", false).await, "the server is silent");
}

#[tokio::test]
async fn a_server_that_says_a_letter_now_and_then_is_left() {
    let limits = Limits { patience: SHORT, ..PATIENT() };
    assert_eq!(left(limits, b"* OK hello\r\n* OK ", true).await, "the server is too slow");
}

#[tokio::test]
async fn a_session_ends_in_time_whatever_comes() {
    let limits = Limits { session: SHORT, ..PATIENT() };
    assert_eq!(left(limits, b"* OK hello\r\n* OK ", true).await, "the session took too long");
}

//! Servers that tell of new mail, and those that only say so.

use std::time::Duration;

use daimon_domain::mailbox::ConnectionFault;

use crate::poll::scripted::{Heard, Reply, credentials, ok, ordinary, say, server, session};
use crate::poll::{Checkpoint, Folder, Idle, Limits, Role, Session, SessionError};

fn inbox() -> Folder {
    Folder { name: "INBOX".to_owned(), role: Role::Inbox }
}

/// A session that waits with a server that answers IDLE and DONE so, and has three messages in INBOX.
async fn waiting(to_idle: &'static str, to_done: &'static str) -> (Result<Idle, SessionError>, Heard) {
    let answer = move |command: &str| match command {
        "IDLE" => Some(say(to_idle)),
        "DONE" => Some(say(to_done)),
        _ => None,
    };
    let (mut session, heard) = session(answer).await;
    let selected = session.examine(&inbox(), None).await.unwrap();
    (session.idle(selected).await, heard)
}

const OK: &str = "{tag} OK done\r\n";

#[tokio::test]
async fn a_message_more_is_news_and_one_less_or_one_that_was_seen_is_none() {
    for (told, is_news) in [
        ("* 4 EXISTS\r\n", true),
        ("* 4 exists\r\n* 1 recent\r\n", true),
        ("* 3 EXISTS\r\n", false),
        ("* 2 EXPUNGE\r\n* 2 EXISTS\r\n", false),
        ("* 2 EXPUNGE\r\n* 3 EXISTS\r\n", true),
        ("* 2 FETCH (FLAGS (\\Seen))\r\n* OK Still here\r\n* 1 RECENT extra\r\n", true),
        ("* OK Still here\r\n* 0 RECENT\r\n* x EXISTS\r\n*\r\n\r\nEXISTS\r\n* 99999999999 EXISTS\r\n", false),
    ] {
        let to_idle: &'static str = Box::leak(format!("+ idling\r\n{told}").into_boxed_str());
        // The end comes behind it, so that whoever waits for news learns that there are none.
        let (stream, _) = server("* OK hello\r\n", move |command| match command {
            "IDLE" => Reply::SayAndClose(to_idle.as_bytes().to_vec()),
            _ => ordinary(command),
        });
        let mut session = Session::open(stream, &credentials(), Limits::default()).await.unwrap();
        let selected = session.examine(&inbox(), None).await.unwrap();
        let mut idle = session.idle(selected).await.unwrap();
        assert_eq!(idle.news().await.is_ok(), is_news, "{told:?}");
        assert!(matches!(idle.news().await, Err(SessionError::Unreachable(None))), "{told:?}: told once");
    }
}

#[tokio::test]
async fn what_is_told_while_nobody_waits_is_told_afterwards() {
    let (idle, heard) = waiting("+ idling\r\n", "* 4 EXISTS\r\n{tag} OK done\r\n").await;
    let mut idle = idle.unwrap();
    idle.reenter().await.unwrap();
    idle.news().await.unwrap();
    let commands = heard.lines();
    assert_eq!(commands.iter().rev().take(3).rev().collect::<Vec<_>>(), ["d5 IDLE", "DONE", "d6 IDLE"]);
}

#[tokio::test]
async fn a_session_that_has_waited_is_read_over() {
    let (idle, heard) = waiting("+ idling\r\n", "* 4 EXISTS\r\n{tag} OK done\r\n* 4 RECENT\r\n").await;
    let mut session = idle.unwrap().resume().await.unwrap();
    let known = Some(Checkpoint { uid_validity: 7, last_uid: 3 });
    let selected = session.examine(&inbox(), known).await.unwrap();
    assert_eq!(selected.first_new_uid(known), None);
    session.idle(selected).await.unwrap().close().await;
    let lines = heard.lines();
    assert_eq!(lines[lines.len() - 3..], ["d7 IDLE", "DONE", "d8 LOGOUT"]);
    assert_eq!((heard.count("AUTHENTICATE"), heard.count("CAPABILITY")), (1, 2), "nobody asks again");
}

#[tokio::test]
async fn whether_a_server_tells_of_new_mail_is_asked_after_signing_in() {
    let (with, _) =
        session(|command| command.starts_with("CAPABILITY").then(|| ok("* CAPABILITY IMAP4rev1 AUTH=PLAIN idle\r\n")))
            .await;
    let (without, _) = session(|_| None).await;
    assert!(with.offers_idle() && !without.offers_idle());
}

#[tokio::test]
async fn a_server_that_refuses_or_ends_idle_is_left() {
    let (refused, _) = waiting("{tag} NO not now\r\n", OK).await;
    assert_eq!(refused.err().unwrap().code(), ConnectionFault::ServerBusy);
    let (unknown, _) = waiting("{tag} BAD what\r\n", OK).await;
    assert!(matches!(unknown, Err(SessionError::Protocol(_))), "{unknown:?}");
    for ends in ["+ idling\r\n{tag} OK enough\r\n", "+ idling\r\n* BYE restarting\r\n"] {
        let (idle, _) = waiting(ends, OK).await;
        let ended = match idle {
            Ok(mut idle) => idle.news().await,
            Err(error) => Err(error),
        };
        assert_eq!(ended.unwrap_err().code(), ConnectionFault::ServerBusy, "{ends:?}");
    }
    let (idle, _) = waiting("+ idling\r\n", "{tag} NO no\r\n").await;
    assert!(idle.unwrap().reenter().await.is_err());
}

#[tokio::test]
async fn a_server_that_is_silent_when_it_should_answer_is_left() {
    let limits = Limits { idle: Duration::from_millis(100), ..Limits::default() };
    for silent_at in ["IDLE", "DONE"] {
        let (stream, _) = server("* OK hello\r\n", move |command| match command {
            _ if command == silent_at => Reply::Hang,
            "IDLE" => say("+ idling\r\n"),
            _ => ordinary(command),
        });
        let mut session = Session::open(stream, &credentials(), limits).await.unwrap();
        let selected = session.examine(&inbox(), None).await.unwrap();
        let error = match session.idle(selected).await {
            Ok(mut idle) => idle.reenter().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, SessionError::TimedOut(_)), "{silent_at}: {error:?}");
    }
}

#[tokio::test]
async fn small_talk_and_lines_without_end_end_the_session() {
    for talk in ["* OK still here\r\n".repeat(10_001), "\r\n".repeat(10_001), "x".repeat(100_000)] {
        let (stream, _) = server("* OK hello\r\n", move |command| match command {
            "IDLE" => Reply::Say(format!("+ idling\r\n{talk}").into_bytes()),
            _ => ordinary(command),
        });
        let mut session = Session::open(stream, &credentials(), Limits::default()).await.unwrap();
        let selected = session.examine(&inbox(), None).await.unwrap();
        let error = match session.idle(selected).await {
            Ok(mut idle) => idle.news().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, SessionError::TooMuch(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_session_that_waits_is_a_small_thing() {
    assert!(size_of::<Idle>() <= 512, "{} octets", size_of::<Idle>());
}

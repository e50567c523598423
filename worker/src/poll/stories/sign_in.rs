//! Signing in: what is a refused password, and what must never be taken for one.

use daimon_domain::mailbox::ConnectionFault;
use secrecy::SecretString;

use crate::poll::scripted::{Heard, Reply, credentials, ok, ordinary, say, server, sign_in};
use crate::poll::{Credentials, Limits, Secret, Session, SessionError};

async fn answered(text: &'static str) -> SessionError {
    let (outcome, _) = sign_in("* OK hello\r\n", move |command| match command {
        _ if command.starts_with("AUTHENTICATE") => say(text),
        _ => ordinary(command),
    })
    .await;
    outcome.err().unwrap()
}

#[tokio::test]
async fn a_refused_password_is_an_explicit_authenticationfailed() {
    assert!(matches!(answered("{tag} NO [AUTHENTICATIONFAILED] wrong\r\n").await, SessionError::Refused));
    assert!(matches!(answered("{tag} NO [authenticationfailed] wrong\r\n").await, SessionError::Refused));
}

#[tokio::test]
async fn whatever_else_ends_a_sign_in_asks_to_come_later() {
    for text in [
        "{tag} NO [UNAVAILABLE] back end\r\n",
        "{tag} NO [LIMIT] too many\r\n",
        "{tag} NO [OVERQUOTA] full\r\n",
        "{tag} NO [THROTTLED] slow down\r\n",
        "{tag} NO Too many simultaneous connections\r\n",
        "{tag} BAD User is authenticated but not connected.\r\n",
        "* BYE maintenance\r\n",
    ] {
        assert_eq!(answered(text).await.code(), ConnectionFault::ServerBusy, "{text}");
    }
}

#[tokio::test]
async fn a_refusal_without_a_cause_may_be_the_password_and_may_be_the_server() {
    for text in ["{tag} NO Login failed\r\n", "{tag} NO Temporary failure\r\n", "{tag} NO [ALERT] no\r\n"] {
        assert_eq!(answered(text).await.code(), ConnectionFault::SignInFailed, "{text}");
    }
}

#[tokio::test]
async fn somebody_elses_refusal_is_not_ours() {
    let (outcome, _) = sign_in("* OK hello\r\n", |command| match command {
        _ if command.starts_with("AUTHENTICATE") => say("x1 NO [AUTHENTICATIONFAILED] stale\r\n{tag} OK signed in\r\n"),
        _ => ordinary(command),
    })
    .await;
    outcome.unwrap();
}

#[tokio::test]
async fn the_password_is_sent_once_per_session() {
    let (outcome, heard) = sign_in("* OK hello\r\n", |command| match command {
        _ if command.starts_with("AUTHENTICATE") => say("{tag} NO [AUTHENTICATIONFAILED] wrong\r\n"),
        _ => ordinary(command),
    })
    .await;
    assert!(outcome.is_err());
    assert_eq!(heard.count("AUTHENTICATE") + heard.count("LOGIN"), 1);
}

#[tokio::test]
async fn each_way_to_sign_in_says_the_same_name_and_password() {
    let says = |capabilities: &'static str, plus: &'static str| async move {
        let (outcome, heard) = sign_in("* OK hello\r\n", move |command| match command {
            "CAPABILITY" => ok(capabilities),
            "AUTHENTICATE PLAIN" => say(plus),
            _ => ok(""),
        })
        .await;
        outcome.unwrap();
        heard.commands()
    };
    let in_one = says("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n", "").await;
    assert_eq!(in_one[1], "AUTHENTICATE PLAIN AHNhdG9Ac2FrdXJhLmV4YW1wbGUAZ2VoZWltICIxXA==");
    let login = says("* CAPABILITY IMAP4rev1\r\n", "").await;
    assert_eq!(login[1], "LOGIN \"sato@sakura.example\" \"geheim \\\"1\\\\\"");
}

#[tokio::test]
async fn a_password_beyond_ascii_goes_as_a_literal() {
    let (stream, heard) = server("* OK hello\r\n", |command| match command {
        "CAPABILITY" => ok("* CAPABILITY IMAP4rev1\r\n"),
        _ if command.ends_with('}') => say("+ go on\r\n"),
        // The password has no tag of its own.
        "1" => say("d2 OK in\r\n"),
        _ => ok(""),
    });
    let credentials =
        Credentials { username: "sato".to_owned(), secret: Secret::Password(SecretString::from("pässwort 1")) };
    Session::open(stream, &credentials, Limits::default()).await.unwrap();
    assert_eq!(heard.commands()[1..4], ["LOGIN {4}", "{11}", "1"]);
}

#[tokio::test]
async fn a_line_break_in_a_password_sends_nothing_of_it() {
    let (stream, heard) = server("* OK hello\r\n", ordinary);
    let credentials = Credentials {
        username: "sato".to_owned(),
        secret: Secret::Password(SecretString::from("a\r\nd9 DELETE INBOX")),
    };
    let outcome = Session::open(stream, &credentials, Limits::default()).await;
    assert!(matches!(outcome.err().unwrap(), SessionError::Unsendable));
    assert_eq!(heard.commands(), ["CAPABILITY"]);
}

#[tokio::test]
async fn a_session_of_somebody_else_is_not_taken() {
    let (outcome, heard) = sign_in("* PREAUTH you are root\r\n", ordinary).await;
    assert_eq!(outcome.err().unwrap().code(), ConnectionFault::ProtocolError);
    assert!(heard.commands().is_empty());
}

#[tokio::test]
async fn a_server_that_accepts_and_closes_is_unreachable() {
    let (stream, theirs) = tokio::io::duplex(64);
    drop(theirs);
    let outcome = Session::open(stream, &credentials(), Limits::default()).await;
    assert_eq!(outcome.err().unwrap().code(), ConnectionFault::Unreachable);
    let (outcome, _) = sign_in("* BYE too many connections\r\n", ordinary).await;
    assert_eq!(outcome.err().unwrap().code(), ConnectionFault::ServerBusy);
}

/// Signs in by STARTTLS, where the other side of TLS is a second scripted server, or nobody.
async fn starttls<F>(
    greeting: &'static str,
    clear: F,
    after: Option<&'static str>,
) -> (Result<Session, SessionError>, Heard, Heard)
where
    F: FnMut(&str) -> Reply + Send + 'static,
{
    let (stream, in_clear) = server(greeting, clear);
    let (inner, in_tls) = server("", move |command| match command {
        "CAPABILITY" => ok(after.unwrap_or_default()),
        _ => ok(""),
    });
    let shaken = if after.is_some() { Ok(inner) } else { Err(std::io::Error::other("no handshake")) };
    let upgrade = |_clear| std::future::ready(shaken);
    (Session::open_starttls(stream, upgrade, &credentials(), Limits::default()).await, in_clear, in_tls)
}

#[tokio::test]
async fn after_starttls_only_what_is_said_under_tls_counts() {
    let (outcome, in_clear, in_tls) = starttls(
        "* OK hello\r\n",
        |command| match command {
            "CAPABILITY" => ok("* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN SASL-IR\r\n"),
            _ => ok("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n"),
        },
        Some("* CAPABILITY IMAP4rev1\r\n"),
    )
    .await;
    outcome.unwrap();
    assert_eq!(in_clear.commands(), ["CAPABILITY", "STARTTLS"]);
    assert_eq!(in_tls.commands()[0], "CAPABILITY");
    assert!(in_tls.commands()[1].starts_with("LOGIN "));
}

#[tokio::test]
async fn whatever_is_done_to_starttls_the_password_is_never_said_in_clear() {
    const HELLO: &str = "* OK hello\r\n";
    const OFFERED: &str = "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR\r\n";
    const IN_TLS: Option<&str> = Some("* CAPABILITY IMAP4rev1\r\n");
    let (tls, protocol, busy) =
        (ConnectionFault::TlsFailed, ConnectionFault::ProtocolError, ConnectionFault::ServerBusy);
    for (what, greeting, capabilities, answer, after, fault) in [
        ("stripped", HELLO, "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n", "{tag} OK go\r\n", IN_TLS, tls),
        ("no capabilities", HELLO, "", "{tag} OK go\r\n", IN_TLS, protocol),
        ("refused", HELLO, OFFERED, "{tag} NO later\r\n", IN_TLS, tls),
        ("unknown", HELLO, OFFERED, "{tag} BAD what\r\n", IN_TLS, tls),
        ("a line injected", HELLO, OFFERED, "{tag} OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", IN_TLS, tls),
        ("a beginning injected", HELLO, OFFERED, "{tag} OK go\r\nd1", IN_TLS, tls),
        ("signed in already", "* PREAUTH you are root\r\n", OFFERED, "{tag} OK go\r\n", IN_TLS, protocol),
        ("no handshake", HELLO, OFFERED, "{tag} OK go\r\n", None, tls),
        ("goodbye", HELLO, OFFERED, "* BYE\r\n", IN_TLS, busy),
    ] {
        let (outcome, in_clear, in_tls) = starttls(
            greeting,
            move |command| match command {
                "CAPABILITY" => ok(capabilities),
                _ => say(answer),
            },
            after,
        )
        .await;
        assert_eq!(outcome.err().unwrap().code(), fault, "{what}");
        let said = in_clear.commands();
        assert!(said.iter().all(|command| command == "CAPABILITY" || command == "STARTTLS"), "{what}: {said:?}");
        assert!(in_tls.commands().is_empty(), "{what}");
    }
}

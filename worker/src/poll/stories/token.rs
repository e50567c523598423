//! Signing in with an access token: by which mechanism, and what a refusal means.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use daimon_domain::mailbox::ConnectionFault;
use secrecy::SecretString;

use crate::poll::scripted::{Heard, Reply, ok, say, server};
use crate::poll::{Credentials, Limits, Secret, Session, SessionError};

const BOTH: &str = "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER\r\n";

async fn with_token<F>(prefers_xoauth2: bool, answer: F) -> (Result<Session, SessionError>, Heard)
where
    F: FnMut(&str) -> Reply + Send + 'static,
{
    let (stream, heard) = server("* OK hello\r\n", answer);
    let secret = Secret::Token { token: SecretString::from("vF9dft4qmT"), prefers_xoauth2 };
    let credentials = Credentials { username: "sato@sakura.example".to_owned(), secret };
    (Session::open(stream, &credentials, Limits::default()).await, heard)
}

fn plain(response: &str) -> String {
    String::from_utf8(STANDARD.decode(response).unwrap()).unwrap()
}

/// What is said by whom is offered what.
async fn said(capabilities: &'static str, prefers_xoauth2: bool) -> Vec<String> {
    let (outcome, heard) = with_token(prefers_xoauth2, move |command| match command {
        "CAPABILITY" => ok(capabilities),
        _ => ok(""),
    })
    .await;
    outcome.unwrap();
    heard.commands()
}

#[tokio::test]
async fn the_token_is_shown_as_the_server_and_the_provider_have_it() {
    let bearer = "n,a=sato@sakura.example,\u{1}auth=Bearer vF9dft4qmT\u{1}\u{1}";
    let older = "user=sato@sakura.example\u{1}auth=Bearer vF9dft4qmT\u{1}\u{1}";
    for (capabilities, prefers_xoauth2, mechanism, response) in [
        (BOTH, false, "OAUTHBEARER", bearer),
        (BOTH, true, "XOAUTH2", older),
        ("* CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2\r\n", false, "XOAUTH2", older),
        ("* CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER\r\n", true, "OAUTHBEARER", bearer),
    ] {
        let commands = said(capabilities, prefers_xoauth2).await;
        let sent = commands[1].strip_prefix(&format!("AUTHENTICATE {mechanism} ")).unwrap();
        assert_eq!(plain(sent), response, "{capabilities}");
    }
}

#[tokio::test]
async fn a_server_without_initial_responses_is_waited_for() {
    let (outcome, heard) = with_token(true, |command| match command {
        "CAPABILITY" => ok("* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n"),
        "AUTHENTICATE XOAUTH2" => say("+ \r\n"),
        // The response has no tag of its own.
        _ => say("d2 OK in\r\n"),
    })
    .await;
    outcome.unwrap();
    assert_eq!(heard.commands()[..2], ["CAPABILITY", "AUTHENTICATE XOAUTH2"]);
    assert_eq!(plain(&heard.lines()[2]), "user=sato@sakura.example\u{1}auth=Bearer vF9dft4qmT\u{1}\u{1}");
}

#[tokio::test]
async fn a_server_that_takes_no_token_is_told_none() {
    let (outcome, heard) = with_token(false, |command| match command {
        "CAPABILITY" => ok("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n"),
        _ => ok(""),
    })
    .await;
    assert_eq!(outcome.err().unwrap().code(), ConnectionFault::ProtocolError);
    assert_eq!(heard.commands(), ["CAPABILITY"]);
}

/// What comes of a token after this challenge, and every line that was said.
async fn challenged(
    prefers_xoauth2: bool,
    challenge: Option<&'static str>,
    end: &'static str,
) -> (SessionError, Vec<String>) {
    let (outcome, heard) = with_token(prefers_xoauth2, move |command| match (command, challenge) {
        ("CAPABILITY", _) => ok(BOTH),
        (command, Some(json)) if command.starts_with("AUTHENTICATE") => {
            say(&format!("+ {}\r\n", STANDARD.encode(json)))
        }
        (command, None) if command.starts_with("AUTHENTICATE") => say(&format!("{{tag}} {end}\r\n")),
        // The answer to a challenge has no tag of its own.
        _ => say(&format!("d2 {end}\r\n")),
    })
    .await;
    (outcome.err().unwrap(), heard.lines())
}

#[tokio::test]
async fn an_error_challenge_is_answered_and_says_that_the_token_is_not_let_in() {
    let failed = "NO [AUTHENTICATIONFAILED] no";
    for json in [
        r#"{"status":"401","schemes":"Bearer","scope":"https://mail.google.com/"}"#,
        r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#,
        r#"{"status":401}"#,
        r#"{"status":"403"}"#,
        r#"{"status":"invalid_token","openid-configuration":"https://login.example/.well-known"}"#,
        r#"{"status":"insufficient_scope"}"#,
        "{}",
        "not JSON",
    ] {
        for end in [failed, "NO SASL authentication failed", "NO AUTHENTICATE failed."] {
            let (error, lines) = challenged(true, Some(json), end).await;
            assert!(matches!(error, SessionError::TokenRefused), "{json} {end}: {error:?}");
            assert_eq!(error.code(), ConnectionFault::AccessRefused);
            assert_eq!(lines[2..], [""], "an empty line, and the token once only");
        }
        let (error, lines) = challenged(false, Some(json), failed).await;
        assert!(matches!(error, SessionError::TokenRefused), "{json}: {error:?}");
        assert_eq!(lines[2..], ["AQ=="], "%x01");
    }
}

#[tokio::test]
async fn a_refusal_without_a_challenge_is_one_only_in_so_many_words() {
    for end in
        ["NO [AUTHENTICATIONFAILED] no", "NO [EXPIRED] gone", "NO [AUTHORIZATIONFAILED] no", "NO AUTHENTICATE failed."]
    {
        let (error, _) = challenged(true, None, end).await;
        assert!(matches!(error, SessionError::TokenRefused), "{end}: {error:?}");
    }
    for end in
        ["NO [UNAVAILABLE] back end", "NO Login failed", "BAD User is authenticated but not connected.", "NO [LIMIT] x"]
    {
        assert_eq!(challenged(true, None, end).await.0.code(), ConnectionFault::ServerBusy, "{end}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_could_check_is_not_refused() {
    let failed = "NO [AUTHENTICATIONFAILED] no";
    for json in
        [r#"{"status":"500"}"#, r#"{"status":503}"#, r#"{"status":"temporarily_unavailable"}"#, r#"{"status":"429"}"#]
    {
        assert_eq!(challenged(true, Some(json), failed).await.0.code(), ConnectionFault::ServerBusy, "{json}");
    }
    let json = r#"{"status":"401"}"#;
    let (error, _) = challenged(true, Some(json), "NO [UNAVAILABLE] introspection is away").await;
    assert_eq!(error.code(), ConnectionFault::ServerBusy);
}

#[tokio::test]
async fn a_name_can_not_add_a_field_and_is_written_as_the_mechanism_has_it() {
    let open = async |name: &str| {
        let (stream, heard) = server("* OK hello\r\n", |command| match command {
            "CAPABILITY" => ok(BOTH),
            _ => ok(""),
        });
        let secret = Secret::Token { token: SecretString::from("t"), prefers_xoauth2: false };
        let credentials = Credentials { username: name.to_owned(), secret };
        (Session::open(stream, &credentials, Limits::default()).await.map(|_session| ()), heard)
    };
    let (outcome, heard) = open("a\u{1}auth=Bearer other").await;
    assert!(matches!(outcome, Err(SessionError::Unsendable)));
    assert_eq!(heard.commands(), ["CAPABILITY"]);
    let (outcome, heard) = open("a=b,c@sakura.example").await;
    outcome.unwrap();
    let sent = heard.commands()[1].strip_prefix("AUTHENTICATE OAUTHBEARER ").unwrap().to_owned();
    assert_eq!(plain(&sent), "n,a=a=3Db=2Cc@sakura.example,\u{1}auth=Bearer t\u{1}\u{1}");
}

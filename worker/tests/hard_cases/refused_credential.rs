//! Our own sign-in is a sensor: hosts lock the mailboxes of thieves' victims. But hosts also answer "no" when they are busy, in
//! maintenance, or, like Office 365, have let us in and lost the way to the mailbox. Only an explicit refusal, twice, counts.

use daimon_domain::mailbox::Connection;
use daimon_domain::verdict::Verdict;
use daimon_verdict::{Facts, Known, Provider, Signal, State, observe};
use daimon_worker::poll::{Credentials, Limits, Secret, Session};
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::mailbox::{DAY, SATO, at};
use crate::mails::{Returned, SIGNED_IN};

const DOVECOT: &str =
    "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN] Dovecot ready.\r\n";
const EXCHANGE: &str = "* OK The Microsoft Exchange IMAP4 service is ready. [VABZADAAUAAyADgANgBDAEEAMAAxADAANgA=]\r\n";

/// Signs in at a server that greets so and answers every attempt with `answer`, and asks for the folders: how the mailbox
/// stands after that, if it stood like `before`.
async fn sign_in(before: &Connection, greeting: &str, answer: &str, minute: i64) -> Connection {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (greeting, answer) = (greeting.to_owned(), answer.to_owned());
    let server = tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        write.write_all(greeting.as_bytes()).await?;
        while let Some(line) = lines.next_line().await? {
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            let said = match command {
                "CAPABILITY" => "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n{tag} OK done.\r\n",
                _ => answer.as_str(),
            };
            write.write_all(said.replace("{tag}", tag).as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    let credentials =
        Credentials { username: SATO.to_owned(), secret: Secret::Password(SecretString::from("correct horse")) };
    let opened = Session::open(ours, &credentials, Limits::default()).await;
    let outcome = match opened {
        Ok(mut session) => session.folders().await.err(),
        Err(error) => Some(error),
    };
    server.abort();
    before.failed(outcome.unwrap().code(), at(DAY, minute))
}

/// How sure we are of a theft after five bounces and two sign-ins, ten minutes apart, that were answered so; in decibans.
async fn after_five_bounces_and(greeting: &str, answers: [&str; 2]) -> f64 {
    let known = Known {
        address: SATO.to_owned(),
        own_domains: vec!["sakura.example".to_owned()],
        own_hosts: vec!["hoshi-hosting.example".to_owned()],
        provider: Some(Provider::ImapHost),
        sent_coverage: Some(0.95),
        ..Known::default()
    };
    let mut state = State::default();
    // Refused for what it says as often as for whom it is to, or it could be a mailing to an old list.
    for number in 0..5 {
        let mail = Returned::to_a_stranger(number, at(DAY, 10 * number));
        let entry = mail.entry(SIGNED_IN, "WIN-7K2PQ4", "198.51.100.66", Some(SATO));
        let report = daimon_bounce::read(mail.by_postfix(&mail.thiefs_letter(&entry)).as_bytes());
        let facts =
            Facts { recipient_key: &mail.to, sent_copy: Some(false), recipient_known: Some(false), ..Facts::default() };
        state.weigh(&observe(&report, &report.recipients[0], &known, &facts, mail.came_back).unwrap());
    }
    let mut connection = Connection::Connected { since: at(0, 0) };
    for (minute, answer) in (60..).step_by(10).zip(answers) {
        connection = sign_in(&connection, greeting, answer, minute).await;
        if connection.is_refused_again() {
            state.signal(Signal::CredentialRefused, at(DAY, minute));
        }
    }
    let said = state.assess(at(DAY, 80));
    assert_eq!(said.verdict, Verdict::AccountTakeover, "{said:#?}");
    said.score_db
}

const BUSY: &str = "{tag} NO [UNAVAILABLE] Temporary authentication failure.\r\n";
const REFUSED: &str = "{tag} NO [AUTHENTICATIONFAILED] Authentication failed.\r\n";

#[tokio::test]
async fn a_password_refused_twice_in_so_many_words_after_a_burst_is_evidence() {
    let (refused, busy) =
        (after_five_bounces_and(DOVECOT, [REFUSED; 2]).await, after_five_bounces_and(DOVECOT, [BUSY; 2]).await);
    assert!(refused > busy + 3.0, "{refused} {busy}");
}

#[tokio::test]
async fn a_host_that_is_busy_in_maintenance_or_has_lost_the_mailbox_has_refused_nothing() {
    for (greeting, answer) in [
        (EXCHANGE, "{tag} BAD User is authenticated but not connected.\r\n"),
        (EXCHANGE, "{tag} NO Server Unavailable. 15\r\n"),
        (DOVECOT, "{tag} NO [UNAVAILABLE] Temporary authentication failure. [mail:2025-06-01 09:00:00]\r\n"),
        (DOVECOT, "* BYE Server shutting down.\r\n"),
        (DOVECOT, "{tag} NO [LIMIT] LOGIN Rate limit hit.\r\n"),
        (DOVECOT, "{tag} NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)\r\n"),
        (DOVECOT, "{tag} NO [ALERT] Too many simultaneous connections. (Failure)\r\n"),
        (DOVECOT, "{tag} NO [INUSE] Mailbox in use.\r\n"),
        (DOVECOT, "{tag} NO Login failed.\r\n"),
    ] {
        let (said, refused) =
            (after_five_bounces_and(greeting, [answer; 2]).await, after_five_bounces_and(greeting, [REFUSED; 2]).await);
        assert!(said + 3.0 < refused, "{answer}");
    }
}

#[tokio::test]
async fn one_refusal_is_a_hiccup_and_two_with_something_else_between_are_one_each() {
    let refused = after_five_bounces_and(DOVECOT, [REFUSED; 2]).await;
    for answers in [[REFUSED, BUSY], [BUSY, REFUSED]] {
        assert!(after_five_bounces_and(DOVECOT, answers).await + 3.0 < refused, "{answers:?}");
    }
}

#[tokio::test]
async fn office_365_that_lets_us_in_and_then_is_not_connected_has_refused_nothing() {
    // Signing in is answered with OK, and whatever comes next is not.
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        write.write_all(EXCHANGE.as_bytes()).await?;
        while let Some(line) = lines.next_line().await? {
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            let said = match command.split(' ').next().unwrap_or_default() {
                "CAPABILITY" => "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n{tag} OK CAPABILITY completed.\r\n",
                "AUTHENTICATE" => "{tag} OK AUTHENTICATE completed.\r\n",
                _ => "{tag} BAD User is authenticated but not connected.\r\n",
            };
            write.write_all(said.replace("{tag}", tag).as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    let credentials =
        Credentials { username: SATO.to_owned(), secret: Secret::Password(SecretString::from("correct horse")) };
    let mut session = Session::open(ours, &credentials, Limits::default()).await.unwrap();
    let mut connection = Connection::Connected { since: at(0, 0) };
    let fault = session.folders().await.err().unwrap().code();
    for minute in [0, 10, 20] {
        connection = connection.failed(fault, at(DAY, minute));
        assert!(!connection.is_refused_again() && !matches!(connection, Connection::CredentialRefused { .. }));
    }
}

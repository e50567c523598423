//! What the stories stand on is real: mail really travels, and really comes back.

use std::net::Ipv4Addr;
use std::time::Duration;

use chrono::TimeDelta;
use daimon_tests::imap::Imap;
use daimon_tests::life::Person;
use daimon_tests::servers::{ServersAt, shared};
use daimon_tests::smtp::Smtp;
use daimon_tests::world::World;

/// Reads INBOX until `wanted` messages are there. Postfix and Dovecot follow no clock of ours.
async fn inbox(servers: &ServersAt, user: &str, password: &str, wanted: u32) -> Vec<String> {
    let mut imap = Imap::sign_in(&servers.authority, servers.dovecot.imaps, user, password).await.unwrap();
    imap.wait_for("INBOX", wanted, Duration::from_secs(30)).await.unwrap();
    let messages = imap.read_all("INBOX").await.unwrap();
    messages.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

#[tokio::test]
async fn postfix_returns_refused_mail_into_dovecot_and_says_who_signed_in() {
    let servers = shared().await.unwrap();
    let user = format!("returned{}@clinic.example", std::process::id());
    servers.dovecot.add_user(&user, "secret").unwrap();
    let mut smtp =
        Smtp::connect_from(servers.postfix().unwrap().submission, Ipv4Addr::new(203, 0, 113, 66)).await.unwrap();
    smtp.sign_in(&user, "secret").await.unwrap();
    let message =
        format!("From: {user}\r\nTo: nouser@stranger.test\r\nSubject: hello\r\nMessage-ID: <1@x>\r\n\r\nhi\r\n");
    smtp.send(&user, &["nouser@stranger.test"], &message).await.unwrap();

    let came = inbox(servers, &user, "secret", 1).await;

    let report = came.first().unwrap();
    assert!(report.contains("Content-Type: message/delivery-status"), "{report}");
    assert!(report.contains("Status: 5.1.1"), "{report}");
    assert!(report.contains(&format!("(Authenticated sender: {user})")), "{report}");
    assert!(report.contains("203.0.113.66"), "{report}");
}

#[tokio::test]
async fn a_wrong_password_sends_nothing() {
    let servers = shared().await.unwrap();
    let user = format!("guessed{}@clinic.example", std::process::id());
    servers.dovecot.add_user(&user, "secret").unwrap();
    let mut smtp =
        Smtp::connect_from(servers.postfix().unwrap().submission, Ipv4Addr::new(203, 0, 113, 66)).await.unwrap();
    assert!(smtp.sign_in(&user, "guess").await.is_err());
    assert!(smtp.send(&user, &["nouser@stranger.test"], "Subject: x\r\n\r\nx").await.is_err());
}

#[tokio::test]
async fn mail_of_strangers_reaches_the_mailbox() {
    let servers = shared().await.unwrap();
    let user = format!("reached{}@clinic.example", std::process::id());
    servers.dovecot.add_user(&user, "secret").unwrap();
    let mut smtp = Smtp::connect_from(servers.postfix().unwrap().smtp, Ipv4Addr::new(198, 51, 100, 7)).await.unwrap();
    smtp.send("friend@stranger.test", &[&user], "Subject: lunch\r\n\r\nToday?\r\n").await.unwrap();
    let came = inbox(servers, &user, "secret", 1).await;
    assert!(came.first().unwrap().contains("Subject: lunch"));
}

#[tokio::test]
async fn a_story_in_which_a_stranger_marks_mail_as_seen_fails_and_an_owner_may() {
    let world = World::without_worker().await.unwrap();
    let servers = world.servers;
    let owner = Person::with_account(servers, &format!("looks@{}.example", world.tag), "secret").unwrap();
    owner.mistyped(servers, 2, world.clock.now().await - TimeDelta::hours(1)).await.unwrap();
    owner.looks_at(servers, "INBOX", "1").await.unwrap();
    let strange = || servers.dovecot.seen_by_strangers(|user| user == owner.address).unwrap();
    assert_eq!(strange(), Vec::<String>::new());

    let mut stranger = owner.open(servers).await.unwrap();
    for folder in ["INBOX", "Sent"] {
        stranger.command(&format!("SELECT {folder}")).await.unwrap();
        stranger.command("FETCH 2 (BODY[])").await.unwrap();
    }
    stranger.command("LOGOUT").await.unwrap();
    assert_eq!(strange().len(), 2, "{:?}", strange());
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world)));
    assert!(dropped.is_err());
    // So that the end of the run does not find it too.
    servers.dovecot.owner_looked(&owner.address).unwrap();
}

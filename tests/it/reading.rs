//! A mailbox on a real server, read the way the worker reads it.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_tests::authority::Authority;
use daimon_tests::courier::Courier;
use daimon_tests::dovecot::Dovecot;
use daimon_tests::imap::Imap;
use daimon_tests::place::Place;
use daimon_tests::servers::second;
use daimon_worker::poll::{Credentials, Folder, Limits, Role, Secret, Session, SessionError};
use secrecy::SecretString;
use tokio::net::TcpStream;

const PASSWORD: &str = "geheim-\"1\\ä";

/// A server with one mailbox.
struct Provider {
    courier: Option<Courier>,
    dovecot: Dovecot,
    authority: Authority,
    _place: Place,
}

impl Provider {
    fn start() -> Self {
        let place = Place::temporary().unwrap();
        let authority = Authority::in_place(&place).unwrap();
        let dovecot = Dovecot::start(&place, &authority).unwrap();
        dovecot.at().add_user("sato@sakura.example", PASSWORD).unwrap();
        dovecot.at().add_user("owner@sakura.example", "plain").unwrap();
        let courier = second(&place, &authority, dovecot.at()).unwrap();
        Self { courier, dovecot, authority, _place: place }
    }

    /// What a folder of that name is called here.
    fn folder(&self, name: &str) -> String {
        if self.courier.is_some() { format!("INBOX.{name}") } else { name.to_owned() }
    }

    async fn sign_in(&self, user: &str, password: &str) -> Result<Session, SessionError> {
        let port = self.courier.as_ref().map_or(self.dovecot.at().imaps, |courier| courier.at().imaps);
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = self.authority.connector().unwrap().connect(name, tcp).await.unwrap();
        let credentials =
            Credentials { username: user.to_owned(), secret: Secret::Password(SecretString::from(password)) };
        Session::open(stream, &credentials, Limits::default()).await
    }
}

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_000_000, 0).unwrap() + TimeDelta::hours(hour)
}

fn report(number: u32) -> Vec<u8> {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: owner@sakura.example\r\nSubject: Undelivered Mail\r\n\
         Message-ID: <{number}@mx.example>\r\n\r\nNumber {number}.\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_password_with_every_difficulty_signs_in_and_a_wrong_one_is_refused() {
    let provider = Provider::start();
    provider.sign_in("sato@sakura.example", PASSWORD).await.unwrap().close().await;
    let error = provider.sign_in("sato@sakura.example", "wrong").await.err().unwrap();
    if provider.courier.is_some() {
        // It says only that it failed, which busy servers say too.
        assert!(matches!(error, SessionError::NotLetIn), "{error:?}");
    } else {
        assert!(matches!(error, SessionError::Refused), "{error:?}");
    }
}

#[tokio::test]
async fn a_mailbox_is_read_in_batches_and_stays_unseen() {
    let provider = Provider::start();
    let mut owner =
        Imap::sign_in(&provider.authority, provider.dovecot.at().imaps, "owner@sakura.example", "plain").await.unwrap();
    for number in 1..=450 {
        owner.append("INBOX", &report(number), at(i64::from(number))).await.unwrap();
    }
    let mut large = b"Return-Path: <>\r\nFrom: postmaster@mx.example\r\nSubject: large\r\n\r\n".to_vec();
    large.extend(std::iter::repeat_n(*b"0123456789abcdef\r\n", 40_000).flatten());
    owner.append("INBOX", &large, at(451)).await.unwrap();
    owner.append("INBOX", b"From: a@b.example\r\nSubject: Invoice\r\n\r\nHello\r\n", at(452)).await.unwrap();
    if let Some(courier) = &provider.courier {
        // On disk it writes such a name otherwise than Dovecot.
        let port = courier.at().imaps;
        let mut owner = Imap::sign_in(&provider.authority, port, "owner@sakura.example", "plain").await.unwrap();
        owner.command("CREATE INBOX.&j,dg0TDhMPww6w-").await.unwrap();
        owner.select_all().await.unwrap();
    } else {
        owner.command("CREATE &j,dg0TDhMPww6w-").await.unwrap();
    }
    let mut sent = String::from("Message-ID: <s1@sakura.example>\r\nTo: ");
    for number in 0..50 {
        write!(sent, "r{number}@c.example,\r\n ").unwrap();
    }
    sent.push_str("last@c.example\r\n\r\nHello\r\n");
    owner.append("Sent", sent.as_bytes(), at(453)).await.unwrap();

    let mut session = provider.sign_in("owner@sakura.example", "plain").await.unwrap();
    let folders = session.folders().await.unwrap();
    let found: Vec<_> = folders.iter().map(|folder| (folder.role, folder.name.as_str())).collect();
    let (junk, sent) = (provider.folder("&j,dg0TDhMPww6w-"), provider.folder("Sent"));
    assert_eq!(found, [(Role::Inbox, "INBOX"), (Role::Junk, &*junk), (Role::Sent, &*sent)]);

    let inbox = session.examine(&folders[0], None).await.unwrap();
    assert_eq!((inbox.exists, inbox.uid_next), (452, 453));
    let (mut next, mut read) = (inbox.first_new_uid(None), Vec::new());
    let mut through = 0;
    while let Some(first) = next {
        let ahead = session.ahead(inbox, first, session.batch()).await.unwrap();
        let batch = session.reports(&ahead, None).await.unwrap();
        assert!(batch.fault.is_none() && batch.put_aside.is_empty());
        read.extend(batch.items);
        through = batch.through_uid;
        next = batch.next_uid;
    }
    // Courier numbers what came within one second in an order of its own.
    let other = if provider.courier.is_some() {
        (1..=452).find(|uid| read.iter().all(|mail| mail.uid != *uid))
    } else {
        Some(452)
    };
    let uids: Vec<_> = (1..=452).filter(|uid| Some(*uid) != other).collect();
    assert_eq!(read.iter().map(|mail| mail.uid).collect::<Vec<_>>(), uids, "in order, and not the invoice");
    let first = read.iter().find(|mail| mail.bytes == report(1)).unwrap();
    assert_eq!(first.internal_date, Some(at(1)));
    let cut: Vec<_> = read.iter().filter(|mail| mail.is_cut).map(|mail| mail.bytes.len()).collect();
    assert_eq!(cut, [262_144]);
    assert_eq!(inbox.first_new_uid(Some(inbox.checkpoint(through))), None);
    // SINCE knows days only, and those of the server's zone.
    let first = session.first_uid_since(inbox, at(400)).await.unwrap();
    let earliest = if provider.courier.is_some() { 1 } else { 350 };
    assert!((earliest..400).contains(&first), "{first}");

    let opened = session.examine(&folders[2], None).await.unwrap();
    let ahead = session.ahead(opened, 1, session.batch()).await.unwrap();
    let batch = session.sent(&ahead).await.unwrap();
    assert_eq!(batch.items[0].message_id.as_deref(), Some("s1@sakura.example"));
    assert_eq!(batch.items[0].recipients.len(), 51);

    let gone = Folder { name: "no \"such\" folder".to_owned(), role: Role::Other };
    assert!(matches!(session.examine(&gone, None).await, Err(SessionError::NoFolder)));
    let junk = session.examine(&folders[1], None).await.unwrap();
    assert_eq!(junk.first_new_uid(None), None);
    session.close().await;

    owner.command("SELECT INBOX").await.unwrap();
    assert!(owner.command("SEARCH SEEN").await.unwrap().contains("* SEARCH\r\n"));
}

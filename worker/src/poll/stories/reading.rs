//! Reading a folder: what counts as new, and what one bad message may cost.

use chrono::DateTime;

use crate::poll::scripted::{Heard, Reply, ok, reports, say, sent, session};
use crate::poll::{Limits, PutAside, Selected, Session, SessionError, Unreadable};

fn selected(uid_next: u32) -> Selected {
    Selected { uid_validity: 7, uid_next, tells_uid_next: true, exists: uid_next - 1 }
}

/// The UIDs in `1:3,7`.
fn named(command: &str) -> Vec<u32> {
    let set = command.split(' ').nth(2).unwrap();
    set.split(',')
        .flat_map(|part| {
            let (low, high) = part.split_once(':').unwrap_or((part, part));
            low.parse::<u32>().unwrap()..=high.parse().unwrap()
        })
        .collect()
}

fn header(uid: u32) -> String {
    let text = "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\n\r\n";
    format!(
        "* {uid} FETCH (UID {uid} INTERNALDATE \"07-Sep-2026 01:02:03 +0900\" RFC822.SIZE 900 BODY[HEADER.FIELDS (FROM)]<0> {{{}}}\r\n{text})\r\n",
        text.len()
    )
}

fn body(uid: u32) -> String {
    let text = format!("From: MAILER-DAEMON@mx.example\r\n\r\nmail {uid}");
    format!("* {uid} FETCH (UID {uid} BODY[]<0> {{{}}}\r\n{text})\r\n", text.len())
}

/// What an honest server answers, for a folder with a report under every UID up to `last`.
fn honest(command: &str, last: u32) -> Option<Reply> {
    if command.starts_with("UID SEARCH") {
        let all: Vec<_> = (1..=last).map(|uid| uid.to_string()).collect();
        return Some(ok(&format!("* SEARCH {}\r\n", all.join(" "))));
    }
    let fetch = command.starts_with("UID FETCH").then(|| named(command))?;
    let one = if command.contains("HEADER") { header } else { body };
    Some(ok(&fetch.into_iter().map(one).collect::<String>()))
}

async fn reading<F>(last: u32, mut instead: F) -> (Session, Heard)
where
    F: FnMut(&str) -> Option<Reply> + Send + 'static,
{
    session(move |command| instead(command).or_else(|| honest(command, last))).await
}

fn is_body(command: &str) -> bool {
    command.starts_with("UID FETCH") && command.contains("BODY.PEEK[]")
}

#[tokio::test]
async fn reports_are_read_whole_and_in_order() {
    let (mut session, _) = reading(3, |_| None).await;
    let batch = reports(&mut session, selected(4), 2).await.unwrap();
    assert_eq!(batch.items.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [2, 3]);
    assert!(batch.items[0].bytes.ends_with(b"mail 2"));
    assert_eq!(
        batch.items[0].internal_date,
        Some(DateTime::parse_from_rfc3339("2026-09-06T16:02:03Z").unwrap().to_utc())
    );
    assert_eq!((batch.through_uid, batch.next_uid, batch.looked_at), (3, None, 2));
}

#[tokio::test]
async fn a_session_can_be_held_by_any_thread() {
    let (mut session, _) = reading(3, |_| None).await;
    let read = tokio::spawn(async move {
        let folders = session.folders().await?;
        assert!(folders.is_empty() && session.ends() <= tokio::time::Instant::now() + Limits::default().session);
        let batch = reports(&mut session, selected(4), 1).await?;
        session.close().await;
        Ok::<_, SessionError>(batch.items.len())
    });
    assert_eq!(read.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn nothing_is_ever_marked_as_seen() {
    let (mut session, heard) =
        reading(3, |command| (command.starts_with("LIST")).then(|| ok("* LIST () \"/\" INBOX\r\n"))).await;
    for folder in session.folders().await.unwrap() {
        let opened = session.examine(&folder, None).await.unwrap();
        reports(&mut session, opened, 1).await.unwrap();
        sent(&mut session, opened, 1).await.unwrap();
    }
    session.close().await;
    let commands = heard.commands();
    assert!(commands.iter().any(|command| is_body(command)));
    for command in commands {
        let verb = command.trim_start_matches("UID ").split(' ').next().unwrap().to_owned();
        assert!(
            ["CAPABILITY", "AUTHENTICATE", "LIST", "EXAMINE", "SEARCH", "FETCH", "LOGOUT"].contains(&verb.as_str()),
            "{command}"
        );
        assert!(!command.contains("BODY["), "{command}");
    }
}

#[tokio::test]
async fn mail_outside_of_what_was_asked_for_is_not_new() {
    let (mut session, _) =
        reading(9, |command| command.starts_with("UID SEARCH").then(|| ok("* SEARCH 1 3 9\r\n"))).await;
    let batch = reports(&mut session, selected(4), 2).await.unwrap();
    assert_eq!(batch.items.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn a_uid_answered_twice_is_one_message() {
    let (mut session, _) = reading(3, |command| match command {
        _ if command.starts_with("UID SEARCH") => Some(ok("* SEARCH 3 3\r\n* SEARCH 3\r\n")),
        _ if is_body(command) => Some(ok(&format!("{}* 3 FETCH (UID 3 FLAGS ())\r\n{}", body(3), body(3)))),
        _ => None,
    })
    .await;
    assert_eq!(reports(&mut session, selected(4), 1).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn attributes_may_be_missing_or_come_apart() {
    let (mut session, _) = reading(2, |command| {
        (command.contains("HEADER")).then(|| {
            ok("* 1 FETCH (UID 1 ENVELOPE NIL)\r\n* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n* 2 FETCH (UID 2 BODY[HEADER.FIELDS (FROM)]<0> NIL)\r\n")
        })
    })
    .await;
    let batch = reports(&mut session, selected(3), 1).await.unwrap();
    assert_eq!(batch.items.len(), 2, "without a header there is no reason to leave a message out");
    assert_eq!((batch.items[0].size, batch.items[1].size, batch.items[1].internal_date), (Some(9), None, None));
}

#[tokio::test]
async fn mail_that_vanishes_while_it_is_read_is_no_failure() {
    let (mut session, _) = reading(3, |command| {
        is_body(command).then(|| ok(&format!("* 1 EXPUNGE\r\n{}* 2 FETCH (UID 3 BODY[]<0> NIL)\r\n", body(2))))
    })
    .await;
    let batch = reports(&mut session, selected(4), 1).await.unwrap();
    assert_eq!(batch.items.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [2]);
    assert_eq!((batch.put_aside.len(), batch.through_uid), (0, 3));
}

#[tokio::test]
async fn mail_that_comes_while_mail_is_read_is_for_the_next_session() {
    let (mut session, heard) = reading(3, |command| {
        command.starts_with("UID FETCH").then(|| {
            let one = if command.contains("HEADER") { header } else { body };
            let asked: String = named(command).into_iter().map(one).collect();
            ok(&format!("* 4 EXISTS\r\n* 1 RECENT\r\n{}* 4 FETCH (UID 4 FLAGS (\\Recent))\r\n{asked}", one(4)))
        })
    })
    .await;
    let opened = selected(4);
    let batch = reports(&mut session, opened, 1).await.unwrap();
    assert_eq!(batch.items.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((batch.through_uid, batch.next_uid), (3, None));
    let next = selected(5).first_new_uid(Some(opened.checkpoint(batch.through_uid)));
    assert_eq!(next, Some(4), "and there it is new");
    assert!(
        heard.commands().iter().filter(|command| command.starts_with("UID FETCH")).all(|one| !named(one).contains(&4))
    );
}

#[tokio::test]
async fn one_unreadable_message_among_eighty_costs_only_itself() {
    for refusal in ["{tag} NO [SERVERBUG] cannot read\r\n", "* 41 FETCH (UID 41 BODY[]<0> \"\0\")\r\n{tag} OK done\r\n"]
    {
        let (mut session, _) =
            reading(80, move |command| (is_body(command) && named(command).contains(&41)).then(|| say(refusal))).await;
        let batch = reports(&mut session, selected(81), 1).await.unwrap();
        assert_eq!(batch.items.len(), 79);
        assert_eq!(batch.put_aside.iter().map(|aside| aside.uid).collect::<Vec<_>>(), [41]);
        assert_eq!(batch.through_uid, 80);
    }
}

#[tokio::test]
async fn a_server_that_can_read_nothing_is_busy_and_nothing_is_put_aside() {
    for last in [2, 80] {
        let (mut session, _) = reading(last, |command| is_body(command).then(|| say("{tag} NO cannot read\r\n"))).await;
        let batch = reports(&mut session, selected(last + 1), 1).await;
        assert!(matches!(batch.unwrap_err(), SessionError::Busy(_)));
    }
}

#[tokio::test]
async fn a_server_that_is_over_its_quota_is_not_asked_for_one_message_after_another() {
    let (mut session, heard) =
        reading(80, |command| is_body(command).then(|| say("{tag} NO [OVERQUOTA] enough for today\r\n"))).await;
    assert!(matches!(reports(&mut session, selected(81), 1).await.unwrap_err(), SessionError::Busy(_)));
    assert_eq!(heard.count("UID FETCH"), 2);
}

#[tokio::test]
async fn a_message_of_seventy_megabytes_is_put_aside_and_the_rest_comes_next_time() {
    let (mut session, _) = reading(3, |command| match command {
        _ if command.contains("HEADER") => {
            Some(ok(&[header(1), header(2).replace("SIZE 900", "SIZE 73400320"), header(3)].concat()))
        }
        _ if is_body(command) && named(command).contains(&2) => Some(say("* 2 FETCH (UID 2 BODY[]<0> {73400320}\r\n")),
        _ => None,
    })
    .await;
    let batch = reports(&mut session, selected(4), 1).await.unwrap();
    assert_eq!(batch.items.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [1]);
    assert_eq!(batch.put_aside, [PutAside { uid: 2, because: Unreadable::TooLarge }]);
    assert_eq!((batch.through_uid, batch.next_uid), (2, None));
    assert!(matches!(batch.fault, Some(SessionError::TooMuch(_))));
}

#[tokio::test]
async fn only_the_beginning_of_a_large_message_is_asked_for_and_kept() {
    let most = Limits::default().message;
    let (mut session, heard) = reading(1, move |command| match command {
        _ if command.contains("HEADER") => Some(ok(&header(1).replace("SIZE 900", "SIZE 300000"))),
        _ if is_body(command) => {
            Some(ok(&format!("* 1 FETCH (UID 1 BODY[]<0> {{300000}}\r\n{})\r\n", "x".repeat(300_000))))
        }
        _ => None,
    })
    .await;
    let batch = reports(&mut session, selected(2), 1).await.unwrap();
    assert_eq!((batch.items[0].bytes.len(), batch.items[0].is_cut), (most as usize, true));
    assert!(heard.commands().iter().any(|command| command.contains("BODY.PEEK[]<0.262144>")));
}

#[tokio::test]
async fn a_large_folder_is_read_in_batches_up_to_where_it_ended_at_first() {
    let (mut session, _) = reading(500, |_| None).await;
    let opened = selected(451);
    let (mut next, mut seen) = (opened.first_new_uid(None), Vec::new());
    while let Some(first) = next {
        let batch = reports(&mut session, opened, first).await.unwrap();
        assert!(batch.looked_at <= Limits::default().batch);
        seen.extend(batch.items.iter().map(|mail| mail.uid));
        next = batch.next_uid;
    }
    assert_eq!(seen, (1..=450).collect::<Vec<_>>());
}

#[tokio::test]
async fn mail_of_people_is_not_fetched() {
    let (mut session, heard) = reading(2, |command| {
        command.contains("HEADER").then(|| {
            let text = "From: a@b.example\r\nReturn-Path: <a@b.example>\r\nSubject: Invoice\r\n\r\n";
            let one = format!("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM)] {{{}}}\r\n{text})\r\n", text.len());
            ok(&[one, header(2)].concat())
        })
    })
    .await;
    let batch = reports(&mut session, selected(3), 1).await.unwrap();
    assert_eq!((batch.looked_at, batch.items.len()), (2, 1));
    let bodies: Vec<_> = heard.commands().into_iter().filter(|command| is_body(command)).collect();
    assert_eq!(bodies, ["UID FETCH 2 (UID BODY.PEEK[]<0.262144>)"]);
}

#[tokio::test]
async fn a_first_visit_begins_where_recent_mail_begins() {
    let (mut session, heard) = session(|command| {
        command.starts_with("UID SEARCH").then(|| match command {
            "UID SEARCH UID 7001:12000 SINCE 6-Sep-2026" => ok("* SEARCH 7100 7050 12000\r\n"),
            "UID SEARCH UID 2001:7000 SINCE 6-Sep-2026" => ok("* SEARCH\r\n"),
            "UID SEARCH UID 2001:7000" => ok("* SEARCH 2001 7000\r\n"),
            _ => say("{tag} BAD what\r\n"),
        })
    })
    .await;
    let opened = selected(12_001);
    let since = DateTime::parse_from_rfc3339("2026-09-07T12:00:00Z").unwrap().to_utc();
    assert_eq!(session.first_uid_since(opened, since).await.unwrap(), 7050);
    assert_eq!(heard.count("UID SEARCH"), 3);
}

#[tokio::test]
async fn of_sent_mail_only_the_envelope_is_fetched() {
    let (mut session, heard) = reading(1, |command| {
        command.contains("HEADER").then(|| {
            let text = "Message-ID: <a1@b.example>\r\nTo: c@d.example\r\n\r\n";
            ok(&format!("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (TO)] {{{}}}\r\n{text})\r\n", text.len()))
        })
    })
    .await;
    let batch = sent(&mut session, selected(2), 1).await.unwrap();
    assert_eq!(batch.items[0].message_id.as_deref(), Some("a1@b.example"));
    assert_eq!(batch.items[0].recipients, ["c@d.example"]);
    assert_eq!(heard.count("UID FETCH"), 1);
}

/// A message of either kind, whole.
fn whole(uid: u32, is_report: bool) -> String {
    let from = if is_report { "MAILER-DAEMON@mx.example" } else { "a@b.example" };
    let text = format!("From: {from}\r\nSubject: x\r\n\r\nmail {uid}");
    let (size, date) = (text.len(), "07-Sep-2026 01:02:03 +0900");
    format!(
        "* {uid} FETCH (UID {uid} FLAGS () INTERNALDATE \"{date}\" RFC822.SIZE {size} BODY[]<0> {{{size}}}\r\n{text})\r\n"
    )
}

#[tokio::test]
async fn in_a_flood_header_and_message_come_at_once_and_what_is_no_report_is_left_alone() {
    let at_once = |command: &str| command.contains("RFC822.SIZE") && command.contains("BODY.PEEK[]");
    let (mut session, heard) = reading(1_100, move |command| {
        at_once(command).then(|| ok(&named(command).into_iter().map(|uid| whole(uid, uid != 700)).collect::<String>()))
    })
    .await;
    let first = reports(&mut session, selected(1_101), 1).await.unwrap();
    assert_eq!((first.items.len(), first.next_uid), (500, Some(501)));
    assert!(!heard.commands().iter().any(|command| at_once(command)), "nobody knows yet that it is one");

    let second = reports(&mut session, selected(1_101), 501).await.unwrap();
    let uids: Vec<_> = second.items.iter().map(|mail| mail.uid).collect();
    assert_eq!(uids, (501..=1_000).filter(|uid| *uid != 700).collect::<Vec<_>>());
    assert!(second.items[0].bytes.ends_with(b"mail 501") && !second.items[0].is_cut);
    assert_eq!((second.through_uid, second.next_uid, second.glanced.len()), (1_000, Some(1_001), 1));
    let asked: Vec<_> = heard.commands().into_iter().filter(|command| at_once(command)).collect();
    assert_eq!(asked.iter().flat_map(|command| named(command)).collect::<Vec<_>>(), (501..=1_000).collect::<Vec<_>>());
    assert_eq!(heard.count("UID SEARCH"), 1, "what one search has found is enough for all batches");
}

#[tokio::test]
async fn where_most_is_ordinary_mail_only_headers_come_of_it() {
    let ordinary = "From: a@b.example\r\nSubject: x\r\n\r\n";
    let (mut session, heard) = reading(1_000, move |command| {
        let headers = |uid: u32| {
            if uid.is_multiple_of(2) {
                return header(uid);
            }
            let length = ordinary.len();
            format!(
                "* {uid} FETCH (UID {uid} RFC822.SIZE 900 BODY[HEADER.FIELDS (FROM)]<0> {{{length}}}\r\n{ordinary})\r\n"
            )
        };
        command.contains("HEADER").then(|| ok(&named(command).into_iter().map(headers).collect::<String>()))
    })
    .await;
    for first in [1, 501] {
        assert_eq!(reports(&mut session, selected(1_001), first).await.unwrap().items.len(), 250);
    }
    let whole = heard.commands().into_iter().filter(|command| is_body(command)).flat_map(|command| named(&command));
    assert_eq!(whole.collect::<Vec<_>>(), (1..=1_000_u32).filter(|uid| uid.is_multiple_of(2)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_ends_before_it_is_too_much_to_hold() {
    let large = Limits::default().message;
    let (mut session, _) = reading(100, move |command| {
        let told = |uid: u32| header(uid).replace("RFC822.SIZE 900", &format!("RFC822.SIZE {large}"));
        command.contains("HEADER").then(|| ok(&named(command).into_iter().map(told).collect::<String>()))
    })
    .await;
    let fits = u32::try_from(Limits::default().held / u64::from(large)).unwrap();
    let batch = reports(&mut session, selected(101), 1).await.unwrap();
    assert_eq!(batch.items.last().unwrap().uid, fits);
    assert_eq!((batch.through_uid, batch.next_uid), (fits, Some(fits + 1)));
}

//! Where async-imap alone goes wrong: a failure taken for an empty answer, an answer taken for another's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use daimon_domain::mailbox::ConnectionFault;
use futures_util::FutureExt;
use proptest::prelude::*;
use secrecy::SecretString;

use crate::poll::scripted::{Reply, ok, ordinary, reports, say, server, session};
use crate::poll::{Checkpoint, Credentials, Folder, Limits, Role, Secret, Selected, Session, SessionError};

const SELECTED: Selected = Selected { uid_validity: 7, uid_next: 4, tells_uid_next: true, exists: 3 };

fn folder(name: &str) -> Folder {
    Folder { name: name.to_owned(), role: Role::Other }
}

#[tokio::test]
async fn a_refused_search_is_not_an_empty_folder() {
    let (mut session, _) =
        session(|command| command.starts_with("UID SEARCH").then(|| say("{tag} NO not now\r\n"))).await;
    let error = reports(&mut session, SELECTED, 1).await.unwrap_err();
    assert_eq!(error.code(), ConnectionFault::ServerBusy);
}

#[tokio::test]
async fn a_connection_that_closes_inside_an_answer_is_not_its_end() {
    for command in ["UID SEARCH", "UID FETCH", "EXAMINE"] {
        let (mut session, _) = session(move |asked| match asked {
            _ if asked.starts_with(command) => Some(Reply::SayAndClose(b"* 1 FETCH (UID 1)\r\n".to_vec())),
            _ if asked.starts_with("UID SEARCH") => Some(ok("* SEARCH 1 2 3\r\n")),
            _ => None,
        })
        .await;
        let error = match command {
            "EXAMINE" => session.examine(&folder("INBOX"), None).await.map(|_| ()).unwrap_err(),
            _ => reports(&mut session, SELECTED, 1).await.map(|_| ()).unwrap_err(),
        };
        assert!(matches!(error, SessionError::Unreachable(_)), "{command}: {error:?}");
    }
}

#[tokio::test]
async fn an_untagged_no_while_a_folder_opens_is_only_a_warning() {
    let (mut session, _) = session(|command| {
        command
            .starts_with("EXAMINE")
            .then(|| ok("* NO Disk almost full\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] ok\r\n"))
    })
    .await;
    assert_eq!(session.examine(&folder("INBOX"), None).await.unwrap(), SELECTED);
    assert!(session.folders().await.unwrap().is_empty(), "the next command must get its own answer");
}

#[tokio::test]
async fn a_dropped_command_takes_the_connection_with_it() {
    let (mut session, _) = session(|command| command.starts_with("UID SEARCH").then_some(Reply::Hang)).await;
    assert!(reports(&mut session, SELECTED, 1).now_or_never().is_none(), "it is asked once, waits, and is dropped");
    let error = session.examine(&folder("INBOX"), None).await.unwrap_err();
    assert!(matches!(error, SessionError::Unreachable(None)), "{error:?}");
}

#[tokio::test]
async fn a_response_that_cannot_be_parsed_costs_only_itself() {
    let (mut session, _) = session(|command| {
        command.starts_with("EXAMINE").then(|| {
            ok("\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n* 3 EXISTS\n* ESEARCH (TAG \"d9\") ALL 1\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] ok\r\n")
        })
    })
    .await;
    assert_eq!(session.examine(&folder("INBOX"), None).await.unwrap(), SELECTED);
}

#[tokio::test]
async fn a_line_break_in_an_argument_sends_nothing() {
    for name in ["a\r\nd9 DELETE INBOX", "a\nb", "a\0b"] {
        let (mut session, heard) = session(|_| None).await;
        let before = heard.commands().len();
        let error = session.examine(&folder(name), None).await.unwrap_err();
        assert!(matches!(error, SessionError::Unsendable));
        session.examine(&folder("INBOX"), None).await.unwrap();
        assert_eq!(heard.commands().len(), before + 1);
    }
}

#[tokio::test]
async fn quotes_in_a_folder_name_stay_in_the_name() {
    let (mut session, heard) = session(|_| None).await;
    session.examine(&folder("a\" {5}\\"), None).await.unwrap();
    assert_eq!(heard.commands().last().unwrap(), "EXAMINE \"a\\\" {5}\\\\\"");
}

/// What a quoted string at the end of a command stands for (RFC 9051, 4.3), and what is before it.
fn unquoted(command: &str) -> Option<(&str, String)> {
    let inside = command.strip_suffix('"')?;
    // The quote that begins it is the last one that no backslash stands before, or an even number of them.
    let begins = |at: &(usize, &str)| {
        let before = inside.get(..at.0).unwrap_or_default();
        (before.len() - before.trim_end_matches('\\').len()) % 2 == 0
    };
    let (open, _) = inside.rmatch_indices('"').find(begins)?;
    let (before, quoted) = inside.split_at_checked(open)?;
    let mut text = String::new();
    let mut characters = quoted.chars().skip(1);
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next()? } else { character });
    }
    Some((before.trim_end(), text))
}

/// What is heard of a session that signs in and opens one folder, and whether each of the two was said at all.
async fn told(name: &str, password: &str, folder_name: &str, in_base64: bool) -> (Vec<String>, bool, bool) {
    let mut of_literals = 0;
    let (stream, heard) = server("* OK hello\r\n", move |command| match command {
        "CAPABILITY" if !in_base64 => ok("* CAPABILITY IMAP4rev1\r\n"),
        _ if of_literals == 0 && command.starts_with("LOGIN {") || of_literals == 1 => {
            of_literals += 1;
            say("+ go on\r\n")
        }
        // The last line of a sign-in with literals has no tag of its own.
        _ if of_literals == 2 => {
            of_literals += 1;
            say("d2 OK in\r\n")
        }
        _ => ordinary(command),
    });
    let secret = Secret::Password(SecretString::from(password));
    let credentials = Credentials { username: name.to_owned(), secret };
    match Session::open(stream, &credentials, Limits::default()).await {
        Ok(mut session) => {
            let opened = session.examine(&folder(folder_name), None).await;
            assert!(matches!(opened, Ok(_) | Err(SessionError::Unsendable)), "{opened:?}");
            let was_sendable = opened.is_ok();
            // And it is in step: the next command has its own answer.
            assert_eq!(session.examine(&folder("INBOX"), None).await.unwrap(), SELECTED);
            (heard.lines(), true, was_sendable)
        }
        Err(SessionError::Unsendable) => (heard.lines(), false, false),
        Err(other) => panic!("{other:?}"),
    }
}

const AWKWARD: &str =
    "(?s).{0,12}|[a-z\"\\\\{}()*%+ \r\n\0]{0,16}|[a-z]{1,6}\r\nd9 DELETE INBOX|[a-z]{1,5} \\{[0-9]{1,3}\\+?\\}";

proptest! {
    #[test]
    fn whatever_a_name_is_made_of_each_call_is_one_command(
        name in AWKWARD, password in AWKWARD, folder_name in AWKWARD, in_base64 in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (lines, signed_in, opened) = runtime.block_on(told(&name, &password, &folder_name, in_base64));
        let is_sendable = |text: &str| !text.contains(['\r', '\n', '\0']);
        prop_assert_eq!(signed_in, is_sendable(&name) && is_sendable(&password));
        if !signed_in {
            prop_assert_eq!(lines, ["d1 CAPABILITY"]);
            return Ok(());
        }
        prop_assert_eq!(opened, is_sendable(&folder_name));
        let has_literals = !(in_base64 || name.is_ascii() && password.is_ascii());
        prop_assert_eq!(lines.len(), 4 + usize::from(opened) + if has_literals { 2 } else { 0 }, "{:?}", lines);
        if in_base64 {
            let response = lines[1].strip_prefix("d2 AUTHENTICATE PLAIN ").unwrap();
            prop_assert_eq!(STANDARD.decode(response).unwrap(), format!("\0{name}\0{password}").into_bytes());
        } else if has_literals {
            let second = format!("{name} {{{}}}", password.len());
            prop_assert_eq!(&lines[1], &format!("d2 LOGIN {{{}}}", name.len()));
            prop_assert_eq!([&*lines[2], &*lines[3]], [&*second, password.trim_end()]);
        } else {
            let (rest, told_password) = unquoted(&lines[1]).unwrap();
            let (word, told_name) = unquoted(rest).unwrap();
            prop_assert_eq!((word, told_name, told_password), ("d2 LOGIN", name, password));
        }
        if opened {
            let (word, told) = unquoted(&lines[lines.len() - 2]).unwrap();
            prop_assert_eq!((word, told), ("d4 EXAMINE", folder_name));
        }
    }
}

#[tokio::test]
async fn bye_inside_an_answer_asks_to_come_later() {
    for bye in ["* BYE shutting down\r\n", "* 1 FETCH (UID 1 BODY[] {500}\r\nhalf"] {
        let (mut session, _) = session(move |command| {
            command.starts_with("UID SEARCH").then(|| Reply::SayAndClose(bye.as_bytes().to_vec()))
        })
        .await;
        let error = reports(&mut session, SELECTED, 1).await.unwrap_err();
        assert_ne!(error.code(), ConnectionFault::CredentialRefused);
        assert!(matches!(error, SessionError::Busy(_) | SessionError::Unreachable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_folder_without_uid_validity_is_not_read() {
    for text in ["* OK [UIDNEXT 4] ok\r\n", "* OK [UIDVALIDITY 0] ok\r\n", "* OK [UIDVALIDITY 99999999999] ok\r\n"] {
        let (mut session, _) = session(move |command| command.starts_with("EXAMINE").then(|| ok(text))).await;
        let error = session.examine(&folder("INBOX"), None).await.unwrap_err();
        assert!(matches!(error, SessionError::Protocol(_)), "{error:?}");
    }
}

/// Opens a folder of three messages, of which the checkpoint names UID 40, on a server that says `uid_next` and answers these.
async fn without_uid_next(
    uid_next: &'static str,
    to_search: &'static str,
    to_fetch: &'static str,
) -> Result<Option<u32>, SessionError> {
    let (mut session, heard) = session(move |command| match command {
        _ if command.starts_with("EXAMINE") => {
            Some(ok(&format!("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n{uid_next}")))
        }
        "UID SEARCH UID *" => Some(ok(to_search)),
        "UID FETCH * (UID)" => Some(ok(to_fetch)),
        _ => None,
    })
    .await;
    let known = Some(Checkpoint { uid_validity: 7, last_uid: 40 });
    let selected = session.examine(&folder("INBOX"), known).await?;
    assert_eq!(heard.count("UID SEARCH"), 1);
    Ok(selected.first_new_uid(known))
}

#[tokio::test]
async fn a_missing_or_lower_uid_next_is_found_by_asking_for_the_last_message() {
    for uid_next in ["", "* OK [UIDNEXT 5] ok\r\n"] {
        assert_eq!(without_uid_next(uid_next, "* SEARCH 41\r\n", "").await.unwrap(), Some(41));
        // Courier finds no `*`.
        assert_eq!(without_uid_next(uid_next, "* SEARCH\r\n", "* 3 FETCH (UID 41)\r\n").await.unwrap(), Some(41));
        assert_eq!(without_uid_next(uid_next, "* SEARCH\r\n", "* 3 FETCH (UID 40)\r\n").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_folder_with_mail_whose_last_message_is_not_found_is_not_empty() {
    let error = without_uid_next("", "* SEARCH\r\n", "").await.unwrap_err();
    assert!(matches!(error, SessionError::Busy(_)), "{error:?}");
}

#[tokio::test]
async fn a_folder_that_is_gone_leaves_the_session_usable() {
    let (mut session, _) =
        session(|command| (command == "EXAMINE \"old\"").then(|| say("{tag} NO no such mailbox\r\n"))).await;
    let error = session.examine(&folder("old"), None).await.unwrap_err();
    assert!(error.leaves_the_session_usable());
    session.examine(&folder("INBOX"), None).await.unwrap();
}

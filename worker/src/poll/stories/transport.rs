//! Where async-imap alone goes wrong: a failure taken for an empty answer, an answer taken for another's.

use daimon_domain::mailbox::ConnectionFault;
use futures_util::FutureExt;

use crate::poll::scripted::{Reply, ok, reports, say, session};
use crate::poll::{Checkpoint, Folder, Role, Selected, SessionError};

const SELECTED: Selected = Selected { uid_validity: 7, uid_next: 4, exists: 3 };

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

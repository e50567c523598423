//! Moving messages: one command a call, and none that touches what was not named.

use super::super::scripted::{Reply, ok, say, session};
use super::super::{Moves, SessionError};

fn capable(extensions: &'static str) -> impl FnMut(&str) -> Option<Reply> + Send + 'static {
    move |command| match command.split(' ').next().unwrap_or_default() {
        "CAPABILITY" => Some(ok(&format!("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR {extensions}\r\n"))),
        "SELECT" => Some(ok("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] ok\r\n")),
        _ => None,
    }
}

#[tokio::test]
async fn a_server_that_can_move_is_asked_to_and_one_that_can_not_copies_and_removes_what_was_named() {
    let (mut session, heard) = session(capable("MOVE UIDPLUS")).await;
    assert_eq!(session.moves(), Some(Moves::AtOnce));
    session.open_to_write("INBOX").await.unwrap();
    session.take_to(&[1, 2, 3], "A \"B\\").await.unwrap();
    assert_eq!(heard.commands().last().unwrap(), r#"UID MOVE 1:3 "A \"B\\""#);

    let (mut session, heard) = super::super::scripted::session(capable("UIDPLUS")).await;
    assert_eq!(session.moves(), Some(Moves::ByCopy));
    session.open_to_write("INBOX").await.unwrap();
    session.take_to(&[1, 3], "Daimon").await.unwrap();
    session.remove(&[3]).await.unwrap();
    session.remove(&[]).await.unwrap();
    let said = heard.commands();
    let last = said.get(said.len() - 3..).unwrap();
    assert_eq!(last, [r#"UID COPY 1,3 "Daimon""#, r"UID STORE 3 +FLAGS.SILENT (\Deleted)", "UID EXPUNGE 3"]);
}

#[tokio::test]
async fn without_move_and_uidplus_nothing_is_moved() {
    let (mut session, heard) = session(capable("IDLE")).await;
    assert_eq!(session.moves(), None);
    assert!(session.take_to(&[1], "Daimon").await.is_err());
    session.remove(&[1]).await.unwrap();
    assert_eq!(heard.count("UID"), 0);
}

#[tokio::test]
async fn a_name_that_would_be_a_command_is_never_said() {
    let (mut session, heard) = session(capable("MOVE")).await;
    let name = "x\"\r\nd9 DELETE INBOX";
    assert!(matches!(session.take_to(&[1], name).await, Err(SessionError::Unsendable)));
    assert!(matches!(session.make_folder(&[name.to_owned()]).await, Err(SessionError::Unsendable)));
    assert!(matches!(session.next_in(name).await, Err(SessionError::Unsendable)));
    assert!(heard.commands().iter().all(|command| !command.contains("DELETE")));
}

#[tokio::test]
async fn a_folder_that_opens_for_reading_only_is_not_written_to() {
    let (mut session, _) = session(|command| {
        command.starts_with("SELECT").then(|| {
            say("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] ok\r\n{tag} OK [READ-ONLY] done\r\n")
        })
    })
    .await;
    assert!(matches!(session.open_to_write("INBOX").await, Err(SessionError::NoFolder)));
}

#[tokio::test]
async fn a_folder_is_made_below_inbox_where_the_server_wants_it_there() {
    let (mut session, heard) = session(|command| match command {
        r#"LIST "" "*""# => Some(ok("* LIST () \".\" INBOX\r\n")),
        r#"CREATE "Daimon""# => Some(say("{tag} NO Invalid mailbox name.\r\n")),
        _ => None,
    })
    .await;
    let super::super::Called::Nowhere(names) = session.called("Daimon").await.unwrap() else { panic!("it is there") };
    assert_eq!(session.make_folder(&names).await.unwrap(), "INBOX.Daimon");
    assert_eq!(heard.commands().last().unwrap(), r#"SUBSCRIBE "INBOX.Daimon""#);
}

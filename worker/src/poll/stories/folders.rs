//! Finding the folders.

use crate::poll::Role;
use crate::poll::scripted::{ok, say, session};

const LIST: &str = "* LIST (\\HasNoChildren \\Sent) \"/\" \"Verschickt\"\r\n\
    * LIST (\\HasNoChildren) \"/\" \"&j,dg0TDhMPww6w-\"\r\n\
    * LIST (\\Noselect) \"/\" \"[Gmail]\"\r\n\
    * LIST () \"/\" INBOX\r\n";

#[tokio::test]
async fn folders_are_known_by_attribute_and_by_name() {
    let (mut session, _) = session(|command| command.starts_with("LIST").then(|| ok(LIST))).await;
    let folders = session.folders().await.unwrap();
    let found: Vec<_> = folders.iter().map(|folder| (folder.role, folder.name.as_str())).collect();
    assert_eq!(found, [(Role::Inbox, "INBOX"), (Role::Junk, "&j,dg0TDhMPww6w-"), (Role::Sent, "Verschickt")]);
}

#[tokio::test]
async fn a_server_that_promises_attributes_and_refuses_them_is_asked_plainly() {
    let (mut session, heard) = session(|command| match command {
        "CAPABILITY" => Some(ok("* CAPABILITY IMAP4rev1 SPECIAL-USE LIST-EXTENDED\r\n")),
        _ if command.contains("RETURN") => Some(say("{tag} BAD what\r\n")),
        _ if command.starts_with("LIST") => Some(ok(LIST)),
        _ => None,
    })
    .await;
    assert_eq!(session.folders().await.unwrap().len(), 3);
    assert_eq!(heard.count("LIST"), 2);
}

#[tokio::test]
async fn folders_that_cannot_be_listed_are_not_no_folders() {
    let (mut session, _) = session(|command| command.starts_with("LIST").then(|| say("{tag} NO later\r\n"))).await;
    assert!(session.folders().await.is_err());
}

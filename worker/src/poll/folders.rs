//! What a folder is for: by its special-use attribute (RFC 6154), otherwise by its name.
//!
//! Some servers announce SPECIAL-USE and mark nothing; some clients make a second "Sent Items" beside the marked "Sent". So a folder with a
//! telling name counts even where another one is marked: reading one folder too many costs little, and a Sent folder
//! overlooked makes honest mail look stolen.

use async_imap::imap_proto::{MailboxListData, NameAttribute};
pub use daimon_domain::folder::Role;
use daimon_domain::folder::{by_name, plain};
use daimon_domain::mutf7;

/// A folder that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name as the server spells it, in modified UTF-7: the key under which it is remembered.
    pub name: String,
    /// What it is for.
    pub role: Role,
}

impl Folder {
    /// Its name as people read it.
    pub fn title(&self) -> String {
        title(&self.name)
    }
}

/// The name of a folder as people read it.
pub(crate) fn title(name: &str) -> String {
    mutf7::decode(name).unwrap_or_else(|| name.to_owned())
}

/// What Outlook calls its outbox in Japanese. Some clients keep sent mail there, so it counts where nothing better is.
const OUTBOX: &str = "送信トレイ";

/// One line of the answer to LIST, or `None` for what can't be opened.
pub(super) fn listed(data: &MailboxListData<'_>) -> Option<(Folder, bool)> {
    let attributes = &data.name_attributes;
    let is_closed = attributes.iter().any(|attribute| match attribute {
        NameAttribute::NoSelect => true,
        NameAttribute::Extension(name) => name.eq_ignore_ascii_case("\\NonExistent"),
        _ => false,
    });
    if is_closed || data.name.contains(['\r', '\n', '\0']) {
        return None;
    }
    let name = unescaped(&data.name);
    let marked = attributes.iter().find_map(|attribute| match attribute {
        NameAttribute::Junk => Some(Role::Junk),
        NameAttribute::Trash => Some(Role::Trash),
        NameAttribute::Sent => Some(Role::Sent),
        // All mail again, or what nobody received: not to be read under a telling name.
        NameAttribute::All | NameAttribute::Drafts | NameAttribute::Flagged => Some(Role::Other),
        _ => None,
    });
    let bare = bare(&name, data.delimiter.as_deref());
    let role = if name.eq_ignore_ascii_case("INBOX") { Role::Inbox } else { marked.unwrap_or_else(|| by_name(&bare)) };
    Some((Folder { name, role }, bare == OUTBOX))
}

/// Gives the outbox the part of the Sent folder when there is no other, and puts folders in the order of [`Role`].
pub(super) fn settled(listed: Vec<(Folder, bool)>) -> Vec<Folder> {
    let has_sent = listed.iter().any(|(folder, _)| folder.role == Role::Sent);
    let mut folders: Vec<_> = listed
        .into_iter()
        .map(|(folder, is_outbox)| if is_outbox && !has_sent { Folder { role: Role::Sent, ..folder } } else { folder })
        .collect();
    folders.sort_by(|one, other| (one.role, &one.name).cmp(&(other.role, &other.name)));
    folders.dedup_by(|one, other| one.name == other.name);
    folders
}

/// imap-proto leaves the backslashes of a quoted string in.
fn unescaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// The name without the prefix that every folder of the server has, in lower case and ordinary width.
pub(super) fn bare(name: &str, delimiter: Option<&str>) -> String {
    let mut rest = name;
    if let Some(delimiter) = delimiter.filter(|delimiter| !delimiter.is_empty())
        && let Some((root, inner)) = name.split_once(delimiter)
        && ["INBOX", "[Gmail]", "[Google Mail]", "[Gmail]."].iter().any(|known| root.eq_ignore_ascii_case(known))
    {
        rest = inner;
    }
    let decoded = mutf7::decode(rest).unwrap_or_else(|| rest.to_owned());
    plain(&decoded)
}

/// What a folder on disk is for. Maildir++ writes `.Trash`, and names in modified UTF-7 as the server does.
pub(crate) fn role_by_name(name: &str) -> Role {
    let name = name.trim_start_matches('.');
    if name.eq_ignore_ascii_case("INBOX") { Role::Inbox } else { by_name(&bare(name, Some("."))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(line: &str) -> Role {
        roles(&[line]).pop().unwrap().role
    }

    fn roles(lines: &[&str]) -> Vec<Folder> {
        use async_imap::imap_proto::{MailboxDatum, Response};
        let listed = lines.iter().filter_map(|line| {
            let line = format!("* LIST {line}\r\n");
            match Response::parse(line.as_bytes()).unwrap().1 {
                Response::MailboxData(MailboxDatum::List(data)) => listed(&data),
                other => panic!("{other:?}"),
            }
        });
        settled(listed.collect())
    }

    #[test]
    fn an_attribute_beats_a_name() {
        assert_eq!(role(r#"(\Junk) "/" "Sent""#), Role::Junk);
        assert_eq!(role(r#"(\All) "/" "Sent""#), Role::Other);
    }

    #[test]
    fn names_are_known_with_any_prefix_and_separator() {
        for (line, expected) in [
            (r#"() "/" "INBOX""#, Role::Inbox),
            (r#"() "/" inbox"#, Role::Inbox),
            (r#"() "." "INBOX.Sent""#, Role::Sent),
            (r#"() "." "INBOX.&kAFP4W4IMH8w4TD8MOs-""#, Role::Sent),
            (r#"() "/" "&kAFP4W4IMH,,kv9w,5k-""#, Role::Sent),
            (r#"() NIL "&j,dg0TDhMPww6w-""#, Role::Junk),
            (r#"() "\\" "&MLQw33ux-""#, Role::Trash),
            (r#"() "/" "[Gmail]/Sent Mail""#, Role::Sent),
            (r#"() "/" "Gel&APY-schte Elemente""#, Role::Trash),
            (r#"() "/" "Bulk Mail""#, Role::Junk),
            (r#"() "/" "Projects/Sent""#, Role::Other),
        ] {
            assert_eq!(role(line), expected, "{line}");
        }
    }

    #[test]
    fn what_nobody_looks_into_is_known_in_the_languages_of_mail_programs() {
        for line in [
            r#"() "/" "RSS Feeds""#,
            r#"() "." "INBOX.Notes""#,
            r#"() "/" "Conversation History""#,
            r#"() "/" "RSS &MNUwozD8MMk-""#,
            r#"() "/" "&MOEw4g-""#,
        ] {
            assert_eq!(role(line), Role::Unwatched, "{line}");
        }
        assert_eq!(role(r#"() "/" "Notes on patients""#), Role::Other);
        let on_disk = [".Trash", ".RSS Feeds", ".&MLQw33ux-", "INBOX", "cur", ".Kunden"].map(role_by_name);
        let expected = [Role::Trash, Role::Unwatched, Role::Trash, Role::Inbox, Role::Other, Role::Other];
        assert_eq!(on_disk, expected);
    }

    #[test]
    fn the_outbox_counts_only_where_there_is_no_sent_folder() {
        let outbox = r#"() "/" "&kAFP4TDIMOwwpA-""#;
        assert_eq!(role(outbox), Role::Sent);
        let both = roles(&[outbox, r#"() "/" "Sent""#]);
        assert_eq!(both.iter().filter(|folder| folder.role == Role::Sent).count(), 1);
    }

    #[test]
    fn what_cannot_be_opened_is_not_listed() {
        assert!(roles(&[r#"(\Noselect) "/" "[Gmail]""#, r#"(\NonExistent) "/" "Sent""#]).is_empty());
    }

    #[test]
    fn a_quoted_name_is_unquoted() {
        assert_eq!(roles(&[r#"() "/" "a\"b\\c""#])[0].name, r#"a"b\c"#);
    }
}

//! What changes folders: CREATE, COPY, MOVE, STORE, EXPUNGE.

use std::collections::BTreeSet;

use super::{Folder, Reply, is_in};

/// The honest answer to a command that changes something; `None`: it does not.
pub(super) fn reply(
    folders: &mut Vec<Folder>,
    opened: Option<&str>,
    command: &str,
    has_uid_plus: bool,
) -> Option<Reply> {
    let (verb, rest) = command.trim_start_matches("UID ").split_once(' ')?;
    match verb {
        "CREATE" => {
            let name = rest.trim_matches('"');
            if folders.iter().any(|folder| folder.name == name) {
                return Some(Reply::say("{tag} NO [ALREADYEXISTS] there is one\r\n"));
            }
            folders.push(Folder { uid_validity: 70, ..Folder::new(name) });
            Some(Reply::ok(""))
        }
        "SUBSCRIBE" => Some(Reply::ok("")),
        "STATUS" => {
            let name = rest.split('"').nth(1)?;
            let folder = folders.iter().find(|folder| folder.name == name)?;
            let (uid_validity, uid_next) = (folder.uid_validity, folder.uid_next());
            let told = format!("* STATUS \"{name}\" (UIDVALIDITY {uid_validity} UIDNEXT {uid_next})\r\n");
            Some(Reply::ok(&told))
        }
        "COPY" | "MOVE" => {
            let (set, name) = rest.split_once(' ')?;
            let told = transfer(folders, opened?, set, name.trim_matches('"'), verb == "MOVE")?;
            Some(Reply::ok(if has_uid_plus { &told } else { "" }))
        }
        "STORE" => {
            let folder = folders.iter_mut().find(|folder| Some(folder.name.as_str()) == opened)?;
            let marked = named(folder, rest.split(' ').next()?);
            folder.deleted.extend(marked);
            Some(Reply::ok(""))
        }
        "EXPUNGE" => {
            let folder = folders.iter_mut().find(|folder| Some(folder.name.as_str()) == opened)?;
            let gone: BTreeSet<u32> = named(folder, rest).intersection(&folder.deleted).copied().collect();
            folder.remove(|uid| gone.contains(&uid));
            Some(Reply::ok(""))
        }
        _ => None,
    }
}

fn named(folder: &Folder, set: &str) -> BTreeSet<u32> {
    folder.messages.iter().map(|message| message.uid).filter(|uid| is_in(set, *uid, folder)).collect()
}

/// Copies or moves messages from one folder to another; what COPYUID tells of it.
pub fn transfer(folders: &mut [Folder], from: &str, set: &str, to: &str, moves: bool) -> Option<String> {
    let source = folders.iter_mut().find(|folder| folder.name == from)?;
    let uids = named(source, set);
    let taken: Vec<_> = source.messages.iter().filter(|message| uids.contains(&message.uid)).cloned().collect();
    if moves {
        source.remove(|uid| uids.contains(&uid));
    }
    let target = folders.iter_mut().find(|folder| folder.name == to)?;
    let first = target.uid_next();
    for message in &taken {
        target.deliver(&message.text, message.at);
    }
    let list = |uids: &mut dyn Iterator<Item = u32>| uids.map(|uid| uid.to_string()).collect::<Vec<_>>().join(",");
    let (old, new) = (list(&mut uids.iter().copied()), list(&mut (first..).take(taken.len())));
    Some(format!("* OK [COPYUID {} {old} {new}] moved\r\n", target.uid_validity))
}

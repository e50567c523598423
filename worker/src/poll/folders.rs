//! What a folder is for.

/// What a folder is for, as far as we care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Where mail arrives.
    Inbox,
    /// Where a filter files what it distrusts.
    Junk,
    /// Where rules hide bounces.
    Trash,
    /// Copies of what was sent.
    Sent,
    /// Anything else.
    Other,
}

/// A folder that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name as the server spells it, in modified UTF-7: the key under which it is remembered.
    pub name: String,
    /// What it is for.
    pub role: Role,
}

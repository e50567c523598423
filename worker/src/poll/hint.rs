//! What a server's words say of why it turns us away, as far as somebody can do something about it.
//!
//! It decides nothing: whether a sign-in counts as refused is decided by codes alone. It only chooses among advice, so a wrong
//! guess costs a technician a minute. What the server wrote goes no further than this.

/// What seems to be in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// IMAP is switched off for the mailbox.
    ImapOff,
    /// A password made for one program is wanted.
    AppPassword,
    /// Somebody has to sign in with a browser first.
    Browser,
    /// Passwords are not taken any more.
    PasswordsOff,
    /// The account is locked for a while.
    Locked,
    /// The account is closed, suspended or disabled.
    Disabled,
    /// The password has run out.
    Expired,
    /// Too many connections.
    Connections,
    /// Too many requests, or too much data.
    Throttled,
    /// The mailbox is full.
    OverQuota,
    /// The server refuses where we come from.
    Blocked,
    /// The credential holds, and does not open this mailbox.
    NotConnected,
}

/// Parts of what servers say, in lower case; the first that is found decides. From the documents and the sources of Gmail, Exchange
/// Online, Yahoo, iCloud, Dovecot, Cyrus, Courier, QQ and 163.
const WORDS: &[(&str, Hint)] = &[
    ("not enabled for imap", Hint::ImapOff),
    ("imap access is disabled", Hint::ImapOff),
    ("imap is disabled", Hint::ImapOff),
    ("imap disabled", Hint::ImapOff),
    ("imap4 is disabled", Hint::ImapOff),
    ("imap is not enabled", Hint::ImapOff),
    ("imap service is not open", Hint::ImapOff),
    ("imap access not allowed", Hint::ImapOff),
    ("imap access denied", Hint::ImapOff),
    ("not allowed to use imap", Hint::ImapOff),
    ("application-specific password", Hint::AppPassword),
    ("app-specific password", Hint::AppPassword),
    ("app password", Hint::AppPassword),
    ("authorized code", Hint::AppPassword),
    ("authorization code", Hint::AppPassword),
    ("web browser", Hint::Browser),
    ("web login required", Hint::Browser),
    ("webalert", Hint::Browser),
    ("unsafe login", Hint::Browser),
    ("basic authentication is disabled", Hint::PasswordsOff),
    ("basicauthblocked", Hint::PasswordsOff),
    ("password has expired", Hint::Expired),
    ("password expired", Hint::Expired),
    ("too many simultaneous", Hint::Connections),
    ("too many connections", Hint::Connections),
    ("too many concurrent", Hint::Connections),
    ("maximum number of connections", Hint::Connections),
    ("maximum connection limit", Hint::Connections),
    ("connection limit", Hint::Connections),
    ("from your country", Hint::Blocked),
    ("from this country", Hint::Blocked),
    ("from your ip", Hint::Blocked),
    ("from this ip", Hint::Blocked),
    ("your ip address", Hint::Blocked),
    ("ip address is", Hint::Blocked),
    ("blacklist", Hint::Blocked),
    ("blocklist", Hint::Blocked),
    ("too many failed", Hint::Locked),
    ("too many invalid", Hint::Locked),
    ("too many login failures", Hint::Locked),
    ("too many authentication failures", Hint::Locked),
    ("is locked", Hint::Locked),
    ("been locked", Hint::Locked),
    ("account locked", Hint::Locked),
    ("temporarily locked", Hint::Locked),
    ("account disabled", Hint::Disabled),
    ("account is disabled", Hint::Disabled),
    ("account has been disabled", Hint::Disabled),
    ("user disabled", Hint::Disabled),
    ("user is disabled", Hint::Disabled),
    ("mailbox is disabled", Hint::Disabled),
    ("suspended", Hint::Disabled),
    ("rate limit", Hint::Throttled),
    ("command or bandwidth limits", Hint::Throttled),
    ("throttled", Hint::Throttled),
    ("too many requests", Hint::Throttled),
    ("quota", Hint::OverQuota),
    ("not connected", Hint::NotConnected),
];

impl Hint {
    /// What a response code (RFC 5530), or else the text, says. Neither has to be of any use.
    pub(super) fn of(code: &str, text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let said = WORDS.iter().find(|(part, _)| text.contains(part)).map(|(_, hint)| *hint);
        said.or(match code {
            "OVERQUOTA" => Some(Self::OverQuota),
            "THROTTLED" => Some(Self::Throttled),
            "LIMIT" | "INUSE" => Some(Self::Connections),
            "EXPIRED" => Some(Self::Expired),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_understood_and_what_they_say_of_nothing_is_not() {
        for (code, text, hint) in [
            (
                "ALERT",
                "[ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page and enable your account for IMAP access.",
                Some(Hint::ImapOff),
            ),
            (
                "ALERT",
                "[ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)",
                Some(Hint::AppPassword),
            ),
            (
                "ALERT",
                "Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)",
                Some(Hint::Browser),
            ),
            ("", "User is authenticated but not connected.", Some(Hint::NotConnected)),
            (
                "",
                "[ALERT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
                Some(Hint::Connections),
            ),
            ("LIMIT", "[LIMIT] LOGIN Rate limit hit.", Some(Hint::Throttled)),
            ("", "Access from your IP address is blocked", Some(Hint::Blocked)),
            ("", "Your account has been locked", Some(Hint::Locked)),
            ("EXPIRED", "[EXPIRED] Please change it.", Some(Hint::Expired)),
            ("AUTHENTICATIONFAILED", "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", None),
            ("", "LOGIN failed.", None),
            ("", "", None),
        ] {
            assert_eq!(Hint::of(code, text), hint, "{text}");
        }
    }
}

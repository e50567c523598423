//! What the programs never write down, however much they write: secrets, known by what they look like, and what lies in mailboxes.

/// Pieces of what is secret, and of what is. One for each kind: whatever was asked in these stories has made or sent it.
const UNSAID: [(&str, &str); 17] = [
    ("correct horse", "a password"),
    ("another horse", "a password of an onboarding"),
    ("not known anywhere", "the secret of a credential"),
    ("dmn_live_", "an API key"),
    ("eyJ", "a token"),
    ("dmn_refresh_", "a refresh token"),
    ("dmn_invite_", "an invitation"),
    ("whsec_", "a webhook secret"),
    ("otpauth://", "the secret of a second factor"),
    ("BEGIN PRIVATE KEY", "the key of a service account"),
    ("nouser.", "whom a thief wrote to"),
    ("@mail", "whom a thief wrote to"),
    ("Invoice overdue", "a subject of a thief's mail"),
    ("parcel.fee.test", "the text of a thief's mail"),
    ("As discussed.", "the text of an owner's mail"),
    ("Thank you.", "the text of an answer"),
    ("Undelivered Mail", "a bounce"),
];

/// What should not be there, each with the line that says it.
pub(super) fn said(log: &str) -> Vec<(&'static str, String)> {
    let wrong = |line: &str| UNSAID.iter().find(|(piece, _)| line.contains(piece)).map(|(_, what)| *what);
    log.lines().filter_map(|line| Some((wrong(line)?, line.chars().take(400).collect()))).collect()
}

//! Which mails of a flood are the same letter.
//!
//! A campaign repeats one letter with other names and numbers in it. What stays is the skeleton of its subject, the
//! program that wrote it and the shape of its Message-ID. Only a hash of that is kept: a subject is somebody's text.

use daimon_domain::origin::Origin;

/// A hash that is the same for the same letter. Bounces that return nothing share one.
pub fn template(origin: &Origin) -> String {
    let mailer = origin.mailer.as_deref().unwrap_or_default();
    let mailer: String = mailer.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let parts = [
        skeleton(origin.subject.as_deref().unwrap_or_default()),
        mailer.trim().to_lowercase(),
        shape(origin.message_id.as_deref().unwrap_or_default()),
        if origin.list.is_some() { "list".to_owned() } else { String::new() },
    ];
    format!("{:016x}", fnv(parts.join("\u{1f}").as_bytes()))
}

/// The subject without what changes from letter to letter: answers' prefixes, words with digits, addresses, case.
fn skeleton(subject: &str) -> String {
    let mut text = subject.trim().to_lowercase();
    while let Some(rest) = ["re:", "fw:", "fwd:", "aw:", "wg:"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest.trim_start().to_owned();
    }
    let word = |word: &str| {
        if word.contains('@') {
            "@".to_owned()
        } else if word.is_ascii() && word.chars().any(|c| c.is_ascii_digit()) {
            "#".to_owned()
        } else {
            // Languages without spaces keep their text and lose their numbers only.
            word.chars().filter(|c| !c.is_numeric()).collect()
        }
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// `20260823.A1B2@host` → `a.a`: runs of letters and digits, whatever their length. The domain is no feature,
/// because forgers write the recipient's.
pub(crate) fn shape(message_id: &str) -> String {
    // Google's are random signs, dashes among them: no two would have the same shape.
    if message_id.ends_with("@mail.gmail.com") {
        return "google".to_owned();
    }
    let local = message_id.split('@').next().unwrap_or_default();
    let mut out = String::new();
    for c in local.chars() {
        let class = if c.is_alphanumeric() { 'a' } else { c };
        if !out.ends_with(class) && out.len() < 24 {
            out.push(class);
        }
    }
    out
}

/// How a mail was written: the program and the shape of its Message-ID. A mailbox has few of them, all seen in Sent.
/// `None` when the mail shows neither.
pub fn fingerprint(origin: &Origin) -> Option<String> {
    let mailer = origin.mailer.as_deref().unwrap_or_default();
    let mailer: String = mailer.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let shape = shape(origin.message_id.as_deref()?);
    Some(format!("{:016x}", fnv(format!("{}\u{1f}{shape}", mailer.trim().to_lowercase()).as_bytes())))
}

/// FNV-1a, 64 bits: stable for ever, which the standard library's hasher does not promise.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(subject: &str, mailer: &str, message_id: &str) -> String {
        template(&Origin {
            subject: Some(subject.to_owned()),
            mailer: Some(mailer.to_owned()),
            message_id: Some(message_id.to_owned()),
            ..Origin::default()
        })
    }

    #[test]
    fn the_same_letter_with_other_numbers_is_the_same_letter() {
        let first = letter("Invoice 4711 overdue", "Foo Mailer 1.2", "AB12.99@x.example");
        assert_eq!(first, letter("RE: invoice A-93/x2 overdue", "Foo Mailer 3.4", "77cd.1@y.example"));
        assert_ne!(first, letter("Your parcel is waiting", "Foo Mailer 1.2", "AB12.99@x.example"));
        assert_ne!(first, letter("Invoice 4711 overdue", "Bar", "AB12.99@x.example"));
    }

    #[test]
    fn a_letter_that_google_numbers_is_one_letter() {
        let first = letter("News", "", "CAD+kx_8Q=dR-2mLx_7wqP0@mail.gmail.com");
        assert_eq!(first, letter("News", "", "CAKbbF0z9-Yq=_UOrNqCq93m@mail.gmail.com"));
        assert_ne!(first, letter("News", "", "AB12.99@sakura.example"));
    }

    #[test]
    fn a_japanese_subject_loses_its_numbers_and_keeps_its_words() {
        assert_eq!(letter("請求書2026年8月分", "", ""), letter("請求書2027年11月分", "", ""));
        assert_ne!(letter("請求書2026年8月分", "", ""), letter("見積書2026年8月分", "", ""));
    }
}

//! The recipient's name, wherever it stands by itself.

use std::fmt::Write as _;
use std::ops::Range;

use daimon_domain::bounce::Recipient;

use super::written::{begins_with, same};

/// Words of such lines that are names of mailboxes too. They name a role or nobody.
const WORDS: &str = "abuse access account action address admin alias and answer are authentication bad been blacklisted \
    blocked bounce bounces box busy cannot client code command connection content data denied delivery denied disabled \
    disk dns does domain due email error exceeded exist failed failure filter for forward found from full greylisted has \
    host inactive info information input internal invalid ip is ldap limit list listed local locked mail mailbox mailer \
    mailer-daemon mailing message messages mx name network newsletter no-reply noreply not notice number open over \
    permanent permission please policy postmaster problem prohibited protocol query quota rate recipient recipients \
    refused reject rejected rejects relay relaying reply report reputation requested resolve response return returned \
    rule said sales see sender sent server service size smtp spam spf status storage such support system table team \
    temporary test this timed timeout transaction try unable unavailable unknown unrouteable user users verification \
    verify virtual virus was web webmaster with your";

/// Opening and closing, each beside its other.
const BRACKETS: [(char, char); 10] = [
    ('<', '>'),
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('"', '"'),
    ('\'', '\''),
    ('`', '\''),
    ('“', '”'),
    ('‘', '’'),
    ('「', '」'),
];

/// Where the recipient is named.
pub(super) fn of(text: &[char], recipient: &Recipient) -> Vec<Range<usize>> {
    let addresses = || [Some(&recipient.address), recipient.original_address.as_ref()].into_iter().flatten();
    let domains: Vec<&str> = addresses().filter_map(|address| address.rsplit_once('@')).map(|(_, it)| it).collect();
    let mut names: Vec<String> = addresses().flat_map(|address| names_in(address)).collect();
    names.sort_unstable();
    names.dedup();
    // What tells where it was refused is not the name, also where the two have a word in common.
    let hosts = domains.iter().copied().chain(recipient.remote_mta.as_deref()).filter(|host| host.contains('.'));
    let hosts: Vec<Range<usize>> = hosts.flat_map(|host| places(text, host)).filter(|at| is_whole(text, at)).collect();
    let mut found = Vec::new();
    for name in names {
        let is_weak = is_weak(&name);
        for at in places(text, &name).filter(|at| is_whole(text, at)) {
            let is_in_host = hosts.iter().any(|host| host.start <= at.start && at.end <= host.end);
            let stands_out = is_bracketed(text, &at) || domains.iter().any(|domain| is_before(text, &at, domain));
            if stands_out || !(is_weak || is_in_host) {
                found.push(at);
            }
        }
    }
    found
}

/// A local part as it may be written, and the names inside it: of `taro+news`, `taro` too.
fn names_in(address: &str) -> Vec<String> {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let plain: String = local.trim_matches('"').chars().filter(|letter| *letter != '\\').collect();
    let mut names: Vec<String> = plain.split(['+', '=', '%', '!', '#', '/', '@']).map(ToOwned::to_owned).collect();
    names.extend(['%', '=', '+'].map(|sign| escaped(&plain, sign)));
    names.push(plain);
    names.retain(|name| name.chars().any(char::is_alphanumeric));
    names
}

/// As in a URL (`%`), in quoted-printable (`=`), or in an SMTP parameter (`+`).
fn escaped(name: &str, sign: char) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_') {
            out.push(letter);
        } else {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String does not fail.
                let _written = write!(out, "{sign}{byte:02X}");
            }
        }
    }
    out
}

/// Whether the name says too little to be a gap in a sentence (see the module above).
fn is_weak(name: &str) -> bool {
    let letters = name.chars().count();
    let is_short = letters < 2 || (letters < 3 && name.is_ascii());
    let is_code = letters <= 7 && name.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    is_short || is_code || WORDS.split_whitespace().any(|word| word.eq_ignore_ascii_case(name))
}

/// Where that stands, in whichever case. What joins the parts of a name may be another sign, or a space.
fn places<'t>(text: &'t [char], what: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let length = what.chars().count();
    let joins = |letter: char| matches!(letter, '.' | '_' | '-');
    (0..(text.len() + 1).saturating_sub(length.max(1))).filter_map(move |at| {
        let mut rest = text.iter().skip(at);
        let fits = what.chars().all(|wanted| {
            rest.next()
                .is_some_and(|letter| same(*letter, wanted) || (joins(wanted) && (joins(*letter) || *letter == ' ')))
        });
        fits.then_some(at..at + length)
    })
}

/// Whether it is no part of a longer word. Only scripts with spaces between words have such.
fn is_whole(text: &[char], at: &Range<usize>) -> bool {
    let letter = |index: Option<usize>| index.and_then(|index| text.get(index)).copied();
    let joined = |one: Option<char>, other: Option<char>| {
        one.is_some_and(|it| it.is_ascii_alphanumeric()) && other.is_some_and(|it| it.is_ascii_alphanumeric())
    };
    let begins = !joined(letter(at.start.checked_sub(1)), letter(Some(at.start))) || is_after_escape(text, at.start);
    begins && !joined(letter(at.end.checked_sub(1)), letter(Some(at.end)))
}

/// `%3C` ends in a letter and is none.
fn is_after_escape(text: &[char], at: usize) -> bool {
    let before = at.checked_sub(3).and_then(|start| text.get(start..at));
    matches!(before, Some([sign, one, two]) if "%=+".contains(*sign) && one.is_ascii_hexdigit() && two.is_ascii_hexdigit())
}

fn is_bracketed(text: &[char], at: &Range<usize>) -> bool {
    let before = at.start.checked_sub(1).and_then(|index| text.get(index));
    let (Some(before), Some(after)) = (before, text.get(at.end)) else { return false };
    BRACKETS.contains(&(*before, *after))
}

/// `user=domain`, as in the return paths of lists and of SRS.
fn is_before(text: &[char], at: &Range<usize>, domain: &str) -> bool {
    text.get(at.end).is_some_and(|sign| "=%!+#".contains(*sign)) && begins_with(text, at.end + 1, domain)
}

//! Whatever is written like an address.

/// How an `@` is written: as such, in full width, or escaped for a URL, for quoted-printable, for an SMTP parameter
/// (RFC 3461, 4) or for HTML.
const PLAIN: [char; 3] = ['@', '＠', '﹫'];
const ESCAPED: [&str; 5] = ["%40", "=40", "+40", "&#64;", "&#x40;"];

/// Which letters belong to an address.
pub(super) fn addresses(text: &[char]) -> Vec<bool> {
    let mut hidden = vec![false; text.len()];
    for at in 0..text.len() {
        let Some(length) = at_sign(text, at) else { continue };
        let end = end_of_domain(text, at + length);
        let start = start_of_local_part(text, at);
        if let Some(letters) = hidden.get_mut(start..end) {
            letters.fill(true);
        }
    }
    hidden
}

/// The length of the `@` that begins there. An escaped one needs a domain behind it: `=40` alone is a number.
fn at_sign(text: &[char], at: usize) -> Option<usize> {
    if text.get(at).is_some_and(|letter| PLAIN.contains(letter)) {
        return Some(1);
    }
    let length = ESCAPED.iter().find(|form| begins_with(text, at, form)).map(|form| form.chars().count())?;
    let domain: String = text.get(at + length..end_of_domain(text, at + length))?.iter().collect();
    let (name, top) = domain.rsplit_once('.')?;
    (!name.is_empty() && top.starts_with(char::is_alphabetic)).then_some(length)
}

/// Whether that stands there, in whichever case.
pub(super) fn begins_with(text: &[char], at: usize, what: &str) -> bool {
    let mut rest = text.iter().skip(at);
    what.chars().all(|wanted| rest.next().is_some_and(|letter| same(*letter, wanted)))
}

/// Whether two letters differ in case at most.
pub(super) fn same(one: char, other: char) -> bool {
    one == other || one.to_lowercase().eq(other.to_lowercase())
}

fn end_of_domain(text: &[char], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    // An address in place of a name: `[192.0.2.1]`.
    if rest.first() == Some(&'[')
        && let Some(end) = rest.iter().position(|letter| *letter == ']')
    {
        return from + end + 1;
    }
    let is_domain = |letter: &char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let end = rest.iter().position(|letter| !is_domain(letter)).unwrap_or(rest.len());
    let domain = rest.get(..end).unwrap_or_default();
    // The full stop is the sentence's.
    from + domain.iter().rposition(|letter| !matches!(letter, '.' | '-')).map_or(0, |last| last + 1)
}

fn start_of_local_part(text: &[char], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    if let Some((&'"', quoted)) = before.split_last()
        && let Some(start) = quoted.iter().rposition(|letter| *letter == '"')
    {
        return start;
    }
    let is_end = |letter: &char| letter.is_whitespace() || "<>()[]{},;:\"".contains(*letter);
    before.iter().rposition(is_end).map_or(0, |last| last + 1)
}

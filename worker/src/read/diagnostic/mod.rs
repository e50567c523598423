//! What is kept of the line in which a host says why.
//!
//! The line stays useful (its code, its words, its hosts) and names nobody. Two things are taken out: whatever is
//! written like an address, whoever's it is, and the recipient's own name wherever it stands by itself, because hosts
//! write `unknown user: taro.yamada` as well.
//!
//! A name that is itself a word of such lines (`user`, `mail`), a code (`550`) or a letter or two is taken out only where
//! it stands between brackets or quotes or before the domain. It points to nobody, it is in the line for another reason
//! nearly always, and a gap in a sentence that everybody knows would say that the gap is the name.

mod names;
mod written;

use daimon_domain::bounce::Recipient;

/// What stands in an address's place.
const GAP: &str = "<address>";
/// No more than this of a line is looked at,
const MAX_READ: usize = 4_000;
/// and no more than this is kept.
const MAX_KEPT: usize = 500;

/// The line, without names.
pub(super) fn kept(line: &str, recipient: &Recipient) -> String {
    let text = beginning(line);
    let mut hidden = written::addresses(&text);
    for span in names::of(&text, recipient) {
        if let Some(letters) = hidden.get_mut(span) {
            letters.fill(true);
        }
    }
    with_gaps(&text, &hidden)
}

/// The beginning of a line, cut between two words: half an address would not be recognised.
fn beginning(line: &str) -> Vec<char> {
    let mut text: Vec<char> = line.chars().take(MAX_READ + 1).collect();
    if text.len() > MAX_READ {
        text.truncate(text.iter().rposition(|letter| letter.is_whitespace()).unwrap_or_default());
    }
    text
}

fn with_gaps(text: &[char], hidden: &[bool]) -> String {
    let mut out = String::new();
    let mut was_hidden = false;
    for (letter, is_hidden) in text.iter().zip(hidden) {
        match (is_hidden, was_hidden) {
            (true, false) => {
                // The gap brings its own brackets.
                if out.ends_with('<') {
                    out.pop();
                }
                out.push_str(GAP);
            }
            (false, true) if *letter == '>' => {}
            (false, _) => out.push(*letter),
            (true, true) => {}
        }
        was_hidden = *is_hidden;
    }
    out.chars().take(MAX_KEPT).collect()
}

#[cfg(test)]
mod tests;

//! Users without a domain: a host that knows its own users names them as it knows them.

use super::Found;

/// What stands above a list of those that failed.
const ANNOUNCES: &[&str] = &[
    "following recipient",
    "following address",
    "following user",
    "delivered to the following",
    "could not be delivered to",
    "undeliverable to",
    "failed to deliver to",
];

/// The users listed below an announcement, at the domain of the host that reports.
pub(super) fn read(lines: &[&str], domain: &str) -> Vec<Found> {
    let announced = |line: &&str| {
        let lower = line.to_lowercase();
        ANNOUNCES.iter().any(|words| lower.contains(words))
    };
    let Some(start) = lines.iter().position(announced) else { return Vec::new() };
    let mut found: Vec<Found> = Vec::new();
    for line in lines.iter().skip(start + 1).take(40) {
        match user(line) {
            Some((user, rest)) if found.len() < 20 => {
                let address = format!("{user}@{domain}").to_lowercase();
                found.push(Found { address, text: rest.trim().to_owned(), ..Found::default() });
            }
            _ if line.starts_with("--") || line.trim_start().starts_with("--") => break,
            _ => {}
        }
    }
    found
}

/// A user at the start of an indented line, alone or set apart from the reason.
fn user(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']);
    let end =
        rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))).unwrap_or(rest.len());
    let (user, after) = rest.split_at_checked(end)?;
    let is_apart = after.trim().is_empty() || after.starts_with("  ") || after.starts_with('\t');
    (is_apart && user.len() > 1 && user.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some((user, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_below_an_announcement_is_one_of_the_host() {
        let found =
            read(&["Message not delivered to the following:", "", " carl    No such user", "", "Sorry"], "b.example");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].address.as_str(), found[0].text.as_str()), ("carl@b.example", "No such user"));
    }

    #[test]
    fn prose_names_no_user() {
        assert!(read(&["to the following recipients:", " please try again"], "b.example").is_empty());
        assert!(read(&[" carl"], "b.example").is_empty());
    }
}

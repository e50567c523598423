//! Filling `{placeholders}`, in one pass: what is filled in is never read for placeholders again.

/// The names within braces, in their order.
#[cfg(test)]
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// Fills in what is known. What is not stays as it is, so that a test sees it.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once('}').and_then(|(name, rest)| {
            let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)?;
            Some((value, rest))
        });
        match known {
            Some((value, rest)) => filled.extend([value, rest]),
            None => filled.extend(["{", part]),
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        assert_eq!(fill("{a} and {b}, {c}", &[("a", "{b}"), ("b", "}{a}")]), "{b} and }{a}, {c}");
        assert_eq!(fill("a { b", &[("a", "x")]), "a { b");
        assert_eq!(placeholders("{a} and {b}, {c").collect::<Vec<_>>(), ["a", "b"]);
    }
}

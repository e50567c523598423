//! Decibans as people say them.

use crate::said::{Said, said};

/// Less than this weighs nothing.
const NOTHING_DB: f64 = 0.05;

/// How strong a sign is; `None` when it is none. The steps are Jeffreys' (5, 10, 20 dB: three, ten, a hundred times likelier).
pub fn of(db: f64) -> Option<Said> {
    let db = db.abs();
    (db >= NOTHING_DB).then(|| {
        if db < 5.0 {
            said("a faint sign", "わずかな手がかり")
        } else if db < 10.0 {
            said("a moderate sign", "ある程度の根拠")
        } else if db < 20.0 {
            said("a strong sign", "強い根拠")
        } else {
            said("a very strong sign", "非常に強い根拠")
        }
    })
}

/// "57.1 dB", "432 dB".
pub fn decibans(db: f64) -> String {
    let tenths = format!("{:.1}", db.abs());
    format!("{} dB", tenths.strip_suffix(".0").unwrap_or(&tenths))
}

#[cfg(test)]
mod tests {
    use daimon_domain::tenant::Language::English;

    use super::*;

    #[test]
    fn the_steps_are_three_ten_and_a_hundred_times() {
        let word = |db| of(db).map(|said| said.in_language(English));
        assert_eq!(word(0.0), None);
        assert_eq!(word(-4.9), Some("a faint sign"));
        assert_eq!(word(5.0), Some("a moderate sign"));
        assert_eq!(word(-10.0), Some("a strong sign"));
        assert_eq!(word(432.0), Some("a very strong sign"));
        assert_eq!((decibans(-57.06), decibans(432.0)), ("57.1 dB".to_owned(), "432 dB".to_owned()));
    }
}

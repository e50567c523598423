//! Decibans as people say them.

use daimon_domain::tenant::Language;

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
            said("a moderate sign", "中程度の根拠")
        } else if db < 20.0 {
            said("a strong sign", "強い根拠")
        } else {
            said("a very strong sign", "非常に強い根拠")
        }
    })
}

/// Beyond this nobody can picture it, and the weights are not exact enough to say it.
const MOST_TIMES: f64 = 1_000.0;

/// How much likelier, as people say it: "1.7 times", "about 60 times", "more than 1,000 times".
pub fn times(db: f64, language: Language) -> String {
    let times = 10_f64.powf(db.abs() / 10.0);
    // Two digits below three, one above: the weights know no more.
    let (unit, decimals) = if times < 2.95 { (10.0, 1) } else { (10_f64.powf(-times.log10().floor()), 0) };
    let rounded = (times * unit).round() / unit;
    match language {
        Language::English if rounded >= MOST_TIMES => "more than 1,000 times".to_owned(),
        Language::English => format!("about {rounded:.decimals$} times"),
        Language::Japanese if rounded >= MOST_TIMES => "1,000 倍以上".to_owned(),
        Language::Japanese => format!("約 {rounded:.decimals$} 倍"),
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::tenant::Language::{English, Japanese};

    use super::*;

    #[test]
    fn the_steps_are_three_ten_and_a_hundred_times() {
        let word = |db| of(db).map(|said| said.in_language(English));
        assert_eq!(word(0.0), None);
        assert_eq!(word(-4.9), Some("a faint sign"));
        assert_eq!(word(5.0), Some("a moderate sign"));
        assert_eq!(word(-10.0), Some("a strong sign"));
        assert_eq!(word(432.0), Some("a very strong sign"));
    }

    #[test]
    fn how_much_likelier_is_said_in_round_numbers_up_to_a_thousand() {
        let told = [0.0, -2.4, 3.6, 4.65, 7.2, 9.9, 17.7, -29.4, 29.9, 432.0].map(|db| times(db, English));
        let round = ["1.0", "1.7", "2.3", "2.9", "5", "10", "60", "900"].map(|times| format!("about {times} times"));
        assert_eq!((&told[..8], &told[8], &told[9]), (&round[..], &told[9], &"more than 1,000 times".to_owned()));
        assert_eq!([12.0, 57.1].map(|db| times(db, Japanese)), ["約 20 倍", "1,000 倍以上"]);
    }
}

//! A filter that files bounces away: no evidence, but the owner should know that it hides the warning.

use daimon_domain::verdict::EvidenceLine;

/// The item under which it stands among the evidence.
pub const ITEM: &str = "filing";
/// What was seen.
pub const FILTERED: &str = "ordinary_folder";

/// The line that says so, of so many messages.
pub(crate) fn advice(messages: u32) -> Option<EvidenceLine> {
    (messages > 0).then(|| EvidenceLine {
        item: ITEM.to_owned(),
        value: FILTERED.to_owned(),
        db: 0.0,
        count: messages,
        against: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{STRANGE, at, flood, known, own_bounce};
    use crate::{Signal, State};
    use daimon_domain::reason::Reason;

    #[test]
    fn a_filter_of_the_owners_weighs_nothing_and_is_told() {
        let mut state = State::default();
        flood(&mut state, &known(), STRANGE, 12, |n| own_bounce(n, Reason::UserUnknown, "Invoice"));
        let before = state.assess(at(40));
        (0..3).for_each(|_| state.signal(Signal::FiledAway, at(40)));
        let after = state.assess(at(40));
        assert_eq!((after.score_db, after.verdict, after.tier), (before.score_db, before.verdict, before.tier));
        let told: Vec<_> = after.evidence.iter().filter(|line| line.item == ITEM).collect();
        assert_eq!(
            told.iter().map(|line| (line.value.as_str(), line.db, line.count)).collect::<Vec<_>>(),
            [(FILTERED, 0.0, 3)]
        );
    }
}

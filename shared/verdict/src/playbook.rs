//! What to do about each verdict, in English and Japanese. The steps are data (`data/playbook.json`).

use std::sync::LazyLock;

use daimon_domain::playbook::Step;
use daimon_domain::verdict::Verdict;

/// Steps that do not parse would leave people without help; a test makes sure that they do.
static STEPS: LazyLock<Vec<Step>> = LazyLock::new(|| read().unwrap_or_default());

fn read() -> Result<Vec<Step>, serde_json::Error> {
    serde_json::from_str(include_str!("../data/playbook.json"))
}

/// Every step, in the order of the file.
pub fn steps() -> &'static [Step] {
    &STEPS
}

/// The steps of a verdict, first what stops it. None for `legit`.
pub fn steps_for(verdict: Verdict) -> Vec<&'static Step> {
    let mut steps: Vec<&Step> = STEPS.iter().filter(|step| step.applies_to.contains(&verdict)).collect();
    steps.sort_by_key(|step| step.phase);
    steps
}

/// One step by its id, such as `C01`.
pub fn step(id: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use daimon_domain::playbook::Phase;

    use super::*;

    #[test]
    fn every_verdict_but_legit_says_what_to_do_in_both_languages() {
        let all = read().unwrap();
        assert_eq!(all.iter().map(|step| &step.id).collect::<BTreeSet<_>>().len(), all.len(), "an id is used twice");
        for step in &all {
            for text in [&step.title.en, &step.title.ja, &step.why.en, &step.why.ja] {
                assert!(!text.trim().is_empty(), "{}", step.id);
            }
            assert!(matches!(step.gate.as_deref(), None | Some("contained" | "recovered")), "{}", step.id);
        }
        for verdict in Verdict::ALL {
            assert_eq!(steps_for(*verdict).is_empty(), *verdict == Verdict::Legit, "{verdict}");
        }
    }

    #[test]
    fn a_cause_that_cannot_be_told_is_contained_like_a_takeover() {
        let contain = |verdict| -> Vec<_> {
            steps_for(verdict).into_iter().filter(|step| step.phase == Phase::Contain).map(|step| &step.id).collect()
        };
        assert_eq!(contain(Verdict::Undetermined), contain(Verdict::AccountTakeover));
    }
}

//! That a filter hides the warning: no sign of anything, and the owner should know it.

use daimon_domain::tenant::Language;
use daimon_domain::verdict::EvidenceLine;
use daimon_verdict::filing::ITEM;

/// The line as a sentence; `None` for every line that tells of something else.
pub fn sentence(line: &EvidenceLine, language: Language) -> Option<String> {
    if line.item != ITEM {
        return None;
    }
    let count = line.count;
    Some(match language {
        Language::English => {
            let were = if count == 1 { "was" } else { "were" };
            format!(
                "Your filter hides the warning: bounces are filed into a folder of their own ({count} of them {were} found \
                 there). Let them come to the inbox until this is over."
            )
        }
        Language::Japanese => format!(
            "振り分けルールによって警告が見えなくなっています。エラーメールが受信トレイ以外のフォルダーに振り分けられています\
             （{count} 件）。対応が終わるまで、受信トレイに届くように設定を変更してください。"
        ),
    })
}

#[cfg(test)]
mod tests {
    use daimon_verdict::filing::FILTERED;

    use super::*;

    #[test]
    fn a_filter_that_hides_the_warning_is_told_in_both_languages() {
        let line =
            |count| EvidenceLine { item: ITEM.to_owned(), value: FILTERED.to_owned(), db: 0.0, count, against: None };
        let told = |count, language| sentence(&line(count), language).unwrap();
        assert!(told(1, Language::English).contains("(1 of them was found there)"));
        assert!(told(40, Language::English).starts_with("Your filter hides the warning: "));
        assert!(told(40, Language::Japanese).contains("（40 件）"));
        assert_eq!(sentence(&EvidenceLine { item: "reason".to_owned(), ..line(1) }, Language::English), None);
    }
}

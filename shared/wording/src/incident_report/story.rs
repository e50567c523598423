//! What happened to an incident, in words.

use daimon_domain::tenant::Language;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_verdict::playbook;

use super::{Event, Happened};
use crate::said::{Said, said};
use crate::{cause, foreign};

/// One line of the timeline.
pub(super) fn event(happened: &Happened<'_>, language: Language) -> Event {
    let text = known(happened.what).map_or_else(
        // Written by a newer program.
        || foreign::shown(&happened.what.replace('_', " ")),
        |said| said.in_language(language).to_owned(),
    );
    let note = happened.note.map(foreign::shown).filter(|note| !note.is_empty());
    let (what, note) = match note {
        Some(note) => match explained(happened.what, &note, language) {
            Some(explained) => (joined(&text, &explained, language), None),
            None => (text, Some(note)),
        },
        None => (text, None),
    };
    let by_itself = said("automatic", "自動").in_language(language);
    Event { at: happened.at, what, who: happened.who.map_or_else(|| by_itself.to_owned(), foreign::shown), note }
}

fn joined(text: &str, explained: &str, language: Language) -> String {
    match language {
        Language::English => format!("{text}: {explained}"),
        Language::Japanese => format!("{text}：{explained}"),
    }
}

const fn known_words() -> [(&'static str, Said); 19] {
    [
        ("opened", said("Noticed, incident opened", "検知し、対応を開始しました")),
        ("updated", said("Assessed anew", "評価を更新しました")),
        ("reopened", said("Began again, incident reopened", "再発を検知し、対応を再開しました")),
        ("acknowledged", said("Somebody is on it", "担当者が確認しました")),
        ("assigned", said("Given to", "担当者を決めました")),
        ("commented", said("Comment", "コメント")),
        ("snoozed", said("Alerts silenced for a while", "通知を一時停止しました")),
        ("unsnoozed", said("Alerts on again", "通知を再開しました")),
        ("woken", said("Alerts on again", "通知を再開しました")),
        ("ticket_linked", said("Ticket linked", "チケットを紐付けました")),
        ("ticket_unlinked", said("Ticket unlinked", "チケットの紐付けを解除しました")),
        (
            "old_credential_refused",
            said("The old password is refused: proved", "旧パスワードが拒否されることを確認しました"),
        ),
        ("contained", said("Contained: the way in is closed", "封じ込めが完了しました（侵入経路を遮断）")),
        (
            "monitoring",
            said("Nothing new was sent since; watching on", "新たな送信がないことを確認し、監視を続けています"),
        ),
        ("recovered", said("The damage is repaired", "復旧が完了しました")),
        ("closed", said("Closed", "終了しました")),
        ("dismissed", said("Found to be no incident", "インシデントではないと判断しました")),
        ("step_done", said("Step done", "対応済み")),
        ("step_skipped", said("Step not needed here", "対象外と判断")),
    ]
}

fn known(what: &str) -> Option<Said> {
    if what == "step_open" {
        return Some(said("Step open again", "未対応に戻しました"));
    }
    known_words().into_iter().find(|(word, _)| *word == what).map(|(_, said)| said)
}

/// A note that a program wrote for programs, in words; `None` for a person's own.
fn explained(what: &str, note: &str, language: Language) -> Option<String> {
    if what.starts_with("step_") {
        return playbook::step(note).map(|step| step.title.in_language(language).to_owned());
    }
    let (verdict, rest) = note.split_once(" (")?;
    let (tier, _score) = rest.split_once("), ")?;
    let (verdict, tier) = (verdict.parse::<Verdict>().ok()?, tier.parse::<Tier>().ok()?);
    let cause = cause::name(verdict).in_language(language);
    Some(match (tier_name(tier), language) {
        (None, _) => cause.to_owned(),
        (Some(tier), Language::English) => format!("{cause} ({})", tier.in_language(language)),
        (Some(tier), Language::Japanese) => format!("{cause}（{}）", tier.in_language(language)),
    })
}

/// How sure, in a word.
const fn tier_name(tier: Tier) -> Option<Said> {
    match tier {
        Tier::None => None,
        Tier::Watch => Some(said("first signs", "兆候")),
        Tier::Suspected => Some(said("suspected", "疑い")),
        Tier::Probable => Some(said("very probable", "可能性が極めて高い")),
        Tier::Confirmed => Some(said("confirmed", "確実")),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn told(what: &str, note: Option<&str>, language: Language) -> (String, Option<String>) {
        let happened = Happened { at: DateTime::UNIX_EPOCH, what, who: None, note };
        let event = event(&happened, language);
        (event.what, event.note)
    }

    #[test]
    fn what_programs_wrote_is_told_in_words_and_what_people_wrote_is_kept() {
        let note = Some("account_takeover (probable), 57.5 dB ahead");
        let opened = |language| told("opened", note, language).0;
        assert_eq!(opened(Language::English), "Noticed, incident opened: a stolen mailbox (very probable)");
        assert_eq!(
            opened(Language::Japanese),
            "検知し、対応を開始しました：メールボックスの乗っ取り（可能性が極めて高い）"
        );
        let done = told("step_done", Some("C02"), Language::English).0;
        assert_eq!(done, "Step done: Hand the new password over by phone or in person, never by e-mail");
        let comment = told("commented", Some("Owner on a plane\n\u{202e}until 18:00"), Language::English);
        assert_eq!(comment, ("Comment".to_owned(), Some("Owner on a plane until 18:00".to_owned())));
        assert_eq!(told("moved_house", None, Language::English).0, "moved house");
    }
}

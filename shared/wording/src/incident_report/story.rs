//! What happened to an incident, in words.

use chrono::{DateTime, NaiveDateTime, Utc};
use daimon_domain::tenant::Language;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_verdict::playbook;

use super::{Event, Happened};
use crate::said::{Said, said};
use crate::{cause, foreign, moment};

/// One line of the timeline.
pub(super) fn event(happened: &Happened<'_>, language: Language) -> Event {
    let text = known(happened.what).map_or_else(
        // Written by a newer program.
        || foreign::shown(&happened.what.replace('_', " ")),
        |said| said.in_language(language).to_owned(),
    );
    let note = happened.note.map(foreign::shown).filter(|note| !note.is_empty());
    let (what, note) = match note.as_deref().and_then(|note| explained(happened.what, note, language)) {
        Some(Explained { told: Some(told), note }) => (joined(&text, &told, language), note),
        Some(Explained { told: None, note }) => (text, note),
        None => (text, note),
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

const fn known_words() -> [(&'static str, Said); 26] {
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
        (
            "credential_replaced",
            said("A new password was given to us for the mailbox", "当システムに新しいパスワードが登録されました"),
        ),
        (
            "old_credential_refused_once",
            said("The old password was refused, for the first time", "旧パスワードが拒否されました（1 回目の確認）"),
        ),
        (
            "old_credential_accepted",
            said(
                "The old password still signs in: it was not changed everywhere",
                "旧パスワードで引き続きログインできます。変更されていない箇所があります",
            ),
        ),
        ("confirmed", said("A person has seen that it is a takeover", "担当者が乗っ取りと確認しました")),
        ("contained", said("Contained: the way in is closed", "封じ込めが完了しました（侵入経路を遮断）")),
        (
            "monitoring",
            said("Nothing new was sent since; watching on", "新たな送信がないことを確認し、監視を続けています"),
        ),
        ("recovered", said("The damage is repaired", "復旧が完了しました")),
        ("closed", said("Closed", "終了しました")),
        ("dismissed", said("Found to be no incident", "インシデントではないと判断しました")),
        (
            "siblings_found",
            said("Other mailboxes have the same password", "同じパスワードのメールボックスが見つかりました"),
        ),
        (
            "tidied",
            said("Bounces were moved from INBOX to a folder of their own", "エラーメールを専用フォルダへ移動しました"),
        ),
        ("untidied", said("The bounces were moved back", "エラーメールを元のフォルダへ戻しました")),
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

/// What a note says that a program wrote, in words, and what of it a person wrote.
struct Explained {
    told: Option<String>,
    note: Option<String>,
}

/// `None` for a person's own note.
fn explained(what: &str, note: &str, language: Language) -> Option<Explained> {
    let told = |told: String| Some(Explained { told: Some(told), note: None });
    match what {
        // The title says it all.
        "old_credential_accepted" | "woken" => Some(Explained { told: None, note: None }),
        "tidied" | "untidied" => {
            let (mails, folder) = note.split_once(" to ").map_or((note, None), |(mails, folder)| (mails, Some(folder)));
            let mails: u64 = mails.parse().ok()?;
            told(match (language, folder.map(foreign::shown)) {
                (Language::English, Some(folder)) => format!("{mails} to “{folder}”"),
                (Language::Japanese, Some(folder)) => format!("{mails} 件を「{folder}」へ"),
                (Language::English, None) => mails.to_string(),
                (Language::Japanese, None) => format!("{mails} 件"),
            })
        }
        "siblings_found" => told(note.parse::<u32>().ok()?.to_string()),
        "old_credential_refused" => told(since(timed(note, "Refused since ")?.0, language)),
        "contained" => {
            let (at, rest) = timed(note, "since ")?;
            Some(Explained { told: Some(since(at, language)), note: person(rest, "; ") })
        }
        "snoozed" => {
            let (at, rest) = timed(note, "until ")?;
            let at = moment::short(at, language);
            let until = match language {
                Language::English => format!("until {at}"),
                Language::Japanese => format!("{at} まで"),
            };
            Some(Explained { told: Some(until), note: person(rest, ": ") })
        }
        "reopened" => {
            let (count, _) = note.strip_prefix("Mail to ")?.split_once(" recipients was submitted after")?;
            let count: u64 = count.parse().ok()?;
            told(match language {
                Language::English => format!("mail to {count} recipients was sent after the way in had been closed"),
                Language::Japanese => format!("侵入経路の遮断後に、{count} 件の宛先へメールが送信されました"),
            })
        }
        step if step.starts_with("step_") => {
            told(playbook::step(note).map(|step| step.title.in_language(language).to_owned())?)
        }
        _ => told(assessed(note, language)?),
    }
}

/// The moment behind a word, and what follows.
fn timed<'n>(note: &'n str, word: &str) -> Option<(DateTime<Utc>, &'n str)> {
    let (at, rest) = note.strip_prefix(word)?.split_once(" UTC")?;
    Some((NaiveDateTime::parse_from_str(at, "%F %T").ok()?.and_utc(), rest))
}

/// What a person wrote behind it.
fn person(rest: &str, separator: &str) -> Option<String> {
    rest.strip_prefix(separator).filter(|note| !note.is_empty()).map(str::to_owned)
}

fn since(at: DateTime<Utc>, language: Language) -> String {
    let at = moment::short(at, language);
    match language {
        Language::English => format!("since {at}"),
        Language::Japanese => format!("{at} 以降"),
    }
}

/// `account_takeover (probable), 57.5 dB ahead`, as the worker writes it.
fn assessed(note: &str, language: Language) -> Option<String> {
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
    #[test]
    fn times_and_numbers_that_programs_wrote_are_told_and_what_a_person_added_stays_theirs() {
        let contained = Some("since 2026-11-24 10:10:00 UTC; by Mori; By phone.");
        let (what, note) = told("contained", contained, Language::Japanese);
        assert_eq!(what, "封じ込めが完了しました（侵入経路を遮断）：2026/11/24 19:10 以降");
        assert_eq!(note.as_deref(), Some("by Mori; By phone."));
        let snoozed = told("snoozed", Some("until 2026-11-24 10:10:00 UTC: asleep"), Language::English);
        assert_eq!(
            snoozed,
            ("Alerts silenced for a while: until 24 Nov 2026, 10:10".to_owned(), Some("asleep".to_owned()))
        );
        let refused = Some("Refused since 2026-11-24 10:10:00 UTC, and the new one is let in.");
        let refused = told("old_credential_refused", refused, Language::Japanese);
        assert_eq!(refused.0, "旧パスワードが拒否されることを確認しました：2026/11/24 19:10 以降");
        let again = Some("Mail to 3 recipients was submitted after the containment: look for sessions.");
        let again = told("reopened", again, Language::Japanese);
        assert!(again.0.ends_with("：侵入経路の遮断後に、3 件の宛先へメールが送信されました"), "{again:?}");
        let tidied = |language| told("tidied", Some("12 to Daimon"), language).0;
        assert_eq!(tidied(Language::English), "Bounces were moved from INBOX to a folder of their own: 12 to “Daimon”");
        assert_eq!(tidied(Language::Japanese), "エラーメールを専用フォルダへ移動しました：12 件を「Daimon」へ");
        assert_eq!(told("untidied", Some("12"), Language::English).0, "The bounces were moved back: 12");
        // A person may write what looks like it.
        let odd = told("contained", Some("since tomorrow"), Language::English);
        assert_eq!(odd.1.as_deref(), Some("since tomorrow"));
    }
}

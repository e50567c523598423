//! A line of evidence as a sentence: what was seen, what it is a sign of, how strong.

use daimon_domain::tenant::Language;
use daimon_domain::verdict::{EvidenceLine, Verdict};
use daimon_verdict::Clue;
use daimon_verdict::cluster::DAY_CAP_DB;

use crate::said::{Said, said};
use crate::{cause, filing, handed_in, strength};

/// Rounding explains less than this.
const WORTH_A_NOTE_DB: f64 = 1.0;

/// "No copy is in the Sent folder (14 bounces): a very strong sign of a stolen mailbox rather than the owner's own
/// newsletter (more than 1,000 times likelier)."
pub fn sentence(line: &EvidenceLine, verdict: Verdict, language: Language) -> String {
    if let Some(told) = handed_in::sentence(line, language).or_else(|| filing::sentence(line, language)) {
        return told;
    }
    let known = clue(line);
    let seen = known.map_or_else(
        // Written by an engine that sees more than this room has words for.
        || format!("{}: {}", line.item, line.value).replace('_', " "),
        |clue| sight(clue).in_language(language).to_owned(),
    );
    let count = count(line.count, known.is_some_and(Clue::is_of_window), language);
    let name = |cause: Verdict| cause::name(cause).in_language(language);
    // What can't be told is weighed as what it is handled as.
    let of = name(if verdict == Verdict::Undetermined { Verdict::AccountTakeover } else { verdict });
    let rival = line.against.map(name);
    let weighed =
        strength::of(line.db).map(|strength| (strength.in_language(language), strength::times(line.db, language)));
    match language {
        Language::English => match (weighed, rival) {
            (None, None) => format!("{seen}{count}."),
            (None, Some(rival)) => format!("{seen}{count}: fits {of} and {rival} equally well."),
            (Some((strength, times)), None) if line.db > 0.0 => {
                format!("{seen}{count}: {strength} of {of} ({times} likelier).")
            }
            (Some((strength, times)), None) => format!("{seen}{count}: {strength} against {of} ({times} less likely)."),
            (Some((strength, times)), Some(rival)) => {
                let (of, rather) = if line.db > 0.0 { (of, rival) } else { (rival, of) };
                format!("{seen}{count}: {strength} of {of} rather than {rather} ({times} likelier).")
            }
        },
        Language::Japanese => match (weighed, rival) {
            (None, None) => format!("{seen}{count}。"),
            (None, Some(rival)) => format!("{seen}{count}。{of}と{rival}のどちらにも当てはまります。"),
            (Some((strength, times)), None) if line.db > 0.0 => {
                format!("{seen}{count}。{of}を示す{strength}です（可能性は{times}）。")
            }
            (Some((strength, times)), None) => {
                format!("{seen}{count}。{of}を否定する{strength}です（否定する側の可能性が{times}）。")
            }
            (Some((strength, times)), Some(rival)) => {
                let (of, rather) = if line.db > 0.0 { (of, rival) } else { (rival, of) };
                format!("{seen}{count}。{rather}ではなく、{of}を示す{strength}です（可能性は{times}）。")
            }
        },
    }
}

/// That a flood was read in samples; `None` where all of it was read.
pub fn sampled(unread: u64, language: Language) -> Option<String> {
    let told = match language {
        Language::English => format!(
            "Of the flood a sample was read: {unread} more bounces, which look the same, were counted by their headers."
        ),
        Language::Japanese => format!(
            "大量のエラーメールは、一部を抽出して解析しています。同じ形式の {unread} 件は、ヘッダーのみで数えています。"
        ),
    };
    (unread > 0).then_some(told)
}

/// Why the score is not the sum of the lines, in one sentence; `None` where it is.
pub fn score_note(evidence: &[EvidenceLine], score_db: f64, language: Language) -> Option<String> {
    let sum: f64 = evidence.iter().map(|line| line.db).sum();
    let has_lines = evidence.iter().any(|line| line.against.is_some());
    if !has_lines || (sum - score_db).abs() < WORTH_A_NOTE_DB {
        return None;
    }
    Some(match language {
        Language::English => format!(
            "The lines add up to {sum:.1} dB and the score is {score_db:.1} dB: one letter counts at most \
             {DAY_CAP_DB:.0} dB a day, evidence halves every 24 hours and never sinks below zero, and what excuses one \
             letter does not excuse another."
        ),
        Language::Japanese => format!(
            "各行の合計は {sum:.1} dB、スコアは {score_db:.1} dB です。1 つの文面の寄与は 1 日 {DAY_CAP_DB:.0} dB まで、\
             証拠は 24 時間で半減して 0 未満にはならず、ある文面の反証は別の文面を打ち消しません。"
        ),
    })
}

/// On how many bounces, or on how many days, it was seen.
fn count(count: u32, is_of_window: bool, language: Language) -> String {
    match (language, is_of_window, count) {
        (_, true, 1) => String::new(),
        (Language::English, true, _) => format!(" (on {count} days)"),
        (Language::English, false, 1) => " (1 bounce)".to_owned(),
        (Language::English, false, _) => format!(" ({count} bounces)"),
        (Language::Japanese, true, _) => format!("（{count} 日）"),
        (Language::Japanese, false, _) => format!("（{count} 件）"),
    }
}

/// The clue that a line tells of; `None` when it is none that this engine knows.
fn clue(line: &EvidenceLine) -> Option<Clue> {
    Clue::ALL.iter().copied().find(|clue| clue.item() == line.item && clue.value() == line.value)
}

/// What was seen.
const fn sight(clue: Clue) -> Said {
    match clue {
        Clue::SiteOwn => said(
            "The mailbox's own provider wrote the bounce",
            "エラーメールは、契約先のメールサーバーが発行したものです",
        ),
        Clue::SiteForeign => {
            said("A foreign server wrote the bounce", "エラーメールは、外部のサーバーが発行したものです")
        }
        Clue::SiteUnknown => {
            said("Nobody can say who wrote the bounce", "エラーメールを発行したサーバーを確認できません")
        }
        Clue::OriginAuthenticated => said(
            "Whoever sent the mail had signed in as this mailbox",
            "メールは、このメールボックスのアカウントにログインして送信されています",
        ),
        Clue::OriginOwn => {
            said("The mail was sent through the own provider", "メールは、契約先のメールサーバーから送信されています")
        }
        Clue::OriginShared => said(
            "The mail was sent through a server that strangers share, and it does not say by whom",
            "メールは、他社と共用のサーバーから送信されており、誰が送信したのかは分かりません",
        ),
        Clue::OriginScript => said(
            "The mail was sent on the web server itself",
            "メールは、ウェブサーバー上のプログラムから送信されています",
        ),
        Clue::OriginForeign => said("The mail was sent from somewhere else", "メールは、外部から送信されています"),
        Clue::OriginAuto => said("The mail was an automatic reply", "メールは、自動返信によるものです"),
        Clue::OriginUntold => said(
            "Nothing believable of the original mail came back",
            "元のメールについて、信頼できる情報が返ってきていません",
        ),
        Clue::ClientOutside => said(
            "A client outside handed the mail in, which takes a sign-in",
            "メールは外部の端末から預けられており、これにはログインが必要です",
        ),
        Clue::FingerprintSeen => said(
            "The mail was sent the way this mailbox always sends",
            "メールは、このメールボックスの普段の方法で送信されています",
        ),
        Clue::FingerprintNew => said(
            "The mail was sent in a way this mailbox never sends",
            "メールは、このメールボックスでは前例のない方法で送信されています",
        ),
        Clue::SentFound => said("A copy is in the Sent folder", "送信済みフォルダーに控えがあります"),
        Clue::SentFiled => said(
            "A copy is in the Sent folder, where this provider files whatever is sent",
            "送信済みフォルダーに控えがあります（このプロバイダーでは、送信されたメールはすべて保存されます）",
        ),
        Clue::SentMissing => said("No copy is in the Sent folder", "送信済みフォルダーに控えがありません"),
        Clue::RecipientKnown => {
            said("The mailbox has written to the recipient before", "宛先は、以前からやり取りのある相手です")
        }
        Clue::RecipientNew => {
            said("The mailbox has never written to the recipient", "宛先は、これまでやり取りのない相手です")
        }
        Clue::RecipientReturned => said(
            "Mail to the recipient came back days ago as well",
            "この宛先へのメールは、数日以上前にも返送されています",
        ),
        Clue::ReasonUnknownUser => said("The recipient does not exist", "宛先のアドレスが存在しません"),
        Clue::ReasonContent => {
            said("The mail was refused for what it says", "メールの内容を理由に、受信を拒否されています")
        }
        Clue::ReasonListed => said(
            "The mail was refused for where it comes from",
            "送信元のサーバーやドメインを理由に、受信を拒否されています",
        ),
        Clue::ReasonFull => said("The recipient's mailbox is full", "宛先のメールボックスの容量が一杯です"),
        Clue::ReasonTemporary => {
            said("The mail was late, or given up after days", "配送が遅れているか、期限切れで断念されています")
        }
        Clue::ReasonThrottled => said(
            "The own provider lets this sender send no more",
            "契約先のプロバイダーが、この送信者からの送信を制限しています",
        ),
        Clue::ReasonLoop => said("The mail went in circles", "メールが転送を繰り返し、ループしています"),
        Clue::ReasonOther => said("The delivery failed for another reason", "その他の理由で配送に失敗しています"),
        Clue::CampaignMarked => said(
            "The mail is marked or declared as a newsletter",
            "メールには、メール配信（メールマガジンなど）であることを示す印または申告があります",
        ),
        Clue::CampaignNone => said(
            "Nothing marks the mail as a newsletter",
            "メールには、メール配信（メールマガジンなど）であることを示す印がありません",
        ),
        Clue::ReportersDispersed => {
            said("Many different servers wrote the bounces", "エラーメールは、多数の異なるサーバーから届いています")
        }
        Clue::ReportersConcentrated => said(
            "One or two servers wrote all the bounces",
            "エラーメールは、1、2 台のサーバーから集中して届いています",
        ),
        Clue::ForgedLocalParts => {
            said("Other addresses of the domain are forged too", "同じドメインの別のアドレスも詐称されています")
        }
        Clue::MailboxThrottled => said(
            "The provider says that it limits what this mailbox sends",
            "プロバイダーから、このメールボックスの送信を制限したとの通知が届いています",
        ),
        Clue::MailboxBlocked => said(
            "The provider says that it locked this mailbox",
            "プロバイダーから、このメールボックスを停止したとの通知が届いています",
        ),
        Clue::DomainThrottled => said(
            "The provider limits what the whole domain sends",
            "プロバイダーが、ドメイン全体の送信を制限しています",
        ),
        Clue::TenantThrottled => {
            said("The provider limits what the whole company sends", "プロバイダーが、会社全体の送信を制限しています")
        }
        Clue::WebSendingLimited => said(
            "The web host limits what the web server sends",
            "ホスティング会社が、ウェブサーバーからの送信を制限しています",
        ),
        Clue::CredentialRefused => {
            said("The password that we know is refused", "お預かりしているパスワードでのログインが拒否されました")
        }
        Clue::PhantomReplies => said(
            "Replies come to mail that is not in the Sent folder",
            "送信済みフォルダーにないメールに対して、返信が届いています",
        ),
        Clue::FakeBounces => said(
            "Mails that only look like delivery failures ask to click",
            "配信エラーを装い、リンクのクリックを促すメールが届いています",
        ),
        Clue::BouncesHidden => said(
            "Bounces were out of sight as soon as they came: already read, in the bin, or where nobody looks",
            "エラーメールが、届いた直後から既読やごみ箱など、人目につかない状態に置かれています",
        ),
        Clue::FleetOutage => {
            said("The same system fails for several companies", "同じメールシステムの障害が、複数の会社で起きています")
        }
        Clue::FleetListed => said(
            "The provider's server is on block lists for others too",
            "契約先のサーバーは、他社のメールでもブロックされています",
        ),
        Clue::Volume => said(
            "At least 100 unexpected bounces came within an hour",
            "1 時間に 100 通以上の、身に覚えのないエラーメールが届いています",
        ),
        Clue::OneLetter => said(
            "At least twelve copies of one letter came back within a day",
            "同じ内容のメールが、1 日に 12 通以上返送されています",
        ),
        Clue::NewLanguage => said(
            "The mail is in a language that this mailbox never uses",
            "メールは、このメールボックスで使われたことのない言語で書かれています",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(db: f64, against: Option<Verdict>) -> EvidenceLine {
        EvidenceLine { item: "sent_copy".to_owned(), value: "missing".to_owned(), db, count: 2, against }
    }

    fn told(db: f64, against: Option<Verdict>, language: Language) -> String {
        sentence(&line(db, against), Verdict::AccountTakeover, language)
    }

    #[test]
    fn every_clue_of_the_engine_is_told_in_both_languages() {
        for seen in Clue::ALL {
            let line = EvidenceLine {
                item: seen.item().to_owned(),
                value: seen.value().to_owned(),
                count: 3,
                ..line(12.0, Some(Verdict::Legit))
            };
            assert_eq!(clue(&line), Some(*seen));
            let english = sentence(&line, Verdict::WebScript, Language::English);
            assert!(
                english.is_ascii()
                    && english.ends_with(" rather than ordinary mail of its owner (about 20 times likelier).")
            );
            let japanese = sentence(&line, Verdict::WebScript, Language::Japanese);
            assert!(japanese.ends_with("ウェブフォームの悪用を示す強い根拠です（可能性は約 20 倍）。"), "{japanese}");
            assert!(!sight(*seen).in_language(Language::Japanese).is_ascii(), "{seen}");
        }
    }

    #[test]
    fn a_line_names_both_causes_in_words_and_how_strong_it_is() {
        let against = Some(Verdict::BulkList);
        let english = |db| told(db, against, Language::English);
        let seen = "No copy is in the Sent folder (2 bounces)";
        assert_eq!(
            english(57.06),
            format!(
                "{seen}: a very strong sign of a stolen mailbox rather than the owner's own newsletter (more than 1,000 \
                 times likelier)."
            )
        );
        assert_eq!(
            english(-2.5),
            format!(
                "{seen}: a faint sign of the owner's own newsletter rather than a stolen mailbox (about 1.8 times likelier)."
            )
        );
        assert_eq!(english(0.0), format!("{seen}: fits a stolen mailbox and the owner's own newsletter equally well."));
        let japanese = |db| told(db, against, Language::Japanese);
        assert_eq!(
            japanese(57.06),
            "送信済みフォルダーに控えがありません（2 件）。\
             自社のメール配信ではなく、メールボックスの乗っ取りを示す非常に強い根拠です（可能性は1,000 倍以上）。"
        );
        assert_eq!(
            japanese(0.0),
            "送信済みフォルダーに控えがありません（2 件）。\
             メールボックスの乗っ取りと自社のメール配信のどちらにも当てはまります。"
        );
    }

    #[test]
    fn what_cannot_be_told_is_weighed_as_the_takeover_that_it_is_handled_as() {
        let told = sentence(&line(12.0, Some(Verdict::Backscatter)), Verdict::Undetermined, Language::English);
        assert!(told.contains("a strong sign of a stolen mailbox rather than a forged sender address"), "{told}");
    }

    #[test]
    fn a_line_that_was_stored_without_its_rival_or_by_a_newer_engine_still_reads() {
        assert_eq!(
            told(10.0, None, Language::English),
            "No copy is in the Sent folder (2 bounces): a strong sign of a stolen mailbox (about 10 times likelier)."
        );
        let newer = EvidenceLine { item: "moon_phase".to_owned(), value: "full".to_owned(), ..line(0.0, None) };
        assert_eq!(sentence(&newer, Verdict::Legit, Language::English), "moon phase: full (2 bounces).");
    }

    #[test]
    fn a_note_says_why_the_score_is_not_the_sum_of_the_lines() {
        let lines = [line(200.0, Some(Verdict::BulkList)), line(54.4, Some(Verdict::BulkList))];
        let note = score_note(&lines, 60.0, Language::English).unwrap();
        assert!(
            note.starts_with("The lines add up to 254.4 dB and the score is 60.0 dB: one letter counts at most 60 dB")
        );
        assert!(score_note(&lines, 60.0, Language::Japanese).unwrap().contains("合計は 254.4 dB"));
        assert_eq!(score_note(&lines, 254.0, Language::English), None);
        assert_eq!(score_note(&[], 60.0, Language::English), None);
    }
}

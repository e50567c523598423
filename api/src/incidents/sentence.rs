//! A line of evidence as a sentence, in the tenant's language.

use daimon_domain::tenant::Language;
use daimon_domain::verdict::{EvidenceLine, Verdict};
use daimon_verdict::submission;

/// What was seen: item, value, English, Japanese. A sight that is newer than this list is told by its names.
const SIGHTS: &[(&str, &str, &str, &str)] = &[
    (
        "gen_site",
        "own_provider",
        "The mailbox's own provider wrote the bounce",
        "契約先のメールサーバーがエラー通知を出した",
    ),
    ("gen_site", "foreign", "A foreign server wrote the bounce", "外部のサーバーがエラー通知を出した"),
    ("gen_site", "unknown", "Nobody can say who wrote the bounce", "エラー通知の差出元が分からない"),
    (
        "origin",
        "own_authenticated",
        "It was sent by somebody who signed in as this mailbox",
        "このメールボックスとして認証して送信された",
    ),
    ("origin", "own_no_auth_info", "It was sent through the own provider", "契約先のメールサーバーから送信された"),
    (
        "origin",
        "own_shared_host",
        "It was sent through a mail server that strangers share, and it isn't said by whom",
        "他社と共用のメールサーバーから送信され、誰が送信したか分からない",
    ),
    ("origin", "local_script", "It was sent on the web server itself", "ウェブサーバー上のプログラムから送信された"),
    ("origin", "foreign_injection", "It was sent from somewhere else", "外部から送信された"),
    ("origin", "auto_submitted", "It was an automatic answer", "自動応答だった"),
    (
        "origin",
        "no_headers",
        "Nothing believable of the original came back",
        "元のメールの信頼できる情報が返ってこなかった",
    ),
    ("fingerprint", "seen_before", "It was sent the way this mailbox always sends", "いつもの送信方法だった"),
    ("fingerprint", "new", "It was sent in a way never seen before", "これまでにない送信方法だった"),
    ("sent_copy", "found", "A copy is in the Sent folder", "送信済みフォルダーに控えがある"),
    (
        "sent_copy",
        "filed",
        "A copy is in the Sent folder, where the provider files whatever is submitted",
        "送信済みフォルダーに控えがある（このプロバイダーは送信されたものをすべて保存する）",
    ),
    ("sent_copy", "missing", "No copy is in the Sent folder", "送信済みフォルダーに控えがない"),
    (
        "recipient",
        "known_correspondent",
        "The mailbox has written to the recipient before",
        "以前にやり取りのある宛先だった",
    ),
    ("recipient", "never_seen", "The mailbox has never written to the recipient", "やり取りのない宛先だった"),
    ("reason", "user_unknown", "There is no such recipient", "宛先が存在しない"),
    ("reason", "content_or_policy_block", "It was refused for what it says", "内容を理由に拒否された"),
    ("reason", "ip_or_domain_listed", "It was refused for where it comes from", "送信元の評判を理由に拒否された"),
    ("reason", "mailbox_full", "The recipient's mailbox is full", "宛先のメールボックスが満杯だった"),
    ("reason", "temporary_or_expired", "It was late, or given up after days", "配送が遅延または期限切れになった"),
    (
        "reason",
        "own_provider_throttle",
        "The own provider lets this sender send no more",
        "契約先がこの送信者の送信を制限した",
    ),
    ("reason", "loop_or_hops", "It went in circles", "配送がループした"),
    ("reason", "other", "It failed for another reason", "その他の理由で失敗した"),
    ("campaign", "list_header_or_declared", "It is marked as a newsletter", "メールマガジンの印がある"),
    ("campaign", "none", "Nothing marks it as a newsletter", "メールマガジンの印がない"),
    (
        "window",
        "reporting_mta_dispersed",
        "Many different servers wrote the bounces",
        "多くの異なるサーバーがエラー通知を出した",
    ),
    (
        "window",
        "reporting_mta_concentrated",
        "One or two servers wrote all the bounces",
        "エラー通知が 1、2 台のサーバーに集中している",
    ),
    (
        "window",
        "forged_local_parts",
        "Other addresses of the domain are forged too",
        "同じドメインの別のアドレスも詐称されている",
    ),
    (
        "window",
        "mailbox_throttled",
        "The provider says that it throttles this mailbox",
        "契約先がこのメールボックスの送信制限を通知した",
    ),
    (
        "window",
        "mailbox_blocked",
        "The provider says that it locked this mailbox",
        "契約先がこのメールボックスの停止を通知した",
    ),
    ("window", "domain_throttled", "The provider throttles the domain", "契約先がドメインの送信を制限した"),
    ("window", "tenant_throttled", "The provider throttles the whole company", "契約先が会社全体の送信を制限した"),
    (
        "window",
        "web_sending_limited",
        "The web host limits what the web server sends",
        "ウェブサーバーからの送信が制限された",
    ),
    ("window", "credential_refused", "The password that we know was refused", "登録済みのパスワードが拒否された"),
    ("window", "phantom_replies", "Replies came to mail that is not in Sent", "送信済みにないメールへの返信が届いた"),
    (
        "window",
        "bounces_hidden",
        "Bounces arrive already read or in the bin",
        "エラー通知が既読またはごみ箱に入って届く",
    ),
    (
        "window",
        "fleet_outage",
        "The same system fails for several companies",
        "同じシステムの障害が複数の会社で起きている",
    ),
    (
        "window",
        "fleet_listed",
        "The provider's address is listed for others too",
        "契約先の送信元が他社でもブロックされている",
    ),
    (
        "window",
        "volume",
        "At least 100 unexpected bounces came in an hour",
        "1 時間に 100 通以上の想定外のエラー通知が届いた",
    ),
    (
        "window",
        "new_language",
        "It is in a language that this mailbox never uses",
        "このメールボックスで使われない言語だった",
    ),
];

/// "No copy is in the Sent folder (14 times): makes `legit` 12 dB less likely."
pub(super) fn of(line: &EvidenceLine, verdict: Verdict, language: Language) -> String {
    if let Some(told) = submission::sentence(line, language) {
        return told;
    }
    let known = SIGHTS.iter().find(|(item, value, _, _)| *item == line.item && *value == line.value);
    let sight = match (known, language) {
        (Some((_, _, english, _)), Language::English) => (*english).to_owned(),
        (Some((_, _, _, japanese)), Language::Japanese) => (*japanese).to_owned(),
        (None, Language::English | Language::Japanese) => format!("{}: {}", line.item, line.value).replace('_', " "),
    };
    let (count, weight, is_for) = (line.count, line.db.abs(), line.db > 0.0);
    match language {
        Language::English => {
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            let rival = line.against.map_or("the closest other cause", Verdict::as_str);
            if weight < 0.05 {
                return format!("{sight} ({times}): fits {verdict} and {rival} alike.");
            }
            let way = if is_for { "less" } else { "more" };
            format!("{sight} ({times}): makes {rival} {weight} dB {way} likely.")
        }
        Language::Japanese => {
            let rival = line.against.map_or("次に近い原因", Verdict::as_str);
            if weight < 0.05 {
                return format!("{sight}（{count} 回）：{verdict} にも {rival} にも同じように当てはまる。");
            }
            let way = if is_for { "下がる" } else { "上がる" };
            format!("{sight}（{count} 回）：{rival} である可能性が {weight} dB {way}。")
        }
    }
}

#[cfg(test)]
mod tests {
    use daimon_verdict::Clue;

    use super::*;

    #[test]
    fn every_clue_of_the_engine_has_a_sentence_in_both_languages() {
        for clue in Clue::ALL {
            let found = SIGHTS.iter().find(|(item, value, _, _)| *item == clue.item() && *value == clue.value());
            let (_, _, english, japanese) = found.unwrap_or_else(|| panic!("{clue} has no sentence"));
            assert!(!english.is_empty() && !japanese.is_ascii(), "{clue}");
        }
    }

    fn line(db: f64, against: Option<Verdict>) -> EvidenceLine {
        EvidenceLine { item: "sent_copy".to_owned(), value: "missing".to_owned(), db, count: 2, against }
    }

    #[test]
    fn a_line_names_the_rival_and_says_which_way_it_weighs_and_how_much() {
        let told = |db, language| of(&line(db, Some(Verdict::Legit)), Verdict::AccountTakeover, language);
        let english = |db| told(db, Language::English);
        assert_eq!(english(10.0), "No copy is in the Sent folder (2 times): makes legit 10 dB less likely.");
        assert_eq!(english(-2.5), "No copy is in the Sent folder (2 times): makes legit 2.5 dB more likely.");
        assert_eq!(english(0.0), "No copy is in the Sent folder (2 times): fits account_takeover and legit alike.");
        let japanese = |db| told(db, Language::Japanese);
        assert_eq!(japanese(4.5), "送信済みフォルダーに控えがない（2 回）：legit である可能性が 4.5 dB 下がる。");
        assert_eq!(
            japanese(0.0),
            "送信済みフォルダーに控えがない（2 回）：account_takeover にも legit にも同じように当てはまる。"
        );
    }

    #[test]
    fn a_line_that_was_stored_without_its_rival_still_reads() {
        assert_eq!(
            of(&line(10.0, None), Verdict::AccountTakeover, Language::English),
            "No copy is in the Sent folder (2 times): makes the closest other cause 10 dB less likely."
        );
    }

    #[test]
    fn who_signed_in_is_told_in_words() {
        let value = "signed_in=sato@sakura.example from=203.0.113.7".to_owned();
        let head = EvidenceLine { item: submission::ITEM.to_owned(), value, count: 14, ..line(0.0, None) };
        let told = of(&head, Verdict::AccountTakeover, Language::English);
        assert!(told.starts_with("Somebody signed in as sato@sakura.example from 203.0.113.7: 14 mails"), "{told}");
    }
}

//! Which messages are fetched whole: those whose header says that a machine wrote them about other mail.
//!
//! The choice leans to "yes". A message too many costs a fetch and is read as "not a bounce"; one too few is never
//! seen again.
//!
//! Of the others only one thing is kept, and only long enough to count: which messages they answer.

use chrono::{DateTime, Utc};
use mail_parser::{Address, HeaderValue, MessageParser};

use super::mail::Answer;

/// The header fields the choice is made on.
pub(super) const FIELDS: &str = "RETURN-PATH FROM SENDER SUBJECT CONTENT-TYPE AUTO-SUBMITTED X-FAILED-RECIPIENTS \
     X-AUTOREPLY X-AUTORESPOND X-AUTO-RESPONSE-SUPPRESS X-MS-EXCHANGE-MESSAGE-IS-NDR PRECEDENCE X-LOOP IN-REPLY-TO TO CC";

/// A message answers one other, seldom a few.
const MOST_ANSWERED: usize = 5;

/// In the local part or display name of whoever sends reports, in lower case.
const SENDERS: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "mail-daemon",
    "postmaster",
    "mail delivery",
    "maildelivery",
    "delivery system",
    "mail administrator",
    "mail-system",
    "mdaemon",
    "bounce",
    "noreply-dmarc",
    "antispam",
    "microsoftexchange",
    "microsoft outlook",
];

/// In the subject, in lower case.
const SUBJECTS: &[&str] = &[
    "undeliver",
    "not delivered",
    "non-delivery",
    "nondelivery",
    "delivery status notification",
    "delivery notification",
    "delivery failure",
    "delivery failed",
    "delivery has failed",
    "delivery problem",
    "delivery report",
    "delivery delayed",
    "failure notice",
    "failed delivery",
    "failed to deliver",
    "could not be delivered",
    "returned mail",
    "returned to sender",
    "message status",
    "mail failure",
    "mail error",
    "mail system error",
    "warning: could not send",
    "warning: message",
    "bounce",
    "mailbox full",
    "quota exceeded",
    "rejected",
    "blocked",
    "out of office",
    "automatic reply",
    "auto reply",
    "autoreply",
    "auto-reply",
    "vacation",
    "配信",
    "配送",
    "不達",
    "未配達",
    "未達",
    "戻り",
    "返送",
    "送信エラー",
    "送信失敗",
    "メールエラー",
    "自動返信",
    "自動応答",
    "不在",
    "unzustellbar",
    "nicht zugestellt",
    "zustellung",
    "rückläufer",
    "abwesen",
    "non remis",
    "échec de la remise",
    "non distribué",
    "absence",
    "no entregado",
    "devuelto",
    "no se pudo entregar",
    "entrega",
    "반송",
    "배달",
    "전송 실패",
    "부재중",
    "退信",
    "退件",
    "无法投递",
    "無法傳遞",
    "未传递",
    "未送達",
    "自动回复",
    "自動回覆",
    // Hosts that limit or lock a mailbox tell it in a letter like any other.
    "e-mails have just been sent by",
    "送信件数",
    "送信通数",
    "送信制限",
    "送信を制限",
    "送信停止",
    "送信を停止",
    "不正送信",
    "不正利用",
    "不正アクセス",
    "大量送信",
    "パスワード緊急変更",
    "パスワードの強制変更",
];

/// Whether the message with this header may be a report, an automatic answer or a challenge.
pub(super) fn may_be_report(header: &[u8]) -> bool {
    let Some(message) = MessageParser::default().parse_headers(header) else { return true };
    let raw = |name: &str| message.header_raw(name).map(|value| value.trim().to_lowercase());
    let Some(from) = raw("From") else { return true };
    let is_null_path = raw("Return-Path").is_some_and(|path| matches!(path.as_str(), "<>" | "" | "<mailer-daemon>"));
    let is_automatic = raw("Auto-Submitted").is_some_and(|value| !value.starts_with("no"))
        || raw("Precedence").is_some_and(|value| value.starts_with("auto"))
        || ["X-Failed-Recipients", "X-Autoreply", "X-Autorespond", "X-MS-Exchange-Message-Is-Ndr"]
            .iter()
            .any(|name| raw(name).is_some());
    let is_report = raw("Content-Type").is_some_and(|value| {
        ["multipart/report", "message/delivery-status", "message/feedback-report", "report-type"]
            .iter()
            .any(|kind| value.contains(kind))
    });
    let sender = raw("Sender").unwrap_or_default();
    is_null_path
        || is_automatic
        || is_report
        || SENDERS.iter().any(|word| from.contains(word) || sender.contains(word))
        || message
            .subject()
            .map(str::to_lowercase)
            .is_some_and(|subject| SUBJECTS.iter().any(|word| subject.contains(word)))
}

/// What the message with this header answers (RFC 5322, 3.6.4) and for whom it is. References are no part of it: they
/// name what others wrote further up in the thread.
pub(super) fn answer(header: &[u8], at: Option<DateTime<Utc>>) -> Option<Answer> {
    let message = MessageParser::default().parse_headers(header)?;
    let mut ids = match message.in_reply_to() {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    ids.truncate(MOST_ANSWERED);
    ids.sort();
    ids.dedup();
    let lists = [message.to(), message.cc()].into_iter().flatten().flat_map(Address::iter);
    let to = lists.filter_map(|to| to.address.as_deref()).map(|address| address.trim().to_lowercase()).collect();
    (!ids.is_empty()).then_some(Answer { ids, to, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_what_it_answers_once_and_nothing_further_up_in_the_thread() {
        let header = b"From: a@b.example\r\nTo: X <X@c.example>\r\nCc: y@c.example\r\nIn-Reply-To: <two@c.example>\r\n <two@c.example>\r\nReferences: <one@c.example>\r\n <two@c.example>\r\n\r\n";
        let told = answer(header, None).unwrap();
        assert_eq!(
            (told.ids, told.to),
            (vec!["two@c.example".to_owned()], vec!["x@c.example".to_owned(), "y@c.example".to_owned()])
        );
        assert_eq!(answer(b"From: a@b.example\r\nReferences: <one@c.example>\r\n\r\n", None), None);
        let many: String = (0..500).map(|n| format!(" <{n:03}@c.example>\r\n")).collect::<Vec<_>>().concat();
        assert_eq!(answer(format!("In-Reply-To:{many}\r\n").as_bytes(), None).unwrap().ids.len(), MOST_ANSWERED);
    }

    #[test]
    fn what_machines_write_about_mail_is_fetched() {
        for header in [
            "",
            "Subject: no From at all\r\n\r\n",
            "Return-Path: <>\r\nFrom: a@b.example\r\n\r\n",
            "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>\r\n\r\n",
            "From: a@b.example\r\nContent-Type: multipart/report;\r\n report-type=delivery-status\r\n\r\n",
            "From: a@b.example\r\nAuto-Submitted: auto-replied\r\n\r\n",
            "From: a@b.example\r\nX-Failed-Recipients: c@d.example\r\n\r\n",
            "From: a@b.example\r\nSubject: =?UTF-8?B?6YWN6YCB44Gn44GN44G+44Gb44KT?=\r\n\r\n",
            "From: a@b.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\n",
            "From: diradmin@host.example\r\nSubject: Warning: 214 non-existant E-Mails have just been sent by sato\r\n\r\n",
            "From: support@host.example\r\nSubject: 【ロリポップ!】メール送信件数の上限を超過しました\r\n\r\n",
            "From: support@host.example\r\nSubject: 【重要】パスワード緊急変更のお知らせ\r\n\r\n",
        ] {
            assert!(may_be_report(header.as_bytes()), "{header:?}");
        }
    }

    #[test]
    fn what_people_write_is_left_alone() {
        for header in [
            "Return-Path: <a@b.example>\r\nFrom: A <a@b.example>\r\nSubject: Invoice\r\nContent-Type: text/plain\r\n\r\n",
            "From: a@b.example\r\nAuto-Submitted: no\r\nSubject: =?UTF-8?B?6KuL5rGC5pu4?=\r\n\r\n",
        ] {
            assert!(!may_be_report(header.as_bytes()), "{header:?}");
        }
    }
}

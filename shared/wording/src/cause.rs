//! Each cause in words: its name, the answer, what it means.

use daimon_domain::verdict::{Tier, Verdict};

use crate::said::{Said, said};

/// What it is called within a sentence: "a hacked web form".
pub const fn name(verdict: Verdict) -> Said {
    match verdict {
        Verdict::Legit => said("ordinary mail of its owner", "ご本人の通常のメール"),
        Verdict::AccountTakeover => said("a stolen mailbox", "メールボックスの乗っ取り"),
        Verdict::Backscatter => said("a forged sender address", "送信元アドレスのなりすまし"),
        Verdict::WebScript => said("a hacked web form", "ウェブフォームの悪用"),
        Verdict::BulkList => said("the owner's own newsletter", "自社のメール配信"),
        Verdict::ForwardingLoop => said("a forwarding loop", "転送のループ"),
        Verdict::Outage => said("an outage of a mail system", "メールシステムの障害"),
        Verdict::ReputationBlock => said("a blocked sending server", "送信サーバーの受信拒否"),
        Verdict::Autoresponder => said("automatic replies", "自動返信"),
        Verdict::FakeBounce => said("a fake bounce", "エラーメールを装った詐欺"),
        Verdict::Undetermined => said("a cause that cannot be told yet", "原因の特定に至っていない事象"),
    }
}

/// The answer in a sentence, of "this mailbox".
pub const fn answer(verdict: Verdict, tier: Tier) -> Said {
    match verdict {
        Verdict::Legit => said("Nothing out of the ordinary.", "異常はありません。"),
        Verdict::AccountTakeover => match tier {
            Tier::Probable | Tier::Confirmed => said(
                "This mailbox was taken over: somebody else signs in and sends.",
                "このメールボックスは乗っ取られています。第三者がログインし、メールを送信しています。",
            ),
            Tier::None | Tier::Watch | Tier::Suspected => {
                said("This mailbox may have been taken over.", "このメールボックスは乗っ取られている疑いがあります。")
            }
        },
        Verdict::Backscatter => said(
            "Somebody elsewhere forges this address; the mailbox itself is not used. A new password does not help.",
            "第三者が外部でこのアドレスを詐称しています。メールボックス自体は使われておらず、パスワードを変更しても止まりません。",
        ),
        Verdict::WebScript => said(
            "A form or script on the web server sends this mail.",
            "ウェブサーバー上のフォームまたはプログラムが悪用され、メールを送信しています。",
        ),
        Verdict::BulkList => said(
            "These are bounces of the owner's own newsletter.",
            "自社のメール配信（メールマガジンなど）に対するエラーメールです。",
        ),
        Verdict::ForwardingLoop => said("Two forwards feed each other.", "転送設定どうしがループしています。"),
        Verdict::Outage => said(
            "A mail system is down; change nothing and wait.",
            "メールシステムに障害が起きています。設定は変更せず、復旧をお待ちください。",
        ),
        Verdict::ReputationBlock => said(
            "Good mail is refused because of the sending server's reputation.",
            "送信サーバーの評価が下がっているため、正常なメールが受信を拒否されています。",
        ),
        Verdict::Autoresponder => said("Automatic answers come back.", "自動返信のメールがエラーで戻ってきています。"),
        Verdict::FakeBounce => said("This is no bounce but a trap.", "エラーメールを装った詐欺メールです。"),
        Verdict::Undetermined => said(
            "A takeover is not excluded: treat this mailbox as taken over until it is.",
            "乗っ取りの可能性を否定できません。否定できるまでは、乗っ取られたものとして対応してください。",
        ),
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::tenant::Language;

    use super::*;

    #[test]
    fn every_cause_is_said_in_both_languages() {
        for verdict in Verdict::ALL {
            for said in [name(*verdict), answer(*verdict, Tier::None), answer(*verdict, Tier::Confirmed)] {
                assert!(said.in_language(Language::English).is_ascii(), "{verdict}");
                assert!(!said.in_language(Language::Japanese).is_ascii(), "{verdict}");
            }
        }
    }
}

//! Why a delivery failed, in words.

use daimon_domain::reason::Reason;

use crate::said::{Said, said};

/// Why.
pub const fn name(reason: Reason) -> Said {
    match reason {
        Reason::UserUnknown => said("the recipient does not exist", "宛先が存在しない"),
        Reason::RecipientMoved => said("the recipient has moved", "宛先が移転している"),
        Reason::MailboxDisabled => said("the recipient's mailbox is switched off", "宛先が停止されている"),
        Reason::MailboxFull => said("the recipient's mailbox is full", "宛先の容量が一杯"),
        Reason::RecipientRefused => said("the recipient refuses this mail", "宛先側の設定による受信拒否"),
        Reason::HostUnknown => said("the recipient's domain does not exist", "宛先のドメインが存在しない"),
        Reason::RoutingLoop => said("the mail went in circles", "転送のループ"),
        Reason::HostNotAccepting => {
            said("the recipient's server accepts no mail", "宛先のサーバーがメールを受け付けない")
        }
        Reason::NetworkError => said("the connection failed", "接続の失敗"),
        Reason::Expired => said("given up after days", "配送期限切れ"),
        Reason::SystemError => said("the recipient's mail system failed", "宛先のメールシステムの異常"),
        Reason::TlsFailure => said("no encrypted connection could be made", "暗号化通信の失敗"),
        Reason::RateLimited => said("too much mail was sent", "送信量の超過"),
        Reason::SenderRejected => said("the sender is refused", "送信者の拒否"),
        Reason::SpamContent => said("taken for spam", "迷惑メールと判定"),
        Reason::IpBlocked => said("the sending server is blocked", "送信サーバーのブロック"),
        Reason::DomainBlocked => said("the sender's domain is blocked", "送信元ドメインのブロック"),
        Reason::AuthFailure => said("the sender could not be verified", "送信元認証（SPF、DKIM、DMARC）の失敗"),
        Reason::Policy => said("refused by a rule of the recipient", "宛先のポリシーによる拒否"),
        Reason::Virus => said("taken for malware", "ウイルスと判定"),
        Reason::RelayDenied => said("the server does not pass this mail on", "中継の拒否"),
        Reason::MessageTooLarge => said("the mail is too large", "サイズの超過"),
        Reason::FormatError => said("the mail or the address is malformed", "書式の誤り"),
        Reason::Suppressed => said("on the provider's list of dead addresses", "プロバイダーの送信停止リストに登録"),
        Reason::Undetermined => said("no reason given", "理由の記載なし"),
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::tenant::Language;

    use super::*;

    #[test]
    fn every_reason_is_said_in_both_languages() {
        for reason in Reason::ALL {
            assert!(name(*reason).in_language(Language::English).is_ascii(), "{reason}");
            assert!(!name(*reason).in_language(Language::Japanese).is_ascii(), "{reason}");
        }
    }
}

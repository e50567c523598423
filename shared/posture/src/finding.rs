//! What is wrong with a domain, in words.

use daimon_domain::tenant::Language;

use crate::dkim::DkimFault;
use crate::dmarc::DmarcFault;
use crate::spf::SpfFault;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A block list names the domain or one of its servers.
    Listed {
        /// The list.
        list: String,
        /// The domain or the address.
        of: String,
    },
    /// Something about SPF.
    Spf(SpfFault),
    /// Something about DMARC.
    Dmarc(DmarcFault),
    /// Something about DKIM.
    Dkim(DkimFault),
}

impl Finding {
    /// A word for programs: `spf.missing`.
    pub fn code(&self) -> String {
        match self {
            Self::Listed { .. } => "blocklist.listed".to_owned(),
            Self::Spf(fault) => format!("spf.{fault}"),
            Self::Dmarc(fault) => format!("dmarc.{fault}"),
            Self::Dkim(fault) => format!("dkim.{fault}"),
        }
    }

    /// What it means and what to do, for people.
    pub fn sentence(&self, language: Language) -> String {
        let (english, japanese) = match self {
            Self::Listed { list, of } => {
                return match language {
                    Language::English => {
                        format!("{of} is on the block list {list}: stop the cause first, then ask to be taken off.")
                    }
                    Language::Japanese => format!(
                        "{of} がブロックリスト「{list}」に登録されています。まず原因を止め、そのうえで解除を申請してください。"
                    ),
                };
            }
            Self::Spf(fault) => spf(*fault),
            Self::Dmarc(fault) => dmarc(*fault),
            Self::Dkim(fault) => dkim(*fault),
        };
        match language {
            Language::English => english,
            Language::Japanese => japanese,
        }
        .to_owned()
    }
}

const fn spf(fault: SpfFault) -> (&'static str, &'static str) {
    match fault {
        SpfFault::Missing => (
            "There is no SPF record: publish one that names your mail servers and ends in -all.",
            "SPFレコードがありません。自社のメールサーバーを列挙し、末尾を -all にしたレコードを公開してください。",
        ),
        SpfFault::Several => (
            "There are several SPF records, which receivers treat as an error: merge them into one.",
            "SPFレコードが複数あり、受信側ではエラーになります。1件にまとめてください。",
        ),
        SpfFault::Unreadable => (
            "The SPF record, or one that it includes, has a mistake in it, so receivers ignore it: correct it.",
            "SPFレコード（またはそのinclude先）に書式の誤りがあり、受信側で無視されます。修正してください。",
        ),
        SpfFault::TooManyLookUps => (
            "The SPF record needs more than 10 DNS look-ups, so receivers ignore it: take out what you no longer use.",
            "SPFレコードのDNS参照回数が上限の10回を超え、受信側で無効とされます。使っていないincludeを削除してください。",
        ),
        SpfFault::TooManyVoid => (
            "The SPF record names hosts that no longer exist: take them out.",
            "SPFレコードに存在しないホスト名が含まれています。削除してください。",
        ),
        SpfFault::IncludeMissing => (
            "The SPF record includes a domain that has none: take it out, or correct its name.",
            "SPFレコードのinclude先にSPFレコードがありません。ドメイン名を確認し、不要であれば削除してください。",
        ),
        SpfFault::Circular => (
            "The SPF record refers to itself: correct it.",
            "SPFレコードが自分自身を参照しています。修正してください。",
        ),
        SpfFault::OpenToAll => (
            "The SPF record lets everybody send in your name (+all): end it in -all.",
            "SPFレコードの末尾が +all で、誰でも御社を名乗って送信できます。-all に変更してください。",
        ),
        SpfFault::RefusesNobody => (
            "The SPF record refuses nobody: end it in -all, or ~all while you are still trying it out.",
            "SPFレコードがなりすましを拒否していません。末尾を -all（検証中は ~all）にしてください。",
        ),
        SpfFault::Ptr => (
            "The SPF record uses ptr, which receivers may ignore: name your servers' addresses.",
            "SPFレコードで非推奨の ptr が使われています。サーバーのIPアドレスを直接指定してください。",
        ),
    }
}

const fn dmarc(fault: DmarcFault) -> (&'static str, &'static str) {
    match fault {
        DmarcFault::Missing => (
            "There is no DMARC record: publish one with p=none and reports first, then p=quarantine or p=reject.",
            "DMARCレコードがありません。まず p=none でレポートを受け取り、その後 p=quarantine または p=reject へ移行してください。",
        ),
        DmarcFault::Several => (
            "There are several DMARC records, so receivers use none: keep one.",
            "DMARCレコードが複数あり、受信側ですべて無視されます。1件だけ残してください。",
        ),
        DmarcFault::Unreadable => (
            "The DMARC record has a mistake in it, so receivers ignore it: correct it.",
            "DMARCレコードに書式の誤りがあり、受信側で無視されます。修正してください。",
        ),
        DmarcFault::OnlyWatches => (
            "DMARC only watches (p=none): once the reports show that your own mail passes, ask for quarantine or reject.",
            "DMARCが監視のみ（p=none）です。レポートで自社メールの合格を確認できたら、quarantine または reject に引き上げてください。",
        ),
        DmarcFault::NoReports => (
            "DMARC asks for no reports (rua): without them you do not see who sends in your name.",
            "DMARCのレポート送付先（rua）がありません。設定すると、誰が御社を名乗って送信しているかを把握できます。",
        ),
    }
}

const fn dkim(fault: DkimFault) -> (&'static str, &'static str) {
    match fault {
        DkimFault::NoneFound => (
            "No DKIM key was found under the usual names: let your provider sign your mail, if it does not already.",
            "一般的なセレクター名ではDKIM公開鍵が見つかりませんでした。未設定であれば、プロバイダーの管理画面でDKIM署名を有効にしてください。",
        ),
        DkimFault::Unusable => (
            "Mail of the domain is signed with a key that is not published, revoked or too short: renew it.",
            "自社メールの署名に使われているDKIM鍵が、未公開・失効・鍵長不足のいずれかです。更新してください。",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_in_both_languages() {
        let all = SpfFault::ALL.iter().map(|fault| Finding::Spf(*fault));
        let all = all.chain(DmarcFault::ALL.iter().map(|fault| Finding::Dmarc(*fault)));
        let all: Vec<_> = all.chain(DkimFault::ALL.iter().map(|fault| Finding::Dkim(*fault))).collect();
        for finding in &all {
            assert!(finding.sentence(Language::English).ends_with('.'), "{finding:?}");
            assert!(finding.sentence(Language::Japanese).ends_with('。'), "{finding:?}");
        }
        let codes: std::collections::BTreeSet<_> = all.iter().map(Finding::code).collect();
        assert_eq!(codes.len(), all.len());
    }
}

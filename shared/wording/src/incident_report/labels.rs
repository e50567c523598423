//! The words of the report's closed sets, and its headings.

use daimon_domain::playbook::{Phase, Who};
use daimon_domain::tenant::Language;

use super::Stands;
use crate::said::{Said, said};

pub(super) const SHORT_ANSWER: Said = said("In short", "結論");
pub(super) const MEANING: Said = said("What it means", "何が起きているか");
pub(super) const REMAINING: Said = said("What remains to be done", "残っている対応");
pub(super) const FIGURES: Said = said("In numbers", "被害の状況");
pub(super) const OVER_TIME: Said = said("Bounces over time", "エラーメール件数の推移");
pub(super) const CHART_TABLE: Said = said("The chart as a table", "グラフの数値（表）");
pub(super) const TIME: Said = said("From", "時刻");
pub(super) const BOUNCES: Said = said("Bounces", "件数");
pub(super) const REASONS: Said = said("Why they came back", "エラーの理由");
pub(super) const DOMAINS: Said = said("Where they had been sent (domains)", "送信先（ドメイン）");
pub(super) const EVIDENCE: Said = said("Why we think so", "判断の根拠");
pub(super) const COUNTER: Said = said("What speaks against it", "反対の可能性を示すもの");
pub(super) const LATE: Said = said("If more bounces come", "今後届くエラーメールについて");
pub(super) const PROOF: Said = said("Whether it is over, and what proves it", "封じ込めの状況とその確認");
pub(super) const REPUTATION: Said = said("What receivers think of the domain", "ドメインの評価");
pub(super) const RECEIVER: Said = said("Refused by", "受信側");
pub(super) const REFUSED: Said = said("Mails", "件数");
pub(super) const LATELY: Said = said("Last 7 days", "直近 7 日間");
pub(super) const LATEST: Said = said("Latest", "最新");
pub(super) const WHY: Said = said("Why", "理由");
pub(super) const TIMELINE: Said = said("What happened when", "経緯");
pub(super) const CHECKLIST: Said = said("Checklist", "対応チェックリスト");
pub(super) const STEP: Said = said("Step", "対応内容");
pub(super) const WHO: Said = said("By whom", "担当");
pub(super) const STATE: Said = said("State", "状況");
pub(super) const INCIDENT: Said = said("Incident", "インシデント番号");
pub(super) const SECURED: Said = said("secured", "封じ込め");
pub(super) const NONE: Said = said("Nothing.", "ありません。");

/// Who does a step. The MSP is called by its name: the client knows it by that.
pub(super) fn who(who: Who, msp: &str, language: Language) -> String {
    let known = match who {
        Who::Msp => return msp.to_owned(),
        Who::ProviderAdmin => said("administrator of the mail service", "メールサービスの管理者"),
        Who::EndUser => said("user of the mailbox", "メールボックスの利用者"),
        Who::System => said("checked automatically", "自動で確認"),
        Who::Management => said("management", "経営者・責任者"),
        Who::DomainAdmin => said("administrator of the domain", "ドメインの管理者"),
        Who::WebAdmin => said("administrator of the web site", "ウェブサイトの管理者"),
    };
    known.in_language(language).to_owned()
}

/// "taken for spam, refused by a rule of the recipient".
pub(super) fn list<'t>(texts: impl Iterator<Item = &'t str>, language: Language) -> String {
    let comma = match language {
        Language::English => ", ",
        Language::Japanese => "、",
    };
    texts.collect::<Vec<_>>().join(comma)
}

pub(super) const fn phase(phase: Phase) -> Said {
    match phase {
        Phase::Contain => said("Stop it", "被害を止める"),
        Phase::Eradicate => said("Remove the cause", "原因を取り除く"),
        Phase::Verify => said("Make sure that it is over", "収束を確認する"),
        Phase::Notify => said("Tell those concerned", "関係者に知らせる"),
        Phase::Recover => said("Repair the damage", "復旧する"),
    }
}

pub(super) const fn stands(stands: Stands) -> Said {
    match stands {
        Stands::Open => said("open", "未対応"),
        Stands::Done => said("done", "対応済み"),
        Stands::Skipped => said("not needed here", "対象外"),
    }
}

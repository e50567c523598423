//! The answer: what happened, to whom, since when, how sure; what it means, where it stands, and what comes next.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::incident::{Dismissal, Incident, IncidentState, TAIL};
use daimon_domain::tenant::Language;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_verdict::life;

use super::{Facts, Stands};
use crate::said::{Said, said};
use crate::{cause, moment, strength, template};

/// As the engine opens incidents: behind this the closest other cause is a thousand times less likely.
const DECIDED_DB: f64 = 30.0;

pub(super) struct Answer {
    pub(super) headline: String,
    pub(super) how_sure: String,
    pub(super) where_it_stands: String,
    pub(super) meaning: Vec<String>,
    pub(super) remaining_note: String,
    pub(super) late_bounces: Vec<String>,
}

impl Answer {
    pub(super) fn of(facts: &Facts<'_>, address: &str, language: Language) -> Self {
        let incident = facts.incident;
        let since = moment::full(incident.first_bounce_at, language);
        let secured = incident.contained_at.map(|at| moment::full(at, language)).unwrap_or_default();
        let until = late_until(facts).map(|at| moment::day(at, language)).unwrap_or_default();
        let (trailing, continued) = (incident.life.trailing.to_string(), incident.life.continued.to_string());
        let left = late_until(facts).map(|at| days_left(at - facts.made_at, language)).unwrap_or_default();
        let tried = facts.still_tried.to_string();
        let lead = lead(incident, language);
        let cause = cause::name(incident.verdict).in_language(language);
        let values = [
            ("address", address),
            ("since", &since),
            ("secured", &secured),
            ("until", &until),
            ("left", &left),
            ("tried", &tried),
            ("trailing", &trailing),
            ("continued", &continued),
            ("cause", cause),
            ("lead", &lead),
        ];
        let fill = |said: Said| template::fill(said.in_language(language), &values);
        let is_dismissed = incident.state == IncidentState::Dismissed;
        Self {
            headline: fill(if is_dismissed { DISMISSED } else { headline(incident.verdict, incident.tier) }),
            how_sure: fill(how_sure(incident)),
            where_it_stands: fill(where_it_stands(incident)),
            meaning: if is_dismissed {
                vec![fill(SUSPICION)]
            } else {
                meaning(incident.verdict).into_iter().map(fill).collect()
            },
            remaining_note: fill(remaining_note(facts)),
            late_bounces: late_bounces(facts).into_iter().map(fill).collect(),
        }
    }
}

/// The state that the next steps are due for: the first gate with an open step.
pub(super) fn next_gate(facts: &Facts<'_>) -> Option<&'static str> {
    ["contained", "recovered"].into_iter().find(|gate| {
        facts.steps.iter().any(|fact| fact.stands == Stands::Open && fact.step.gate.as_deref() == Some(gate))
    })
}

/// Until when late bounces may come, once that is known.
pub(super) fn late_until(facts: &Facts<'_>) -> Option<DateTime<Utc>> {
    let incident = facts.incident;
    let is_of_late = life::has_a_tail(incident.verdict) && !incident.state.is_open();
    incident.life.closes_at.or_else(|| incident.contained_at.map(|at| at + TAIL)).filter(|_| is_of_late)
}

const DISMISSED: Said = said(
    "The alarm about {address} was examined and found to be no incident. The first returned mails came on {since}.",
    "{address} に関する警報を調査した結果、インシデントではないと判断しました。最初のエラーメールは{since}に届いています。",
);
const SUSPICION: Said = said("What had been suspected: {cause}.", "当初疑われた原因は「{cause}」です。");

const fn headline(verdict: Verdict, tier: Tier) -> Said {
    match verdict {
        Verdict::Legit => said(
            "Nothing out of the ordinary was found in the mailbox {address}. The first returned mails came on {since}.",
            "メールボックス {address} に異常は見つかっていません。最初のエラーメールは{since}に届いています。",
        ),
        Verdict::AccountTakeover => match tier {
            Tier::Confirmed => said(
                "The mailbox {address} was taken over: somebody else signed in and sent mail in its name. The first \
                 returned mails came on {since}.",
                "メールボックス {address} が第三者に乗っ取られました。第三者がログインし、この名義でメールを送信しています。\
                 最初のエラーメールは{since}に届いています。",
            ),
            Tier::Probable => said(
                "The mailbox {address} was very probably taken over: somebody else signed in and sent mail in its name. \
                 The first returned mails came on {since}.",
                "メールボックス {address} が第三者に乗っ取られた可能性が極めて高い状況です。第三者がログインし、この名義でメールを\
                 送信したとみられます。最初のエラーメールは{since}に届いています。",
            ),
            Tier::None | Tier::Watch | Tier::Suspected => said(
                "The mailbox {address} may have been taken over: mail came back that its owner does not seem to have \
                 written. The first of it came on {since}.",
                "メールボックス {address} が第三者に乗っ取られた疑いがあります。ご本人が送信したとは考えにくいメールがエラーで\
                 戻ってきています。最初のエラーメールは{since}に届いています。",
            ),
        },
        Verdict::Undetermined => said(
            "It cannot be told yet whether the mailbox {address} was taken over. Until that is excluded, treat it as \
             taken over. The first returned mails came on {since}.",
            "メールボックス {address} が乗っ取られたかどうか、現時点では判断できません。否定できるまでは、乗っ取られたものとして\
             対応してください。最初のエラーメールは{since}に届いています。",
        ),
        Verdict::Backscatter => said(
            "Somebody elsewhere sends mail with {address} as a forged sender. The mailbox itself does not seem to be in \
             other hands. The first returned mails came on {since}.",
            "第三者が外部から、{address} を差出人に見せかけたメール（なりすましメール）を送信しています。メールボックス自体が\
             乗っ取られた形跡はありません。最初のエラーメールは{since}に届いています。",
        ),
        Verdict::WebScript => said(
            "A form or program on the web server was misused to send mail in the name of {address}. The first returned \
             mails came on {since}.",
            "ウェブサーバー上のフォームまたはプログラムが悪用され、{address} の名義でメールが送信されています。最初のエラーメールは\
             {since}に届いています。",
        ),
        Verdict::BulkList => said(
            "A newsletter of your own, sent as {address}, went to many addresses that no longer exist. The first \
             returned mails came on {since}.",
            "{address} から送信された自社のメール配信に、無効な宛先が多く含まれています。最初のエラーメールは{since}に\
             届いています。",
        ),
        Verdict::ForwardingLoop => said(
            "Two forwards feed each other, so mail of {address} goes in circles. The first returned mails came on {since}.",
            "転送設定どうしが循環し、{address} のメールがループしています。最初のエラーメールは{since}に届いています。",
        ),
        Verdict::Outage => said(
            "A mail system is down, so mail of {address} is late or comes back. The first notice came on {since}.",
            "メールシステムの障害により、{address} のメールに遅延または不達が発生しています。最初の通知は{since}に\
             届いています。",
        ),
        Verdict::ReputationBlock => said(
            "Receivers refuse good mail of {address}, because the sending server has a bad reputation. The first \
             returned mails came on {since}.",
            "送信サーバーの評価が下がっているため、{address} からの正常なメールが受信を拒否されています。最初のエラーメールは\
             {since}に届いています。",
        ),
        Verdict::Autoresponder => said(
            "Automatic replies of {address} go to addresses that do not exist and come back. The first came on {since}.",
            "{address} の自動返信が、存在しない宛先に送られてエラーになっています。最初のエラーメールは{since}に届いています。",
        ),
        Verdict::FakeBounce => said(
            "{address} gets mail that only looks like a bounce: an attempt at fraud. The first came on {since}.",
            "{address} に、エラーメールを装った詐欺メールが届いています。最初のメールは{since}に届いています。",
        ),
    }
}

const fn how_sure(incident: &Incident) -> Said {
    if let IncidentState::Dismissed = incident.state {
        return match incident.life.dismissal {
            Some(Dismissal::FalseAlarm) => said("Found by a person: a false alarm.", "担当者の判断：誤検知です。"),
            Some(Dismissal::ThisWasUs) => {
                said("Found by a person: the mail was the company's own.", "担当者の判断：自社が送信したメールです。")
            }
            Some(Dismissal::Duplicate) => said(
                "Found by a person: another incident is about the same.",
                "担当者の判断：別のインシデントと重複しています。",
            ),
            Some(Dismissal::AcceptedRisk) => said(
                "Decided by a person: known, and nothing is done about it.",
                "担当者の判断：把握したうえで、対応は行いません。",
            ),
            None => said("Found by a person.", "担当者の判断によります。"),
        };
    }
    match (incident.verdict, incident.tier) {
        (Verdict::AccountTakeover, Tier::Confirmed) => said(
            "How sure: certain enough to act on as a fact{lead}.",
            "確度：確実です。事実として対応すべき段階です{lead}。",
        ),
        (Verdict::AccountTakeover, Tier::Suspected) => said(
            "How sure: a well-founded suspicion, not yet certain{lead}. Acting now is right all the same.",
            "確度：高いといえます{lead}。確定ではありませんが、直ちに対応すべき段階です。",
        ),
        (Verdict::AccountTakeover, Tier::None | Tier::Watch) => {
            said("How sure: first signs only{lead}.", "確度：兆候の段階です{lead}。")
        }
        (Verdict::Undetermined, _) => said(
            "How sure: the cause is open; a takeover is possible.",
            "確度：原因は特定できていません。乗っ取りの可能性があります。",
        ),
        (Verdict::AccountTakeover, Tier::Probable) => VERY_SURE,
        _ if incident.score_db >= DECIDED_DB => VERY_SURE,
        _ => said("How sure: this cause fits best so far{lead}.", "確度：現時点で最も可能性の高い原因です{lead}。"),
    }
}

const VERY_SURE: Said = said(
    "How sure: very sure; no other cause fits nearly as well{lead}.",
    "確度：極めて高いといえます。他の原因ではほとんど説明できません{lead}。",
);

/// How far ahead it is, in brackets.
fn lead(incident: &Incident, language: Language) -> String {
    let lead = strength::times(incident.score_db, language);
    match language {
        _ if incident.score_db <= 0.0 => String::new(),
        Language::English => format!(" ({lead} likelier than any other)"),
        Language::Japanese => format!("（次に考えられる原因の{lead}の可能性）"),
    }
}

fn where_it_stands(incident: &Incident) -> Said {
    let has_a_way_in = life::has_a_tail(incident.verdict);
    match incident.state {
        IncidentState::Open if has_a_way_in => said(
            "Where it stands: the way in is not closed yet, or that is not proved yet. The steps below close it.",
            "現在の状況：侵入経路はまだ遮断されていないか、遮断を確認できていません。下記の対応が必要です。",
        ),
        IncidentState::Open => said("Where it stands: being dealt with.", "現在の状況：対応中です。"),
        IncidentState::Reopened => said(
            "Where it stands: it began again. What was done so far was not enough; the steps below have to be done again.",
            "現在の状況：再発しています。これまでの対応では不十分だったため、下記の対応をもう一度行う必要があります。",
        ),
        IncidentState::Contained | IncidentState::Monitoring => said(
            "Where it stands: stopped on {secured}. We watch whether anything new is sent.",
            "現在の状況：{secured}に封じ込めを完了しました。新たな送信がないか監視を続けています。",
        ),
        IncidentState::Recovered => said(
            "Where it stands: stopped on {secured}, and the damage is repaired. Late bounces may still come.",
            "現在の状況：{secured}に封じ込めを完了し、復旧も終わっています。遅れて届くエラーメールは、しばらく続くことがあります。",
        ),
        IncidentState::Closed => said("Where it stands: over and closed.", "現在の状況：対応はすべて終了しました。"),
        IncidentState::Dismissed => said("Where it stands: nothing to do.", "現在の状況：対応は不要です。"),
    }
}

fn meaning(verdict: Verdict) -> Vec<Said> {
    match verdict {
        Verdict::Legit => vec![said(
            "Single mails come back every day: an address is mistyped, a mailbox is full. Nothing has to be done.",
            "宛先の入力間違いや容量超過などで、メールがエラーになることは日常的にあります。対応は不要です。",
        )],
        Verdict::AccountTakeover => vec![
            said(
                "Somebody else knows the password or still has an open session. They can read the mail in this mailbox \
                 and send in its name.",
                "第三者がパスワードを知っているか、ログインしたままの状態にあるとみられます。メールを読まれ、この名義で\
                 メールを送信されるおそれがあります。",
            ),
            said(
                "The mails that come back were sent by them. Nobody in the company need have done anything wrong.",
                "届いているエラーメールは、第三者が送信したメールが宛先に届かず、戻ってきたものです。社内のどなたかが\
                 誤った操作をしたとは限りません。",
            ),
            said(
                "Sorting the bounces away does not help. The way in has to be closed: password, open sessions, app \
                 passwords.",
                "エラーメールを振り分けるだけでは解決しません。パスワードの変更、ログイン中のセッションの切断、アプリパスワードの\
                 削除により、侵入経路を遮断する必要があります。",
            ),
        ],
        Verdict::Undetermined => vec![
            said(
                "Mail comes back that nobody here seems to have written. From the bounces alone it cannot be told \
                 whether somebody signed in or only forged the address.",
                "身に覚えのないメールがエラーで戻ってきています。ログインして送信されたものか、差出人を詐称されただけなのかは、\
                 エラーメールだけでは判断できません。",
            ),
            said(
                "A new password costs little, an overlooked thief costs much. So act as for a takeover.",
                "パスワードの変更にかかる手間に比べ、乗っ取りを見逃した場合の被害は大きなものになります。乗っ取りを前提に\
                 対応してください。",
            ),
        ],
        Verdict::Backscatter => vec![
            said(
                "On mail, anybody can write any sender, as on a letter. What comes back to you are answers to mail \
                 that never went through your mailbox.",
                "メールの差出人は、封筒の差出人と同じように、誰でも自由に書くことができます。届いているのは、このメールボックスを\
                 経由していないメールに対するエラーです。",
            ),
            said(
                "A new password does not stop it. It usually ends by itself after some days; SPF, DKIM and DMARC make \
                 receivers refuse such forgeries.",
                "パスワードを変更しても止まりません。通常は数日で収まります。SPF、DKIM、DMARC を設定すると、受信側で\
                 なりすましメールが拒否されやすくなります。",
            ),
        ],
        Verdict::WebScript => vec![
            said(
                "The mail does not come out of the mailbox but out of the web site. The mailbox's password is not the \
                 cause, and changing it does not stop the sending.",
                "メールはメールボックスからではなく、ウェブサイトから送信されています。メールのパスワードが原因ではないため、\
                 変更しても送信は止まりません。",
            ),
            said(
                "The form or program has to be switched off, cleaned and protected.",
                "該当するフォームやプログラムを停止し、修正したうえで、再発防止策を講じる必要があります。",
            ),
        ],
        Verdict::BulkList => vec![said(
            "Nobody broke in. But receivers judge senders by such mail: who keeps writing to dead addresses is blocked \
             in the end. The list has to be cleaned.",
            "不正アクセスではありません。ただし、無効な宛先への配信を続けると、受信側でブロックされる原因になります。配信リストの\
             整理が必要です。",
        )],
        Verdict::ForwardingLoop => vec![said(
            "Nobody broke in. Two mailboxes forward to each other; until one of the two forwards is switched off, the \
             number of mails grows.",
            "不正アクセスではありません。転送先が互いに転送し合っています。どちらかの転送を解除するまで、メールが増え続けます。",
        )],
        Verdict::Outage => vec![said(
            "Nobody broke in, and nothing is wrong on your side. Mail is retried by itself. Changing settings now does \
             more harm than good.",
            "不正アクセスではなく、お客様側の問題でもありません。メールは自動的に再送されます。設定を変更すると、かえって別の\
             問題を招くおそれがあります。",
        )],
        Verdict::ReputationBlock => vec![said(
            "Your mail is refused not for what it says but for the server it comes from. Often a stranger on the same \
             server is the cause. The provider has to have the server taken off the block list.",
            "メールの内容ではなく、送信サーバーを理由に拒否されています。同じサーバーを利用する他社が原因であることも少なくありません。\
             プロバイダーによるブロックリストの解除が必要です。",
        )],
        Verdict::Autoresponder => vec![said(
            "Nobody broke in. The automatic reply also answers spam, whose senders are invented. It should answer known \
             senders only.",
            "不正アクセスではありません。差出人を偽った迷惑メールにも自動返信しているため、エラーになっています。返信先を限定する\
             必要があります。",
        )],
        Verdict::FakeBounce => vec![said(
            "The mail wants you to click and to type a password. Whoever has not done so has nothing to fear.",
            "リンクをクリックさせ、パスワードを入力させることを狙ったメールです。入力していなければ、被害はありません。",
        )],
    }
}

fn remaining_note(facts: &Facts<'_>) -> Said {
    let is_over = !facts.incident.state.is_live();
    if is_over || facts.steps.iter().all(|fact| fact.stands != Stands::Open) {
        return said("Nothing: every step is done.", "残っている対応はありません。");
    }
    match next_gate(facts) {
        Some("contained") => said(
            "First close the way in. These steps are needed for that, best today; what comes after is in the checklist.",
            "まず侵入経路を遮断してください。そのために必要な対応は次のとおりです。本日中の実施をお勧めします。その後の対応は\
             チェックリストに記載しています。",
        ),
        Some(_) => said(
            "The way in is closed. Before the incident is over, these steps are needed:",
            "侵入経路の遮断に必要な対応は済んでいます。収束までに、次の対応が必要です。",
        ),
        None => said("These steps are still open:", "次の対応が残っています。"),
    }
}

/// ", in 8 days", as long as it lies ahead.
fn days_left(left: TimeDelta, language: Language) -> String {
    // Begun days count: today's last bounce may come tonight.
    let days = (left + TimeDelta::days(1) - TimeDelta::seconds(1)).num_days();
    match language {
        _ if days < 1 => String::new(),
        Language::English if days == 1 => " (1 day left)".to_owned(),
        Language::English => format!(" ({days} days left)"),
        Language::Japanese => format!("（残り {days} 日）"),
    }
}

fn late_bounces(facts: &Facts<'_>) -> Vec<Said> {
    let incident = facts.incident;
    let mut told = late(incident);
    if facts.still_tried > 0 && incident.state.is_live() {
        told.push(said(
            "Servers say that they are still trying to reach some recipients: {tried}. For each of them another bounce may \
             come.",
            "現在も再送中と通知されている宛先が {tried} 件あります。それぞれについて、今後エラーメールが届く可能性があります。",
        ));
    }
    told
}

fn late(incident: &Incident) -> Vec<Said> {
    if !life::has_a_tail(incident.verdict) {
        return vec![said(
            "Please do not delete the bounces until this is settled: they are the evidence.",
            "解決するまで、エラーメールは削除しないでください。原因を確認するための証拠になります。",
        )];
    }
    match incident.state {
        IncidentState::Closed => vec![said(
            "The time of late bounces is over. New bounces of mail that nobody wrote would be a new incident.",
            "遅れて届くエラーメールの期間は過ぎています。今後、身に覚えのないメールのエラーが届いた場合は、新たなインシデントとして\
             対応します。",
        )],
        IncidentState::Dismissed => Vec::new(),
        IncidentState::Open | IncidentState::Reopened => vec![
            said(
                "Servers retry for days. So mail that was sent before the way in is closed can go on coming back for \
                 about ten days afterwards.",
                "メールサーバーは数日にわたって再送を試みます。そのため、侵入経路を遮断した後も、それ以前に送信されたメールの\
                 エラーが 10 日ほど届き続けることがあります。",
            ),
            said(
                "Late bounces are no sign that it begins again. We look at when each mail was sent, and tell you at \
                 once if one was sent afterwards.",
                "遅れて届くエラーメールは、再発を意味するものではありません。当方で個々のメールの送信時刻を確認し、遮断後に\
                 送信されたものがあれば、直ちにお知らせします。",
            ),
        ],
        IncidentState::Contained | IncidentState::Monitoring | IncidentState::Recovered => {
            let mut told = vec![
                said(
                    "Servers retry for days. So mail from before {secured} can go on coming back until about {until}{left}. \
                     That is normal and no sign that it begins again. Late bounces so far: {trailing}.",
                    "メールサーバーは数日にわたって再送を試みます。そのため、{secured}より前に送信されたメールのエラーが、\
                     {until}頃まで届き続けることがあります{left}。再発を意味するものではありません。これまでに届いた遅延エラーメールは\
                     {trailing} 件です。",
                ),
                said(
                    "We look at when each mail was sent, and tell you at once if one was sent afterwards.",
                    "当方で個々のメールの送信時刻を確認し、その後に送信されたものがあれば、直ちにお知らせします。",
                ),
            ];
            if incident.life.continued > 0 {
                told.push(said(
                    "Recipients of mail that was sent after it was stopped: {continued}. From the second on the \
                     incident is opened again.",
                    "封じ込め後に送信されたメールの宛先：{continued} 件。2 件以上になると、インシデントを再開します。",
                ));
            }
            told
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::placeholders;

    #[test]
    fn every_cause_is_told_in_both_languages_with_nothing_left_to_fill_in() {
        for verdict in Verdict::ALL {
            for tier in Tier::ALL {
                let told = headline(*verdict, *tier);
                for language in Language::ALL {
                    let named: Vec<_> = placeholders(told.in_language(*language)).collect();
                    assert_eq!(named, ["address", "since"], "{verdict} {tier}");
                }
            }
            for said in meaning(*verdict) {
                assert!(said.in_language(Language::English).is_ascii(), "{verdict}");
                assert!(!said.in_language(Language::Japanese).is_ascii(), "{verdict}");
            }
        }
    }
}

//! The answer as a person wants to read it: first the answer, then why, then what to do.

use std::io::Write;

use chrono::{DateTime, Utc};
use daimon_domain::tenant::Language;
use daimon_domain::verdict::{EvidenceLine, Tier, Verdict};
use daimon_verdict::assessment::score_note;
use daimon_verdict::{playbook, submission};

use super::context::Inferred;
use super::replay::Replayed;

/// Weaker reasons are left to the NDJSON form.
const WORTH_TELLING_DB: f64 = 3.0;

pub(super) fn write(
    replayed: &Replayed,
    inferred: &Inferred,
    unreadable: &[String],
    language: Language,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let say = |en: &'static str, ja: &'static str| match language {
        Language::English => en,
        Language::Japanese => ja,
    };
    let (summary, assessment) = (&replayed.summary, &replayed.assessment);
    writeln!(out, "{}", answer(summary.verdict, summary.tier, language))?;

    // Evidence fades; what convinced is what it was when it was freshest.
    let of_verdict = replayed.moves.iter().filter(|moved| moved.verdict == summary.verdict).map(|moved| moved.score_db);
    let score_db = of_verdict.fold(assessment.score_db, f64::max);
    writeln!(out, "\n{}", say("Why", "根拠"))?;
    writeln!(
        out,
        "  {}: {}   {}: {}   {}: {:.0} dB",
        say("bounces", "エラーメール"),
        summary.bounces,
        say("recipients nobody wrote to", "身に覚えのない宛先"),
        summary.unexpected_recipients,
        say("ahead of any other cause by", "他の原因との差"),
        score_db,
    )?;
    let times = [
        (say("first bounce", "最初のエラーメール"), summary.first_bounce_at),
        (say("alarm", "警報"), summary.alert_at),
        (say("newest mail", "最新のメール"), replayed.last_at),
    ];
    for (name, at) in times.iter().filter_map(|(name, at)| at.map(|at| (name, at))) {
        writeln!(out, "  {name}: {}", clock(at))?;
    }
    if summary.trailing > 0 || summary.continued > 0 {
        writeln!(
            out,
            "  {}: {}   {}: {}",
            say("late bounces of mail sent before the new password", "パスワード変更前のメールの遅延エラー"),
            summary.trailing,
            say("recipients of mail sent after it", "変更後に送信された宛先"),
            summary.continued,
        )?;
    }
    for told in assessment.evidence.iter().filter_map(|line| submission::sentence(line, language)) {
        writeln!(out, "  {told}")?;
    }
    let told = assessment.evidence.iter().filter(|line| line.db.abs() >= WORTH_TELLING_DB).take(8);
    for line in told {
        let seen = sight(&line.item, &line.value, language);
        writeln!(out, "  {:>5}×  {seen}: {}", line.count, weight(line, language))?;
    }
    if let Some(note) = score_note(&assessment.evidence, score_db, language) {
        writeln!(out, "  {note}")?;
    }
    if assessment.clusters.len() > 1 {
        writeln!(out, "\n{}", say("Letter by letter", "文面ごと"))?;
        for cluster in &assessment.clusters {
            writeln!(out, "  {:>5}×  {:<18} {}", cluster.bounces, cluster.verdict, cluster.template)?;
        }
    }

    let steps = playbook::steps_for(summary.verdict);
    if !steps.is_empty() {
        writeln!(out, "\n{}", say("What to do", "対応手順"))?;
    }
    for step in steps {
        writeln!(out, "  {}  {}", step.id, step.title.in_language(language))?;
    }

    if let Some(address) = &inferred.address {
        writeln!(out, "\n{} {address}", say("Taken for the mailbox's address:", "推定したメールアドレス:"))?;
    }
    if !inferred.own_hosts.is_empty() {
        let hosts = inferred.own_hosts.join(", ");
        writeln!(
            out,
            "{} {hosts}",
            say("Own hosts, learned from how mail came in:", "受信経路から推定した自社サーバー:")
        )?;
    }
    if inferred.knows_no_host {
        let (en, ja) = (
            "Which hosts are the provider's is not known, so no takeover can be excluded; --context names them.",
            "プロバイダーのサーバーが不明なため、乗っ取りを否定できません。--context で指定してください。",
        );
        writeln!(out, "{}", say(en, ja))?;
    }
    if let Some(percent) = inferred.sent_coverage {
        writeln!(out, "{} {percent} %", say("Share of own mail found in Sent:", "送信済みフォルダーの網羅率:"))?;
    } else {
        let (en, ja) = (
            "How complete Sent is could not be measured, so a missing copy counts nothing.",
            "送信済みフォルダーの網羅率を測定できないため、控えがないことは根拠にしていません。",
        );
        writeln!(out, "{}", say(en, ja))?;
    }
    for fault in unreadable {
        writeln!(out, "{} {fault}", say("Not read:", "読み取れませんでした:"))?;
    }
    Ok(())
}

/// "makes legit 10 dB less likely".
fn weight(line: &EvidenceLine, language: Language) -> String {
    let rival = line.against.map_or("any other cause", Verdict::as_str);
    let (is_for, db) = (line.db > 0.0, line.db.abs());
    match language {
        Language::English => format!("makes {rival} {db:.1} dB {} likely", if is_for { "less" } else { "more" }),
        Language::Japanese => format!("{rival} の可能性が {db:.1} dB {}", if is_for { "下がる" } else { "上がる" }),
    }
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn answer(verdict: Verdict, tier: Tier, language: Language) -> String {
    let (en, ja) = match verdict {
        Verdict::Legit => ("Nothing out of the ordinary.", "異常はありません。"),
        Verdict::AccountTakeover if tier >= Tier::Probable => (
            "This mailbox was taken over: somebody else signs in and sends.",
            "このメールボックスは乗っ取られています。第三者がログインして送信しています。",
        ),
        Verdict::AccountTakeover => {
            ("This mailbox may have been taken over.", "このメールボックスは乗っ取られた疑いがあります。")
        }
        Verdict::Backscatter => (
            "Somebody elsewhere forges this address; the mailbox itself is not used. A new password does not help.",
            "第三者が他所でこのアドレスを詐称しています。メールボックス自体は悪用されておらず、パスワード変更では解決しません。",
        ),
        Verdict::WebScript => (
            "A form or script on the web server sends this mail.",
            "Webサーバー上のフォームまたはスクリプトが送信しています。",
        ),
        Verdict::BulkList => {
            ("These are bounces of the owner's own newsletter.", "自社のメール配信のエラーメールです。")
        }
        Verdict::ForwardingLoop => ("Two forwards feed each other.", "転送設定がループしています。"),
        Verdict::Outage => (
            "A mail system is down; change nothing and wait.",
            "メールシステムの障害です。設定を変えずに復旧を待ってください。",
        ),
        Verdict::ReputationBlock => (
            "Good mail is refused because of the sending server's reputation.",
            "送信サーバーの評価が原因で、正常なメールが拒否されています。",
        ),
        Verdict::Autoresponder => ("Automatic answers come back.", "自動返信がエラーで戻っています。"),
        Verdict::FakeBounce => ("This is no bounce but a trap.", "エラーメールを装った詐欺メールです。"),
        Verdict::Undetermined => (
            "A takeover is not excluded: treat this mailbox as taken over until it is.",
            "乗っ取りを否定できません。否定できるまで、乗っ取られたものとして対応してください。",
        ),
    };
    let text = match language {
        Language::English => en,
        Language::Japanese => ja,
    };
    if tier == Tier::None { text.to_owned() } else { format!("{text} [{verdict}, {tier}]") }
}

/// What was seen, in words.
fn sight(item: &str, value: &str, language: Language) -> String {
    let (en, ja) = match value {
        "own_provider" => ("written by the own provider", "自社のプロバイダーが発行"),
        "foreign" => ("written by a foreign server", "外部のサーバーが発行"),
        "own_authenticated" => {
            ("sent by somebody who signed in as this mailbox", "このメールボックスとして認証後に送信")
        }
        "own_no_auth_info" => ("sent through the own provider", "自社のプロバイダー経由で送信"),
        "own_shared_host" => {
            ("sent by an unnamed or unknown user of a shared mail server", "共用サーバーの不明な利用者が送信")
        }
        "local_script" => ("handed in on the web server", "Webサーバー内から送信"),
        "foreign_injection" => ("sent from somewhere else", "他所から送信"),
        "auto_submitted" => ("an automatic answer", "自動返信"),
        "no_headers" => ("nothing of the original that can be believed", "信頼できる元メールの情報なし"),
        "found" => ("a copy is in Sent", "送信済みに控えあり"),
        "filed" => ("a copy filed in Sent by the provider", "プロバイダーが送信済みに控えを保存"),
        "missing" => ("no copy in Sent", "送信済みに控えなし"),
        "known_correspondent" => ("a recipient the mailbox writes to", "過去に送信した宛先"),
        "never_seen" => ("a recipient the mailbox never wrote to", "送信したことのない宛先"),
        "user_unknown" => ("no such user", "宛先不明"),
        "content_or_policy_block" => ("refused for what it says", "内容による拒否"),
        "ip_or_domain_listed" => ("refused for where it comes from", "送信元による拒否"),
        "mailbox_full" => ("recipient over quota", "宛先の容量超過"),
        "temporary_or_expired" => ("late, or given up", "遅延または期限切れ"),
        "own_provider_throttle" => ("the own provider lets it send no more", "自社プロバイダーの送信制限"),
        "loop_or_hops" => ("too many hops", "転送回数超過"),
        "list_header_or_declared" => ("marked as a list or declared", "配信リストの印または申告あり"),
        "reporting_mta_dispersed" => ("bounces from many different servers", "多数の異なるサーバーが発行"),
        "reporting_mta_concentrated" => ("bounces from one or two servers", "少数のサーバーが発行"),
        "new" => ("written in a way this mailbox never writes", "このメールボックスで使われたことのない作成方法"),
        "volume" => ("at least 100 in an hour", "1時間に100通以上"),
        "phantom_replies" => ("replies to mail nobody here wrote", "送信していないメールへの返信"),
        "mailbox_throttled" => ("the provider says that it throttles this mailbox", "プロバイダーによる送信制限の通知"),
        "mailbox_blocked" => ("the provider says that it locked this mailbox", "プロバイダーによる停止の通知"),
        _ => return format!("{item}: {value}"),
    };
    match language {
        Language::English => en.to_owned(),
        Language::Japanese => ja.to_owned(),
    }
}

//! The answer as a person wants to read it: first the answer, then why, then what to do.

use std::io::Write;

use daimon_domain::tenant::Language;
use daimon_domain::verdict::{EvidenceLine, Tier, Verdict};
use daimon_verdict::playbook;
use daimon_wording::{cause, evidence, filing, handed_in, moment, strength};

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
    let ahead = if score_db > 0.0 {
        let how = say("likelier than any other cause", "他の原因と比べた可能性");
        format!("   {how}: {}", strength::times(score_db, language))
    } else {
        String::new()
    };
    writeln!(out, "\n{}", say("Why", "根拠"))?;
    writeln!(
        out,
        "  {}: {}   {}: {}{ahead}",
        say("bounces", "エラーメール"),
        summary.bounces,
        say("recipients nobody wrote to", "身に覚えのない宛先"),
        summary.unexpected_recipients,
    )?;
    let times = [
        (say("first bounce", "最初のエラーメール"), summary.first_bounce_at),
        (say("alarm", "警報"), summary.alert_at),
        (say("newest mail", "最新のメール"), replayed.last_at),
    ];
    for (name, at) in times.iter().filter_map(|(name, at)| at.map(|at| (name, at))) {
        writeln!(out, "  {name}: {}", moment::full(at, language))?;
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
    let told = |line: &EvidenceLine| handed_in::sentence(line, language).or_else(|| filing::sentence(line, language));
    for told in assessment.evidence.iter().filter_map(told) {
        writeln!(out, "  {told}")?;
    }
    let is_worth_it =
        |line: &&EvidenceLine| line.db.abs() >= WORTH_TELLING_DB || (line.against.is_none() && told(line).is_none());
    let told = assessment.evidence.iter().filter(is_worth_it).take(8);
    for line in told {
        writeln!(out, "  - {}", evidence::sentence(line, summary.verdict, language))?;
    }
    if assessment.clusters.len() > 1 {
        writeln!(out, "\n{}", say("Letter by letter", "文面ごと"))?;
        for cluster in &assessment.clusters {
            let cause = cause::name(cluster.verdict).in_language(language);
            writeln!(out, "  {:>5}×  {}  {cause}", cluster.bounces, cluster.template)?;
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

fn answer(verdict: Verdict, tier: Tier, language: Language) -> String {
    let answer = cause::answer(verdict, tier).in_language(language);
    if tier == Tier::None { answer.to_owned() } else { format!("{answer} [{verdict}, {tier}]") }
}

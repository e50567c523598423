//! Whether it is over, and what proves that.

use daimon_domain::incident::{Incident, IncidentState};
use daimon_domain::playbook::Who;
use daimon_domain::tenant::Language;
use daimon_domain::verdict::Verdict;
use daimon_verdict::life;

use super::{Facts, Happened, Stands, StepFact, labels};
use crate::said::{Said, said};
use crate::{foreign, moment, template};

/// What proves the containment, or is missing for it; nothing where nobody had to be shut out.
pub(super) fn proof(facts: &Facts<'_>, language: Language) -> Vec<String> {
    let incident = facts.incident;
    if !life::has_a_tail(incident.verdict) || incident.state == IncidentState::Dismissed {
        return Vec::new();
    }
    let at = |at| moment::full(at, language);
    let stated = facts.story.iter().rev().find(|happened| happened.what == "contained");
    let values = [
        ("secured", incident.contained_at.map(at).unwrap_or_default()),
        ("refused", incident.life.refused_since.map(at).unwrap_or_default()),
        ("who", stated.and_then(|happened| happened.who).map(foreign::shown).unwrap_or_default()),
        ("continued", incident.life.continued.to_string()),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut told: Vec<String> = sentences(incident, stated)
        .into_iter()
        .map(|sentence| template::fill(sentence.in_language(language), &values))
        .collect();
    let of_gate = facts.steps.iter().filter(|fact| fact.step.gate.as_deref() == Some("contained"));
    told.extend(of_gate.filter(|fact| fact.step.who != Who::System).map(|fact| step(fact, language)));
    told
}

fn sentences(incident: &Incident, stated: Option<&Happened<'_>>) -> Vec<Said> {
    let mut told = Vec::new();
    let is_closed = incident.contained_at.is_some() && !incident.state.is_open();
    told.push(if is_closed {
        said("The way in is closed since {secured}.", "{secured}に侵入経路を遮断しました。")
    } else {
        said("That the way in is closed is not proved yet.", "侵入経路が遮断されたことは、まだ確認できていません。")
    });
    let has_password = matches!(incident.verdict, Verdict::AccountTakeover | Verdict::Undetermined);
    match (has_password, incident.life.refused_since.is_some()) {
        (true, true) => told.push(said(
            "The old password has been refused since {refused}: we tried it twice, at least ten minutes apart, while the \
             new one was let in.",
            "旧パスワードでのログインは、{refused}以降拒否されています（10 分以上の間隔を空けて 2 回試行し、新しいパスワードでは\
             ログインできることも確認しました）。",
        )),
        (true, false) if is_closed => told.push(said(
            "That the old password is refused was not seen by us.",
            "旧パスワードが拒否されることは、当方では確認できていません。",
        )),
        (true, false) => told.push(said(
            "That the old password is refused has not been seen yet. We try it as soon as the new one is let in.",
            "旧パスワードが拒否されることは、まだ確認できていません。新しいパスワードでログインできるようになり次第、当方で確認します。",
        )),
        (false, _) => (),
    }
    if is_closed && stated.is_some_and(|happened| happened.who.is_some()) {
        told.push(said("That it is closed was stated by {who}.", "遮断の完了は、{who} の報告によるものです。"));
    }
    let is_watched =
        matches!(incident.state, IncidentState::Monitoring | IncidentState::Recovered | IncidentState::Closed);
    if is_closed && incident.life.continued > 0 {
        told.push(said(
            "Recipients of mail that was sent after that time: {continued}.",
            "その後に送信されたメールの宛先は {continued} 件です。",
        ));
    } else if is_watched && is_closed {
        told.push(said(
            "We watched for 24 hours and longer: of all the mail that came back, none was sent after that time.",
            "その後 24 時間以上監視しましたが、戻ってきたメールの中に、遮断後に送信されたものはありません。",
        ));
    }
    told
}

/// "Delete all app passwords: done (Mori, 24 Nov 2026, 07:30)."
fn step(fact: &StepFact<'_>, language: Language) -> String {
    let title = fact.step.title.in_language(language);
    let state = labels::stands(fact.stands).in_language(language);
    let by = fact.by.filter(|_| fact.stands != Stands::Open).map(foreign::shown);
    let at = fact.at.filter(|_| fact.stands != Stands::Open).map(|at| moment::short(at, language));
    let about: Vec<_> = by.into_iter().chain(at).collect();
    match (language, about.is_empty()) {
        (Language::English, true) => format!("{title}: {state}."),
        (Language::English, false) => format!("{title}: {state} ({}).", about.join(", ")),
        (Language::Japanese, true) => format!("{title}：{state}"),
        (Language::Japanese, false) => format!("{title}：{state}（{}）", about.join("、")),
    }
}

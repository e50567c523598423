//! The incident report: what a frightened owner reads, and what his provider files.
//!
//! [`IncidentReport::new`] makes sentences of facts; [`html`] and [`markdown`] only lay them out. Nothing is asked of
//! anybody: the same facts give the same page, byte by byte.

mod answer;
pub mod chart;
mod html;
mod labels;
mod markdown;
mod proof;
mod reputation;
mod story;

use chrono::{DateTime, Utc};
use daimon_domain::incident::Incident;
use daimon_domain::playbook::{Phase, Step, Who};
use daimon_domain::reason::Reason;
use daimon_domain::tenant::Language;
use daimon_domain::verdict::EvidenceLine;
use daimon_verdict::submission::ITEM as HANDED_IN;

use self::chart::Chart;
pub use self::html::POLICY;
pub(crate) use self::html::STYLE;
pub use self::reputation::{LATELY, Refused, Refusing, Reputation, Standing};
use crate::said::said;
use crate::{evidence, filing, foreign, moment, reason};

/// Of so many mailboxes with the same password the addresses are written out.
const MOST_NAMED: usize = 10;
/// Less than this is left to the numbers.
const WORTH_TELLING_DB: f64 = 1.0;

/// What the report is made of.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// The mailbox's address.
    pub address: &'a str,
    /// The client company.
    pub tenant: &'a str,
    /// Who looks after it, and makes the report.
    pub msp: &'a str,
    /// Whom the client company asks.
    pub contact: Option<&'a str>,
    /// Other mailboxes of the tenant that still have the password of this one.
    pub siblings: Vec<&'a str>,
    /// The playbook of the verdict, in its order.
    pub steps: Vec<StepFact<'a>>,
    /// What happened, oldest first.
    pub story: Vec<Happened<'a>>,
    /// The bounces, counted.
    pub tally: &'a Tally,
    /// How many recipients a server is still trying to reach.
    pub still_tried: u64,
    /// How the mailbox's domain stood when DNS was last asked; `None` before that.
    pub standing: Option<Standing>,
    /// Who refused mail of the domain because of its sender.
    pub refusals: Vec<Refused>,
    /// When the report is made.
    pub made_at: DateTime<Utc>,
}

/// A step of the playbook and where it stands.
#[derive(Clone, Debug)]
pub struct StepFact<'a> {
    /// The step.
    pub step: &'a Step,
    /// Where it stands.
    pub stands: Stands,
    /// Who said so.
    pub by: Option<&'a str>,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// What they wrote down.
    pub note: Option<&'a str>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// To be done.
    Open,
    /// Done.
    Done,
    /// Not needed here.
    Skipped,
}

/// A line of the incident's story.
#[derive(Clone, Debug)]
pub struct Happened<'a> {
    /// When.
    pub at: DateTime<Utc>,
    /// What, such as `opened`.
    pub what: &'a str,
    /// Who did it; `None` for what happened by itself.
    pub who: Option<&'a str>,
    /// In their words.
    pub note: Option<&'a str>,
}

/// The bounces, counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many were counted.
    pub bounces: u64,
    /// Older ones were left out.
    pub is_cut: bool,
    /// How many in each step of time that has any ([`chart::Scale`]), oldest first.
    pub steps: Vec<(DateTime<Utc>, u64)>,
    /// How many for each reason, most first.
    pub reasons: Vec<(Reason, u64)>,
    /// How many to each domain, most first: the first few.
    pub domains: Vec<(String, u64)>,
}

/// The report in one language. Its texts are plain: whoever writes them into a page has to escape them.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentReport {
    /// In which language.
    pub language: Language,
    /// "Incident report: mailbox sato@clinic.example".
    pub title: String,
    /// For whom.
    pub tenant: String,
    /// What happened, to whom, since when.
    pub headline: String,
    /// How sure that is.
    pub how_sure: String,
    /// How far dealing with it has come.
    pub where_it_stands: String,
    /// What it means, sentence by sentence.
    pub meaning: Vec<String>,
    /// The numbers.
    pub figures: Vec<Figure>,
    /// Bounces over time.
    pub chart: Chart,
    /// Why mail came back.
    pub reasons: Vec<ReasonCount>,
    /// To which domains it had been sent.
    pub recipient_domains: Vec<DomainCount>,
    /// What of the bounces was not counted, or counted and not read, if anything.
    pub cut: Option<String>,
    /// What speaks for it, strongest first.
    pub evidence: Vec<Sign>,
    /// What speaks against it.
    pub counter_evidence: Vec<Sign>,
    /// How the numbers of the evidence are meant.
    pub evidence_note: String,
    /// What happened, oldest first.
    pub timeline: Vec<Event>,
    /// What comes next, in a sentence before the steps.
    pub remaining_note: String,
    /// What has to be done next.
    pub remaining: Vec<Remaining>,
    /// The whole playbook.
    pub checklist: Vec<Division>,
    /// Whether the way in is closed, and what proves it. Empty where there is none.
    pub proof: Vec<String>,
    /// What receivers and DNS say of the domain; `None` where the cause says nothing of it.
    pub reputation: Option<Reputation>,
    /// What bounces mean that come from now on.
    pub late_bounces: Vec<String>,
    /// How many recipients a server is still trying to reach: for each another bounce may come.
    pub still_tried: u64,
    /// Until when they may come, once that is known.
    pub late_until: Option<DateTime<Utc>>,
    /// Who made it, for whom, when.
    pub prepared: String,
    /// The incident's id.
    pub incident: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// What speaks for or against the cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    /// For people.
    pub sentence: String,
    /// For programs.
    pub line: EvidenceLine,
}

/// A number and what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What.
    pub label: String,
    /// How many, or when.
    pub value: String,
}

/// How much came back for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonCount {
    /// The reason.
    pub reason: Reason,
    /// In words.
    pub name: String,
    /// How many.
    pub bounces: u64,
}

/// How much came back from a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainCount {
    /// The recipients' domain.
    pub domain: String,
    /// How many.
    pub bounces: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: String,
    /// Who did it.
    pub who: String,
    /// In their words.
    pub note: Option<String>,
}

/// A step to be done, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Its id.
    pub id: String,
    /// What.
    pub title: String,
    /// Why.
    pub why: String,
    /// By whom.
    pub who: String,
}

/// The steps of one phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Which.
    pub phase: Phase,
    /// In words.
    pub name: String,
    /// Its steps.
    pub steps: Vec<CheckedStep>,
}

/// A step and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedStep {
    /// Its id.
    pub id: String,
    /// What.
    pub title: String,
    /// By whom.
    pub who: String,
    /// Where it stands.
    pub stands: Stands,
    /// In words.
    pub state: String,
    /// Who said so.
    pub by: Option<String>,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// What they wrote down.
    pub note: Option<String>,
}

impl IncidentReport {
    /// The report on these facts.
    pub fn new(facts: &Facts<'_>, language: Language) -> Self {
        let say = |en: &'static str, ja: &'static str| said(en, ja).in_language(language);
        let incident = facts.incident;
        let (address, tenant, msp) =
            (foreign::shown(facts.address), foreign::shown(facts.tenant), foreign::shown(facts.msp));
        let signs = |is_told: fn(&EvidenceLine) -> bool| {
            let told = incident.evidence.iter().filter(move |line| is_told(line));
            told.map(|line| Sign {
                sentence: foreign::shown(&evidence::sentence(line, incident.verdict, language)),
                line: line.clone(),
            })
        };
        let answer = answer::Answer::of(facts, &address, language);
        let is_drill = incident.drill.is_some();
        let drill = if is_drill { say("Drill: ", "【訓練】") } else { "" };
        let made_up = say(
            "This is a drill: nothing of what follows has happened. ",
            "これは訓練です。以下の内容は実際に起きたことではありません。",
        );
        let remaining = facts.steps.iter().filter(|fact| fact.stands == Stands::Open);
        let next_gate = answer::next_gate(facts);
        let is_next = |fact: &&StepFact<'_>| next_gate.is_none_or(|gate| fact.step.gate.as_deref() == Some(gate));
        let who = |who: Who| labels::who(who, &msp, language);
        Self {
            language,
            title: format!("{drill}{}{address}", say("Incident report: mailbox ", "インシデント報告書：メールボックス ")),
            headline: if is_drill { format!("{made_up}{}", answer.headline) } else { answer.headline },
            how_sure: answer.how_sure,
            where_it_stands: answer.where_it_stands,
            meaning: answer
                .meaning
                .into_iter()
                .chain(incident.evidence.iter().find_map(|line| filing::sentence(line, language)))
                .chain(siblings(facts, language))
                .collect(),
            figures: figures(facts, language),
            chart: Chart::new(facts, language),
            reasons: facts
                .tally
                .reasons
                .iter()
                .map(|(why, bounces)| ReasonCount {
                    reason: *why,
                    name: reason::name(*why).in_language(language).to_owned(),
                    bounces: *bounces,
                })
                .collect(),
            recipient_domains: facts
                .tally
                .domains
                .iter()
                .filter(|(domain, _)| foreign::is_domain(domain))
                .map(|(domain, bounces)| DomainCount { domain: domain.clone(), bounces: *bounces })
                .collect(),
            cut: cut(facts, language),
            evidence: signs(|line| line.item == HANDED_IN)
                .chain(signs(|line| line.item != HANDED_IN && line.db >= WORTH_TELLING_DB))
                .collect(),
            counter_evidence: signs(|line| line.db <= -WORTH_TELLING_DB).collect(),
            evidence_note: say(
                "Each sign is weighed against the cause that comes closest: by so much it makes the one likelier than the other.",
                "各根拠の強さは、次に考えられる原因と比べて可能性が何倍になるかで示しています。",
            )
            .to_owned(),
            timeline: facts.story.iter().map(|happened| story::event(happened, language)).collect(),
            remaining_note: answer.remaining_note,
            remaining: remaining
                .filter(is_next)
                .map(|fact| Remaining {
                    id: fact.step.id.clone(),
                    title: fact.step.title.in_language(language).to_owned(),
                    why: fact.step.why.in_language(language).to_owned(),
                    who: who(fact.step.who),
                })
                .collect(),
            checklist: checklist(facts, language, who),
            proof: proof::proof(facts, language),
            reputation: reputation::reputation(facts, language),
            late_bounces: answer.late_bounces,
            still_tried: facts.still_tried,
            late_until: answer::late_until(facts),
            prepared: {
                let made_at = moment::full(facts.made_at, language);
                let prepared = match language {
                    Language::English => format!("Prepared by {msp} for {tenant} on {made_at}."),
                    Language::Japanese => format!("作成：{msp}　作成日時：{made_at}"),
                };
                match (facts.contact.map(foreign::shown), language) {
                    (None, _) => prepared,
                    (Some(contact), Language::English) => format!("{prepared} Questions: {contact}"),
                    (Some(contact), Language::Japanese) => format!("{prepared}　お問い合わせ：{contact}"),
                }
            },
            tenant,
            incident: incident.id.to_string(),
            made_at: facts.made_at,
        }
    }

    /// A page that holds all it needs and prints on A4.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// The same as Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::page(self)
    }
}

/// Who is in danger of the same thief.
fn siblings(facts: &Facts<'_>, language: Language) -> Option<String> {
    let count = facts.siblings.len();
    let mut named = facts.siblings.iter().take(MOST_NAMED).map(|address| foreign::shown(address)).collect::<Vec<_>>();
    let left = count.saturating_sub(named.len());
    Some(match (language, count) {
        (_, 0) => return None,
        (Language::English, 1) => format!(
            "Another mailbox has the same password: {}. Whoever has the one can sign in to the other: give it a password of \
             its own. Until then we look into it every minute.",
            named.pop()?
        ),
        (Language::English, _) => {
            named.extend((left > 0).then(|| format!("and {left} more")));
            format!(
                "{count} other mailboxes have the same password: {}. Whoever has the one can sign in to them: give each a \
                 password of its own. Until then we look into them every minute.",
                named.join(", ")
            )
        }
        (Language::Japanese, _) => {
            let more = if left > 0 { format!("、ほか {left} 件") } else { String::new() };
            format!(
                "同じパスワードを使用しているメールボックスがほかに {count} 件あります（{}{more}）。同じ第三者にログインされる\
                 おそれがあるため、それぞれ別のパスワードに変更してください。変更が済むまで、当方で 1 分ごとに確認します。",
                named.join("、")
            )
        }
    })
}

fn cut(facts: &Facts<'_>, language: Language) -> Option<String> {
    let count = facts.tally.bounces;
    let newest = match language {
        Language::English => format!("Counted over time, by reason and by domain: the newest {count}. "),
        Language::Japanese => format!("推移・理由別・ドメイン別の集計は、新しいものから {count} 件が対象です。"),
    };
    let sampled = evidence::sampled(facts.incident.life.unread, language);
    let told: String = facts.tally.is_cut.then_some(newest).into_iter().chain(sampled).collect();
    (!told.is_empty()).then(|| told.trim_end().to_owned())
}

fn figures(facts: &Facts<'_>, language: Language) -> Vec<Figure> {
    let incident = facts.incident;
    let at = |at| moment::short(at, language);
    let is_contained = incident.contained_at.is_some();
    let rows = [
        (said("Returned mails (bounces)", "エラーメールの件数"), Some(incident.bounces.to_string())),
        (
            said("Recipients nobody here wrote to", "身に覚えのない宛先の数"),
            Some(incident.unexpected_recipients.to_string()),
        ),
        (said("First bounce", "最初のエラーメール"), Some(at(incident.first_bounce_at))),
        (said("Latest bounce", "最新のエラーメール"), Some(at(incident.last_bounce_at))),
        (said("Secured", "封じ込め完了"), incident.contained_at.map(at)),
        (
            said("Late bounces since then", "その後の遅延エラーメール"),
            is_contained.then(|| incident.life.trailing.to_string()),
        ),
    ];
    let figure = |(label, value): (crate::Said, Option<String>)| {
        Some(Figure { label: label.in_language(language).to_owned(), value: value? })
    };
    rows.into_iter().filter_map(figure).collect()
}

fn checklist(facts: &Facts<'_>, language: Language, who: impl Fn(Who) -> String) -> Vec<Division> {
    let division = |phase: &Phase| {
        let of_phase = facts.steps.iter().filter(|fact| fact.step.phase == *phase);
        let steps: Vec<_> = of_phase
            .map(|fact| CheckedStep {
                id: fact.step.id.clone(),
                title: fact.step.title.in_language(language).to_owned(),
                who: who(fact.step.who),
                stands: fact.stands,
                state: labels::stands(fact.stands).in_language(language).to_owned(),
                by: fact.by.map(foreign::shown),
                at: fact.at,
                note: fact.note.map(foreign::shown),
            })
            .collect();
        let name = labels::phase(*phase).in_language(language).to_owned();
        (!steps.is_empty()).then_some(Division { phase: *phase, name, steps })
    };
    Phase::ALL.iter().filter_map(division).collect()
}

#[cfg(test)]
pub(crate) mod tests;

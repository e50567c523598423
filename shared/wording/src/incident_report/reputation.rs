//! What receivers and DNS say of the domain: whether its mail is welcome.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::reason::Reason;
use daimon_domain::tenant::Language;
use daimon_domain::verdict::Verdict;

use super::{Facts, ReasonCount};
use crate::{foreign, moment, reason, receiver};

/// What is called lately.
pub const LATELY: TimeDelta = TimeDelta::days(7);
/// So many receivers are named.
const MOST_RECEIVERS: usize = 10;

/// How a domain stood when DNS was last asked, in the report's language.
#[derive(Clone, Debug)]
pub struct Standing {
    /// When.
    pub checked_at: DateTime<Utc>,
    /// What is wrong, the worst first: a word for programs, and a sentence.
    pub findings: Vec<(String, String)>,
    /// What DNS or a block list did not answer.
    pub unanswered: Vec<String>,
}

/// Refusals by one host for one reason.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Who refused, where the report says so.
    pub host: Option<String>,
    /// The recipients' domain.
    pub domain: String,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub bounces: u64,
    /// How many of them in the last seven days.
    pub recent: u64,
    /// The newest.
    pub latest_at: DateTime<Utc>,
}

/// What is thought of the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reputation {
    /// The domain.
    pub domain: String,
    /// Whether it is clean, in sentences.
    pub summary: Vec<String>,
    /// When DNS was asked.
    pub checked_at: Option<DateTime<Utc>>,
    /// What is wrong: a word for programs, and a sentence.
    pub findings: Vec<(String, String)>,
    /// What DNS or a block list did not answer.
    pub unanswered: Vec<String>,
    /// Who refused its mail for the sender's sake, most first.
    pub refusals: Vec<Refusing>,
}

/// A receiver that refused mail for the sender's sake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusing {
    /// What people call it, or the domain that was written to.
    pub receiver: String,
    /// Where it tells senders how they stand.
    pub page: Option<&'static str>,
    /// How many mails it refused.
    pub bounces: u64,
    /// How many of them in the last seven days.
    pub recent: u64,
    /// The newest.
    pub latest_at: DateTime<Utc>,
    /// Why, most first.
    pub reasons: Vec<ReasonCount>,
}

/// `None` where a cause says nothing of the domain.
pub(super) fn reputation(facts: &Facts<'_>, language: Language) -> Option<Reputation> {
    if !is_concerned(facts.incident.verdict) {
        return None;
    }
    let domain = foreign::shown(facts.address.rsplit_once('@').map_or(facts.address, |(_, domain)| domain));
    let refusals = refusals(facts, language);
    let standing = facts.standing.as_ref();
    Some(Reputation {
        summary: summary(&domain, standing, &refusals, language),
        domain,
        checked_at: standing.map(|standing| standing.checked_at),
        findings: standing
            .into_iter()
            .flat_map(|standing| &standing.findings)
            .map(|(code, sentence)| (code.clone(), foreign::shown(sentence)))
            .collect(),
        unanswered: standing.map(|standing| standing.unanswered.clone()).unwrap_or_default(),
        refusals,
    })
}

const fn is_concerned(verdict: Verdict) -> bool {
    match verdict {
        Verdict::AccountTakeover
        | Verdict::Undetermined
        | Verdict::Backscatter
        | Verdict::WebScript
        | Verdict::BulkList
        | Verdict::ReputationBlock => true,
        Verdict::Legit | Verdict::ForwardingLoop | Verdict::Outage | Verdict::Autoresponder | Verdict::FakeBounce => {
            false
        }
    }
}

fn refusals(facts: &Facts<'_>, language: Language) -> Vec<Refusing> {
    struct Sum {
        page: Option<&'static str>,
        bounces: u64,
        recent: u64,
        latest_at: DateTime<Utc>,
        reasons: BTreeMap<Reason, u64>,
    }
    let mut by_receiver: BTreeMap<String, Sum> = BTreeMap::new();
    for refused in &facts.refusals {
        let Some((name, page)) = receiver::name(refused.host.as_deref(), &refused.domain) else { continue };
        let latest_at = refused.latest_at;
        let empty = Sum { page, bounces: 0, recent: 0, latest_at, reasons: BTreeMap::new() };
        let sum = by_receiver.entry(name).or_insert(empty);
        sum.bounces += refused.bounces;
        sum.recent += refused.recent;
        sum.latest_at = sum.latest_at.max(latest_at);
        *sum.reasons.entry(refused.reason).or_default() += refused.bounces;
    }
    let mut all: Vec<_> = by_receiver
        .into_iter()
        .map(|(receiver, sum)| {
            let mut reasons: Vec<_> = sum
                .reasons
                .into_iter()
                .map(|(why, bounces)| ReasonCount {
                    reason: why,
                    name: reason::name(why).in_language(language).to_owned(),
                    bounces,
                })
                .collect();
            reasons.sort_by_key(|row| std::cmp::Reverse(row.bounces));
            let Sum { page, bounces, recent, latest_at, .. } = sum;
            Refusing { receiver, page, bounces, recent, latest_at, reasons }
        })
        .collect();
    all.sort_by_key(|one| std::cmp::Reverse((one.recent, one.bounces)));
    all.truncate(MOST_RECEIVERS);
    all
}

fn summary(domain: &str, standing: Option<&Standing>, refusals: &[Refusing], language: Language) -> Vec<String> {
    let lately: Vec<_> = refusals.iter().filter(|one| one.recent > 0).map(|one| one.receiver.as_str()).collect();
    let checked = standing.map(|standing| moment::short(standing.checked_at, language)).unwrap_or_default();
    let unanswered = standing.map(|standing| standing.unanswered.as_slice()).unwrap_or_default();
    let unanswered: Vec<_> = unanswered.iter().map(|name| foreign::shown(name)).collect();
    let findings = standing.map(|standing| (standing.findings.len(), unanswered.len()));
    match language {
        Language::English => vec![
            match lately.as_slice() {
                [] => format!(
                    "In the last seven days nobody is known to have refused mail of {domain} because of its sender."
                ),
                names => format!(
                    "In the last seven days mail of {domain} was refused because of its sender by {}.",
                    names.join(", ")
                ),
            },
            match findings {
                None => format!("The records of {domain} and the block lists have not been asked yet."),
                Some((0, 0)) => format!("Records and block lists, asked on {checked}: nothing is wrong."),
                Some((0, _)) => format!(
                    "Records and block lists, asked on {checked}: nothing is wrong in what was answered. No answer came for: {}.",
                    unanswered.join(", ")
                ),
                Some((_, 0)) => format!("Records and block lists, asked on {checked}: this is to be put right."),
                Some(_) => format!(
                    "Records and block lists, asked on {checked}; no answer came for: {}. This is to be put right:",
                    unanswered.join(", ")
                ),
            },
        ],
        Language::Japanese => vec![
            match lately.as_slice() {
                [] => format!("直近 7 日間に、{domain} のメールが送信元を理由に拒否された記録はありません。"),
                names => format!(
                    "直近 7 日間に、次の受信側で {domain} のメールが送信元を理由に拒否されています：{}",
                    names.join("、")
                ),
            },
            match findings {
                None => format!("{domain} の DNS レコードとブロックリストは、まだ確認していません。"),
                Some((0, 0)) => format!("DNS レコードとブロックリスト（{checked} 確認）：問題は見つかっていません。"),
                Some((0, _)) => format!(
                    "DNS レコードとブロックリスト（{checked} 確認）：応答のあった範囲では、問題は見つかっていません。\
                     応答がなかったもの：{}",
                    unanswered.join("、")
                ),
                Some((_, 0)) => format!("DNS レコードとブロックリスト（{checked} 確認）：次の点の改善が必要です。"),
                Some(_) => format!(
                    "DNS レコードとブロックリスト（{checked} 確認、応答なし：{}）：次の点の改善が必要です。",
                    unanswered.join("、")
                ),
            },
        ],
    }
}

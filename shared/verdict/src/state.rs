//! What the engine remembers of a mailbox between two bounces, and what it thinks of it.
//!
//! The state is small (some tens of kilobytes at worst), serialisable, and its form has a number; it holds hashes, counts and
//! decibans. The same bounces in the same order give the same bytes.

mod explain;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::incident::TAIL;
use daimon_domain::origin::Origin;
use daimon_domain::verdict::{Severity, Tier, Verdict};
use serde::{Deserialize, Serialize};

use crate::assessment::{Assessment, severity, wants_incident};
use crate::clue::{Clue, VERDICTS};
use crate::cluster::{self, Cluster};
use crate::evidence::Observation;
use crate::matrix::{HALF_LIFE_H, Matrix, decay};
use crate::past::Past;
use crate::submission::Submissions;
use crate::template::template;
use crate::window::{Signal, WINDOW, Window};

/// Below this a takeover may be excluded no more.
const EXCLUDED_DB: f64 = 20.0;
/// A cause that excludes a takeover is named when it is ten times likelier than any third one.
const CLEAR_DB: f64 = 10.0;
/// A stolen mailbox's first bounces may happen to be foreign hosts' too: backscatter needs so many recipients.
const BACKSCATTER_RECIPIENTS: u32 = 8;
/// Of so many mails that were forged elsewhere one may be the owner's own.
const STRAYS: u32 = 5;
/// Of so many readers who are gone the mailbox had written to one.
const OWN_READERS: u32 = 20;
/// One letter that is hardly refused for what it says comes back from the dead addresses of a list as well. Of a small
/// company's mailing that is tens, seldom more; until then a takeover stays undetermined.
const NO_SMALL_MAILING: u32 = 24;
const PROBABLY_NO_MAILING: u32 = 64;
/// A score below this, for [`CALM`], steps down.
const CALM_DB: f64 = 10.0;
const CALM: TimeDelta = TimeDelta::hours(48);
/// Clocks differ and queues lag: mail sent this soon after a password change may have been sent before it.
const CONTAINED_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// Bounces that return nothing share this letter.
static NOTHING_TOLD: LazyLock<String> = LazyLock::new(|| template(&Origin::default()));

/// What is remembered of a mailbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    updated_at: Option<DateTime<Utc>>,
    /// Since when little speaks for what stands; `None` while much does.
    #[serde(skip_serializing_if = "Option::is_none")]
    calm_since: Option<DateTime<Utc>>,
    matrix: Matrix,
    window: Window,
    clusters: Vec<Cluster>,
    submissions: Submissions,
    past: Past,
    /// Clues of windows, how often each counted.
    window_seen: BTreeMap<Clue, u32>,
    /// Messages that a filter files away where their owner may not see them.
    filed_away: u32,
    held: Held,
    is_proved: bool,
    is_blind: bool,
    sent_weight: f64,
    bounces: u32,
    first_bounce_at: Option<DateTime<Utc>>,
    last_bounce_at: Option<DateTime<Utc>>,
    last_unexpected_at: Option<DateTime<Utc>>,
    last_own_unexpected_at: Option<DateTime<Utc>>,
    /// The own provider sent it for somebody who signed in, and nobody says whether that was the mailbox or a neighbour.
    last_unnamed_at: Option<DateTime<Utc>>,
    contained_at: Option<DateTime<Utc>>,
    trailing: u32,
    continued: BTreeSet<u64>,
}

/// The verdict that stands until evidence or time moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    verdict: Verdict,
    tier: Tier,
}

const CALM_VERDICT: Held = Held { verdict: Verdict::Legit, tier: Tier::None };

impl Default for State {
    fn default() -> Self {
        Self {
            updated_at: None,
            calm_since: None,
            matrix: Matrix::default(),
            window: Window::default(),
            clusters: Vec::new(),
            submissions: Submissions::default(),
            past: Past::default(),
            window_seen: BTreeMap::new(),
            filed_away: 0,
            held: CALM_VERDICT,
            is_proved: false,
            is_blind: false,
            sent_weight: 0.0,
            bounces: 0,
            first_bounce_at: None,
            last_bounce_at: None,
            last_unexpected_at: None,
            last_own_unexpected_at: None,
            last_unnamed_at: None,
            contained_at: None,
            trailing: 0,
            continued: BTreeSet::new(),
        }
    }
}

impl State {
    /// The form in which it is stored; whoever stores it stores this with it.
    pub const VERSION: u32 = 7;
    /// The oldest form that can be read: since then only clues and counts were added, which an older program would not know.
    pub const OLDEST: u32 = 1;

    /// The password was changed and every session ended at that time: older mail is trailing from now on.
    pub fn contained(&mut self, at: DateTime<Utc>) {
        self.past.forget_young();
        self.contained_at = Some(at);
        self.trailing = 0;
        self.continued.clear();
    }

    /// What was contained is over, or was none: what comes from now on is a matter of its own.
    pub fn forget_containment(&mut self) {
        self.contained_at = None;
        self.trailing = 0;
        self.continued.clear();
    }

    /// A person says that it is a takeover.
    pub fn confirm(&mut self) {
        self.past.forget_young();
        self.is_proved = true;
        self.held = Held { verdict: Verdict::AccountTakeover, tier: Tier::Confirmed };
    }

    /// A person says that it is over, or never was: what has been gathered counts no more.
    pub fn reset(&mut self) {
        let past = std::mem::take(&mut self.past);
        *self = Self { contained_at: self.contained_at, is_blind: self.is_blind, past, ..Self::default() };
    }

    /// Weighs one bounce. Bounces are best given in the order of their arrival; an older one counts as faded.
    pub fn weigh(&mut self, seen: &Observation) {
        let (at, faded) = self.advance(seen.bounced_at);
        self.is_blind = seen.is_blind;
        self.sent_weight = seen.sent_weight;
        self.begin_episode(at);
        self.bounces = self.bounces.saturating_add(1);
        self.first_bounce_at.get_or_insert(at);
        self.last_bounce_at = Some(at);
        if self.is_trailing(seen, at) {
            self.trailing = self.trailing.saturating_add(1);
            return;
        }
        // Who came back to us days ago, and what was sent as another mailing was then, is no stranger's.
        let clues = self.past.retold(seen, at);
        let is_unexpected = seen.is_unexpected && !clues.contains(&Clue::RecipientReturned);
        if is_unexpected {
            self.last_unexpected_at = Some(at);
            if let Some(submission) = &seen.submission {
                self.submissions.note(submission, at);
            }
            if seen.is_own_origin {
                self.last_own_unexpected_at = Some(at);
            }
            if clues.contains(&Clue::OriginShared) {
                self.last_unnamed_at = Some(at);
            }
        }

        let is_told = seen.template != *NOTHING_TOLD;
        let cluster = self.cluster(&seen.template, at);
        let (before, after) = cluster.add(&clues, seen.sent_weight, faded, is_unexpected, at);
        cluster.own = cluster.own.saturating_add(u32::from(is_unexpected && seen.is_own_origin));
        let is_mailing = cluster.is_mailing() && is_told && !seen.is_delay;
        self.matrix.add(|i, j| cluster::gain(&before, &after, i, j));
        if is_mailing && self.window.is_first(Clue::OneLetter, at) {
            self.count(Clue::OneLetter, 1.0);
        }
        for clue in self.window.note(seen, is_unexpected, at) {
            self.count(clue, 1.0);
        }
        self.judge(at);
        // What is probably a thief's is nothing to know him by, and what may be is no habit of the owner's. Yet the addresses
        // that an old list has back each month are learnt, or its owner would be accused each month.
        if self.held.tier >= Tier::Probable {
            self.past.forget_young();
        } else {
            let sender = seen.sender.filter(|_| self.held.tier < Tier::Suspected);
            self.past.note(seen, sender, at);
        }
    }

    /// Weighs something that happened beside the bounces.
    pub fn signal(&mut self, signal: Signal, at: DateTime<Utc>) {
        let (at, _) = self.advance(at);
        self.filed_away = self.filed_away.saturating_add(u32::from(signal == Signal::FiledAway));
        if let Some((clue, share, is_proof)) = self.window.signal(signal, at) {
            self.count(clue, share);
            self.is_proved |= is_proof;
            self.judge(at);
            // It is about no mail of this mailbox, so it is weighed against nothing, and whatever is found goes before it.
            if clue == Clue::FakeBounces && self.held == CALM_VERDICT {
                self.find(Held { verdict: Verdict::FakeBounce, tier: Tier::None });
            }
        }
    }

    /// The verdict and tier at that time, without the reasons.
    pub fn standing(&self, now: DateTime<Utc>) -> (Verdict, Tier) {
        let held = if self.has_calmed_down(now) { CALM_VERDICT } else { self.held };
        (held.verdict, held.tier)
    }

    /// What is thought of the mailbox at that time.
    pub fn assess(&self, now: DateTime<Utc>) -> Assessment {
        let mut matrix = self.matrix;
        if let Some(updated_at) = self.updated_at {
            matrix.fade(decay(now - updated_at));
        }
        let held = if self.has_calmed_down(now) { CALM_VERDICT } else { self.held };
        let explained = if held.verdict == Verdict::Undetermined { Verdict::AccountTakeover } else { held.verdict };
        let mut score_db = matrix.score(explained);
        if explained == Verdict::AccountTakeover {
            score_db = self.takeover_score(&matrix, now);
        }
        let is_continued = self.continued.len() >= 2;
        Assessment {
            verdict: held.verdict,
            tier: held.tier,
            severity: if is_continued { Severity::Critical } else { severity(held.verdict, held.tier) },
            score_db: (score_db * 10.0).round() / 10.0,
            bounces: self.bounces,
            unexpected_recipients: self.window.unexpected.count(now),
            evidence: self.explain(explained, &matrix),
            clusters: self.clusters.iter().map(|cluster| self.report(cluster, now)).collect(),
            wants_incident: is_continued || wants_incident(held.verdict, held.tier, score_db),
            watch: held.tier >= Tier::Watch,
            trailing: self.trailing,
            continued: u32::try_from(self.continued.len()).unwrap_or(u32::MAX),
            first_bounce_at: self.first_bounce_at,
            last_bounce_at: self.last_bounce_at,
        }
    }

    /// Lets time pass until then. An observation that is older than the newest one counts with what is left of it.
    fn advance(&mut self, at: DateTime<Utc>) -> (DateTime<Utc>, f64) {
        let Some(updated_at) = self.updated_at else {
            self.updated_at = Some(at);
            return (at, 1.0);
        };
        if at < updated_at {
            return (updated_at, decay(updated_at - at));
        }
        if self.has_calmed_down(at) {
            self.held = CALM_VERDICT;
        }
        self.calm_since = Some(self.calms_at(updated_at)).filter(|calm| *calm <= at);
        self.matrix.fade(decay(at - updated_at));
        self.updated_at = Some(at);
        (at, 1.0)
    }

    /// After two quiet days without a standing verdict, counting starts anew.
    fn begin_episode(&mut self, at: DateTime<Utc>) {
        let is_quiet = self.last_bounce_at.is_some_and(|last| at - last >= CALM);
        if is_quiet && self.held == CALM_VERDICT {
            self.bounces = 0;
            self.first_bounce_at = None;
            self.clusters.clear();
            self.submissions.clear();
            self.window_seen.clear();
            self.filed_away = 0;
        }
    }

    /// Whether it is of mail from before the mailbox was secured. Undated mail is taken for it while the tail lasts.
    fn is_trailing(&mut self, seen: &Observation, at: DateTime<Utc>) -> bool {
        let Some(contained_at) = self.contained_at.filter(|contained_at| at >= *contained_at) else { return false };
        if !seen.is_unexpected {
            return false;
        }
        match seen.submitted.trusted() {
            Some(sent_at) if sent_at > contained_at + CONTAINED_MARGIN => {
                if seen.is_own_origin && self.continued.len() < crate::window::KEPT {
                    self.continued.insert(seen.recipient);
                }
                false
            }
            Some(_) => true,
            None => at < contained_at + TAIL,
        }
    }

    fn cluster(&mut self, template: &str, at: DateTime<Utc>) -> &mut Cluster {
        let place = self.clusters.iter().position(|cluster| cluster.template == template);
        let place = place.unwrap_or_else(|| {
            if self.clusters.len() >= cluster::KEPT {
                // The smallest goes first: of two, the one that has been silent longer.
                let smallest = self.clusters.iter().enumerate().min_by_key(|(_, kept)| (kept.bounces, kept.last_at));
                if let Some(smallest) = smallest.map(|(place, _)| place) {
                    self.clusters.remove(smallest);
                }
            }
            self.clusters.push(Cluster::new(template, at));
            self.clusters.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was just found or made")]
        &mut self.clusters[place]
    }

    fn count(&mut self, clue: Clue, share: f64) {
        let weights = clue.weights();
        let at = |k: usize| weights.get(k).copied().unwrap_or(0.0) * share;
        self.matrix.add(|i, j| at(i) - at(j));
        *self.window_seen.entry(clue).or_default() += 1;
    }

    /// Moves the standing verdict by what is known now: up at once, down only by [`Self::has_calmed_down`].
    fn judge(&mut self, at: DateTime<Utc>) {
        let takeover = self.takeover_tier(at);
        let other = self.other_cause(at);
        let held = self.held;
        // A mailing waits longer to be suspected, and until then somebody is called.
        let is_doubtful = self.is_like_a_mailing(at) && self.cannot_be_told(at);
        let found = if takeover >= Tier::Suspected {
            Held { verdict: Verdict::AccountTakeover, tier: held.tier.max(takeover) }
        } else if held.verdict == Verdict::AccountTakeover && held.tier >= Tier::Suspected {
            // An accusation that stands is withdrawn slowly, whatever else comes in.
            return;
        } else if let Some(other) = other {
            Held { verdict: other, tier: Tier::None }
        } else if takeover == Tier::Watch && held.verdict != Verdict::Undetermined && !is_doubtful {
            Held { verdict: Verdict::AccountTakeover, tier: Tier::Watch }
        } else if self.cannot_be_told(at) {
            Held { verdict: Verdict::Undetermined, tier: held.tier.max(Tier::Watch) }
        } else {
            return;
        };
        self.find(found);
    }

    fn find(&mut self, found: Held) {
        self.held = found;
        self.calm_since = None;
    }

    fn takeover_tier(&self, now: DateTime<Utc>) -> Tier {
        let score = self.takeover_score(&self.matrix, now);
        let recipients = self.window.unexpected.count(now);
        let letters = self.clusters.iter().filter(|cluster| {
            cluster.bounces >= 2 && cluster.best() == Verdict::AccountTakeover && cluster.last_at + CALM > now
        });
        let is_like_a_mailing = self.is_like_a_mailing(now);
        if self.is_proved || (score >= 60.0 && recipients >= 8 && letters.count() >= 2) {
            Tier::Confirmed
        } else if score >= 50.0 && recipients >= if is_like_a_mailing { PROBABLY_NO_MAILING } else { 8 } {
            Tier::Probable
        } else if score >= 30.0 && recipients >= if is_like_a_mailing { NO_SMALL_MAILING } else { 5 } {
            Tier::Suspected
        } else if score >= 20.0 && recipients >= 3 {
            Tier::Watch
        } else {
            Tier::None
        }
    }

    /// Whether all that came back is one letter, and hardly any of it for what it says. So does a mailing to an old
    /// list come back; a small company's has tens of dead addresses, not hundreds.
    fn is_like_a_mailing(&self, now: DateTime<Utc>) -> bool {
        let mut letters = self.clusters.iter().filter(|cluster| cluster.last_at + CALM > now && cluster.unexpected > 0);
        let Some(most) = letters.clone().max_by_key(|cluster| cluster.unexpected) else { return false };
        let others: u32 = letters.by_ref().map(|cluster| cluster.unexpected).sum::<u32>() - most.unexpected;
        others * 10 <= most.unexpected && most.is_hardly_refused()
    }

    /// The mailbox's score, or that of the one letter that convicts although others excuse.
    fn takeover_score(&self, matrix: &Matrix, now: DateTime<Utc>) -> f64 {
        let of_letters = self
            .clusters
            .iter()
            .filter(|cluster| cluster.unexpected >= 5)
            .map(|cluster| cluster.score(Verdict::AccountTakeover, now));
        of_letters.fold(matrix.score(Verdict::AccountTakeover), f64::max)
    }

    /// A cause that excludes a takeover by 20 dB and is ahead of all others.
    fn other_cause(&self, now: DateTime<Utc>) -> Option<Verdict> {
        VERDICTS
            .into_iter()
            .filter(|verdict| !matches!(verdict, Verdict::AccountTakeover | Verdict::Legit))
            .filter(|verdict| *verdict != Verdict::Backscatter || self.may_be_backscatter(now))
            .filter(|verdict| *verdict != Verdict::BulkList || !self.may_be_a_thiefs_mailing(now))
            .filter(|verdict| self.matrix.lead(*verdict, Verdict::AccountTakeover) >= EXCLUDED_DB)
            .map(|verdict| (verdict, self.matrix.score(verdict)))
            .filter(|(_, score)| *score >= CLEAR_DB)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(verdict, _)| verdict)
    }

    /// Whether backscatter can't be told from a takeover here.
    fn cannot_exclude(&self, now: DateTime<Utc>) -> bool {
        self.is_blind || self.last_unnamed_at.is_some_and(|last| last + WINDOW > now)
    }

    /// Whether nothing but why it comes back tells a mailing from a thief's: how old a list is, and not whose. One that is
    /// declared or marked as a list has no recipients that nobody expects.
    fn may_be_a_thiefs_mailing(&self, now: DateTime<Utc>) -> bool {
        (self.is_blind || self.is_sent_strangely(now)) && self.window.unexpected.count(now) >= 5
    }

    /// Whether most of what nobody expected was not sent as the mailbox sends, or nothing says how, and hardly anybody to whom
    /// it went is known: on a list of the mailbox's own stand some to whom it writes.
    fn is_sent_strangely(&self, now: DateTime<Utc>) -> bool {
        let letters = || self.clusters.iter().filter(|cluster| cluster.last_at + CALM > now && cluster.unexpected > 0);
        let strange: u32 = letters().map(|cluster| cluster.strange).sum();
        let unexpected: u32 = letters().map(|cluster| cluster.unexpected).sum();
        let known: u32 = letters().filter_map(|cluster| cluster.seen.get(&Clue::RecipientKnown)).sum();
        strange.saturating_mul(2) > unexpected && known.saturating_mul(OWN_READERS) < unexpected
    }

    /// The costly error: never of a mailbox where owner and thief look the same, never of a few bounces, and only if what
    /// speaks for it outweighs by 20 dB what speaks for a takeover, whichever of the two came last.
    fn may_be_backscatter(&self, now: DateTime<Utc>) -> bool {
        let lead = |of, over| self.matrix.lead(of, over);
        let (for_it, against) = (
            lead(Verdict::Backscatter, Verdict::AccountTakeover),
            lead(Verdict::AccountTakeover, Verdict::Backscatter),
        );
        // What the own provider returns it had taken from somebody; a forger's mail never passed it.
        let seen = |clue| self.clusters.iter().filter_map(|cluster| cluster.seen.get(&clue)).sum::<u32>();
        let own: u32 = self.clusters.iter().map(|cluster| cluster.own).sum();
        !self.cannot_exclude(now)
            && seen(Clue::OriginForeign) > seen(Clue::SiteOwn)
            && seen(Clue::OriginForeign) >= own.saturating_mul(STRAYS)
            && self.window.unexpected.count(now) >= BACKSCATTER_RECIPIENTS
            && for_it - against >= EXCLUDED_DB
    }

    /// Many recipients nobody wrote to, and neither a takeover nor its absence can be shown.
    fn cannot_be_told(&self, now: DateTime<Utc>) -> bool {
        let recipients = self.window.unexpected.count(now);
        let lead = |over| self.matrix.lead(Verdict::AccountTakeover, over);
        let against = |verdict| self.matrix.lead(verdict, Verdict::AccountTakeover);
        let is_excused = VERDICTS.iter().any(|verdict| {
            *verdict != Verdict::AccountTakeover
                && !(*verdict == Verdict::Backscatter && self.cannot_exclude(now))
                && !(*verdict == Verdict::BulkList && self.may_be_a_thiefs_mailing(now))
                && against(*verdict) >= EXCLUDED_DB
                && self.matrix.score(*verdict) > 0.0
        });
        // Where owner and thief look the same nothing speaks against the owner, so more must come together.
        let is_not_the_owner = lead(Verdict::Legit) >= EXCLUDED_DB;
        !is_excused && ((recipients >= 5 && is_not_the_owner) || (recipients >= 8 && self.sent_weight <= 0.0))
    }

    /// Whether the standing verdict has had its time: two days below 10 dB, one without own mail that nobody expected.
    fn has_calmed_down(&self, now: DateTime<Utc>) -> bool {
        if self.held == CALM_VERDICT || self.held.tier == Tier::Confirmed {
            return false;
        }
        let Some(updated_at) = self.updated_at else { return true };
        let is_quiet = self.last_own_unexpected_at.is_none_or(|last| now - last >= TimeDelta::hours(24));
        is_quiet && now - self.calms_at(updated_at) >= CALM
    }

    /// Since when little speaks for the standing verdict, or from when on it will if nothing else comes in. What is known
    /// now is of `updated_at`.
    fn calms_at(&self, updated_at: DateTime<Utc>) -> DateTime<Utc> {
        let score = if matches!(self.held.verdict, Verdict::AccountTakeover | Verdict::Undetermined) {
            self.takeover_score(&self.matrix, updated_at)
        } else {
            self.matrix.score(self.held.verdict)
        };
        if score < CALM_DB {
            return self.calm_since.unwrap_or(updated_at);
        }
        #[expect(clippy::cast_possible_truncation, reason = "hours of a few days")]
        let until_calm = TimeDelta::seconds((HALF_LIFE_H * 3600.0 * (score / CALM_DB).log2()) as i64);
        updated_at + until_calm
    }
}

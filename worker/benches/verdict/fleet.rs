//! Fleets through the reader and the engine, on two threads; and what of each mailbox is kept for the tables.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::verdict::{Tier, Verdict};
use daimon_episode::{Episode, Fleet, Mail, Marks, Plan, Provider, Simulated, Truth};
use daimon_worker::scan::{self, Arrived, Context, Moved};
use serde_json::json;

const THREADS: usize = 2;

/// What is kept of one mailbox.
pub(crate) struct Seen {
    pub(crate) seed: u64,
    pub(crate) index: u64,
    pub(crate) truth: Truth,
    pub(crate) provider: Provider,
    pub(crate) marks: Marks,
    /// Sent mail is kept on the host.
    pub(crate) keeps_copies: bool,
    /// Other customers sign in at the same host.
    pub(crate) is_shared: bool,
    pub(crate) days: f64,
    /// When each report arrived, and whether the episode brought it.
    pub(crate) bounces: Vec<(DateTime<Utc>, bool)>,
    /// When the last mail of the episode arrived.
    pub(crate) ends: Option<DateTime<Utc>>,
    pub(crate) moves: Vec<Moved>,
}

impl Seen {
    fn of(seed: u64, index: u64, mailbox: Simulated, moves: Vec<Moved>) -> Self {
        let seconds = u32::try_from((mailbox.days.1 - mailbox.days.0).num_seconds()).unwrap_or_default();
        let bounces = mailbox.received.iter().filter(|mail| mail.is_bounce).map(|mail| (mail.at, mail.of_episode));
        Self {
            seed,
            index,
            provider: mailbox.known.provider,
            marks: mailbox.marks,
            keeps_copies: mailbox.keeps_copies,
            is_shared: mailbox.known.is_shared,
            days: f64::from(seconds) / 86_400.0,
            bounces: bounces.collect(),
            ends: mailbox.received.iter().filter(|mail| mail.of_episode).map(|mail| mail.at).max(),
            truth: mailbox.truth,
            moves,
        }
    }

    /// Where nothing tells the owner from a thief, the figures are looked at apart: POP users, those who use IMAP like POP
    /// and keep no sent mail on the host, and hosts that leave no marks.
    pub(crate) fn is_apart(&self) -> bool {
        !self.keeps_copies || self.marks == Marks::Nothing
    }

    /// The first time at or after the beginning at which a takeover stands at this tier.
    pub(crate) fn reaches(&self, tier: Tier) -> Option<DateTime<Utc>> {
        let begins = self.truth.begins?;
        if self.standing(begins).is_some_and(|moved| accuses(moved, tier)) {
            return Some(begins);
        }
        self.moves.iter().find(|moved| moved.at >= begins && accuses(moved, tier)).map(|moved| moved.at)
    }

    /// Bounces of the episode until then.
    pub(crate) fn bounces_until(&self, at: DateTime<Utc>) -> usize {
        self.bounces.iter().filter(|(arrived, of_episode)| *of_episode && *arrived <= at).count()
    }

    /// When the episode had brought so many bounces, or all it brought.
    pub(crate) fn after(&self, bounces: usize) -> Option<DateTime<Utc>> {
        let mut of_episode = self.bounces.iter().filter(|(_, of_episode)| *of_episode).map(|(at, _)| *at);
        let nth = of_episode.clone().nth(bounces.saturating_sub(1));
        nth.or_else(|| of_episode.next_back()).or(self.ends)
    }

    fn standing(&self, at: DateTime<Utc>) -> Option<&Moved> {
        self.moves.iter().rev().find(|moved| moved.at <= at)
    }

    /// The verdict that stands at a time.
    pub(crate) fn verdict_at(&self, at: DateTime<Utc>) -> Verdict {
        self.standing(at).map_or(Verdict::Legit, |moved| moved.verdict)
    }

    /// The times at which a takeover newly stood at this tier.
    pub(crate) fn accusations(&self, tier: Tier) -> impl Iterator<Item = &Moved> {
        let mut was = false;
        self.moves.iter().filter(move |moved| {
            let is = accuses(moved, tier);
            let is_new = is && !was;
            was = is;
            is_new
        })
    }

    /// Whether the verdict was said at any time of the episode or after it.
    pub(crate) fn ever_said(&self, verdict: Verdict) -> bool {
        let begins = self.truth.begins.unwrap_or(DateTime::UNIX_EPOCH);
        self.moves.iter().any(|moved| moved.verdict == verdict && moved.at >= begins)
    }
}

fn accuses(moved: &Moved, tier: Tier) -> bool {
    moved.verdict == Verdict::AccountTakeover && moved.tier >= tier
}

/// A fleet through the reader and the engine.
pub(crate) fn observe(seed: u64, plan: Plan, count: u64) -> Vec<Seen> {
    observe_told(seed, plan, count, false)
}

/// The same, where the engine is told, or not, which hosts are shared with strangers: it knows large hosters by name and
/// learns others from their lines, and the hosters of a fleet have no name that it could know.
pub(crate) fn observe_told(seed: u64, plan: Plan, count: u64, is_told: bool) -> Vec<Seen> {
    each(seed, plan, count, |index, mailbox| {
        let moves = replay(&mailbox, is_told);
        Seen::of(seed, index, mailbox, moves)
    })
}

/// When the reports of each mailbox of a fleet arrived, without reading one.
pub(crate) fn bounces_alone(seed: u64, plan: Plan, count: u64) -> Vec<Seen> {
    each(seed, plan, count, |index, mailbox| Seen::of(seed, index, mailbox, Vec::new()))
}

fn each(seed: u64, plan: Plan, count: u64, of: impl Fn(u64, Simulated) -> Seen + Sync) -> Vec<Seen> {
    let (fleet, next) = (Fleet::new(seed, plan), AtomicU64::new(0));
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push(of(index, fleet.mailbox(index)));
        }
    };
    let mut all: Vec<Seen> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let all = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(done) => done,
            // Figures of a part of the fleet would be no figures.
            Err(panic) => resume_unwind(panic),
        });
        all.collect()
    });
    all.sort_by_key(|seen| seen.index);
    all
}

/// As `daimon-worker scan` does with folders, with what an MSP and DNS would tell of the mailbox.
fn replay(mailbox: &Simulated, is_told: bool) -> Vec<Moved> {
    let known = &mailbox.known;
    let (provider, usual): (&str, &[&str]) = match known.provider {
        Provider::ImapHost => ("imap_host", &[]),
        Provider::Gmail => ("gmail", daimon_verdict::Provider::Gmail.usual_hosts()),
        Provider::Microsoft365 => ("m365", daimon_verdict::Provider::M365.usual_hosts()),
        Provider::PopOnly => ("pop_only", &[]),
    };
    let own_hosts: Vec<&str> = known.own_hosts.iter().map(String::as_str).chain(usual.iter().copied()).collect();
    let context = json!({
        "address": known.address, "own_domains": known.own_domains, "own_hosts": own_hosts,
        "own_networks": known.own_networks, "provider": provider, "has_neighbours": is_told && known.is_shared,
    });
    let context: Context = serde_json::from_value(context).unwrap_or_default();
    let sent = (known.provider != Provider::PopOnly).then(|| mailbox.sent.iter().map(timed));
    let received =
        mailbox.received.iter().map(|mail| Arrived { at: mail.at, bytes: &mail.bytes, is_binned: mail.is_hidden });
    scan::replay(context, received, sent).0
}

fn timed(mail: &Mail) -> (DateTime<Utc>, &[u8]) {
    (mail.at, &mail.bytes)
}

/// The word for an episode, without a takeover's speed.
pub(crate) fn word(episode: Option<Episode>) -> &'static str {
    episode.map_or("ordinary life", Episode::as_str)
}

/// Whole minutes.
pub(crate) fn minutes(time: TimeDelta) -> f64 {
    f64::from(i32::try_from(time.num_seconds()).unwrap_or(i32::MAX)) / 60.0
}

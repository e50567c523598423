//! A fleet: as many mailboxes as one likes, each from the seed and its number alone.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::verdict::Verdict;

use crate::{
    Mail, Marks, Provider,
    clock::Zone,
    episode::{Episode, Stage},
    life::{self, Diary, Habits},
    owner::{Copies, Owner},
    random::Random,
};

/// What happens to the mailboxes of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Ordinary life.
    Nothing,
    /// Ordinary life, and as often as in the world something that is no takeover.
    Innocent,
    /// This, to each.
    Always(Episode),
}

/// What a fleet is like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first day.
    pub begin: DateTime<Utc>,
    /// Days of ordinary life before the episode.
    pub days_before: u32,
    /// Days from its beginning to the end.
    pub days_after: u32,
    /// What happens.
    pub happening: Happening,
    /// Where the mailboxes live; `None`: at all kinds of hosts.
    pub provider: Option<Provider>,
    /// An episode ends after so many bounces.
    pub most_bounces: u32,
}

impl Plan {
    /// So many days with innocent trouble now and then.
    pub fn background(days: u32) -> Self {
        Self { days_before: 0, days_after: days, ..Self::of(Happening::Innocent) }
    }

    /// Six weeks of life, then this.
    pub fn episode(episode: Episode) -> Self {
        Self::of(Happening::Always(episode))
    }

    fn of(happening: Happening) -> Self {
        // Monday, 4 March 2024.
        let begin = DateTime::from_timestamp(1_709_510_400, 0).unwrap_or_default();
        Self { begin, days_before: 42, days_after: 12, happening, provider: None, most_bounces: 60 }
    }
}

/// Mailboxes that never existed.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    seed: u64,
    plan: Plan,
}

/// What an MSP, or DNS, would know of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its address.
    pub address: String,
    /// Domains of the company.
    pub own_domains: Vec<String>,
    /// Hosts that send and receive for it.
    pub own_hosts: Vec<String>,
    /// Their networks, as `192.0.2.1/32`.
    pub own_networks: Vec<String>,
    /// The kind of host.
    pub provider: Provider,
    /// Other customers send through the same host.
    pub is_shared: bool,
}

/// What really happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The verdict that is right.
    pub verdict: Verdict,
    /// The episode; `None` for ordinary life alone.
    pub episode: Option<Episode>,
    /// When it began.
    pub begins: Option<DateTime<Utc>>,
    /// How it was done, for people who look for what is missed.
    pub style: String,
}

/// A mailbox with all its mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// What is known of it from outside.
    pub known: Known,
    /// What came in, in the order of time.
    pub received: Vec<Mail>,
    /// What lies in Sent, in the order of time.
    pub sent: Vec<Mail>,
    /// What really happened.
    pub truth: Truth,
    /// What its server leaves in a message of who signed in.
    pub marks: Marks,
    /// Whether sent mail is kept at all.
    pub keeps_copies: bool,
    /// The first day and the moment after the last one.
    pub days: (DateTime<Utc>, DateTime<Utc>),
    /// Whether newsletters or forwards of its own bring bounces.
    pub has_own_noise: bool,
}

impl Fleet {
    /// The mailboxes of this seed and plan.
    pub fn new(seed: u64, plan: Plan) -> Self {
        Self { seed, plan }
    }

    /// One of them. The same number gives the same mailbox, whatever else was asked for.
    pub fn mailbox(&self, index: u64) -> Simulated {
        let plan = &self.plan;
        let mut random = Random::of(self.seed, index);
        let total = plan.days_before + plan.days_after;
        let episode = match plan.happening {
            Happening::Nothing => None,
            Happening::Always(episode) => Some(episode),
            Happening::Innocent => innocent(total, &mut random),
        };
        let owner = owner(plan, episode, total, &mut random);
        let habits = Habits::any(&owner, episode == Some(Episode::BulkList), &mut random);
        let mut diary = Diary::default();
        life::live(&owner, &habits, plan.begin, total, &mut diary, &mut random.branch());
        let day = match plan.happening {
            Happening::Innocent => random.below(total),
            Happening::Nothing | Happening::Always(_) => plan.days_before,
        };
        let begin = owner.zone.midnight(plan.begin, day) + random.seconds(0, 86_399);
        let (begins, style) = match episode {
            Some(episode) => {
                let mut stage = Stage::new(&owner, &habits, begin, plan.most_bounces, &mut diary, random.branch());
                (Some(begin), episode.play(&mut stage))
            }
            None => (None, String::new()),
        };
        diary.received.sort_by_key(|mail| mail.at);
        diary.sent.sort_by_key(|mail| mail.at);
        let hosting = &owner.hosting;
        Simulated {
            known: Known {
                address: owner.party.address.clone(),
                own_domains: vec![owner.domain.clone()],
                own_hosts: hosting.own_hosts(),
                own_networks: hosting.own_networks(),
                provider: hosting.provider,
                is_shared: hosting.is_shared,
            },
            truth: Truth { verdict: episode.map_or(Verdict::Legit, Episode::verdict), episode, begins, style },
            marks: hosting.outgoing.marks,
            keeps_copies: owner.copies != Copies::None && hosting.provider != Provider::PopOnly,
            days: (Zone::utc().midnight(plan.begin, 0), plan.begin + TimeDelta::days(i64::from(total))),
            has_own_noise: habits.newsletter.is_some() || habits.forwards_to.is_some(),
            received: diary.received,
            sent: diary.sent,
        }
    }
}

/// Somebody to whom this can happen.
fn owner(plan: &Plan, episode: Option<Episode>, days: u32, random: &mut Random) -> Owner {
    let mut any = || {
        let provider = plan.provider.unwrap_or_else(|| {
            let some = [(0.2, Provider::Microsoft365), (0.15, Provider::Gmail), (0.1, Provider::PopOnly)];
            random.choose(&some, Provider::ImapHost)
        });
        Owner::any(provider, plan.begin, days, random)
    };
    let mut owner = any();
    for _ in 0..200 {
        if episode.is_none_or(|episode| episode.can_happen_to(&owner)) {
            break;
        }
        owner = any();
    }
    owner
}

/// What happens to a mailbox in so many days that is no takeover; mostly nothing.
fn innocent(days: u32, random: &mut Random) -> Option<Episode> {
    // A year of such incidents for a mailbox of a small company.
    const A_YEAR: [(f64, Episode); 9] = [
        (0.06, Episode::JoeJob),
        (0.03, Episode::WebScript),
        (0.05, Episode::BulkList),
        (0.02, Episode::AutoresponderStorm),
        (0.01, Episode::ForwardingLoop),
        (0.08, Episode::Outage),
        (0.06, Episode::ReputationBlock),
        (0.10, Episode::FakeBounces),
        (0.02, Episode::ForgedColleague),
    ];
    let share = f64::from(days) / 365.0;
    let some = A_YEAR.map(|(probability, episode)| (probability * share, Some(episode)));
    random.choose(&some, None)
}

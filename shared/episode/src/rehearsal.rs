//! An episode at a mailbox that exists: a life that its owner never led, and then what happens, until a given moment.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::tenant;

use crate::{
    Mail, Provider,
    clock::Time,
    episode::{Episode, Stage},
    life::{self, Diary, Habits},
    owner::{Copies, Identity, Owner},
    random::Random,
    server::Marks,
    words::Language,
};

/// Days of ordinary life before the episode.
const DAYS_BEFORE: u32 = 42;
/// So many owners are looked at for one to whom it can happen.
const MOST_OWNERS: u32 = 200;

/// What is to be played, and where.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The mailbox's address.
    pub address: &'a str,
    /// The kind of host it lives at.
    pub provider: Provider,
    /// What its people write in.
    pub language: tenant::Language,
    /// What happens.
    pub episode: Episode,
    /// It ends after so many bounces.
    pub most_bounces: u32,
    /// When its last mail has come.
    pub ends_at: DateTime<Utc>,
}

/// The mails of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// What came in, in the order of time; `of_episode` tells life from what happens.
    pub received: Vec<Mail>,
    /// What lies in Sent, in the order of time.
    pub sent: Vec<Mail>,
    /// When the episode begins.
    pub begins: DateTime<Utc>,
}

impl Episode {
    /// Whether it can happen at all at such a host.
    pub fn can_happen_at(self, provider: Provider) -> bool {
        match self {
            Self::TenantBlocked => provider == Provider::Microsoft365,
            Self::Neighbour => matches!(provider, Provider::ImapHost | Provider::PopOnly),
            Self::ForgedColleague => provider != Provider::Gmail,
            Self::Takeover(_)
            | Self::SilentTakeover
            | Self::JoeJob
            | Self::WebScript
            | Self::BulkList
            | Self::AutoresponderStorm
            | Self::ForwardingLoop
            | Self::Outage
            | Self::ReputationBlock
            | Self::FakeBounces => true,
        }
    }
}

/// Plays it. The same seed and part give the same bytes for ever; `None`: it can't happen there.
pub fn rehearse(seed: u64, part: &Part<'_>) -> Option<Rehearsal> {
    // How long it takes is known when it was played. What waits for working hours takes another time when it begins at
    // another one, and the same on another day.
    let late = |played: &Rehearsal| {
        let last = played.received.iter().filter(|mail| mail.of_episode).map(|mail| mail.at).max()?;
        Some(last - part.ends_at)
    };
    let first = play(seed, part, part.ends_at - TimeDelta::days(1))?;
    let mut played = play(seed, part, first.begins - late(&first)?)?;
    let late = late(&played)?;
    if late > TimeDelta::zero() {
        played = play(seed, part, played.begins - TimeDelta::days(late.num_days() + 1))?;
    }
    played.received.retain(|mail| mail.at <= part.ends_at);
    played.sent.retain(|mail| mail.at <= part.ends_at);
    Some(played)
}

fn play(seed: u64, part: &Part<'_>, begins: Time) -> Option<Rehearsal> {
    let mut random = Random::of(seed, 0);
    let from = begins - TimeDelta::days(i64::from(DAYS_BEFORE));
    let owner = owner(part, from, &mut random)?;
    let is_bulk = part.episode == Episode::BulkList;
    let newsletter = Habits::any(&owner, is_bulk, &mut random).newsletter.filter(|_| is_bulk);
    // Nothing else is to be found in such a life.
    let habits = Habits { newsletter, forwards_to: None };
    let mut diary = Diary::default();
    life::live(&owner, &habits, from, DAYS_BEFORE, &mut diary, &mut random.branch());
    let before = |mail: &Mail| mail.at < begins;
    diary.received.retain(before);
    diary.sent.retain(before);
    let mut stage = Stage::new(&owner, &habits, begins, part.most_bounces, &mut diary, random.branch());
    part.episode.play(&mut stage);
    diary.received.sort_by_key(|mail| mail.at);
    diary.sent.sort_by_key(|mail| mail.at);
    Some(Rehearsal { received: diary.received, sent: diary.sent, begins })
}

/// Somebody at that address to whom it can happen, and of whom enough is known to see it.
fn owner(part: &Part<'_>, begin: Time, random: &mut Random) -> Option<Owner> {
    let language = match part.language {
        tenant::Language::English => Language::English,
        tenant::Language::Japanese => Language::Japanese,
    };
    let identity = Identity { address: part.address, language };
    (0..MOST_OWNERS).find_map(|_| {
        let owner = Owner::at(Some(identity), part.provider, begin, DAYS_BEFORE, random).settled();
        let tells = owner.copies == Copies::All && owner.hosting.outgoing.marks != Marks::Nothing;
        (tells && part.episode.can_happen_to(&owner)).then_some(owner)
    })
}

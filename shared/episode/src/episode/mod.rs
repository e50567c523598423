//! What can happen to a mailbox: one file for each, and the truth about it.

mod autoresponder;
mod bulk_list;
mod fake_bounce;
mod forged_colleague;
mod forwarding_loop;
mod joe_job;
mod neighbour;
mod notice;
mod outage;
mod own_mail;
mod reputation_block;
mod takeover;
mod tenant_blocked;
mod web_script;

use std::{fmt, str::FromStr};

use chrono::TimeDelta;
use daimon_domain::{verdict::Verdict, words::UnknownWord};

use crate::{
    Mail, Provider,
    clock::Time,
    life::{Diary, Habits},
    owner::Owner,
    random::Random,
    server::{Marks, Mta},
};

/// How fast the bounces of a takeover come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Speed {
    /// A patient thief.
    TwelveADay,
    /// A careful one.
    FiveAnHour,
    /// What most hosts let through.
    TwentyAnHour,
    /// A hasty one.
    HundredAnHour,
    /// As fast as one server takes it.
    ThousandAnHour,
    /// Many bots at once.
    FourThousandAnHour,
}

impl Speed {
    /// Slowest first.
    pub const ALL: [Self; 6] = [
        Self::TwelveADay,
        Self::FiveAnHour,
        Self::TwentyAnHour,
        Self::HundredAnHour,
        Self::ThousandAnHour,
        Self::FourThousandAnHour,
    ];

    /// As people say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TwelveADay => "12/day",
            Self::FiveAnHour => "5/h",
            Self::TwentyAnHour => "20/h",
            Self::HundredAnHour => "100/h",
            Self::ThousandAnHour => "1000/h",
            Self::FourThousandAnHour => "4000/h",
        }
    }

    /// The mean time from one bounce to the next.
    fn gap(self) -> TimeDelta {
        match self {
            Self::TwelveADay => TimeDelta::hours(2),
            Self::FiveAnHour => TimeDelta::minutes(12),
            Self::TwentyAnHour => TimeDelta::minutes(3),
            Self::HundredAnHour => TimeDelta::seconds(36),
            Self::ThousandAnHour => TimeDelta::milliseconds(3_600),
            Self::FourThousandAnHour => TimeDelta::milliseconds(900),
        }
    }
}

/// Something that happens to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Episode {
    /// Somebody signs in with the stolen password and sends.
    Takeover(Speed),
    /// The same under another envelope sender: no bounce comes here, only answers and the provider's notice.
    SilentTakeover,
    /// Somebody elsewhere forges the address.
    JoeJob,
    /// Another customer of the shared host forges it.
    Neighbour,
    /// Forged mail to colleagues at the same provider.
    ForgedColleague,
    /// The site is made to send.
    WebScript,
    /// A newsletter to a list that lay about for years.
    BulkList,
    /// Automatic answers to forged senders.
    AutoresponderStorm,
    /// Two forwards that feed each other.
    ForwardingLoop,
    /// A large receiver is down.
    Outage,
    /// The own server is on block lists.
    ReputationBlock,
    /// Microsoft blocks the whole tenant for another mailbox's spam.
    TenantBlocked,
    /// Phishing dressed as bounces.
    FakeBounces,
}

impl Episode {
    /// All, the takeovers by speed.
    pub const ALL: [Self; 18] = [
        Self::Takeover(Speed::TwelveADay),
        Self::Takeover(Speed::FiveAnHour),
        Self::Takeover(Speed::TwentyAnHour),
        Self::Takeover(Speed::HundredAnHour),
        Self::Takeover(Speed::ThousandAnHour),
        Self::Takeover(Speed::FourThousandAnHour),
        Self::SilentTakeover,
        Self::JoeJob,
        Self::Neighbour,
        Self::ForgedColleague,
        Self::WebScript,
        Self::BulkList,
        Self::AutoresponderStorm,
        Self::ForwardingLoop,
        Self::Outage,
        Self::ReputationBlock,
        Self::TenantBlocked,
        Self::FakeBounces,
    ];

    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Takeover(_) => "takeover",
            Self::SilentTakeover => "silent_takeover",
            Self::JoeJob => "joe_job",
            Self::Neighbour => "neighbour",
            Self::ForgedColleague => "forged_colleague",
            Self::WebScript => "web_script",
            Self::BulkList => "bulk_list",
            Self::AutoresponderStorm => "autoresponder_storm",
            Self::ForwardingLoop => "forwarding_loop",
            Self::Outage => "outage",
            Self::ReputationBlock => "reputation_block",
            Self::TenantBlocked => "tenant_blocked",
            Self::FakeBounces => "fake_bounces",
        }
    }

    /// The verdict that is right.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Takeover(_) | Self::SilentTakeover => Verdict::AccountTakeover,
            Self::JoeJob | Self::Neighbour | Self::ForgedColleague => Verdict::Backscatter,
            Self::WebScript => Verdict::WebScript,
            Self::BulkList => Verdict::BulkList,
            Self::AutoresponderStorm => Verdict::Autoresponder,
            Self::ForwardingLoop => Verdict::ForwardingLoop,
            Self::Outage => Verdict::Outage,
            // Its own mail is good, and refused for what others did.
            Self::ReputationBlock | Self::TenantBlocked => Verdict::ReputationBlock,
            Self::FakeBounces => Verdict::FakeBounce,
        }
    }

    /// Whether it can happen at this mailbox's host.
    pub(crate) fn can_happen_to(self, owner: &Owner) -> bool {
        let hosting = &owner.hosting;
        match self {
            Self::TenantBlocked => hosting.provider == Provider::Microsoft365,
            // Where nothing tells the logins apart, nobody could know.
            Self::Neighbour => hosting.is_shared && hosting.outgoing.marks == Marks::Named,
            Self::ForgedColleague => !matches!(hosting.outgoing.mta, Mta::Google),
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

    /// Lets it happen; returns how it was done.
    pub(crate) fn play(self, stage: &mut Stage<'_>) -> String {
        match self {
            Self::Takeover(speed) => takeover::play(stage, speed),
            Self::SilentTakeover => takeover::silent(stage),
            Self::JoeJob => joe_job::play(stage),
            Self::Neighbour => neighbour::play(stage),
            Self::ForgedColleague => forged_colleague::play(stage),
            Self::WebScript => web_script::play(stage),
            Self::BulkList => bulk_list::play(stage),
            Self::AutoresponderStorm => autoresponder::play(stage),
            Self::ForwardingLoop => forwarding_loop::play(stage),
            Self::Outage => outage::play(stage),
            Self::ReputationBlock => reputation_block::play(stage),
            Self::TenantBlocked => tenant_blocked::play(stage),
            Self::FakeBounces => fake_bounce::play(stage),
        }
    }
}

impl fmt::Display for Episode {
    /// A takeover with its speed: `takeover 20/h`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Takeover(speed) = self {
            return write!(out, "takeover {}", speed.as_str());
        }
        out.write_str(self.as_str())
    }
}

impl FromStr for Episode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|episode| episode.to_string() == text);
        named.ok_or(UnknownWord { set: "Episode" })
    }
}

/// Where an episode plays.
pub(crate) struct Stage<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) habits: &'a Habits,
    pub(crate) begin: Time,
    /// It ends after so many bounces.
    pub(crate) most: u32,
    diary: &'a mut Diary,
    pub(crate) random: Random,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        owner: &'a Owner,
        habits: &'a Habits,
        begin: Time,
        most: u32,
        diary: &'a mut Diary,
        random: Random,
    ) -> Self {
        Self { owner, habits, begin, most, diary, random }
    }

    /// A mail of the episode comes in.
    fn comes(&mut self, mail: Mail) {
        self.diary.received.push(Mail { of_episode: true, ..mail });
    }

    /// One that a thief's rule moved to Trash at once.
    fn comes_hidden(&mut self, mail: Mail) {
        self.comes(Mail { is_hidden: true, ..mail });
    }

    /// A copy of the episode stays in Sent.
    fn stays(&mut self, mail: Mail) {
        self.diary.sent.push(Mail { of_episode: true, ..mail });
    }
}

//! The company's own newsletter: the largest source of innocent bounces.

use chrono::TimeDelta;

use crate::{
    client::{Client, Program},
    clock::Time,
    letter::Party,
    life::Diary,
    network::{Country, Network},
    owner::{Device, Owner},
    random::Random,
    receiver::{Receiver, local_part},
    reply::Group,
    world::{accepting_server, late_refusal, refusal, stranger},
};

/// What it is sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    /// The mail program on the desk.
    Desk,
    /// A tool elsewhere that signs in to the own server.
    Outside,
}

/// A newsletter.
#[derive(Clone, Debug)]
pub(crate) struct Newsletter {
    tool: Tool,
    device: Option<Device>,
    /// With `List-Unsubscribe` and its like.
    has_list_headers: bool,
    keeps_copies: bool,
    /// One issue in so many days.
    every: u32,
    first: u32,
    readers: u32,
    /// From which each reader follows: an issue goes to those of the issue before.
    list: Random,
    /// How many of the addresses are dead, when it is looked after.
    dead: f64,
}

impl Newsletter {
    pub(crate) fn any(owner: &Owner, random: &mut Random) -> Self {
        let tool = random.choose(&[(0.5, Tool::Desk)], Tool::Outside);
        let device = (tool == Tool::Outside).then(|| Device {
            client: Client::install(
                random.choose(&[(0.5, Program::PhpMailer)], Program::BulkMailer),
                owner.language,
                random,
            ),
            network: Network::office(random.choose(&[(0.7, owner.country)], Country::Britain), random),
        });
        // One in five is the first ever, or the first of this year.
        let every = random.choose(&[(0.5, 30), (0.2, 7), (0.1, 14)], 1_000);
        Self {
            tool,
            device,
            has_list_headers: random.chance(0.6),
            keeps_copies: tool == Tool::Desk && random.chance(0.7),
            every,
            first: random.below(every.min(30)) + if every == 1_000 { 900 } else { 0 },
            readers: random.range(40, 800),
            list: random.branch(),
            dead: random.between(0.01, 0.06),
        }
    }

    pub(crate) fn is_due(&self, day: u32) -> bool {
        day % self.every == self.first
    }

    /// How it is sent, in words.
    pub(crate) fn style(&self) -> String {
        let list = if self.has_list_headers { "list headers" } else { "no list headers" };
        let copies = if self.keeps_copies { "copies" } else { "no copies" };
        let before = if self.every == 1_000 { "the first" } else { "as ever" };
        format!("{:?}, {list}, {copies}, {before}", self.tool)
    }

    /// One issue; at most so many bounces of it. `is_dead`: the list was bought or lay about for years.
    pub(crate) fn goes_out(
        &self,
        owner: &Owner,
        at: Time,
        most: u32,
        is_dead: bool,
        diary: &mut Diary,
        random: &mut Random,
    ) {
        let (dead, count) =
            if is_dead { (random.between(0.2, 0.6), self.readers.max(200)) } else { (self.dead, self.readers) };
        // Another list than the one that every issue goes to.
        let mut list = self.list.clone();
        if is_dead {
            list = list.branch();
        }
        let device = match &self.device {
            Some(device) => device.clone(),
            None => owner.device(at, random),
        };
        let from = device.network.connect(random);
        let (subject, text) = owner.language.news(&owner.company, random);
        let step = TimeDelta::milliseconds(i64::from(3_600_000 / count.max(1))).min(TimeDelta::seconds(8));
        let keeps = self.keeps_copies && owner.keeps(&device.client, random);
        let (mut sent_at, mut bounces, mut copies) = (at, 0, 0);
        for _ in 0..count {
            sent_at += step;
            let mut of_reader = list.branch();
            let (address, receiver) = reader(owner, &mut of_reader);
            let why = of_reader.chance(dead).then(|| Group::List.refusal(&mut of_reader));
            // Of those that arrive a few stand for all.
            let counted = if why.is_some() { &mut bounces } else { &mut copies };
            *counted += 1;
            if *counted > if why.is_some() { most } else { 25 } {
                continue;
            }
            let mut letter = owner.letter(&Party::bare(&address), subject.clone(), text.clone(), sent_at);
            letter.is_html = true;
            if self.has_list_headers {
                letter
                    .extra
                    .push(("List-Unsubscribe", format!("<https://{}/unsubscribe/{}>", owner.domain, random.hex(12))));
                letter.extra.push(("List-Id", format!("<news.{}>", owner.domain)));
                letter.extra.push(("Precedence", "bulk".to_owned()));
            }
            let message = device.client.write(&letter, random);
            // Gmail and Microsoft 365 file what their own programs send.
            let is_filed = owner.hosting.provider == crate::Provider::Gmail;
            if keeps || is_filed {
                diary.sent.push(Owner::copy(&message, sent_at));
            }
            let Some(why) = why else { continue };
            let spooled = owner.submit(message, &device.client, &from, &address, sent_at, random);
            if random.chance(0.12) {
                let host = accepting_server(&receiver, random);
                let refused = late_refusal(&address, &receiver, why, random);
                let when = sent_at + random.seconds(2, 200);
                diary.received.push(owner.hosting.report_of(&host, &spooled, &[refused], when, random));
            } else {
                let refused = refusal(&address, &receiver, why, &owner.party.address, &spooled.from(), random);
                let when = sent_at + random.seconds(1, 15);
                diary.received.push(owner.hosting.report(&spooled, &[refused], when, false, random));
            }
        }
    }
}

/// A reader: a customer of long ago, seldom somebody still written with.
fn reader(owner: &Owner, random: &mut Random) -> (String, Receiver) {
    if random.chance(0.08)
        && let Some(known) = random.pick(&owner.correspondents)
    {
        return (known.party.address.clone(), known.receiver.clone());
    }
    if random.chance(0.5) {
        let receiver = Receiver::provider(owner.country, random);
        return (format!("{}@{}", local_part(random), receiver.domain), receiver);
    }
    stranger(random)
}

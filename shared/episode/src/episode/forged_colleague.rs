//! Forged mail from outside to addresses of the same company: its own server receives, and its own server bounces.

use chrono::TimeDelta;

use crate::{
    client::{Client, Program},
    episode::Stage,
    hosting::Spooled,
    letter::Party,
    network::Network,
    receiver::local_part,
    server::{Entry, HandIn, Problem, Refused},
    words::{Language, Lure},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let random = &mut stage.random;
    let client =
        Client::install(random.choose(&[(0.5, Program::PhpMailer)], Program::Script), Language::English, random);
    let lairs: Vec<Network> = (0..random.range(1, 12)).map(|_| Network::lair(random)).collect();
    let lure = Lure::any(random);
    let mut at = stage.begin;
    for _ in 0..stage.most.min(40) {
        at += stage.random.wait(TimeDelta::minutes(4));
        let random = &mut stage.random;
        let to = format!("{}@{}", local_part(random), owner.domain);
        let (subject, text) = lure.filled(2, "", random);
        let message = client.write(&owner.letter(&Party::bare(&to), subject, text, at), random);
        let Some(lair) = random.pick(&lairs) else { break };
        let from = lair.connect(random);
        let entry = Entry::Relayed { from: &from, helo: &client.helo };
        let hand_in = HandIn { entry, sender: &owner.party.address, to: &to, at };
        let spooled = Spooled::at(&owner.hosting.incoming, message, &hand_in, random);
        let problem = if random.chance(0.8) { Problem::NoSuchUser } else { Problem::Full };
        let refused = [Refused { to, originally: None, problem }];
        let mail = owner.hosting.report(&spooled, &refused, at + random.seconds(1, 5), false, random);
        stage.comes(mail);
    }
    "from outside to the own domain".to_owned()
}

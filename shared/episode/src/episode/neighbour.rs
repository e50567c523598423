//! Another customer of the shared host signs in as himself and writes this mailbox's address: SPF passes, and the mailbox's
//! own server writes the bounces. Only the name of the login tells the difference.

use chrono::TimeDelta;

use crate::{
    client::{Client, Program},
    episode::Stage,
    letter::Party,
    network::Network,
    reply::Group,
    server::{Entry, HandIn},
    words::{Language, Lure},
    world::{refusal, stranger},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let random = &mut stage.random;
    let login = format!("info@{}{}.example", owner.language.company(random).ascii, random.range(100, 900));
    let client =
        Client::install(random.choose(&[(0.5, Program::PhpMailer)], Program::Script), Language::English, random);
    let (lair, lure) = (Network::lair(random), Lure::any(random));
    let gap = random.choose(&[(0.4, TimeDelta::minutes(12))], TimeDelta::minutes(3));
    let mut at = stage.begin;
    for _ in 0..stage.most {
        at += stage.random.wait(gap);
        let random = &mut stage.random;
        let (to, receiver) = stranger(random);
        let (subject, text) = lure.filled(2, "", random);
        let message = client.write(&owner.letter(&Party::bare(&to), subject, text, at), random);
        let from = lair.connect(random);
        let sender = &owner.party.address;
        let entry = Entry::SignedIn { from: &from, helo: &client.helo, user: &login };
        let spooled = owner.hosting.submit(message, &HandIn { entry, sender, to: &to, at }, random);
        let refused = [refusal(&to, &receiver, Group::Stolen.refusal(random), sender, &spooled.from(), random)];
        let mail = owner.hosting.report(&spooled, &refused, at + random.seconds(1, 9), false, random);
        stage.comes(mail);
    }
    "another login".to_owned()
}

//! The own server is on block lists, for what somebody else did: good letters to known people come back.

use chrono::TimeDelta;

use crate::{
    episode::{Stage, own_mail},
    reply::Group,
    world::refusal,
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let mut at = stage.begin;
    let letters = stage.random.range(22, 35).min(stage.most);
    for _ in 0..letters {
        at += stage.random.wait(TimeDelta::hours(2));
        let Some((spooled, other)) = own_mail::letter(stage, at) else { break };
        let random = &mut stage.random;
        let why = Group::Listing.refusal(random);
        let refused =
            [refusal(&other.party.address, &other.receiver, why, &owner.party.address, &spooled.from(), random)];
        let later = at + random.seconds(1, 20);
        let mail = owner.hosting.report(&spooled, &refused, later, false, random);
        stage.comes(mail);
    }
    "own letters refused".to_owned()
}

//! Good letters of the owner, for the episodes in which those are refused.

use crate::{clock::Time, episode::Stage, hosting::Spooled, owner::Owner, world::Correspondent};

/// A letter to somebody known, with its copy in Sent as ever.
pub(super) fn letter(stage: &mut Stage<'_>, at: Time) -> Option<(Spooled, Correspondent)> {
    let owner = stage.owner;
    let random = &mut stage.random;
    let other = random.pick(&owner.correspondents)?.clone();
    let subject = owner.language.subject(random);
    let text = owner.language.letter(&owner.party.shown, random);
    let device = owner.device(at, random);
    let from = device.network.connect(random);
    let message = device.client.write(&owner.letter(&other.party, subject, text, at), random);
    let keeps = owner.keeps(&device.client, random);
    let spooled = owner.submit(message.clone(), &device.client, &from, &other.party.address, at, random);
    if keeps {
        stage.stays(Owner::copy(&message, at));
    }
    Some((spooled, other))
}

//! A working day: letters go out, most arrive, some are answered, a few come back.

use chrono::TimeDelta;

use crate::{
    clock::Time,
    letter::Party,
    life::Diary,
    owner::Owner,
    random::Random,
    receiver::Receiver,
    reply::{Group, Why},
    world::{Correspondent, Said, accepting_server, late_refusal, refusal},
};

/// What becomes of a letter.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    /// An automatic answer that they are away.
    Away,
    Silence,
    Typo,
    /// Whoever it was left the company.
    Left,
    Full,
    /// Taken at the second try, after a notice of delay.
    Delayed,
    /// The receiver's host does not answer for days.
    Dead,
    /// The receiver's filter is wrong about it.
    TakenForSpam,
}

pub(super) fn works(owner: &Owner, start: Time, diary: &mut Diary, random: &mut Random) {
    for _ in 0..random.poisson(owner.mails_a_day) {
        let at = start + random.seconds(0, 9 * 3_600);
        let fate = random.choose(
            &[
                (0.42, Fate::Answered),
                (0.02, Fate::Away),
                (0.005, Fate::Typo),
                (0.005, Fate::Left),
                (0.003, Fate::Full),
                (0.002, Fate::Delayed),
                (0.0005, Fate::Dead),
                (0.0015, Fate::TakenForSpam),
            ],
            Fate::Silence,
        );
        writes(owner, at, fate, diary, random);
    }
}

/// One of the people the owner writes with, the first ones most often.
pub(crate) fn correspondent<'a>(owner: &'a Owner, random: &mut Random) -> Option<&'a Correspondent> {
    let count = u32::try_from(owner.correspondents.len()).unwrap_or(u32::MAX);
    let within = random.range(1, count);
    owner.correspondents.get(usize::try_from(random.below(within)).unwrap_or_default())
}

fn writes(owner: &Owner, at: Time, fate: Fate, diary: &mut Diary, random: &mut Random) {
    let newcomer = random.chance(0.06).then(|| Correspondent::any(owner.language, owner.country, random));
    let Some(other) = newcomer.as_ref().or_else(|| correspondent(owner, random)) else { return };
    let to = match fate {
        Fate::Typo => Party { shown: other.party.shown.clone(), address: misspelt(&other.party.address, random) },
        Fate::Left => Party::bare(&format!("{}@{}", crate::receiver::local_part(random), other.party.domain())),
        Fate::Answered | Fate::Away | Fate::Silence | Fate::Full | Fate::Delayed | Fate::Dead | Fate::TakenForSpam => {
            other.party.clone()
        }
    };
    let subject = owner.language.subject(random);
    let text = owner.language.letter(&owner.party.shown, random);
    let device = owner.device(at, random);
    let from = device.network.connect(random);
    let letter = owner.letter(&to, subject.clone(), text, at);
    let message = device.client.write(&letter, random);
    if owner.keeps(&device.client, random) {
        diary.sent.push(Owner::copy(&message, at));
    }
    let id = message.value("Message-ID");
    let why = match fate {
        Fate::Answered => {
            let answered = at + random.wait(TimeDelta::hours(5)) + TimeDelta::minutes(3);
            let text = other.language.letter(&other.party.shown, random);
            let (mail, _) = other.writes(
                owner,
                Said { subject: &format!("Re: {subject}"), text: &text, answers: id, ..Said::default() },
                answered,
                random,
            );
            diary.received.push(mail);
            return;
        }
        Fate::Away => {
            let (subject, text) = other.language.away(&subject, random);
            let extra =
                vec![("Auto-Submitted", "auto-replied".to_owned()), ("X-Auto-Response-Suppress", "All".to_owned())];
            let (mail, _) = other.writes(
                owner,
                Said { subject: &subject, text: &text, answers: id, extra },
                at + random.seconds(2, 30),
                random,
            );
            diary.received.push(mail);
            return;
        }
        Fate::Silence => return,
        Fate::Typo => Group::Typo.refusal(random),
        Fate::Left => Group::Leaver.refusal(random),
        Fate::Full => Why::Full,
        Fate::Delayed | Fate::Dead => Why::Down,
        Fate::TakenForSpam => Why::Spam,
    };
    let receiver = Receiver { domain: to.domain().to_owned(), ..other.receiver.clone() };
    let spooled = owner.submit(message, &device.client, &from, &to.address, at, random);
    if matches!(fate, Fate::Full | Fate::Left) && random.chance(0.15) {
        let host = accepting_server(&receiver, random);
        let refused = late_refusal(&to.address, &receiver, why, random);
        let when = at + random.seconds(4, 90);
        diary.received.push(owner.hosting.report_of(&host, &spooled, &[refused], when, random));
        return;
    }
    let refused = [refusal(&to.address, &receiver, why, &owner.party.address, &spooled.from(), random)];
    let reports_delays = owner.hosting.outgoing.mta != crate::server::Mta::Qmail;
    if why == Why::Down && reports_delays {
        diary.received.push(owner.hosting.report(&spooled, &refused, at + TimeDelta::hours(4), true, random));
    }
    if matches!(fate, Fate::Delayed) {
        return;
    }
    let is_temporary = why == Why::Down
        || matches!(&refused, [only] if matches!(&only.problem, crate::server::Problem::Said { reply, .. } if reply.is_temporary()));
    let waited = if is_temporary { lifetime(owner) } else { random.seconds(1, 8) };
    diary.received.push(owner.hosting.report(&spooled, &refused, at + waited, false, random));
}

/// How long the own server tries.
pub(crate) fn lifetime(owner: &Owner) -> TimeDelta {
    match owner.hosting.outgoing.mta {
        crate::server::Mta::Qmail => crate::mta::qmail::lifetime(),
        crate::server::Mta::Microsoft365 | crate::server::Mta::Exchange => TimeDelta::days(2),
        crate::server::Mta::Google => TimeDelta::days(3),
        crate::server::Mta::Postfix | crate::server::Mta::Exim | crate::server::Mta::Sendmail => TimeDelta::days(5),
    }
}

/// One letter of the local part is another one, or two changed places.
fn misspelt(address: &str, random: &mut Random) -> String {
    let (local, domain) = address.split_once('@').unwrap_or((address, ""));
    let mut letters: Vec<char> = local.chars().collect();
    let place = usize::try_from(random.below(u32::try_from(letters.len()).unwrap_or(1))).unwrap_or_default();
    if random.chance(0.5) && place + 1 < letters.len() {
        letters.swap(place, place + 1);
    }
    let changed: String = letters.iter().collect();
    let changed = if changed == local { format!("{local}{}", random.text("abcdefgh", 1)) } else { changed };
    format!("{changed}@{domain}")
}

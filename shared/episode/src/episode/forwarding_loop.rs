//! The mailbox forwards to a partner's, which forwards back: after a few rounds one host counts the hops and gives up.

use chrono::TimeDelta;

use crate::{
    episode::Stage,
    letter::Party,
    message::Message,
    network::{Country, server_ip},
    reply::{Reply, Step},
    server::{Entry, HandIn, Marks, Mta, Problem, Refused, Server},
    world::{Correspondent, Said},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let hosting = &owner.hosting;
    let random = &mut stage.random;
    let partner = Correspondent::any(owner.language, owner.country, random);
    let there = Server {
        name: format!("mail.{}", partner.party.domain()),
        ip: server_ip(Country::Japan, random),
        mta: Mta::Postfix,
        zone: owner.zone,
        language: owner.language,
        marks: Marks::Authenticated,
        make: random.below(90),
    };
    let says_there = random.chance(0.4);
    let mut at = stage.begin;
    for _ in 0..stage.most.min(40) {
        at += stage.random.wait(TimeDelta::minutes(50));
        let random = &mut stage.random;
        let writer = Correspondent::any(owner.language, owner.country, random);
        let subject = owner.language.subject(random);
        let text = owner.language.letter(&writer.party.shown, random);
        let (first, _) = writer.writes(owner, Said { subject: &subject, text: &text, ..Said::default() }, at, random);
        let mut message = parsed(&first.bytes);
        rounds(&mut message, stage, &there, &partner.party, at);
        message.stamp(&hosting.incoming.forwards(&owner.party.address, &partner.party.address));
        let random = &mut stage.random;
        let sender = &owner.party.address;
        let entry = Entry::Local { account: "vmail", uid: 5_000 };
        let spooled = hosting.submit(message, &HandIn { entry, sender, to: &partner.party.address, at }, random);
        let problem = if says_there {
            let reply = Reply::new(Step::Data, "554 5.4.0 Error: too many hops");
            Problem::Said { mx: there.name.clone(), ip: there.ip, reply }
        } else {
            Problem::Loop
        };
        let refused = [Refused { to: partner.party.address.clone(), originally: Some(sender.clone()), problem }];
        let mail = hosting.report(&spooled, &refused, at + random.seconds(60, 300), false, random);
        stage.comes(mail);
    }
    if says_there { "the partner's host counts" } else { "the own host counts" }.to_owned()
}

/// The lines of a dozen rounds between the two.
fn rounds(
    message: &mut Message,
    stage: &mut Stage<'_>,
    there: &Server,
    partner: &Party,
    at: chrono::DateTime<chrono::Utc>,
) {
    let own = &stage.owner.hosting;
    for round in 0..12 {
        let at = at + TimeDelta::seconds(4 * round);
        for (server, from, to) in [
            (there, own.outgoing.endpoint(), &partner.address),
            (&own.incoming, there.endpoint(), &stage.owner.party.address),
        ] {
            let helo = from.name_or("localhost").to_owned();
            let entry = Entry::Relayed { from: &from, helo: &helo };
            let hand_in = HandIn { entry, sender: &stage.owner.party.address, to, at };
            let trace = server.takes(&hand_in, &mut stage.random);
            message.stamp(&format!("Delivered-To: {to}\r\n{}", trace.lines));
        }
    }
}

fn parsed(bytes: &[u8]) -> Message {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Message { head: format!("{head}\r\n"), body: body.to_owned() }
}

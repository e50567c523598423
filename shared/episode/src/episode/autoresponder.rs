//! An automatic answer goes to everybody, also to the forged senders of spam, and their hosts refuse it.

use chrono::TimeDelta;

use crate::{
    episode::Stage,
    message::{Charset, Message},
    reply::Group,
    server::{Entry, HandIn, Mta},
    world::{accepting_server, late_refusal, refusal, stranger},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let hosting = &owner.hosting;
    let gap = stage.random.choose(&[(0.4, TimeDelta::hours(1))], TimeDelta::minutes(10));
    let mut at = stage.begin;
    for _ in 0..stage.most {
        at += stage.random.wait(gap);
        let random = &mut stage.random;
        let (to, receiver) = stranger(random);
        let about = owner.language.subject(random);
        let (subject, text) = owner.language.away(&about, random);
        let id = match hosting.outgoing.mta {
            Mta::Google => format!("<CA{}@mail.gmail.com>", random.hex(40)),
            Mta::Microsoft365 | Mta::Exchange => format!("<{}@{}>", random.hex(32), hosting.outgoing.name),
            Mta::Postfix | Mta::Exim | Mta::Qmail | Mta::Sendmail => {
                format!("<dovecot-sieve-{}-{}-0@{}>", at.timestamp(), random.digits(6), hosting.incoming.name)
            }
        };
        let mut message = Message::default();
        message.field("Date", &owner.zone.date(at));
        message.field("From", &owner.party.address);
        message.field("To", &to);
        message.field("Subject", &Charset::Utf8.header(&subject));
        message.field("Message-ID", &id);
        message.field("In-Reply-To", &format!("<{}@{}>", random.hex(16), receiver.domain));
        message.field(
            "Auto-Submitted",
            if hosting.outgoing.mta == Mta::Microsoft365 { "auto-generated" } else { "auto-replied (vacation)" },
        );
        message.field("X-Auto-Response-Suppress", "All");
        message.field("Precedence", "bulk");
        message.field("MIME-Version", "1.0");
        let (fields, body) = Charset::Utf8.part("text/plain", &text);
        message.head += &fields;
        message.body = body;
        let sender = &owner.party.address;
        let entry = Entry::Local { account: "vmail", uid: 5_000 };
        let spooled = hosting.submit(message, &HandIn { entry, sender, to: &to, at }, random);
        let mail = if random.chance(0.85) {
            let refused = [refusal(&to, &receiver, Group::List.refusal(random), sender, &spooled.from(), random)];
            hosting.report(&spooled, &refused, at + random.seconds(1, 9), false, random)
        } else {
            let host = accepting_server(&receiver, random);
            let refused = [late_refusal(&to, &receiver, Group::List.refusal(random), random)];
            hosting.report_of(&host, &spooled, &refused, at + random.seconds(2, 90), random)
        };
        stage.comes(mail);
    }
    "vacation rule".to_owned()
}

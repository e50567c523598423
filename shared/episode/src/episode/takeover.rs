//! The password is stolen, and somebody signs in and sends.

use chrono::TimeDelta;

use crate::{
    Provider,
    client::{Client, Program},
    clock::Time,
    episode::{Speed, Stage, notice},
    hosting::Spooled,
    letter::{Letter, Party},
    message::Message,
    network::{Country, Endpoint, Network},
    owner::Owner,
    random::{Random, stretched},
    reply::Group,
    server::Mta,
    words::{Language, Lure},
    world::{Correspondent, Said, accepting_server, late_refusal, refusal, stranger},
};

/// How the thief works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// A tool of the thief's on one host.
    OwnTool,
    /// The provider's own webmail.
    Webmail,
    /// The victim's mail program, in words, from another host.
    Imitates,
    /// Each mail from another bot.
    Bots,
}

struct Thief {
    style: Style,
    clients: Vec<Client>,
    lairs: Vec<Network>,
    lure: &'static Lure,
    /// How many forms of subject and text.
    forms: usize,
    /// The share of all sendings that bounces.
    bounced: f64,
    /// The share of the recipients that the victim knows.
    contacts: f64,
    /// At most so many failing recipients of one mail.
    together: u32,
    keeps_copies: bool,
    hides_bounces: bool,
    /// The share of the bounces that the victim's own server writes.
    own: f64,
}

impl Thief {
    fn any(owner: &Owner, random: &mut Random) -> Self {
        let hosting = &owner.hosting;
        let has_webmail = match hosting.provider {
            Provider::Gmail | Provider::Microsoft365 => 0.55,
            Provider::ImapHost => 0.15,
            Provider::PopOnly => 0.0,
        };
        let style =
            random.choose(&[(has_webmail, Style::Webmail), (0.1, Style::Imitates), (0.2, Style::Bots)], Style::OwnTool);
        let count = if style == Style::Bots { 40 } else { 1 };
        let lairs = (0..count).map(|_| Network::lair(random)).collect();
        let client = |random: &mut Random| match style {
            Style::Webmail => webmail(owner, random),
            Style::Imitates => owner.device(Time::default(), random).client.imitated(random),
            Style::OwnTool | Style::Bots => {
                let some = [(0.35, Program::PhpMailer), (0.25, Program::Script), (0.2, Program::FalseExpress)];
                Client::install(random.choose(&some, Program::BulkMailer), Language::English, random)
            }
        };
        let clients = (0..count.min(5)).map(|_| client(random)).collect();
        Self {
            style,
            clients,
            lairs,
            lure: Lure::any(random),
            forms: random.choose(&[(0.4, 1), (0.2, 2), (0.2, 3)], 5),
            bounced: random.between(0.05, 0.4),
            contacts: if random.chance(0.12) { 0.15 } else { 0.0 },
            together: random.choose(&[(0.2, 5)], 1),
            keeps_copies: match hosting.provider {
                Provider::Gmail | Provider::Microsoft365 => random.chance(0.55),
                Provider::ImapHost => style == Style::Webmail && random.chance(0.7),
                Provider::PopOnly => false,
            },
            hides_bounces: random.chance(0.08),
            own: random.between(0.75, 0.97),
        }
    }

    /// One mail, as written and as the own server holds it; and where it came from.
    fn sends(&self, owner: &Owner, to: &str, at: Time, random: &mut Random) -> (Message, Spooled) {
        let fallback = webmail(owner, random);
        let client = random.pick(&self.clients).unwrap_or(&fallback);
        let from = match random.pick(&self.lairs) {
            Some(lair) => lair.connect(random),
            None => Endpoint { ip: std::net::Ipv4Addr::LOCALHOST, name: None },
        };
        let party = Party::bare(to);
        let (subject, text) = self.lure.filled(self.forms, party.local(), random);
        let letter = Letter { language: Language::English, ..owner.letter(&party, subject, text, at) };
        let message = client.write(&letter, random);
        let spooled = owner.submit(message.clone(), client, &from, to, at, random);
        (message, spooled)
    }
}

fn webmail(owner: &Owner, random: &mut Random) -> Client {
    let program = match owner.hosting.outgoing.mta {
        Mta::Google => Program::GmailWeb,
        Mta::Microsoft365 => Program::Mapi,
        Mta::Exchange => return Client::in_house(&owner.hosting.outgoing.name, owner.language, random),
        Mta::Postfix | Mta::Exim | Mta::Qmail | Mta::Sendmail => Program::Roundcube,
    };
    Client::install(program, owner.language, random)
}

pub(super) fn play(stage: &mut Stage<'_>, speed: Speed) -> String {
    let owner = stage.owner;
    let thief = Thief::any(owner, &mut stage.random);
    // A host that looks stops the thief some time.
    let throttled_after = stage.random.chance(0.4).then(|| stage.random.range(15, 100));
    let (mut at, mut bounces) = (stage.begin, 0);
    while bounces < stage.most {
        at += stage.random.wait(speed.gap());
        if throttled_after.is_some_and(|after| bounces >= after) {
            notice::throttled(stage, at);
            if stage.random.chance(0.6) {
                break;
            }
        }
        one_mail(stage, &thief, at);
        bounces += 1;
        delivered(stage, &thief, at);
    }
    format!("{:?}{}", thief.style, if thief.hides_bounces { ", hides bounces" } else { "" })
}

/// A mail whose bounce arrives about now.
fn one_mail(stage: &mut Stage<'_>, thief: &Thief, at: Time) {
    let (owner, random) = (stage.owner, &mut stage.random);
    let (mut to, mut receiver) = stranger(random);
    if random.chance(thief.contacts)
        && let Some(known) = random.pick(&owner.correspondents)
    {
        (to, receiver) = (known.party.address.clone(), known.receiver.clone());
    }
    let sent_at = at - random.seconds(1, 12);
    let (message, spooled) = thief.sends(owner, &to, sent_at, random);
    let why = Group::Stolen.refusal(random);
    let mail = if random.chance(thief.own) {
        let sender = &owner.party.address;
        let mut refused = vec![refusal(&to, &receiver, why, sender, &spooled.from(), random)];
        for _ in 1..random.range(1, thief.together) {
            let (to, receiver) = stranger(random);
            refused.push(refusal(&to, &receiver, Group::Stolen.refusal(random), sender, &spooled.from(), random));
        }
        owner.hosting.report(&spooled, &refused, at, false, random)
    } else {
        let host = accepting_server(&receiver, random);
        let refused = [late_refusal(&to, &receiver, why, random)];
        owner.hosting.report_of(&host, &spooled, &refused, at, random)
    };
    if thief.hides_bounces {
        stage.comes_hidden(mail);
    } else {
        stage.comes(mail);
    }
    if thief.keeps_copies {
        stage.stays(Owner::copy(&message, sent_at));
    }
}

/// What arrived between two bounces: a few copies, and now and then an answer to a mail that nobody here wrote.
fn delivered(stage: &mut Stage<'_>, thief: &Thief, at: Time) {
    let owner = stage.owner;
    let arrived = (1.0 - thief.bounced) / thief.bounced;
    let copies = if thief.keeps_copies { stage.random.poisson(arrived.min(3.0)) } else { 0 };
    let answers = stage.random.poisson((arrived * 0.012).min(0.12));
    for number in 0..copies.max(answers) {
        let random = &mut stage.random;
        let other = Correspondent::any(Language::English, Country::Britain, random);
        let (message, _) = thief.sends(owner, &other.party.address, at, random);
        if number < answers {
            let mail = answer(owner, &other, &message, at, random);
            stage.comes(mail);
        }
        if number < copies {
            stage.stays(Owner::copy(&message, at));
        }
    }
}

/// An automatic answer, or a person's.
fn answer(owner: &Owner, other: &Correspondent, to: &Message, at: Time, random: &mut Random) -> crate::Mail {
    let (subject, id) = (to.value("Subject").unwrap_or_default(), to.value("Message-ID"));
    if random.chance(0.75) {
        let (subject, text) = other.language.away(&subject, random);
        let extra = vec![("Auto-Submitted", "auto-replied".to_owned())];
        let when = at + random.seconds(2, 40);
        return other.writes(owner, Said { subject: &subject, text: &text, answers: id, extra }, when, random).0;
    }
    let text = "Who are you? Please stop sending me this.\n";
    let when = at + random.wait(TimeDelta::hours(2));
    other
        .writes(owner, Said { subject: &format!("Re: {subject}"), text, answers: id, ..Said::default() }, when, random)
        .0
}

/// Another envelope sender: what bounces goes elsewhere.
pub(super) fn silent(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let thief = Thief { keeps_copies: false, ..Thief::any(owner, &mut stage.random) };
    let mut at = stage.begin;
    let answers = stage.random.range(6, 20);
    for number in 0..answers {
        at += stage.random.wait(stretched(TimeDelta::minutes(12), 1.0));
        let random = &mut stage.random;
        let other = Correspondent::any(Language::English, Country::Britain, random);
        let (message, _) = thief.sends(owner, &other.party.address, at, random);
        let mail = answer(owner, &other, &message, at, random);
        stage.comes(mail);
        if number == answers / 2 {
            notice::throttled(stage, at);
        }
    }
    format!("{:?}, another envelope sender", thief.style)
}

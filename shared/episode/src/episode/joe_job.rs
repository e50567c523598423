//! Somebody elsewhere writes the address into the envelope: hosts all over the world bounce what they had accepted.

use chrono::TimeDelta;

use crate::{
    client::{Client, Program},
    clock::Zone,
    episode::Stage,
    hosting::Spooled,
    letter::{Letter, Party},
    message::{EOL, Message},
    network::{Country, Network, server_ip},
    owner::Owner,
    random::Random,
    receiver::local_part,
    reply::Group,
    server::{Entry, HandIn, Marks, Mta, Server},
    words::{Language, Lure},
    world::{accepting_server, late_refusal, refusal, stranger},
};

/// Where the forger's mail enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// From bots straight to the recipients' hosts.
    Direct,
    /// Through a mailbox stolen from somebody else, whose host does not look at the sender.
    StolenElsewhere,
}

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let random = &mut stage.random;
    let way = random.choose(&[(0.25, Way::StolenElsewhere)], Way::Direct);
    let gap = random.choose(
        &[(0.2, TimeDelta::hours(1)), (0.3, TimeDelta::minutes(12)), (0.3, TimeDelta::minutes(3))],
        TimeDelta::seconds(20),
    );
    let lure = Lure::any(random);
    let forms = random.choose(&[(0.5, 1)], 4);
    // Mail to any name of the domain lands in this mailbox, and the forger invents names.
    let is_catch_all = random.chance(0.25);
    let forges_lines = random.chance(0.2);
    let helpers: Vec<Server> = (0..random.range(1, 3)).map(|_| helper(random)).collect();
    let bots: Vec<Network> = (0..50).map(|_| Network::lair(random)).collect();
    let mut at = stage.begin;
    for _ in 0..stage.most {
        at += stage.random.wait(gap);
        let random = &mut stage.random;
        let sender =
            if is_catch_all { format!("{}@{}", local_part(random), owner.domain) } else { owner.party.address.clone() };
        let (to, receiver) = stranger(random);
        let program = random.choose(
            &[(0.3, Program::PhpMailer), (0.3, Program::FalseExpress), (0.2, Program::Script)],
            Program::BulkMailer,
        );
        let client = Client::install(program, Language::English, random);
        let (subject, text) = lure.filled(forms, "", random);
        let letter = Letter {
            from: Party::bare(&sender),
            language: Language::English,
            zone: Zone::utc(),
            ..owner.letter(&Party::bare(&to), subject, text, at)
        };
        let mut message = client.write(&letter, random);
        let Some(bot) = random.pick(&bots) else { break };
        let bot = bot.connect(random);
        if forges_lines {
            forge(&mut message, owner, &letter, random);
        }
        let why = Group::Forged.refusal(random);
        let later = at + random.seconds(1, 400);
        let foreign = accepting_server(&receiver, random);
        let mail = match (way, random.pick(&helpers)) {
            (Way::StolenElsewhere, Some(helper)) => {
                let user = format!("info@{}", helper.name.split_once('.').map_or("", |(_, rest)| rest));
                let entry = Entry::SignedIn { from: &bot, helo: &client.helo, user: &user };
                let spooled = Spooled::at(helper, message, &HandIn { entry, sender: &sender, to: &to, at }, random);
                if random.chance(0.75) {
                    let refused =
                        [refusal(&to, &receiver, Group::Stolen.refusal(random), &sender, &spooled.from(), random)];
                    owner.hosting.report(&spooled, &refused, later, false, random)
                } else {
                    let refused = [late_refusal(&to, &receiver, why, random)];
                    owner.hosting.report_of(&foreign, &spooled, &refused, later, random)
                }
            }
            (Way::Direct | Way::StolenElsewhere, _) => {
                let entry = Entry::Relayed { from: &bot, helo: &client.helo };
                let spooled = Spooled::at(&foreign, message, &HandIn { entry, sender: &sender, to: &to, at }, random);
                let refused = [late_refusal(&to, &receiver, why, random)];
                owner.hosting.report(&spooled, &refused, later, false, random)
            }
        };
        stage.comes(mail);
    }
    format!(
        "{way:?}{}{}",
        if is_catch_all { ", catch-all" } else { "" },
        if forges_lines { ", forged lines" } else { "" }
    )
}

/// Somebody else's mail server.
fn helper(random: &mut Random) -> Server {
    let domain = format!("{}{}.example", Language::English.company(random).ascii, random.below(900));
    Server {
        name: format!("mail.{domain}"),
        ip: server_ip(Country::Elsewhere, random),
        mta: random.choose(&[(0.5, Mta::Postfix), (0.3, Mta::Exim)], Mta::Sendmail),
        zone: Zone::utc(),
        language: Language::English,
        marks: Marks::Authenticated,
        make: random.below(90),
    }
}

/// Lines at the bottom that pretend the mail went through the victim's server.
fn forge(message: &mut Message, owner: &Owner, letter: &Letter, random: &mut Random) {
    let host = match owner.hosting.outgoing.mta {
        Mta::Google => "smtp.gmail.com",
        Mta::Microsoft365 => "smtp.office365.com",
        Mta::Postfix | Mta::Exim | Mta::Qmail | Mta::Sendmail | Mta::Exchange => &owner.hosting.outgoing.name,
    };
    let lines = format!(
        "Received: from [192.168.1.{}] (unknown [10.0.0.{}]){EOL}\t(Authenticated sender: {}){EOL}\tby {host} (Postfix) with ESMTPSA id {}{EOL}\tfor <{}>; {}{EOL}",
        random.range(2, 99),
        random.range(2, 99),
        owner.party.address,
        random.hex(11).to_uppercase(),
        letter.to.address,
        letter.zone.named_date(letter.at)
    );
    message.stamp(&lines);
}

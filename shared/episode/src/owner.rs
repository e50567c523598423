//! The person whose mailbox it is: company, programs, networks, habits, and the people written with.

use chrono::TimeDelta;

use crate::{
    Mail, Provider,
    client::{Client, Program},
    clock::{Time, Zone},
    hosting::{Hosting, Spooled},
    letter::{Letter, Party},
    message::Message,
    network::{Country, Endpoint, Network},
    random::Random,
    server::{Entry, HandIn, Mta},
    words::Language,
    world::Correspondent,
};

/// A program on a machine in a network.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) client: Client,
    pub(crate) network: Network,
}

/// Which of the sent mails lie in Sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copies {
    /// But for one in twenty.
    All,
    /// Those of one program of two.
    Half,
    None,
}

/// The owner of a mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) party: Party,
    pub(crate) company: String,
    pub(crate) domain: String,
    pub(crate) language: Language,
    pub(crate) country: Country,
    pub(crate) zone: Zone,
    pub(crate) hosting: Hosting,
    pub(crate) devices: Vec<Device>,
    pub(crate) correspondents: Vec<Correspondent>,
    pub(crate) copies: Copies,
    /// Mails written on a working day.
    pub(crate) mails_a_day: f64,
    /// When work starts, after midnight.
    pub(crate) starts: TimeDelta,
    /// A device that replaces the first one, and when.
    replacement: Option<(Time, Device)>,
    /// A journey with its network.
    journey: Option<(Time, Time, Network)>,
}

/// Whose place is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) address: &'a str,
    pub(crate) language: Language,
}

impl Owner {
    pub(crate) fn any(provider: Provider, begin: Time, days: u32, random: &mut Random) -> Self {
        Self::at(None, provider, begin, days, random)
    }

    /// Somebody; or somebody in the place of that one.
    pub(crate) fn at(
        identity: Option<Identity<'_>>,
        provider: Provider,
        begin: Time,
        days: u32,
        random: &mut Random,
    ) -> Self {
        let language = random.choose(&[(0.6, Language::Japanese), (0.25, Language::English)], Language::German);
        let language = identity.map_or(language, |identity| identity.language);
        let (country, zone) = match language {
            Language::Japanese => (Country::Japan, Zone::tokyo()),
            Language::English => (Country::Britain, Zone::new(0, "GMT")),
            Language::German => (Country::Germany, Zone::new(1, "CET")),
        };
        let company = language.company(random);
        let domain = format!("{}{}.example", company.ascii, random.range(1, 99));
        let own = identity.and_then(|identity| identity.address.rsplit_once('@'));
        let domain = own.map_or(domain, |(_, domain)| domain.to_owned());
        let hosting = Hosting::any(provider, &domain, language, random);
        let (given, family) = language.person(random);
        let (local, shown) = match random.below(4) {
            0 => ("info".to_owned(), company.shown.clone()),
            1 => (family.ascii.clone(), family.shown.clone()),
            _ => (
                format!("{}.{}", given.ascii, family.ascii),
                match language {
                    Language::Japanese => format!("{} {}", family.shown, given.shown),
                    Language::English | Language::German => format!("{} {}", given.shown, family.shown),
                },
            ),
        };
        let local = own.map_or(local, |(local, _)| local.to_owned());
        let party = Party { shown, address: format!("{local}@{domain}") };
        let mut devices = vec![main_device(&hosting, language, country, random)];
        if random.chance(0.6) {
            devices.push(phone(&hosting, language, country, random));
        }
        if random.chance(0.25) {
            let client = main_device(&hosting, language, country, random).client;
            devices.push(Device { client, network: Network::home(country, random) });
        }
        let copies = match provider {
            Provider::Gmail | Provider::Microsoft365 => Copies::All,
            Provider::PopOnly => Copies::None,
            Provider::ImapHost => random.choose(&[(0.15, Copies::Half), (0.12, Copies::None)], Copies::All),
        };
        let moment = |random: &mut Random| begin + random.seconds(0, days.max(1) * 86_400);
        let replacement =
            random.chance(0.15).then(|| (moment(random), main_device(&hosting, language, country, random)));
        let journey = random.chance(0.15).then(|| {
            let start = moment(random);
            let abroad = random.choose(&[(0.5, country), (0.3, Country::Britain)], Country::Elsewhere);
            (start, start + random.seconds(86_400, 9 * 86_400), Network::home(abroad, random))
        });
        let count = random.range(20, 50);
        let correspondents = (0..count).map(|_| {
            let is_abroad = random.chance(0.07);
            let (language, country) =
                if is_abroad { (Language::English, Country::Britain) } else { (language, country) };
            Correspondent::any(language, country, random)
        });
        let correspondents = correspondents.collect();
        Self {
            company: company.shown,
            domain,
            language,
            country,
            zone,
            devices,
            correspondents,
            copies,
            mails_a_day: random.between(1.5, 7.0),
            starts: TimeDelta::minutes(i64::from(random.range(450, 600))),
            replacement,
            journey,
            hosting,
            party,
        }
    }

    /// The same with the devices and the place that they have now.
    pub(crate) fn settled(self) -> Self {
        Self { replacement: None, journey: None, ..self }
    }

    /// The device in hand at a time.
    pub(crate) fn device(&self, at: Time, random: &mut Random) -> Device {
        let main = match &self.replacement {
            Some((since, device)) if at >= *since => Some(device),
            Some(_) | None => self.devices.first(),
        };
        let other = if random.chance(0.25) { random.pick(&self.devices) } else { None };
        let device =
            other.or(main).cloned().unwrap_or_else(|| main_device(&self.hosting, self.language, self.country, random));
        match &self.journey {
            Some((start, end, network)) if (*start..*end).contains(&at) => {
                Device { network: network.clone(), ..device }
            }
            Some(_) | None => device,
        }
    }

    /// The mailbox's own letter, still without any server's lines.
    pub(crate) fn letter(&self, to: &Party, subject: String, text: String, at: Time) -> Letter {
        Letter {
            from: self.party.clone(),
            to: to.clone(),
            subject,
            text,
            language: self.language,
            at,
            zone: self.zone,
            answers: None,
            extra: Vec::new(),
            is_html: false,
        }
    }

    /// Hands a written message to the own server, from a device.
    pub(crate) fn submit(
        &self,
        message: Message,
        client: &Client,
        from: &Endpoint,
        to: &str,
        at: Time,
        random: &mut Random,
    ) -> Spooled {
        let user = &self.party.address;
        let entry = if client.is_web() {
            Entry::Web { from, user }
        } else {
            Entry::SignedIn { from, helo: &client.helo, user }
        };
        self.hosting.submit(message, &HandIn { entry, sender: user, to, at }, random)
    }

    /// Whether a mail that this program wrote is kept in Sent.
    pub(crate) fn keeps(&self, client: &Client, random: &mut Random) -> bool {
        match (self.hosting.provider, self.copies) {
            // Google files what it sends, however it came.
            (Provider::Gmail, _) => true,
            (Provider::PopOnly, _) | (_, Copies::None) => client.program == Program::Roundcube,
            (_, Copies::All) => random.chance(0.95),
            (_, Copies::Half) => random.chance(0.5),
        }
    }

    /// A copy as it lies in Sent: what the program wrote, before any server.
    pub(crate) fn copy(message: &Message, at: Time) -> Mail {
        Mail::new(at, message.bytes())
    }
}

/// What stands on the desk.
fn main_device(hosting: &Hosting, language: Language, country: Country, random: &mut Random) -> Device {
    let network = Network::office(country, random);
    let program = match hosting.provider {
        Provider::Gmail => random.choose(
            &[(0.15, Program::Outlook), (0.1, Program::Thunderbird), (0.05, Program::AppleMail)],
            Program::GmailWeb,
        ),
        Provider::Microsoft365 => {
            random.choose(&[(0.06, Program::Thunderbird), (0.06, Program::AppleMail)], Program::Mapi)
        }
        Provider::ImapHost if hosting.outgoing.mta == Mta::Exchange => Program::Mapi,
        Provider::ImapHost | Provider::PopOnly => {
            let japanese = if language == Language::Japanese { 0.2 } else { 0.0 };
            let webmail = if hosting.provider == Provider::PopOnly { 0.0 } else { 0.1 };
            random.choose(
                &[
                    (japanese, Program::Becky),
                    (webmail, Program::Roundcube),
                    (0.2, Program::Thunderbird),
                    (0.12, Program::AppleMail),
                ],
                Program::Outlook,
            )
        }
    };
    let client = if program == Program::Mapi && hosting.outgoing.mta == Mta::Exchange {
        Client::in_house(&hosting.outgoing.name, language, random)
    } else {
        Client::install(program, language, random)
    };
    Device { client, network }
}

/// What is in the pocket.
fn phone(hosting: &Hosting, language: Language, country: Country, random: &mut Random) -> Device {
    let program = match hosting.outgoing.mta {
        Mta::Microsoft365 | Mta::Exchange => Program::Mapi,
        Mta::Google => random.choose(&[(0.5, Program::GmailWeb)], Program::IphoneMail),
        Mta::Postfix | Mta::Exim | Mta::Qmail | Mta::Sendmail => {
            random.choose(&[(0.35, Program::AndroidMail)], Program::IphoneMail)
        }
    };
    let client = if program == Program::Mapi && hosting.outgoing.mta == Mta::Exchange {
        Client::in_house(&hosting.outgoing.name, language, random)
    } else {
        Client::install(program, language, random)
    };
    Device { client, network: Network::mobile(country, random) }
}

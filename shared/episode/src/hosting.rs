//! Where a mailbox lives: the servers that send, receive and carry the site, and how mail reaches it.

use crate::{
    Mail, Provider,
    clock::{Time, Zone},
    message::Message,
    network::{Country, Endpoint, server_ip},
    random::Random,
    server::{Entry, HandIn, Marks, Mta, Refused, Report, Server},
    words::Language,
};

/// The servers of one mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Hosting {
    pub(crate) provider: Provider,
    pub(crate) outgoing: Server,
    pub(crate) incoming: Server,
    /// The company's site runs here.
    pub(crate) web: Server,
    /// Other customers send through the same server.
    pub(crate) is_shared: bool,
}

/// A message that a server has taken and now tries to deliver.
#[derive(Clone, Debug)]
pub(crate) struct Spooled {
    pub(crate) message: Message,
    server: Server,
    queue_id: String,
    came_from: String,
    sender: String,
    to: String,
    at: Time,
    /// What the server adds on the way out.
    outward: String,
}

impl Hosting {
    pub(crate) fn any(provider: Provider, domain: &str, language: Language, random: &mut Random) -> Self {
        let (country, zone) = match language {
            Language::Japanese => (Country::Japan, Zone::tokyo()),
            Language::English => (Country::Britain, Zone::new(0, "GMT")),
            Language::German => (Country::Germany, Zone::new(1, "CET")),
        };
        let hoster = random.word(&["rental-server", "webspace", "hosting-park", "mail-haus", "server-ya"]);
        let number = random.range(2, 240);
        let mta = match provider {
            Provider::Gmail => Mta::Google,
            Provider::Microsoft365 => Mta::Microsoft365,
            Provider::ImapHost => random.choose(
                &[(0.26, Mta::Exim), (0.12, Mta::Qmail), (0.06, Mta::Sendmail), (0.07, Mta::Exchange)],
                Mta::Postfix,
            ),
            Provider::PopOnly => random.choose(&[(0.35, Mta::Qmail), (0.15, Mta::Sendmail)], Mta::Postfix),
        };
        let marks = match mta {
            Mta::Postfix => random.choose(&[(0.45, Marks::Named), (0.05, Marks::Nothing)], Marks::Authenticated),
            Mta::Qmail => random.choose(&[(0.5, Marks::Named), (0.3, Marks::Nothing)], Marks::Authenticated),
            Mta::Exim | Mta::Sendmail | Mta::Google | Mta::Microsoft365 | Mta::Exchange => Marks::Authenticated,
        };
        let make = random.below(90);
        let server = |name: String, mta: Mta, random: &mut Random| Server {
            name,
            ip: server_ip(country, random),
            mta,
            zone,
            language,
            marks,
            make,
        };
        let is_own = matches!(mta, Mta::Sendmail | Mta::Exchange) || (mta == Mta::Postfix && random.chance(0.35));
        let outgoing = match mta {
            Mta::Google | Mta::Microsoft365 => server(domain.to_owned(), mta, random),
            Mta::Exchange => server(format!("ex01.{domain}"), mta, random),
            Mta::Exim => server(format!("sv{number}.{hoster}.example"), mta, random),
            Mta::Postfix | Mta::Qmail | Mta::Sendmail if is_own => server(format!("mail.{domain}"), mta, random),
            Mta::Postfix | Mta::Qmail | Mta::Sendmail => server(format!("smtp{number}.{hoster}.example"), mta, random),
        };
        let has_two = matches!(mta, Mta::Postfix | Mta::Qmail) && !is_own && random.chance(0.6);
        let incoming =
            if has_two { server(format!("mx{number}.{hoster}.example"), mta, random) } else { outgoing.clone() };
        let web = if mta == Mta::Exim {
            outgoing.clone()
        } else {
            let mta = random.choose(&[(0.3, Mta::Exim), (0.1, Mta::Sendmail), (0.1, Mta::Qmail)], Mta::Postfix);
            server(format!("www{number}.{hoster}.example"), mta, random)
        };
        let is_shared = !is_own && !matches!(mta, Mta::Google | Mta::Microsoft365);
        Self { provider, outgoing, incoming, web, is_shared }
    }

    /// The host names that are this mailbox's own; those of Google and Microsoft go without saying.
    pub(crate) fn own_hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = self.named().map(|server| server.name.clone()).collect();
        hosts.dedup();
        hosts
    }

    /// Their networks.
    pub(crate) fn own_networks(&self) -> Vec<String> {
        let mut networks: Vec<String> = self.named().map(|server| format!("{}/32", server.ip)).collect();
        networks.dedup();
        networks
    }

    fn named(&self) -> impl Iterator<Item = &Server> {
        let all = [&self.outgoing, &self.incoming, &self.web];
        all.into_iter().filter(|server| !matches!(server.mta, Mta::Google | Mta::Microsoft365))
    }

    /// A server that receives takes a message, to deliver it elsewhere.
    pub(crate) fn submit(&self, message: Message, hand_in: &HandIn<'_>, random: &mut Random) -> Spooled {
        Spooled::at(&self.outgoing, message, hand_in, random)
    }

    /// The report of the server that holds a message, as it lies in the mailbox.
    pub(crate) fn report(
        &self,
        spooled: &Spooled,
        refused: &[Refused],
        at: Time,
        is_delay: bool,
        random: &mut Random,
    ) -> Mail {
        let report = spooled.server.reports(&spooled.report(refused, at, is_delay), random);
        let later = at + random.seconds(0, 3);
        if spooled.server.name == self.incoming.name {
            return Mail { is_bounce: true, ..self.stored(report, "", &spooled.sender, later, random) };
        }
        let mail = self.arrives(report, &spooled.server.endpoint(), "", &spooled.sender, later, random);
        Mail { is_bounce: true, ..mail }
    }

    /// The report of a host that had accepted it, as it lies in the mailbox.
    pub(crate) fn report_of(
        &self,
        foreign: &Server,
        spooled: &Spooled,
        refused: &[Refused],
        at: Time,
        random: &mut Random,
    ) -> Mail {
        let there = spooled.relayed(foreign, random);
        let report = foreign.reports(&there.report(refused, at, false), random);
        let mail = self.arrives(report, &foreign.endpoint(), "", &there.sender, at + random.seconds(1, 40), random);
        Mail { is_bounce: true, ..mail }
    }

    /// A message from another host comes in.
    pub(crate) fn arrives(
        &self,
        mut message: Message,
        from: &Endpoint,
        sender: &str,
        to: &str,
        at: Time,
        random: &mut Random,
    ) -> Mail {
        let helo = from.name_or("localhost").to_owned();
        let hand_in = HandIn { entry: Entry::Relayed { from, helo: &helo }, sender, to, at };
        let trace = self.incoming.takes(&hand_in, random);
        message.stamp(&trace.lines);
        self.stored(message, sender, to, at, random)
    }

    fn stored(&self, mut message: Message, sender: &str, to: &str, at: Time, random: &mut Random) -> Mail {
        let from = self.incoming.endpoint();
        let hand_in = HandIn { entry: Entry::Relayed { from: &from, helo: "" }, sender, to, at };
        message.stamp(&self.incoming.stores(&hand_in, random));
        Mail::new(at, message.bytes())
    }
}

impl Spooled {
    /// A server takes a message.
    pub(crate) fn at(server: &Server, mut message: Message, hand_in: &HandIn<'_>, random: &mut Random) -> Self {
        let trace = server.takes(hand_in, random);
        message.stamp(&trace.lines);
        let came_from = match hand_in.entry {
            Entry::SignedIn { from, helo, .. } | Entry::Relayed { from, helo } => {
                format!("{} [{}]", from.name_or(helo), from.ip)
            }
            Entry::Web { .. } | Entry::Local { .. } => "localhost [127.0.0.1]".to_owned(),
        };
        Self {
            message,
            server: server.clone(),
            queue_id: trace.queue_id,
            came_from,
            sender: hand_in.sender.to_owned(),
            to: hand_in.to.to_owned(),
            at: hand_in.at,
            outward: server.sends(hand_in, random),
        }
    }

    /// The message as the next host takes it.
    pub(crate) fn relayed(&self, next: &Server, random: &mut Random) -> Self {
        let mut message = self.message.clone();
        message.stamp(&self.outward);
        let from = self.server.endpoint();
        let helo = from.name_or("localhost").to_owned();
        let hand_in = HandIn {
            entry: Entry::Relayed { from: &from, helo: &helo },
            sender: &self.sender,
            to: &self.to,
            at: self.at + random.seconds(1, 4),
        };
        Self::at(next, message, &hand_in, random)
    }

    /// Where it is delivered from: the name and the address.
    pub(crate) fn from(&self) -> Endpoint {
        self.server.endpoint()
    }

    pub(crate) fn outbound(&self) -> Message {
        let mut message = self.message.clone();
        message.stamp(&self.outward);
        message
    }

    fn report<'a>(&'a self, refused: &'a [Refused], at: Time, is_delay: bool) -> Report<'a> {
        Report {
            sender: &self.sender,
            refused,
            original: &self.message,
            queue_id: &self.queue_id,
            came_from: &self.came_from,
            arrival: self.at,
            at,
            is_delay,
        }
    }
}

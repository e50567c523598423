//! Everybody else: companies with servers of their own, which answer, refuse, or accept and bounce later.

use std::net::Ipv4Addr;

use crate::{
    Mail,
    client::{Client, Program},
    clock::{Time, Zone},
    hosting::Spooled,
    letter::{Letter, Party},
    network::{Country, Endpoint, Network, server_ip},
    owner::Owner,
    random::Random,
    receiver::{Receiver, local_part},
    reply::{Asked, By, Reply, Step, Why, reply},
    server::{Entry, HandIn, Marks, Mta, Problem, Refused, Server},
    words::Language,
};

/// The server of a domain that accepts mail before it knows whether it can deliver.
pub(crate) fn accepting_server(receiver: &Receiver, random: &mut Random) -> Server {
    let mta = match receiver.by {
        By::Microsoft | By::Hotmail => Mta::Microsoft365,
        By::Exim => Mta::Exim,
        By::Qmail | By::Docomo | By::Au | By::Softbank | By::YahooJapan => Mta::Qmail,
        By::Sendmail => Mta::Sendmail,
        By::Exchange | By::Barracuda | By::Ironport | By::Proofpoint | By::Mimecast => Mta::Exchange,
        By::Google | By::Yahoo | By::Apple | By::Gmx | By::Telekom | By::Trend | By::Postfix | By::Any => Mta::Postfix,
    };
    let language = random.choose(&[(0.4, Language::English), (0.2, Language::German)], Language::Japanese);
    let name = match mta {
        Mta::Microsoft365 => receiver.domain.clone(),
        Mta::Google | Mta::Postfix | Mta::Exim | Mta::Qmail | Mta::Sendmail | Mta::Exchange => {
            format!("{}.{}", random.word(&["mail", "mx", "relay", "gw", "smtp", "mx2"]), receiver.domain)
        }
    };
    let zone = match language {
        Language::Japanese => Zone::tokyo(),
        Language::English => Zone::new(0, "GMT"),
        Language::German => Zone::new(1, "CET"),
    };
    Server { name, ip: receiver.ip, mta, zone, language, marks: Marks::Authenticated, make: random.below(90) }
}

/// Somebody whom the mailbox's owner writes with.
#[derive(Clone, Debug)]
pub(crate) struct Correspondent {
    pub(crate) party: Party,
    pub(crate) receiver: Receiver,
    pub(crate) language: Language,
    server: Server,
    client: Client,
    endpoint: Endpoint,
}

/// What somebody writes to the mailbox.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said<'a> {
    pub(crate) subject: &'a str,
    pub(crate) text: &'a str,
    /// The Message-ID that it answers.
    pub(crate) answers: Option<String>,
    /// Further fields.
    pub(crate) extra: Vec<(&'static str, String)>,
}

impl Correspondent {
    pub(crate) fn any(language: Language, country: Country, random: &mut Random) -> Self {
        let (given, family) = language.person(random);
        let receiver = if random.chance(0.2) {
            Receiver::provider(country, random)
        } else {
            let domain = format!("{}{}.example", language.company(random).ascii, random.below(900));
            Receiver::company(domain, country, random)
        };
        let shown = match language {
            Language::Japanese => format!("{} {}", family.shown, given.shown),
            Language::English | Language::German => format!("{} {}", given.shown, family.shown),
        };
        let local = match random.below(4) {
            0 => family.ascii.clone(),
            1 => format!("{}.{}", given.ascii, family.ascii),
            2 => format!("{}{}", family.ascii, random.range(1, 99)),
            _ => random.word(&["info", "sales", "office"]).to_owned(),
        };
        let party = Party { shown, address: format!("{local}@{}", receiver.domain) };
        let mta = match receiver.by {
            By::Google => Mta::Google,
            By::Microsoft | By::Hotmail => Mta::Microsoft365,
            By::Exim => Mta::Exim,
            By::Qmail => Mta::Qmail,
            By::Sendmail => Mta::Sendmail,
            By::Exchange => Mta::Exchange,
            By::Yahoo
            | By::Apple
            | By::Docomo
            | By::Au
            | By::Softbank
            | By::YahooJapan
            | By::Gmx
            | By::Telekom
            | By::Mimecast
            | By::Proofpoint
            | By::Barracuda
            | By::Ironport
            | By::Trend
            | By::Postfix
            | By::Any => Mta::Postfix,
        };
        let is_cloud = matches!(mta, Mta::Google | Mta::Microsoft365);
        let name = if is_cloud { receiver.domain.clone() } else { format!("smtp.{}", receiver.domain) };
        let server = Server {
            name,
            ip: server_ip(country, random),
            mta,
            zone: Zone::tokyo(),
            language,
            marks: Marks::Authenticated,
            make: random.below(90),
        };
        let program = match mta {
            Mta::Google => Program::GmailWeb,
            Mta::Microsoft365 => Program::Mapi,
            Mta::Postfix | Mta::Exim | Mta::Qmail | Mta::Sendmail | Mta::Exchange => random.choose(
                &[(0.4, Program::Outlook), (0.2, Program::Thunderbird), (0.1, Program::AppleMail)],
                Program::IphoneMail,
            ),
        };
        let client = Client::install(program, language, random);
        let endpoint = Network::office(country, random).connect(random);
        Self { party, receiver, language, server, client, endpoint }
    }

    /// They write to the mailbox: the mail as it lies there, and its Message-ID.
    pub(crate) fn writes(&self, owner: &Owner, said: Said<'_>, at: Time, random: &mut Random) -> (Mail, String) {
        let (to, hosting) = (&owner.party, &owner.hosting);
        let letter = Letter {
            from: self.party.clone(),
            to: to.clone(),
            subject: said.subject.to_owned(),
            text: said.text.to_owned(),
            language: self.language,
            at,
            zone: self.server.zone,
            answers: said.answers,
            extra: said.extra,
            is_html: false,
        };
        let message = self.client.write(&letter, random);
        let id = message.value("Message-ID").unwrap_or_default();
        let user = &self.party.address;
        let entry = if self.client.is_web() {
            Entry::Web { from: &self.endpoint, user }
        } else {
            Entry::SignedIn { from: &self.endpoint, helo: &self.client.helo, user }
        };
        let hand_in = HandIn { entry, sender: user, to: &to.address, at };
        let spooled = Spooled::at(&self.server, message, &hand_in, random);
        let mail =
            hosting.arrives(spooled.outbound(), &spooled.from(), user, &to.address, at + random.seconds(2, 20), random);
        (mail, id)
    }
}

/// An address that nobody at the mailbox ever wrote to, and the host that receives for it.
pub(crate) fn stranger(random: &mut Random) -> (String, Receiver) {
    let receiver = Receiver::of_a_list(random);
    (format!("{}@{}", local_part(random), receiver.domain), receiver)
}

/// What the receiver's host tells the host that delivers.
pub(crate) fn refusal(
    to: &str,
    receiver: &Receiver,
    why: Why,
    sender: &str,
    from: &Endpoint,
    random: &mut Random,
) -> Refused {
    let (mx, ip) = (receiver.mx.clone(), receiver.ip);
    let problem = match why {
        Why::NoDomain => Problem::NoSuchDomain,
        Why::Down => Problem::Silent { mx, ip },
        Why::Unknown
        | Why::Moved
        | Why::Disabled
        | Why::Full
        | Why::Refused
        | Why::Spam
        | Why::Policy
        | Why::Listed
        | Why::DomainListed
        | Why::Rate
        | Why::Auth
        | Why::Virus
        | Why::Relay
        | Why::Greylist => {
            let host = from.name_or("localhost");
            let asked = Asked { to, from: sender, host, ip: from.ip, mx: &mx };
            Problem::Said { reply: reply(receiver.by, why, asked, random), mx, ip }
        }
    };
    Refused { to: to.to_owned(), originally: None, problem }
}

/// What a host finds that had accepted the mail before it looked.
pub(crate) fn late_refusal(to: &str, receiver: &Receiver, why: Why, random: &mut Random) -> Refused {
    let problem = match why {
        Why::Full => Problem::Full,
        Why::Unknown | Why::Moved | Why::Disabled | Why::NoDomain | Why::Relay | Why::Greylist => {
            if random.chance(0.7) { Problem::NoSuchUser } else { inner(to, receiver, Why::Unknown, random) }
        }
        Why::Refused
        | Why::Spam
        | Why::Policy
        | Why::Listed
        | Why::DomainListed
        | Why::Rate
        | Why::Auth
        | Why::Virus
        | Why::Down => inner(to, receiver, why, random),
    };
    Refused { to: to.to_owned(), originally: None, problem }
}

/// The gateway asked the server behind it.
fn inner(to: &str, receiver: &Receiver, why: Why, random: &mut Random) -> Problem {
    let mx = format!("mbox{}.{}", random.range(1, 9), receiver.domain);
    let ip = Ipv4Addr::new(10, 0, random.byte(0, 9), random.byte(2, 250));
    let asked = Asked { to, from: "", host: &receiver.mx, ip: receiver.ip, mx: &mx };
    let reply = match why {
        Why::Unknown => Reply::new(Step::Rcpt, &format!("550 5.1.1 <{to}>: Recipient address rejected: User unknown")),
        Why::Moved
        | Why::Disabled
        | Why::Full
        | Why::Refused
        | Why::Spam
        | Why::Policy
        | Why::Listed
        | Why::DomainListed
        | Why::Rate
        | Why::Auth
        | Why::Virus
        | Why::Relay
        | Why::Greylist
        | Why::NoDomain
        | Why::Down => reply(receiver.by, why, asked, random),
    };
    Problem::Said { mx, ip, reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_arrives_with_the_lines_of_both_hosts() {
        let mut random = Random::of(3, 4);
        let owner = Owner::any(crate::Provider::ImapHost, Time::default(), 1, &mut random);
        let somebody = Correspondent::any(Language::English, Country::Britain, &mut random);
        let said = Said { subject: "Hello", text: "Hello\n", ..Said::default() };
        let (mail, id) = somebody.writes(&owner, said, Time::default(), &mut random);
        let hosting = owner.hosting;
        let text = String::from_utf8(mail.bytes).unwrap();
        assert!(text.contains("Received: ") && text.contains(&id) && text.contains(&hosting.incoming.name), "{text}");
    }
}

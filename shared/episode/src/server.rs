//! A mail server, whatever program it runs: what it writes above a message that it takes, how it stores one, and what it says
//! when it cannot deliver.

use std::net::Ipv4Addr;

use crate::{
    clock::{Time, Zone},
    message::Message,
    mta,
    network::Endpoint,
    random::Random,
    reply::Reply,
    words::Language,
};

/// The program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mta {
    Postfix,
    /// As cPanel configures it on shared hosts.
    Exim,
    Qmail,
    Sendmail,
    Google,
    Microsoft365,
    /// Exchange in one's own house.
    Exchange,
}

/// What a server leaves in a message of who signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// The name of the login.
    Named,
    /// That somebody signed in.
    Authenticated,
    /// Nothing: it writes no line, or one as for anybody.
    Nothing,
}

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its host name; of Microsoft 365 and Google the tenant's domain, because their hosts change with every message.
    pub(crate) name: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) mta: Mta,
    pub(crate) zone: Zone,
    pub(crate) language: Language,
    pub(crate) marks: Marks,
    /// Which of its versions and settings, 0 to 99: what differs between hosts stays the same on one.
    pub(crate) make: u32,
}

/// How a message comes to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    /// A mail program signed in.
    SignedIn { from: &'a Endpoint, helo: &'a str, user: &'a str },
    /// Written in the provider's webmail, or in Outlook with Exchange.
    Web { from: &'a Endpoint, user: &'a str },
    /// A program on the host itself: a site's script, an automatic answer.
    Local { account: &'a str, uid: u32 },
    /// Another server, or anybody, without signing in.
    Relayed { from: &'a Endpoint, helo: &'a str },
}

/// One message that comes to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandIn<'a> {
    pub(crate) entry: Entry<'a>,
    /// The envelope sender; empty for reports.
    pub(crate) sender: &'a str,
    pub(crate) to: &'a str,
    pub(crate) at: Time,
}

/// The lines that a server put above a message, and the name it gave it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) lines: String,
    pub(crate) queue_id: String,
}

/// Why a recipient did not get it.
#[derive(Clone, Debug)]
pub(crate) enum Problem {
    /// Another host said so.
    Said {
        mx: String,
        ip: Ipv4Addr,
        reply: Reply,
    },
    /// There is no such mailbox on this host.
    NoSuchUser,
    /// The mailbox is on this host, and full.
    Full,
    NoSuchDomain,
    /// The host does not answer.
    Silent {
        mx: String,
        ip: Ipv4Addr,
    },
    /// Two forwards feed each other.
    Loop,
    /// The server itself does not send more for this mailbox, domain or tenant.
    Throttled {
        status: &'static str,
        text: String,
    },
}

/// One recipient and its problem.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) to: String,
    /// What the recipient was before a forward.
    pub(crate) originally: Option<String>,
    pub(crate) problem: Problem,
}

/// What a server has to report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    /// Who gets the report: the envelope sender.
    pub(crate) sender: &'a str,
    pub(crate) refused: &'a [Refused],
    /// The message with the lines of this server.
    pub(crate) original: &'a Message,
    pub(crate) queue_id: &'a str,
    /// What the host that handed it in is called.
    pub(crate) came_from: &'a str,
    pub(crate) arrival: Time,
    pub(crate) at: Time,
    /// Not given up yet.
    pub(crate) is_delay: bool,
}

impl Server {
    /// What other hosts see when it delivers: the big two do that from farms of hosts.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self.mta {
            Mta::Google => Endpoint::named(&format!("mail-lj1-f{}.google.com", 160 + self.make), self.ip),
            Mta::Microsoft365 => Endpoint::named(
                &format!("mail-japaneastazon110100{:02}.outbound.protection.outlook.com", self.make),
                self.ip,
            ),
            Mta::Postfix | Mta::Exim | Mta::Qmail | Mta::Sendmail | Mta::Exchange => {
                Endpoint::named(&self.name, self.ip)
            }
        }
    }

    /// What it writes above a message that it takes.
    pub(crate) fn takes(&self, hand_in: &HandIn<'_>, random: &mut Random) -> Trace {
        match self.mta {
            Mta::Postfix => mta::postfix::takes(self, hand_in, random),
            Mta::Exim => mta::exim::takes(self, hand_in, random),
            Mta::Qmail => mta::qmail::takes(self, hand_in, random),
            Mta::Sendmail => mta::sendmail::takes(self, hand_in, random),
            Mta::Google => mta::google::takes(self, hand_in, random),
            Mta::Microsoft365 => mta::microsoft::takes(self, hand_in, random),
            Mta::Exchange => mta::exchange::takes(self, hand_in, random),
        }
    }

    /// What it adds to a message on its way out to other hosts.
    pub(crate) fn sends(&self, hand_in: &HandIn<'_>, random: &mut Random) -> String {
        match self.mta {
            Mta::Exim => mta::exim::sends(self, hand_in),
            Mta::Microsoft365 => mta::microsoft::sends(hand_in, random),
            Mta::Google => mta::google::sends(hand_in, random),
            Mta::Postfix | Mta::Qmail | Mta::Sendmail | Mta::Exchange => String::new(),
        }
    }

    /// What it writes above a message that it puts into a mailbox.
    pub(crate) fn stores(&self, hand_in: &HandIn<'_>, random: &mut Random) -> String {
        match self.mta {
            Mta::Postfix => mta::postfix::stores(self, hand_in, random),
            Mta::Exim => mta::exim::stores(self, hand_in, random),
            Mta::Qmail => mta::qmail::stores(hand_in, random),
            Mta::Sendmail => mta::sendmail::stores(hand_in),
            Mta::Google => mta::google::stores(hand_in, random),
            Mta::Microsoft365 => mta::microsoft::stores(self, hand_in, random),
            Mta::Exchange => mta::exchange::stores(self, hand_in),
        }
    }

    /// Its report: of a failure, or of a delay.
    pub(crate) fn reports(&self, report: &Report<'_>, random: &mut Random) -> Message {
        match self.mta {
            Mta::Postfix => mta::postfix::reports(self, report, random),
            Mta::Exim => mta::exim::reports(self, report, random),
            Mta::Qmail => mta::qmail::reports(self, report, random),
            Mta::Sendmail => mta::sendmail::reports(self, report, random),
            Mta::Google => mta::google::reports(report, random),
            Mta::Microsoft365 => mta::microsoft::reports(self, report, random),
            Mta::Exchange => mta::exchange::reports(self, report, random),
        }
    }

    /// What a forwarding rule writes above a message that it sends on.
    pub(crate) fn forwards(&self, owner: &str, to: &str) -> String {
        match self.mta {
            Mta::Google => format!("X-Forwarded-To: {to}\r\nX-Forwarded-For: {owner} {to}\r\n"),
            Mta::Microsoft365 | Mta::Exchange => {
                format!("Resent-From: <{owner}>\r\nX-MS-Exchange-Inbox-Rules-Loop: {owner}\r\n")
            }
            // Dovecot's Sieve behind it.
            Mta::Postfix | Mta::Exim => {
                format!("X-Sieve: Pigeonhole Sieve 0.5.19\r\nX-Sieve-Redirected-From: {owner}\r\n")
            }
            Mta::Qmail | Mta::Sendmail => String::new(),
        }
    }

    /// Whether it returns the whole message or its head alone.
    pub(crate) fn returns_all(&self) -> bool {
        !self.make.is_multiple_of(4)
    }
}

impl Report<'_> {
    /// The message as it goes back.
    pub(crate) fn returned(&self, with_body: bool) -> String {
        if with_body { self.original.whole() } else { self.original.head.clone() }
    }
}

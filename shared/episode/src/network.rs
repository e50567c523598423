//! Where a client connects from.
//!
//! The addresses are plausible ones of each country's access providers; their names are all under `.example`.

use std::net::Ipv4Addr;

use crate::random::Random;

/// Where in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Country {
    Japan,
    Britain,
    Germany,
    /// Where bots and bought servers are.
    Elsewhere,
}

impl Country {
    fn first_octets(self) -> &'static [u8] {
        match self {
            Self::Japan => &[106, 114, 118, 124, 126, 153, 210, 219, 220, 221],
            Self::Britain => &[51, 81, 82, 86, 90],
            Self::Germany => &[79, 80, 84, 87, 91, 93, 217],
            Self::Elsewhere => &[5, 37, 41, 45, 77, 102, 103, 105, 154, 185, 193, 196, 197],
        }
    }

    fn provider(self) -> &'static str {
        match self {
            Self::Japan => "ap.nihon-net.example",
            Self::Britain => "broadband.island-isp.example",
            Self::Germany => "dip0.bund-netz.example",
            Self::Elsewhere => "cheap-servers.example",
        }
    }
}

/// A host as another host sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) ip: Ipv4Addr,
    /// What its address resolves to, where it does.
    pub(crate) name: Option<String>,
}

impl Endpoint {
    /// A server with a name of its own.
    pub(crate) fn named(name: &str, ip: Ipv4Addr) -> Self {
        Self { ip, name: Some(name.to_owned()) }
    }

    /// As Postfix writes it: `name[ip]`.
    pub(crate) fn name_or<'a>(&'a self, otherwise: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(otherwise)
    }
}

/// How long a client keeps its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lease {
    /// An office: always the same one.
    Fixed,
    /// A home: another one of the same /24 now and then.
    Home,
    /// A phone: any one of the carrier's /16.
    Mobile,
    /// Rented or stolen hosts: without a name.
    Nameless,
}

/// A network that a person or a thief uses.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    country: Country,
    lease: Lease,
    base: [u8; 4],
}

impl Network {
    fn new(country: Country, lease: Lease, random: &mut Random) -> Self {
        let first = random.pick(country.first_octets()).copied().unwrap_or(203);
        Self { country, lease, base: [first, random.byte(1, 250), random.byte(1, 250), random.byte(2, 250)] }
    }

    pub(crate) fn office(country: Country, random: &mut Random) -> Self {
        Self::new(country, Lease::Fixed, random)
    }

    pub(crate) fn home(country: Country, random: &mut Random) -> Self {
        Self::new(country, Lease::Home, random)
    }

    pub(crate) fn mobile(country: Country, random: &mut Random) -> Self {
        Self::new(country, Lease::Mobile, random)
    }

    /// A thief's: a rented server, or a bot on somebody's line.
    pub(crate) fn lair(random: &mut Random) -> Self {
        let lease = random.choose(&[(0.4, Lease::Nameless), (0.2, Lease::Home)], Lease::Fixed);
        Self::new(Country::Elsewhere, lease, random)
    }

    /// The address of a connection made now.
    pub(crate) fn connect(&self, random: &mut Random) -> Endpoint {
        let [a, b, c, d] = self.base;
        let [a, b, c, d] = match self.lease {
            Lease::Fixed | Lease::Nameless => [a, b, c, d],
            Lease::Home if random.chance(0.9) => [a, b, c, d],
            Lease::Home => [a, b, c, random.byte(2, 250)],
            Lease::Mobile => [a, b, random.byte(1, 250), random.byte(2, 250)],
        };
        let ip = Ipv4Addr::new(a, b, c, d);
        let provider = self.country.provider();
        let name = match self.lease {
            Lease::Fixed => Some(format!("static-{a}-{b}-{c}-{d}.{provider}")),
            Lease::Home => Some(format!("p{a:02x}{b:02x}{c:02x}{d:02x}.{provider}")),
            Lease::Mobile => Some(format!("m{a}-{b}-{c}-{d}.mobile.{provider}")),
            Lease::Nameless => None,
        };
        Endpoint { ip, name }
    }
}

/// A server's address in a country.
pub(crate) fn server_ip(country: Country, random: &mut Random) -> Ipv4Addr {
    let first = random.pick(country.first_octets()).copied().unwrap_or(203);
    Ipv4Addr::new(first, random.byte(1, 250), random.byte(1, 250), random.byte(2, 250))
}

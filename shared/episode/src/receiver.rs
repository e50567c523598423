//! Domains that mail is sent to, and the hosts that receive for them.

use std::net::Ipv4Addr;

use crate::{
    network::{Country, server_ip},
    random::Random,
    reply::By,
    words::Language,
};

/// A domain and its first MX.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) domain: String,
    pub(crate) by: By,
    pub(crate) mx: String,
    pub(crate) ip: Ipv4Addr,
}

/// Mail providers that everybody writes to, under names that cannot exist.
const PROVIDERS: [(&str, By); 10] = [
    ("gmail.example", By::Google),
    ("hotmail.example", By::Hotmail),
    ("yahoo.example", By::Yahoo),
    ("icloud.example", By::Apple),
    ("docomo.example", By::Docomo),
    ("ezweb.example", By::Au),
    ("softbank.example", By::Softbank),
    ("yahoo-jp.example", By::YahooJapan),
    ("gmx.example", By::Gmx),
    ("t-online.example", By::Telekom),
];

impl Receiver {
    fn new(domain: String, by: By, country: Country, random: &mut Random) -> Self {
        let ip = |first: u8, second: u8, random: &mut Random| {
            Ipv4Addr::new(first, second, random.byte(0, 255), random.byte(2, 250))
        };
        let (mx, ip) = match by {
            By::Google if domain == "gmail.example" => ("gmail-smtp-in.l.google.com".to_owned(), ip(142, 251, random)),
            By::Google => ("aspmx.l.google.com".to_owned(), ip(142, 250, random)),
            By::Microsoft => (format!("{}.mail.protection.outlook.com", domain.replace('.', "-")), ip(52, 101, random)),
            By::Hotmail => ("hotmail-com.olc.protection.outlook.com".to_owned(), ip(52, 101, random)),
            By::Yahoo => (format!("mta{}.am0.yahoodns.net", random.range(5, 7)), ip(67, 195, random)),
            By::Apple => ("mx01.mail.icloud.com".to_owned(), ip(17, 57, random)),
            By::Mimecast => (format!("eu-smtp-inbound-{}.mimecast.com", random.range(1, 2)), ip(195, 130, random)),
            By::Proofpoint => (format!("mx0a-00{}01.pphosted.com", random.hex(4)), ip(148, 163, random)),
            By::Barracuda => (format!("d{}.ess.barracudanetworks.com", random.digits(5)), ip(209, 222, random)),
            By::Docomo => ("mfsmax.docomo.example".to_owned(), ip(203, 138, random)),
            By::Au => ("lsean.ezweb.example".to_owned(), ip(27, 90, random)),
            By::Softbank => ("mx.softbank.example".to_owned(), ip(101, 110, random)),
            By::YahooJapan => (format!("mx{}.mail.yahoo-jp.example", random.range(1, 5)), ip(182, 22, random)),
            By::Gmx => (format!("mx{:02}.emig.gmx.example", random.below(2)), ip(212, 227, random)),
            By::Telekom => (format!("mx{:02}.t-online.example", random.below(4)), ip(194, 25, random)),
            By::Ironport | By::Trend | By::Postfix | By::Exim | By::Qmail | By::Sendmail | By::Exchange | By::Any => {
                let name = random.choose(&[(0.3, "mx"), (0.3, "mail"), (0.2, "mx1")], "gw");
                (format!("{name}.{domain}"), server_ip(country, random))
            }
        };
        Self { domain, by, mx, ip }
    }

    /// A company's domain in a country.
    pub(crate) fn company(domain: String, country: Country, random: &mut Random) -> Self {
        let by = random.choose(
            &[
                (0.18, By::Google),
                (0.24, By::Microsoft),
                (0.03, By::Mimecast),
                (0.03, By::Proofpoint),
                (0.02, By::Barracuda),
                (0.03, By::Ironport),
                (0.03, By::Trend),
                (0.12, By::Exim),
                (0.07, By::Qmail),
                (0.04, By::Sendmail),
                (0.04, By::Exchange),
            ],
            By::Postfix,
        );
        Self::new(domain, by, country, random)
    }

    /// A company nobody has heard of.
    pub(crate) fn stranger(random: &mut Random) -> Self {
        let (language, country) = random.choose(
            &[(0.3, (Language::English, Country::Britain)), (0.2, (Language::German, Country::Germany))],
            (Language::Japanese, Country::Japan),
        );
        let domain = format!("{}{}.example", language.company(random).ascii, random.below(900));
        Self::company(domain, country, random)
    }

    /// A domain as private people have them.
    pub(crate) fn provider(country: Country, random: &mut Random) -> Self {
        let which: &[(f64, usize)] = match country {
            Country::Japan => &[(0.3, 0), (0.1, 3), (0.2, 4), (0.12, 5), (0.1, 6), (0.14, 7)],
            Country::Germany => &[(0.25, 0), (0.1, 1), (0.3, 8), (0.2, 9)],
            Country::Britain | Country::Elsewhere => &[(0.4, 0), (0.25, 1), (0.2, 2)],
        };
        let which = random.choose(which, 1);
        let (domain, by) = PROVIDERS.get(which).copied().unwrap_or(("gmail.example", By::Google));
        Self::new(domain.to_owned(), by, country, random)
    }

    /// One that a thief's list holds: half of them private people's.
    pub(crate) fn of_a_list(random: &mut Random) -> Self {
        let country = random.choose(&[(0.4, Country::Japan), (0.2, Country::Germany)], Country::Britain);
        if random.chance(0.5) { Self::provider(country, random) } else { Self::stranger(random) }
    }
}

/// A local part that some list holds.
pub(crate) fn local_part(random: &mut Random) -> String {
    let language = random.choose(&[(0.4, Language::English), (0.2, Language::German)], Language::Japanese);
    let (given, family) = language.person(random);
    match random.below(6) {
        0 => format!("{}.{}", given.ascii, family.ascii),
        1 => format!("{}{}", given.ascii, random.range(1, 99)),
        2 => family.ascii,
        3 => random.word(&["info", "sales", "contact", "office", "admin", "support"]).to_owned(),
        4 => format!("{}-{}", given.ascii, random.hex(3)),
        _ => format!("{}_{}{}", family.ascii, given.ascii, random.range(60, 99)),
    }
}

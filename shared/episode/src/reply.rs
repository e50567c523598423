//! What receiving servers answer, from `data/replies.toml`: by kind of receiver and by cause.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::LazyLock};

use serde::Deserialize;

use crate::random::Random;

/// The kind of system that receives for a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    Google,
    Microsoft,
    Hotmail,
    Yahoo,
    Apple,
    Docomo,
    Au,
    Softbank,
    YahooJapan,
    Gmx,
    Telekom,
    Mimecast,
    Proofpoint,
    Barracuda,
    Ironport,
    Trend,
    Postfix,
    Exim,
    Qmail,
    Sendmail,
    Exchange,
    Any,
}

/// Why a mail is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Unknown,
    Moved,
    Disabled,
    Full,
    /// By the recipient's own filter.
    Refused,
    Spam,
    Policy,
    /// The address of the server that delivers is on a block list.
    Listed,
    DomainListed,
    Rate,
    /// SPF, DKIM or DMARC.
    Auth,
    Virus,
    Relay,
    Greylist,
    /// No reply: the domain does not exist.
    NoDomain,
    /// No reply: nobody answers.
    Down,
}

/// Whom a mail goes to, which decides what it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Group {
    /// A slip of the finger.
    Typo,
    /// Somebody who left the company.
    Leaver,
    /// Readers of a newsletter.
    List,
    /// Addresses that a thief bought.
    Stolen,
    /// Addresses that a forger bought: what is refused at the door never comes back, so these were accepted first.
    Forged,
    /// Anybody, from a server that is listed.
    Listing,
}

/// Where in the dialogue the reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Connect,
    Mail,
    #[default]
    Rcpt,
    Data,
}

#[derive(Debug, Default, Deserialize)]
struct Table {
    reply: Vec<Row>,
    meets: BTreeMap<Group, BTreeMap<Why, f64>>,
}

#[derive(Debug, Deserialize)]
struct Row {
    by: By,
    why: Why,
    #[serde(default)]
    step: Step,
    text: Vec<String>,
    #[serde(default = "once")]
    weight: f64,
}

fn once() -> f64 {
    1.0
}

/// Broken only by a typing error in the file, which a test would show.
static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("../data/replies.toml")).unwrap_or_default());

/// A server's answer to one recipient.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) step: Step,
    /// Each with its code, as on the wire.
    pub(crate) lines: Vec<String>,
}

impl Reply {
    pub(crate) fn new(step: Step, line: &str) -> Self {
        Self { step, lines: vec![line.to_owned()] }
    }

    /// `550`
    pub(crate) fn code(&self) -> &str {
        self.lines.first().and_then(|line| line.get(..3)).unwrap_or("550")
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.code().starts_with('4')
    }

    /// `5.1.1` where the reply says one.
    pub(crate) fn enhanced(&self) -> Option<&str> {
        let first = self.lines.first()?.get(4..)?.split(' ').next()?;
        let is_status =
            first.split('.').count() == 3 && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        is_status.then_some(first)
    }

    /// The status that a host reports: the reply's own, or what its code says.
    pub(crate) fn status(&self) -> String {
        let general = if self.is_temporary() { "4.0.0" } else { "5.0.0" };
        self.enhanced().unwrap_or(general).to_owned()
    }

    pub(crate) fn joined(&self) -> String {
        self.lines.join(" ")
    }
}

/// Who speaks with whom about what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) to: &'a str,
    pub(crate) from: &'a str,
    /// The host that delivers.
    pub(crate) host: &'a str,
    pub(crate) ip: Ipv4Addr,
    pub(crate) mx: &'a str,
}

impl Group {
    /// What one of the group meets; `None`: the mail is accepted.
    pub(crate) fn meets(self, random: &mut Random) -> Option<Why> {
        let mut at = random.unit();
        for (why, share) in TABLE.meets.get(&self)? {
            if at < *share {
                return Some(*why);
            }
            at -= share;
        }
        None
    }

    /// What one of the group meets that is not accepted.
    pub(crate) fn refusal(self, random: &mut Random) -> Why {
        (0..50).find_map(|_| self.meets(random)).unwrap_or(Why::Unknown)
    }
}

/// The reply of such a receiver for such a cause.
pub(crate) fn reply(by: By, why: Why, asked: Asked<'_>, random: &mut Random) -> Reply {
    let of = |by: By| TABLE.reply.iter().filter(move |row| row.by == by && row.why == why);
    let total: f64 = of(by).map(|row| row.weight).sum();
    let mut at = random.unit() * total;
    let by_weight = of(by).find(|row| {
        at -= row.weight;
        at < 0.0
    });
    let Some(row) = by_weight.or_else(|| of(by).next()).or_else(|| of(By::Any).next()) else {
        return Reply::new(Step::Data, "554 5.0.0 Transaction failed");
    };
    let id = format!("{}-{}si{}", random.base64(12).replace(['/', '+'], "q"), random.hex(8), random.digits(7));
    let eop = format!("TYCJPN01FT{}.eop-JPN01", random.digits(3));
    let (local, domain) = asked.to.split_once('@').unwrap_or((asked.to, ""));
    let from_domain = asked.from.rsplit('@').next().unwrap_or_default();
    let fill = |line: &String| {
        if !line.contains('{') {
            return line.clone();
        }
        line.replace("{to}", asked.to)
            .replace("{local}", local)
            .replace("{domain}", domain)
            .replace("{from}", asked.from)
            .replace("{from_domain}", from_domain)
            .replace("{ip}", &asked.ip.to_string())
            .replace("{sender_host}", asked.host)
            .replace("{mx}", asked.mx)
            .replace("{id}", &id)
            .replace("{eop}", &eop)
    };
    Reply { step: row.step, lines: row.text.iter().map(fill).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_every_line_begins_with_its_code() {
        let table: Table = toml::from_str(include_str!("../data/replies.toml")).unwrap();
        assert!(table.reply.len() > 100);
        for row in &table.reply {
            let last = row.text.last().unwrap();
            assert_eq!(last.as_bytes()[3], b' ', "{last}");
            let code = last.get(..3).unwrap();
            assert!(row.text.iter().all(|line| line.starts_with(code)), "{last}");
            assert!(row.text.iter().rev().skip(1).all(|line| line.as_bytes()[3] == b'-'), "{last}");
        }
        for shares in table.meets.values() {
            assert!((0.99..=1.001).contains(&shares.values().sum::<f64>()), "{shares:?}");
        }
    }

    #[test]
    fn a_reply_is_filled_and_read() {
        let asked = Asked {
            to: "a@b.example",
            from: "c@d.example",
            host: "out.d.example",
            ip: Ipv4Addr::new(192, 0, 2, 1),
            mx: "mx.b.example",
        };
        let mut random = Random::of(1, 1);
        let reply = reply(By::Postfix, Why::Listed, asked, &mut random);
        assert_eq!((reply.code(), reply.enhanced()), ("554", Some("5.7.1")));
        assert!(reply.joined().contains("[192.0.2.1]"));
        assert_eq!(super::reply(By::Docomo, Why::Unknown, asked, &mut random).enhanced(), None);
        assert_eq!(super::reply(By::Docomo, Why::Virus, asked, &mut random).code(), "554");
    }
}

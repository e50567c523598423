//! Who writes to whom, and what comes back: `tests/corpus/*.toml`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context;
use daimon_domain::reason::Reason;
use serde::Deserialize;

/// The whole script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The mail servers that are asked to deliver.
    pub mta: Vec<Mta>,
    /// Who writes, and how it is handed in.
    pub mail: Vec<Mail>,
    /// What the world says of an address.
    pub answer: Vec<Answer>,
    /// Mails to several addresses, or with wishes.
    pub scene: Vec<Scene>,
}

/// A mail server of ours.
#[expect(clippy::struct_excessive_bools, reason = "each is a habit that it has or not")]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mta {
    /// The folder of its mails and the name of its script in `tests/corpus/mta`.
    pub name: String,
    /// Debian's packages.
    pub packages: Vec<String>,
    /// How it calls itself.
    pub host: String,
    /// Where it is.
    pub address: Ipv4Addr,
    /// Whether it writes down as whom somebody signed in.
    #[serde(default)]
    pub names_user: bool,
    /// Whether the envelope sender comes back with the mail.
    #[serde(default)]
    pub returns_sender: bool,
    /// Whether it says which address was written to, when it forwarded.
    #[serde(default)]
    pub names_alias: bool,
    /// Whether senders can sign in. Where not, they hand in from the same address without.
    #[serde(default)]
    pub signs_in: bool,
    /// How many Received lines it writes when the `sendmail` command hands in.
    #[serde(default = "one")]
    pub local_hops: usize,
}

fn one() -> usize {
    1
}

/// How a mail reaches our mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Signed in, with TLS.
    SignedIn,
    /// By a host that may relay.
    Relay,
    /// By the `sendmail` command, as the web server's user.
    Local,
}

/// A mail as a person or a program writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `tests/corpus/mails/NAME.eml`
    pub name: String,
    /// The address in From.
    pub from: String,
    /// The envelope sender, where it is another.
    pub envelope_from: Option<String>,
    /// How it is handed in.
    pub by: By,
    /// From where.
    pub client: Option<Ipv4Addr>,
    /// How the client calls itself.
    pub helo: Option<String>,
    /// What else must be read of its origin, as in `Origin`.
    #[serde(default)]
    pub origin: serde_json::Map<String, serde_json::Value>,
    /// How many Received lines it brings along.
    #[serde(default)]
    pub hops: usize,
}

/// What happens to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Refused instead of a greeting.
    Connect,
    /// Refused at EHLO and HELO.
    Ehlo,
    /// Refused at MAIL.
    Mail,
    /// Refused at RCPT.
    Rcpt,
    /// Refused at DATA.
    Data,
    /// Refused after the content.
    End,
    /// Taken.
    Taken,
    /// Hung up on inside the content.
    Drop,
    /// Hung up on after the content, without an answer.
    DropEnd,
    /// Refused at RCPT by a host that knows no EHLO.
    HeloOnly,
    /// Taken only up to 1,000 bytes.
    Small,
    /// STARTTLS is wanted and not offered.
    NoTls,
    /// STARTTLS is offered and fails.
    BrokenTls,
    /// Nobody listens at the host's address.
    Refused,
    /// Nothing comes back from the host's address.
    Silent,
    /// There is no way to the host's address.
    Unreachable,
    /// There is no such domain.
    NoDomain,
    /// The domain says that it takes no mail (RFC 7505).
    NullMx,
    /// The domain's exchanger has no address.
    NoAddress,
    /// The name server fails.
    NameServerFails,
    /// The domain's mail comes back to us.
    Loop,
    /// Our own mail server decides.
    Here,
}

/// What the world says of one address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The name of the mail that tells of it.
    pub name: String,
    /// The address.
    pub to: String,
    /// The mail exchanger of its domain.
    #[serde(default)]
    pub host: String,
    /// What happens.
    pub at: At,
    /// The reply; `{client}`, `{to}` and `{from}` are filled in.
    #[serde(default)]
    pub reply: String,
    /// What a person who reads the report must find.
    pub reason: Option<Reason>,
    /// The status, where the words give one.
    pub status: Option<String>,
    /// A provider's notice.
    pub notice: Option<String>,
    /// The mail servers that are asked.
    #[serde(default)]
    pub by: Vec<String>,
    /// What is written to it.
    #[serde(default)]
    pub mail: String,
    /// The mail servers that don't say what happened, only that they waited.
    #[serde(default)]
    pub unsaid: Vec<String>,
    /// What a server's report says instead, where it leaves out what it was told; by server and action, such as
    /// `"exim delayed"`.
    #[serde(default)]
    pub instead: BTreeMap<String, Reason>,
    /// The address that was written to, when ours forwards.
    pub alias: Option<String>,
}

/// One mail to several addresses, or with wishes (RFC 3461).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// The name of the mails that tell of it.
    pub name: String,
    /// The mail servers that are asked.
    pub by: Vec<String>,
    /// What is written.
    pub mail: String,
    /// The names of the answers.
    pub to: Vec<String>,
    /// NOTIFY.
    pub notify: Option<String>,
    /// ENVID.
    pub envid: Option<String>,
    /// RET.
    pub ret: Option<String>,
}

impl Script {
    /// Reads the script in `folder`.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        for file in ["servers", "mails", "answers", "scenes"] {
            let path = folder.join(file).with_extension("toml");
            text.push_str(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?);
            text.push('\n');
        }
        let script: Self = toml::from_str(&text)?;
        let mut names = std::collections::HashSet::new();
        for answer in &script.answer {
            anyhow::ensure!(names.insert(&answer.name), "{} is there twice", answer.name);
        }
        Ok(script)
    }

    /// Everything that `mta` is asked to send: the mails to single addresses and the scenes.
    pub fn scenes(&self, mta: &str) -> Vec<Scene> {
        let asked = |by: &[String]| by.iter().any(|name| name == mta);
        let single = self.answer.iter().filter(|answer| asked(&answer.by)).map(|answer| Scene {
            name: answer.name.clone(),
            by: answer.by.clone(),
            mail: answer.mail.clone(),
            to: vec![answer.name.clone()],
            notify: None,
            envid: None,
            ret: None,
        });
        single.chain(self.scene.iter().filter(|scene| asked(&scene.by)).cloned()).collect()
    }

    /// The answer of this name.
    pub fn answer(&self, name: &str) -> anyhow::Result<&Answer> {
        self.answer.iter().find(|answer| answer.name == name).with_context(|| format!("no answer {name}"))
    }

    /// The mail of this name.
    pub fn mail(&self, name: &str) -> anyhow::Result<&Mail> {
        self.mail.iter().find(|mail| mail.name == name).with_context(|| format!("no mail {name}"))
    }

    /// Where each host of the script is. Those that do not answer are where nothing can.
    pub fn hosts(&self) -> anyhow::Result<BTreeMap<String, Ipv4Addr>> {
        let mut found = BTreeMap::new();
        for answer in self.answer.iter().filter(|answer| !answer.host.is_empty()) {
            let last = u8::try_from(found.len() + 20).context("too many hosts")?;
            let network = if answer.at == At::Silent {
                [203, 0, 113]
            } else if answer.at == At::Unreachable {
                [198, 51, 100]
            } else {
                [192, 0, 2]
            };
            let [a, b, c] = network;
            let address = Ipv4Addr::new(a, b, c, last);
            found.entry(answer.host.clone()).or_insert(address);
        }
        Ok(found)
    }
}

impl Answer {
    /// Whether what happens without a reply may be over tomorrow.
    pub fn is_passing(&self) -> bool {
        match self.at {
            At::Drop
            | At::DropEnd
            | At::Refused
            | At::Silent
            | At::Unreachable
            | At::NameServerFails
            | At::BrokenTls
            | At::NoTls => true,
            At::Connect
            | At::Ehlo
            | At::Mail
            | At::Rcpt
            | At::Data
            | At::End
            | At::Taken
            | At::Small
            | At::NoDomain
            | At::NullMx
            | At::NoAddress
            | At::Loop
            | At::HeloOnly
            | At::Here => false,
        }
    }
}

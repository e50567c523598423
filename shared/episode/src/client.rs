//! The programs in which people, and thieves, write mail: what each puts into the head, how it names a message, and what it
//! calls itself to the server.

use crate::{
    letter::{Letter, Party},
    message::{Charset, EOL, Message},
    random::Random,
    words::Language,
};

/// A mail program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Outlook,
    Thunderbird,
    AppleMail,
    IphoneMail,
    /// The mail program of Japanese offices since 1996.
    Becky,
    AndroidMail,
    /// The host's own webmail.
    Roundcube,
    /// Gmail in the browser.
    GmailWeb,
    /// Outlook on the web, and Outlook with Exchange or Microsoft 365 (MAPI): the server names the message.
    Mapi,
    PhpMailer,
    /// A script with the words of Python's smtplib.
    Script,
    /// A bulk mailer that calls itself an old Outlook Express.
    FalseExpress,
    BulkMailer,
}

/// A program as installed on one machine.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) program: Program,
    /// What it calls itself (HELO).
    pub(crate) helo: String,
    /// The X-Mailer or User-Agent line, where it writes one.
    agent: Option<(&'static str, String)>,
    charset: Charset,
    /// Where the program puts the name of its machine into Message-IDs.
    machine: String,
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

impl Client {
    pub(crate) fn install(program: Program, language: Language, random: &mut Random) -> Self {
        let machine = match program {
            Program::Outlook | Program::Becky | Program::BulkMailer => format!("DESKTOP-{}", random.text(UPPER, 7)),
            Program::FalseExpress => format!("WIN-{}", random.text(UPPER, 11)),
            Program::Script | Program::PhpMailer => {
                random.choose(&[(0.4, "localhost.localdomain"), (0.3, "localhost")], "vps").to_owned()
            }
            Program::Thunderbird | Program::AndroidMail => {
                format!("[192.168.{}.{}]", random.below(3), random.range(2, 200))
            }
            Program::AppleMail | Program::IphoneMail => "smtpclient.apple".to_owned(),
            Program::Roundcube | Program::GmailWeb | Program::Mapi => String::new(),
        };
        let agent = match program {
            Program::Outlook => Some(("X-Mailer", "Microsoft Outlook 16.0".to_owned())),
            Program::Thunderbird => Some((
                "User-Agent",
                random.choose(
                    &[(0.5, "Mozilla Thunderbird"), (0.2, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:102.0) Gecko/20100101 Thunderbird/102.15.1")],
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:91.0) Gecko/20100101 Thunderbird/91.13.1",
                ).to_owned(),
            )),
            Program::AppleMail => Some(("X-Mailer", format!("Apple Mail (2.37{}.100.{})", random.range(31, 74), random.range(1, 9)))),
            Program::IphoneMail => Some(("X-Mailer", format!("iPhone Mail ({}{}{})", random.range(19, 21), random.text("ABCDEFG", 1), random.range(300, 400)))),
            Program::Becky => Some(("X-Mailer", format!("Becky! ver. 2.{}.0{} [ja]", random.range(74, 81), random.range(1, 6)))),
            Program::Roundcube => Some(("User-Agent", format!("Roundcube Webmail/1.{}.{}", random.range(4, 6), random.below(10)))),
            Program::PhpMailer => Some(("X-Mailer", format!("PHPMailer {}.{}.{} (https://github.com/PHPMailer/PHPMailer)", random.range(5, 6), random.below(9), random.below(5)))),
            Program::FalseExpress => Some(("X-Mailer", "Microsoft Outlook Express 6.00.2900.5512".to_owned())),
            Program::BulkMailer => Some(("X-Mailer", random.choose(&[(0.4, "SendBlaster.4.4.2"), (0.3, "Atomic Mail Sender 9.61")], "TurboMailer 2.7.9").to_owned())),
            Program::AndroidMail | Program::GmailWeb | Program::Mapi | Program::Script => None,
        };
        let is_old = matches!(program, Program::Becky) || (matches!(program, Program::Outlook) && random.chance(0.6));
        let charset = if language == Language::Japanese && is_old { Charset::Iso2022Jp } else { Charset::Utf8 };
        Self { program, helo: machine.clone(), agent, charset, machine }
    }

    /// Outlook with an Exchange server of one's own, which names the messages.
    pub(crate) fn in_house(server: &str, language: Language, random: &mut Random) -> Self {
        Self { machine: server.to_owned(), ..Self::install(Program::Mapi, language, random) }
    }

    /// Whether the server takes its mail without SMTP.
    pub(crate) fn is_web(&self) -> bool {
        matches!(self.program, Program::Roundcube | Program::GmailWeb | Program::Mapi)
    }

    /// A thief's copy of somebody's program: the same words in the head, another machine.
    pub(crate) fn imitated(&self, random: &mut Random) -> Self {
        let helo = random.choose(&[(0.5, "localhost"), (0.2, "[127.0.0.1]")], "WIN-SERVER").to_owned();
        Self { helo, ..self.clone() }
    }

    /// A Message-ID with its angle brackets, as this program forms it.
    fn message_id(&self, letter: &Letter, random: &mut Random) -> String {
        let domain = letter.from.domain();
        match self.program {
            Program::Outlook => {
                format!("<{}01d{}${}${}$@{domain}>", random.hex(4), random.hex(5), random.hex(8), random.hex(8))
            }
            Program::Thunderbird => format!("<{}@{domain}>", random.uuid()),
            Program::AppleMail | Program::IphoneMail => format!("<{}@{domain}>", random.uuid().to_uppercase()),
            Program::Becky => {
                format!(
                    "<{}.{}.{}@{domain}>",
                    letter.zone.stamp(letter.at),
                    random.text(UPPER, 4),
                    random.text("0123456789ABCDEF", 8)
                )
            }
            Program::AndroidMail => format!("<{}.{}@email.android.com>", random.uuid(), random.digits(13)),
            Program::Roundcube => format!("<{}@{domain}>", random.hex(32)),
            Program::GmailWeb => {
                let name = random.base64(48).replace('/', "_").replace('+', "-");
                format!("<CA{name}@mail.gmail.com>")
            }
            Program::Mapi if !self.machine.is_empty() => format!("<{}@{}>", random.hex(32), self.machine),
            Program::Mapi => {
                let server = mapi_server(domain, random);
                format!(
                    "<{}{}@{server}>",
                    server.split('.').next().unwrap_or_default(),
                    random.text("0123456789ABCDEF", 26)
                )
            }
            Program::PhpMailer => format!("<{}@{}>", random.base64(42).replace(['/', '+'], "x"), self.machine),
            Program::Script => {
                format!("<{}.{}.{}@{}>", random.digits(12), random.digits(4), random.digits(19), self.machine)
            }
            Program::FalseExpress => {
                format!("<{}01c{}${}${}@{}>", random.hex(12), random.hex(5), random.hex(8), random.hex(8), self.machine)
            }
            Program::BulkMailer => format!("<{}@{domain}>", random.text(UPPER, 20)),
        }
    }

    /// Writes the letter down; nothing of any server is in it yet.
    pub(crate) fn write(&self, letter: &Letter, random: &mut Random) -> Message {
        let mut message = Message::default();
        let id = self.message_id(letter, random);
        let address = |party: &Party| self.address(party);
        if self.program == Program::Thunderbird {
            message.field("Message-ID", &id);
        }
        if matches!(self.program, Program::Roundcube | Program::GmailWeb | Program::AndroidMail) {
            message.field("MIME-Version", "1.0");
        }
        let is_late_date =
            matches!(self.program, Program::Outlook | Program::AppleMail | Program::IphoneMail | Program::Mapi);
        if !is_late_date {
            message.field("Date", &letter.zone.date(letter.at));
        }
        message.field("From", &address(&letter.from));
        message.field("To", &address(&letter.to));
        if let Some(answered) = &letter.answers {
            message.field("In-Reply-To", answered);
            message.field("References", answered);
        }
        message.field("Subject", &self.charset.header(&letter.subject));
        if is_late_date {
            message.field("Date", &letter.zone.date(letter.at));
        }
        if self.program != Program::Thunderbird {
            message.field(if self.program == Program::AppleMail { "Message-Id" } else { "Message-ID" }, &id);
        }
        if !matches!(self.program, Program::Roundcube | Program::GmailWeb | Program::AndroidMail) {
            message.field(
                "MIME-Version",
                if self.program == Program::AppleMail { "1.0 (Mac OS X Mail 16.0 \\(3774.100.2\\))" } else { "1.0" },
            );
        }
        if let Some((name, value)) = &self.agent {
            message.field(name, value);
        }
        match self.program {
            Program::Outlook | Program::Mapi => {
                message.field("Thread-Index", &format!("AdpuZ{}==", random.base64(17)));
                message.field("Content-Language", if letter.language == Language::Japanese { "ja" } else { "en-gb" });
            }
            Program::FalseExpress => {
                message.field("X-Priority", "3");
                message.field("X-MimeOLE", "Produced By Microsoft MimeOLE V6.00.2900.5512");
            }
            Program::Roundcube => message.field("X-Sender", &letter.from.address),
            Program::Thunderbird
            | Program::AppleMail
            | Program::IphoneMail
            | Program::Becky
            | Program::AndroidMail
            | Program::GmailWeb
            | Program::PhpMailer
            | Program::Script
            | Program::BulkMailer => {}
        }
        for (name, value) in &letter.extra {
            message.field(name, &self.charset.header(value));
        }
        self.body(letter, &mut message, random);
        message
    }

    fn address(&self, party: &Party) -> String {
        let (shown, address) = (&party.shown, &party.address);
        match (shown.is_empty(), self.program) {
            (true, Program::Outlook | Program::Thunderbird | Program::Becky) => address.clone(),
            (true, _) => format!("<{address}>"),
            (false, Program::Outlook) if shown.is_ascii() => format!("\"{shown}\" <{address}>"),
            (false, _) => format!("{} <{address}>", self.charset.header(shown)),
        }
    }

    fn body(&self, letter: &Letter, message: &mut Message, random: &mut Random) {
        let (fields, plain) = self.charset.part("text/plain", &letter.text);
        let writes_both = letter.is_html || matches!(self.program, Program::GmailWeb | Program::Mapi);
        if !writes_both {
            message.head += &fields;
            message.body = plain;
            return;
        }
        let boundary = match self.program {
            Program::Outlook | Program::Mapi => format!(
                "----=_NextPart_000_{}_01DA{}.{}",
                random.hex(4).to_uppercase(),
                random.hex(4).to_uppercase(),
                random.hex(8).to_uppercase()
            ),
            Program::GmailWeb => format!("000000000000{}", random.hex(16)),
            Program::AppleMail | Program::IphoneMail => format!("Apple-Mail={}", random.uuid().to_uppercase()),
            Program::PhpMailer => format!("b1={}", random.hex(32)),
            Program::Thunderbird
            | Program::Becky
            | Program::AndroidMail
            | Program::Roundcube
            | Program::Script
            | Program::FalseExpress
            | Program::BulkMailer => format!("------------{}", random.base64(24).replace(['/', '+'], "z")),
        };
        let html = format!("<html><body><p>{}</p></body></html>\n", letter.text.replace('\n', "<br>\n"));
        let (html_fields, html) = self.charset.part("text/html", &html);
        message.field("Content-Type", &format!("multipart/alternative;{EOL}\tboundary=\"{boundary}\""));
        message.body = format!(
            "This is a multi-part message in MIME format.{EOL}{EOL}--{boundary}{EOL}{fields}{EOL}{plain}{EOL}--{boundary}{EOL}{html_fields}{EOL}{html}{EOL}--{boundary}--{EOL}"
        );
    }
}

/// The name of a Microsoft 365 server, as in `TYCPR01MB8732.jpnprd01.prod.outlook.com`.
fn mapi_server(domain: &str, random: &mut Random) -> String {
    // A tenant stays in one region.
    let region = if domain.len().is_multiple_of(2) { ("TYC", "jpnprd01") } else { ("DB9", "eurprd05") };
    format!("{}PR01MB{}.{}.prod.outlook.com", region.0, random.range(1_000, 9_999), region.1)
}

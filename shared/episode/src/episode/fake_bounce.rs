//! Phishing dressed as a bounce: it looks like one to a person, has a link to click, and reports nothing.

use chrono::TimeDelta;

use crate::{
    episode::Stage,
    message::{Charset, Message},
    network::Network,
    words::Language,
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let (address, domain) = (&owner.party.address, &owner.domain);
    let mut at = stage.begin;
    let mails = stage.random.range(3, 9);
    for _ in 0..mails {
        at += stage.random.wait(TimeDelta::hours(6));
        let random = &mut stage.random;
        let (subject, text) = match (owner.language, random.below(2)) {
            (Language::Japanese, 0) => (
                "【重要】配信できないメールがあります".to_owned(),
                format!(
                    "{address} 様\n\nサーバーエラーのため {} 件のメールが配信できませんでした。\n下記より確認してください。\n",
                    random.range(3, 14)
                ),
            ),
            (_, 0) => (
                format!("Mail delivery failed: {} undelivered messages", random.range(3, 14)),
                format!(
                    "Dear {address},\n\nYour incoming messages could not be delivered because of a server error. Release them below.\n"
                ),
            ),
            (_, _) => (
                "Undelivered Mail Returned to Sender".to_owned(),
                format!(
                    "This is the mail system at {domain}.\n\nYour mailbox has {} pending messages that could not be delivered. Review them now or they will be deleted.\n",
                    random.range(3, 14)
                ),
            ),
        };
        let from = Network::lair(random).connect(random);
        let mut message = Message::default();
        message.field(
            "From",
            &format!(
                "Mail Delivery System <{}@{domain}>",
                random.word(&["mailer-daemon", "postmaster", "noreply", "support"])
            ),
        );
        message.field("To", address);
        message.field("Subject", &Charset::Utf8.header(&subject));
        message.field("Date", &crate::clock::Zone::utc().date(at));
        message.field("Message-ID", &format!("<{}@{domain}>", random.hex(32)));
        message.field("MIME-Version", "1.0");
        let link = format!("http://release-{}.example.net/?u={address}", random.hex(5));
        let html = format!(
            "<html><body><p>{}</p><p><a href=\"{link}\">Release messages</a></p></body></html>\n",
            text.replace('\n', "<br>\n")
        );
        let (fields, body) = Charset::Utf8.part("text/html", &html);
        message.head += &fields;
        message.body = body;
        let sender = format!("{}@{}.example", random.hex(8), random.hex(6));
        let mail = owner.hosting.arrives(message, &from, &sender, address, at, random);
        stage.comes(mail);
    }
    "a link to click".to_owned()
}

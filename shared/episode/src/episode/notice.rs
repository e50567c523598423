//! What a provider says when a mailbox or a site sends too much: in its own mail, or as a bounce of the next mail.

use crate::{
    clock::Time,
    episode::Stage,
    message::{Charset, Message},
    server::{Entry, HandIn, Mta, Problem, Refused},
    words::Language,
    world::stranger,
};

/// The host stops the mailbox.
pub(super) fn throttled(stage: &mut Stage<'_>, at: Time) {
    let owner = stage.owner;
    let (domain, address) = (&owner.domain, &owner.party.address);
    let (status, text) = match owner.hosting.outgoing.mta {
        Mta::Exim => ("5.0.0", format!("Domain {domain} has exceeded the max defers and failures per hour ({}/50 ({}%)) allowed. Message discarded.", stage.random.range(51, 90), stage.random.range(102, 180))),
        Mta::Google => ("5.4.5", "You have reached a limit for sending mail. Your message was not sent.".to_owned()),
        Mta::Microsoft365 => ("5.1.8", "Access denied, bad outbound sender. For more information please go to http://go.microsoft.com/fwlink/?LinkId=875724. AS(42004)".to_owned()),
        Mta::Postfix | Mta::Qmail | Mta::Sendmail | Mta::Exchange => {
            let (subject, text) = match owner.language {
                Language::Japanese => ("【重要】メール送信制限のお知らせ", format!("平素より弊社サービスをご利用いただき、誠にありがとうございます。\n\nお客様のメールアドレス {address} より大量のメールが送信されていることを確認いたしました。\nパスワードが第三者に漏洩している可能性があるため、当該メールアドレスからの送信を制限いたしました。\nメールパスワードを変更してください。\n")),
                Language::English => ("Outgoing mail from your mailbox has been suspended", format!("We have seen an unusual amount of mail sent from {address}. The password has probably fallen into the wrong hands, so we have suspended sending from this mailbox. Please change the password.\n")),
                Language::German => ("Versand aus Ihrem Postfach gesperrt", format!("Aus dem Postfach {address} wurden ungewöhnlich viele Nachrichten versandt. Vermutlich ist das Passwort in fremde Hände gelangt; wir haben den Versand gesperrt. Bitte ändern Sie das Passwort.\n")),
            };
            support(stage, subject, &text, at);
            return;
        }
    };
    let random = &mut stage.random;
    let (to, _) = stranger(random);
    let device = owner.device(at, random);
    let from = device.network.connect(random);
    let message = device.client.write(
        &owner.letter(&crate::letter::Party::bare(&to), "Invoice".to_owned(), "Please see.\n".to_owned(), at),
        random,
    );
    let spooled = owner.submit(message, &device.client, &from, &to, at, random);
    let refused = [Refused { to, originally: None, problem: Problem::Throttled { status, text } }];
    let mail = owner.hosting.report(&spooled, &refused, at + random.seconds(1, 5), false, random);
    stage.comes(mail);
}

/// A letter of the hoster's support, from its own server.
pub(super) fn support(stage: &mut Stage<'_>, subject: &str, text: &str, at: Time) {
    let owner = stage.owner;
    let server = owner.hosting.outgoing.clone();
    let random = &mut stage.random;
    let domain = server.name.split_once('.').map_or(server.name.as_str(), |(_, rest)| rest).to_owned();
    let sender = format!("support@{domain}");
    let mut message = Message::default();
    message.field("Date", &server.zone.date(at));
    message.field("From", &format!("{} <{sender}>", Charset::Utf8.header("Support")));
    message.field("To", &owner.party.address);
    message.field("Subject", &Charset::Utf8.header(subject));
    message.field("Message-ID", &format!("<{}@{}>", random.hex(24), server.name));
    message.field("MIME-Version", "1.0");
    let (fields, body) = Charset::Utf8.part("text/plain", text);
    message.head += &fields;
    message.body = body;
    let hand_in = HandIn {
        entry: Entry::Local { account: "support", uid: 1_002 },
        sender: &sender,
        to: &owner.party.address,
        at,
    };
    let trace = server.takes(&hand_in, random);
    message.stamp(&trace.lines);
    let mail = owner.hosting.arrives(
        message,
        &server.endpoint(),
        &sender,
        &owner.party.address,
        at + random.seconds(1, 9),
        random,
    );
    stage.comes(mail);
}

//! What comes in unasked: first letters, shops, lists, receipts; and what a forwarding rule makes of it.

use crate::{
    clock::Time,
    hosting::Spooled,
    life::{Diary, Habits, desk::correspondent},
    network::Country,
    owner::Owner,
    random::Random,
    receiver::Receiver,
    reply::Why,
    server::{Entry, HandIn},
    world::{Correspondent, Said, refusal},
};

pub(super) fn fills(owner: &Owner, habits: &Habits, midnight: Time, diary: &mut Diary, random: &mut Random) {
    for _ in 0..random.poisson(1.3) {
        let at = midnight + random.seconds(6 * 3_600, 22 * 3_600);
        let mail = match random.below(4) {
            0 | 1 => first_letter(owner, at, diary, random),
            2 => Some(list(owner, at, random)),
            _ => Some(shop(owner, at, random)),
        };
        if let Some(mail) = mail {
            if let Some(private) = &habits.forwards_to {
                forwards(owner, private, &mail, at, diary, random);
            }
            diary.received.push(mail);
        }
    }
}

/// Somebody writes first; the owner may answer.
fn first_letter(owner: &Owner, at: Time, diary: &mut Diary, random: &mut Random) -> Option<crate::Mail> {
    let other = correspondent(owner, random)?;
    let subject = other.language.subject(random);
    let text = other.language.letter(&other.party.shown, random);
    let (mail, id) = other.writes(owner, Said { subject: &subject, text: &text, ..Said::default() }, at, random);
    if random.chance(0.5) {
        let answered = at + random.seconds(600, 30_000);
        let device = owner.device(answered, random);
        let text = owner.language.letter(&owner.party.shown, random);
        let mut letter = owner.letter(&other.party, format!("Re: {subject}"), text, answered);
        letter.answers = Some(id);
        let message = device.client.write(&letter, random);
        if owner.keeps(&device.client, random) {
            diary.sent.push(Owner::copy(&message, answered));
        }
        // Half the threads go on.
        if random.chance(0.4) {
            let text = other.language.letter(&other.party.shown, random);
            let id = message.value("Message-ID");
            let (mail, _) = other.writes(
                owner,
                Said { subject: &format!("Re: {subject}"), text: &text, answers: id, ..Said::default() },
                answered + random.seconds(900, 90_000),
                random,
            );
            diary.received.push(mail);
        }
    }
    Some(mail)
}

fn list(owner: &Owner, at: Time, random: &mut Random) -> crate::Mail {
    let sender = Correspondent::any(owner.language, owner.country, random);
    let (subject, text) = owner.language.news(&sender.party.shown, random);
    let domain = sender.party.domain().to_owned();
    let extra = vec![
        ("List-Id", format!("<news.{domain}>")),
        ("List-Unsubscribe", format!("<https://{domain}/unsubscribe?u={}>", random.hex(16))),
        ("Precedence", "bulk".to_owned()),
    ];
    sender.writes(owner, Said { subject: &subject, text: &text, extra, ..Said::default() }, at, random).0
}

fn shop(owner: &Owner, at: Time, random: &mut Random) -> crate::Mail {
    let sender = Correspondent::any(owner.language, owner.country, random);
    let number = random.digits(7);
    let (subject, text) = match owner.language {
        crate::words::Language::Japanese => (
            format!("ご注文の確認 (No.{number})"),
            "ご注文ありがとうございます。商品の発送までしばらくお待ちください。\n",
        ),
        crate::words::Language::English => (
            format!("Your order {number} has been received"),
            "Thank you for your order. We will write again when it is on its way.\n",
        ),
        crate::words::Language::German => (
            format!("Ihre Bestellung {number}"),
            "Vielen Dank für Ihre Bestellung. Sie erhalten eine Nachricht, sobald sie versandt ist.\n",
        ),
    };
    let extra = vec![("Auto-Submitted", "auto-generated".to_owned())];
    sender.writes(owner, Said { subject: &subject, text, extra, ..Said::default() }, at, random).0
}

/// The rule sends it on under the mailbox's name; what looks like spam there comes back.
fn forwards(
    owner: &Owner,
    private: &crate::letter::Party,
    mail: &crate::Mail,
    at: Time,
    diary: &mut Diary,
    random: &mut Random,
) {
    if !random.chance(0.02) {
        return;
    }
    let mut message = crate::message::Message::default();
    let text = String::from_utf8_lossy(&mail.bytes);
    if let Some((head, body)) = text.split_once("\r\n\r\n") {
        message.head = format!("{head}\r\n");
        body.clone_into(&mut message.body);
    }
    let receiver = Receiver::provider(Country::Japan, random);
    let receiver = Receiver { domain: private.domain().to_owned(), ..receiver };
    message.stamp(&owner.hosting.incoming.forwards(&owner.party.address, &private.address));
    let account = "vmail";
    let hand_in =
        HandIn { entry: Entry::Local { account, uid: 5_000 }, sender: &owner.party.address, to: &private.address, at };
    let spooled: Spooled = owner.hosting.submit(message, &hand_in, random);
    let why = if random.chance(0.8) { Why::Spam } else { Why::Full };
    let mut refused = refusal(&private.address, &receiver, why, &owner.party.address, &spooled.from(), random);
    refused.originally = Some(owner.party.address.clone());
    diary.received.push(owner.hosting.report(&spooled, &[refused], at + random.seconds(2, 20), false, random));
}

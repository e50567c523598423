//! The company's site is made to send: a form without a check, or a script that somebody planted. The host runs it under the
//! company's account, and bounces go to the mailbox that the site names as its sender.

use chrono::TimeDelta;

use crate::{
    client::{Client, Program},
    episode::{Stage, notice},
    hosting::Spooled,
    letter::{Letter, Party},
    network::{Country, server_ip},
    reply::Group,
    server::{Entry, HandIn, Mta},
    words::{Language, Lure},
    world::{accepting_server, late_refusal, refusal, stranger},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let web = owner.hosting.web.clone();
    let random = &mut stage.random;
    let account = owner.domain.split(['-', '.']).next().unwrap_or("www").to_owned();
    let (account, uid) = if web.mta == Mta::Exim {
        (account, 1_043)
    } else {
        (random.word(&["apache", "www-data", "nobody"]).to_owned(), 48)
    };
    let program = random.choose(&[(0.6, Program::PhpMailer)], Program::Script);
    let client = Client::install(program, Language::English, random);
    let path = random
        .word(&[
            "wp-content/plugins/akismet/xx.php",
            "contact/mail.php",
            "form/send.php",
            "wp-includes/css/wp-mail.php",
            "images/cache.php",
        ])
        .to_owned();
    let file = path.rsplit('/').next().unwrap_or_default().to_owned();
    let (lure, forms) = (Lure::any(random), random.choose(&[(0.5, 1)], 3));
    let gap = random.choose(&[(0.3, TimeDelta::minutes(10)), (0.4, TimeDelta::minutes(2))], TimeDelta::seconds(10));
    let mut at = stage.begin;
    for number in 0..stage.most {
        at += stage.random.wait(gap);
        let random = &mut stage.random;
        let (to, receiver) = stranger(random);
        let (subject, text) = lure.filled(forms, "", random);
        let from = Party {
            shown: String::new(),
            address: if random.chance(0.5) {
                owner.party.address.clone()
            } else {
                format!("wordpress@{}", owner.domain)
            },
        };
        let mut letter =
            Letter { from, language: Language::English, ..owner.letter(&Party::bare(&to), subject, text, at) };
        if web.mta == Mta::Exim {
            letter.extra.push((
                "X-PHP-Script",
                format!("www.{}/{path} for {}", owner.domain, server_ip(Country::Elsewhere, random)),
            ));
        }
        letter.extra.push(("X-PHP-Originating-Script", format!("{uid}:{file}")));
        let message = client.write(&letter, random);
        let sender = &owner.party.address;
        let entry = Entry::Local { account: &account, uid };
        let spooled = Spooled::at(&web, message, &HandIn { entry, sender, to: &to, at }, random);
        let mail = if random.chance(0.85) {
            let refused = [refusal(&to, &receiver, Group::Stolen.refusal(random), sender, &spooled.from(), random)];
            owner.hosting.report(&spooled, &refused, at + random.seconds(1, 9), false, random)
        } else {
            let host = accepting_server(&receiver, random);
            let refused = [late_refusal(&to, &receiver, Group::Stolen.refusal(random), random)];
            owner.hosting.report_of(&host, &spooled, &refused, at + random.seconds(2, 90), random)
        };
        stage.comes(mail);
        if number == 30 && stage.random.chance(0.3) {
            let text = format!(
                "The script /{path} of your site {} sends a large amount of mail. It has been disabled. Please check your site for changed files and update it.\n",
                owner.domain
            );
            notice::support(stage, "A script on your web site has been disabled", &text, at);
        }
    }
    format!("{:?} on the web server, {program:?}", web.mta)
}

//! A contact form that anybody can send through: the web server hands the mail in itself, and PHP says which script it was.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN, filled, queue};

const AT_EXIM: &str = "Received: from sakura by server12.hoshi-hosting.example with local (Exim 4.98.1)
\t(envelope-from <sato@sakura.example>)
\tid 1u{{queue}}-00000000Abc-1XyZ
\tfor {{to}};
\t{{date}}
";
const AT_POSTFIX: &str = "Received: by mail.hoshi-hosting.example (Postfix, from userid 10033)
\tid {{queue}}; {{date}}
";
const SCRIPT: &str = "X-PHP-Script: www.sakura.example/contact/send.php for 198.51.100.66
X-PHP-Originating-Script: 10033:PHPMailer.php";

fn mail_of_a_form(host: Host, entry: impl Fn(&Returned) -> String, script: &str) -> Judged {
    let mut mailbox = Mailbox::lived_in(host);
    for number in 0..20 {
        let mail = Returned::to_a_stranger(number, at(DAY, 4 * number));
        let (entry, queue, date) = (entry(&mail), queue(number), mail.submitted.to_rfc2822());
        let fields =
            [("entry", entry.as_str()), ("to", &mail.to), ("script", script), ("submitted", &date), ("queue", &queue)];
        let letter = filled(include_str!("mails/letters/form.eml"), &fields);
        let report = if host == Host::Cpanel { mail.by_exim(&letter) } else { mail.by_postfix(&letter) };
        mailbox.gets(mail.came_back, report);
    }
    mailbox.judged()
}

fn handed_in(line: &str, mail: &Returned) -> String {
    let (queue, date) = (queue(mail.number), mail.submitted.to_rfc2822());
    let fields = [("queue", queue.as_str()), ("to", &mail.to), ("date", &date)];
    filled(line, &fields.into_iter().filter(|(name, _)| line.contains(&format!("{{{{{name}}}}}"))).collect::<Vec<_>>())
}

#[test]
fn a_form_that_strangers_send_through_is_a_web_script_and_no_stolen_password() {
    for (host, line) in [(Host::Cpanel, AT_EXIM), (Host::Postfix, AT_POSTFIX)] {
        let judged = mail_of_a_form(host, |mail| handed_in(line, mail), SCRIPT);
        assert_eq!(judged.is(), (Verdict::WebScript, Tier::None), "{judged:#?}");
        assert!(judged.weight("origin", "local_script") > 10.0, "{:#?}", judged.assessment);
        assert!(!judged.ever_said(Verdict::AccountTakeover) && !judged.ever_said(Verdict::Backscatter));
        assert_eq!(judged.opens(), Some(Severity::High));
    }
}

#[test]
fn what_a_thief_writes_about_a_script_does_not_make_him_one() {
    let judged =
        mail_of_a_form(Host::Postfix, |mail| mail.entry(SIGNED_IN, "WIN-7K2PQ4", "198.51.100.66", Some(SATO)), SCRIPT);
    assert!(judged.accuses(), "{judged:#?}");
    assert!(!judged.ever_said(Verdict::WebScript));
}

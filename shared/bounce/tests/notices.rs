//! A stranger's server may answer with a provider's own words. Whichever server reports that, they stay the stranger's.

use std::{fs, path::Path};

use daimon_domain::{
    bounce::{NoticePlace, Recipient},
    reason::Reason,
};
use regex::bytes::Regex;

/// Folders of mails that real servers wrote about what another host had answered.
const MADE: [&str; 4] = ["exim", "opensmtpd", "postfix", "sendmail"];

#[test]
fn what_another_host_answers_is_never_the_providers_own_word() {
    let answer = Regex::new(r"([^\d.])55[0-9][ -]5\.\d+\.\d+ [^\r\n(>]{0,60}").unwrap();
    let words = &b"${1}550 5.1.8 Access denied, bad outbound sender "[..];
    let (mut faults, mut heard) = (Vec::new(), 0);
    for folder in MADE {
        let before = heard;
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "eml") {
                continue;
            }
            let mail = fs::read(&path).unwrap();
            let said = daimon_bounce::read(&mail);
            // The reporting host itself speaks of a domain that there is not, of a loop, of what its sender may not.
            let speaks = |recipient: &Recipient| matches!(recipient.reason, Reason::HostUnknown | Reason::RoutingLoop);
            if said.provider_notice.is_some() || said.recipients.iter().any(speaks) {
                continue;
            }
            let Some(notice) = daimon_bounce::read(&answer.replace_all(&mail, words)).provider_notice else { continue };
            heard += 1;
            if notice.place != NoticePlace::Answer {
                faults.push(format!("{}: in the {}", path.display(), notice.place));
            }
        }
        assert!(heard >= before + 10, "{folder}: only {} mails quote an answer", heard - before);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

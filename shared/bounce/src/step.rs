//! When in the conversation the remote host refused.
//!
//! "Unknown user" in answer to RCPT is about the address; after the content it is the recipient's filter that speaks, and
//! in answer to MAIL FROM it is about the sender. Every program has its own way to say when.

use serde::Deserialize;

/// What the host answered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    /// The connection itself.
    Connect,
    /// EHLO or HELO.
    Hello,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, or the content.
    Data,
}

/// How programs say it, in folded text.
pub(crate) const SIGNS: &[(&str, Step)] = &[
    // Postfix
    ("in reply to rcpt to", Step::Rcpt),
    ("in reply to mail from", Step::Mail),
    ("in reply to data", Step::Data),
    ("in reply to end of data", Step::Data),
    ("in reply to ehlo", Step::Hello),
    ("in reply to helo", Step::Hello),
    ("refused to talk to me", Step::Connect),
    ("while receiving the initial server greeting", Step::Connect),
    ("while sending rcpt to", Step::Rcpt),
    ("while sending mail from", Step::Mail),
    ("while sending end of data", Step::Data),
    ("while sending message body", Step::Data),
    // Exim and its descendants
    ("after rcpt to:", Step::Rcpt),
    ("after pipelined rcpt to:", Step::Rcpt),
    ("after mail from:", Step::Mail),
    ("after pipelined mail from:", Step::Mail),
    ("after data:", Step::Data),
    ("after pipelined data", Step::Data),
    ("after end of data", Step::Data),
    ("after sending data block", Step::Data),
    ("after initial connection", Step::Connect),
    ("after ehlo ", Step::Hello),
    ("after helo ", Step::Hello),
    // GMX, 1&1
    ("after rcpt command", Step::Rcpt),
    ("after mail command", Step::Mail),
    ("after data command", Step::Data),
    ("after connect", Step::Connect),
    // sendmail, Courier
    (">>> rcpt to:", Step::Rcpt),
    (">>> mail from:", Step::Mail),
    (">>> data", Step::Data),
    (">>> .", Step::Data),
    (">>> ehlo", Step::Hello),
    (">>> helo", Step::Hello),
    // Postfix's own transcript, MDaemon, IMail, hMailServer, InterScan, m-FILTER
    ("in: rcpt to:", Step::Rcpt),
    ("in: mail from:", Step::Mail),
    ("in: data", Step::Data),
    ("--> rcpt to:", Step::Rcpt),
    ("--> mail from:", Step::Mail),
    ("--> data", Step::Data),
    ("rcpt to generated following response", Step::Rcpt),
    ("mail from generated following response", Step::Mail),
    ("body of message generated response", Step::Data),
    ("sent: rcpt to:", Step::Rcpt),
    ("sent: mail from:", Step::Mail),
    ("sent: data", Step::Data),
    ("sent <<< rcpt to:", Step::Rcpt),
    ("sent <<< mail from:", Step::Mail),
    ("sent <<< data", Step::Data),
    ("smtp command rcpt to", Step::Rcpt),
    ("smtp command mail from", Step::Mail),
    ("smtp command data", Step::Data),
    // qmail and its descendants
    ("does not like recipient", Step::Rcpt),
    ("sender was rejected", Step::Mail),
    ("my name was rejected", Step::Hello),
    ("but greeting failed", Step::Connect),
    ("failed on data command", Step::Data),
    ("failed after i sent the message", Step::Data),
    ("failed after i sent the data", Step::Data),
    // Yahoo
    ("[rcpt_to]", Step::Rcpt),
    ("[mail_from]", Step::Mail),
    ("[data]", Step::Data),
    // DragonFly
    ("did not like our rcpt to", Step::Rcpt),
    ("did not like our mail from", Step::Mail),
    ("did not like our data", Step::Data),
    ("did not like our final data", Step::Data),
    ("did not like our ehlo", Step::Hello),
    ("did not like our helo", Step::Hello),
    // Others
    ("(rcpt to)", Step::Rcpt),
    ("(mail from)", Step::Mail),
    ("(data)", Step::Data),
    ("rejected the recipient", Step::Rcpt),
    ("during rcpt to", Step::Rcpt),
    ("during mail from", Step::Mail),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon;

    fn find(text: &str) -> Option<Step> {
        lexicon::step(&lexicon::search(text))
    }

    #[test]
    fn the_last_step_named_is_where_it_failed() {
        assert_eq!(find("host mx said: 550 no (in reply to end of data command)"), Some(Step::Data));
        assert_eq!(find(">>> rcpt to:<x@x> <<< 250 ok >>> data <<< 550 no"), Some(Step::Data));
        assert_eq!(find("smtp error from remote mail server after mail from:<x@x> size=1: 550"), Some(Step::Mail));
        assert_eq!(find("550 no"), None);
    }

    #[test]
    fn no_sign_is_part_of_what_is_never_found() {
        for (sign, step) in SIGNS {
            assert_eq!(find(sign), Some(*step), "{sign}");
        }
    }
}

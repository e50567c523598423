//! The fields of a machine-readable part, written into the text for people.
//!
//! Gateways that take a report apart do so, Amazon does it on purpose, and a broken boundary has the same effect.

use crate::{notes::Notes, report::Status};

/// The fields that name a recipient.
const NAMES: &[&str] = &["final-recipient:", "original-recipient:"];
/// The fields a report begins with.
const BEGINS: &[&str] =
    &["reporting-mta:", "received-from-mta:", "arrival-date:", "action:", "status:", "diagnostic-code:"];

/// The first of these names that a line begins with, in any case.
fn begins(line: &str, names: &[&str]) -> bool {
    names.iter().any(|name| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

/// A line without what quoting puts before it.
fn bare(line: &str) -> &str {
    line.trim_start_matches(['>', ' ', '\t'])
}

/// Where such fields begin, if they name a recipient.
pub(crate) fn begin(lines: &[&str]) -> Option<usize> {
    lines.iter().position(|line| begins(bare(line), NAMES))?;
    lines.iter().position(|line| begins(bare(line), BEGINS) || begins(bare(line), NAMES))
}

/// What such fields say.
pub(crate) fn read(lines: &[&str], notes: &mut Notes) -> Option<Status> {
    let mut block = String::new();
    for line in lines {
        block.push_str(match () {
            // A boundary or a heading ends a group, as an empty line does.
            () if line.starts_with("--") => "",
            () if begins(bare(line), BEGINS) || begins(bare(line), NAMES) => bare(line),
            () => line,
        });
        block.push('\n');
    }
    let mut status = Status::default();
    status.add(block.as_bytes(), notes);
    status.recipients.retain(|found| found.action.is_some() || found.status.is_some());
    (!status.recipients.is_empty()).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_within_a_letter_are_read_as_a_part_of_their_own_would_be() {
        let lines = [
            "Technical report:",
            "",
            "Reporting-MTA: dns; mx.example.com",
            "",
            "Action: failed",
            "Final-Recipient: rfc822; dora@example.org",
            "Diagnostic-Code: smtp; 550 5.1.1 no",
            "  such user",
            "Status: 5.1.1",
        ];
        let start = begin(&lines).unwrap();
        assert_eq!(start, 2);
        let status = read(&lines[start..], &mut Notes::default()).unwrap();
        assert_eq!(status.reporting_mta.as_deref(), Some("mx.example.com"));
        assert_eq!(status.recipients[0].text, "550 5.1.1 no such user");
    }

    #[test]
    fn a_letter_that_names_no_recipient_has_no_such_fields() {
        assert!(begin(&["Status: open", "Action: none"]).is_none());
    }
}

//! The fields of a machine-readable part, written into the text for people.
//!
//! Gateways that take a report apart do so, Amazon does it on purpose, and a broken boundary has the same effect.

use crate::report::Status;

/// The fields that name a recipient.
const NAMES: &[&str] = &["final-recipient:", "original-recipient:"];
/// The fields a report begins with.
const BEGINS: &[&str] =
    &["reporting-mta:", "received-from-mta:", "arrival-date:", "action:", "status:", "diagnostic-code:"];

/// The first of these names that a line begins with, in any case.
fn begins(line: &str, names: &[&str]) -> bool {
    names.iter().any(|name| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

/// What such fields say, if there are any.
pub(crate) fn read(lines: &[&str], notes: &mut Vec<String>) -> Option<Status> {
    let bare = |line: &&str| line.trim_start_matches(['>', ' ', '\t']).len();
    let is_field = |line: &&str, names| begins(line.get(line.len() - bare(line)..).unwrap_or_default(), names);
    lines.iter().position(|line| is_field(line, NAMES))?;
    let start = lines.iter().position(|line| is_field(line, BEGINS) || is_field(line, NAMES))?;
    let mut block = String::new();
    for line in lines.get(start..)? {
        let bare = line.trim_start_matches(['>', ' ', '\t']);
        block.push_str(match () {
            // A boundary or a heading ends a group, as an empty line does.
            () if line.starts_with("--") => "",
            () if begins(bare, BEGINS) || begins(bare, NAMES) => bare,
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
        let status = read(&lines, &mut Vec::new()).unwrap();
        assert_eq!(status.reporting_mta.as_deref(), Some("mx.example.com"));
        assert_eq!(status.recipients[0].text, "550 5.1.1 no such user");
    }

    #[test]
    fn a_letter_that_names_no_recipient_has_no_such_fields() {
        assert!(read(&["Status: open", "Action: none"], &mut Vec::new()).is_none());
    }
}

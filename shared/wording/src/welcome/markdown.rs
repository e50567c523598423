//! As Markdown, to be pasted into a mail or a wiki.

use std::fmt::Write as _;

use super::Welcome;
use crate::foreign::markdown;

/// The text.
pub(super) fn page(welcome: &Welcome) -> String {
    let mut out = String::with_capacity(8_192);
    let _ = write!(out, "# {}\n\n{}\n", markdown(&welcome.title), markdown(&welcome.addressee));
    for section in &welcome.sections {
        let _ = writeln!(out, "\n## {}", markdown(&section.title));
        for paragraph in &section.paragraphs {
            let _ = write!(out, "\n{}\n", markdown(paragraph));
        }
        if !section.points.is_empty() || !section.steps.is_empty() {
            out.push('\n');
        }
        for point in &section.points {
            let _ = writeln!(out, "- {}", markdown(point));
        }
        for (number, step) in (1..).zip(&section.steps) {
            let _ = writeln!(out, "{number}. {}", markdown(step));
        }
    }
    out
}

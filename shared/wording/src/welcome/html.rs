//! As a page that holds all it needs: no script, no outside asset.

use std::fmt::Write as _;

use super::Welcome;
use crate::foreign::html;
use crate::incident_report::{POLICY, STYLE};

/// The page.
pub(super) fn page(welcome: &Welcome) -> String {
    let mut out = String::with_capacity(16_384);
    let (language, title) = (welcome.language, html(&welcome.title));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p>{}</p>\n<h1>{title}</h1>\n</header>\n<main>\n",
        html(&welcome.addressee)
    );
    for section in &welcome.sections {
        let _ = writeln!(out, "<h2>{}</h2>", html(&section.title));
        for paragraph in &section.paragraphs {
            let _ = writeln!(out, "<p>{}</p>", html(paragraph));
        }
        for (tag, lines) in [("ul", &section.points), ("ol", &section.steps)] {
            if lines.is_empty() {
                continue;
            }
            let _ = writeln!(out, "<{tag}>");
            for line in lines {
                let _ = writeln!(out, "<li>{}</li>", html(line));
            }
            let _ = writeln!(out, "</{tag}>");
        }
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

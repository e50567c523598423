//! Text that others wrote: names, notes, domains out of mails. It is shown and never obeyed.
//!
//! [`shown`] takes away what the eye can't see and what turns lines around; [`html`] and [`markdown`] take the meaning from
//! what is left. Everything goes through the latter two where it is written, ours as well: nobody has to remember which
//! sentence holds a stranger's word.

/// What can be shown within a line of ours: one line, without control, invisible and direction characters. A text that
/// is written from right to left is isolated, so that it can't move what stands beside it (UAX #9).
pub(crate) fn shown(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            if !kept.ends_with(' ') {
                kept.push(' ');
            }
        } else if !is_invisible(c) {
            kept.push(c);
        }
    }
    let kept = kept.trim();
    if kept.chars().any(runs_left) { format!("\u{2068}{kept}\u{2069}") } else { kept.to_owned() }
}

/// Whether it looks like a name in DNS, in any script.
pub(crate) fn is_domain(text: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 253 && text.chars().all(is_of_name) && !text.chars().any(runs_left)
}

/// Zero widths, direction marks, embeddings, overrides and isolates, variation selectors, fillers, tags.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The blocks of scripts that are written from right to left.
const fn runs_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// As text of HTML, also within an attribute in double quotes.
pub(crate) fn html(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&#39;"),
            c => written.push(c),
        }
    }
    written
}

/// As text of `CommonMark` and its dialect on `GitHub`: no emphasis, link, image, code, table, heading, list or HTML.
pub(crate) fn markdown(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    for (at, c) in text.char_indices() {
        let before = text.get(..at).unwrap_or_default();
        let is_markup = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '$');
        let is_bullet = at == 0 && matches!(c, '-' | '+' | '=');
        let is_number = at > 0 && at == digits && matches!(c, '.' | ')');
        let after = text.get(at + c.len_utf8()..).unwrap_or_default();
        // Within a word it means nothing, and ids are to be copied.
        let is_of_word = c == '_'
            && before.ends_with(|c: char| c.is_ascii_alphanumeric())
            && after.starts_with(|c: char| c.is_ascii_alphanumeric());
        // Bare addresses become links by themselves.
        let is_link = match c {
            ':' => {
                before.ends_with(|c: char| c.is_ascii_alphabetic()) && after.starts_with(|c: char| c.is_ascii_graphic())
            }
            '.' => before
                .len()
                .checked_sub(3)
                .and_then(|at| before.get(at..))
                .is_some_and(|www| www.eq_ignore_ascii_case("www")),
            _ => false,
        };
        if is_markup && !is_of_word || is_bullet || is_number || is_link {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_or_turns_lines_around_is_gone() {
        assert_eq!(shown("gpj.\u{202e}exe\u{200b}\u{feff} \r\n\t\u{7}a\u{2028}b\u{e0041}"), "gpj.exe a b");
        assert_eq!(shown("\u{2066}abc\u{2069}"), "abc");
        assert_eq!(shown("שלום"), "\u{2068}שלום\u{2069}");
        assert_eq!(shown("さくら 歯科"), "さくら 歯科");
    }

    #[test]
    fn html_has_no_meaning_left() {
        assert_eq!(html("<b a=\"1\" b='2'>&amp;"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;");
    }

    #[test]
    fn markdown_has_no_meaning_left() {
        assert_eq!(markdown("[a](http://evil)"), "\\[a\\](http\\://evil)");
        assert_eq!(
            markdown("# **x** `y` <b> | ![i](j) $z$"),
            "\\# \\*\\*x\\*\\* \\`y\\` \\<b\\> \\| !\\[i\\](j) \\$z\\$"
        );
        assert_eq!(markdown("- a"), "\\- a");
        assert_eq!(markdown("12. a. b"), "12\\. a. b");
        assert_eq!(markdown("www.evil.example at 10:30"), "www\\.evil.example at 10:30");
        assert_eq!(markdown("Report: inc_019a _x_ a__b"), "Report: inc_019a \\_x\\_ a\\_\\_b");
        assert_eq!(markdown("mailto:a@b.example Javascript:x"), "mailto\\:a@b.example Javascript\\:x");
        assert_eq!(markdown("a-b (57.1 dB). 2026"), "a-b (57.1 dB). 2026");
    }

    #[test]
    fn a_domain_is_a_name_and_no_sentence() {
        assert!(is_domain("mx-1.shop.example") && is_domain("日本.example"));
        for no in ["", "a b", "<script>", "a/b", "evil.example\u{202e}", "שלום.example", "a@b"] {
            assert!(!is_domain(no), "{no:?}");
        }
    }
}

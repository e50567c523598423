//! One file for each program: its forms, from what these programs write on the wire.

/// Writes to the end of a `String`, which cannot fail.
macro_rules! add {
    ($text:expr, $($what:tt)+) => {{
        use std::fmt::Write as _;
        let _ = write!($text, $($what)+);
    }};
}

pub(crate) mod exchange;
pub(crate) mod exim;
pub(crate) mod google;
pub(crate) mod microsoft;
pub(crate) mod postfix;
pub(crate) mod qmail;
pub(crate) mod sendmail;

use crate::message::EOL;

/// A multipart body of these parts, each with its own head.
fn multipart(preamble: &str, boundary: &str, parts: &[String]) -> String {
    let mut body = preamble.to_owned();
    for part in parts {
        add!(body, "--{boundary}{EOL}{part}{EOL}");
    }
    body + &format!("--{boundary}--{EOL}")
}

/// Text written with `\n`, for the wire.
fn wire(text: &str) -> String {
    text.replace(EOL, "\n").replace('\n', EOL)
}

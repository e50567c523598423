//! What a receiver answers is shown to people, and debugging receivers like to echo what they were sent.

use std::sync::LazyLock;

use regex::Regex;
use secrecy::{ExposeSecret, SecretString};

const REDACTED: &str = "[redacted]";

/// Secrets by their looks: webhook secrets, credentials of `Authorization`, JWTs, and values of fields that are called so.
static LOOKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix)
        whsec_[a-z0-9+/=]+
        | (?P<scheme>\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}
        | \beyj[a-z0-9_-]{8,}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?
        | (?P<field>["']?[a-z0-9_-]*(?:password|passwd|secret|token|api[_-]?key|authorization|cookie)["']?\s*[:=]\s*["']?)
          (?:(?:bearer|basic)\s+)?[^\s"'&,;<>]{3,}
        "#,
    )
    .ok()
});

/// The text without `own`, what is secret between the receiver and us, and without what looks like a secret.
pub(super) fn redact(text: &str, own: &[SecretString]) -> String {
    let text = own
        .iter()
        .map(ExposeSecret::expose_secret)
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED));
    // Nothing is shown rather than something unredacted; a test sees to it that it never comes to that.
    let Some(looks) = LOOKS.as_ref() else { return String::new() };
    looks.replace_all(&text, format!("${{scheme}}${{field}}{REDACTED}")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_between_us_is_not_shown() {
        let own = [SecretString::from("v1,abc="), SecretString::from("/hooks/T0/B1")];
        assert_eq!(redact("POST /hooks/T0/B1 v1,abc=", &own), "POST [redacted] [redacted]");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown_and_ordinary_words_are() {
        for (text, shown) in [
            ("got whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD for it", "got [redacted] for it"),
            ("Authorization: Bearer abcdefgh.ijk-lm", "Authorization: [redacted]"),
            ("a basic dXNlcjpwYXNz here", "a basic [redacted] here"),
            (r#"{"password": "hunter2", "ok": true}"#, r#"{"password": "[redacted]", "ok": true}"#),
            (r#"{"api_key":"k3y!"}"#, r#"{"api_key":"[redacted]"}"#),
            ("access_token=s3cret&state=open", "access_token=[redacted]&state=open"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[redacted]"),
            ("no such ticket: 4711", "no such ticket: 4711"),
            ("a token is missing, basic checks failed", "a token is missing, basic checks failed"),
        ] {
            assert_eq!(redact(text, &[]), shown);
        }
    }
}

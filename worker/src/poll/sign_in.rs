//! Capabilities and the password.

use std::collections::HashSet;

use async_imap::imap_proto::{Capability, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;

use super::SessionError;
use super::checked::{Answer, Outcome, Wire};
use super::session::{Credentials, Stream};

/// What the server can do, in upper case.
#[derive(Debug, Default)]
pub(super) struct Capabilities(HashSet<String>);

impl Capabilities {
    /// Asks. What a greeting or an `OK` volunteers is not listened to.
    pub(super) async fn ask<S: Stream>(wire: &mut Wire<S>) -> Result<Self, SessionError> {
        let mut found = HashSet::new();
        let answer = wire.command("CAPABILITY", |response| {
            if let Response::Capabilities(list) = response {
                found.extend(list.iter().map(|capability| match capability {
                    Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
                    Capability::Auth(name) => format!("AUTH={}", name.to_ascii_uppercase()),
                    Capability::Atom(name) => name.to_ascii_uppercase(),
                }));
            }
        });
        answer.await?.ok()?;
        if found.is_empty() {
            return Err(SessionError::Protocol("no IMAP4rev1 and no IMAP4rev2"));
        }
        Ok(Self(found))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Signs in once, over a connection that has TLS.
pub(super) async fn sign_in(
    wire: &mut Wire,
    capabilities: &Capabilities,
    credentials: &Credentials,
) -> Result<(), SessionError> {
    let (name, secret) = (credentials.username.as_str(), credentials.secret.expose_secret());
    // Base64 would carry these through the checks of the wire, and NUL separates the fields of PLAIN.
    if [name, secret].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
        return Err(SessionError::Unsendable);
    }
    if capabilities.has("AUTH=PLAIN") {
        let fields = Zeroizing::new(format!("\0{name}\0{secret}"));
        let response = Zeroizing::new(STANDARD.encode(fields.as_bytes()));
        let answer = if capabilities.has("SASL-IR") {
            let command = Zeroizing::new(format!("AUTHENTICATE PLAIN {}", *response));
            wire.command(&command, |_| {}).await?
        } else {
            wire.command_in_lines(&["AUTHENTICATE PLAIN", &response], |_| {}).await?
        };
        return judge(&answer);
    }
    if capabilities.has("LOGINDISABLED") {
        return Err(SessionError::Protocol("no way to sign in with a password"));
    }
    let answer = if [name, secret].iter().all(|text| text.is_ascii()) {
        let command = Zeroizing::new(format!("LOGIN {} {}", *quoted(name), *quoted(secret)));
        wire.command(&command, |_| {}).await?
    } else {
        // Quoted strings are ASCII (RFC 3501); literals take any octet.
        let first = format!("LOGIN {{{}}}", name.len());
        let second = format!("{name} {{{}}}", secret.len());
        wire.command_in_lines(&[&first, &second, secret], |_| {}).await?
    };
    judge(&answer)
}

fn judge(answer: &Answer) -> Result<(), SessionError> {
    match (answer.outcome, answer.code.as_str()) {
        (Outcome::No, "AUTHENTICATIONFAILED") => Err(SessionError::Refused),
        (Outcome::No, "PRIVACYREQUIRED") => Err(SessionError::Tls("the server wants more")),
        _ => answer.ok(),
    }
}

/// An IMAP quoted string.
pub(super) fn quoted(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 2 + 2));
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

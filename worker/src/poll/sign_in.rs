//! Capabilities, and the password or the access token.

use std::collections::HashSet;

use async_imap::imap_proto::{Capability, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::SessionError;
use super::checked::{Answer, Outcome, Wire};
use super::session::{Credentials, Secret, Stream};

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

    /// Only those that are asked for after signing in: a session that waits keeps no more.
    pub(super) fn kept_short(self) -> Self {
        const ASKED_FOR: [&str; 3] = ["SPECIAL-USE", "LIST-EXTENDED", "IDLE"];
        Self(ASKED_FOR.into_iter().filter(|name| self.has(name)).map(str::to_owned).collect())
    }
}

/// Signs in once, over a connection that has TLS.
pub(super) async fn sign_in(
    wire: &mut Wire,
    capabilities: &Capabilities,
    credentials: &Credentials,
) -> Result<(), SessionError> {
    match &credentials.secret {
        Secret::Password(password) => with_password(wire, capabilities, &credentials.username, password).await,
        Secret::Token { token, prefers_xoauth2 } => {
            let mechanism = Mechanism::of(capabilities, *prefers_xoauth2)?;
            with_token(wire, capabilities, mechanism, &credentials.username, token).await
        }
    }
}

async fn with_password(
    wire: &mut Wire,
    capabilities: &Capabilities,
    name: &str,
    secret: &SecretString,
) -> Result<(), SessionError> {
    let secret = secret.expose_secret();
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
        (Outcome::No, _) if !answer.is_busy() => Err(SessionError::NotLetIn),
        _ => answer.ok(),
    }
}

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    /// RFC 7628.
    OAuthBearer,
    /// What Google and Microsoft had before there was an RFC.
    XOAuth2,
}

impl Mechanism {
    fn of(capabilities: &Capabilities, prefers_xoauth2: bool) -> Result<Self, SessionError> {
        let (bearer, older) = (capabilities.has("AUTH=OAUTHBEARER"), capabilities.has("AUTH=XOAUTH2"));
        match (bearer, older) {
            (true, true) if prefers_xoauth2 => Ok(Self::XOAuth2),
            (true, _) => Ok(Self::OAuthBearer),
            (false, true) => Ok(Self::XOAuth2),
            (false, false) => Err(SessionError::Protocol("no way to sign in with an access token")),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
        }
    }

    fn response(self, name: &str, token: &str) -> Zeroizing<String> {
        let plain = Zeroizing::new(match self {
            // A saslname (RFC 5801, 4) writes these two otherwise.
            Self::OAuthBearer => {
                let name = name.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={name},\u{1}auth=Bearer {token}\u{1}\u{1}")
            }
            Self::XOAuth2 => format!("user={name}\u{1}auth=Bearer {token}\u{1}\u{1}"),
        });
        Zeroizing::new(STANDARD.encode(plain.as_bytes()))
    }

    /// What a client says to an error challenge, so that the server ends the exchange (RFC 7628, 3.2.3: %x01).
    const fn dismissal(self) -> &'static str {
        match self {
            Self::OAuthBearer => "AQ==",
            Self::XOAuth2 => "",
        }
    }
}

async fn with_token(
    wire: &mut Wire,
    capabilities: &Capabilities,
    mechanism: Mechanism,
    name: &str,
    token: &SecretString,
) -> Result<(), SessionError> {
    let token = token.expose_secret();
    // %x01 separates the fields of both mechanisms.
    if [name, token].iter().any(|text| text.contains(|c: char| c.is_ascii_control())) {
        return Err(SessionError::Unsendable);
    }
    let response = mechanism.response(name, token);
    let mut challenge = None;
    let listen = |told: &Response<'_>| {
        if let Response::Continue(outcome) = told
            && let Some(text) = outcome.information.as_deref().filter(|text| !text.is_empty())
        {
            challenge = Some(text.to_owned());
        }
    };
    let answer = if capabilities.has("SASL-IR") {
        let command = Zeroizing::new(format!("AUTHENTICATE {} {}", mechanism.name(), *response));
        wire.command_in_lines(&[&command, mechanism.dismissal()], listen).await?
    } else {
        let command = format!("AUTHENTICATE {}", mechanism.name());
        wire.command_in_lines(&[&command, &response, mechanism.dismissal()], listen).await?
    };
    judge_token(&answer, challenge.as_deref().map(Challenge::read))
}

/// What an error challenge says: base64 of JSON with a `status` (RFC 7628, 3.2.2), which is a word there and a number of HTTP
/// in XOAUTH2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Challenge {
    /// The token is not let in, whatever the reason: a fresh one may be.
    Refused,
    /// The server could not find out, or wants to be left alone for a while.
    Later,
}

impl Challenge {
    fn read(text: &str) -> Self {
        let json = STANDARD.decode(text.trim()).ok();
        let told: Option<serde_json::Value> = json.and_then(|json| serde_json::from_slice(&json).ok());
        let status = match told.as_ref().and_then(|told| told.get("status")) {
            Some(serde_json::Value::String(word)) => word.to_ascii_lowercase(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let is_later = status == "429" || status == "temporarily_unavailable" || status == "server_error";
        let is_theirs = status.len() == 3 && status.starts_with('5');
        if is_later || is_theirs { Self::Later } else { Self::Refused }
    }
}

/// What became of a token. Servers that know no `[AUTHENTICATIONFAILED]` say it in words, or by a challenge before their `NO`.
fn judge_token(answer: &Answer, challenge: Option<Challenge>) -> Result<(), SessionError> {
    let is_refused = matches!(answer.code.as_str(), "AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED")
        || answer.is_authenticate_failed;
    match (answer.outcome, challenge) {
        (Outcome::No, _) if answer.code == "PRIVACYREQUIRED" => Err(SessionError::Tls("the server wants more")),
        (Outcome::No | Outcome::Bad, _) if answer.is_busy() => answer.ok(),
        (Outcome::No, Some(Challenge::Later)) => Err(SessionError::Busy("the token could not be checked")),
        (Outcome::No, Some(Challenge::Refused)) => Err(SessionError::TokenRefused),
        (Outcome::No, None) if is_refused => Err(SessionError::TokenRefused),
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

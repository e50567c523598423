//! What a token endpoint's answer means (RFC 6749, 5).

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::credential::TokenFault;
use daimon_egress::{DialError, TokenAnswer};
use secrecy::SecretString;
use serde::Deserialize;

/// How long a token holds that nothing is said of.
const UNSAID: TimeDelta = TimeDelta::minutes(10);
/// What is said of it is believed between these.
const SHORTEST: i64 = 1;
const LONGEST: i64 = 86_400;
/// A provider that wants to be left alone for longer is asked all the same.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// What came back.
pub(super) enum Told {
    /// A token.
    Granted {
        /// The token.
        access_token: SecretString,
        /// How long it holds.
        holds: TimeDelta,
        /// What to ask with the next time.
        refresh_token: Option<SecretString>,
    },
    /// None, and none for as long as nothing changes.
    Refused {
        /// Why.
        fault: TokenFault,
        /// The provider's own number for it.
        code: Option<u32>,
    },
    /// None for now.
    Later {
        /// Why.
        fault: TokenFault,
        /// The provider's own number for it.
        code: Option<u32>,
        /// How long the provider wants to be left alone.
        wait: Option<TimeDelta>,
    },
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    /// A number; some write it as text.
    #[serde(default)]
    expires_in: serde_json::Value,
    #[serde(default)]
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    /// Microsoft's: `AADSTS7000215` is 7000215 here.
    #[serde(default)]
    error_codes: serde_json::Value,
}

impl Refused {
    fn code(&self) -> Option<u32> {
        // What does not fit is no code that anybody knows.
        let code = u32::try_from(self.error_codes.get(0)?.as_u64()?).ok()?;
        i32::try_from(code).is_ok().then_some(code)
    }
}

/// Reads an answer, or why there is none.
pub(super) fn understand(answer: &Result<TokenAnswer, DialError>, now: DateTime<Utc>) -> Told {
    let answer = match answer {
        Ok(answer) => answer,
        Err(DialError::Forbidden) => {
            return Told::Later { fault: TokenFault::Unusable, code: None, wait: Some(LONGEST_WAIT) };
        }
        Err(DialError::HostNotFound | DialError::Unreachable(_) | DialError::TlsFailed(_) | DialError::TimedOut) => {
            return Told::Later { fault: TokenFault::Unreachable, code: None, wait: None };
        }
    };
    let wait = answer.retry_after.as_deref().and_then(|text| retry_after(text, now));
    match answer.status {
        200 => granted(&answer.body).unwrap_or(Told::Later { fault: TokenFault::Unusable, code: None, wait: None }),
        // Whatever the body says: a provider that is throttling has judged nobody.
        429 | 500..=599 => Told::Later { fault: TokenFault::Busy, code: None, wait },
        _ => match serde_json::from_slice::<Refused>(&answer.body) {
            Ok(refused) => match (fault_of(&refused.error), refused.code()) {
                (fault, code) if fault.is_refusal() => Told::Refused { fault, code },
                (fault, code) => Told::Later { fault, code, wait },
            },
            Err(_no_json) => Told::Later { fault: TokenFault::Unusable, code: None, wait },
        },
    }
}

fn granted(body: &[u8]) -> Option<Told> {
    let granted: Granted = serde_json::from_slice(body).ok()?;
    let is_bearer = granted.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    // It goes into one field of one line.
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_bearer || !is_token(&granted.access_token) {
        return None;
    }
    let said = granted.expires_in.as_i64().or_else(|| granted.expires_in.as_str()?.parse().ok());
    Some(Told::Granted {
        access_token: SecretString::from(granted.access_token),
        holds: said.map_or(UNSAID, |seconds| TimeDelta::seconds(seconds.clamp(SHORTEST, LONGEST))),
        refresh_token: granted.refresh_token.filter(|text| !text.is_empty()).map(SecretString::from),
    })
}

fn fault_of(error: &str) -> TokenFault {
    match error {
        "invalid_grant" => TokenFault::InvalidGrant,
        "invalid_client" => TokenFault::InvalidClient,
        // Google says the second of a service account that nobody has allowed anything.
        "unauthorized_client" | "access_denied" => TokenFault::UnauthorizedClient,
        "invalid_scope" => TokenFault::InvalidScope,
        "consent_required" | "interaction_required" | "login_required" => TokenFault::ConsentRequired,
        "temporarily_unavailable" | "server_error" | "slow_down" | "rate_limit_exceeded" => TokenFault::Busy,
        _ => TokenFault::Unusable,
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). What is neither is as good as absent.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        TimeDelta::try_seconds(text.parse().unwrap_or(i64::from(u32::MAX)))?
    } else {
        DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now
    };
    Some(wait.clamp(TimeDelta::zero(), LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn told(status: u16, retry_after: Option<&str>, body: &str) -> Told {
        let retry_after = retry_after.map(str::to_owned);
        let answer = TokenAnswer { status, retry_after, body: body.as_bytes().to_vec() };
        understand(&Ok(answer), DateTime::from_timestamp(1_782_000_000, 0).unwrap())
    }

    fn later(told: &Told) -> Option<(TokenFault, Option<i64>)> {
        match told {
            Told::Later { fault, wait, .. } => Some((*fault, wait.map(|wait| wait.num_seconds()))),
            Told::Granted { .. } | Told::Refused { .. } => None,
        }
    }

    #[test]
    fn a_token_comes_with_how_long_it_holds_and_what_to_ask_with_next() {
        let body = r#"{"access_token":"a1","token_type":"Bearer","expires_in":3599,"refresh_token":"r2","x":[1]}"#;
        let Told::Granted { access_token, holds, refresh_token } = told(200, None, body) else { panic!() };
        assert_eq!((access_token.expose_secret(), holds.num_seconds()), ("a1", 3_599));
        assert_eq!(refresh_token.unwrap().expose_secret(), "r2");
        for (expires_in, seconds) in
            [(r#""3600""#, 3_600), ("null", 600), ("-5", 1), ("999999999", 86_400), ("[]", 600)]
        {
            let body = format!(r#"{{"access_token":"a1","expires_in":{expires_in}}}"#);
            let Told::Granted { holds, refresh_token, .. } = told(200, None, &body) else { panic!("{expires_in}") };
            assert_eq!((holds.num_seconds(), refresh_token.is_none()), (seconds, true), "{expires_in}");
        }
    }

    #[test]
    fn what_is_no_token_is_no_refusal_either() {
        for body in [
            "",
            "{}",
            "<html>sign in</html>",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\u0001auth=Bearer b"}"#,
            r#"{"access_token":"a1","token_type":"mac"}"#,
        ] {
            assert_eq!(later(&told(200, None, body)), Some((TokenFault::Unusable, None)), "{body}");
        }
    }

    #[test]
    fn being_throttled_is_not_being_refused() {
        let refusal = r#"{"error":"invalid_grant"}"#;
        for (status, retry_after, wait) in [
            (429, Some("120"), Some(120)),
            (429, None, None),
            (503, Some("99999999999999999999"), Some(3_600)),
            (503, Some("Sat, 20 Jun 2026 20:01:00 +0000"), Some(0)),
            (500, Some("soon"), None),
        ] {
            assert_eq!(later(&told(status, retry_after, refusal)), Some((TokenFault::Busy, wait)), "{status}");
        }
        assert_eq!(later(&told(400, Some("9"), r#"{"error":"slow_down"}"#)), Some((TokenFault::Busy, Some(9))));
        assert_eq!(later(&told(404, None, "not found")), Some((TokenFault::Unusable, None)));
        assert_eq!(later(&told(302, None, "")), Some((TokenFault::Unusable, None)));
        assert_eq!(later(&told(400, None, r#"{"error":"invalid_request"}"#)), Some((TokenFault::Unusable, None)));
    }

    #[test]
    fn a_refusal_names_what_is_refused() {
        for (error, fault) in [
            ("invalid_grant", TokenFault::InvalidGrant),
            ("invalid_client", TokenFault::InvalidClient),
            ("unauthorized_client", TokenFault::UnauthorizedClient),
            ("access_denied", TokenFault::UnauthorizedClient),
            ("invalid_scope", TokenFault::InvalidScope),
            ("interaction_required", TokenFault::ConsentRequired),
        ] {
            for status in [400, 401, 403] {
                let body =
                    format!(r#"{{"error":"{error}","error_description":"AADSTS700082","error_codes":[700082]}}"#);
                let Told::Refused { fault: told, code } = told(status, None, &body) else { panic!("{error}") };
                assert_eq!((told, code), (fault, Some(700_082)));
            }
        }
    }

    #[test]
    fn a_number_that_is_none_is_left_out() {
        for codes in ["[]", "null", "[-1]", "[4294967296]", "[3000000000]", r#"["7"]"#, "7", "{}"] {
            let body = format!(r#"{{"error":"invalid_client","error_codes":{codes}}}"#);
            let told = told(401, None, &body);
            assert!(matches!(told, Told::Refused { code: None, .. }), "{codes}");
        }
    }

    #[test]
    fn silence_is_no_refusal() {
        let told = understand(&Err(DialError::TimedOut), DateTime::UNIX_EPOCH);
        assert_eq!(later(&told), Some((TokenFault::Unreachable, None)));
    }
}

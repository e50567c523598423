//! The tokens that API keys and passwords are exchanged for (JWT, RFC 7519, kept narrow as RFC 8725 advises).
//!
//! The signing key follows from the master key, so every API process agrees without asking anyone. A token's header is
//! compared byte for byte with the only headers we write, before anything of it is read: there is no `none`, no other
//! algorithm, no `jku`, `x5u`, `jwk` or `crit` to be talked into. `exp`, `nbf` and `iat` are judged by the clock that
//! is handed in, because the one inside the library can't be moved by a test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::{KeyId, MspId, SessionId, TenantId, UserId};
use daimon_domain::scope::{Actor, Permission, Tenants};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::envelope::{DataKey, derive};
use crate::hash::sha256;
use crate::master::MasterKey;

/// How long a token holds: 15 minutes.
pub const TOKEN_LIFETIME_S: i64 = 900;

const ISSUER: &str = "daimon";
const AUDIENCE: &str = "daimon-api";
/// RFC 9068: never mistaken for an identity token.
const TYPE: &str = "at+jwt";
/// A token for 200 tenants has 9 KB.
const MAX_LEN: usize = 16_384;
/// Two API processes' clocks may differ by that much.
const SKEW_S: i64 = 5;
/// So many tokens that are ours are remembered.
const MOST_SEEN: usize = 4_096;

/// Why a token does not hold, or could not be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not written by us, or changed.
    #[error("not a token of this service")]
    Forged,
    /// Its time is over, or has not come.
    #[error("the token has expired")]
    Expired,
    /// The signing key can't be used.
    #[error("the signing key can't be used")]
    Key,
}

/// What a token was made of; when that ends, so does the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// An API key.
    Key(KeyId),
    /// A user's session.
    Session {
        /// Whose.
        user: UserId,
        /// Which one.
        session: SessionId,
    },
}

impl Bearer {
    /// Who that is.
    pub const fn actor(self) -> Actor {
        match self {
            Self::Key(key) => Actor::Key(key),
            Self::Session { user, .. } => Actor::User(user),
        }
    }
}

/// What a token says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The MSP.
    pub msp: MspId,
    /// What it was made of.
    pub bearer: Bearer,
    /// The tenants within reach.
    pub tenants: Tenants,
    /// What may be done.
    pub permissions: Vec<Permission>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    iss: String,
    aud: String,
    sub: String,
    /// The session, where the bearer is a user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sid: Option<SessionId>,
    msp: MspId,
    /// Absent: every tenant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tenants: Option<Vec<TenantId>>,
    permissions: Vec<Permission>,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Issues and verifies tokens.
pub struct TokenIssuer {
    /// The first one signs.
    keys: Vec<SigningKey>,
    seen: Seen,
}

/// Tokens whose signature was found to be ours, by their SHA-256. A client sends the same one for a quarter of an hour, and to
/// verify it takes as long as much of what is asked with it. When it holds is looked at each time.
#[derive(Default)]
struct Seen(Mutex<HashMap<[u8; 32], Arc<Wire>>>);

impl Seen {
    fn find(&self, hash: &[u8; 32]) -> Option<Arc<Wire>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn keep(&self, hash: [u8; 32], wire: &Arc<Wire>, now: i64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_SEEN {
            seen.retain(|_, wire| wire.exp > now);
        }
        // So many that hold at the same time: they are verified once more.
        if seen.len() >= MOST_SEEN {
            seen.clear();
        }
        seen.insert(hash, Arc::clone(wire));
    }
}

struct SigningKey {
    kid: String,
    public: String,
    header: Header,
    /// What our tokens start with, up to the first dot.
    encoded_header: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKey {
    fn new(master: &DataKey) -> Result<Self, TokenError> {
        let seed = derive(master, &[b"token signing key"]);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_rejected| TokenError::Key)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_unspecified| TokenError::Key)?;
        let public = pair.public_key().as_ref();
        let kid = BASE64_URL_SAFE_NO_PAD.encode(public.get(..9).unwrap_or(public));
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(kid.clone());
        let encoded = serde_json::to_vec(&header).map_err(|_unserializable| TokenError::Key)?;
        Ok(Self {
            kid,
            public: BASE64_URL_SAFE_NO_PAD.encode(public),
            encoded_header: BASE64_URL_SAFE_NO_PAD.encode(encoded),
            header,
            encoding: EncodingKey::from_ed_der(pkcs8.as_ref()),
            decoding: DecodingKey::from_ed_der(public),
        })
    }
}

impl TokenIssuer {
    /// An issuer whose keys follow from the master keys.
    pub fn new(master: &MasterKey) -> Result<Self, TokenError> {
        let keys = master.keys().map(SigningKey::new).collect::<Result<_, _>>()?;
        Ok(Self { keys, seen: Seen::default() })
    }

    /// A token that holds from `now` for [`TOKEN_LIFETIME_S`].
    pub fn issue(&self, claims: &Claims, now: DateTime<Utc>) -> Result<SecretString, TokenError> {
        let key = self.keys.first().ok_or(TokenError::Key)?;
        let wire = Wire {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: claims.bearer.actor().to_string(),
            sid: match claims.bearer {
                Bearer::Key(_) => None,
                Bearer::Session { session, .. } => Some(session),
            },
            msp: claims.msp,
            tenants: match &claims.tenants {
                Tenants::All => None,
                Tenants::Only(tenants) => Some(tenants.clone()),
            },
            permissions: claims.permissions.clone(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + TimeDelta::seconds(TOKEN_LIFETIME_S)).timestamp(),
        };
        let text = jsonwebtoken::encode(&key.header, &wire, &key.encoding).map_err(|_library| TokenError::Key)?;
        Ok(SecretString::from(text))
    }

    /// What the token says, if it is ours and holds at `now`.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        if token.len() > MAX_LEN {
            return Err(TokenError::Forged);
        }
        let now = now.timestamp();
        let hash = sha256(token.as_bytes());
        let wire = if let Some(wire) = self.seen.find(&hash) {
            wire
        } else {
            let wire = Arc::new(self.read(token)?);
            self.seen.keep(hash, &wire, now);
            wire
        };
        if wire.iat > now + SKEW_S || wire.nbf > now + SKEW_S || wire.exp <= now {
            return Err(TokenError::Expired);
        }
        Ok(Claims {
            msp: wire.msp,
            bearer: bearer(&wire.sub, wire.sid).ok_or(TokenError::Forged)?,
            tenants: wire.tenants.clone().map_or(Tenants::All, Tenants::Only),
            permissions: wire.permissions.clone(),
        })
    }

    /// What one of ours says, whenever it holds.
    fn read(&self, token: &str) -> Result<Wire, TokenError> {
        let (header, _) = token.split_once('.').ok_or(TokenError::Forged)?;
        let key = self.keys.iter().find(|key| key.encoded_header == header).ok_or(TokenError::Forged)?;
        let read = jsonwebtoken::decode(token, &key.decoding, &validation()).map_err(|_library| TokenError::Forged)?;
        Ok(read.claims)
    }

    /// The public keys (RFC 7517), for others to verify our tokens with.
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| {
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": key.public})
            })
            .collect();
        json!({ "keys": keys })
    }
}

/// What a subject is; `None` where it and the session contradict each other.
fn bearer(subject: &str, session: Option<SessionId>) -> Option<Bearer> {
    match session {
        None => Some(Bearer::Key(subject.parse().ok()?)),
        Some(session) => Some(Bearer::Session { user: subject.parse().ok()?, session }),
    }
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation.validate_exp = false; // by our own clock, above
    validation
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    fn master(digit: char) -> MasterKey {
        MasterKey::from_hex(&std::iter::repeat_n(digit, 64).collect::<String>()).ok().unwrap()
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_782_000_000 + second, 0).unwrap()
    }

    fn claims() -> Claims {
        let entropy = SeededEntropy::new(5);
        Claims {
            msp: MspId::new(at(0), &entropy),
            bearer: Bearer::Key(KeyId::new(at(0), &entropy)),
            tenants: Tenants::Only(vec![TenantId::new(at(0), &entropy)]),
            permissions: vec![Permission::MailboxesRead, Permission::IncidentsWrite],
        }
    }

    fn issued() -> (TokenIssuer, String) {
        let issuer = TokenIssuer::new(&master('a')).ok().unwrap();
        let token = issuer.issue(&claims(), at(0)).unwrap().expose_secret().to_owned();
        (issuer, token)
    }

    #[test]
    fn a_token_holds_for_fifteen_minutes_in_every_process() {
        let (_, token) = issued();
        let another = TokenIssuer::new(&master('a')).ok().unwrap();
        assert_eq!(another.verify(&token, at(0)), Ok(claims()));
        assert_eq!(another.verify(&token, at(899)), Ok(claims()));
        assert_eq!(another.verify(&token, at(900)), Err(TokenError::Expired));
        assert_eq!(another.verify(&token, at(-6)), Err(TokenError::Expired));
        let everything = Claims { tenants: Tenants::All, ..claims() };
        let token = another.issue(&everything, at(0)).unwrap();
        assert_eq!(another.verify(token.expose_secret(), at(1)), Ok(everything));
    }

    #[test]
    fn only_so_many_are_remembered_and_those_that_hold_are_not_forgotten_for_others() {
        let (issuer, token) = issued();
        assert!(issuer.verify(&token, at(0)).is_ok());
        for second in 1..=i64::try_from(MOST_SEEN).unwrap() {
            let old = issuer.issue(&claims(), at(second - 1_000_000)).unwrap();
            assert_eq!(issuer.verify(old.expose_secret(), at(0)), Err(TokenError::Expired));
        }
        let hash = sha256(token.as_bytes());
        assert!(issuer.seen.find(&hash).is_some() && issuer.seen.0.lock().unwrap().len() < MOST_SEEN);
        assert_eq!(issuer.verify(&token, at(1)), Ok(claims()));
    }

    #[test]
    fn a_rotated_key_still_verifies_until_it_leaves_the_file() {
        let (_, token) = issued();
        let digits = |digit| std::iter::repeat_n(digit, 64).collect::<String>();
        let both = MasterKey::from_hex(&format!("{}\n{}", digits('b'), digits('a'))).ok().unwrap();
        let both = TokenIssuer::new(&both).ok().unwrap();
        assert!(both.verify(&token, at(1)).is_ok());
        assert_eq!(both.jwks()["keys"].as_array().map(Vec::len), Some(2));
        let new = TokenIssuer::new(&master('b')).ok().unwrap();
        assert_eq!(new.verify(&token, at(1)), Err(TokenError::Forged));
    }

    /// A token with this header and these claims, signed with our real key: only the header check can refuse it.
    fn signed(header: &Value, claims: &Value) -> String {
        let key = SigningKey::new(master('a').keys().next().unwrap()).ok().unwrap();
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.encoding, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    }

    fn decoded(token: &str, part: usize) -> Value {
        let text = token.split('.').nth(part).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn headers_other_than_ours_are_refused_even_when_signed_with_our_key() {
        let (issuer, token) = issued();
        let (header, claims) = (decoded(&token, 0), decoded(&token, 1));
        for (name, value) in [
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("RS256")),
            ("typ", json!("JWT")),
            ("kid", json!("another")),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/cert.pem")),
            ("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})),
            ("crit", json!(["exp"])),
            ("x5c", json!(["AAAA"])),
        ] {
            let mut forged = header.clone();
            forged[name] = value;
            assert_eq!(issuer.verify(&signed(&forged, &claims), at(1)), Err(TokenError::Forged), "{name}");
        }
    }

    #[test]
    fn claims_other_than_ours_are_refused_even_when_signed_with_our_key() {
        let (_, token) = issued();
        let claims = decoded(&token, 1);
        let key = SigningKey::new(master('a').keys().next().unwrap()).ok().unwrap();
        let issuer = TokenIssuer::new(&master('a')).ok().unwrap();
        let sign = |claims: &Value| jsonwebtoken::encode(&key.header, claims, &key.encoding).unwrap();
        assert!(issuer.verify(&sign(&claims), at(1)).is_ok());
        for (name, value) in [
            ("iss", json!("evil")),
            ("aud", json!("another-api")),
            ("aud", Value::Null),
            ("exp", Value::Null),
            ("exp", json!("never")),
            ("sub", json!("usr_1")),
            ("msp", json!(1)),
            ("admin", json!(true)),
            ("permissions", json!(["everything"])),
        ] {
            let mut forged = claims.clone();
            forged[name] = value;
            assert_eq!(issuer.verify(&sign(&forged), at(1)), Err(TokenError::Forged), "{name}");
        }
    }

    #[test]
    fn a_changed_signature_or_shape_is_refused() {
        let (issuer, token) = issued();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        for forged in [
            String::new(),
            "..".to_owned(),
            message.to_owned(),
            format!("{message}."),
            format!("{message}.{other}{}", signature.get(1..).unwrap()),
            format!("{token}.{signature}"),
            format!("{token}="),
            "a".repeat(MAX_LEN + 1),
        ] {
            assert_eq!(issuer.verify(&forged, at(1)), Err(TokenError::Forged), "{forged}");
        }
    }
}

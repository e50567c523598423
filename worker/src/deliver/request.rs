//! What is sent, and how it is signed: Standard Webhooks 1.0.0.
//!
//! Each attempt is signed anew, since receivers refuse a timestamp that is more than five minutes old. While a secret
//! rotates both sign, in one header, and the receiver takes whichever it knows.

use chrono::{DateTime, Utc};
use daimon_domain::event::Event;
use daimon_domain::id::{EndpointId, MspId};
use daimon_seal::{MasterKey, SealError, WebhookSecret, sha256};
use daimon_store::endpoint::Secrets;
use secrecy::SecretString;

use super::redact::redact;

/// One signed request.
pub(super) struct Request {
    /// Header fields, names in lower case.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The event's body, byte for byte as it was stored.
    pub(super) body: Vec<u8>,
    /// What an answer is not shown with.
    secrets: Vec<SecretString>,
}

impl Request {
    /// Signs an event for an attempt at `now`, to be sent to `url`.
    pub(super) fn sign(event: &Event, secrets: &[WebhookSecret], url: &str, now: DateTime<Utc>) -> Self {
        let id = event.id.to_string();
        let signatures: Vec<String> =
            secrets.iter().map(|secret| secret.sign(&id, now, event.body.as_bytes())).collect();
        Self {
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("webhook-id", id),
                ("webhook-timestamp", now.timestamp().to_string()),
                ("webhook-signature", signatures.join(" ")),
            ],
            body: event.body.clone().into_bytes(),
            secrets: signatures
                .into_iter()
                .map(SecretString::from)
                .chain(secrets.iter().map(WebhookSecret::reveal))
                .chain(std::iter::once(SecretString::from(behind_the_host(url))))
                .collect(),
        }
    }

    /// The SHA-256 of the body, for receivers who look for what they got.
    pub(super) fn sha256(&self) -> [u8; 32] {
        sha256(&self.body)
    }

    /// The receiver's answer without what it echoes of ours, and without what looks like a secret.
    pub(super) fn redact(&self, excerpt: &str) -> String {
        redact(excerpt, &self.secrets)
    }
}

/// Path and query, where they are long enough to say something: they often carry the receiver's secret.
fn behind_the_host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|slash| rest.get(slash..)).filter(|path| path.len() > 8).unwrap_or_default().to_owned()
}

/// The secrets that sign now, the current one first.
pub(super) fn open(
    master: &MasterKey,
    msp: MspId,
    endpoint: EndpointId,
    sealed: &Secrets,
) -> Result<Vec<WebhookSecret>, SealError> {
    std::iter::once(&sealed.current)
        .chain(&sealed.previous)
        .map(|sealed| WebhookSecret::open(master, msp, endpoint, sealed))
        .collect()
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;
    use daimon_domain::event::EventType;
    use daimon_domain::id::EventId;

    use super::*;

    const URL: &str = "https://psa.example/in?key=T0B1";

    fn event() -> Event {
        Event {
            id: EventId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(4)),
            kind: EventType::IncidentOpened,
            occurred_at: DateTime::UNIX_EPOCH,
            body: r#"{"type":"incident.opened"}"#.to_owned(),
        }
    }

    fn header<'a>(request: &'a Request, name: &str) -> &'a str {
        request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap()
    }

    #[test]
    fn both_secrets_sign_while_one_rotates() {
        let entropy = SeededEntropy::new(1);
        let secrets = [WebhookSecret::generate(&entropy), WebhookSecret::generate(&entropy)];
        let now = DateTime::from_timestamp(1_782_000_000, 5_000).unwrap();
        let request = Request::sign(&event(), &secrets, URL, now);
        let id = event().id.to_string();
        assert_eq!(header(&request, "webhook-id"), id);
        assert_eq!(header(&request, "webhook-timestamp"), "1782000000");
        let both: Vec<&str> = header(&request, "webhook-signature").split(' ').collect();
        assert_eq!(both, secrets.map(|secret| secret.sign(&id, now, event().body.as_bytes())));
        assert_eq!(request.body, event().body.into_bytes());
    }

    #[test]
    fn each_attempt_is_signed_anew() {
        let secrets = [WebhookSecret::generate(&SeededEntropy::new(1))];
        let at = |second| Request::sign(&event(), &secrets, URL, DateTime::from_timestamp(second, 0).unwrap());
        assert_ne!(header(&at(1), "webhook-signature"), header(&at(2), "webhook-signature"));
    }

    #[test]
    fn what_a_receiver_echoes_of_ours_is_not_kept() {
        let secrets = [WebhookSecret::generate(&SeededEntropy::new(1))];
        let request = Request::sign(&event(), &secrets, URL, DateTime::UNIX_EPOCH);
        let echo = format!("{URL} got {}", header(&request, "webhook-signature"));
        assert_eq!(request.redact(&echo), "https://psa.example[redacted] got [redacted]");
    }

    #[test]
    fn the_body_is_known_by_its_hash() {
        let request = Request::sign(&event(), &[], URL, DateTime::UNIX_EPOCH);
        // printf '{"type":"incident.opened"}' | sha256sum
        let known = ["4ae8851a7da88eeef5ada35c55ae8b7c", "2ab48cd69f87805814100f0b4c7de9df"];
        let bytes: Vec<u8> =
            known.iter().flat_map(|half| u128::from_str_radix(half, 16).unwrap().to_be_bytes()).collect();
        assert_eq!(request.sha256().to_vec(), bytes);
    }

    #[test]
    fn rotated_secrets_open_for_their_endpoint_only() {
        let (entropy, at) = (SeededEntropy::new(1), DateTime::UNIX_EPOCH);
        let master = MasterKey::from_hex(&"ab".repeat(32)).ok().unwrap();
        let (msp, endpoint) = (MspId::new(at, &entropy), EndpointId::new(at, &entropy));
        let seal = || WebhookSecret::generate(&entropy).seal(&master, msp, endpoint).unwrap();
        let sealed = Secrets { current: seal(), previous: Some(seal()) };
        assert_eq!(open(&master, msp, endpoint, &sealed).ok().map(|secrets| secrets.len()), Some(2));
        let stranger = EndpointId::new(at, &entropy);
        assert_eq!(open(&master, msp, stranger, &sealed).err(), Some(SealError::Damaged));
    }
}

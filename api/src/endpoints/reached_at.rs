//! By which name the caller reaches us: a webhook that leads there would come back to us, and each event make another.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use daimon_egress::WebhookUrl;

/// The request's `Host`.
#[derive(Debug)]
pub(crate) struct ReachedAt(Option<String>);

impl FromRequest for ReachedAt {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        ready(Ok(Self(host.map(str::to_ascii_lowercase))))
    }
}

impl ReachedAt {
    /// Whether a webhook would lead there. A host without a port is behind whoever speaks TLS for us, at any port of it.
    pub(super) fn is_at(&self, url: &WebhookUrl) -> bool {
        let (Some(host), asked) = (&self.0, url.host()) else { return false };
        host == asked || *host == format!("{asked}:{}", url.port())
    }
}

#[cfg(test)]
mod tests {
    use daimon_egress::Guard;

    use super::*;

    #[test]
    fn a_webhook_to_where_the_request_went_leads_to_us() {
        let url = WebhookUrl::parse("https://API.daimon.example/in", &Guard::default()).unwrap();
        for (host, is_ours) in [
            ("api.daimon.example", true),
            ("api.daimon.example:443", true),
            ("api.daimon.example:8080", false),
            ("daimon.example", false),
            ("", false),
        ] {
            assert_eq!(ReachedAt(Some(host.to_owned())).is_at(&url), is_ours, "{host}");
        }
        assert!(!ReachedAt(None).is_at(&url));
    }
}

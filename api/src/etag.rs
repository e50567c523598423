//! No lost updates: a change names the version it was made from (RFC 9110, 13.1.1).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;

use crate::problem::Problem;

/// The strong `ETag` of a version.
pub(crate) fn etag(version: i64) -> (header::HeaderName, String) {
    (header::ETAG, format!("\"{version}\""))
}

/// One resource with its `ETag`.
pub(crate) fn tagged<T: Serialize>(version: i64, view: &T) -> HttpResponse {
    HttpResponse::Ok().insert_header(etag(version)).json(view)
}

/// `If-Match`, which a change must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// `*`: whatever is there.
    Any,
    /// This version.
    Version(i64),
}

impl IfMatch {
    /// Refuses a change that was made from another version.
    pub(crate) fn check(self, version: i64) -> Result<(), Problem> {
        match self {
            Self::Version(expected) if expected != version => Err(Problem::PreconditionFailed),
            Self::Any | Self::Version(_) => Ok(()),
        }
    }

    fn read(text: &str) -> Self {
        match text.trim() {
            "*" => Self::Any,
            // What we never wrote, weak ones and lists included, matches nothing: versions begin at 1.
            other => Self::Version(
                other
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'))
                    .and_then(|v| v.parse().ok())
                    .unwrap_or(0),
            ),
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let sent = request.headers().get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        ready(sent.map(Self::read).ok_or(Problem::PreconditionRequired))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_made_from_another_version_is_refused() {
        assert_eq!(IfMatch::read("\"3\"").check(3), Ok(()));
        assert_eq!(IfMatch::read("*").check(3), Ok(()));
        for text in ["\"2\"", "3", "W/\"3\"", "\"3\", \"4\"", ""] {
            assert_eq!(IfMatch::read(text).check(3), Err(Problem::PreconditionFailed), "{text}");
        }
    }
}

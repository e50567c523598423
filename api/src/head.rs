//! `HEAD`, wherever there is `GET` (RFC 9110, 9.3.2): the same answer without its body.
//!
//! No handler knows of it. A request is routed as if it were `GET`, and the body is left out at the end, when its length
//! is known.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::web::Bytes;

/// Takes a request for its `GET`; whether the body has to be left out.
pub(crate) fn take(request: &mut ServiceRequest) -> bool {
    let is_head = *request.method() == Method::HEAD;
    if is_head {
        request.head_mut().method = Method::GET;
    }
    is_head
}

/// The same answer, of the same length, without a body.
pub(crate) fn without_body(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    response.map_body(|_head, body| BoxBody::new(LeftOut(body.size())))
}

/// A body of which only the length is told.
struct LeftOut(BodySize);

impl MessageBody for LeftOut {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

//! What every answer has, whatever answered: a request id, how the buckets of requests stand, a problem's body, a log line and a measurement.
//!
//! Problems are written here and not where they arise, because only here the request is known: so a router miss, a
//! failure of the framework and a panic look like everything else.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::head;
use crate::limits::{self, Standing};
use crate::problem::{MEDIA_TYPE, Problem};
use crate::service::Sources;

/// `X-Request-Id`.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request, in headers, bodies and logs.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The client's own, when it is 1 to 128 plain characters: it goes into logs.
    fn of(request: &ServiceRequest) -> Option<Self> {
        let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        (matches!(text.len(), 1..=128) && text.bytes().all(is_plain)).then(|| Self(text.to_owned()))
    }
}

/// A problem of no handler, with the request that it answers.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
struct Told {
    problem: Problem,
    request_id: RequestId,
    instance: String,
    standing: Option<Standing>,
}

impl ResponseError for Told {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let body = text(&self.problem, &self.request_id.0, &self.instance);
        let mut response = self.problem.error_response().set_body(BoxBody::new(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        dress(headers, &self.request_id, self.standing.as_ref());
        response
    }
}

/// The headers of every answer.
fn dress(headers: &mut HeaderMap, id: &RequestId, standing: Option<&Standing>) {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(standing) = standing {
        standing.write(headers);
    }
}

fn text(problem: &Problem, request_id: &str, instance: &str) -> String {
    serde_json::to_string(&problem.body(request_id, instance)).unwrap_or_default()
}

/// The outermost layer.
pub(crate) async fn finish(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = RequestId::of(&request).unwrap_or_else(|| {
        RequestId(request.app_data::<Data<Sources>>().map_or_else(String::new, |sources| sources.uuid().to_string()))
    });
    let (method, instance) = (request.method().clone(), request.path().to_owned());
    let is_head = head::take(&mut request);
    let span = tracing::info_span!("request", request.id = %id.0);
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let (standing, outcome) = async {
        let standing = limits::count(&request).await;
        if let Some(problem) = standing.as_ref().and_then(Standing::problem) {
            return (standing, Err(problem));
        }
        // A handler that panics has its transaction rolled back when it is dropped; nothing it leaves is used again.
        let outcome = match AssertUnwindSafe(next.call(request)).catch_unwind().await {
            Ok(answered) => answered.map_err(|error| problem_of(&error)),
            Err(_panic) => {
                tracing::error!("{method} {instance} panicked");
                Err(Problem::Internal)
            }
        };
        (standing, outcome)
    }
    .instrument(span.clone())
    .await;
    let _in_span = span.entered();
    let mut response = match outcome {
        Ok(response) => response.map_into_boxed_body(),
        Err(problem) => {
            // The route is not known any more.
            measure(&method, "none", problem.status_code(), started);
            return Err(Told { problem, request_id: id, instance, standing }.into());
        }
    };
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == MEDIA_TYPE);
    let problem = match response.response().error() {
        Some(error) => Some(problem_of(error)),
        None if failed && !is_ours => Some(Problem::from_status(response.status())),
        None => None,
    };
    if let Some(problem) = problem {
        let body = text(&problem, &id.0, &instance);
        response = response.map_body(|head, _none| {
            head.status = problem.status_code();
            head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            BoxBody::new(body)
        });
    }
    dress(response.headers_mut(), &id, standing.as_ref());
    let route = response.request().match_pattern().unwrap_or_else(|| "none".to_owned());
    measure(&method, &route, response.status(), started);
    Ok(if is_head { head::without_body(response) } else { response })
}

/// What an error of ours or of the framework is to a client.
fn problem_of(error: &Error) -> Problem {
    let of_framework = || Problem::from_status(error.as_response_error().status_code());
    error.as_error::<Problem>().cloned().unwrap_or_else(of_framework)
}

/// By route and not by path: ids would make a series each.
fn measure(method: &Method, route: &str, status: StatusCode, started: Instant) {
    let status = status.as_u16();
    let labels = [("method", method.to_string()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!("daimon_http_requests_total", &labels).increment(1);
    metrics::histogram!("daimon_http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    tracing::info!(http.status = status, http.route = route, "{method} {route} was answered with {status}");
}

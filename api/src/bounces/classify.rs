//! One message, read while you wait.

use actix_web::post;
use actix_web::web::{self, Json};

use daimon_domain::bounce::Report;

use super::classified::Classified;
use crate::caller::{BouncesRead, Permitted};
use crate::input::RawMessage;
use crate::problem::Problem;

/// Classify a message
///
/// Reads one message as it came over SMTP and says whether it is a bounce, of which recipients and why. Nothing of it
/// is kept. The answer is the one that `daimon-worker classify` writes. A message that is no bounce is answered `not_bounce`, not refused;
/// what has no header at all is a mistake, and no message.
#[utoipa::path(operation_id = "classifyMessage", tag = "Bounces",
    request_body(content = String, content_type = "message/rfc822", description = "The message with its header", example =
        "From: MAILER-DAEMON@mx.host.example\r\nSubject: Undelivered Mail\r\n\r\n<nobody@other.example>: 550 5.1.1 User unknown\r\n"),
    responses((status = 200, description = "The message as it was understood", body = Classified)))]
#[post("/v1/classify")]
pub(super) async fn classify(asked: Permitted<BouncesRead, RawMessage>) -> Result<Json<Report>, Problem> {
    let Permitted(caller, message) = asked;
    if !has_header(&message.0) {
        return Err(Problem::invalid("", "is no message: it has no header. Send it as it came over SMTP"));
    }
    // No connection is held while reading, which may take a while and must not delay other requests.
    drop(caller);
    let report = web::block(move || daimon_bounce::read(&message.0)).await.map_err(|_stopped| Problem::Unavailable)?;
    Ok(Json(report))
}

/// Whether a field of a header is in the lines before the first empty one (RFC 5322, 2.2), by a name such as they have.
fn has_header(message: &[u8]) -> bool {
    let lines = message.split(|byte| *byte == b'\n').skip_while(|line| line.trim_ascii().is_empty());
    lines.take_while(|line| !line.trim_ascii().is_empty()).any(|line| {
        let name = line.split(|byte| *byte == b':').next().filter(|name| name.len() < line.len());
        let is_named =
            |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        name.map(<[u8]>::trim_ascii_end).is_some_and(|name| !name.is_empty() && is_named(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_header() {
        for message in ["From: a", "\r\n\r\nFrom: a", "From a@b Mon Nov 30\nReceived : by c\n\n", ">From x\nX-A_b:"] {
            assert!(has_header(message.as_bytes()), "{message}");
        }
        for mistake in ["", "{}", "{\"From\": 1}", "{'From': 1}", "[null]", "hello", "hello\n\nFrom: a", ": b", " a: b"]
        {
            assert!(!has_header(mistake.as_bytes()), "{mistake}");
        }
    }
}

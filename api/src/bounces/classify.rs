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
/// is kept. The answer is the one that `daimon-worker classify` writes. A message that is no bounce is answered `not_bounce`, not refused.
#[utoipa::path(operation_id = "classifyMessage", tag = "Bounces",
    request_body(content = String, content_type = "message/rfc822", description = "The message with its header", example =
        "From: MAILER-DAEMON@mx.host.example\r\nSubject: Undelivered Mail\r\n\r\n<nobody@other.example>: 550 5.1.1 User unknown\r\n"),
    responses((status = 200, description = "The message as it was understood", body = Classified)))]
#[post("/v1/classify")]
pub(super) async fn classify(asked: Permitted<BouncesRead, RawMessage>) -> Result<Json<Report>, Problem> {
    let Permitted(caller, message) = asked;
    // No connection is held while reading, which may take a while and must not delay other requests.
    drop(caller);
    let report = web::block(move || daimon_bounce::read(&message.0)).await.map_err(|_stopped| Problem::Unavailable)?;
    Ok(Json(report))
}

//! What an operation may be refused for.
//!
//! A handler names a status only where it means something of its own by it. Of its 409 it says what each code means there.

use daimon_domain::incident::IncidentState;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

use super::access::Access;
use super::header;
use crate::path::IDEMPOTENCY_KEY;
use crate::problem::{Code, MEDIA_TYPE, Problem};

/// Adds the problems that an operation may answer with, and an example to those that it names itself.
pub(super) fn add(path: &str, operation: &mut Operation, access: Option<&Access>, is_public: bool) {
    for (problem, description) in everywhere(path, operation, access, is_public) {
        let status = problem.code().status().as_str().to_owned();
        operation.responses.responses.entry(status).or_insert_with(|| {
            let mut response = ResponseBuilder::new().description(description).build();
            show(&problem, path, &mut response);
            RefOr::T(response)
        });
    }
    say_of_key(operation);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            show(&meant(status, &response.description), path, response);
        }
        if let Some(wait) = wait(status, &response.description) {
            response.headers.entry("Retry-After".to_owned()).or_insert_with(|| RefOr::T(header(wait)));
        }
        if status == "401" {
            let how = RefOr::T(header("How to sign in (RFC 9110, 11.6.1)."));
            response.headers.insert("WWW-Authenticate".to_owned(), how);
        }
    }
}

/// What the `Retry-After` of an answer says, where it has one.
fn wait(status: &str, description: &str) -> Option<&'static str> {
    match status {
        "409" if codes(description).any(Code::is_passing) => {
            Some("In how many seconds to repeat the request, where that can help.")
        }
        "429" | "503" => Some("In how many seconds to repeat the request."),
        _ => None,
    }
}

/// What every operation of its kind may answer.
fn everywhere(
    path: &str,
    operation: &Operation,
    access: Option<&Access>,
    is_public: bool,
) -> Vec<(Problem, &'static str)> {
    let mut problems =
        vec![(Problem::MalformedRequest("The request can't be read."), "The request line or a header can't be read.")];
    if !is_public {
        problems.push((
            Problem::Unauthenticated("Send a token as Authorization: Bearer."),
            "No token, or one that does not hold.",
        ));
    }
    if let Some((problem, description)) = access.and_then(Access::refusal) {
        problems.push((problem, description));
    }
    if path.contains('{') {
        problems.push((Problem::NotFound("thing"), "There is no such thing, or it is not yours: these look the same."));
    }
    if operation.request_body.is_some() {
        problems.push((Problem::BodyTooLarge, "More than 1 MiB."));
        problems.push((Problem::UnsupportedMediaType("application/json"), "Another media type than the one above."));
    }
    problems.push((
        Problem::invalid("/name", "a name has 1 to 200 characters and no control characters"),
        "`invalid`: it was read and can't be accepted; `errors` says what, and where",
    ));
    problems.push((
        Problem::TooMany { detail: "This API key or user has made as many requests as they may for now.", wait_s: 7 },
        "Too many requests. `Retry-After` says when to come back",
    ));
    problems.push((Problem::Internal, "Our mistake; `request_id` finds it."));
    problems.push((Problem::Unavailable, "Something that we need is away for the moment. Nothing was changed."));
    problems
}

/// Whoever sends an `Idempotency-Key` may be too early with the second request, or send another one.
fn say_of_key(operation: &mut Operation) {
    let mut parameters = operation.parameters.iter().flatten();
    if !parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == IDEMPOTENCY_KEY)) {
        return;
    }
    say(
        operation,
        Code::IdempotencyKeyInUse,
        &format!("a request with this {IDEMPOTENCY_KEY} is being answered right now"),
    );
    say(operation, Code::IdempotencyKeyReused, &format!("another request was sent with this {IDEMPOTENCY_KEY}"));
}

/// Adds a code to the text of the answer with its status.
fn say(operation: &mut Operation, code: Code, why: &str) {
    let status = code.status().as_str().to_owned();
    let empty = || RefOr::T(ResponseBuilder::new().build());
    let response = operation.responses.responses.entry(status).or_insert_with(empty);
    if let RefOr::T(Response { description, .. }) = response {
        let more = if description.is_empty() { "" } else { ". " };
        *description = format!("{description}{more}`{code}`: {why}");
    }
}

/// What a handler that names a status of its own means by it.
fn meant(status: &str, description: &str) -> Problem {
    match status {
        "409" => collision(codes(description).next()),
        "429" => Problem::TooMany { detail: "This was asked for too often.", wait_s: 600 },
        "412" => Problem::PreconditionFailed,
        "428" => Problem::PreconditionRequired,
        "401" => Problem::Unauthenticated("What was sent does not hold."),
        "400" => Problem::MalformedBody("Not JSON: expected value at line 1 column 1.".to_owned()),
        _ => Problem::NotFound("thing"),
    }
}

fn collision(code: Option<Code>) -> Problem {
    match code {
        Some(Code::Busy) => Problem::Busy("Something goes on that has to end first."),
        Some(Code::WrongState) => Problem::WrongState(IncidentState::Closed),
        Some(Code::StepsMissing) => Problem::StepsMissing(vec!["C03", "C04"]),
        Some(Code::StillSending) => Problem::StillSending(12),
        Some(Code::IdempotencyKeyInUse) => Problem::IdempotencyKeyInUse,
        _ => Problem::Conflict("It collides with what is there."),
    }
}

/// The codes that the text of an answer explains, in its order.
pub(super) fn codes(description: &str) -> impl Iterator<Item = Code> {
    description.split('`').skip(1).step_by(2).filter_map(|word| word.parse().ok())
}

/// Gives an answer its body, with this problem as the example.
fn show(problem: &Problem, path: &str, response: &mut Response) {
    let instance = path.replace(['{', '}'], "");
    let body = problem.body("019ab1c2-d3e4-7f50-8192-a3b4c5d6e7f8", &instance);
    let mut content = Content::new(Some(Ref::from_schema_name("Problem")));
    content.example = serde_json::to_value(body).ok();
    response.content.insert(MEDIA_TYPE.to_owned(), content.into());
}

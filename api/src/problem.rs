//! Every failure that a client can see (RFC 9457).
//!
//! A handler says what went wrong, and this module alone gives it a status, a `type` and a `title`. The matches are
//! exhaustive, so a new failure doesn't compile until it has an identity. The body is written by `answer.rs`, which
//! knows the request; that is why `error_response` has none.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use daimon_domain::incident::IncidentState;
use daimon_domain::scope::Permission;
use daimon_seal::SealError;
use daimon_store::StoreError;
use daimon_verdict::life::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use crate::code::Code;

/// The media type of every failure.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemError)]
pub(crate) struct FieldError {
    /// Where in the body (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/imap/host")]
    pub(crate) pointer: Option<String>,
    /// Which query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "limit")]
    pub(crate) parameter: Option<String>,
    /// What is wrong with it.
    #[schema(example = "not a host name")]
    pub(crate) detail: String,
}

impl FieldError {
    /// Something in the body.
    pub(crate) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, detail: detail.into() }
    }

    /// Something in the query.
    pub(crate) fn of(parameter: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(parameter.into()), detail: detail.into() }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// No credential, or one that does not hold; the reason is safe to tell.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The permission that is missing.
    #[error("This needs the permission {0}.")]
    Forbidden(Permission),
    /// Nobody hands out more than they have.
    #[error("This reaches further than you do.")]
    Overreach,
    /// An API key can't do what is a person's own matter.
    #[error("Only a user who has signed in with a password can do this.")]
    NotAPerson,
    /// What is missing, or does not hold, besides the password.
    #[error("{0}")]
    SecondFactor(&'static str),
    /// A password alone is too little for this role.
    #[error("Your role needs a second factor: enrol one at POST /v1/me/totp.")]
    EnrolmentRequired,
    /// The noun that does not exist.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The methods that do exist, as in `Allow`.
    #[error("This path has the methods {0}.")]
    MethodNotAllowed(String),
    /// A sentence that says with what it collides.
    #[error("{0}")]
    Conflict(&'static str),
    /// A sentence that says what has to end first.
    #[error("{0}")]
    Busy(&'static str),
    /// Where the incident stands.
    #[error("That can't follow: the incident is {0}.")]
    WrongState(IncidentState),
    /// The ids of steps of the playbook that are neither done nor skipped.
    #[error("Steps of the playbook are neither done nor skipped: {}.", .0.join(", "))]
    StepsMissing(Vec<&'static str>),
    /// To how many recipients mail went out after the time that was stated.
    #[error("Mail to {0} recipients was submitted after that time.")]
    StillSending(i64),
    /// `If-Match` names another version.
    #[error("It has been changed since you read it.")]
    PreconditionFailed,
    /// `If-Match` is missing.
    #[error("Send the ETag that you read as If-Match.")]
    PreconditionRequired,
    /// More than one MiB.
    #[error("A body has at most 1 MiB.")]
    BodyTooLarge,
    /// What would have been read.
    #[error("Send {0}.")]
    UnsupportedMediaType(&'static str),
    /// Where reading ended.
    #[error("{0}")]
    MalformedBody(String),
    /// The request line or a header can't be read.
    #[error("{0}")]
    MalformedRequest(&'static str),
    /// What is wrong, and where.
    #[error("Something in the request can't be accepted; errors says what.")]
    Invalid(Vec<FieldError>),
    /// It was asked for too often.
    #[error("{detail}")]
    TooMany {
        /// A sentence that says of what there were too many.
        detail: &'static str,
        /// In so many seconds it can be asked for again.
        wait_s: u32,
    },
    /// The `Idempotency-Key` was used with another request.
    #[error("This Idempotency-Key was used with another request.")]
    IdempotencyKeyReused,
    /// The same request is being answered right now.
    #[error("A request with this Idempotency-Key is being answered right now.")]
    IdempotencyKeyInUse,
    /// Something that we need is away.
    #[error("Something that we need is away for the moment.")]
    Unavailable,
    /// Our mistake: what it was is in the log, under the request id.
    #[error("This is our mistake.")]
    Internal,
}

impl Problem {
    /// Its kind.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Forbidden(_) | Self::Overreach | Self::NotAPerson => Code::Forbidden,
            Self::SecondFactor(_) => Code::SecondFactorRequired,
            Self::EnrolmentRequired => Code::EnrolmentRequired,
            Self::NotFound(_) => Code::NotFound,
            Self::MethodNotAllowed(_) => Code::MethodNotAllowed,
            Self::Conflict(_) => Code::Conflict,
            Self::Busy(_) => Code::Busy,
            Self::WrongState(_) => Code::WrongState,
            Self::StepsMissing(_) => Code::StepsMissing,
            Self::StillSending(_) => Code::StillSending,
            Self::PreconditionFailed => Code::PreconditionFailed,
            Self::PreconditionRequired => Code::PreconditionRequired,
            Self::BodyTooLarge => Code::BodyTooLarge,
            Self::UnsupportedMediaType(_) => Code::UnsupportedMediaType,
            Self::MalformedBody(_) => Code::MalformedBody,
            Self::MalformedRequest(_) => Code::MalformedRequest,
            Self::Invalid(_) => Code::Invalid,
            Self::TooMany { .. } => Code::TooManyRequests,
            Self::IdempotencyKeyReused => Code::IdempotencyKeyReused,
            Self::IdempotencyKeyInUse => Code::IdempotencyKeyInUse,
            Self::Unavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }

    /// Logs what happened, where it stops, and answers with no more than that it is our mistake.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes: Vec<String> =
            std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string).collect();
        tracing::error!(error = %error, causes = causes.join(": "), "a request failed: {error}");
        Self::Internal
    }

    /// One thing in the body that can't be accepted.
    pub(crate) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::at(pointer, detail)])
    }

    /// What is sent.
    pub(crate) fn body(&self, request_id: &str, instance: &str) -> ProblemBody {
        let code = self.code();
        ProblemBody {
            r#type: format!("/docs/problems#{code}"),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: self.to_string(),
            instance: instance.to_owned(),
            code: code.to_string(),
            request_id: request_id.to_owned(),
            errors: match self {
                Self::Invalid(errors) => errors.clone(),
                Self::Unauthenticated(_)
                | Self::Forbidden(_)
                | Self::Overreach
                | Self::NotAPerson
                | Self::SecondFactor(_)
                | Self::EnrolmentRequired
                | Self::NotFound(_)
                | Self::MethodNotAllowed(_)
                | Self::Conflict(_)
                | Self::Busy(_)
                | Self::WrongState(_)
                | Self::StepsMissing(_)
                | Self::StillSending(_)
                | Self::PreconditionFailed
                | Self::PreconditionRequired
                | Self::BodyTooLarge
                | Self::UnsupportedMediaType(_)
                | Self::MalformedBody(_)
                | Self::MalformedRequest(_)
                | Self::TooMany { .. }
                | Self::IdempotencyKeyReused
                | Self::IdempotencyKeyInUse
                | Self::Unavailable
                | Self::Internal => Vec::new(),
            },
            missing_steps: if let Self::StepsMissing(steps) = self { steps.clone() } else { Vec::new() },
        }
    }

    /// A failure of the framework's own, told like ours.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound("path"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            other if other.is_client_error() => Self::MalformedRequest("The request can't be read."),
            _server_error => Self::Internal,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { constraint } => match constraint.as_str() {
                "mailbox_address_once" => Self::Conflict("This tenant has a mailbox with this address already."),
                "drill_run_once" => Self::Busy("A drill goes on on this mailbox already."),
                "incident_live_once" => Self::Conflict("There is a live incident of this cause already."),
                "incident_ticket_once" => Self::Conflict("This ticket is linked already."),
                "msp_user_email_once" => Self::Conflict("There is a user with this address already."),
                "idempotency_pk" => Self::IdempotencyKeyInUse,
                _ => Self::Conflict("There is one already."),
            },
            // The row-level policies refuse what the caller's own wall would hide.
            StoreError::Refused(_) => Self::Overreach,
            StoreError::Unavailable(_) => {
                tracing::warn!(error = %error, "a request found no database");
                Self::Unavailable
            }
            StoreError::Missing { constraint } if constraint == "mailbox_credential_fk" => {
                Self::Conflict("Mailboxes sign in with this credential. Give them another one first.")
            }
            StoreError::Missing { .. }
            | StoreError::Invalid { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Unwalled { .. }
            | StoreError::Migration(_)
            | StoreError::Statement(_) => Self::internal(&error),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::State(state) => Self::WrongState(state),
            Refusal::Cause => Self::Conflict("Only a takeover can be confirmed, or what is undetermined."),
            Refusal::Steps(steps) => Self::StepsMissing(steps),
        }
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        Self::internal(&error)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code().status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
        if let Self::MethodNotAllowed(methods) = self {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        if matches!(self, Self::Unauthenticated(_) | Self::SecondFactor(_)) {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"daimon\""));
        }
        if self.code().is_passing() {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        if let Self::TooMany { wait_s, .. } = self {
            response.insert_header((header::RETRY_AFTER, wait_s.to_string()));
        }
        response.finish()
    }
}

/// A failure as it is sent (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "/docs/problems#not_found", "title": "Not found", "status": 404, "detail": "There is no such mailbox.",
    "instance": "/v1/mailboxes/mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "code": "not_found",
    "request_id": "019ab1c2-d3e4-7f50-8192-a3b4c5d6e7f8"
}))]
pub(crate) struct ProblemBody {
    /// Where this kind of problem is explained.
    pub(crate) r#type: String,
    /// The same for every problem of the kind.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened this time.
    pub(crate) detail: String,
    /// The path that was asked for.
    pub(crate) instance: String,
    /// The kind, for programs.
    #[schema(schema_with = crate::words::problem_code)]
    pub(crate) code: String,
    /// To be told to the operator; the same as in the `X-Request-Id` header.
    pub(crate) request_id: String,
    /// What is wrong, and where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
    /// Steps of the playbook that have to be done or skipped first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false, example = json!(["C01", "C03"]))]
    pub(crate) missing_steps: Vec<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_what_it_is_and_what_to_do() {
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code}");
            assert!(!code.title().is_empty() && code.advice().len() > 20, "{code}");
        }
    }

    #[test]
    fn a_problem_has_the_members_of_rfc_9457() {
        let problem = Problem::Invalid(vec![FieldError::at("/name", "too long"), FieldError::of("limit", "too many")]);
        let body = serde_json::to_value(problem.body("r1", "/v1/tenants")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/docs/problems#invalid", "title": "Invalid", "status": 422,
                "detail": "Something in the request can't be accepted; errors says what.",
                "instance": "/v1/tenants", "code": "invalid", "request_id": "r1",
                "errors": [{"pointer": "/name", "detail": "too long"}, {"parameter": "limit", "detail": "too many"}]
            })
        );
    }

    #[test]
    fn a_missing_credential_is_asked_for_and_a_wrong_method_is_told_the_right_ones() {
        let header = |problem: Problem, name| problem.error_response().headers().get(name).cloned();
        assert_eq!(
            header(Problem::Unauthenticated("Sign in."), header::WWW_AUTHENTICATE).unwrap(),
            "Bearer realm=\"daimon\""
        );
        assert_eq!(header(Problem::MethodNotAllowed("GET, POST".to_owned()), header::ALLOW).unwrap(), "GET, POST");
    }
}

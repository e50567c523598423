//! The kinds of failure, each with its status, its title and what to do about it.
//!
//! The set is closed and published in the document; `/docs/problems` is made of it.

use actix_web::http::StatusCode;
use daimon_domain::words;

words! {
    /// What went wrong, for programs.
    Code {
        /// No credential, or one that does not hold.
        Unauthenticated = "unauthenticated",
        /// The credential holds but does not permit this.
        Forbidden = "forbidden",
        /// The password is right, and a code of the second factor has to come with it.
        SecondFactorRequired = "second_factor_required",
        /// This user has to enrol a second factor first.
        EnrolmentRequired = "enrolment_required",
        /// There is no such thing, or it is not yours.
        NotFound = "not_found",
        /// The path exists and this method does not.
        MethodNotAllowed = "method_not_allowed",
        /// It collides with what is there.
        Conflict = "conflict",
        /// Something goes on that has to end first.
        Busy = "busy",
        /// There is no way there from where the incident stands.
        WrongState = "wrong_state",
        /// Steps of the playbook come first.
        StepsMissing = "steps_missing",
        /// Mail went out after the time that was stated.
        StillSending = "still_sending",
        /// `If-Match` names another version.
        PreconditionFailed = "precondition_failed",
        /// `If-Match` is missing.
        PreconditionRequired = "precondition_required",
        /// More than one MiB.
        BodyTooLarge = "body_too_large",
        /// Not the media type that this operation reads.
        UnsupportedMediaType = "unsupported_media_type",
        /// The body is not JSON, or it broke off.
        MalformedBody = "malformed_body",
        /// The request line or a header can't be read.
        MalformedRequest = "malformed_request",
        /// It was read, and something in it can't be.
        Invalid = "invalid",
        /// It was asked for too often.
        TooManyRequests = "too_many_requests",
        /// The `Idempotency-Key` was used with another request.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// The same request is being answered right now.
        IdempotencyKeyInUse = "idempotency_key_in_use",
        /// Something that we need is away.
        Unavailable = "unavailable",
        /// Our mistake.
        Internal = "internal",
    }
}

impl Code {
    /// The status it is answered with.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::SecondFactorRequired => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::EnrolmentRequired => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict
            | Self::Busy
            | Self::WrongState
            | Self::StepsMissing
            | Self::StillSending
            | Self::IdempotencyKeyInUse => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MalformedBody | Self::MalformedRequest => StatusCode::BAD_REQUEST,
            Self::Invalid | Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the same request may be taken a moment later, so that the answer says when.
    pub(crate) const fn is_passing(self) -> bool {
        matches!(self, Self::Busy | Self::IdempotencyKeyInUse | Self::Unavailable)
    }

    /// The same for every problem of the kind.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Sign in first",
            Self::Forbidden => "Not permitted",
            Self::SecondFactorRequired => "A code is missing",
            Self::EnrolmentRequired => "Enrol a second factor first",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Conflict => "Conflict",
            Self::Busy => "Not yet",
            Self::WrongState => "Not from here",
            Self::StepsMissing => "Steps are missing",
            Self::StillSending => "Still sending",
            Self::PreconditionFailed => "Changed in the meantime",
            Self::PreconditionRequired => "If-Match is missing",
            Self::BodyTooLarge => "Body too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::MalformedBody => "Malformed body",
            Self::MalformedRequest => "Malformed request",
            Self::Invalid => "Invalid",
            Self::IdempotencyKeyReused => "Idempotency key reused",
            Self::IdempotencyKeyInUse => "Still being answered",
            Self::TooManyRequests => "Too many requests",
            Self::Unavailable => "Unavailable",
            Self::Internal => "Internal error",
        }
    }

    /// What a client should do about it: the text of the page that `type` leads to.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Unauthenticated => {
                "Exchange your API key, or your password, at POST /v1/auth/token and send the token as Authorization: \
                 Bearer. Tokens hold for 15 minutes, and no longer than their key or session."
            }
            Self::Forbidden => {
                "The detail says what is missing: use an API key, or sign in as somebody, with that permission or of that reach."
            }
            Self::SecondFactorRequired => {
                "Repeat the request with totp, the six digits that the authenticator app shows, or with recovery_code. A \
                 code is good once."
            }
            Self::EnrolmentRequired => {
                "Owners and admins sign in with a second factor. Read a secret at POST /v1/me/totp and confirm it at POST \
                 /v1/me/totp/confirm: your token is good for that, and for everything else afterwards."
            }
            Self::NotFound => {
                "Check the id. What belongs to another MSP or to a tenant out of your reach does not exist for you."
            }
            Self::MethodNotAllowed => "The Allow header lists the methods of this path.",
            Self::Conflict => "Read what is there, then decide. Until that changes the same request is refused again.",
            Self::Busy => {
                "Wait until what the detail speaks of has ended, and repeat the request: Retry-After says how long at least."
            }
            Self::WrongState => "Read the incident: its state says what can follow.",
            Self::StepsMissing => {
                "Do the steps that missing_steps lists, or skip each with a note that says why it does not apply."
            }
            Self::StillSending => {
                "Bounces of mail that was submitted later have come, so the way in was open then. State a later time, once \
                 it is shut: end sessions, app passwords and grants too."
            }
            Self::PreconditionFailed => "Somebody changed it. Read it again and repeat your change with the new ETag.",
            Self::PreconditionRequired => "Read the resource and send its ETag as If-Match.",
            Self::BodyTooLarge => "A request's body has at most 1 MiB.",
            Self::UnsupportedMediaType => "Send the Content-Type that the operation names.",
            Self::MalformedBody => "The body is not JSON. The detail says where reading ended.",
            Self::MalformedRequest => "The request line or a header can't be read.",
            Self::Invalid => {
                "Each entry of errors says what is wrong and where, by JSON pointer or by query parameter."
            }
            Self::IdempotencyKeyReused => {
                "Make a new Idempotency-Key for each request; repeat one with the same body only."
            }
            Self::IdempotencyKeyInUse => "Wait a moment and repeat the request.",
            Self::TooManyRequests => "Repeat the request when the seconds of Retry-After are over.",
            Self::Unavailable => "Repeat the request later. Nothing was changed.",
            Self::Internal => "Tell your operator the request_id: it finds the log lines.",
        }
    }
}

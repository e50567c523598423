//! Creating once: a client that lost the answer repeats the request under the same `Idempotency-Key` and gets it.
//!
//! The answer is stored in the transaction of the effect, for 24 hours. It may show a secret that is shown once, so it
//! is sealed.

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use chrono::TimeDelta;
use daimon_seal::Aad;
use daimon_store::idempotency::{self, Answer};
use serde::Serialize;
use std::future::{Ready, ready};

use crate::caller::Caller;
use crate::path::IDEMPOTENCY_KEY;
use crate::problem::Problem;

/// For how long answers are kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// The request's `Idempotency-Key`, if it has one, and what it asks for.
#[derive(Debug)]
pub(crate) struct IdempotencyKey {
    key: Option<String>,
    target: String,
}

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let target = format!("{} {}", request.method(), request.path());
        let key = match request.headers().get(IDEMPOTENCY_KEY).map(|value| value.to_str()) {
            None => Ok(None),
            Some(Ok(text)) if matches!(text.len(), 1..=255) => Ok(Some(text.to_owned())),
            Some(_) => Err(Problem::MalformedRequest("An Idempotency-Key has 1 to 255 visible ASCII characters.")),
        };
        ready(key.map(|key| Self { key, target }))
    }
}

/// A request that is answered for the first time.
pub(crate) struct Once {
    key: Option<String>,
    fingerprint: [u8; 32],
}

/// What was made.
pub(crate) struct Created<T> {
    /// Where it is read.
    pub(crate) location: String,
    /// Its version, where it has one.
    pub(crate) version: Option<i64>,
    /// The body of the answer.
    pub(crate) view: T,
}

impl IdempotencyKey {
    /// Either the answer that was given before, or permission to go on.
    pub(crate) async fn begin<P>(
        self,
        caller: &mut Caller<P>,
        body: &Bytes,
    ) -> Result<Result<Once, HttpResponse>, Problem> {
        let hash = caller.service.master.keyed_hash(caller.msp);
        let fingerprint = hash.hash(&[b"request", self.target.as_bytes(), body]);
        let Some(key) = self.key else { return Ok(Ok(Once { key: None, fingerprint })) };
        let id = caller.actor.as_uuid();
        if !idempotency::try_hold(&mut caller.tx, id, &key).await? {
            return Err(Problem::IdempotencyKeyInUse);
        }
        let since = caller.now - KEPT;
        match idempotency::find(&mut caller.tx, id, &key, since).await? {
            None => {
                idempotency::forget(&mut caller.tx, since).await?;
                Ok(Ok(Once { key: Some(key), fingerprint }))
            }
            Some(kept) if kept.fingerprint != fingerprint => Err(Problem::IdempotencyKeyReused),
            Some(kept) => {
                let body = caller.service.master.open(&Aad::kept_answer(caller.msp, caller.actor), &kept.body)?;
                let mut response =
                    HttpResponse::build(StatusCode::from_u16(kept.status).unwrap_or(StatusCode::CREATED));
                if let Some(location) = kept.location {
                    response.insert_header((header::LOCATION, location));
                }
                if let Some(etag) = kept.etag {
                    response.insert_header((header::ETAG, etag));
                }
                Ok(Err(response.content_type("application/json").body(body.to_vec())))
            }
        }
    }
}

impl Once {
    /// Keeps the answer and what was done, and answers 201.
    pub(crate) async fn created<P, T: Serialize>(
        self,
        caller: Caller<P>,
        made: Created<T>,
    ) -> Result<HttpResponse, Problem> {
        self.answered(caller, StatusCode::CREATED, made).await
    }

    /// The same of what was only begun: 202.
    pub(crate) async fn accepted<P, T: Serialize>(
        self,
        caller: Caller<P>,
        made: Created<T>,
    ) -> Result<HttpResponse, Problem> {
        self.answered(caller, StatusCode::ACCEPTED, made).await
    }

    /// The same of several things, each with a result of its own: 207, and no one place to read it again.
    pub(crate) async fn each<P, T: Serialize>(self, caller: Caller<P>, view: T) -> Result<HttpResponse, Problem> {
        self.answered(caller, StatusCode::MULTI_STATUS, Created { location: String::new(), version: None, view }).await
    }

    /// The same of something that was there already: 200.
    pub(crate) async fn changed<P, T: Serialize>(
        self,
        caller: Caller<P>,
        version: i64,
        view: T,
    ) -> Result<HttpResponse, Problem> {
        self.answered(caller, StatusCode::OK, Created { location: String::new(), version: Some(version), view }).await
    }

    async fn answered<P, T: Serialize>(
        self,
        mut caller: Caller<P>,
        status: StatusCode,
        made: Created<T>,
    ) -> Result<HttpResponse, Problem> {
        let location = Some(made.location).filter(|location| !location.is_empty());
        let body = serde_json::to_vec(&made.view).map_err(|error| Problem::internal(&error))?;
        let etag = made.version.map(|version| crate::etag::etag(version).1);
        if let Some(key) = self.key {
            let answer = Answer {
                fingerprint: self.fingerprint,
                status: status.as_u16(),
                location: location.clone(),
                etag: etag.clone(),
                body: caller.service.master.seal(&Aad::kept_answer(caller.msp, caller.actor), &body)?,
            };
            idempotency::insert(&mut caller.tx, caller.actor.as_uuid(), &key, &answer, caller.now).await?;
        }
        caller.commit().await?;
        let mut response = HttpResponse::build(status);
        if let Some(location) = location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(etag) = etag {
            response.insert_header((header::ETAG, etag));
        }
        Ok(response.content_type("application/json").body(body))
    }
}

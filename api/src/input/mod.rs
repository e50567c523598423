//! What a client sends, read strictly: a body or a query that has more than we know is refused, not ignored.
//!
//! An error says where it is, by JSON pointer (RFC 6901) or by the name of the parameter, and what would have been right,
//! in the document's words (`expected.rs`).

mod expected;
mod strict;
mod tree;

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Ready, ready};
use garde::Validate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use self::expected::Described;
use self::strict::{Because, Refused};
pub(crate) use self::tree::Tree;
use crate::problem::{FieldError, Problem};

/// What a body may have: 1 MiB.
pub(crate) const MAX_BODY: usize = 1_048_576;

/// And how long it may take.
const BODY_SPAN: Duration = Duration::from_secs(30);

/// A JSON body that was understood.
#[derive(Debug)]
pub(crate) struct Body<T> {
    /// What it says.
    pub(crate) value: T,
    /// How it was written.
    pub(crate) bytes: Bytes,
}

/// A message as it came over SMTP (`message/rfc822`).
#[derive(Debug)]
pub(crate) struct RawMessage(pub(crate) Bytes);

/// A field of a change: left out it leaves what there is, and `null` ends it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Change<T> {
    /// It was left out.
    #[default]
    Leave,
    /// `null`.
    End,
    /// Something else from now on.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::End, Self::Set))
    }
}

/// A query that was understood.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Validate<Context = ()> + ToSchema + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = typed(request, payload, "application/json");
        async move {
            let bytes = bytes.await?;
            Ok(Self { value: read(&bytes)?, bytes })
        }
        .boxed_local()
    }
}

impl FromRequest for RawMessage {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = typed(request, payload, "message/rfc822");
        async move { Ok(Self(bytes.await?)) }.boxed_local()
    }
}

impl<T: DeserializeOwned + Validate<Context = ()> + IntoParams> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(read_query(request.query_string()).map(Self))
    }
}

/// The body, if it is of this type. Whoever sends nothing is told so, rather than that nothing has the wrong type.
pub(crate) fn typed(
    request: &HttpRequest,
    payload: &mut Payload,
    expected: &'static str,
) -> LocalBoxFuture<'static, Result<Bytes, Problem>> {
    let is_named = request.headers().contains_key(header::CONTENT_TYPE);
    let is_expected = has_type(request, expected);
    let whole = whole(request, payload);
    async move {
        if is_expected {
            return whole.await;
        }
        if !is_named && whole.await?.is_empty() {
            return Err(Problem::MalformedBody(format!("There is no body: send one, as {expected}.")));
        }
        Err(Problem::UnsupportedMediaType(expected))
    }
    .boxed_local()
}

/// Whether the body is said to be of this type.
pub(crate) fn has_type(request: &HttpRequest, expected: &str) -> bool {
    let sent = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}

fn whole(request: &HttpRequest, payload: &mut Payload) -> LocalBoxFuture<'static, Result<Bytes, Problem>> {
    let payload = web::Payload::from_request(request, payload).into_inner();
    async move {
        let all = payload.map_err(|_none| Problem::Internal)?.to_bytes_limited(MAX_BODY);
        match timeout(BODY_SPAN, all).await {
            Ok(Ok(Ok(bytes))) => Ok(bytes),
            Ok(Ok(Err(_broken_off))) => Err(Problem::MalformedBody("The body broke off.".to_owned())),
            Ok(Err(_limit)) => Err(Problem::BodyTooLarge),
            Err(_elapsed) => Err(Problem::MalformedBody("The body has not come within 30 seconds.".to_owned())),
        }
    }
    .boxed_local()
}

pub(crate) fn read<T: DeserializeOwned + Validate<Context = ()> + ToSchema>(bytes: &[u8]) -> Result<T, Problem> {
    let tree: Tree =
        serde_json::from_slice(bytes).map_err(|error| Problem::MalformedBody(format!("Not JSON: {error}.")))?;
    understand(&tree, Described::body::<T>).map_err(|wrong| {
        Problem::Invalid(wrong.into_iter().map(|(names, detail)| FieldError::at(pointer(&names), detail)).collect())
    })
}

fn read_query<T: DeserializeOwned + Validate<Context = ()> + IntoParams>(text: &str) -> Result<T, Problem> {
    understand(&Tree::of_query(text), Described::query::<T>).map_err(|wrong| {
        Problem::Invalid(wrong.into_iter().map(|(names, detail)| FieldError::of(names.join("."), detail)).collect())
    })
}

/// Reads a part of what was sent, by itself. What can't be accepted comes as the names that lead there and a sentence.
pub(crate) fn read_part<T: DeserializeOwned + Validate<Context = ()> + ToSchema>(
    part: &Tree,
) -> Result<T, Vec<(Vec<String>, String)>> {
    understand(part, Described::body::<T>)
}

/// Reads and judges. What can't be accepted comes as the names that lead there and a sentence.
fn understand<T: DeserializeOwned + Validate<Context = ()>>(
    tree: &Tree,
    described: impl Fn() -> Described,
) -> Result<T, Vec<(Vec<String>, String)>> {
    let value = match T::deserialize(tree) {
        Ok(value) => value,
        Err(refused) => {
            let detail = sentence(&refused, &described());
            return Err(vec![(refused.names().map(ToOwned::to_owned).collect(), detail)]);
        }
    };
    if tree.has_null() {
        let described = described();
        let nulls = described.forbidden_nulls(tree);
        if !nulls.is_empty() {
            return Err(nulls.into_iter().map(|names| (names.clone(), not_null(&names, &described))).collect());
        }
    }
    let Err(report) = value.validate() else { return Ok(value) };
    let described = described();
    let judged = report.iter().map(|(path, error)| {
        let names = names_of(path);
        let detail = judgement(error.message(), &names, &described);
        (names, detail)
    });
    Err(judged.collect())
}

/// What may be left out may not be `null` for that, where the document doesn't say so.
fn not_null(names: &[String], described: &Described) -> String {
    let wanted = described.at(names.iter().map(String::as_str)).and_then(|it| it.sentence());
    format!("{}; for none, leave it out", wanted.as_deref().unwrap_or("must not be null"))
}

fn sentence(refused: &Refused, described: &Described) -> String {
    let wanted = || described.at(refused.names());
    match &refused.because {
        Because::Kind(words) => wanted().and_then(|it| it.sentence()).unwrap_or_else(|| (*words).to_owned()),
        Because::Told(words) => {
            wanted().filter(expected::Wanted::says_all).and_then(|it| it.sentence()).unwrap_or_else(|| words.clone())
        }
        Because::Unknown(known) => format!("is not known here; known: {}", known.join(", ")),
        Because::Missing => "is missing".to_owned(),
        Because::Twice => "is there twice".to_owned(),
    }
}

/// What garde says of a bound, the document says better; what we say ourselves stays.
fn judgement(message: &str, names: &[String], described: &Described) -> String {
    let wanted = described.at(names.iter().map(String::as_str));
    let of_length = message.strip_prefix("length is ");
    let bounds = match (wanted, of_length) {
        (Some(wanted), None) if wanted.is_whole() => wanted.sentence(),
        (Some(wanted), Some(length)) if wanted.is_list() => {
            let (least, most) = (length.strip_prefix("lower than "), length.strip_prefix("greater than "));
            least
                .map(|least| format!("must have at least {least} entries"))
                .or_else(|| most.map(|most| format!("must have at most {most} entries")))
        }
        (Some(wanted), Some(_)) => wanted.sentence(),
        (Some(_) | None, _) => None,
    };
    bounds.unwrap_or_else(|| message.to_owned())
}

/// For `deserialize_with`: text that the domain reads.
pub(crate) fn text<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: serde::Deserializer<'de>,
{
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// The same for a field that may be left out; `null` is no text.
pub(crate) fn maybe_text<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: serde::Deserializer<'de>,
{
    text(from).map(Some)
}

/// For `serialize_with`: what the domain writes as text.
pub(crate) fn shown<T: std::fmt::Display, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// For `garde(custom)`: text that can be stored and shown, without control characters.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
pub(crate) fn is_plain(text: &str, _context: &()) -> garde::Result {
    if text.chars().any(char::is_control) { Err(garde::Error::new("has control characters")) } else { Ok(()) }
}

/// The same for text of several lines.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
pub(crate) fn is_plain_text(text: &str, _context: &()) -> garde::Result {
    let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if text.chars().any(is_odd) { Err(garde::Error::new("has control characters")) } else { Ok(()) }
}

/// RFC 6901, section 3.
pub(crate) fn pointer(names: &[String]) -> String {
    let mut pointer = String::new();
    for name in names {
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

/// A path of garde's is `imap.port` or `tenants[3]`.
fn names_of(path: &garde::Path) -> Vec<String> {
    let text = path.to_string().replace('[', ".").replace(']', "");
    text.split('.').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests;

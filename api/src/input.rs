//! What a client sends, read strictly: a body or a query that has more than we know is refused, not ignored.
//!
//! An error says where it is, by JSON pointer (RFC 6901) or by the name of the parameter.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Ready, ready};
use garde::Validate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::problem::{FieldError, Problem};

/// What a body may have: 1 MiB.
pub(crate) const MAX_BODY: usize = 1_048_576;

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

/// A query that was understood.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Validate<Context = ()> + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = has_type(request, "application/json");
        let whole = whole(request, payload);
        async move {
            if !is_json {
                return Err(Problem::UnsupportedMediaType("application/json"));
            }
            let bytes = whole.await?;
            Ok(Self { value: read(&bytes)?, bytes })
        }
        .boxed_local()
    }
}

impl FromRequest for RawMessage {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_message = has_type(request, "message/rfc822");
        let whole = whole(request, payload);
        async move {
            if !is_message {
                return Err(Problem::UnsupportedMediaType("message/rfc822"));
            }
            Ok(Self(whole.await?))
        }
        .boxed_local()
    }
}

impl<T: DeserializeOwned + Validate<Context = ()>> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(read_query(request.query_string()).map(Self))
    }
}

fn has_type(request: &HttpRequest, expected: &str) -> bool {
    let sent = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}

fn whole(request: &HttpRequest, payload: &mut Payload) -> LocalBoxFuture<'static, Result<Bytes, Problem>> {
    let payload = web::Payload::from_request(request, payload).into_inner();
    async move {
        match payload.map_err(|_none| Problem::Internal)?.to_bytes_limited(MAX_BODY).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(_broken_off)) => Err(Problem::MalformedBody("The body broke off.".to_owned())),
            Err(_limit) => Err(Problem::BodyTooLarge),
        }
    }
    .boxed_local()
}

fn read<T: DeserializeOwned + Validate<Context = ()>>(bytes: &[u8]) -> Result<T, Problem> {
    // A structure would be filled from a list too, by position.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid("", "not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value: T =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| match error.inner().classify() {
            serde_json::error::Category::Data => {
                Problem::invalid(pointer(error.path()), without_position(&error.inner().to_string()))
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Problem::MalformedBody(format!("Not JSON: {}.", error.inner())),
        })?;
    deserializer.end().map_err(|error| Problem::MalformedBody(format!("Not JSON: {error}.")))?;
    value.validate().map_err(|report| {
        Problem::Invalid(
            report.iter().map(|(path, error)| FieldError::at(garde_pointer(path), error.message())).collect(),
        )
    })?;
    Ok(value)
}

fn read_query<T: DeserializeOwned + Validate<Context = ()>>(text: &str) -> Result<T, Problem> {
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(text.as_bytes()));
    let value: T = serde_path_to_error::deserialize(pairs)
        .map_err(|error| Problem::Invalid(vec![FieldError::of(error.path().to_string(), error.inner().to_string())]))?;
    value.validate().map_err(|report| {
        Problem::Invalid(report.iter().map(|(path, error)| FieldError::of(path.to_string(), error.message())).collect())
    })?;
    Ok(value)
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

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => push(&mut pointer, key),
            Segment::Unknown => {}
        }
    }
    pointer
}

fn garde_pointer(path: &garde::Path) -> String {
    let mut pointer = String::new();
    for part in path.to_string().replace('[', ".").replace(']', "").split('.').filter(|part| !part.is_empty()) {
        push(&mut pointer, part);
    }
    pointer
}

/// RFC 6901, section 3.
fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// A position in the client's text says little next to the pointer.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[garde(dive)]
        inner: Inner,
    }

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[garde(range(min = 1, max = 9))]
        count: u32,
    }

    fn errors(text: &str) -> Vec<FieldError> {
        match read::<Outer>(text.as_bytes()) {
            Err(Problem::Invalid(errors)) => errors,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_unknown_field_is_refused_and_pointed_at() {
        let errors = errors(r#"{"inner": {"count": 1, "a/b": true}}"#);
        assert_eq!(errors[0].pointer.as_deref(), Some("/inner/a~1b"));
        assert!(errors[0].detail.starts_with("unknown field"), "{errors:?}");
    }

    #[test]
    fn a_value_of_another_type_or_size_is_pointed_at() {
        assert_eq!(errors(r#"{"inner": {"count": "1"}}"#)[0].pointer.as_deref(), Some("/inner/count"));
        assert_eq!(errors(r#"{"inner": {"count": 10}}"#)[0].pointer.as_deref(), Some("/inner/count"));
    }

    #[test]
    fn a_list_is_no_object() {
        let errors = errors(r#" [{"count": 1}]"#);
        assert_eq!((errors[0].pointer.as_deref(), errors[0].detail.as_str()), (Some(""), "not a JSON object"));
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in ["", "{", "nothing", r#"{"inner": {"count": 1}} more"#] {
            assert!(matches!(read::<Outer>(text.as_bytes()), Err(Problem::MalformedBody(_))), "{text}");
        }
    }

    #[test]
    fn a_query_parameter_that_can_not_be_read_is_named() {
        assert!(read_query::<Inner>("count=3").is_ok());
        for text in ["count=x", "count=10", "count=1&other=2", "count=1&count=2"] {
            assert!(matches!(read_query::<Inner>(text), Err(Problem::Invalid(_))), "{text}");
        }
    }
}

//! From columns to the domain's types: what doesn't fit is `StoreError::Corrupt`, never a default.

use std::borrow::Cow;
use std::error::Error;
use std::str::FromStr;

use serde_json::Value;

use crate::StoreError;

/// A column's text as the domain's type.
pub(crate) fn text<T>(table: &'static str, text: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(|source| corrupt(table, source))
}

/// The same for a column that may be null.
pub(crate) fn maybe_text<T>(table: &'static str, column: Option<&str>) -> Result<Option<T>, StoreError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    column.map(|column| text(table, column)).transpose()
}

/// A number that Postgres keeps wider or signed.
pub(crate) fn number<T, N>(table: &'static str, number: N) -> Result<T, StoreError>
where
    T: TryFrom<N, Error: Error + Send + Sync + 'static>,
{
    T::try_from(number).map_err(|source| corrupt(table, source))
}

/// 32 bytes of a hash.
pub(crate) fn hash(table: &'static str, bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    <[u8; 32]>::try_from(bytes).map_err(|bytes| corrupt(table, format!("a hash of {} bytes", bytes.len())))
}

/// Hashes as `bytea[]`.
pub(crate) fn hashes(hashes: &[[u8; 32]]) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.to_vec()).collect()
}

/// A row that the domain forbids.
pub(crate) fn corrupt(table: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Corrupt { table, source: source.into() }
}

/// Text that somebody else wrote, as Postgres can keep it: every character but NUL, and at most `longest` of them.
///
/// One hostile mail must not make a whole batch fail.
pub(crate) fn clean(text: &str, longest: usize) -> String {
    text.chars().take(longest).map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same inside JSON, where `jsonb` refuses NUL too.
pub(crate) fn clean_json(text: &str) -> Cow<'_, str> {
    if !text.contains(r"\u0000") {
        return Cow::Borrowed(text);
    }
    // Whoever made it is ours, so it is JSON.
    serde_json::from_str(text).map_or(Cow::Borrowed(text), |value| Cow::Owned(clean_value(&value).to_string()))
}

pub(crate) fn clean_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(text, usize::MAX)),
        Value::Array(items) => items.iter().map(clean_value).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (clean(name, usize::MAX), clean_value(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A count for Postgres, which has no unsigned integers; more than it can hold is as good as that much.
pub(crate) fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

//! Lists written to the end, as lines of JSON or as a table: page by page, each in a transaction of its own, so that no export holds
//! more than a page in memory or a connection while its reader is slow.
//!
//! Whoever may not ask any more is given no more: the token and its key are looked at with each page. What breaks off in the middle
//! ends without the end of the body, so that nobody takes it for the whole.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;

use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use daimon_domain::words;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::unfold;
use serde::Serialize;
use serde_json::Value;

use crate::caller::{Caller, Permit, admit, bearer};
use crate::problem::Problem;
use crate::service::Service;

/// So many rows are read at a time.
pub(crate) const AT_ONCE: u16 = 500;

words! {
    /// How an export is written.
    ExportFormat {
        /// A line of JSON for each row.
        Ndjson = "ndjson",
        /// A table with a header.
        Csv = "csv",
    }
}

/// The token of a request that is answered for longer than a moment.
pub(crate) struct Token(String);

impl FromRequest for Token {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _body: &mut actix_web::dev::Payload) -> Self::Future {
        ready(Ok(Self(bearer(request).unwrap_or_default().to_owned())))
    }
}

/// Some rows as they are written, and after which the next ones come; `None`: there are none.
pub(crate) struct Part<C> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) next: Option<C>,
}

/// How rows are written.
#[derive(Clone, Copy)]
pub(crate) struct Writing {
    /// As what.
    pub(crate) format: ExportFormat,
    /// The columns of a table.
    pub(crate) columns: &'static [&'static str],
    /// What the file is called.
    pub(crate) name: &'static str,
}

impl Writing {
    /// The line above all.
    fn header(self) -> Result<Vec<u8>, Problem> {
        match self.format {
            ExportFormat::Ndjson => Ok(Vec::new()),
            // Excel takes a table for UTF-8 only by this mark.
            ExportFormat::Csv => {
                Ok([b"\xEF\xBB\xBF".to_vec(), record(self.columns.iter().map(|name| (*name).to_owned()))?].concat())
            }
        }
    }

    /// Rows.
    pub(crate) fn rows<T: Serialize>(self, rows: &[T]) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        for row in rows {
            match self.format {
                ExportFormat::Ndjson => {
                    serde_json::to_writer(&mut bytes, row).map_err(|error| Problem::internal(&error))?;
                    bytes.push(b'\n');
                }
                ExportFormat::Csv => {
                    let value = serde_json::to_value(row).map_err(|error| Problem::internal(&error))?;
                    let cells = self.columns.iter().map(|name| cell(value.get(*name).unwrap_or(&Value::Null)));
                    bytes.extend(record(cells)?);
                }
            }
        }
        Ok(bytes)
    }
}

fn record(cells: impl Iterator<Item = String>) -> Result<Vec<u8>, Problem> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| Problem::internal(&error))?;
    writer.into_inner().map_err(|error| Problem::internal(error.error()))
}

/// A value in a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A text in which nothing begins like a formula. Strangers write some of them, and spreadsheets take what begins so for one; where
/// lists are written with semicolons, they take what follows a semicolon for a cell of its own.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut begins = true;
    for letter in text.chars() {
        if begins && matches!(letter, '=' | '+' | '-' | '@') {
            safe.push('\'');
        }
        begins = matches!(letter, ';' | '\t' | '\r' | '\n') || begins && letter.is_whitespace();
        safe.push(letter);
    }
    safe
}

/// An export on its way.
struct Going<C, N> {
    begun: Option<Vec<u8>>,
    at: Option<C>,
    service: Data<Service>,
    token: String,
    next: N,
}

/// Answers with a first part and all that follow; `next` reads the part after a place.
pub(crate) fn streamed<P, C, N>(
    service: Data<Service>,
    token: Token,
    writing: Writing,
    first: Part<C>,
    next: N,
) -> Result<HttpResponse, Problem>
where
    P: Permit + 'static,
    C: 'static,
    N: Fn(Caller<P>, C) -> LocalBoxFuture<'static, Result<Part<C>, Problem>> + 'static,
{
    let (media, ending) = match writing.format {
        ExportFormat::Ndjson => ("application/x-ndjson", "ndjson"),
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
    };
    let begun = [writing.header()?, first.bytes].concat();
    let going = Going { begun: Some(begun), at: first.next, service, token: token.0, next };
    let parts = unfold(Some(going), |going| async move {
        let mut going = going?;
        // A part of nothing would be the end of the body (RFC 9112, 7.1).
        if let Some(begun) = going.begun.take().filter(|begun| !begun.is_empty()) {
            return Some((Ok(Bytes::from(begun)), Some(going)));
        }
        let at = going.at.take()?;
        let part = async {
            let caller = admit::<P>(&going.service, &going.token).await?;
            (going.next)(caller, at).await
        };
        match part.await {
            Ok(part) if part.bytes.is_empty() => None,
            Ok(part) => {
                going.at = part.next;
                Some((Ok(Bytes::from(part.bytes)), Some(going)))
            }
            Err(problem) => Some((Err(io::Error::other(problem)), None)),
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, media))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.{ending}\"", writing.name)))
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(Box::pin(parts)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_stranger_wrote_is_no_formula_in_a_spreadsheet() {
        for formula in ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)"] {
            assert_eq!(cell(&json!(formula)), format!("'{formula}"));
            for before in ["\t", "\r", " \u{a0}", "550 5.1.1 x;", "x; ", "x\n"] {
                assert_eq!(cell(&json!(format!("{before}{formula}"))), format!("{before}'{formula}"));
            }
        }
        for plain in ["550 5.1.1 =x", "a-b", "", "さくら"] {
            assert_eq!(cell(&json!(plain)), plain);
        }
        assert_eq!(
            (cell(&json!(-5)), cell(&json!(null)), cell(&json!(true))),
            ("-5".into(), String::new(), "true".into())
        );
    }

    #[test]
    fn a_row_is_a_line_whatever_is_in_it() {
        let rows = [json!({"a": "x\r\n\"y\"", "b": 1}), json!({"a": null, "b": 2})];
        let writing = |format| Writing { format, columns: &["b", "a"], name: "rows" };
        let csv = writing(ExportFormat::Csv).rows(&rows).unwrap();
        assert_eq!(String::from_utf8(csv).unwrap(), "1,\"x\r\n\"\"y\"\"\"\r\n2,\r\n");
        let lines = writing(ExportFormat::Ndjson).rows(&rows).unwrap();
        assert_eq!(lines.split(|byte| *byte == b'\n').count(), 3);
        assert_eq!(writing(ExportFormat::Csv).header().unwrap(), b"\xEF\xBB\xBFb,a\r\n");
    }
}

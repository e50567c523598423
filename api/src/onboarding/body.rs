//! What is sent: companies as JSON, or a table as CSV.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::line::{Line, Place};
use super::table;
use super::view::NewOnboarding;
use crate::input::{Tree, has_type, read, typed};
use crate::problem::{FieldError, Problem};

/// So many rows are taken at a time.
const MOST_ROWS: usize = 1_000;

/// Rows to be taken in, and how they were written.
pub(super) struct Sheet {
    pub(super) lines: Vec<Line>,
    pub(super) bytes: Bytes,
}

impl FromRequest for Sheet {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_table = has_type(request, "text/csv");
        let charset = charset(request);
        let bytes = typed(request, payload, if is_table { "text/csv" } else { "application/json" });
        async move {
            let bytes = bytes.await.map_err(|problem| {
                let is_other = matches!(problem, Problem::UnsupportedMediaType(_));
                if is_other { Problem::UnsupportedMediaType("application/json or text/csv") } else { problem }
            })?;
            let lines = if is_table { of_table(&bytes, charset.as_deref())? } else { of_companies(&bytes)? };
            if lines.len() > MOST_ROWS {
                return Err(refused("more than 1,000 rows: send them in several requests"));
            }
            Ok(Self { lines, bytes })
        }
        .boxed_local()
    }
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::Invalid(vec![FieldError::at("", detail)])
}

/// The charset that the request names (RFC 9110, 8.3.2).
fn charset(request: &HttpRequest) -> Option<String> {
    let sent = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    sent.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn of_table(bytes: &[u8], charset: Option<&str>) -> Result<Vec<Line>, Problem> {
    let read = table::decode(bytes, charset).and_then(|text| table::read(&text));
    let table = read.map_err(|error| refused(error.to_string()))?;
    if table.rows.len() > MOST_ROWS {
        return Err(refused("more than 1,000 rows: send them in several requests"));
    }
    Ok(table.rows.iter().map(|row| Line::of_table(&table.columns, row)).collect())
}

fn of_companies(bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    let body: NewOnboarding = read(bytes)?;
    let mut lines = Vec::new();
    for (place, company) in body.companies.into_iter().enumerate() {
        let Tree::Object(mut members) = company.0 else { continue };
        let at = members.iter().position(|(name, _)| name == "mailboxes");
        let mailboxes = match at.map(|at| members.remove(at).1) {
            None => Vec::new(),
            Some(Tree::List(mailboxes)) => mailboxes,
            Some(_other) => return Err(Problem::invalid(format!("/companies/{place}/mailboxes"), "must be a list")),
        };
        if let Some(odd) = mailboxes.iter().position(|one| !matches!(one, Tree::Object(_))) {
            return Err(Problem::invalid(format!("/companies/{place}/mailboxes/{odd}"), "must be an object"));
        }
        let company = Tree::Object(members);
        let next = |lines: &Vec<Line>| u32::try_from(lines.len()).unwrap_or(u32::MAX).saturating_add(1);
        if mailboxes.is_empty() {
            lines.push(Line::read(next(&lines), Place::Body(place, None), &company, None));
        }
        for (number, mailbox) in mailboxes.iter().enumerate() {
            lines.push(Line::read(next(&lines), Place::Body(place, Some(number)), &company, Some(mailbox)));
        }
    }
    Ok(lines)
}

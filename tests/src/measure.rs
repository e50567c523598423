//! How well the document says what it should, as shares of its operations.

use serde_json::Value;

/// What is measured, and of how many operations it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The name of the column.
    pub what: &'static str,
    /// The operations for which it is so.
    pub good: usize,
    /// All to which it applies.
    pub all: usize,
    /// Those for which it isn't.
    pub missing: Vec<String>,
}

impl Measured {
    /// In percent.
    pub fn percent(&self) -> usize {
        (self.good * 100).checked_div(self.all).unwrap_or(100)
    }
}

/// `None`: it does not apply.
type Column = (&'static str, fn(&Value) -> Option<bool>);

const COLUMNS: [Column; 11] = [
    ("description of 40 characters", |operation| {
        Some(at(operation, "/description").as_str().is_some_and(|text| text.chars().count() >= 40))
    }),
    ("4xx with a schema", |operation| Some(has_schema(operation, '4'))),
    ("5xx with a schema", |operation| Some(has_schema(operation, '5'))),
    ("429", |operation| Some(at(operation, "/responses/429").is_object())),
    ("problem+json", |operation| {
        let failures = responses(operation).filter(|(status, _)| status.starts_with(['4', '5']));
        Some(every(failures, |response| at(response, "/content/application~1problem+json/schema").is_object()))
    }),
    ("example of the request", |operation| {
        let content = at(operation, "/requestBody/content").as_object()?;
        Some(content.values().all(|content| !at(content, "/example").is_null()))
    }),
    ("example of each answer", |operation| {
        let with_content = responses(operation).filter(|(_, response)| at(response, "/content").is_object());
        let shown = |response: &Value| {
            at(response, "/content")
                .as_object()
                .is_some_and(|all| all.values().all(|one| !at(one, "/example").is_null()))
        };
        Some(every(with_content, shown))
    }),
    ("samples in curl, Python, JavaScript", |operation| {
        let samples = at(operation, "/x-codeSamples").as_array()?;
        let has = |language: &str| samples.iter().any(|sample| at(sample, "/lang") == language);
        Some(["Shell", "Python", "JavaScript"].into_iter().all(has))
    }),
    ("rate-limit headers", |operation| {
        Some(every(responses(operation), |one| at(one, "/headers/RateLimit").is_object()))
    }),
    ("request-id header", |operation| {
        Some(every(responses(operation), |one| at(one, "/headers/X-Request-Id").is_object()))
    }),
    ("links from what is made", |operation| {
        let mut made = responses(operation).filter(|(status, _)| ["201", "202"].contains(status)).peekable();
        made.peek()?;
        Some(every(made, |response| at(response, "/links").as_object().is_some_and(|links| !links.is_empty())))
    }),
];

/// What is there, or null.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn responses(operation: &Value) -> impl Iterator<Item = (&str, &Value)> {
    at(operation, "/responses").as_object().into_iter().flatten().map(|(status, response)| (status.as_str(), response))
}

fn every<'v>(mut responses: impl Iterator<Item = (&'v str, &'v Value)>, is_so: impl Fn(&Value) -> bool) -> bool {
    responses.all(|(_status, response)| is_so(response))
}

fn has_schema(operation: &Value, class: char) -> bool {
    let mut some = responses(operation).filter(|(status, _)| status.starts_with(class)).peekable();
    let has = |response: &Value| {
        at(response, "/content")
            .as_object()
            .is_some_and(|all| !all.is_empty() && all.values().all(|one| at(one, "/schema").is_object()))
    };
    some.peek().is_some() && every(some, has)
}

/// Measures every column over every operation.
pub fn measure(document: &Value) -> Vec<Measured> {
    let operations: Vec<(&str, &Value)> = at(document, "/paths")
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_path, item)| item.as_object().into_iter().flatten())
        .filter_map(|(_method, operation)| Some((at(operation, "/operationId").as_str()?, operation)))
        .collect();
    COLUMNS
        .into_iter()
        .map(|(what, is_so)| {
            let judged: Vec<(&str, bool)> =
                operations.iter().filter_map(|(id, operation)| Some((*id, is_so(operation)?))).collect();
            let missing: Vec<String> =
                judged.iter().filter(|(_, is_so)| !is_so).map(|(id, _)| (*id).to_owned()).collect();
            Measured { what, good: judged.len() - missing.len(), all: judged.len(), missing }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let document = json!({ "paths": { "/a": {
            "get": { "operationId": "getA", "description": "too short", "responses": { "200": { "headers": {} } } },
            "post": { "operationId": "makeA", "responses": { "201": { "links": { "getA": {} } } } },
        } } });
        let measured = measure(&document);
        let of = |what: &str| measured.iter().find(|one| one.what == what).unwrap();
        assert_eq!(of("description of 40 characters").missing, ["getA", "makeA"]);
        assert_eq!((of("links from what is made").good, of("links from what is made").all), (1, 1));
        assert_eq!(of("4xx with a schema").percent(), 0, "nothing said is not everything said");
    }
}

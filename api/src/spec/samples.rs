//! The same request in curl, Python and JavaScript: `x-codeSamples`, written from what the operation says of itself.
//!
//! Where the service is and who calls stand in `DAIMON_URL`, `DAIMON_TOKEN` and `DAIMON_API_KEY`; ids are those of the
//! examples. A test puts real ones in their place and runs every sample.

use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};

use super::API_KEY;

/// The variable that has an API key.
const KEY: &str = "DAIMON_API_KEY";

/// What every sample is written from.
struct Request<'a> {
    method: &'a str,
    /// With the ids and the required parts of the query in place.
    path: String,
    /// The variable of the environment that says who calls.
    caller: Option<&'static str>,
    /// What has to be sent beyond that.
    headers: Vec<(String, String)>,
    body: Option<Body>,
    answer: Answer,
}

enum Body {
    Json(Value),
    Text { media_type: String, text: String },
}

/// What comes back, when it works.
#[derive(PartialEq)]
enum Answer {
    Json,
    /// Text of another kind.
    Text,
    /// What happens, as it happens, for as long as somebody listens.
    Stream,
    Nothing,
}

/// Adds the samples of an operation.
pub(super) fn show(method: &str, path: &str, operation: &mut Operation) {
    let request = Request::of(method, path, operation);
    let samples = json!([
        { "lang": "Shell", "label": "curl", "source": request.curl() },
        { "lang": "Python", "label": "Python", "source": request.python() },
        { "lang": "JavaScript", "label": "JavaScript", "source": request.javascript() },
    ]);
    operation.extensions.get_or_insert_default().merge(Extensions::from_iter([("x-codeSamples", samples)]));
}

impl<'a> Request<'a> {
    fn of(method: &'a str, path: &str, operation: &Operation) -> Self {
        let caller = operation.security.iter().flatten().find_map(|one| {
            let one = serde_json::to_value(one).ok()?;
            let scheme = one.as_object()?.keys().next()?.clone();
            Some(if scheme == API_KEY { KEY } else { "DAIMON_TOKEN" })
        });
        let (mut path, mut query, mut headers) = (path.to_owned(), Vec::new(), Vec::new());
        for parameter in operation.parameters.iter().flatten() {
            let RefOr::T(parameter) = parameter else { continue };
            let Some(example) = example(parameter) else { continue };
            match &parameter.parameter_in {
                ParameterIn::Path => path = path.replace(&format!("{{{}}}", parameter.name), &example),
                _optional if !is_required(parameter) => {}
                ParameterIn::Query => {
                    query.push(format!(
                        "{}={}",
                        parameter.name,
                        byte_serialize(example.as_bytes()).collect::<String>()
                    ));
                }
                ParameterIn::Header => headers.push((parameter.name.clone(), example)),
                ParameterIn::Cookie | ParameterIn::QueryString => {}
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        // Whoever has a key says no more.
        let body = body(operation).filter(|_| caller != Some(KEY));
        Self { method, path, caller, headers, body, answer: answer(operation) }
    }

    /// Header fields of what is sent, without who calls.
    fn headers(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        match &self.body {
            Some(Body::Json(_)) => all.push(("Content-Type", "application/json")),
            Some(Body::Text { media_type, .. }) => all.push(("Content-Type", media_type)),
            None => {}
        }
        all
    }

    fn curl(&self) -> String {
        let mut lines = vec![format!(
            "curl -sS --fail-with-body{}{} \"$DAIMON_URL{}\"",
            if self.answer == Answer::Stream { " -N" } else { "" },
            if self.method == "GET" { String::new() } else { format!(" -X {}", self.method) },
            self.path
        )];
        lines.extend(self.caller.map(|caller| format!("-H \"Authorization: Bearer ${caller}\"")));
        lines
            .extend(self.headers().iter().map(|(name, value)| format!("-H {}", in_shell(&format!("{name}: {value}")))));
        match &self.body {
            Some(Body::Json(value)) => lines.push(format!("-d {}", in_shell(&pretty(value)))),
            Some(Body::Text { text, .. }) => lines.push(format!("--data-binary {}", in_shell(text))),
            None => {}
        }
        lines.join(" \\\n  ")
    }

    fn python(&self) -> String {
        let mut arguments = vec![format!("os.environ[\"DAIMON_URL\"] + {}", json!(self.path))];
        let mut headers: Vec<String> = self
            .caller
            .iter()
            .map(|caller| format!("\"Authorization\": \"Bearer \" + os.environ[\"{caller}\"]"))
            .collect();
        let is_json = matches!(self.body, Some(Body::Json(_)));
        // `requests` names the media type of JSON itself.
        let mut others = self.headers();
        others.retain(|(name, _)| !(is_json && *name == "Content-Type"));
        headers.extend(others.iter().map(|(name, value)| format!("{}: {}", json!(name), json!(value))));
        if !headers.is_empty() {
            arguments.push(format!("headers={{{}}}", headers.join(", ")));
        }
        match &self.body {
            Some(Body::Json(value)) => arguments.push(format!("json={}", in_python(value, 1))),
            Some(Body::Text { text, .. }) => arguments.push(format!("data={}.encode()", json!(text))),
            None => {}
        }
        if self.answer == Answer::Stream {
            arguments.push("stream=True".to_owned());
        }
        let last = match self.answer {
            Answer::Json => "print(answer.json())",
            Answer::Text => "print(answer.text)",
            Answer::Stream => "for line in answer.iter_lines(decode_unicode=True):\n    print(line)",
            Answer::Nothing => "",
        };
        format!(
            "import os\n\nimport requests\n\nanswer = requests.{}(\n    {},\n)\nanswer.raise_for_status()\n{last}",
            self.method.to_lowercase(),
            arguments.join(",\n    ")
        )
        .trim_end()
        .to_owned()
    }

    fn javascript(&self) -> String {
        let mut options = Vec::new();
        if self.method != "GET" {
            options.push(format!("method: \"{}\"", self.method));
        }
        let mut headers: Vec<String> =
            self.caller.iter().map(|caller| format!("Authorization: `Bearer ${{process.env.{caller}}}`")).collect();
        headers.extend(self.headers().iter().map(|(name, value)| format!("{}: {}", json!(name), json!(value))));
        if !headers.is_empty() {
            options.push(format!("headers: {{ {} }}", headers.join(", ")));
        }
        match &self.body {
            Some(Body::Json(value)) => {
                options.push(format!("body: JSON.stringify({})", pretty(value).replace('\n', "\n  ")));
            }
            Some(Body::Text { text, .. }) => options.push(format!("body: {}", json!(text))),
            None => {}
        }
        let options =
            if options.is_empty() { String::new() } else { format!(", {{\n  {},\n}}", options.join(",\n  ")) };
        let last = match self.answer {
            Answer::Json => "console.log(await answer.json());",
            Answer::Text => "console.log(await answer.text());",
            Answer::Stream => "for await (const chunk of answer.body) process.stdout.write(chunk);",
            Answer::Nothing => "",
        };
        format!(
            "const answer = await fetch(`${{process.env.DAIMON_URL}}{}`{options});\n\
             if (!answer.ok) throw new Error(await answer.text());\n{last}",
            self.path
        )
        .trim_end()
        .to_owned()
    }
}

fn is_required(parameter: &Parameter) -> bool {
    parameter.required == utoipa::openapi::Required::True
}

/// The parameter's own example, or its schema's.
fn example(parameter: &Parameter) -> Option<String> {
    let parameter = serde_json::to_value(parameter).ok()?;
    let example = parameter.get("example").or_else(|| parameter.pointer("/schema/examples/0"))?;
    Some(example.as_str().map_or_else(|| example.to_string(), str::to_owned))
}

fn body(operation: &Operation) -> Option<Body> {
    let RefOr::T(body) = operation.request_body.as_ref()? else { return None };
    let (media_type, RefOr::T(content)) = body.content.iter().next()? else { return None };
    let example = content.example.clone()?;
    Some(match example.as_str() {
        Some(text) => Body::Text { media_type: media_type.clone(), text: text.to_owned() },
        None => Body::Json(example),
    })
}

fn answer(operation: &Operation) -> Answer {
    let worked = operation.responses.responses.iter().find(|(status, _)| status.starts_with('2'));
    let Some((_, RefOr::T(response))) = worked else { return Answer::Nothing };
    let is_maybe_nothing = operation.responses.responses.contains_key("204");
    match response.content.keys().next().map(String::as_str) {
        Some("text/event-stream") => Answer::Stream,
        Some("application/json") if !is_maybe_nothing => Answer::Json,
        Some(_) => Answer::Text,
        None => Answer::Nothing,
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// One word for the shell, whatever is in it.
fn in_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// JSON as Python writes it.
fn in_python(value: &Value, depth: usize) -> String {
    let (inner, outer) = ("    ".repeat(depth + 1), "    ".repeat(depth));
    let block = |[open, close]: [char; 2], lines: Vec<String>| {
        if lines.is_empty() {
            return format!("{open}{close}");
        }
        format!("{open}\n{inner}{},\n{outer}{close}", lines.join(&format!(",\n{inner}")))
    };
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => block(['[', ']'], items.iter().map(|item| in_python(item, depth + 1)).collect()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{}: {}", json!(name), in_python(value, depth + 1));
            block(['{', '}'], fields.iter().map(field).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_stays_one_word() {
        assert_eq!(in_shell("it's"), r"'it'\''s'");
    }

    #[test]
    fn python_has_words_of_its_own() {
        let value = json!({ "a": [true, null], "b": {}, "c": "\"é\n" });
        assert_eq!(
            in_python(&value, 0),
            "{\n    \"a\": [\n        True,\n        None,\n    ],\n    \"b\": {},\n    \"c\": \"\\\"é\\n\",\n}"
        );
    }
}

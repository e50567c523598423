//! What would have been right, in a sentence.
//!
//! The document says of each field what it takes, so a refusal says it in the document's words: one that names other
//! bounds than the document can't be written.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::tree::Tree;

/// So many are named of what may not be null.
const MOST_NULLS: usize = 20;

/// A schema and those that it refers to.
pub(super) struct Described {
    schema: Value,
    others: BTreeMap<String, Value>,
    /// A parameter is left out; there is no null to send.
    can_be_null: bool,
}

impl Described {
    /// Of a body.
    pub(super) fn body<T: ToSchema>() -> Self {
        let mut others = Vec::new();
        T::schemas(&mut others);
        Self {
            schema: serde_json::to_value(T::schema()).unwrap_or_default(),
            others: others
                .into_iter()
                .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
                .collect(),
            can_be_null: true,
        }
    }

    /// Of a query: an object of its parameters.
    pub(super) fn query<T: IntoParams>() -> Self {
        let parameters = T::into_params(|| None).into_iter();
        let properties: serde_json::Map<String, Value> = parameters
            .map(|parameter| (parameter.name, serde_json::to_value(parameter.schema).unwrap_or_default()))
            .collect();
        Self {
            schema: serde_json::json!({ "type": "object", "properties": properties }),
            others: BTreeMap::new(),
            can_be_null: false,
        }
    }

    /// What the document says of what these names lead to.
    pub(super) fn at<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<Wanted<'_>> {
        let mut here = &self.schema;
        for name in names {
            here = self.member(here, name)?;
        }
        Some(Wanted { schema: self.resolve(here)?, can_be_null: self.can_be_null })
    }

    /// The names that lead to each `null` that no alternative of the document takes there; the first of very many.
    pub(super) fn forbidden_nulls(&self, tree: &Tree) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.walk(tree, &self.alternatives(&self.schema), &mut Vec::new(), &mut found);
        found
    }

    fn walk<'s>(&'s self, tree: &Tree, schemas: &[&'s Value], names: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        if found.len() >= MOST_NULLS || schemas.is_empty() {
            return;
        }
        match tree {
            Tree::Null if !schemas.iter().any(|schema| takes_null(schema)) => found.push(names.clone()),
            Tree::List(items) => {
                let Some(schemas) = self.below(schemas, "array", |schema| schema.get("items")) else { return };
                for (place, item) in items.iter().enumerate() {
                    names.push(place.to_string());
                    self.walk(item, &schemas, names, found);
                    names.pop();
                }
            }
            Tree::Object(members) => {
                for (name, member) in members {
                    let of_member = |schema: &'s Value| {
                        let known = schema.get("properties").and_then(|all| all.get(name));
                        known.or_else(|| schema.get("additionalProperties"))
                    };
                    let Some(schemas) = self.below(schemas, "object", of_member) else { continue };
                    names.push(name.clone());
                    self.walk(member, &schemas, names, found);
                    names.pop();
                }
            }
            Tree::Null | Tree::Bool(_) | Tree::Whole(_) | Tree::Real(_) | Tree::Text(_) | Tree::Parameter(_) => {}
        }
    }

    /// What the alternatives of this kind say of a part; `None`: one of them says nothing, so that anything may be there.
    fn below<'s>(
        &'s self,
        schemas: &[&'s Value],
        kind: &str,
        part: impl Fn(&'s Value) -> Option<&'s Value>,
    ) -> Option<Vec<&'s Value>> {
        let of_kind = schemas.iter().filter(|schema| is_of(schema, kind));
        let parts: Vec<&'s Value> = of_kind.map(|schema| part(schema)).collect::<Option<_>>()?;
        Some(
            parts
                .into_iter()
                .filter(|part| **part != Value::Bool(false))
                .flat_map(|part| self.alternatives(part))
                .collect(),
        )
    }

    /// A schema, or those of which one has to hold, with what they refer to.
    fn alternatives<'s>(&'s self, schema: &'s Value) -> Vec<&'s Value> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let referred = reference.rsplit('/').next().and_then(|name| self.others.get(name));
            return referred.map(|referred| self.alternatives(referred)).unwrap_or_default();
        }
        match schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array) {
            Some(all) => all.iter().flat_map(|one| self.alternatives(one)).collect(),
            None => vec![schema],
        }
    }

    /// What a schema says of one of its members: of alternatives, the first that knows it.
    fn member<'s>(&'s self, schema: &'s Value, name: &str) -> Option<&'s Value> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.member(self.others.get(reference.rsplit('/').next()?)?, name);
        }
        let alternatives = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array);
        if let Some(all) = alternatives {
            return all.iter().filter(|one| one["type"] != "null").find_map(|one| self.member(one, name));
        }
        let further = schema.get("additionalProperties").filter(|further| further.is_object());
        let of_object = || schema.get("properties").and_then(|all| all.get(name)).or(further);
        schema.get("items").or_else(of_object)
    }

    /// Follows references, and of alternatives takes the one that is not null.
    fn resolve<'s>(&'s self, schema: &'s Value) -> Option<&'s Value> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.others.get(reference.rsplit('/').next()?);
        }
        let alternatives = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array);
        match alternatives {
            Some(all) => all.iter().filter(|one| one["type"] != "null").find_map(|one| self.resolve(one)),
            None => Some(schema),
        }
    }
}

fn is_of(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|one| one == kind),
        Some(one) => one == kind,
    }
}

fn takes_null(schema: &Value) -> bool {
    is_of(schema, "null")
}

/// What the document wants at one place.
pub(super) struct Wanted<'s> {
    schema: &'s Value,
    can_be_null: bool,
}

impl Wanted<'_> {
    fn types(&self) -> Vec<&str> {
        match self.schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn is(&self, name: &str) -> bool {
        self.types().contains(&name)
    }

    fn word(&self, name: &str) -> Option<&str> {
        self.schema.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.schema.get(name).and_then(Value::as_i64)
    }

    fn words(&self) -> Option<String> {
        let words: Vec<&str> = self.schema.get("enum")?.as_array()?.iter().filter_map(Value::as_str).collect();
        Some(words.join(", "))
    }

    /// Whether the document alone says what is right, and nothing that the domain says of the text adds to it.
    pub(super) fn says_all(&self) -> bool {
        matches!(self.word("format"), Some("date-time" | "date"))
            || self.schema.get("enum").is_some()
            || self.schema.get("pattern").is_some()
    }

    /// Whether it is a number.
    pub(super) fn is_whole(&self) -> bool {
        self.is("integer")
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.is("array")
    }

    /// The sentence.
    pub(super) fn sentence(&self) -> Option<String> {
        let or_null = if self.can_be_null && self.is("null") { " or null" } else { "" };
        self.not_null().map(|sentence| format!("must be {sentence}{or_null}"))
    }

    fn not_null(&self) -> Option<String> {
        if self.is("object") {
            return Some("an object".to_owned());
        } else if self.is("array") {
            return Some("a list".to_owned());
        } else if self.is("boolean") {
            return Some("true or false".to_owned());
        } else if self.is("integer") {
            return Some(match (self.number("minimum"), self.number("maximum")) {
                (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
                (Some(least), None) => format!("a whole number, at least {least}"),
                (None, Some(most)) => format!("a whole number, at most {most}"),
                (None, None) => "a whole number".to_owned(),
            });
        } else if self.is("number") {
            return Some("a number".to_owned());
        } else if !self.is("string") {
            return None;
        }
        if let Some(words) = self.words() {
            return Some(format!("one of: {words}"));
        }
        if self.word("format") == Some("date-time") {
            return Some("a time as in 2026-11-24T07:00:00Z (RFC 3339)".to_owned());
        }
        if self.word("format") == Some("date") {
            return Some("a day as in 2026-11-24".to_owned());
        }
        let example = self.schema.pointer("/examples/0").and_then(Value::as_str);
        if let (Some(_), Some(example)) = (self.schema.get("pattern"), example) {
            return Some(format!("an id as in {example}"));
        }
        Some(match (self.number("minLength"), self.number("maxLength")) {
            (Some(least), Some(most)) => format!("text of {least} to {most} characters"),
            (None, Some(most)) => format!("text of at most {most} characters"),
            (Some(least), None) => format!("text of at least {least} characters"),
            (None, None) => "text".to_owned(),
        })
    }
}

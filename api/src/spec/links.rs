//! From what a request made to what can be done with it: `links`, so that whoever walks the document by program gets on.
//!
//! An id says of what it is, so the example of an answer says what was made, and that of a path whose id belongs there.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem, PathsMap};
use utoipa::openapi::{RefOr, Response};

use super::operations_mut;

/// What can be done with a thing: the operations at its own path, and how ids are called there.
struct Thing {
    parameter: String,
    owners: Vec<String>,
    operations: Vec<String>,
}

/// Adds links to whatever answers 201 or 202: to what was made, the job that was begun, or the thing that has grown.
pub(super) fn link(paths: &mut PathsMap<String, PathItem>) {
    let things: BTreeMap<String, Thing> = paths.iter_mut().filter_map(|(path, item)| thing(path, item)).collect();
    for (path, item) in paths.iter_mut() {
        for operation in operations_mut(item) {
            for status in ["201", "202"] {
                let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) else { continue };
                response.links = links(path, response, &things);
            }
        }
    }
}

fn thing(path: &str, item: &mut PathItem) -> Option<(String, Thing)> {
    let mut parameters: Vec<String> = parameters(path).map(str::to_owned).collect();
    let parameter = parameters.pop().filter(|last| path.ends_with(&format!("{{{last}}}")))?;
    let kind = operations_mut(item).find_map(|operation| kind_of_parameter(operation, &parameter))?;
    let operations = operations_mut(item).filter_map(|operation| operation.operation_id.clone()).collect();
    Some((kind, Thing { parameter, owners: parameters, operations }))
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// `mbx` of `mbx_019ab1c2d3e47f508192a3b4c5d6e7f8`.
fn kind_of_id(id: &Value) -> Option<String> {
    Some(id.as_str()?.split_once('_')?.0.to_owned())
}

fn kind_of_parameter(operation: &Operation, name: &str) -> Option<String> {
    let is_it = |parameter: &&Parameter| parameter.parameter_in == ParameterIn::Path && parameter.name == name;
    let parameter = operation.parameters.iter().flatten().find_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter).filter(is_it),
        RefOr::Ref(_) => None,
    })?;
    kind_of_id(serde_json::to_value(&parameter.schema).ok()?.pointer("/examples/0")?)
}

fn links(path: &str, response: &Response, things: &BTreeMap<String, Thing>) -> BTreeMap<String, RefOr<Link>> {
    let example = response.content.values().find_map(|content| match content {
        RefOr::T(content) => content.example.as_ref(),
        RefOr::Ref(_) => None,
    });
    let (thing, id) = if let Some(id) = example.and_then(|example| example.get("id")) {
        (kind_of_id(id).and_then(|kind| things.get(&kind)), json!("$response.body#/id"))
    } else {
        let owner = parameters(path).last().unwrap_or_default();
        (things.values().find(|thing| thing.parameter == owner), json!(format!("$request.path.{owner}")))
    };
    let Some(thing) = thing else { return BTreeMap::new() };
    let to = |operation: &String| {
        let link = LinkBuilder::new().operation_id(operation).parameter(&thing.parameter, id.clone());
        thing
            .owners
            .iter()
            .fold(link, |link, owner| link.parameter(owner, format!("$request.path.{owner}")))
            .description("The id in this answer, or in its request, names it there.")
            .build()
    };
    thing.operations.iter().map(|operation| (operation.clone(), RefOr::T(to(operation)))).collect()
}

//! The `OpenAPI` document: what the handlers say of themselves, and what is true of all of them.
//!
//! Every operation can be refused for the same reasons and every answer carries the same headers. That is written once,
//! here, from the same facts that the layers work by, instead of in each handler.

mod access;
mod links;
mod problems;
mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ArrayBuilder, Components, ContactBuilder, Content, Header, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, Ref, RefOr, Required, Schema, SecurityRequirement, ServerBuilder, schema,
};

use self::access::Access;
use crate::problem::ProblemBody;

/// How a caller proves who it is: the scheme of every operation but the few that are public.
pub(crate) const BEARER: &str = "token";
/// The scheme of the one operation that takes an API key.
const API_KEY: &str = "api_key";

/// The document before any handler added itself.
pub(crate) fn base() -> OpenApi {
    let tag = |name: &str, description: &str| {
        utoipa::openapi::tag::TagBuilder::new().name(name).description(Some(description)).build()
    };
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Daimon")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Reads the bounces of your tenants' mailboxes and tells you which mailbox was taken over.\n\n\
                     Exchange an API key or a password at `POST /v1/auth/token` and send the token as `Authorization: Bearer`. Ids are \
                     `mbx_` and the like with 32 hexadecimal digits. Times are UTC (RFC 3339). Every failure is \
                     `application/problem+json` (RFC 9457). Lists have `items` and `next`; `next: null` is the only end, and of `GET /v1/events` the end for now. \
                     Every path with GET answers HEAD too, the same without a body. \
                     `RateLimit` on every answer says how many requests are left; whoever has none gets 429 with `Retry-After`. \
                     Sets of words may grow: treat one that you don't know as \"other\".",
                ))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .contact(Some(ContactBuilder::new().name(Some("Daimon")).build()))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").description(Some("Where this document came from.")).build()]))
        .components(Some(components()))
        .tags(Some([
            tag("Service", "What this is, and where everything is."),
            tag("Sign-in", "From an API key or a password to a token."),
            tag("Me", "Who you are, and what you prove it with."),
            tag("Users", "People who sign in, and what they may do."),
            tag("MSP", "What you say of yourself."),
            tag("API keys", "Who may call, and what for."),
            tag("Tenants", "Your client companies."),
            tag("Mailboxes", "The IMAP accounts that are read."),
            tag("Credentials", "What mailboxes sign in with in place of a password: the right to ask for access tokens."),
            tag("Bounces", "What came back, message by message."),
            tag("Incidents", "What it means, why, and what to do."),
            tag("Campaigns", "What your tenants send on purpose, so that it raises no alarm."),
            tag("Maintenance windows", "Times in which what happens is told later, if it is still so."),
            tag("Drills", "Made-up episodes, through everything that a real one goes through."),
            tag("Jobs", "Work that takes longer than a request, and what it brought."),
            tag("Webhooks", "Where you want to be told, and how telling went."),
            tag("Events", "What happened, to be pulled instead of pushed."),
            tag("Statistics", "Numbers over many: what came back, how the fleet stands, what is billed."),
            tag("Audit", "Who changed what."),
        ]))
        .build()
}

fn components() -> Components {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token from `POST /v1/auth/token`; it holds for 15 minutes."))
        .build();
    let mut components = Components::new();
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key, for `POST /v1/auth/token` only."))
        .build();
    components.add_security_scheme(API_KEY, SecurityScheme::Http(key));
    components.schemas.insert("Problem".to_owned(), <ProblemBody as utoipa::PartialSchema>::schema());
    components
        .schemas
        .insert("ProblemError".to_owned(), <crate::problem::FieldError as utoipa::PartialSchema>::schema());
    components
}

/// Adds what is true of every operation.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    let examples = document
        .components
        .iter()
        .flat_map(|components| &components.schemas)
        .filter_map(|(name, schema)| Some((name.clone(), example_of_schema(schema)?)))
        .collect();
    document.webhooks = Some(crate::events::webhooks());
    if let Some(components) = &mut document.components {
        refer_from_pages(components);
    }
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths
        .into_iter()
        .map(|(path, mut item)| {
            for (method, operation) in methods_mut(&mut item) {
                complete_operation(&path, operation);
                show_examples(operation, &examples);
                samples::show(method, &path, operation);
            }
            (path, item)
        })
        .collect();
    links::link(&mut document.paths.paths);
    document
}

/// Lets a page say whose page it is, where it would repeat all that there is to say of an item.
fn refer_from_pages(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        if let (Some(item), RefOr::T(Schema::Object(page))) = (name.strip_prefix("Page_"), schema) {
            let items = ArrayBuilder::new().items(Ref::from_schema_name(item)).description(Some("Newest first."));
            page.properties.insert("items".to_owned(), RefOr::T(Schema::Array(items.build())));
        }
    }
}

fn example_of_schema(schema: &RefOr<Schema>) -> Option<Value> {
    serde_json::to_value(schema).ok()?.get("example").cloned()
}

/// Shows each schema's example wherever the schema is asked for or answered, so that it is written once.
fn show_examples(operation: &mut Operation, examples: &BTreeMap<String, Value>) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            response.content.values_mut().for_each(|content| show_example(content, examples));
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(|content| show_example(content, examples));
    }
}

fn show_example(content: &mut RefOr<Content>, examples: &BTreeMap<String, Value>) {
    if let RefOr::T(content) = content
        && content.example.is_none()
    {
        content.example = content.schema.as_ref().and_then(|schema| example_in(schema, examples));
    }
}

/// The example of what a schema refers to; for a page, a page of it.
fn example_in(schema: &RefOr<Schema>, examples: &BTreeMap<String, Value>) -> Option<Value> {
    let value = serde_json::to_value(schema).ok()?;
    let reference = value.get("$ref").or_else(|| value.pointer("/oneOf/0/$ref"))?;
    let name = reference.as_str()?.rsplit('/').next()?;
    match name.strip_prefix("Page_").or_else(|| name.strip_suffix("Page")) {
        Some(item) => examples.get(item).map(|item| json!({ "items": [item], "next": null })),
        None => examples.get(name).cloned(),
    }
}

/// The methods of a path, in the order of the document.
pub(crate) fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    methods_mut(item).map(|(_method, operation)| operation)
}

fn methods_mut(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete_operation(path: &str, operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        // A path without one of its parts is another path (`utoipa` believes a schema of our own to be optional).
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Path
        {
            parameter.required = Required::True;
        }
    }
    let without_token = [SecurityRequirement::default(), SecurityRequirement::new::<_, [&str; 0], &str>(API_KEY, [])];
    let is_public = operation
        .security
        .as_ref()
        .is_some_and(|requirements| requirements.iter().all(|one| without_token.contains(one)));
    if !is_public {
        operation.security.get_or_insert_with(|| vec![SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, [])]);
    }
    let access = Access::of(operation);
    problems::add(path, operation, access.as_ref(), is_public);
    if let Some(access) = access {
        access.say(operation);
    }
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for (name, description) in EVERYWHERE {
            response.headers.insert(name.to_owned(), RefOr::T(header(description)));
        }
    }
}

/// The headers of every answer.
const EVERYWHERE: [(&str, &str); 3] = [
    (
        "X-Request-Id",
        "The request's name: yours, if you sent one of 1 to 128 letters, digits and `-_.:`, otherwise ours.",
    ),
    (
        "RateLimit-Policy",
        "How many requests may be made (`q`) in how many seconds (`w`), by an API key, by all of an MSP, or by an address \
         without a token: `\"key\";q=600;w=60, \"msp\";q=3000;w=60`.",
    ),
    (
        "RateLimit",
        "How many are left (`r`), and in how many seconds all are there again (`t`): `\"key\";r=599;t=1, \"msp\";r=2990;t=1`.",
    ),
];

fn header(description: &str) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(schema::Type::String).build());
    header.description = Some(description.to_owned());
    header
}

//! The document's `webhooks`: what is sent to endpoints, type by type.

use daimon_domain::event::EventType;
use daimon_verdict::telling::time;
use serde_json::json;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Object, Paths, PathsBuilder, RefOr, Required, ResponseBuilder, Schema};

use super::example;

/// One entry for each type of event.
pub(crate) fn webhooks() -> Paths {
    EventType::ALL.iter().fold(PathsBuilder::new(), |paths, kind| paths.path(kind.as_str(), item(*kind))).build()
}

fn item(kind: EventType) -> PathItem {
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("on_{}", kind.as_str().replace('.', "_"))))
        .tag("Webhooks")
        .summary(Some(kind.as_str()))
        .description(Some(example::description(kind)))
        .parameter(header("webhook-id", "The event's id, the same at each attempt: drop what you have.", "evt_019ab1c2d3e47f508192a3b4c5d6e7f8"))
        .parameter(header("webhook-timestamp", "When this attempt was made, in seconds since 1970.", "1795507200"))
        .parameter(header(
            "webhook-signature",
            "HMAC-SHA256 of id, timestamp and body (Standard Webhooks); two, with a space between, while the secret rotates.",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ))
        .request_body(Some(
            RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content(kind)).build(),
        ))
        .response("2XX", ResponseBuilder::new().description("You have it. Whatever else you answer is tried again, ten times in three days."))
        .response("410", ResponseBuilder::new().description("You want nothing more, ever: the endpoint is disabled."))
        .build();
    PathItem::new(HttpMethod::Post, operation)
}

fn header(name: &str, description: &str, example: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(description))
        .example(Some(json!(example)))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
}

fn content(kind: EventType) -> Content {
    let at = chrono::DateTime::from_timestamp(1_795_507_200, 0).unwrap_or_default();
    let mut content = Content::new(Some(RefOr::T(Schema::Object(schema(kind)))));
    content.example = Some(json!({ "type": kind, "timestamp": time(at), "data": example::data(kind) }));
    content
}

fn schema(kind: EventType) -> Object {
    let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let data = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "Whom it is about, and what is to be known. More fields may come: leave out what you don't know.",
        ))
        .property(
            "livemode",
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some("`false`: a drill or a test; nothing happened.")),
        )
        .required("livemode");
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("type", text("What happened.").enum_values(Some([kind.as_str()])))
        .property("timestamp", text("When."))
        .property("data", data)
        .required("type")
        .required("timestamp")
        .required("data")
        .build()
}

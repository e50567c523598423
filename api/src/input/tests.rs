use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_domain::id::TenantId;
use daimon_domain::mailbox::{HostName, TlsMode};
use utoipa::openapi::schema::{AnyOfBuilder, Array, ArrayBuilder, ObjectBuilder, Type};

use super::*;

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct Outer {
    #[serde(default)]
    #[garde(dive)]
    #[schema(nullable = false)]
    inner: Option<Inner>,
    #[serde(default)]
    #[garde(length(max = 2))]
    list: Vec<u8>,
    #[serde(default)]
    #[garde(skip)]
    many: Vec<Inner>,
    #[serde(default)]
    #[garde(skip)]
    flag: bool,
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 3), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 3)]
    name: Option<String>,
    #[serde(default)]
    #[garde(skip)]
    until: Option<DateTime<Utc>>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, format = Hostname)]
    host: Option<HostName>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::tls)]
    tls: Option<TlsMode>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::tenant_id)]
    tenant: Option<TenantId>,
    #[serde(default)]
    #[garde(skip)]
    refs: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, Validate, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Inner {
    #[garde(range(min = 1, max = 65_535))]
    #[schema(minimum = 1, maximum = 65_535)]
    #[param(minimum = 1, maximum = 65_535)]
    port: u16,
    #[serde(default)]
    #[garde(skip)]
    #[param(required = false)]
    live: bool,
    #[serde(default)]
    #[garde(skip)]
    since: Option<DateTime<Utc>>,
}

/// Each error as its place and its sentence.
/// Rows that are judged by themselves, whatever they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[expect(dead_code, reason = "only whether it is accepted is looked at")]
struct Rows {
    #[garde(skip)]
    #[schema(schema_with = known_or_any)]
    rows: Vec<Tree>,
    #[garde(skip)]
    #[schema(value_type = Vec<String>)]
    names: Vec<Option<String>>,
}

fn known_or_any() -> Array {
    let object = || ObjectBuilder::new().schema_type(Type::Object);
    let known = object().property("known", ObjectBuilder::new().schema_type(Type::String));
    ArrayBuilder::new().items(AnyOfBuilder::new().item(known).item(object())).build()
}

fn told(problem: Problem) -> Vec<(String, String)> {
    let Problem::Invalid(errors) = problem else { panic!("{problem:?}") };
    errors.into_iter().map(|error| (error.pointer.or(error.parameter).unwrap(), error.detail)).collect()
}

#[test]
fn a_body_is_refused_where_it_is_wrong_and_in_words_for_people() {
    let port = "must be a whole number from 1 to 65535";
    let time = "must be a time as in 2026-11-24T07:00:00Z (RFC 3339) or null";
    for (body, pointer, sentence) in [
        ("[1]", "", "must be an object"),
        (r#""text""#, "", "must be an object"),
        ("null", "", "must be an object"),
        (r#"{"inner": [993]}"#, "/inner", "must be an object"),
        (r#"{"inner": []}"#, "/inner", "must be an object"),
        (r#"{"inner": 1}"#, "/inner", "must be an object"),
        (r#"{"many": [{"port": 1}, [993]]}"#, "/many/1", "must be an object"),
        (r#"{"many": {"port": 1}}"#, "/many", "must be a list"),
        (r#"{"refs": ["a"]}"#, "/refs", "must be an object"),
        (r#"{"refs": {"a/b": 1}}"#, "/refs/a~1b", "must be text"),
        (r#"{"inner": {"port": "993"}}"#, "/inner/port", port),
        (r#"{"inner": {"port": 0}}"#, "/inner/port", port),
        (r#"{"inner": {"port": -1}}"#, "/inner/port", port),
        (r#"{"inner": {"port": 65536}}"#, "/inner/port", port),
        (r#"{"inner": {"port": 1e400}}"#, "", ""),
        (r#"{"inner": {"port": 18446744073709551616}}"#, "/inner/port", port),
        (r#"{"inner": {"port": 1.5}}"#, "/inner/port", port),
        (r#"{"inner": {"port": null}}"#, "/inner/port", port),
        (r#"{"inner": {}}"#, "/inner/port", "is missing"),
        (r#"{"inner": {"port": 1, "port": 2}}"#, "/inner/port", "is there twice"),
        (r#"{"inner": {"port": 1, "a/b": true}}"#, "/inner/a~1b", "is not known here; known: port, live, since"),
        (r#"{"list": [1, 2, 3]}"#, "/list", "must have at most 2 entries"),
        (r#"{"list": [1, 256]}"#, "/list/1", "must be a whole number, at least 0"),
        (r#"{"flag": "true"}"#, "/flag", "must be true or false"),
        (r#"{"flag": 1}"#, "/flag", "must be true or false"),
        (r#"{"name": 1}"#, "/name", "must be text of 1 to 3 characters"),
        (r#"{"name": ""}"#, "/name", "must be text of 1 to 3 characters"),
        (r#"{"name": "abcd"}"#, "/name", "must be text of 1 to 3 characters"),
        (r#"{"name": "a\u0000"}"#, "/name", "has control characters"),
        (r#"{"until": "tomorrow"}"#, "/until", time),
        (r#"{"until": 5}"#, "/until", time),
        (
            r#"{"host": "a b"}"#,
            "/host",
            "not a host name; addresses are not accepted, because a certificate must carry the name",
        ),
        (r#"{"host": 5}"#, "/host", "must be text"),
        (r#"{"tls": "none"}"#, "/tls", "must be one of: implicit, starttls"),
        (r#"{"tls": {"implicit": null}}"#, "/tls", "must be one of: implicit, starttls"),
        (r#"{"tenant": "mbx_1"}"#, "/tenant", "must be an id as in tnt_019ab1c2d3e47f508192a3b4c5d6e7f8"),
    ] {
        let problem = read::<Outer>(body.as_bytes()).unwrap_err();
        if pointer.is_empty() && sentence.is_empty() {
            assert!(matches!(problem, Problem::MalformedBody(_)), "{body}: {problem:?}");
            continue;
        }
        assert_eq!(told(problem), [(pointer.to_owned(), sentence.to_owned())], "{body}");
    }
}

#[test]
fn what_is_right_is_read() {
    let outer: Outer = read(
        br#" {"inner": {"port": 993, "live": true}, "list": [1, 2], "flag": true, "name": "abc", "tls": "starttls",
        "until": "2026-11-24T07:00:00+09:00", "host": "A.example", "refs": {"a": "b"}, "many": [{"port": 1}]} "#,
    )
    .unwrap();
    let inner = outer.inner.unwrap();
    assert_eq!((inner.port, inner.live, outer.list, outer.flag), (993, true, vec![1, 2], true));
    assert_eq!((outer.name.as_deref(), outer.tls), (Some("abc"), Some(TlsMode::StartTls)));
    assert_eq!(outer.until.unwrap().to_rfc3339(), "2026-11-23T22:00:00+00:00");
    assert!(outer.tenant.is_none());
    assert_eq!(outer.refs, [("a".to_owned(), "b".to_owned())].into());
    assert_eq!((outer.host.unwrap().as_str(), outer.many.len()), ("a.example", 1));
}

#[test]
fn what_may_be_left_out_may_not_be_null_for_that() {
    let wrong = told(read::<Outer>(br#"{ "inner": null, "name": null, "until": null, "tenant": null }"#).unwrap_err());
    let expected = [
        ("/inner", "must be an object; for none, leave it out"),
        ("/name", "must be text of 1 to 3 characters; for none, leave it out"),
        ("/tenant", "must be an id as in tnt_019ab1c2d3e47f508192a3b4c5d6e7f8; for none, leave it out"),
    ];
    assert_eq!(wrong, expected.map(|(at, why)| (at.to_owned(), why.to_owned())));
    assert!(read::<Outer>(br#"{ "until": null }"#).is_ok(), "the document says that it may be");

    let of_rows = told(read::<Rows>(br#"{ "rows": [{ "known": null }], "names": ["a", null] }"#).unwrap_err());
    assert_eq!(of_rows, [("/names/1".to_owned(), "must be text; for none, leave it out".to_owned())]);
    let many = format!(r#"{{ "rows": [], "names": [{}] }}"#, vec!["null"; 200_000].join(","));
    assert_eq!(told(read::<Rows>(many.as_bytes()).unwrap_err()).len(), 20);
}

#[test]
fn what_is_no_json_is_malformed() {
    for text in ["", "{", "nothing", r#"{"inner": {"port": 1}} more"#] {
        assert!(matches!(read::<Outer>(text.as_bytes()), Err(Problem::MalformedBody(_))), "{text}");
    }
}

#[test]
fn a_parameter_is_refused_by_its_name_and_in_words_for_people() {
    let query: Inner = read_query("port=3&live=true&since=2026-11-24T07%3A00%3A00Z").unwrap();
    assert_eq!((query.port, query.live, query.since.is_some()), (3, true, true));
    let port = "must be a whole number from 1 to 65535";
    for (text, parameter, sentence) in [
        ("port=x", "port", port),
        ("port=", "port", port),
        ("port=0", "port", port),
        ("port=70000", "port", port),
        ("port=1&port=2", "port", "is there twice"),
        ("live=yes&port=1", "live", "must be true or false"),
        ("live=&port=1", "live", "must be true or false"),
        ("port=1&since=now", "since", "must be a time as in 2026-11-24T07:00:00Z (RFC 3339)"),
        ("port=1&other=2", "other", "is not known here; known: port, live, since"),
        ("", "port", "is missing"),
    ] {
        let problem = read_query::<Inner>(text).unwrap_err();
        assert_eq!(told(problem), [(parameter.to_owned(), sentence.to_owned())], "{text}");
    }
}

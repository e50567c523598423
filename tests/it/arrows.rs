//! Which room may use what: the same arrows as `.deny.toml`, for machines without cargo-deny.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Who alone may name these crates among its normal dependencies.
const ALONE: [(&str, &[&str]); 10] = [
    ("sqlx", &["daimon-store", "daimon-tests"]),
    ("redis", &["daimon-queue", "daimon-tests"]),
    ("reqwest", &["daimon-egress", "daimon-tests"]),
    ("hickory-resolver", &["daimon-egress"]),
    ("actix-web", &["daimon-api", "daimon-boot"]),
    ("async-imap", &["daimon-worker"]),
    ("mail-parser", &["daimon-bounce", "daimon-worker"]),
    ("jsonwebtoken", &["daimon-seal"]),
    ("argon2", &["daimon-seal"]),
    ("aws-lc-rs", &["daimon-seal", "daimon-tests"]),
];

/// What pure rooms must not reach, however far down.
const PURE: [&str; 6] =
    ["daimon-domain", "daimon-bounce", "daimon-posture", "daimon-provider", "daimon-verdict", "daimon-wording"];
const IMPURE: [&str; 6] = ["sqlx", "redis", "tokio", "reqwest", "actix-web", "hickory-resolver"];

/// Normal dependencies (not of tests, not of builds) by package name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    // Of other platforms nothing may be here, and nothing is fetched for it.
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap().stdout;
    let host = String::from_utf8(host).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host.trim()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let names: BTreeMap<String, String> =
        list(&metadata, "packages").iter().map(|package| (text(package, "id"), text(package, "name"))).collect();
    let name = |id: &str| names.get(id).cloned().unwrap_or_default();
    let is_normal =
        |dep: &Value| list(dep, "dep_kinds").iter().any(|kind| kind.get("kind").is_some_and(Value::is_null));
    list(metadata.get("resolve").unwrap(), "nodes")
        .iter()
        .map(|node| {
            let of =
                list(node, "deps").iter().filter(|dep| is_normal(dep)).map(|dep| name(&text(dep, "pkg"))).collect();
            (name(&text(node, "id")), of)
        })
        .collect()
}

#[test]
fn each_dangerous_crate_has_its_rooms() {
    let dependencies = dependencies();
    let rooms = dependencies.iter().filter(|(name, _)| name.starts_with("daimon-"));
    let mut wrong = Vec::new();
    for (room, of) in rooms {
        for (name, allowed) in ALONE {
            if of.contains(name) && !allowed.contains(&room.as_str()) {
                wrong.push(format!("{room} uses {name}"));
            }
        }
    }
    assert!(dependencies.contains_key("daimon-store"));
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn pure_rooms_reach_no_network_and_no_database() {
    let dependencies = dependencies();
    for room in PURE {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut ahead = vec![room];
        while let Some(at) = ahead.pop() {
            if seen.insert(at) {
                ahead.extend(dependencies.get(at).unwrap().iter().map(String::as_str));
            }
        }
        let reached: Vec<_> = IMPURE.into_iter().filter(|name| seen.contains(name)).collect();
        assert_eq!(reached, Vec::<&str>::new(), "{room}");
    }
}

#[test]
fn libraries_do_not_reach_the_programs() {
    for (room, of) in dependencies() {
        if room.starts_with("daimon-") && !["daimon-api", "daimon-worker", "daimon-tests"].contains(&room.as_str()) {
            assert!(!of.contains("daimon-api") && !of.contains("daimon-worker"), "{room}");
        }
    }
}

#[test]
fn what_describes_the_statements_is_built_without_them() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "-p", "daimon-tests", "--no-default-features", "-e", "normal"])
        .args(["--prefix", "none"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && tree.contains("sqlx "), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!tree.contains("daimon-store"), "a new statement would keep `make sqlx` from being built");
}

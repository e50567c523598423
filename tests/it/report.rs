//! What an owner is given to read about a theft, made of real bounces.

use aws_lc_rs::digest::SHA256;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::TimeDelta;
use daimon_tests::life::{Person, THIEF};
use daimon_tests::world::World;
use serde_json::{Value, json};

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn sum(rows: &Value) -> u64 {
    rows.as_array().unwrap().iter().filter_map(|row| row["bounces"].as_u64()).sum()
}

#[tokio::test]
async fn a_theft_can_be_read_and_told_in_both_languages() {
    let world = World::start().await.unwrap();
    let (client, servers) = (&world.client, world.servers);
    let sato = Person::with_account(servers, &format!("report@{}.example", world.tag), "correct horse").unwrap();
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    sato.onboarded(client, servers).await.unwrap();
    world.drain().await.unwrap();
    sato.was_stolen(servers, 40, 40).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let incidents = client.incidents().await.unwrap();
    let id = text(incidents.first().unwrap(), "/id").to_owned();
    let evil = "By phone. <script>alert(1)</script> [x](http://evil.example) \u{5e9}\u{5dc}";
    let step = json!({ "state": "done", "note": evil });
    let done = client.request(reqwest::Method::PUT, &format!("/v1/incidents/{id}/steps/C01"), None, Some(&step)).await;
    assert_eq!(done.unwrap().status, 200);

    let path = format!("/v1/incidents/{id}/report");
    let report = client.get(&path).await.unwrap().body;
    assert!(text(&report, "/headline").contains(&sato.address), "{report:#}");
    assert_eq!(text(&report, "/verdict"), "account_takeover");
    // The first ones made the incident and are told with it.
    assert!(sum(&report["bounces_over_time"]["bars"]) >= 40, "{report:#}");
    assert_eq!(sum(&report["bounces_over_time"]["bars"]), sum(&report["reasons"]));
    assert!(!report["recipient_domains"].as_array().unwrap().is_empty());
    assert!(text(&report, "/evidence/0/sentence").contains(&THIEF.to_string()), "{report:#}");
    assert!(text(&report, "/timeline/0/what").contains("a stolen mailbox"), "{report:#}");
    let checked = report["checklist"][0]["steps"].as_array().unwrap().iter().find(|step| step["id"] == "C01").unwrap();
    assert_eq!(checked["state"], "done");
    assert!(!text(checked, "/by").starts_with("key_"), "people have names: {checked}");
    let next: Vec<_> = report["remaining"].as_array().unwrap().iter().map(|step| text(step, "/id")).collect();
    assert_eq!(next, ["C03", "C04", "V01"]);
    assert_eq!(text(&report, "/proof/0"), "That the way in is closed is not proved yet.");
    assert!(sato.address.ends_with(text(&report, "/reputation/domain")), "{report:#}");
    assert!(report["reputation"]["refusals"].as_array().unwrap().iter().all(|one| one["last_7_days"] != 0));

    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    for language in ["en", "ja"] {
        let (headers, page) = client.read(&format!("{path}?language={language}"), browser).await.unwrap();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        // The page may use its own style, and nothing else may happen in it.
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = BASE64_STANDARD.encode(aws_lc_rs::digest::digest(&SHA256, style.as_bytes()));
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{hash}';")), "{hash} is not in {policy}");
        assert!(policy.starts_with("default-src 'none';") && policy.ends_with("; frame-ancestors 'none'; sandbox"));
        assert!(page.contains(&format!("<html lang=\"{language}\">")) && page.contains("<svg"), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
        let (headers, page) =
            client.read(&format!("{path}?language={language}&format=markdown"), browser).await.unwrap();
        assert_eq!(headers["content-type"], "text/markdown; charset=utf-8");
        assert!(page.contains("\\<script\\>") && page.contains("\\[x\\](http\\:"), "{page}");
        for written in [&page, &report.to_string()] {
            assert!(!written.contains("friend") && !written.contains("victim"), "recipients are nobody's business");
        }
    }
    let wrong = client.request(reqwest::Method::GET, &format!("{path}?format=pdf"), None, None).await.unwrap();
    assert_eq!(wrong.status, 422, "{}", wrong.body);

    let notices = client.get(&format!("/v1/incidents/{id}/notices")).await.unwrap().body;
    let all: Vec<_> = notices["notices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(one, "/language"), text(one, "/audience")))
        .collect();
    let audiences = ["colleagues", "partners", "owner"];
    assert_eq!(all, ["en", "ja"].map(|language| audiences.map(|audience| (language, audience))).concat());
    let japanese = client.get(&format!("/v1/incidents/{id}/notices?language=ja&audience=partners")).await.unwrap().body;
    assert_eq!(japanese["notices"].as_array().unwrap().len(), 1);
    let body = text(&japanese, "/notices/0/body");
    assert!(body.contains(&sato.address) && body.contains("平素より") && !body.contains('{'), "{body}");
}

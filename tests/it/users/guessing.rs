//! Who guesses learns nothing, and is slowed down.

use chrono::TimeDelta;
use daimon_tests::client::Client;
use daimon_tests::program::Program;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, invite, join, msp, sign_in};

/// How often the API has compared a password with a hash, which is what a refusal takes its time for.
async fn checks(world: &World) -> u64 {
    let url = format!("http://{}/metrics", world.api().address("internal").unwrap());
    let said =
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().text().await.unwrap();
    let line = said.lines().find(|line| line.starts_with("daimon_password_checks_total")).unwrap_or(" 0");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn whoever_can_not_sign_in_is_answered_the_same_after_the_same_work() {
    let world = World::without_worker().await.unwrap();
    let mori = join(&world, "mori", "viewer", None).await;
    let gone = join(&world, "gone", "viewer", None).await;
    invite(&world, "waits", "viewer", None).await;
    let disable = json!({"disabled": true});
    let path = format!("/v1/users/{}", gone.id);
    world.client.request(Method::PATCH, &path, Some("*"), Some(&disable)).await.unwrap();

    let ask = |msp: &str, email: &str, password: &str| json!({"msp": msp, "email": email, "password": password});
    let (own, nobodys) = (msp(&world), "msp_019ab1c2d3e47f508192a3b4c5d6e7f8");
    let kinds = [
        ask(&own, &mori.email, "not this one at all"),
        ask(&own, "nobody@kestrel.example", PASSWORD),
        ask(&own, &gone.email, PASSWORD),
        ask(&own, "waits@kestrel.example", PASSWORD),
        ask(nobodys, &mori.email, PASSWORD),
    ];
    let mut told: Vec<Value> = Vec::new();
    for kind in &kinds {
        let before = checks(&world).await;
        let mut answer = super::post(&world, "", "/v1/auth/token", kind).await;
        assert_eq!(checks(&world).await - before, 1, "{kind}");
        answer.body.as_object_mut().unwrap().remove("request_id");
        told.push(answer.body);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["status"], 401);
    let right = sign_in(&world, &mori.email, PASSWORD, json!({})).await;
    assert_eq!(right.status, 200, "{}", right.body);
}

#[tokio::test]
async fn who_tries_too_often_is_told_when_to_come_back() {
    let world = World::without_worker().await.unwrap();
    let mori = join(&world, "mori", "viewer", None).await;
    let ito = join(&world, "ito", "viewer", None).await;
    let small = [("DAIMON_SIGN_INS_PER_USER", "3"), ("DAIMON_SIGN_INS_PER_ADDRESS", "6")];
    let mut settings = world.settings.clone();
    settings.retain(|(name, _)| !small.iter().any(|(changed, _)| name == changed));
    settings.extend(small.map(|(name, value)| (name.to_owned(), value.to_owned())));
    settings.push(("DAIMON_FORWARDED_HOPS".to_owned(), "1".to_owned()));
    let program = Program::start("daimon-api", &["serve"], &settings).await.unwrap();
    let client = Client::new(&format!("http://{}", program.address("api").unwrap()), world.client.key()).unwrap();

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tries = async |email: &str, password: &str, from: &str| {
        let body = json!({"msp": msp(&world), "email": email, "password": password});
        let request = http.post(format!("{}/v1/auth/token", client.base)).header("x-forwarded-for", from);
        let answer = request.json(&body).send().await.unwrap();
        let wait = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), wait)
    };
    for _ in 0..3 {
        assert_eq!(tries(&mori.email, "not this one at all", "192.0.2.1").await.0, 401);
    }
    let refused = tries(&mori.email, PASSWORD, "192.0.2.2").await;
    assert_eq!(refused, (429, Some("200".to_owned())), "also with the right one, from elsewhere");
    assert_eq!(tries(&ito.email, PASSWORD, "192.0.2.1").await.0, 200, "somebody else");
    for email in ["a@kestrel.example", "b@kestrel.example"] {
        assert_eq!(tries(email, PASSWORD, "192.0.2.1").await.0, 401);
    }
    let refused = tries(&ito.email, PASSWORD, "192.0.2.1").await;
    assert_eq!(refused, (429, Some("100".to_owned())), "too many from this address");
    assert_eq!(tries(&ito.email, PASSWORD, "192.0.2.9").await.0, 200, "from another one");
    world.clock.advance(TimeDelta::seconds(200)).await.unwrap();
    assert_eq!(tries(&mori.email, PASSWORD, "192.0.2.1").await.0, 200);
}

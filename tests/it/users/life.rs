//! From an invitation to the end of a session.

use chrono::TimeDelta;
use daimon_tests::program::Program;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, invite, join, post, sign_in};

#[tokio::test]
async fn who_was_invited_signs_in_until_they_are_signed_out() {
    let world = World::without_worker().await.unwrap();
    let invited = invite(&world, "mori", "operator", None).await;
    let (id, invitation) = (invited.text("id").unwrap(), invited.text("invitation").unwrap());
    let path = format!("/v1/users/{id}");
    let seen = world.client.get(&path).await.unwrap();
    assert!(seen.body["accepted_at"].is_null() && seen.body.get("invitation").is_none(), "{}", seen.body);
    let again = json!({"email": "Mori@Kestrel.example", "name": "Another", "role": "viewer"});
    let answer = world.client.request(Method::POST, "/v1/users", None, Some(&again)).await.unwrap();
    assert_eq!((answer.status, answer.word("code")), (409, "conflict"));

    let accept = "/v1/auth/accept-invitation";
    for (password, says) in
        [("short", "12 to 256"), ("mori-at-kestrel", "tried first"), ("passwordpassword", "tried first")]
    {
        let answer = post(&world, "", accept, &json!({"invitation": invitation, "password": password})).await;
        assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &"/password".into()), "{password}");
        assert!(answer.body["errors"][0]["detail"].as_str().unwrap().contains(says), "{}", answer.body);
    }
    let accepted = post(&world, "", accept, &json!({"invitation": invitation, "password": PASSWORD})).await;
    assert_eq!((accepted.status, accepted.body["expires_in"].as_i64()), (200, Some(900)), "{}", accepted.body);
    let answer = post(&world, "", accept, &json!({"invitation": invitation, "password": PASSWORD})).await;
    assert_eq!(answer.status, 401, "an invitation is good once");

    let signed_in = sign_in(&world, "MORI@kestrel.example", PASSWORD, json!({})).await;
    let (token, refresh) = (signed_in.text("access_token").unwrap(), signed_in.text("refresh_token").unwrap());
    let me = world.client.with_token(&token, Method::GET, "/v1/me", None, None).await.unwrap();
    assert_eq!((me.word("kind"), me.word("role"), me.word("name")), ("user", "operator", "mori"), "{}", me.body);
    assert_eq!(me.body["msp"]["name"], "Kestrel IT");
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let window = json!({
        "tenant_id": tenant, "reason": "Mail moves.",
        "starts_at": world.clock.now().await, "ends_at": world.clock.now().await + TimeDelta::hours(1)
    });
    let made = post(&world, &token, "/v1/maintenance-windows", &window).await;
    assert_eq!(made.status, 201, "{}", made.body);

    for what in [&refresh, &"nonsense".to_owned(), &refresh] {
        assert_eq!(post(&world, "", "/v1/auth/revoke", &json!({"token": what})).await.status, 204);
    }
    let answer = world.client.with_token(&token, Method::GET, "/v1/me", None, None).await.unwrap();
    assert_eq!((answer.status, answer.word("code")), (401, "unauthenticated"), "it ends at once");
    let answer = post(&world, "", "/v1/auth/refresh", &json!({"refresh_token": refresh})).await;
    assert_eq!(answer.status, 401);
    let first = accepted.text("access_token").unwrap();
    let other = world.client.with_token(&first, Method::GET, "/v1/me", None, None).await.unwrap();
    assert_eq!(other.status, 200, "the session of the invitation goes on");

    let log = world.client.get("/v1/audit-entries").await.unwrap().items();
    let by = |actor: &str| -> Vec<String> {
        let of = log.iter().filter(|entry| entry["actor"] == actor);
        of.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        by(&id),
        ["session.revoked", "maintenance_window.declared", "user.signed_in", "user.accepted"],
        "{log:#?}"
    );
    for secret in [PASSWORD, &secret_of(&invitation), &refresh, &token] {
        assert!(!world.dump().await.unwrap().contains(secret), "{secret} is in the database");
        assert!(!world.api().output().contains(secret), "{secret} is in the log");
    }
}

/// The part that nobody else knows.
fn secret_of(invitation: &str) -> String {
    invitation.rsplit('_').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_session() {
    let world = World::without_worker().await.unwrap();
    let mori = join(&world, "mori", "viewer", None).await;
    let (mut refresh, mut token) = (mori.refresh.clone(), mori.token.clone());
    for _ in 0..3 {
        world.clock.advance(TimeDelta::minutes(16)).await.unwrap();
        let expired = world.client.with_token(&token, Method::GET, "/v1/me", None, None).await.unwrap();
        assert_eq!(expired.status, 401);
        let next = mori.refreshed(&refresh).await;
        assert_eq!(next.status, 200, "{}", next.body);
        (refresh, token) = (next.text("refresh_token").unwrap(), next.text("access_token").unwrap());
    }
    let stolen = mori.refreshed(&mori.refresh).await;
    assert_eq!((stolen.status, stolen.word("code")), (401, "unauthenticated"));
    let answer = world.client.with_token(&token, Method::GET, "/v1/me", None, None).await.unwrap();
    assert_eq!((answer.status, mori.refreshed(&refresh).await.status), (401, 401), "nobody goes on");
    let log = world.client.get("/v1/audit-entries").await.unwrap().items();
    let reused = log.iter().filter(|entry| entry["action"] == "session.reused" && entry["actor"] == mori.id.as_str());
    assert_eq!(reused.count(), 1);

    // Of two that come at the same time one is the second.
    let again = sign_in(&world, &mori.email, PASSWORD, json!({})).await.text("refresh_token").unwrap();
    let (one, two) = tokio::join!(mori.refreshed(&again), mori.refreshed(&again));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let winner = if one.status == 200 { one } else { two };
    assert_eq!(mori.refreshed(&winner.text("refresh_token").unwrap()).await.status, 401, "the session has ended");

    let last = sign_in(&world, &mori.email, PASSWORD, json!({})).await.text("refresh_token").unwrap();
    world.clock.advance(TimeDelta::days(7)).await.unwrap();
    assert_eq!(mori.refreshed(&last).await.status, 401, "unused for a week");
}

#[tokio::test]
async fn another_password_ends_the_other_sessions_and_an_admin_resets_one_that_is_lost() {
    let world = World::without_worker().await.unwrap();
    let mori = join(&world, "mori", "viewer", None).await;
    let elsewhere = sign_in(&world, &mori.email, PASSWORD, json!({})).await.text("access_token").unwrap();
    let next = "nine quiet herons wading";
    let change = |old: &str, new: &str| json!({"password": old, "new_password": new});
    let wrong = mori.post("/v1/me/password", change("not this one at all", next)).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["pointer"]), (422, &"/password".into()));
    assert_eq!(mori.post("/v1/me/password", change(PASSWORD, next)).await.status, 204);
    assert_eq!(mori.get("/v1/me").await.status, 200, "this session goes on");
    let answer = world.client.with_token(&elsewhere, Method::GET, "/v1/me", None, None).await.unwrap();
    assert_eq!(answer.status, 401, "the other one does not");
    assert_eq!(sign_in(&world, &mori.email, PASSWORD, json!({})).await.status, 401);
    assert_eq!(sign_in(&world, &mori.email, next, json!({})).await.status, 200);
    let by_key =
        world.client.request(Method::POST, "/v1/me/password", None, Some(&change(next, PASSWORD))).await.unwrap();
    assert_eq!((by_key.status, by_key.word("code")), (403, "forbidden"), "a key has no password");

    let path = format!("/v1/users/{}/invitation", mori.id);
    let again = world.client.post(&path, &json!({})).await.unwrap();
    assert_eq!(
        (mori.get("/v1/me").await.status, sign_in(&world, &mori.email, next, json!({})).await.status),
        (401, 401)
    );
    let newest = world.client.post(&path, &json!({})).await.unwrap();
    let accept = |invitation: Value| json!({"invitation": invitation, "password": PASSWORD});
    let accept_at = "/v1/auth/accept-invitation";
    let old = post(&world, "", accept_at, &accept(again.body["invitation"].clone())).await;
    assert_eq!(old.status, 401, "only the newest holds");
    world.clock.advance(TimeDelta::days(7)).await.unwrap();
    let late = post(&world, "", accept_at, &accept(newest.body["invitation"].clone())).await;
    assert_eq!(late.status, 401, "for a week");
    let newest = world.client.post(&path, &json!({})).await.unwrap();
    let accepted = post(&world, "", accept_at, &accept(newest.body["invitation"].clone())).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
}

#[tokio::test]
async fn the_first_owner_is_invited_by_bootstrap() {
    let world = World::without_worker().await.unwrap();
    let new = ["bootstrap", "--another", "--name", "Heron IT"];
    let owner = ["--owner-email", "Sato@heron.example", "--owner-name", "Yui Sato"];
    let output = Program::run("daimon-api", &[new, owner].concat(), &world.settings).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let (key, invitation) = printed.trim_end().split_once('\n').unwrap();
    let theirs = world.client.with_key(key).unwrap();
    // Bootstrap goes by the machine's clock, which has moved on.
    world.clock.advance(TimeDelta::minutes(5)).await.unwrap();
    let users = theirs.get("/v1/users").await.unwrap().items();
    let seen: Vec<_> = users.iter().map(|user| (&user["email"], &user["name"], &user["role"])).collect();
    assert_eq!(seen, [(&"sato@heron.example".into(), &"Yui Sato".into(), &"owner".into())]);
    let body = json!({"invitation": invitation, "password": PASSWORD});
    assert_eq!(post(&world, "", "/v1/auth/accept-invitation", &body).await.status, 200);
    assert!(world.client.get("/v1/users").await.unwrap().items().is_empty(), "another MSP's");
}

//! Owners and admins sign in with a code besides the password.

use chrono::TimeDelta;
use daimon_tests::world::World;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{PASSWORD, join, post, sign_in};

#[tokio::test]
async fn an_owner_needs_a_code_and_each_is_good_once() {
    let world = World::without_worker().await.unwrap();
    let owner = join(&world, "sato", "owner", None).await;
    for path in ["/v1/tenants", "/v1/users", "/v1/msp"] {
        let answer = owner.get(path).await;
        assert_eq!((answer.status, answer.word("code")), (403, "enrolment_required"), "{path}");
    }
    let me = owner.get("/v1/me").await;
    assert_eq!(me.body["second_factor"], json!({"since": null, "is_required": true, "recovery_codes_left": 0}));
    let wrong = owner.post("/v1/me/totp", json!({"password": "not this one at all"})).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["pointer"]), (422, &"/password".into()));
    assert_eq!(owner.post("/v1/me/totp/confirm", json!({"totp": "000000"})).await.status, 409);
    let (secret, recovery) = owner.enrol().await;
    assert_eq!((recovery.len(), owner.get("/v1/tenants").await.status), (10, 200), "the same token");

    let now = || world.clock.now();
    let with = |code: &str| json!({"totp": code});
    let missing = sign_in(&world, &owner.email, PASSWORD, json!({})).await;
    assert_eq!((missing.status, missing.word("code")), (401, "second_factor_required"));
    let wrong = sign_in(&world, &owner.email, "not this one at all", with(&secret.code_at(now().await))).await;
    assert_eq!((wrong.status, wrong.word("code")), (401, "unauthenticated"), "the password comes first");
    let used = sign_in(&world, &owner.email, PASSWORD, with(&secret.code_at(now().await))).await;
    assert_eq!((used.status, used.word("code")), (401, "second_factor_required"), "the code of the enrolment");
    world.clock.advance(TimeDelta::seconds(30)).await.unwrap();
    let code = secret.code_at(now().await);
    let body =
        |code: &str| json!({"msp": super::msp(&world), "email": owner.email, "password": PASSWORD, "totp": code});
    let (first, second) = (body(&code), body(&code));
    let (one, two) =
        tokio::join!(post(&world, "", "/v1/auth/token", &first), post(&world, "", "/v1/auth/token", &second));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "of two at the same time one");
    let before = secret.code_at(now().await - TimeDelta::seconds(30));
    assert_eq!(sign_in(&world, &owner.email, PASSWORD, with(&before)).await.status, 401, "one before it");

    let recovery_code = json!({"recovery_code": recovery[3].to_uppercase().replace('-', " ")});
    assert_eq!(sign_in(&world, &owner.email, PASSWORD, recovery_code.clone()).await.status, 200);
    assert_eq!(sign_in(&world, &owner.email, PASSWORD, recovery_code).await.status, 401, "once");
    assert_eq!(owner.get("/v1/me").await.body["second_factor"]["recovery_codes_left"], 9);

    // Another phone: the old one says so, and it holds until the new one has shown a code.
    world.clock.advance(TimeDelta::seconds(60)).await.unwrap();
    let refused = owner.post("/v1/me/totp", json!({"password": PASSWORD})).await;
    assert_eq!((refused.status, refused.word("code")), (401, "second_factor_required"));
    let disabled =
        owner.post("/v1/me/totp/disable", json!({"password": PASSWORD, "totp": secret.code_at(now().await)})).await;
    assert_eq!((disabled.status, disabled.word("code")), (409, "conflict"), "an owner can't go without");
    let renewed = owner.post("/v1/me/recovery-codes", with(&secret.code_at(now().await))).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    let gone = json!({"recovery_code": recovery[5]});
    assert_eq!(sign_in(&world, &owner.email, PASSWORD, gone).await.status, 401, "renewed");

    // The phone is lost with everything.
    let path = format!("/v1/users/{}/invitation", owner.id);
    let kept = world.client.post(&path, &json!({})).await.unwrap().text("invitation").unwrap();
    let accept = |invitation: &str| json!({"invitation": invitation, "password": PASSWORD});
    let answer = post(&world, "", "/v1/auth/accept-invitation", &accept(&kept)).await;
    assert_eq!((answer.status, answer.word("code")), (401, "second_factor_required"));
    let lost = world.client.post(&path, &json!({"reset_totp": true})).await.unwrap().text("invitation").unwrap();
    let answer = post(&world, "", "/v1/auth/accept-invitation", &accept(&lost)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    let hex = secret.as_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let dump = world.dump().await.unwrap();
    let shown = [secret.text().expose_secret().to_owned(), hex];
    for canary in shown.iter().chain(&recovery) {
        assert!(!dump.contains(canary) && !world.api().output().contains(canary), "{canary}");
    }
}

//! What somebody may do, and how far they reach.

use daimon_tests::world::World;
use serde_json::{Value, json};

use super::{join, sign_in};

#[tokio::test]
async fn nobody_does_more_than_their_role_or_reaches_beyond_their_tenants() {
    let world = World::without_worker().await.unwrap();
    let own = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let other = world.client.create_tenant("Momiji Bakery").await.unwrap();
    let viewer = join(&world, "mori", "viewer", Some(&[own.as_str()])).await;
    assert_eq!(viewer.get("/v1/tenants").await.items().len(), 1);
    assert_eq!(viewer.get(&format!("/v1/tenants/{own}")).await.status, 200);
    let missing = "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8";
    let bytes = |answer: &Value, id: &str| {
        let mut answer = answer.clone();
        answer.as_object_mut().unwrap().remove("request_id");
        answer.to_string().replace(id, "ID")
    };
    let hidden = viewer.get(&format!("/v1/tenants/{other}")).await;
    let absent = viewer.get(&format!("/v1/tenants/{missing}")).await;
    assert_eq!((hidden.status, bytes(&hidden.body, &other)), (404, bytes(&absent.body, missing)));
    for (path, permission) in
        [("/v1/tenants", "tenants:write"), ("/v1/users", "users:write"), ("/v1/api-keys", "keys:write")]
    {
        let answer = viewer.post(path, json!({})).await;
        assert_eq!((answer.status, answer.word("code")), (403, "forbidden"), "{path}");
        assert!(answer.word("detail").contains(permission), "{}", answer.body);
    }
    let log = viewer.get("/v1/audit-entries").await;
    assert_eq!((log.status, log.word("code")), (403, "forbidden"));

    // An admin of one tenant sees and makes nobody who reaches further, and nobody mightier.
    let owner = join(&world, "sato", "owner", None).await;
    owner.enrol().await;
    let admin = join(&world, "ito", "admin", Some(&[own.as_str()])).await;
    admin.enrol().await;
    // Made at one moment of a clock that stands, they come in any order.
    let seen = admin.get("/v1/users").await.items();
    let names: std::collections::BTreeSet<_> = seen.iter().filter_map(|user| user["name"].as_str()).collect();
    assert_eq!(names, ["ito", "mori"].into());
    assert_eq!(admin.get(&format!("/v1/users/{}", owner.id)).await.status, 404);
    let new = |role: &str, tenants: &[&str]| json!({"email": "new@kestrel.example", "name": "New", "role": role, "tenants": tenants});
    let beyond = admin.post("/v1/users", new("viewer", &[&other])).await;
    assert_eq!((beyond.status, &beyond.body["errors"][0]["pointer"]), (422, &"/tenants/0".into()));
    let mut whole = new("viewer", &[]);
    whole.as_object_mut().unwrap().remove("tenants");
    let made = admin.post("/v1/users", whole).await;
    assert_eq!((made.status, &made.body["tenants"]), (201, &json!([own])), "as far as who invites");
    let mightier = admin.patch(&format!("/v1/users/{}", viewer.id), json!({"role": "owner", "tenants": null})).await;
    assert_eq!((mightier.status, mightier.word("code")), (403, "forbidden"));
    assert_eq!(admin.patch("/v1/msp", json!({"name": "Mine"})).await.status, 403);

    // An admin of everything sees owners and leaves them alone.
    let whole = join(&world, "abe", "admin", None).await;
    whole.enrol().await;
    let reset = whole.post(&format!("/v1/users/{}/invitation", owner.id), json!({"reset_totp": true})).await;
    assert_eq!((reset.status, reset.word("code")), (403, "forbidden"));
    let answer = whole.patch(&format!("/v1/users/{}", owner.id), json!({"disabled": true})).await;
    assert_eq!((answer.status, answer.word("code")), (403, "forbidden"));

    // What somebody may do changes at once.
    let changed = whole.patch(&format!("/v1/users/{}", viewer.id), json!({"role": "operator", "tenants": null})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(viewer.get("/v1/tenants").await.status, 401, "the token says less than they may");
    let fresh = viewer.refreshed(&viewer.refresh).await;
    let viewer = super::Member { token: fresh.text("access_token").unwrap(), ..viewer };
    assert_eq!(viewer.get("/v1/tenants").await.items().len(), 2);
    whole.patch(&format!("/v1/users/{}", viewer.id), json!({"disabled": true})).await;
    assert_eq!(viewer.get("/v1/tenants").await.status, 401);
    assert_eq!(sign_in(&world, &viewer.email, super::PASSWORD, json!({})).await.status, 401);
}

#[tokio::test]
async fn there_is_always_an_owner_also_when_two_take_it_from_each_other_at_once() {
    let world = World::without_worker().await.unwrap();
    let sato = join(&world, "sato", "owner", None).await;
    sato.enrol().await;
    let path = |id: &str| format!("/v1/users/{id}");
    let last = sato.patch(&path(&sato.id), json!({"role": "admin"})).await;
    assert_eq!((last.status, last.word("code")), (409, "conflict"), "{}", last.body);
    super::invite(&world, "waits", "owner", None).await;
    let last = sato.patch(&path(&sato.id), json!({"disabled": true})).await;
    assert_eq!(last.status, 409, "who has not accepted can't sign in");
    let gone = world.client.request(reqwest::Method::DELETE, &path(&sato.id), Some("*"), None).await.unwrap();
    assert_eq!(gone.status, 409, "an API key does not either");
    let own = sato.post(&format!("{}/invitation", path(&sato.id)), json!({})).await;
    assert_eq!((own.status, sato.get("/v1/me").await.status), (409, 200), "their own password: {}", own.body);

    let ito = join(&world, "ito", "owner", None).await;
    ito.enrol().await;
    let (of_ito, of_sato) = (path(&ito.id), path(&sato.id));
    let (one, two) =
        tokio::join!(sato.patch(&of_ito, json!({"role": "viewer"})), ito.patch(&of_sato, json!({"role": "viewer"})));
    // The second one is an owner no more, or finds that there would be none.
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert!(statuses[0] == 200 && [401, 409].contains(&statuses[1]), "{} {}", one.body, two.body);
    let users = world.client.get("/v1/users").await.unwrap().items();
    let owners = users.iter().filter(|user| user["role"] == "owner" && !user["accepted_at"].is_null());
    assert_eq!(owners.count(), 1);
}

#[tokio::test]
async fn clients_read_what_an_msp_says_of_itself() {
    let world = World::without_worker().await.unwrap();
    let owner = join(&world, "sato", "owner", None).await;
    owner.enrol().await;
    let profile = owner.get("/v1/msp").await;
    assert_eq!((profile.word("name"), profile.word("language")), ("Kestrel IT", "en"), "{}", profile.body);
    let change =
        json!({"display_name": "Kestrel Support", "support_contact": "help@kestrel.example", "language": "ja"});
    let method = reqwest::Method::PATCH;
    let send = |etag: Option<String>, body: Value| {
        let (client, method, token) = (&world.client, method.clone(), owner.token.clone());
        async move { client.with_token(&token, method, "/v1/msp", etag.as_deref(), Some(&body)).await.unwrap() }
    };
    assert_eq!(send(None, change.clone()).await.status, 428);
    let changed = send(profile.etag.clone(), change.clone()).await;
    assert_eq!((changed.status, changed.word("display_name")), (200, "Kestrel Support"), "{}", changed.body);
    assert_eq!(send(profile.etag, change).await.status, 412);
    let long = send(changed.etag.clone(), json!({"support_contact": "x".repeat(301)})).await;
    assert_eq!((long.status, &long.body["errors"][0]["pointer"]), (422, &"/support_contact".into()));
    let short = send(changed.etag.clone(), json!({"retention_days": 59})).await;
    assert_eq!((short.status, &short.body["errors"][0]["pointer"]), (422, &"/retention_days".into()));
    let ended = send(changed.etag, json!({"display_name": null, "retention_days": 90})).await;
    assert_eq!((&changed.body["retention_days"], &ended.body["retention_days"]), (&400.into(), &90.into()));
    assert_eq!((ended.status, ended.body["display_name"].is_null()), (200, true));
}

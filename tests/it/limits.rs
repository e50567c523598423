//! Who asks too often is told when to come back, whoever it is, and every answer says how much is left.

use chrono::TimeDelta;
use daimon_tests::client::Client;
use daimon_tests::program::Program;
use daimon_tests::world::World;
use reqwest::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Another API for the same database, with small buckets.
async fn api(world: &World, redis: Option<&str>) -> (Program, Client) {
    api_with(world, ["6", "8"], redis).await
}

async fn api_with(world: &World, [per_key, per_msp]: [&str; 2], redis: Option<&str>) -> (Program, Client) {
    let small = [
        ("DAIMON_REQUESTS_PER_KEY", per_key),
        ("DAIMON_REQUESTS_PER_MSP", per_msp),
        ("DAIMON_REQUESTS_PER_ADDRESS", "5"),
        ("DAIMON_FORWARDED_HOPS", "1"),
    ];
    let mut settings = world.settings.clone();
    settings.retain(|(name, _)| !small.iter().any(|(changed, _)| name == changed));
    settings.extend(small.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if let Some(redis) = redis {
        settings.retain(|(name, _)| name != "REDIS_URL");
        settings.push(("REDIS_URL".to_owned(), redis.to_owned()));
    }
    let program = Program::start("daimon-api", &["serve"], &settings).await.unwrap();
    let client = Client::new(&format!("http://{}", program.address("api").unwrap()), world.client.key()).unwrap();
    (program, client)
}

/// A request without a token, by way of a proxy that saw this address.
async fn ask(client: &Client, path: &str, bearer: &str, seen: &str) -> Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.get(format!("{}{path}", client.base)).header("x-forwarded-for", seen);
    let request = if bearer.is_empty() { request } else { request.bearer_auth(bearer) };
    request.send().await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_key_has_its_requests_and_so_have_its_msp_and_every_address() {
    let world = World::without_worker().await.unwrap();
    let (mut program, client) = api(&world, None).await;
    let (key, stranger) = (client.sign_in().await.unwrap(), world.another_msp("Heron IT").await.unwrap());
    let elsewhere = client.with_key(stranger.key()).unwrap().sign_in().await.unwrap();

    for left in (0..6).rev() {
        let answer = ask(&client, "/v1/tenants", &key, "192.0.2.1").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=6;w=60, \"msp\";q=8;w=60");
        assert!(header(&answer, "ratelimit").starts_with(&format!("\"key\";r={left};t=")), "{answer:?}");
    }
    let answer = ask(&client, "/v1/tenants/tnt_none", &key, "192.0.2.1").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (429, "10"));
    assert!(header(&answer, "ratelimit").starts_with("\"key\";r=0;t=60"), "{answer:?}");
    let id = header(&answer, "x-request-id");
    assert!(!id.is_empty());
    program.line("heard", |line| line.contains(&id) && line.contains("was answered with 429")).unwrap();
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&"too_many_requests".into(), &429.into()));
    let answer = ask(&client, "/v1/tenants", &elsewhere, "192.0.2.1").await;
    assert_eq!(answer.status(), 200, "another MSP has its own");

    world.clock.advance(TimeDelta::seconds(10)).await.unwrap();
    let statuses = [
        ask(&client, "/v1/tenants", &key, "192.0.2.1").await.status().as_u16(),
        ask(&client, "/v1/tenants", &key, "192.0.2.1").await.status().as_u16(),
    ];
    assert_eq!(statuses, [200, 429], "one comes back after ten seconds");

    // The client can write what it likes before what the proxy adds.
    for (number, expected) in [(0, 401), (1, 401), (2, 401), (3, 401), (4, 401), (5, 429), (6, 429)] {
        let answer =
            ask(&client, "/v1/tenants", "forged", &format!("198.51.100.{number}, 2001:db8:1:2::{number}")).await;
        assert_eq!(answer.status(), expected, "{number}");
        assert!(header(&answer, "ratelimit-policy").starts_with("\"address\";q=5;w=60"), "{answer:?}");
    }
    assert_eq!(ask(&client, "/v1/tenants", "forged", "2001:db8:1:3::1").await.status(), 401, "another network");
    assert_eq!(ask(&client, "/openapi.json", "", "2001:db8:1:2::9").await.status(), 429, "documents count too");
}

#[tokio::test]
async fn who_asks_one_thing_after_the_other_has_as_many_requests_of_all_processes_together() {
    const MOST: usize = 200;
    let world = World::without_worker().await.unwrap();
    let [one, other] = [api_with(&world, ["200", "240"], None).await, api_with(&world, ["200", "240"], None).await];
    let key = one.1.sign_in().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |(_, client): &(Program, Client)| {
        http.get(format!("{}/v1/tenants", client.base)).bearer_auth(&key).send().await.unwrap()
    };

    for left in (0..MOST).rev() {
        let answer = get(&one).await;
        assert_eq!(answer.status(), 200, "{left} are left");
        let said = header(&answer, "ratelimit");
        assert!(said.starts_with(&format!("\"key\";r={left};t=")), "{said}");
        assert!(said.contains(&format!("\"msp\";r={};t=", left + 40)), "{said}");
    }
    assert_eq!([get(&one).await.status(), get(&other).await.status()], [429, 429]);

    world.clock.advance(TimeDelta::minutes(1)).await.unwrap();
    let (mut given, mut taken_ahead) = (0, 0);
    for _ in 0..MOST + 20 {
        for api in [&one, &other] {
            let answer = get(api).await;
            given += usize::from(answer.status() == 200);
            let left: usize = header(&answer, "ratelimit").split(['=', ';']).nth(2).unwrap().parse().unwrap();
            taken_ahead = taken_ahead.max((MOST - given).saturating_sub(left));
        }
    }
    assert_eq!(given, MOST, "what one has taken ahead the other can't give");
    assert!(taken_ahead > 0, "some are taken ahead");
}

#[tokio::test]
async fn without_redis_the_gate_is_not_open() {
    let world = World::without_worker().await.unwrap();
    let (_program, client) = api(&world, Some("redis://127.0.0.1:1/")).await;
    let key = client.sign_in().await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(ask(&client, "/v1/tenants", &key, "192.0.2.1").await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn five_hundred_slow_clients_keep_nobody_else_waiting() {
    // More bodies are to come than the API has connections of the database.
    const HEADS: usize = 460;
    const BODIES: usize = 40;
    let world = World::without_worker().await.unwrap();
    let token = world.client.sign_in().await.unwrap();
    let at = world.client.base.trim_start_matches("http://").to_owned();
    let mut heads = Vec::new();
    for _ in 0..HEADS {
        let mut stream = TcpStream::connect(&at).await.unwrap();
        stream.write_all(b"GET /v1/tenants HTTP/1.1\r\nx-patience: ").await.unwrap();
        heads.push(stream);
    }
    let mut bodies = Vec::new();
    for number in 0..BODIES {
        let body = format!(r#"{{"name": "Slow {number}"}}"#);
        let head = format!(
            "POST /v1/tenants HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
            connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(&at).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        bodies.push((stream, body));
    }
    for _ in 0..20 {
        assert_eq!(world.client.get("/v1/tenants").await.unwrap().status, 200);
    }
    for (stream, body) in &mut bodies {
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
}

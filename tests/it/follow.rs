//! Following what happens, over a stream that may break at any time.

use std::time::Duration;

use chrono::TimeDelta;
use daimon_domain::event::EventType;
use daimon_tests::client::Client;
use daimon_tests::world::World;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

/// A stream, and what came of it that was not looked at yet.
struct Stream {
    answer: Response,
    came: String,
}

/// One event of a stream: name, id, data.
type Told = (String, String, Value);

impl Stream {
    async fn open(client: &Client, last: Option<&str>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = client.sign_in().await.unwrap();
        let mut request = http.get(format!("{}/v1/events/stream", client.base)).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut stream = Self { answer, came: String::new() };
        assert!(stream.block().await.unwrap().contains("retry: 2000"));
        stream
    }

    /// Up to the next empty line; `None`: it ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.came.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.came = rest;
                return Some(block);
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk()).await.unwrap();
            self.came.push_str(std::str::from_utf8(&more.unwrap()?).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Told> {
        let block = self.block().await?;
        let field = |name: &str| {
            let start = format!("{name}: ");
            block.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
        };
        Some((field("event"), field("id"), serde_json::from_str(&field("data")).unwrap()))
    }
}

#[tokio::test]
async fn a_stream_has_what_the_list_has_and_goes_on_where_it_broke() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let [sakura, kita] =
        [client.create_tenant("Sakura Dental").await.unwrap(), client.create_tenant("Kita Clinic").await.unwrap()];
    let key = json!({ "name": "one tenant", "permissions": ["events:read"], "tenants": [sakura] });
    let key = client.post("/v1/api-keys", &key).await.unwrap();
    let only_sakura = client.with_key(&key.text("key").unwrap()).unwrap();
    world.happens(EventType::IncidentOpened, None, None, Some(&sakura)).await.unwrap();
    let (mut whole, mut limited) = (Stream::open(client, None).await, Stream::open(&only_sakura, None).await);
    for (kind, tenant) in [
        (EventType::IncidentUpdated, Some(&sakura)),
        (EventType::IncidentOpened, Some(&kita)),
        (EventType::EndpointFailing, None),
        (EventType::IncidentClosed, Some(&sakura)),
    ] {
        // Of what happens within a millisecond nobody knows what came first.
        world.clock.advance(TimeDelta::milliseconds(1)).await.unwrap();
        world.happens(kind, None, None, tenant.map(String::as_str)).await.unwrap();
    }
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(whole.next().await.unwrap());
    }
    let listed = client.events().await.unwrap();
    assert_eq!(told.iter().map(|one| &one.2).collect::<Vec<_>>(), listed.iter().skip(1).collect::<Vec<_>>());
    assert!(told.iter().all(|(name, id, item)| item["type"] == json!(name) && item["cursor"] == json!(id)));
    let [first, second] = [limited.next().await.unwrap(), limited.next().await.unwrap()];
    assert_eq!([first.0.as_str(), second.0.as_str()], ["incident.updated", "incident.closed"], "its own only");

    drop(whole);
    let mut again = Stream::open(client, Some(&told[1].1)).await;
    assert_eq!(again.next().await.unwrap(), told[2]);
    assert_eq!(again.next().await.unwrap(), told[3]);
    let refused = client.get("/v1/events/stream?after=nonsense").await.unwrap_err();
    assert!(refused.to_string().contains("422"), "{refused}");

    // A key that is revoked hears no more.
    let path = format!("/v1/api-keys/{}", key.text("id").unwrap());
    client.request(reqwest::Method::DELETE, &path, None, None).await.unwrap();
    world.happens(EventType::IncidentReopened, None, None, Some(&sakura)).await.unwrap();
    assert_eq!(limited.next().await.unwrap(), ("end".to_owned(), String::new(), json!({ "because": "token" })));
    assert!(limited.block().await.is_none());
    assert_eq!(again.next().await.unwrap().0, "incident.reopened");

    // An upgrade ends the stream in words, and does not wait for it.
    let stopped = std::process::Command::new("kill").arg(world.api().pid().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(again.next().await.unwrap().2, json!({ "because": "stop" }));
    assert!(again.block().await.is_none());
}

#[tokio::test]
async fn an_msp_has_twenty_streams_at_a_time() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(Stream::open(client, None).await);
    }
    let refused = client.get("/v1/events/stream").await.unwrap_err();
    assert!(refused.to_string().contains("429"), "{refused}");
    let other = world.another_msp("Other IT").await.unwrap();
    Stream::open(&other, None).await;
}

//! Where a mailbox is, found before it is created.

use std::net::Ipv4Addr;

use daimon_tests::client::Client;
use daimon_tests::name_server::{NameServer, Record};
use daimon_tests::program::Program;
use daimon_tests::world::World;
use serde_json::json;

#[tokio::test]
async fn a_mailboxs_server_is_found_by_its_provider_and_by_what_its_domain_publishes() {
    let mut world = World::without_worker().await.unwrap();
    let names = NameServer::default()
        .with("clinic.example", Record::Exchanger("www1234.sakura.ne.jp".to_owned()))
        .with("_imaps._tcp.clinic.example", Record::Service("mail.sakura-dental.example".to_owned(), 993))
        .with("imap.clinic.example", Record::Address(Ipv4Addr::LOCALHOST))
        .with("broken.example", Record::Fails);
    let server = names.serve((Ipv4Addr::LOCALHOST, 0)).unwrap();
    world.settings.push(("DAIMON_DNS_SERVERS".to_owned(), server.to_string()));
    let api = Program::start("daimon-api", &["serve"], &world.settings).await.unwrap();
    let client = Client::new(&format!("http://{}", api.address("api").unwrap()), world.client.key()).unwrap();

    let found = client.get("/v1/autodiscover?address=Sato%40clinic.example").await.unwrap().body;
    let imap = |host: &str| json!({"host": host, "port": 993, "tls": "implicit"});
    let candidate = |source: &str, provider: Option<&str>, host: &str| {
        json!({"source": source, "provider": provider, "imap": imap(host),
            "username": "sato@clinic.example", "sign_in": ["password"]})
    };
    let all = json!({"data": [
        candidate("provider", Some("さくらのレンタルサーバ"), "www1234.sakura.ne.jp"),
        candidate("srv", None, "mail.sakura-dental.example"),
        candidate("guess", None, "imap.clinic.example"),
    ]});
    assert_eq!(found, all);
    let nobody = client.get("/v1/autodiscover?address=sato%40broken.example").await.unwrap().body;
    assert_eq!(nobody, json!({"data": []}), "what fails says nothing");

    let refused = client.get("/v1/autodiscover?address=sato").await.unwrap_err().to_string();
    assert!(refused.contains("422") || refused.contains("400"), "{refused}");
    assert!(refused.contains("address"), "{refused}");
}

//! How a tenant's domains stand, asked of a name server of ours.

use std::net::Ipv4Addr;

use chrono::TimeDelta;
use daimon_tests::life::Person;
use daimon_tests::name_server::{NameServer, Record};
use daimon_tests::world::World;
use serde_json::{Value, json};

fn codes(domain: &Value) -> Vec<&str> {
    let findings = domain.get("findings").and_then(Value::as_array).unwrap();
    findings.iter().filter_map(|one| one.get("code").and_then(Value::as_str)).collect()
}

#[tokio::test]
async fn a_domain_is_asked_for_once_a_day_and_told_what_is_wrong() {
    let mut world = World::without_worker().await.unwrap();
    let domain = format!("clinic-{}.example", world.tag);
    let text = |text: &str| Record::Text(text.to_owned());
    let listed = Record::Address(Ipv4Addr::new(127, 0, 0, 2));
    let names = NameServer::default()
        .with(&domain, text("v=spf1 ip4:198.51.100.7 ?all"))
        .with(&format!("_dmarc.{domain}"), text("v=DMARC1; p=reject; rua=mailto:dmarc@clinic.example"))
        .with(&format!("selector1._domainkey.{domain}"), text(&format!("v=DKIM1; p={}", "A".repeat(392))))
        .with("7.100.51.198.zen.spamhaus.org", listed)
        .with("7.100.51.198.bl.spamcop.net", Record::Fails);
    let server = names.serve((Ipv4Addr::LOCALHOST, 0)).unwrap();
    world.settings.push(("DAIMON_DNS_SERVERS".to_owned(), server.to_string()));
    world.start_worker().await.unwrap();

    let person = Person::with_account(world.servers, &format!("sato@{domain}"), "secret").unwrap();
    let mailbox = person.onboarded(&world.client, world.servers).await.unwrap();
    let tenant = world.client.mailbox(&mailbox).await.unwrap()["tenant_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/tenants/{tenant}/domains");
    assert_eq!(
        world.client.get(&path).await.unwrap().body,
        json!({ "items": [], "next": null }),
        "nobody has been asked yet"
    );

    world.drain().await.unwrap();
    let seen = world.client.get(&path).await.unwrap().body;
    let [stands] = seen["items"].as_array().unwrap().as_slice() else { panic!("{seen}") };
    assert_eq!(stands["domain"], domain);
    assert_eq!((&stands["is_clean"], &stands["dkim_selectors"]), (&json!(false), &json!(["selector1"])));
    assert_eq!(codes(stands), ["blocklist.listed", "spf.refuses_nobody"]);
    assert_eq!(stands["listings"][0]["of"], "198.51.100.7");
    assert!(stands["unanswered"].as_array().unwrap().contains(&json!("SpamCop")), "{stands}");

    world.pass(TimeDelta::hours(23)).await.unwrap();
    assert_eq!(world.client.get(&path).await.unwrap().body, seen, "asked today already");
    world.pass(TimeDelta::hours(2)).await.unwrap();
    let later = world.client.get(&path).await.unwrap().body;
    assert_ne!(later["items"][0]["checked_at"], stands["checked_at"]);

    let stranger = world.another_msp("Heron IT").await.unwrap();
    let refused = stranger.get(&path).await.unwrap_err().to_string();
    assert!(refused.contains("404"), "{refused}");
}

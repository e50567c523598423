//! What the front page tells to type works as it stands.

use daimon_tests::world::World;

#[tokio::test]
async fn the_walk_of_the_front_page_makes_a_tenant_a_mailbox_and_a_webhook() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, rest) = page.split_once("## How to integrate").unwrap();
    let (_, rest) = rest.split_once("```sh\n").unwrap();
    let (walk, _) = rest.split_once("```").unwrap();
    let world = World::without_worker().await.unwrap();
    let (url, key) = ("http://127.0.0.1:8080", "$(cat .daimon/up/first.key)");
    assert!(walk.contains(url) && walk.contains(key), "{walk}");
    let walk = walk.replace(url, &world.client.base).replace(key, world.client.key());

    // Twice, because the page promises that nothing happens the second time.
    for _again in 0..2 {
        let output = tokio::process::Command::new("sh").args(["-euc", &walk]).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 3, "{said}");
        for (line, sign) in lines.iter().zip(["\"id\":\"mbx_", "\"secret\":\"whsec_", "{\"items\":[],"]) {
            assert!(line.contains(sign), "{sign} is not in {line}");
        }
    }
    for (list, items) in [("/v1/tenants", 1), ("/v1/mailboxes", 1), ("/v1/webhook-endpoints", 1)] {
        assert_eq!(world.client.get(list).await.unwrap().items().len(), items, "{list}");
    }
}

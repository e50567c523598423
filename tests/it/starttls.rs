//! STARTTLS on the wire: whoever stands in between gets no password, whatever he does.

use base64::Engine as _;
use daimon_tests::postfix::NAME;
use daimon_tests::scripted_imap::{Reply, ScriptedImap};
use daimon_tests::world::World;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

/// A mailbox that is to be read by STARTTLS; its id.
async fn onboarded(world: &World, tenant: &str, name: &str, port: u16) -> String {
    let body = json!({
        "tenant_id": tenant, "address": format!("{name}@{}.example", world.tag), "password": PASSWORD,
        "imap": { "host": NAME, "port": port, "tls": "starttls" }
    });
    world.client.post("/v1/mailboxes", &body).await.unwrap().text("id").unwrap()
}

async fn connection(world: &World, mailbox: &str) -> (String, String) {
    let seen = world.client.mailbox(mailbox).await.unwrap();
    let text =
        |key: &str| seen.pointer(&format!("/connection/{key}")).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("state"), text("fault"))
}

fn assert_nothing_said(server: &ScriptedImap, what: &str) {
    let said = server.said_in_clear();
    assert!(said.iter().all(|line| line.ends_with(" CAPABILITY") || line.ends_with(" STARTTLS")), "{what}: {said:?}");
    let whole = said.concat();
    let coded = base64::engine::general_purpose::STANDARD.encode(PASSWORD);
    assert!(!whole.contains("correct") && !whole.contains(coded.trim_end_matches('=')), "{what}: {said:?}");
}

#[tokio::test]
async fn an_honest_server_hears_the_password_under_tls_only() {
    let world = World::start().await.unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let server = ScriptedImap::in_clear(&world.servers.authority).await.unwrap();
    let mailbox = onboarded(&world, &tenant, "honest", server.port).await;
    world.drain().await.unwrap();
    assert_eq!(connection(&world, &mailbox).await.0, "connected");
    assert_eq!(server.said_in_clear().len(), 2, "{:?}", server.said_in_clear());
    assert_nothing_said(&server, "honest");
    assert!(server.commands().iter().any(|command| command.starts_with("AUTHENTICATE PLAIN")));
}

#[tokio::test]
async fn eight_ways_to_meddle_with_it_end_the_session_before_the_password() {
    const OFFERED: &str = "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR\r\n";
    let world = World::start().await.unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let mut stories = Vec::new();
    for (name, greeting, capabilities, answer, fault) in [
        (
            "stripped",
            "* OK hi\r\n",
            "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n",
            "{tag} OK begin\r\n",
            "tls_failed",
        ),
        ("silent", "* OK hi\r\n", "", "{tag} OK begin\r\n", "protocol_error"),
        ("refused", "* OK hi\r\n", OFFERED, "{tag} NO later\r\n", "tls_failed"),
        ("unknown", "* OK hi\r\n", OFFERED, "{tag} BAD what\r\n", "tls_failed"),
        ("injected", "* OK hi\r\n", OFFERED, "{tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "tls_failed"),
        ("begun", "* OK hi\r\n", OFFERED, "{tag} OK begin\r\nd", "tls_failed"),
        ("preauth", "* PREAUTH you are root\r\n", OFFERED, "{tag} OK begin\r\n", "protocol_error"),
        ("vanished", "* OK hi\r\n", OFFERED, "close", "tls_failed"),
    ] {
        let server = ScriptedImap::in_clear(&world.servers.authority).await.unwrap();
        server.greets(greeting);
        server.answers(move |_, command| match command {
            "CAPABILITY" => Some(Reply::ok(capabilities)),
            "STARTTLS" if answer == "close" => Some(Reply::SayAndClose(b"{tag} OK begin\r\n".to_vec())),
            "STARTTLS" => Some(Reply::say(answer)),
            // Whoever says it, signs in.
            _ => Some(Reply::ok("")),
        });
        let mailbox = onboarded(&world, &tenant, name, server.port).await;
        stories.push((name, server, mailbox, fault));
    }
    world.drain().await.unwrap();
    for (name, server, mailbox, fault) in &stories {
        assert_eq!(connection(&world, mailbox).await, ("unreachable".to_owned(), (*fault).to_owned()), "{name}");
        assert!(server.connections() > 0, "{name}");
        assert_nothing_said(server, name);
        assert!(!server.commands().iter().any(|command| command.contains("AUTHENTICATE") || command.contains("LOGIN")));
    }
}

//! Servers that send what would fill a memory or break a parser cost only themselves.

use chrono::TimeDelta;
use daimon_tests::life::{letter, returned};
use daimon_tests::postfix::NAME;
use daimon_tests::scripted_imap::{Reply, ScriptedImap};
use daimon_tests::world::World;
use serde_json::Value;

/// The most memory that a process ever had, in MiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn a_hundred_of_them_at_once_keep_nobody_else_from_being_read() {
    let mut world = World::without_worker().await.unwrap();
    world.settings.push(("DAIMON_HOST_CONNECTIONS".to_owned(), "120".to_owned()));
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let mut kinds = Vec::new();
    for (name, reply) in [
        ("huge", Reply::say("* 1 FETCH (UID 1 BODY[] {4294967295}\r\n")),
        ("negative", Reply::say("* 1 FETCH (UID 1 BODY[] {-1}\r\n")),
        ("endless", Reply::Forever(vec![b'x'; 1 << 16])),
        ("chatty", Reply::Forever("* OK still here\r\n".repeat(4_000).into_bytes())),
        ("deep", Reply::say(&format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(100_000)))),
    ] {
        let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
        server.answers(move |_, command| command.starts_with("LIST").then(|| reply.clone()));
        kinds.push((name, server));
    }
    let honest = ScriptedImap::start(&world.servers.authority).await.unwrap();
    let at = world.clock.now().await - TimeDelta::hours(1);
    let sent = letter("sato@clinic.example", "typo@friend.test", "Hello", "1@pc.test", at, "Hello.\r\n");
    honest.deliver(&returned(&sent, "sato@clinic.example", "typo@friend.test", NAME, at), at);
    let mut others = Vec::new();
    for number in 0..20 {
        for (name, server) in &kinds {
            let address = format!("{name}{number}@{}.example", world.tag);
            world.client.create_mailbox(&tenant, &address, "secret", NAME, server.port).await.unwrap();
        }
        if number % 2 == 0 {
            let address = format!("honest{number}@{}.example", world.tag);
            others.push(world.client.create_mailbox(&tenant, &address, "secret", NAME, honest.port).await.unwrap());
        }
    }
    world.start_worker().await.unwrap();
    let before = peak(world.worker().unwrap().pid());

    world.drain().await.unwrap();

    let grown = peak(world.worker().unwrap().pid()).saturating_sub(before);
    assert!(grown <= 128, "{grown} MiB more");
    for mailbox in others {
        assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 1);
        let seen = world.client.mailbox(&mailbox).await.unwrap();
        assert_eq!(seen.pointer("/connection/state").and_then(Value::as_str), Some("connected"));
    }
    let faults = "select count(*) from mailbox where connection = 'unreachable'";
    assert_eq!(world.number(faults).await.unwrap(), 100, "each is told what is wrong");
    for (name, server) in &kinds {
        assert!(server.connections() >= 20, "{name}: {}", server.connections());
    }
}

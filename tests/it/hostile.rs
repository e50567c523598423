//! One hostile mail costs only itself.

use chrono::TimeDelta;
use daimon_tests::life::Person;
use daimon_tests::world::World;

#[tokio::test]
async fn a_hostile_mail_does_not_hide_the_bounce_behind_it() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("hostile@{}.example", world.tag), "secret").unwrap();
    let mut imap = person.open(servers).await.unwrap();
    let at = world.clock.now().await - TimeDelta::hours(1);
    let head = "From: MAILER-DAEMON@evil.test\r\nSubject: Undelivered Mail Returned to Sender\r\n";
    let nested = (0..2_000)
        .map(|n| format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1))
        .collect::<Vec<_>>()
        .concat();
    let hostile = [
        format!("{head}Content-Type: multipart/report; boundary=b0\r\n\r\n{nested}"),
        format!(
            "{head}Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;{}\r\n\r\n--x--\r\n",
            "a".repeat(100_000)
        ),
        format!(
            "{head}Content-Type: text/plain; charset=\"=?utf-8?b?////?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            "=".repeat(5_000)
        ),
        format!("{head}{}\r\n\r\n", "X-A: b\r\n".repeat(20_000)),
    ];
    for mail in &hostile {
        imap.append("INBOX", mail.as_bytes(), at).await.unwrap();
    }
    person.mistyped(servers, 1, at).await.unwrap();
    let mailbox = person.onboarded(&world.client, servers).await.unwrap();

    world.drain().await.unwrap();

    let bounces = world.client.bounces(&mailbox).await.unwrap();
    assert!(bounces.iter().any(|bounce| bounce.to_string().contains("friend.test")), "{bounces:?}");
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!(seen.pointer("/connection/state").and_then(serde_json::Value::as_str), Some("connected"));
}

#[tokio::test]
async fn reports_of_thousands_of_recipients_are_recorded_one_transaction_after_the_other() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("many@{}.example", world.tag), "secret").unwrap();
    let mut imap = person.open(servers).await.unwrap();
    let at = world.clock.now().await - TimeDelta::hours(1);
    let recipients: String = (0..3_500)
        .map(|n| format!("Final-Recipient: rfc822;{n}@a.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"))
        .collect::<Vec<_>>()
        .concat();
    for number in 0..6 {
        let report = format!(
            "From: MAILER-DAEMON@evil.test\r\nMessage-ID: <{number}@evil.test>\r\nSubject: Undelivered Mail Returned to Sender\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; evil.test\r\n\r\n{recipients}--x--\r\n"
        );
        imap.append("INBOX", report.as_bytes(), at).await.unwrap();
    }
    person.onboarded(&world.client, servers).await.unwrap();

    world.drain().await.unwrap();

    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), 6_000);
    let largest = "select max(count) from (select count(*) from bounce group by xmin::text) as transactions";
    assert_eq!(world.number(largest).await.unwrap(), 1_000);
    let noted = "select sum((observation->>'recipients_left_out')::bigint)::bigint / 1000 from bounce";
    assert_eq!(world.number(noted).await.unwrap(), 6 * 2_500, "each says what is missing");
    assert_eq!(world.number("select last_uid from folder where name = 'INBOX'").await.unwrap(), 6);
}

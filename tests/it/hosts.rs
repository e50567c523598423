//! What mail servers have done to others who read mailboxes for years: nothing is missed, nothing twice, nobody annoyed.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::postfix::NAME;
use daimon_tests::program::Program;
use daimon_tests::scripted_imap::{Folder, Message, Reply, ScriptedImap, fetched, named};
use daimon_tests::world::World;
use serde_json::Value;

/// A mailbox on a server that does as the story says.
struct Story {
    world: World,
    server: ScriptedImap,
    mailbox: String,
    address: String,
}

impl Story {
    async fn start(name: &str) -> Self {
        let mut story = Self::without_worker(name).await;
        story.world.start_worker().await.unwrap();
        story
    }

    async fn without_worker(name: &str) -> Self {
        let world = World::without_worker().await.unwrap();
        let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
        let address = format!("{name}@{}.example", world.tag);
        let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
        let mailbox = world.client.create_mailbox(&tenant, &address, "secret", NAME, server.port).await.unwrap();
        Self { world, server, mailbox, address }
    }

    /// Reports of these mails come.
    async fn come(&self, numbers: std::ops::Range<u32>) {
        let at = self.world.clock.now().await - TimeDelta::hours(1);
        for number in numbers {
            self.server.deliver(&report(&self.address, number, at), at);
        }
    }

    async fn read_now(&self) {
        self.world.client.poll_now(&self.mailbox).await.unwrap();
        self.world.drain().await.unwrap();
    }

    async fn bounces(&self) -> usize {
        self.world.client.bounces(&self.mailbox).await.unwrap().len()
    }

    async fn connection(&self, key: &str) -> String {
        let seen = self.world.client.mailbox(&self.mailbox).await.unwrap();
        let value = seen.get("connection").and_then(|connection| connection.get(key));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    async fn told(&self, kind: &str) -> usize {
        told(&self.world).await.iter().filter(|told| *told == kind).count()
    }
}

async fn told(world: &World) -> Vec<String> {
    let events = world.client.events().await.unwrap();
    events.iter().map(|event| event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
}

/// The owner's mail number so and so comes back.
fn report(owner: &str, number: u32, at: DateTime<Utc>) -> String {
    let to = format!("typo{number}@friend.test");
    let sent = letter(owner, &to, "Hello", &format!("{number}@pc.test"), at, "Hello.\r\n");
    returned(&sent, owner, &to, NAME, at)
}

#[tokio::test]
async fn a_folder_that_starts_over_with_the_same_uids_is_read_anew_and_nothing_is_twice() {
    let story = Story::start("over").await;
    story.come(0..3).await;
    story.read_now().await;
    assert_eq!(story.bounces().await, 3);
    let at = story.world.clock.now().await;
    story.server.change(|folders| {
        let inbox = folders.first_mut().unwrap();
        inbox.uid_validity += 1;
        // Under the number that was read last lies another mail now.
        inbox.messages.last_mut().unwrap().text = report(&story.address, 3, at);
    });
    story.read_now().await;
    assert_eq!(story.bounces().await, 4);
    story.read_now().await;
    assert_eq!(story.bounces().await, 4);
}

#[tokio::test]
async fn mail_that_comes_while_mail_is_read_is_read_once() {
    let story = Story::start("meanwhile").await;
    story.come(0..3).await;
    let (address, at) = (story.address.clone(), story.world.clock.now().await);
    let mut coming = 3..6;
    story.server.answers(move |folders, command| {
        let next = command.starts_with("UID ").then(|| coming.next()).flatten()?;
        folders.first_mut()?.deliver(&report(&address, next, at), at);
        None
    });
    story.read_now().await;
    story.read_now().await;
    assert_eq!(story.bounces().await, 6);
    let bodies = story.server.commands();
    let mut read: Vec<u32> =
        bodies.iter().filter(|command| command.contains("BODY.PEEK[]")).flat_map(|one| named(one)).collect();
    read.sort_unstable();
    assert_eq!(read, [1, 2, 3, 4, 5, 6], "each once");
}

#[tokio::test]
async fn a_connection_that_breaks_inside_a_message_loses_nothing_and_repeats_nothing() {
    let story = Story::start("broken").await;
    story.come(0..40).await;
    let mut times = 3;
    story.server.answers(move |_, command| {
        let breaks = command.contains("BODY.PEEK[]") && named(command).contains(&20) && times > 0;
        times -= u32::from(breaks);
        breaks.then(|| Reply::SayAndClose(b"* 20 FETCH (UID 20 BODY[] {5000}\r\nReturn-Path: <>\r\n* BYE".to_vec()))
    });
    story.read_now().await;
    assert_eq!(story.connection("state").await, "unreachable");
    for _ in 0..4 {
        story.world.pass(TimeDelta::minutes(11)).await.unwrap();
    }
    assert_eq!((story.bounces().await, story.connection("state").await), (40, "connected".to_owned()));
    assert_eq!(story.world.number("select count(*) from quarantine").await.unwrap(), 0);
}

#[tokio::test]
async fn one_message_in_two_mailboxes_is_a_bounce_of_each() {
    let story = Story::start("one").await;
    let tenant = story.world.client.create_tenant("Kita Clinic").await.unwrap();
    let address = format!("other@{}.example", story.world.tag);
    let create = story.world.client.create_mailbox(&tenant, &address, "secret", NAME, story.server.port);
    let other = create.await.unwrap();
    story.come(0..1).await;
    story.read_now().await;
    story.world.client.poll_now(&other).await.unwrap();
    story.world.drain().await.unwrap();
    assert_eq!((story.bounces().await, story.world.client.bounces(&other).await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn reports_without_sender_date_and_message_id_are_told_apart_and_read_once() {
    let story = Story::start("bare").await;
    let at = story.world.clock.now().await - TimeDelta::hours(1);
    for number in 0..3 {
        let whole = report(&story.address, number, at);
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        let kept = head.split("\r\n").filter(|line| {
            !["From:", "Message-ID:", "Date:", "Return-Path:"].iter().any(|name| line.starts_with(name))
        });
        let head = kept.collect::<Vec<_>>().join("\r\n");
        assert!(!head.contains("From") && head.contains("Content-Type: multipart/report"));
        story.server.deliver(&format!("{head}\r\n\r\n{body}"), at);
    }
    story.read_now().await;
    assert_eq!(story.bounces().await, 3);
    story.world.sql("delete from folder").await.unwrap();
    story.read_now().await;
    assert_eq!(story.bounces().await, 3);
}

/// The server does this for a night; how often somebody connected meanwhile.
async fn a_night(story: &Story) -> usize {
    let before = story.server.connections();
    for _ in 0..12 * 4 {
        story.world.pass(TimeDelta::minutes(15)).await.unwrap();
        assert_eq!(story.connection("state").await, "unreachable");
    }
    story.server.connections() - before
}

#[tokio::test]
async fn a_night_of_excuses_disables_nothing_and_is_told_once() {
    let story = Story::start("excuses").await;
    story.read_now().await;
    story.come(0..2).await;
    let excuses = [
        "{tag} NO Login failed\r\n",
        "{tag} NO [UNAVAILABLE] the directory timed out\r\n",
        "{tag} NO Too many simultaneous connections\r\n",
        "{tag} NO [OVERQUOTA] enough for today\r\n",
        "{tag} NO [THROTTLED] slow down\r\n",
        "{tag} BAD User is authenticated but not connected.\r\n",
        "* BYE maintenance\r\n",
    ];
    let mut next = excuses.into_iter().cycle();
    story.server.answers(move |_, command| {
        command.starts_with("AUTHENTICATE").then(|| Reply::SayAndClose(next.next().unwrap().as_bytes().to_vec()))
    });
    let tries = a_night(&story).await;
    // Less often after the one that may be about the password.
    assert!((30..=60).contains(&tries), "{tries} sign-ins in twelve hours");
    let fault = story.connection("fault").await;
    assert!(["server_busy", "sign_in_failed"].contains(&fault.as_str()), "{fault}");

    story.server.is_honest();
    story.world.pass(TimeDelta::hours(1)).await.unwrap();
    assert_eq!((story.bounces().await, story.connection("state").await), (2, "connected".to_owned()));
    let told = (story.told("mailbox.unreachable").await, story.told("mailbox.recovered").await);
    assert_eq!((told, story.told("mailbox.credential_refused").await), ((1, 1), 0));
}

#[tokio::test]
async fn a_server_that_hangs_up_for_ever_is_tried_less_and_less_often() {
    let story = Story::start("closed").await;
    story.server.greets("");
    let mut tries = Vec::new();
    for _ in 0..20 {
        story.world.pass(TimeDelta::seconds(30)).await.unwrap();
        tries.push(story.server.connections());
    }
    let (first, last) = (tries[4], tries[19] - tries[14]);
    assert!(last < first, "{tries:?}");
    let tries = a_night(&story).await;
    assert!((40..=60).contains(&tries), "{tries} connections in twelve hours");
    assert_eq!(story.told("mailbox.unreachable").await, 1);
    story.server.is_honest();
    story.world.pass(TimeDelta::minutes(15)).await.unwrap();
    assert_eq!(story.connection("state").await, "connected");
}

#[tokio::test]
async fn two_workers_and_impatient_people_open_one_session_at_a_time() {
    let story = Story::start("overlap").await;
    let _second = Program::start("daimon-worker", &["run"], &story.world.settings).await.unwrap();
    story.come(0..30).await;
    for round in 0..10 {
        for _ in 0..3 {
            story.world.client.poll_now(&story.mailbox).await.unwrap();
        }
        let due = "update mailbox set next_poll_at = created_at";
        story.world.sql(due).await.unwrap();
        story.world.drain().await.unwrap();
        assert!(story.server.connections() > round, "it was read");
    }
    assert_eq!(story.server.most_at_once(), 1);
    assert_eq!(story.bounces().await, 30);
}

#[tokio::test]
async fn a_folder_that_is_renamed_or_deleted_hides_nothing_and_repeats_nothing() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("renames@{}.example", world.tag), "secret").unwrap();
    let at = world.clock.now().await - TimeDelta::hours(2);
    let mut owner = person.open(servers).await.unwrap();
    owner.command("CREATE Errors").await.unwrap();
    owner.append("Errors", report(&person.address, 0, at).as_bytes(), at).await.unwrap();
    let mailbox = person.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    let read = async || {
        world.client.poll_now(&mailbox).await.unwrap();
        world.drain().await.unwrap();
        let seen = world.client.mailbox(&mailbox).await.unwrap();
        assert_eq!(seen.pointer("/connection/state").and_then(Value::as_str), Some("connected"));
        world.client.bounces(&mailbox).await.unwrap().len()
    };
    assert_eq!(read().await, 1);
    owner.command("RENAME Errors Faults").await.unwrap();
    owner.append("Faults", report(&person.address, 1, at).as_bytes(), at).await.unwrap();
    assert_eq!(read().await, 2);
    owner.command("DELETE Faults").await.unwrap();
    assert_eq!(read().await, 2);
    owner.command("CREATE Errors").await.unwrap();
    owner.append("Errors", report(&person.address, 2, at).as_bytes(), at).await.unwrap();
    assert_eq!(read().await, 3, "under the old name lies another folder");
}

#[tokio::test]
async fn a_lost_checkpoint_replays_no_alert() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("replay@{}.example", world.tag), "correct horse").unwrap();
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let mailbox = sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    sato.was_stolen(servers, 40, 40).await.unwrap();
    let catcher = world.catcher().await.unwrap();
    world.client.create_endpoint(&catcher.url()).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let bounces = world.number("select count(*) from bounce").await.unwrap();
    let (before, caught) = (told(&world).await, catcher.caught().len());
    assert!(before.contains(&"incident.opened".to_owned()), "{before:?}");
    for lost in ["delete from folder", "update folder set last_uid = 0", "update folder set uid_validity = 1"] {
        world.sql(lost).await.unwrap();
        world.client.poll_now(&mailbox).await.unwrap();
        world.drain().await.unwrap();
        assert!(world.number("select max(last_uid)::bigint from folder").await.unwrap() > 40, "{lost}: read again");
        assert_eq!(world.number("select count(*) from bounce").await.unwrap(), bounces, "{lost}");
        assert_eq!((told(&world).await, catcher.caught().len()), (before.clone(), caught), "{lost}");
    }
    assert_eq!(world.client.incidents().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_clock_that_jumps_a_day_misses_nothing_and_asks_once() {
    let story = Story::start("jump").await;
    story.come(0..2).await;
    story.read_now().await;
    let before = story.server.connections();
    story.world.pass(TimeDelta::days(1)).await.unwrap();
    assert_eq!(story.server.connections(), before + 1, "what was missed is not made up for");
    assert_eq!((story.bounces().await, story.connection("state").await), (2, "connected".to_owned()));

    // And back: what was planned by the wrong clock lies a day ahead now.
    story.world.pass(TimeDelta::days(-1)).await.unwrap();
    story.come(2..4).await;
    for _ in 0..4 {
        story.world.pass(TimeDelta::minutes(5)).await.unwrap();
    }
    assert_eq!((story.bounces().await, story.connection("state").await), (4, "connected".to_owned()));
    assert!(story.server.connections() <= before + 6, "{} sessions", story.server.connections() - before);
    assert_eq!((story.told("mailbox.unreachable").await, story.told("mailbox.recovered").await), (0, 0));
}

/// Ten million messages of 5 KB. Those from UID `recent` on came this month and are reports; the others are years old.
fn ten_million(story: &Story, recent: u32, now: DateTime<Utc>) {
    const LAST: u32 = 10_000_000;
    let (address, old) = (story.address.clone(), now - TimeDelta::days(900));
    let window = |command: &str| -> (u32, u32) {
        let set = command.split(' ').nth(3).unwrap_or_default();
        let (low, high) = set.split_once(':').unwrap_or((set, set));
        (low.parse().unwrap(), high.parse().unwrap())
    };
    story.server.answers(move |_folders: &mut Vec<Folder>, command| {
        if command.starts_with("EXAMINE") {
            return Some(Reply::ok(&format!(
                "* {LAST} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT {}] ok\r\n",
                LAST + 1
            )));
        }
        if command.starts_with("UID SEARCH UID") {
            let (low, high) = window(command);
            let first = if command.contains("SINCE") { low.max(recent) } else { low };
            let mut found = "* SEARCH".to_owned();
            for uid in first..=high {
                write!(found, " {uid}").unwrap();
            }
            return Some(Reply::ok(&format!("{found}\r\n")));
        }
        let items = command.strip_prefix("UID FETCH ")?.split_once(' ')?.1;
        let told = named(command).into_iter().map(|uid| {
            let at = if uid < recent { old } else { now - TimeDelta::hours(2) };
            let mut text = report(&address, uid, at);
            text.push_str(&"x".repeat(5_000_usize.saturating_sub(text.len())));
            fetched(&Message { uid, at, text }, uid as usize, items)
        });
        Some(Reply::ok(&told.collect::<String>()))
    });
}

#[tokio::test]
async fn of_a_backlog_of_fifty_gigabytes_a_first_visit_reads_what_is_recent() {
    let story = Story::start("backlog").await;
    ten_million(&story, 9_999_701, story.world.clock.now().await);
    story.world.drain().await.unwrap();
    assert_eq!(story.world.number("select count(*) from bounce").await.unwrap(), 300);
    let fetches = story.server.commands().into_iter().filter(|command| command.starts_with("UID FETCH"));
    assert!(fetches.flat_map(|command| named(&command)).all(|uid| uid >= 9_999_701), "nothing older was asked for");
    assert!(story.server.commands().len() < 100, "{} commands", story.server.commands().len());
}

/// What a process holds in memory, in MiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

/// Returns when so many bounces are stored.
async fn stored(world: &World, wanted: i64) {
    let mut count = 0;
    // Nobody is told of a commit: there is no other way than to look.
    for _ in 0..1_200 {
        count = world.number("select count(*) from bounce").await.unwrap();
        if count >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(count >= wanted, "{count} bounces and not {wanted}:\n{}", world.worker().unwrap().output());
}

#[tokio::test]
async fn a_backlog_without_end_is_read_a_batch_at_a_time_and_can_be_left_at_any() {
    let mut story = Story::without_worker("endless").await;
    ten_million(&story, 9_950_001, story.world.clock.now().await);
    story.world.start_worker().await.unwrap();
    stored(&story.world, 200).await;
    let early = resident(story.world.worker().unwrap().pid());
    stored(&story.world, 600).await;
    let late = resident(story.world.worker().unwrap().pid());
    assert!(late < early + 64, "{early} MiB, then {late}");
    assert!(story.world.stop_worker().unwrap().success());
    let half = story.world.number("select count(*) from bounce").await.unwrap();
    assert_eq!(story.world.number("select count(*) from mailbox where lease_until is not null").await.unwrap(), 0);

    story.world.start_worker().await.unwrap();
    stored(&story.world, half + 200).await;
    assert!(story.world.stop_worker().unwrap().success());
    let commands = story.server.commands();
    let bodies = commands.iter().filter(|command| command.contains("BODY.PEEK[]")).flat_map(|one| named(one));
    let mut read: Vec<u32> = bodies.collect();
    let all = read.len();
    read.sort_unstable();
    read.dedup();
    // No more than two batches of 500 are in hand at a time.
    assert!(all - read.len() <= 1_000, "{} of {all} were read twice", all - read.len());
    assert!(read.windows(2).all(|two| two[0] + 1 == two[1]), "none was left out");
}

#[tokio::test]
async fn where_numbers_move_nothing_is_missed_and_nothing_is_twice() {
    let story = Story::start("moving").await;
    // As Courier does until somebody opens the folder to write: mail is numbered anew each time, in the order of its files.
    story.server.change(|folders| folders.first_mut().unwrap().tells_uid_next = false);
    story.server.answers(|folders, _| {
        for (message, uid) in folders.first_mut()?.messages.iter_mut().zip(1..) {
            message.uid = uid;
        }
        None
    });
    story.come(0..5).await;
    story.read_now().await;
    assert_eq!(story.bounces().await, 5);
    // What comes within the same second lies between what was read.
    story.come(5..12).await;
    story.server.change(|folders| folders.first_mut().unwrap().messages.rotate_right(5));
    story.read_now().await;
    assert_eq!(story.bounces().await, 12);
    // The owner takes what there is from the server, and less comes than there was.
    story.server.change(|folders| folders.first_mut().unwrap().messages.clear());
    story.read_now().await;
    story.come(12..14).await;
    story.read_now().await;
    assert_eq!(story.bounces().await, 14);
    assert_eq!(story.connection("state").await, "connected");
}

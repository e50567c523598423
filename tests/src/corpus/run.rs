//! One run with one mail server.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::names::name_server;
use super::script::{At, Mta, Scene, Script};
use super::stranger::{self, Arrived};
use super::{answer, send};
use crate::place::run as finish;

/// After the last try everything has been said. Not every scene ends with a mail, and no mail server tells when its
/// queue is empty.
const PATIENCE: Duration = Duration::from_secs(150);

/// Lets every scene of `name` happen and writes the reports into `out`. Runs inside the server's own root and network
/// (`tests/corpus/root.sh`).
pub fn run(folder: &Path, name: &str, out: &Path) -> anyhow::Result<Vec<String>> {
    let script = Script::read(folder)?;
    let mta = script.mta.iter().find(|mta| mta.name == name).with_context(|| format!("no mail server {name}"))?;
    machine(&script, mta)?;
    name_server(&script, &mta.host)?.serve((Ipv4Addr::LOCALHOST, 53))?;
    let home = stranger::serve(&script)?;
    let users: Vec<String> = script.mail.iter().map(|mail| format!("{}:{}", mail.from, send::PASSWORD)).collect();
    // Into a file, not a pipe: the servers stay, and would hold a pipe open.
    let said = std::fs::File::create("/tmp/start.log")?;
    let status = Command::new("sh")
        .arg(folder.join("mta").join(name).with_extension("sh"))
        .args([&mta.host, &mta.address.to_string()])
        .env("USERS", users.join("\n"))
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said)
        .status()?;
    anyhow::ensure!(status.success(), "{name} did not start: {}", std::fs::read_to_string("/tmp/start.log")?);
    wait_for(mta)?;
    let mut sent = Vec::new();
    let mut faults = Vec::new();
    for scene in script.scenes(name) {
        let mail = script.mail(&scene.mail)?;
        let to: Vec<String> = scene
            .to
            .iter()
            .map(|name| script.answer(name).map(|answer| answer.alias.clone().unwrap_or_else(|| answer.to.clone())))
            .collect::<anyhow::Result<_>>()?;
        let id = id(&scene.name, name);
        let text = std::fs::read(folder.join("mails").join(&mail.name).with_extension("eml"))?;
        let text = fill(&text, &[("{id}", &id), ("{to}", &to.join(", ")), ("{date}", &super::date())]);
        match send::send(mta, mail, &scene, &to, &text) {
            Ok(()) => sent.push((scene, id)),
            Err(why) => faults.push(format!("{}: {why:#}", scene.name)),
        }
    }
    let arrived = home.wait(PATIENCE, |arrived| sent.iter().all(|(scene, id)| is_over(&script, scene, id, arrived)));
    for (scene, id) in &sent {
        let mut written = std::collections::HashSet::new();
        for mail in arrived.iter().filter(|mail| mail.is_report && tells_of(mail, id)) {
            let report = String::from_utf8_lossy(&mail.bytes).into_owned();
            match answer::expected(&script, mta, scene, id, &report) {
                Ok((name, expected)) => {
                    // Servers that warn again and again say the same each time.
                    if written.insert(name.clone()) {
                        std::fs::write(out.join(&name).with_extension("eml"), &mail.bytes)?;
                        let json = serde_json::to_string_pretty(&expected)?;
                        std::fs::write(out.join(&name).with_extension("json"), format!("{json}\n"))?;
                    }
                }
                Err(why) => faults.push(format!("{why:#}")),
            }
        }
        if written.is_empty() {
            faults.push(format!("{}: nothing came back", scene.name));
        }
    }
    Ok(faults)
}

/// Gives this machine the addresses of the whole script. Only the mail server's own is an interface's: Courier takes
/// an exchanger that has an interface's address for itself, and calls that a loop. To the others there is a route.
fn machine(script: &Script, mta: &Mta) -> anyhow::Result<()> {
    let mut addresses: Vec<String> = script
        .hosts()?
        .into_values()
        .filter(|address| address.octets()[0] == 192)
        .chain(script.mail.iter().filter_map(|mail| mail.client))
        .chain([super::names::HOME.1])
        .map(|address| address.to_string())
        .collect();
    addresses.sort();
    addresses.dedup();
    let others: String = addresses.iter().map(|address| format!("ip route add local {address}/32 dev lo\n")).collect();
    let own = mta.address;
    let lines = format!(
        "set -e
ip link set lo up
ip address add {own}/32 dev lo
{others}ip link add silent type veth peer name void
ip link set void up
ip link set silent arp off up
ip route add 203.0.113.0/24 dev silent
ip route add unreachable 198.51.100.0/24
"
    );
    finish(Command::new("sh").args(["-c", &lines])).map(drop)
}

fn wait_for(mta: &Mta) -> anyhow::Result<()> {
    let begun = Instant::now();
    for port in [25, 587] {
        while std::net::TcpStream::connect((mta.address, port)).is_err() {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(30), "{} does not listen on {port}", mta.name);
            // Nobody is told when a mail server begins to listen; only a connection shows it.
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

/// An identifier of its own for each scene, the same in each run.
fn id(scene: &str, mta: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (scene, mta).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn tells_of(mail: &Arrived, id: &str) -> bool {
    mail.bytes.windows(id.len()).any(|window| window == id.as_bytes())
}

/// Whether all that will be told was told: refusals for now end with the queue's lifetime.
fn is_over(script: &Script, scene: &Scene, id: &str, arrived: &[Arrived]) -> bool {
    let about: Vec<String> = arrived
        .iter()
        .filter(|mail| mail.is_report && tells_of(mail, id))
        .map(|mail| String::from_utf8_lossy(&mail.bytes).into_owned())
        .collect();
    scene.to.iter().filter_map(|name| script.answer(name).ok()).all(|answer| {
        if answer.at == At::Taken && scene.notify.is_none() {
            return true;
        }
        about.iter().any(|report| {
            report.to_lowercase().contains(&answer.to.to_lowercase())
                && !report.to_lowercase().contains("action: delayed")
        })
    })
}

fn fill(text: &[u8], values: &[(&str, &str)]) -> Vec<u8> {
    let mut text = text.to_vec();
    for (name, value) in values {
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text.as_slice();
        while let Some(first) = rest.first() {
            if let Some(after) = rest.strip_prefix(name.as_bytes()) {
                filled.extend(value.as_bytes());
                rest = after;
            } else {
                filled.push(*first);
                rest = rest.split_at(1).1;
            }
        }
        text = filled;
    }
    text
}

#[test]
fn what_is_filled_in_may_stand_anywhere_and_is_not_filled_again() {
    let filled = fill(b"{to}, again {to} \xff {id}", &[("{to}", "a {to}"), ("{id}", "7")]);
    assert_eq!(filled, b"a {to}, again a {to} \xff 7");
}

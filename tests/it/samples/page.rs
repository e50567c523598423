//! The lines that the front page and the API's page have for a shell, one after the other as they stand: only ids, and the
//! first key, are put in.

use std::path::Path;

use chrono::TimeDelta;
use daimon_tests::furnished::{Furnished, with_real_ids};
use daimon_tests::program::built;
use daimon_tests::world::World;

const PAGE: &str = include_str!("../../../README.md");
const API_PAGE: &str = include_str!("../../../api/README.md");

fn blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block)
}

/// Runs both pages, each in a shell of its own, while time passes: some lines wait for a job. What they print.
pub(super) async fn run(world: &World, furnished: &Furnished) -> String {
    let mut pages = std::pin::pin!(shells(furnished));
    loop {
        let mut passing = std::pin::pin!(world.pass(TimeDelta::seconds(1)));
        tokio::select! {
            said = &mut pages => {
                // A clock is never left in the middle of an answer.
                passing.await.unwrap();
                return said;
            }
            passed = &mut passing => drop(passed.unwrap()),
        }
    }
}

async fn shells(furnished: &Furnished) -> String {
    // Those that talk to the API. The first one says how.
    let front: Vec<&str> = blocks(PAGE).filter(|block| block.contains("curl ") || block.contains("api $url")).collect();
    assert!(front.len() >= 4 && front.first().unwrap().starts_with("url="), "{front:?}");
    let (url, key) = ("http://127.0.0.1:8080", "$(cat .daimon/up/first.key)");
    let front = front.concat();
    assert!(front.contains(url) && front.contains(key), "{front}");
    let front = front.replace(url, &furnished.client.base).replace(key, furnished.client.key());

    // The first step makes what is there already: the database, the key and the API.
    let walk = blocks(API_PAGE).next().and_then(|walk| walk.split_once("# 2.")).unwrap().1;
    assert!(walk.matches("curl ").count() >= 12, "{walk}");
    let (key, api) = (furnished.client.key(), &furnished.client.base);
    let walk = format!("key={key} api={api}\n# 2.{walk}");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("message.eml"), "From: a@b.example\r\n\r\nHello\r\n").unwrap();
    [shell(&front, furnished, folder.path()).await, shell(&walk, furnished, folder.path()).await].concat()
}

async fn shell(lines: &str, furnished: &Furnished, folder: &Path) -> String {
    let mut lines = lines.to_owned();
    for kind in ["inc", "mbx"] {
        lines = lines.replace(&format!("{kind}_…"), furnished.id(kind).unwrap());
    }
    let lines = with_real_ids(&lines, furnished);
    let programs = built("daimon-api").unwrap().parent().unwrap().display().to_string();
    // A request that is refused prints a problem, and ends the lines.
    let lines = lines.replace("curl -s ", "curl -sS --fail-with-body ");
    let output = tokio::process::Command::new("bash")
        .args(["-eu", "-o", "pipefail", "-c", &format!("PATH={programs}:$PATH\n{lines}")])
        .current_dir(folder)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

//! The lines that the front page has for a shell, one after the other as they stand: only ids are put in.

use daimon_tests::furnished::{Furnished, with_real_ids};

const PAGE: &str = include_str!("../../../README.md");

/// Those blocks that talk to the API. The first one says how.
fn blocks() -> Vec<&'static str> {
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(block, _)| block).filter(|block| block.contains("curl ") || block.contains("api $url")).collect()
}

/// Runs them in one shell; what they print.
pub(super) async fn run(furnished: &Furnished) -> String {
    let blocks = blocks();
    assert!(blocks.len() >= 4 && blocks.first().unwrap().starts_with("url="), "{blocks:?}");
    let (url, key) = ("http://127.0.0.1:8080", "$(cat .daimon/up/first.key)");
    let whole = blocks.concat();
    assert!(whole.contains(url) && whole.contains(key), "{whole}");
    let mut whole = whole.replace(url, &furnished.client.base).replace(key, furnished.client.key());
    for kind in ["inc", "mbx"] {
        whole = whole.replace(&format!("{kind}_…"), furnished.id(kind).unwrap());
    }
    let whole = with_real_ids(&whole, furnished);
    let output = tokio::process::Command::new("sh").args(["-euc", &whole]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

//! What fuzzing found worth keeping still holds: each input once more, without the fuzzer.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{fs::File, io::Read, path::Path};

use flate2::read::GzDecoder;
use tar::Archive;

#[expect(unreachable_pub, reason = "it is a crate of its own for the fuzzer")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

fn replay(name: &str, target: fn(&[u8])) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name).with_extension("tar.gz");
    let mut inputs = Archive::new(GzDecoder::new(File::open(&kept).unwrap()));
    let mut count = 0;
    for entry in inputs.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut input = Vec::new();
        entry.read_to_end(&mut input).unwrap();
        let failed = std::panic::catch_unwind(|| target(&input)).is_err();
        assert!(!failed, "{} in {}", entry.path().unwrap().display(), kept.display());
        count += 1;
    }
    assert!(count >= 50, "only {count} inputs");
}

#[test]
fn any_bytes_say_the_same_with_any_line_ends() {
    replay("read", targets::read);
}

#[test]
fn any_text_says_the_same_folded() {
    replay("header", targets::header);
    // An empty last line of a folded field once left a space behind.
    targets::header(b"could not be delivered ");
}

#[test]
fn what_a_returned_original_carries_changes_nothing() {
    replay("tree", targets::tree);
}

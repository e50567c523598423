//! Our own mails and what must be read from them.
//!
//! Each `corpus/NAME.eml` has a `NAME.json` beside it: what the answer must contain (it may contain more). Each is read
//! with LF, CRLF and CR line ends and must give the same answer.

use std::{fs, path::Path};

use serde_json::Value;

/// Whether everything in `expected` is in `given`; lists must have the same length.
fn contains(given: &Value, expected: &Value) -> bool {
    match (given, expected) {
        (Value::Object(given), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| given.get(name).is_some_and(|given| contains(given, value)))
        }
        (Value::Array(given), Value::Array(expected)) => {
            given.len() == expected.len()
                && given.iter().zip(expected).all(|(given, expected)| contains(given, expected))
        }
        (given, expected) => given == expected,
    }
}

/// The mail with LF line ends only.
fn with_lf(mail: &[u8]) -> Vec<u8> {
    mail.iter().copied().filter(|byte| *byte != b'\r').collect()
}

fn with_line_end(mail: &[u8], end: &[u8]) -> Vec<u8> {
    mail.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(end)
}

#[test]
fn every_mail_of_the_corpus_reads_as_expected_with_any_line_end() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let (mut count, mut faults) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "eml") {
            continue;
        }
        count += 1;
        let mail = with_lf(&fs::read(&path).unwrap());
        let expected = fs::read_to_string(path.with_extension("json")).expect("every mail has its expected answer");
        let expected: Value = serde_json::from_str(&expected).unwrap();
        for end in ["\n", "\r\n", "\r"] {
            let report = daimon_bounce::read(&with_line_end(&mail, end.as_bytes()));
            let given = serde_json::to_value(&report).unwrap();
            if !contains(&given, &expected) {
                faults.push(format!("{} with {end:?}: {given:#}", path.display()));
            }
        }
    }
    assert!(count > 0, "the corpus is empty");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

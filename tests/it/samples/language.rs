//! What runs samples: the shell, and a Python and a JavaScript that stay for all of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The environment that samples find.
pub(super) type Env = BTreeMap<String, String>;

/// The languages of the document, as it calls them.
pub(super) const ALL: [&str; 3] = ["Shell", "Python", "JavaScript"];

pub(super) enum Language {
    Shell,
    Other(Box<Other>),
}

pub(super) struct Other {
    told: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

fn here(file: &str) -> String {
    format!("{}/it/samples/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Where `tests/deps.sh verify` has put what a language needs.
fn libraries() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.daimon/verify/requests");
    assert!(folder.exists(), "the library that Python's samples use is missing: `tests/deps.sh verify` fetches it");
    folder.canonicalize().unwrap().display().to_string()
}

fn command(language: &str, source: Option<&str>) -> Command {
    let mut command = match language {
        "Python" => Command::new("python3"),
        "JavaScript" => Command::new("node"),
        _ => Command::new("sh"),
    };
    match (language, source) {
        ("Python", None) => command.arg(here("run.py")),
        ("Python", Some(source)) => command.args(["-u", "-c", source]),
        ("JavaScript", None) => command.arg(here("run.mjs")),
        ("JavaScript", Some(source)) => command.args(["--input-type=module", "-e", source]),
        (_shell, source) => command.args(["-euc", source.unwrap_or_default()]),
    };
    command.env("PYTHONPATH", libraries()).env("NO_PROXY", "*").env_remove("HTTP_PROXY").env_remove("http_proxy");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Language {
    pub(super) fn start(name: &str) -> Self {
        if name == "Shell" {
            return Self::Shell;
        }
        let mut child = command(name, None).stdin(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let (told, said) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::Other(Box::new(Other { told, said: BufReader::new(said).lines(), _child: child }))
    }

    /// What it printed. `Err`: and then it failed.
    pub(super) async fn run(&mut self, source: &str, env: &Env) -> Result<String, String> {
        let (worked, said) = match self {
            Self::Shell => {
                let output = command("Shell", Some(source)).envs(env).output().await.unwrap();
                let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
                said.push_str(&String::from_utf8_lossy(&output.stderr));
                (output.status.success(), said)
            }
            Self::Other(other) => {
                let Other { told, said, .. } = &mut **other;
                told.write_all(format!("{}\n", json!({ "source": source, "env": env })).as_bytes()).await.unwrap();
                let line = said.next_line().await.unwrap().unwrap();
                let answer: Value = serde_json::from_str(&line).unwrap();
                let said = answer.get("said").and_then(Value::as_str).unwrap().to_owned();
                (answer.get("worked") == Some(&json!(true)), said)
            }
        };
        if worked { Ok(said) } else { Err(said) }
    }
}

/// Runs a sample that goes on for ever until it has printed this.
pub(super) async fn run_until(language: &str, source: &str, env: &Env, wanted: &str) -> Result<(), String> {
    let mut child = command(language, Some(source)).envs(env).spawn().unwrap();
    let (mut out, mut said, mut some) = (child.stdout.take().unwrap(), String::new(), [0; 1_024]);
    while !said.contains(wanted) {
        match out.read(&mut some).await {
            Ok(count) if count > 0 => said.push_str(&String::from_utf8_lossy(some.split_at(count).0)),
            _ended => {
                child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
                return Err(said);
            }
        }
    }
    Ok(())
}

//! Two generators of others make clients of the document, and with each a program goes the way of the first quarter of an hour.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use chrono::TimeDelta;
use daimon_tests::catcher::Caught;
use daimon_tests::life::Person;
use daimon_tests::postfix;
use daimon_tests::world::World;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

/// What each program says on its way.
const WAY: &str = "row 1: created\nconnection: done\nincidents: 1\nverified: incident.opened\n";

fn from_root(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    assert!(path.exists(), "{} is missing: `tests/deps.sh verify` fetches what stories need", path.display());
    path.canonicalize().unwrap()
}

fn fetched(library: &str) -> PathBuf {
    from_root(&format!(".daimon/verify/{library}"))
}

fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder).env("NO_PROXY", "*").env_remove("HTTP_PROXY").env_remove("http_proxy");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs something to its end; what it said.
async fn run(mut command: Command) -> String {
    let output = command.output().await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

/// Makes a client for Python, and says how the program that uses it is run.
async fn python(folder: &Path) -> Command {
    let mut generator = program("python3", folder);
    generator.env("PYTHONPATH", fetched("openapi-python-client"));
    generator.args(["-m", "openapi_python_client", "generate", "--output-path", "client"]);
    generator.arg("--path").arg(from_root("openapi/openapi.json"));
    generator.arg("--config").arg(from_root("openapi/clients/python.yaml"));
    let said = run(generator).await;
    assert!(!said.to_lowercase().contains("warning"), "{said}");

    let mut compiled = program("python3", folder);
    compiled.args(["-m", "compileall", "-q", "client"]);
    run(compiled).await;

    let mut using = program("python3", folder);
    let libraries = [folder.join("client"), fetched("openapi-python-client"), fetched("python")];
    using.env("PYTHONPATH", std::env::join_paths(libraries).unwrap());
    using.arg("-u").arg(from_root("openapi/clients/quarter_hour.py"));
    using
}

/// Makes types for TypeScript, has the compiler compare the program with them, and says how what came of it is run.
async fn typescript(folder: &Path) -> Command {
    let modules = fetched("openapi-typescript/node_modules");
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
    std::fs::copy(from_root("openapi/clients/quarter_hour.mts"), folder.join("quarter_hour.mts")).unwrap();

    let mut generator = program("node", folder);
    generator.arg(modules.join("openapi-typescript/bin/cli.js"));
    generator.arg(from_root("openapi/openapi.json")).args(["-o", "daimon.d.ts"]);
    run(generator).await;

    let mut compiler = program("node", folder);
    compiler.arg(modules.join("typescript/bin/tsc")).args(["--strict", "--module", "nodenext", "--target", "es2022"]);
    compiler.args(["--types", "node", "quarter_hour.mts"]);
    run(compiler).await;

    let mut using = program("node", folder);
    using.arg("quarter_hour.mjs");
    using
}

/// Hands a webhook over as a web framework does, and waits for the program's end; what it said.
async fn ends_with(child: Child, mut input: ChildStdin, caught: &Caught) -> String {
    let headers: BTreeMap<_, _> = caught.headers.iter().cloned().collect();
    let body = String::from_utf8(caught.body.clone()).unwrap();
    let line = format!("{}\n", json!({ "body": body, "headers": headers }));
    input.write_all(line.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn with_a_generated_client_a_developer_gets_from_a_key_to_a_verified_webhook() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    // There is an incident to be read.
    let stolen = Person::with_account(world.servers, &format!("sato@clients-{}.example", world.tag), "correct horse");
    let stolen = stolen.unwrap();
    stolen.lived_for_a_month(world.servers, world.clock.now().await).await.unwrap();
    let mailbox = stolen.onboarded(&world.client, world.servers).await.unwrap();
    world.drain().await.unwrap();
    stolen.was_stolen(world.servers, 24, 24).await.unwrap();
    world.client.poll_now(&mailbox).await.unwrap();
    world.pass(TimeDelta::seconds(1)).await.unwrap();

    for language in ["python", "typescript"] {
        let place = tempfile::tempdir().unwrap();
        let mut using = match language {
            "python" => python(place.path()).await,
            _ => typescript(place.path()).await,
        };
        let address = format!("mori@{language}-{}.example", world.tag);
        let mori = Person::with_account(world.servers, &address, "battery staple").unwrap();
        using.env("DAIMON_URL", &world.client.base).env("DAIMON_API_KEY", world.client.key());
        using.env("MAILBOX", &mori.address).env("MAILBOX_PASSWORD", &mori.password);
        using.env("MAILBOX_HOST", postfix::NAME).env("MAILBOX_PORT", world.servers.imaps().to_string());
        using.env("WEBHOOK_URL", format!("{}/{language}", catcher.url()));
        let mut child = using.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut at = Instant::now();
        let caught = loop {
            // Until the program has asked for it, time passes as it does for the program.
            let passed = at.elapsed();
            at = Instant::now();
            world.pass(TimeDelta::from_std(passed).unwrap()).await.unwrap();
            let is_it = |one: &Caught| one.path.ends_with(language) && one.kind() == "incident.opened";
            if let Some(caught) = catcher.caught().into_iter().find(is_it) {
                break caught;
            }
            if child.try_wait().unwrap().is_some() {
                let output = child.wait_with_output().await.unwrap();
                panic!(
                    "{language}: {}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        };
        assert_eq!(ends_with(child, input, &caught).await, WAY, "{language}");
    }
}

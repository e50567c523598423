//! A wrong setting ends a program at once, with one line that names it and repeats no secret.

use daimon_tests::program::{Program, Settings};
use daimon_tests::world::World;

async fn refusal(program: &str, arguments: &[&str], settings: &Settings) -> String {
    let output = Program::run(program, arguments, settings).await.unwrap();
    assert!(!output.status.success(), "{program} started");
    String::from_utf8(output.stderr).unwrap()
}

fn without(settings: &Settings, name: &str) -> Settings {
    settings.iter().filter(|(known, _)| known != name).cloned().collect()
}

#[tokio::test]
async fn each_program_names_the_setting_that_is_missing_or_wrong() {
    let world = World::without_worker().await.unwrap();
    for (program, command) in [("daimon-api", "serve"), ("daimon-worker", "run")] {
        for name in ["DATABASE_URL", "REDIS_URL", "DAIMON_MASTER_KEY_FILE"] {
            let missing = without(&world.settings, name);
            let said = refusal(program, &[command], &missing).await;
            assert!(said.contains(name), "{program} without {name}: {said}");
        }
        let mut wrong = without(&world.settings, "DATABASE_URL");
        wrong.push(("DATABASE_URL".to_owned(), "mysql://app:hunter2@db/daimon".to_owned()));
        let said = refusal(program, &[command], &wrong).await;
        assert!(said.contains("DATABASE_URL") && !said.contains("hunter2"), "{program}: {said}");
    }
}

#[tokio::test]
async fn a_test_clock_is_refused_in_production() {
    let world = World::without_worker().await.unwrap();
    let mut settings = without(&world.settings, "DAIMON_ENV");
    settings.push(("DAIMON_ENV".to_owned(), "production".to_owned()));
    for (program, command) in [("daimon-api", "serve"), ("daimon-worker", "run")] {
        let said = refusal(program, &[command], &settings).await;
        assert!(said.contains("DAIMON_CLOCK"), "{program}: {said}");
    }
}

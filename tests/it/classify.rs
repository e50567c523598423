//! A message says the same to whoever asks: the API and the command line.

use std::path::Path;

use daimon_tests::program::Program;
use daimon_tests::world::World;
use serde_json::Value;

#[tokio::test]
async fn the_api_and_the_command_line_say_the_same_of_every_mail_that_we_have() {
    let world = World::without_worker().await.unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bounce/corpus").display().to_string();
    let output = Program::run("daimon-worker", &["classify", &corpus], &Vec::new()).await.unwrap();
    let (mut count, mut without_header) = (0, 0);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut said: Value = serde_json::from_str(line).unwrap();
        let path = said.as_object_mut().unwrap().remove("path").unwrap();
        let mail = std::fs::read(path.as_str().unwrap()).unwrap();
        match world.client.classify(mail).await {
            Ok(answer) => assert_eq!(answer, said, "{path}"),
            // Whoever sends by hand what has no header has sent the wrong thing; a folder may have anything in it.
            Err(refused) => {
                assert!(refused.to_string().contains("422"), "{path}: {refused:#}");
                assert_eq!(said.get("kind"), Some(&"not_bounce".into()), "{path}");
                without_header += 1;
            }
        }
        count += 1;
    }
    let folders = std::fs::read_dir(&corpus).unwrap().filter_map(|entry| std::fs::read_dir(entry.unwrap().path()).ok());
    let names = folders.flatten().map(|entry| entry.unwrap().path());
    let mails = names.filter(|path| path.extension().is_some_and(|end| end == "eml")).count();
    assert!(mails > 0 && count == mails, "{count} of {mails} mails were read");
    assert!(without_header < 5, "{without_header} were refused");
}

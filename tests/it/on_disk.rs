//! Mail on disk, asked about from the command line: what is said, where, and with which exit code.

use std::path::Path;

use daimon_tests::program::Program;

/// Exit code, standard output, standard error.
async fn asked(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Program::run("daimon-worker", arguments, &Vec::new()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn the_exit_code_tells_an_answer_from_a_path_that_is_not_there_and_from_a_place_without_mail() {
    let place = daimon_tests::place::Place::temporary().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let (mail, empty, absent) = (path("mail"), path("empty"), path("absent"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::create_dir(&mail).unwrap();
    let letter = "From: a@b.example\nTo: c@d.example\nSubject: Hello\n\nHello\n";
    std::fs::write(Path::new(&mail).join("1.eml"), letter).unwrap();
    for command in ["scan", "classify"] {
        let (code, out, err) = asked(&[command, &mail]).await;
        assert_eq!((code, out.is_empty(), err.as_str()), (Some(0), false, ""), "{command}: {out}");
        let (code, out, err) = asked(&[command, &empty]).await;
        assert_eq!((code, out.as_str()), (Some(3), ""), "{command}: {err}");
        assert_eq!(err, format!("no mail was found in {empty}\n"), "{command}");
        let (code, out, err) = asked(&[command, &absent]).await;
        assert_eq!(code, Some(1), "{command}: {out}{err}");
        assert!(format!("{out}{err}").contains(&format!("cannot read {absent}: ")), "{command}: {out}{err}");
        let (code, _, err) = asked(&[command]).await;
        assert_eq!((code, err.contains("PATH")), (Some(2), true), "{command}: {err}");
        let (code, help, _) = asked(&[command, "--help"]).await;
        assert_eq!((code, help.contains("Exit codes: 0 ")), (Some(0), true), "{command}");
    }
}

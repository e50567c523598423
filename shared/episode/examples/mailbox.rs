//! Writes one simulated mailbox to a folder, to look at it or to give it to `daimon-worker scan`:
//! `cargo run -p daimon-episode --example mailbox -- SEED INDEX EPISODE FOLDER`, where EPISODE is such as `joe_job`,
//! `takeover 20/h` or `background`.

use std::{env, fs, path::Path, process::ExitCode};

use daimon_episode::{Episode, Fleet, Mail, Plan};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [seed, index, word, folder] = arguments.as_slice() else { return ExitCode::from(2) };
    let (Ok(seed), Ok(index)) = (seed.parse(), index.parse()) else { return ExitCode::from(2) };
    let plan = match word.parse::<Episode>() {
        Ok(episode) => Plan::episode(episode),
        Err(_background) => Plan::background(120),
    };
    let mailbox = Fleet::new(seed, plan).mailbox(index);
    let about = format!("{:#?}\n{:#?}\n{:?}\n", mailbox.known, mailbox.truth, mailbox.marks);
    let folder = Path::new(folder);
    let written = write(&folder.join("INBOX"), &mailbox.received)
        .and_then(|()| write(&folder.join("Sent"), &mailbox.sent))
        .and_then(|()| fs::write(folder.join("truth.txt"), about));
    written.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// As a Maildir, whose file names say when a mail came.
fn write(folder: &Path, mails: &[Mail]) -> std::io::Result<()> {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(part))?;
    }
    for (number, mail) in mails.iter().enumerate() {
        let episode = if mail.of_episode { "e" } else { "o" };
        let name = format!("{}.M{number}{episode}.simulated:2,S", mail.at.timestamp());
        fs::write(folder.join("cur").join(name), &mail.bytes)?;
    }
    Ok(())
}

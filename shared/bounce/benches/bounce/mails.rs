//! The mails that are read: those of our own corpus that are as large as mail servers make them.

use std::{fs, io, path::Path};

/// What a mail server's report weighs, with the original that it returns.
const USUAL_BYTES: usize = 5_000;

/// Mails and where they are from.
#[derive(Debug)]
pub(crate) struct Mails {
    pub(crate) all: Vec<Vec<u8>>,
    pub(crate) source: String,
}

impl Mails {
    /// The folders of the corpus that are as large on average as reports are: what real servers wrote.
    pub(crate) fn usual() -> io::Result<Self> {
        let corpus = corpus();
        let mut folders: Vec<_> = fs::read_dir(&corpus)?.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        let (mut all, mut names) = (Vec::new(), Vec::new());
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            let mails = read_all(folder)?;
            if average(&mails) >= USUAL_BYTES {
                names.push(folder.strip_prefix(&corpus).unwrap_or(folder).display().to_string());
                all.extend(mails);
            }
        }
        Ok(Self { all, source: format!("corpus/{{{}}}", names.join(",")) })
    }

    /// Every mail of the corpus, most of them without the text of the original.
    pub(crate) fn all() -> io::Result<Self> {
        Ok(Self { all: read_all(&corpus())?, source: "corpus".to_owned() })
    }

    pub(crate) fn average_bytes(&self) -> usize {
        average(&self.all)
    }
}

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn average(mails: &[Vec<u8>]) -> usize {
    mails.iter().map(Vec::len).sum::<usize>().checked_div(mails.len()).unwrap_or_default()
}

/// Every mail below a folder, with the line ends of SMTP.
fn read_all(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let (mut open, mut paths) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "eml") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.iter().map(|path| fs::read(path).map(|mail| with_crlf(&mail))).collect()
}

fn with_crlf(mail: &[u8]) -> Vec<u8> {
    let lines = mail.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.collect::<Vec<_>>().join(&b"\r\n"[..])
}

//! The mails that are read: our own corpus, as large as mail servers make them.

use std::{fs, io, path::Path};

/// What a mail server's report weighs, with the original that it returns.
const USUAL_BYTES: usize = 5_000;
/// Where the text that fills originals begins; every run gets the same.
pub(crate) const SEED: u64 = 20_260_103;

/// Mails and where they are from.
#[derive(Debug)]
pub(crate) struct Mails {
    pub(crate) all: Vec<Vec<u8>>,
    pub(crate) source: String,
}

impl Mails {
    /// The whole corpus, or the first folder of it, that is as large on average as reports are. Until there is one, the
    /// originals in the corpus are filled with text.
    pub(crate) fn read() -> io::Result<Self> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let mut folders = vec![corpus.clone()];
        folders.extend(fs::read_dir(&corpus)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()));
        folders.sort();
        for folder in &folders {
            let all = read_all(folder)?;
            if average(&all) >= USUAL_BYTES {
                let source = folder.strip_prefix(&corpus).unwrap_or(folder).display();
                return Ok(Self { all, source: format!("corpus/{source}") });
            }
        }
        let mut random = Random(SEED);
        let all = read_all(&corpus)?.into_iter().filter_map(|mail| fill(&mail, &mut random)).collect();
        Ok(Self { all, source: "corpus/, the original filled with fields and text".to_owned() })
    }

    pub(crate) fn average_bytes(&self) -> usize {
        average(&self.all)
    }
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

/// The mail with fields above the original's own and text below them; `None` when it returns no original.
fn fill(mail: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(mail).ok()?;
    let part = ["message/rfc822", "text/rfc822-headers"].iter().find_map(|media| text.find(media))?;
    let header = part + text.get(part..)?.find("\r\n\r\n")? + 4;
    let end = header + text.get(header..)?.find("\r\n--")?;
    let (before, after) = (text.get(..header)?, text.get(end..)?);
    let original = text.get(header..end)?;
    let mut filled = format!("{before}{}{original}\r\n\r\n", FIELDS.join("\r\n"));
    while filled.len() + after.len() < USUAL_BYTES {
        for _ in 0..12 {
            filled.push_str(random.one_of(WORDS));
            filled.push(' ');
        }
        filled.push_str("\r\n");
    }
    filled.push_str(after);
    Some(filled.into_bytes())
}

const FIELDS: &[&str] = &[
    "Received: from mail.example.org (mail.example.org [192.0.2.25])",
    "\tby mx.example.com (Postfix) with ESMTPS id 4XyzAb1Cd2z9s7K",
    "\tfor <nobody@example.com>; Sat,  3 Jan 2026 01:05:36 +0000 (UTC)",
    "Received: from [198.51.100.7] (dsl.example.net [198.51.100.7])",
    "\t(Authenticated sender: anna@example.org)",
    "\tby mail.example.org (Postfix) with ESMTPSA id 4XyzAb0Qq1z3s2J",
    "\tfor <nobody@example.com>; Sat,  3 Jan 2026 01:05:34 +0000 (UTC)",
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;",
    "\tt=1767402334; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;",
    "\th=Date:From:To:Subject:MIME-Version:Content-Type;",
    "\tb=mQ3yq0n8mEJb5qBzqXb3Qy5b0pQ7yq0n8mEJb5qBzqXb3Qy5b0pQ7yq0n8mEJb5qBzqX",
    "\t b3Qy5b0pQ7yq0n8mEJb5qBzqXb3Qy5b0pQ7yq0n8mEJb5qBzqXb3Qy5b0pQ7yq0n8mEJb5q==",
    "X-Mailer: Example Mail 7.1",
    "X-Spam-Status: No, score=-2.1 required=5.0 tests=ALL_TRUSTED,BAYES_00,DKIM_SIGNED",
    "",
];
const WORDS: &[&str] = &[
    "the", "meeting", "invoice", "of", "attached", "please", "find", "regards", "to", "quarter", "we", "customer",
    "and", "project", "deliver", "message", "account", "is", "user", "mailbox", "a", "review", "tomorrow", "with",
    "figures",
];

/// A small generator of numbers (xorshift): the same text in every run.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let count = u64::try_from(words.len()).unwrap_or(1);
        usize::try_from(self.0 % count).ok().and_then(|at| words.get(at)).copied().unwrap_or_default()
    }
}

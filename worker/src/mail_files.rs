//! Mails on disk: `.eml` files, folders of them, mbox files, Maildirs, and standard input as `-`.
//!
//! One message is in memory at a time, so that a mailbox of ten years can be walked on a small machine. What cannot
//! be read is an item of its own, and the walk goes on.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use chrono::{DateTime, Utc};

/// More than any mail server accepts. What is longer is cut, so that a wrong path cannot fill the memory.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;

/// One message and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFile {
    /// The file; in an mbox of several followed by `#` and the number of the message, counted from 1.
    pub path: String,
    /// When it was delivered, where the Maildir name, the mbox "From " line or the topmost Received line tells.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Whether somebody has read it, where a Maildir tells.
    pub is_read: Option<bool>,
    /// The message as it lies there; in an mbox without the "From " line and its quoting.
    pub bytes: Vec<u8>,
}

/// A path that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct Unreadable {
    /// Which.
    pub path: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// There was nothing to read, and nothing that went wrong either.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no mail was found in {0}")]
pub struct NoMail(String);

impl NoMail {
    /// The exit code of a program that found none.
    pub const EXIT_CODE: u8 = 3;

    /// In none of these.
    pub fn within(paths: &[PathBuf]) -> Self {
        Self(paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))
    }
}

/// Names the first of `paths` that is not there: an answer about a mailbox without one of its folders would be wrong.
pub fn are_there<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Result<(), Unreadable> {
    for path in paths.into_iter().filter(|path| path.as_os_str() != "-") {
        fs::metadata(path).map_err(|source| Unreadable { path: path.display().to_string(), source })?;
    }
    Ok(())
}

/// Walks `paths` in the order given; folders by name. Reads nothing before it is asked for.
pub fn walk<P: Into<PathBuf>>(
    paths: impl IntoIterator<Item = P>,
) -> impl Iterator<Item = Result<MailFile, Unreadable>> {
    Walk { ahead: paths.into_iter().map(|path| Step::Named(path.into())).collect(), mbox: None }
}

/// What is still to be looked at.
enum Step {
    /// Named by the caller: read whatever it holds.
    Named(PathBuf),
    /// Found in a folder: read if it is called `.eml` or looks like mail.
    Found(PathBuf),
    /// Found in `cur` or `new` of a Maildir.
    Maildir(PathBuf),
}

struct Walk {
    ahead: VecDeque<Step>,
    mbox: Option<Mbox>,
}

impl Iterator for Walk {
    type Item = Result<MailFile, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mbox) = &mut self.mbox {
                match mbox.next_message() {
                    Ok(Some(mail)) => return Some(Ok(mail)),
                    Ok(None) => self.mbox = None,
                    Err(source) => {
                        let path = mbox.path.clone();
                        self.mbox = None;
                        return Some(Err(Unreadable { path, source }));
                    }
                }
                continue;
            }
            let step = self.ahead.pop_front()?;
            let (Step::Named(path) | Step::Found(path) | Step::Maildir(path)) = &step;
            match self.take(&step) {
                Ok(Some(mail)) => return Some(Ok(mail)),
                Ok(None) => {}
                Err(source) => return Some(Err(Unreadable { path: path.display().to_string(), source })),
            }
        }
    }
}

impl Walk {
    /// One step: a message, or nothing yet.
    fn take(&mut self, step: &Step) -> io::Result<Option<MailFile>> {
        match step {
            Step::Named(path) if path.as_os_str() == "-" => self.open("-".to_owned(), Box::new(io::stdin()), false),
            Step::Named(path) | Step::Found(path) if path.is_dir() => {
                self.enter(path)?;
                Ok(None)
            }
            Step::Named(path) => self.open(path.display().to_string(), Box::new(File::open(path)?), false),
            Step::Found(path) => self.open(path.display().to_string(), Box::new(File::open(path)?), true),
            Step::Maildir(path) => {
                let mut mail = read_whole(path.display().to_string(), &mut File::open(path)?)?;
                mail.delivered_at = maildir_time(path)?.or(mail.delivered_at);
                mail.is_read = Some(is_read(path));
                Ok(Some(mail))
            }
        }
    }

    /// Puts what a folder holds in front of everything else.
    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let is_maildir = ["cur", "new"].iter().all(|name| folder.join(name).is_dir());
        let holds_mails = folder.file_name().is_some_and(|name| name == "cur" || name == "new")
            && folder.parent().is_some_and(|parent| parent.join("cur").is_dir() && parent.join("new").is_dir());
        let mut found = Vec::new();
        for entry in entries {
            let (kind, path, name) = (entry.file_type()?, entry.path(), entry.file_name());
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if kind.is_dir() {
                // Maildir++ keeps its folders beside `cur`, under names that begin with a dot. `tmp` is half written.
                let skipped = if is_maildir { name == "tmp" } else { hidden };
                if !skipped {
                    found.push(Step::Found(path));
                }
            } else if hidden || is_maildir {
                // Maildirs keep indexes and lists beside their folders.
            } else if holds_mails {
                found.push(Step::Maildir(path));
            } else {
                // A link to a folder is not followed: it may lead back here.
                if !path.is_dir() {
                    found.push(Step::Found(path));
                }
            }
        }
        for step in found.into_iter().rev() {
            self.ahead.push_front(step);
        }
        Ok(())
    }

    /// Opens a file: an mbox is kept for the next steps, a message is read at once.
    fn open(&mut self, path: String, from: Box<dyn Read>, only_mail: bool) -> io::Result<Option<MailFile>> {
        let mut reader = BufReader::new(from);
        let start = reader.fill_buf()?;
        let holds_one = Path::new(&path).extension().is_some_and(|end| end.eq_ignore_ascii_case("eml"));
        if start.starts_with(b"From ") {
            self.mbox = Some(Mbox { path, reader, from_line: None, count: 0, holds_one });
            return Ok(None);
        }
        if only_mail && !holds_one && !looks_like_mail(start) {
            return Ok(None);
        }
        read_whole(path, &mut reader).map(Some)
    }
}

/// Whether the first line is a header field.
fn looks_like_mail(start: &[u8]) -> bool {
    let name_length = start.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    name_length.is_some_and(|length| length > 0 && start.get(length) == Some(&b':'))
}

fn read_whole(path: String, reader: &mut impl Read) -> io::Result<MailFile> {
    let mut bytes = Vec::new();
    reader.take(MAX_MESSAGE_BYTES).read_to_end(&mut bytes)?;
    Ok(MailFile { path, delivered_at: received_time(&bytes), is_read: None, bytes })
}

/// An mbox file in the middle of being read (mboxrd: `>From ` stands for `From `).
struct Mbox {
    path: String,
    reader: BufReader<Box<dyn Read>>,
    /// The "From " line of the next message, once it was met.
    from_line: Option<Vec<u8>>,
    count: usize,
    /// Named `.eml`: one message, though a mail returned in it may have a "From " line too.
    holds_one: bool,
}

impl Mbox {
    fn next_message(&mut self) -> io::Result<Option<MailFile>> {
        let (mut line, mut bytes) = (Vec::new(), Vec::new());
        if self.from_line.is_none() && self.reader.read_until(b'\n', &mut line)? > 0 {
            self.from_line = Some(std::mem::take(&mut line));
        }
        let Some(from_line) = self.from_line.take() else { return Ok(None) };
        let mut after_blank = false;
        loop {
            line.clear();
            if (&mut self.reader).take(MAX_MESSAGE_BYTES).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if after_blank && !self.holds_one && is_from_line(&line) {
                self.from_line = Some(line);
                break;
            }
            after_blank = line.iter().all(u8::is_ascii_whitespace);
            let quotes = line.iter().take_while(|byte| **byte == b'>').count();
            let is_quoted = quotes > 0 && line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From "));
            if bytes.len() as u64 <= MAX_MESSAGE_BYTES {
                bytes.extend_from_slice(line.get(usize::from(is_quoted)..).unwrap_or_default());
            }
        }
        self.count += 1;
        let delivered_at = from_line_time(&from_line).or_else(|| received_time(&bytes));
        // One message saved with its "From " line is that file, not a mailbox of one.
        let is_only = self.count == 1 && self.from_line.is_none();
        let path = if is_only { self.path.clone() } else { format!("{}#{}", self.path, self.count) };
        Ok(Some(MailFile { path, delivered_at, is_read: None, bytes }))
    }
}

/// `From `, a sender and a time; text that begins with the word "From" has no time.
fn is_from_line(line: &[u8]) -> bool {
    line.starts_with(b"From ") && line.contains(&b':') && line.iter().filter(|byte| byte.is_ascii_digit()).count() >= 6
}

/// The earlier of the epoch seconds that a Maildir name begins with and of the file's own time: where mail was moved from
/// another server the name tells of the move, and the file keeps IMAP's internal date. What was copied without its times is
/// later than its name. Of a flood tens come within a second, and most names tell the microsecond too (`….M…P…`).
fn maildir_time(path: &Path) -> io::Result<Option<DateTime<Utc>>> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('.'));
    let of_name = name.and_then(|(seconds, _rest)| seconds.parse().ok());
    let of_file = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).map(|since| since.as_secs());
    let of_file = of_file.ok().and_then(|seconds| i64::try_from(seconds).ok());
    // Names that begin with a small number are counters of other programs, and no mail is from 1970.
    let known = [of_name, of_file].map(|seconds| seconds.filter(|seconds| *seconds > 100_000_000));
    let [Some(of_name), of_file] = known else { return Ok(None) };
    let at = of_file.map_or(of_name, |of_file| of_name.min(of_file));
    let within = name.filter(|_| at == of_name).and_then(|(_seconds, rest)| microseconds(rest)).unwrap_or_default();
    Ok(DateTime::from_timestamp_micros(at.saturating_mul(1_000_000).saturating_add(within)))
}

/// The number after the `M` of `M20046P2137.host`; none is as long as a second.
fn microseconds(rest: &str) -> Option<i64> {
    let (digits, _) = rest.strip_prefix('M')?.split_once(|letter: char| !letter.is_ascii_digit())?;
    digits.parse().ok().filter(|micros| *micros < 1_000_000)
}

/// Whether the flags in a Maildir name hold "seen": `….host:2,RS`. What lies in `new` has none.
fn is_read(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.rsplit_once(":2,").is_some_and(|(_, flags)| flags.contains('S'))
}

/// `From user@host Sat Jan  3 01:05:34 1996`, in UTC by custom.
fn from_line_time(line: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|word| word.len() == 8 && word.bytes().filter(|byte| *byte == b':').count() == 2)?;
    let (month, day, time) = (words.get(at.checked_sub(2)?)?, words.get(at.checked_sub(1)?)?, words.get(at)?);
    let year = words.get(at + 1..)?.iter().find(|word| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()))?;
    parse_date(&format!("{day} {month} {year} {time} +0000"))
}

/// The time of the topmost Received line.
fn received_time(bytes: &[u8]) -> Option<DateTime<Utc>> {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(16 << 10))?);
    let mut field: Option<String> = None;
    for line in text.lines() {
        let folded = line.starts_with([' ', '\t']);
        match &mut field {
            Some(value) if folded => value.push_str(line),
            Some(_) => break,
            None if line.get(..9).is_some_and(|name| name.eq_ignore_ascii_case("received:")) => {
                field = Some(line.to_owned());
            }
            None if line.is_empty() => break,
            None => {}
        }
    }
    parse_date(field?.rsplit_once(';')?.1.trim())
}

fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    mail_parser::DateTime::parse_rfc822(text)
        .filter(mail_parser::DateTime::is_valid)
        .and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &Path) -> Vec<MailFile> {
        walk([path]).collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn an_mbox_yields_each_message_with_its_delivery_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox");
        fs::write(&path, "From a@b Sat Jan  3 01:05:34 2026\nSubject: 1\n\n>From here on\nFrom me\n\nFrom c@d Sun Jan  4 02:00:00 2026\nSubject: 2\n\n").unwrap();
        let mails = all(&path);
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0].bytes, b"Subject: 1\n\nFrom here on\nFrom me\n\n");
        assert_eq!(mails[0].delivered_at.unwrap().to_rfc3339(), "2026-01-03T01:05:34+00:00");
        assert!(mails[1].path.ends_with("inbox#2"));
    }

    #[test]
    fn a_single_message_with_a_from_line_keeps_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved.eml");
        fs::write(&path, "From a@b Sat Jan  3 01:05:34 2026\nSubject: 1\n\nhello\n").unwrap();
        let mails = all(&path);
        assert_eq!(mails.len(), 1);
        assert!(mails[0].path.ends_with("saved.eml"));
    }

    #[test]
    fn an_eml_file_is_one_message_whatever_is_returned_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bounce.eml");
        let from = "From a@b Sat Jan  3 01:05:34 2026\n";
        fs::write(&path, format!("{from}Subject: bounced\n\nreturned:\n\n{from}Subject: 1\n\nhello\n")).unwrap();
        let mails = all(&path);
        assert_eq!(mails.len(), 1);
        assert!(mails[0].path.ends_with("bounce.eml"));
    }

    #[test]
    fn a_maildir_tells_the_time_by_name_and_its_tmp_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cur", "new", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            let flags = if name == "new" { "" } else { ":2,RS" };
            fs::write(folder.path().join(name).join(format!("1767402334.M1P2.host{flags}")), "Subject: x\n\n").unwrap();
        }
        fs::write(folder.path().join("dovecot-uidlist"), "3 V1 N2").unwrap();
        let mails = all(folder.path());
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0].delivered_at.unwrap().timestamp(), 1_767_402_334);
        assert_eq!(mails.iter().map(|mail| mail.is_read).collect::<Vec<_>>(), [Some(true), Some(false)]);
    }

    #[test]
    fn mail_that_was_moved_keeps_the_files_time_and_copied_mail_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1767402334.M1P2.host:2,S");
        fs::write(&path, "Subject: x\n\n").unwrap();
        assert_eq!(maildir_time(&path).unwrap().unwrap().timestamp(), 1_767_402_334, "written just now");
        let then = UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
        assert_eq!(maildir_time(&path).unwrap().unwrap().timestamp(), 1_700_000_000);
        File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(maildir_time(&path).unwrap().unwrap().timestamp(), 1_767_402_334, "a time that was lost");
    }

    #[test]
    fn of_mails_within_a_second_the_name_tells_which_came_first() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "Subject: x\n\n").unwrap();
            maildir_time(&path).unwrap().unwrap()
        };
        let first = at("1767402334.M9P2.host:2,S");
        assert!(first < at("1767402334.M100000P1.host:2,S"), "by number, and not by letters");
        for unclear in ["1767402334.1_2.host", "1767402334.M.host", "1767402334.M5000000P1.host"] {
            assert_eq!(at(unclear).timestamp_subsec_micros(), 0, "{unclear}");
        }
    }

    #[test]
    fn a_folder_yields_its_mails_and_not_its_notes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.eml"), "Received: by x; Sat, 3 Jan 2026 01:05:34 +0000\r\nSubject: x\r\n\r\n")
            .unwrap();
        fs::write(folder.path().join("README.md"), "# Notes\n").unwrap();
        fs::write(folder.path().join("without-header.eml"), "could not deliver your message\n").unwrap();
        let mails = all(folder.path());
        assert_eq!(mails.len(), 2, "a mail without a header is one if it is called so");
        assert_eq!(mails[0].delivered_at.unwrap().to_rfc3339(), "2026-01-03T01:05:34+00:00");
    }

    #[test]
    fn what_cannot_be_read_does_not_end_the_walk() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("a.eml");
        fs::write(&good, "Subject: x\n\n").unwrap();
        let results: Vec<_> = walk([folder.path().join("absent.eml"), good]).collect();
        assert!(results[0].is_err());
        assert!(results[1].is_ok());
    }
}

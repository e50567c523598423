//! An IMAP server that misbehaves as a story says, and is honest where the story says nothing.
//!
//! It lets everybody in, and all of them see the same folders.

mod moving;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;

pub use moving::transfer;

/// What it does after a command.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Says this; `{tag}` stands for the command's tag.
    Say(Vec<u8>),
    /// Says this and hangs up.
    SayAndClose(Vec<u8>),
    /// Says this again and again.
    Forever(Vec<u8>),
}

impl Reply {
    /// Says `text`, then OK.
    pub fn ok(text: &str) -> Self {
        Self::Say(format!("{text}{{tag}} OK done\r\n").into_bytes())
    }

    /// Says `text`.
    pub fn say(text: &str) -> Self {
        Self::Say(text.as_bytes().to_vec())
    }
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number.
    pub uid: u32,
    /// When it came.
    pub at: DateTime<Utc>,
    /// All of it.
    pub text: String,
}

/// One folder.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
    /// Whether UIDNEXT is told.
    pub tells_uid_next: bool,
    /// What lies there, by UID.
    pub messages: Vec<Message>,
    /// UIDs that are marked as deleted.
    pub deleted: BTreeSet<u32>,
    /// The next UID is no lower: those of messages that have gone are not given again.
    least_uid: u32,
}

impl Folder {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            uid_validity: 7,
            tells_uid_next: true,
            messages: Vec::new(),
            deleted: BTreeSet::new(),
            least_uid: 1,
        }
    }

    /// A message comes.
    pub fn deliver(&mut self, text: &str, at: DateTime<Utc>) {
        let uid = self.uid_next();
        self.messages.push(Message { uid, at, text: text.to_owned() });
    }

    /// Messages go for good.
    pub fn remove(&mut self, gone: impl Fn(u32) -> bool) {
        self.least_uid = self.uid_next();
        self.messages.retain(|message| !gone(message.uid));
        self.deleted.retain(|uid| !gone(*uid));
    }

    fn uid_next(&self) -> u32 {
        self.messages.last().map_or(1, |last| last.uid + 1).max(self.least_uid)
    }
}

/// What a story puts in the way: asked with each command without its tag, before anything else.
pub type Instead = Box<dyn FnMut(&mut Vec<Folder>, &str) -> Option<Reply> + Send>;

struct State {
    folders: Vec<Folder>,
    greeting: Vec<u8>,
    /// What it can do besides the usual.
    extensions: String,
    instead: Instead,
    /// What was said to it: on which connection, whether in clear, and the line.
    heard: Vec<(usize, bool, String)>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    idling: AtomicUsize,
}

/// What those who wait in IDLE are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bell {
    /// Something has changed.
    News,
    /// To hang up.
    End,
}

/// A running server.
pub struct ScriptedImap {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    state: Arc<Mutex<State>>,
    counts: Arc<Counts>,
    bell: watch::Sender<Bell>,
    listening: JoinHandle<()>,
}

impl Drop for ScriptedImap {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl ScriptedImap {
    /// Starts it with an empty INBOX. TLS begins with the first byte.
    pub async fn start(authority: &Authority) -> anyhow::Result<Self> {
        Self::listen(authority, false).await
    }

    /// The same without TLS until STARTTLS.
    pub async fn in_clear(authority: &Authority) -> anyhow::Result<Self> {
        Self::listen(authority, true).await
    }

    async fn listen(authority: &Authority, in_clear: bool) -> anyhow::Result<Self> {
        let acceptor = authority.acceptor()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(Mutex::new(State {
            folders: vec![Folder::new("INBOX")],
            greeting: b"* OK ready\r\n".to_vec(),
            extensions: String::new(),
            instead: Box::new(|_, _| None),
            heard: Vec::new(),
        }));
        let counts = Arc::new(Counts::default());
        let (bell, _) = watch::channel(Bell::News);
        let rung = bell.clone();
        let (of_task, counted) = (Arc::clone(&state), Arc::clone(&counts));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.connections.fetch_add(1, Ordering::SeqCst);
                let visit = Visit {
                    number,
                    in_clear,
                    state: Arc::clone(&of_task),
                    acceptor: acceptor.clone(),
                    opened: None,
                    bell: rung.clone(),
                    counts: Arc::clone(&counted),
                };
                let guest = Guest::new(&counted);
                tokio::spawn(async move {
                    let _ = visit.serve(stream, guest).await;
                });
            }
        });
        Ok(Self { port, state, counts, bell, listening })
    }

    /// From now on `instead` is asked first.
    pub fn answers(&self, instead: impl FnMut(&mut Vec<Folder>, &str) -> Option<Reply> + Send + 'static) {
        self.lock().instead = Box::new(instead);
    }

    /// Is honest from now on.
    pub fn is_honest(&self) {
        self.lock().greeting = b"* OK ready\r\n".to_vec();
        self.answers(|_, _| None);
    }

    /// Greets with this from now on; with nothing, it hangs up.
    pub fn greets(&self, greeting: &str) {
        self.lock().greeting = greeting.as_bytes().to_vec();
    }

    /// Can do this too from now on, such as `MOVE UIDPLUS`.
    pub fn offers(&self, extensions: &str) {
        self.lock().extensions = format!(" {extensions}");
    }

    /// Changes what lies in its folders.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Folder>)) {
        change(&mut self.lock().folders);
    }

    /// A message comes to INBOX.
    pub fn deliver(&self, text: &str, at: DateTime<Utc>) {
        self.change(|folders| {
            folders.iter_mut().filter(|one| one.name == "INBOX").for_each(|one| one.deliver(text, at));
        });
        self.bell.send_replace(Bell::News);
    }

    /// Hangs up on everybody who waits in IDLE.
    pub fn hang_up(&self) {
        self.bell.send_replace(Bell::End);
    }

    /// How many wait in IDLE.
    pub fn idling(&self) -> usize {
        self.counts.idling.load(Ordering::SeqCst)
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many were there at a time at most.
    pub fn most_at_once(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }

    /// Every line that was said to it, without the tag.
    pub fn commands(&self) -> Vec<String> {
        let without_tag = |line: &str| line.split_once(' ').map_or(line, |(_, rest)| rest).to_owned();
        self.lock().heard.iter().map(|(_, _, line)| without_tag(line)).collect()
    }

    /// What of that changes a mailbox, or opens a folder to change it. Whoever fetches a body and does not peek marks it as read.
    pub fn changes(&self) -> Vec<String> {
        let verbs = ["SELECT", "CREATE", "UID STORE", "UID COPY", "UID MOVE", "EXPUNGE", "UID EXPUNGE", "CLOSE"];
        let is_one = |line: &String| verbs.iter().any(|verb| line.starts_with(verb)) || line.contains(" BODY[");
        self.commands().into_iter().filter(is_one).collect()
    }

    /// Every line that was said without TLS.
    pub fn said_in_clear(&self) -> Vec<String> {
        self.lock().heard.iter().filter(|(_, in_clear, _)| *in_clear).map(|(_, _, line)| line.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who is there, until it is dropped.
struct Guest(Arc<Counts>);

impl Guest {
    fn new(counts: &Arc<Counts>) -> Self {
        let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One who waits in IDLE, until it is dropped.
struct Idler(Arc<Counts>);

impl Idler {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.idling.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Idler {
    fn drop(&mut self) {
        self.0.idling.fetch_sub(1, Ordering::SeqCst);
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

struct Visit {
    number: usize,
    in_clear: bool,
    state: Arc<Mutex<State>>,
    acceptor: TlsAcceptor,
    opened: Option<String>,
    bell: watch::Sender<Bell>,
    counts: Arc<Counts>,
}

impl Visit {
    async fn serve(mut self, stream: TcpStream, guest: Guest) -> anyhow::Result<()> {
        let mut guest = Some(guest);
        let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(if self.in_clear {
            Box::new(stream)
        } else {
            Box::new(self.acceptor.accept(stream).await?)
        });
        let greeting = self.lock().greeting.clone();
        if greeting.is_empty() {
            return Ok(());
        }
        stream.write_all(&greeting).await?;
        stream.flush().await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let (tag, command) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            if command == "LOGOUT" {
                // Whoever leaves is gone before he hears that he is, so that the next one can't be counted beside him.
                guest = None;
            }
            let reply = self.reply(line.trim_end(), command);
            let (said, closes) = match reply {
                Reply::Say(said) => (said, guest.is_none()),
                Reply::SayAndClose(said) => (said, true),
                Reply::Forever(said) => loop {
                    stream.write_all(&said).await?;
                },
            };
            let said = replaced(&said, tag.as_bytes());
            stream.write_all(&said).await?;
            stream.flush().await?;
            if closes {
                // Not before the other side has all of it: an end with bytes unread would take it back.
                stream.shutdown().await?;
                return Ok(());
            }
            if command == "IDLE" && said.starts_with(b"+") && !self.idle(&mut stream, tag).await? {
                return Ok(());
            }
            if self.in_clear && command == "STARTTLS" && said.ends_with(b" OK begin\r\n") {
                stream = BufReader::new(Box::new(self.acceptor.accept(stream.into_inner()).await?));
                self.in_clear = false;
            }
        }
    }

    /// Tells what comes to the open folder, until DONE. `false`: one of us has hung up.
    async fn idle(&mut self, stream: &mut BufReader<Box<dyn Stream>>, tag: &str) -> anyhow::Result<bool> {
        let _counted = Idler::new(&self.counts);
        let mut bell = self.bell.subscribe();
        let mut known = self.exists();
        loop {
            let exists = self.exists();
            if exists > known {
                known = exists;
                stream.write_all(format!("* {exists} EXISTS\r\n* {exists} RECENT\r\n").as_bytes()).await?;
                stream.flush().await?;
            }
            tokio::select! {
                rung = bell.changed() => {
                    rung?;
                    if *bell.borrow() == Bell::End {
                        return Ok(false);
                    }
                }
                come = stream.fill_buf() => {
                    if come?.is_empty() {
                        return Ok(false);
                    }
                    let mut line = String::new();
                    stream.read_line(&mut line).await?;
                    let reply = self.reply(line.trim_end(), line.trim_end());
                    let (Reply::Say(said) | Reply::SayAndClose(said) | Reply::Forever(said)) = &reply;
                    stream.write_all(&replaced(said, tag.as_bytes())).await?;
                    stream.flush().await?;
                    return Ok(!matches!(reply, Reply::SayAndClose(_)));
                }
            }
        }
    }

    /// How many messages lie in the open folder.
    fn exists(&self) -> usize {
        let state = self.lock();
        let open = state.folders.iter().find(|folder| Some(&folder.name) == self.opened.as_ref());
        open.map_or(0, |folder| folder.messages.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&mut self, line: &str, command: &str) -> Reply {
        let shared = Arc::clone(&self.state);
        let mut guard = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        state.heard.push((self.number, self.in_clear, line.to_owned()));
        if let Some(reply) = (state.instead)(&mut state.folders, command) {
            return reply;
        }
        let has_uid_plus = state.extensions.contains("UIDPLUS");
        if let Some(reply) = moving::reply(&mut state.folders, self.opened.as_deref(), command, has_uid_plus) {
            return reply;
        }
        self.honest(&state.folders, &state.extensions, command).unwrap_or_else(|| Reply::say("{tag} BAD what\r\n"))
    }

    fn honest(&mut self, folders: &[Folder], extensions: &str, command: &str) -> Option<Reply> {
        let word = command.trim_start_matches("UID ").split(' ').next().unwrap_or_default();
        let opened = || folders.iter().find(|folder| Some(&folder.name) == self.opened.as_ref());
        match word {
            "CAPABILITY" if self.in_clear => Some(Reply::ok("* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n")),
            "CAPABILITY" => Some(Reply::ok(&format!("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE{extensions}\r\n"))),
            "IDLE" => Some(Reply::say("+ idling\r\n")),
            "STARTTLS" => Some(Reply::say("{tag} OK begin\r\n")),
            "LIST" => {
                let lines = folders.iter().map(|folder| format!("* LIST () \"/\" \"{}\"\r\n", folder.name));
                Some(Reply::ok(&lines.collect::<String>()))
            }
            "EXAMINE" | "SELECT" => {
                let name = command.split_once(' ')?.1.trim_matches('"');
                let Some(folder) = folders.iter().find(|folder| folder.name == name) else {
                    return Some(Reply::say("{tag} NO no such folder\r\n"));
                };
                self.opened = Some(name.to_owned());
                let uid_next = format!("* OK [UIDNEXT {}] ok\r\n", folder.uid_next());
                let told = if folder.tells_uid_next { uid_next.as_str() } else { "" };
                let (exists, uid_validity) = (folder.messages.len(), folder.uid_validity);
                Some(Reply::ok(&format!("* {exists} EXISTS\r\n* OK [UIDVALIDITY {uid_validity}] ok\r\n{told}")))
            }
            "SEARCH" => Some(Reply::ok(&searched(opened()?, command.trim_start_matches("UID SEARCH ")))),
            "FETCH" => {
                let (set, items) = command.trim_start_matches("UID FETCH ").split_once(' ')?;
                let folder = opened()?;
                let wanted = folder.messages.iter().zip(1..).filter(|(message, _)| is_in(set, message.uid, folder));
                let told = wanted.map(|(message, number)| fetched(message, number, items));
                Some(Reply::ok(&told.collect::<String>()))
            }
            "AUTHENTICATE" | "LOGIN" | "NOOP" | "DONE" => Some(Reply::ok("")),
            "LOGOUT" => Some(Reply::ok("* BYE\r\n")),
            _ => None,
        }
    }
}

fn replaced(said: &[u8], tag: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"{tag}";
    let mut out = Vec::with_capacity(said.len());
    let mut rest = said;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(tag);
        rest = from.get(MARK.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Whether a set such as `1:3,7,9:*` holds the UID. A range may run backwards.
fn is_in(set: &str, uid: u32, folder: &Folder) -> bool {
    let last = folder.messages.last().map_or(0, |message| message.uid);
    let number = |text: &str| if text == "*" { Some(last) } else { text.parse().ok() };
    set.split(',').any(|part| {
        let (low, high) = part.split_once(':').unwrap_or((part, part));
        let ends = number(low).zip(number(high));
        ends.is_some_and(|(low, high)| (low.min(high)..=low.max(high)).contains(&uid))
    })
}

/// The UIDs that a client asks for, out of a command's set.
pub fn named(command: &str) -> Vec<u32> {
    let set = command.trim_start_matches("UID FETCH ").split(' ').next().unwrap_or_default();
    let ranges = set.split(',').filter_map(|part| {
        let (low, high) = part.split_once(':').unwrap_or((part, part));
        Some(low.parse::<u32>().ok()?..=high.parse().ok()?)
    });
    ranges.flatten().collect()
}

fn searched(folder: &Folder, criteria: &str) -> String {
    let words: Vec<&str> = criteria.split(' ').collect();
    let after = |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)).copied();
    let since = after("SINCE").and_then(|date| NaiveDate::parse_from_str(date, "%d-%b-%Y").ok());
    let found = folder.messages.iter().filter(|message| {
        after("UID").is_none_or(|set| is_in(set, message.uid, folder))
            && since.is_none_or(|since| message.at.date_naive() >= since)
    });
    let uids: String = found.map(|message| format!(" {}", message.uid)).collect();
    format!("* SEARCH{uids}\r\n")
}

/// What is told of one message: everything that is known of it, and the parts that were asked for.
pub fn fetched(message: &Message, number: usize, items: &str) -> String {
    let mut told = format!(
        "* {number} FETCH (UID {} FLAGS () INTERNALDATE \"{}\" RFC822.SIZE {}",
        message.uid,
        message.at.format("%d-%b-%Y %H:%M:%S +0000"),
        message.text.len()
    );
    let mut rest = items;
    while let Some((_, from)) = rest.split_once("BODY.PEEK[") {
        let (section, after) = from.split_once(']').unwrap_or((from, ""));
        let partial = after.strip_prefix('<').and_then(|partial| partial.split_once('>')?.0.split_once('.'));
        let (start, most) =
            partial.and_then(|(start, most)| start.parse().ok().zip(most.parse().ok())).unwrap_or((0, usize::MAX));
        let (head, body) = message.text.split_once("\r\n\r\n").unwrap_or((&message.text, ""));
        let whole = match section {
            "TEXT" => body.to_owned(),
            _ if section.starts_with("HEADER") => format!("{head}\r\n\r\n"),
            _ => message.text.clone(),
        };
        let part = whole.get(start..whole.len().min(most.saturating_add(start))).unwrap_or_default();
        let mark = if partial.is_some() { format!("<{start}>") } else { String::new() };
        let _ = write!(told, " BODY[{section}]{mark} {{{}}}\r\n{part}", part.len());
        rest = after;
    }
    told + ")\r\n"
}

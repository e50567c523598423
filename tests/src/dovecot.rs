//! A private Dovecot: IMAP over TLS, LMTP for Postfix, and the judge of Postfix's sign-ins.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::authority::Authority;
use crate::keep::Kept;
use crate::place::{Place, free_port, is_root, own_names, program, run, user_of};

/// A running server.
#[derive(Debug)]
pub struct Dovecot {
    at: DovecotAt,
    is_for_tests: bool,
    _kept: Kept,
}

/// How to reach one that somebody started.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DovecotAt {
    /// IMAP over TLS on 127.0.0.1.
    pub imaps: u16,
    /// Where mail is handed in.
    pub lmtp: PathBuf,
    /// Where Postfix asks whether a password is right.
    pub auth: PathBuf,
    /// The log, for what a server saw: sign-ins, and how they ended.
    pub log: PathBuf,
    config: PathBuf,
    users: PathBuf,
    mail: PathBuf,
    owner: String,
}

/// Who says which access tokens hold.
#[derive(Clone, Copy, Debug)]
pub struct Introspection<'a> {
    /// Where to ask (RFC 7662).
    pub url: &'a str,
    /// What the name to sign in with and the one that the token names have in common: `%u`, all of it; `%d`, the domain, as
    /// with an application that may read every mailbox of a company.
    pub in_common: &'a str,
}

/// How one is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// It takes access tokens besides passwords.
    pub introspection: Option<Introspection<'a>>,
    /// Many messages share a file (mdbox): what large providers do, and what hands a hundred thousand out fastest. Else each
    /// message is a file of a Maildir, which others can read and write too.
    pub is_dense: bool,
    /// A thousand of its users are there at once. Each is a user of the system then, because that lets one of them wait for
    /// changes in 128 folders; for that it runs as root.
    pub is_crowd: bool,
}

impl Dovecot {
    /// Starts it in `place`.
    pub fn start(place: &Place, authority: &Authority) -> anyhow::Result<Self> {
        Self::start_with(place, authority, Setup::default())
    }

    /// Starts it in `place`, set up as asked.
    pub fn start_with(place: &Place, authority: &Authority, setup: Setup<'_>) -> anyhow::Result<Self> {
        let dir = place.folder("dovecot")?;
        let mail = place.folder("mail")?;
        let (me, my_group) = own_names()?;
        // As root it wants its own users for the parts that face the network, and an ordinary one for the mail.
        let (internal, login, owner) = if is_root() {
            let login = user_of(&["dovenull", "nobody"]).context("no user for Dovecot's sign-ins")?;
            let internal = user_of(&["dovecot", "nobody"]).context("no user for Dovecot")?;
            (internal, login, "65534:65534".to_owned())
        } else {
            (me.clone(), me.clone(), String::new())
        };
        let group = if is_root() { internal.clone() } else { my_group };
        let at = DovecotAt {
            imaps: free_port()?,
            lmtp: dir.join("lmtp"),
            auth: dir.join("sasl"),
            log: dir.join("log"),
            config: dir.join("dovecot.conf"),
            users: dir.join("users"),
            mail: mail.clone(),
            owner: owner.clone(),
        };
        std::fs::create_dir_all(&at.users)?;
        if is_root() {
            run(Command::new("chown").arg(&owner).arg(&mail))?;
        }
        // A new base folder each time: sockets of an unclean end would stop a quick restart.
        let base = tempfile::Builder::new().prefix("b").rand_bytes(4).tempdir_in(&dir)?.keep();
        std::fs::set_permissions(&base, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let ids = if is_root() {
            "uid=65534 gid=65534".to_owned()
        } else {
            run(Command::new("sh").args(["-c", "echo uid=$(id -u) gid=$(id -g)"]))?.trim().to_owned()
        };
        let (mechanisms, tokens) = match setup.introspection {
            None => ("plain login", String::new()),
            Some(Introspection { url, in_common }) => {
                let file = dir.join("oauth2.conf.ext");
                let settings = format!(
                    "introspection_mode = post
introspection_url = {url}
force_introspection = yes
username_attribute = username
username_format = {in_common}
active_attribute = active
active_value = true
"
                );
                std::fs::write(&file, settings)?;
                let args = file.display();
                let passdb =
                    format!("passdb {{\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = {args}\n}}");
                ("plain login xoauth2 oauthbearer", passdb)
            }
        };
        let userdb = if setup.is_crowd {
            let (users, home) = (at.users.display(), mail.display());
            format!(
                "userdb {{\n driver = passwd-file\n args = username_format=%u {users}/%u\n default_fields = {ids} home={home}/%u\n}}"
            )
        } else {
            format!("userdb {{\n driver = static\n args = {ids} home={}/%u\n}}", mail.display())
        };
        // A process that passes on what it deciphers lives as long as its session, unless it does that for many.
        let (passing_on, many) = if setup.is_crowd {
            (" service_count = 0\n process_min_avail = 2\n client_limit = 4000", "default_client_limit = 20000")
        } else {
            ("", "")
        };
        let config = format!(
            "base_dir = {base}
state_dir = {base}
log_path = {log}
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
disable_plaintext_auth = no
first_valid_uid = 1
mail_fsync = never
mailbox_idle_check_interval = 1 s
mail_location = {storage}
mail_max_userip_connections = 1000
{many}
lda_mailbox_autocreate = yes
{tokens}
passdb {{
 driver = passwd-file
 args = scheme=PLAIN username_format=%u {users}/%u
}}
{userdb}
namespace inbox {{
 inbox = yes
 mailbox Sent {{
  auto = create
  special_use = \\Sent
 }}
}}
service imap {{
 process_limit = {most}
}}
service imap-login {{
 chroot =
{passing_on}
 inet_listener imap {{
  port = 0
 }}
 inet_listener imaps {{
  port = {imaps}
  ssl = yes
 }}
}}
service anvil {{
 chroot =
 unix_listener anvil-auth-penalty {{
  mode = 0
 }}
}}
service stats {{
 chroot =
}}
service lmtp {{
 unix_listener {lmtp} {{
  mode = 0666
 }}
}}
service auth {{
 unix_listener {auth} {{
  mode = 0666
 }}
}}
protocol lmtp {{
 postmaster_address = postmaster@localhost
}}
",
            base = base.display(),
            most = if setup.is_crowd { 4_000 } else { 1_024 },
            storage = if setup.is_dense { "mdbox:~/mdbox" } else { "maildir:~/Maildir" },
            log = at.log.display(),
            internal_group = group,
            certificate = authority.certificate.display(),
            key = authority.key.display(),
            users = at.users.display(),
            imaps = at.imaps,
            lmtp = at.lmtp.display(),
            auth = at.auth.display(),
        );
        std::fs::write(&at.config, config)?;
        let mut command = Command::new(program(&["/usr/sbin/dovecot", "dovecot"], "dovecot-imapd")?);
        command.arg("-F").arg("-c").arg(&at.config);
        let mut kept = Kept::start("dovecot", command, "TERM", place.to_remove())?;
        let port = at.imaps;
        kept.wait_until(Duration::from_secs(20), "listening", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .with_context(|| std::fs::read_to_string(&at.log).unwrap_or_default())?;
        Ok(Self { at, is_for_tests: place.to_remove().is_some(), _kept: kept })
    }

    /// How to reach it.
    pub fn at(&self) -> &DovecotAt {
        &self.at
    }
}

impl Drop for Dovecot {
    /// Whoever started it for tests, the product among others has read its mailboxes, and nothing of that may show.
    fn drop(&mut self) {
        if self.is_for_tests && !std::thread::panicking() {
            let seen = self.at.seen_by_strangers(|_anybody| true);
            assert!(seen.as_ref().is_ok_and(Vec::is_empty), "marked as seen, and not by the owner: {seen:#?}");
        }
    }
}

impl DovecotAt {
    /// Gives `user` a mailbox.
    pub fn add_user(&self, user: &str, password: &str) -> anyhow::Result<()> {
        let home = self.mail.join(user);
        // Dovecot would make the Maildir at the first sign-in; not every server does.
        for folder in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(home.join("Maildir").join(folder))?;
        }
        if is_root() {
            run(Command::new("chown").arg("-R").arg(&self.owner).arg(&home))?;
        }
        self.write_password(user, password)
    }

    /// The same for one of a crowd, who is a user of the system with this number.
    pub fn add_user_of_crowd(&self, user: &str, password: &str, uid: u32) -> anyhow::Result<()> {
        let home = self.mail.join(user);
        std::fs::create_dir_all(&home)?;
        let ids = if is_root() {
            std::os::unix::fs::chown(&home, Some(uid), Some(uid))?;
            format!("{uid}:{uid}")
        } else {
            ":".to_owned()
        };
        Ok(std::fs::write(self.users.join(user), format!("{user}:{password}:{ids}:::\n"))?)
    }

    /// Where the mail of `user` lies: a Maildir, whose folders begin with a dot.
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.mail.join(user).join("Maildir")
    }

    /// Gives `user` another password, as a technician does after a theft, and returns once it holds: Dovecot looks at
    /// the user's file at most once a second, and until then lets in who knows the old one.
    pub fn change_password(&self, user: &str, password: &str) -> anyhow::Result<()> {
        self.write_password(user, password)?;
        let doveadm = program(&["/usr/bin/doveadm", "doveadm"], "dovecot-core")?;
        let begun = Instant::now();
        loop {
            let mut ask = Command::new(&doveadm);
            ask.arg("-c").arg(&self.config).args(["auth", "test", "-a"]).arg(&self.auth).args([user, password]);
            match run(&mut ask) {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > Duration::from_secs(10) => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// The folder with a file for each user: its name and password.
    pub(crate) fn users(&self) -> &Path {
        &self.users
    }

    /// The folder with a home for each user.
    pub(crate) fn mail(&self) -> &Path {
        &self.mail
    }

    /// Messages of these users that are marked as seen although their owners did not look at them: user and file.
    pub fn seen_by_strangers(&self, whose: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for user in std::fs::read_dir(&self.mail)? {
            let user = user?.file_name().to_string_lossy().into_owned();
            if whose(&user) {
                let looked_at = std::fs::read_to_string(self.looked_at(&user)).unwrap_or_default();
                let strange = self.seen(&user).into_iter().filter(|one| !looked_at.lines().any(|known| known == one));
                found.extend(strange.map(|one| format!("{user}: {one}")));
            }
        }
        Ok(found)
    }

    /// What is marked as seen now was marked by its owner.
    pub fn owner_looked(&self, user: &str) -> anyhow::Result<()> {
        let lines: String = self.seen(user).iter().map(|one| format!("{one}\n")).collect();
        Ok(std::fs::write(self.looked_at(user), lines)?)
    }

    fn looked_at(&self, user: &str) -> PathBuf {
        self.mail.join(user).join("looked-at")
    }

    /// The messages that are marked as seen, by the names of their files without the flags. Any server that serves the
    /// Maildir writes the flags there.
    fn seen(&self, user: &str) -> Vec<String> {
        let inbox = self.maildir(user);
        let others = std::fs::read_dir(&inbox).into_iter().flatten().flatten().map(|entry| entry.path());
        let folders = std::iter::once(inbox.clone()).chain(others.filter(|path| path.is_dir()));
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.join("cur")).into_iter().flatten().flatten());
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        let seen = names.filter_map(|name| {
            let (message, flags) = name.split_once(":2,")?;
            flags.contains('S').then(|| message.to_owned())
        });
        seen.collect()
    }

    fn write_password(&self, user: &str, password: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.users.join(user), format!("{user}:{password}\n"))?)
    }

    /// Takes everything that lies in a Maildir into INBOX of `user`, without asking for each of a hundred thousand.
    pub fn import(&self, user: &str, maildir: &Path) -> anyhow::Result<()> {
        let doveadm = program(&["/usr/bin/doveadm", "doveadm"], "dovecot-core")?;
        if is_root() {
            run(Command::new("chown").arg("-R").arg(&self.owner).arg(maildir))?;
        }
        let source = format!("maildir:{}", maildir.display());
        run(Command::new(doveadm).arg("-c").arg(&self.config).args(["import", "-u", user, &source, "", "all"]))?;
        Ok(())
    }

    /// How often somebody tried to sign in as `user` over IMAP.
    pub fn sign_ins(&self, user: &str) -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(&self.log)?;
        let by = format!("user=<{user}>");
        Ok(log.lines().filter(|line| line.contains("imap-login:") && line.contains(&by)).count())
    }

    /// How often somebody was let in as `user` by this mechanism.
    pub fn let_in_by(&self, mechanism: &str, user: &str) -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(&self.log)?;
        let by = format!("Login: user=<{user}>, method={mechanism},");
        Ok(log.lines().filter(|line| line.contains("imap-login:") && line.contains(&by)).count())
    }

    /// How often anybody was not let in over IMAP.
    pub fn refusals(&self) -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(&self.log)?;
        Ok(log.lines().filter(|line| line.contains("imap-login:") && line.contains("auth failed")).count())
    }

    /// What the log says, for a failure's report.
    pub fn log_tail(log: &Path) -> String {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(20)).map(|line| format!("    {line}\n")).collect()
    }
}

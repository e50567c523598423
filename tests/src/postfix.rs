//! A private Postfix, because the bounces must be real ones.
//!
//! Its submission port asks Dovecot for the password and writes who signed in into `Received:`; whatever goes to
//! `*.test` is carried to our scripted stranger, whatever goes to `*.example` into Dovecot. Postfix changes users for
//! each of its parts and therefore wants root: as an ordinary user it is started through `sudo -n`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::dovecot::DovecotAt;
use crate::keep::Kept;
use crate::place::{Place, free_port, is_root, run, user_of};

/// A running server.
#[derive(Debug)]
pub struct Postfix {
    at: PostfixAt,
    _kept: Kept,
}

/// How to reach one that somebody started.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PostfixAt {
    /// Where strangers' servers hand in mail.
    pub smtp: u16,
    /// Where owners and thieves sign in and send.
    pub submission: u16,
    /// Its log.
    pub log: PathBuf,
}

/// How it calls itself.
pub const NAME: &str = "mail.sakura-dental.example";

impl Postfix {
    /// Starts it in `place`; `remote` is the port of the scripted stranger.
    pub fn start(place: &Place, dovecot: &DovecotAt, remote: u16) -> anyhow::Result<Self> {
        let root = install()?;
        let config = place.folder("postfix")?;
        let spool = place.folder("spool")?;
        let data = place.folder("pfdata")?;
        let at = PostfixAt { smtp: free_port()?, submission: free_port()?, log: config.join("log") };
        // Unpacked aside (the machine's mail server is another), Postfix's own users are missing.
        let owner = user_of(&["postfix", "news"]).context("no user to run Postfix as")?;
        let group = if owner == "postfix" { "postdrop" } else { "uucp" };
        let main = format!(
            "compatibility_level = 3.6
queue_directory = {spool}
data_directory = {data}
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {config}
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
myhostname = {NAME}
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {log}
maillog_file_prefixes = /
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtputf8_enable = no
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = regexp:{config}/local
virtual_transport = lmtp:unix:{lmtp}
transport_maps = regexp:{config}/transport
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
smtpd_timeout = 20s
message_size_limit = 60000000
mailbox_size_limit = 0
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
maximal_queue_lifetime = 20s
bounce_queue_lifetime = 20s
delay_warning_time = 5s
",
            spool = spool.display(),
            data = data.display(),
            root = root.display(),
            config = config.display(),
            log = at.log.display(),
            lmtp = dovecot.lmtp.display(),
            auth = dovecot.auth.display(),
        );
        std::fs::write(config.join("main.cf"), main)?;
        std::fs::write(config.join("master.cf"), services(at.smtp, at.submission))?;
        std::fs::write(config.join("local"), "/\\.example$/ here\n")?;
        std::fs::write(config.join("transport"), format!("/\\.test$/ smtp:[127.0.0.1]:{remote}\n"))?;
        run(Command::new("sh")
            .args(["-c", FOLDERS, "sh"])
            .args([&spool, &data])
            .args([&owner, group])
            .arg(if is_root() { "" } else { "sudo -n" }))
        .context("Postfix's folders could not be made: it needs root, or sudo without a password")?;

        let master = root.join("usr/lib/postfix/sbin/master");
        let mut command = if is_root() { Command::new(master) } else { sudo(&master) };
        command.arg("-c").arg(&config).arg("-d").env("MAIL_CONFIG", &config).env("MAIL_LOGTAG", "postfix");
        let mut kept = Kept::start("postfix", command, "TERM", place.to_remove())?;
        let port = at.submission;
        let listening = kept.wait_until(Duration::from_secs(20), "listening", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        listening.with_context(|| std::fs::read_to_string(&at.log).unwrap_or_default())?;
        Ok(Self { at, _kept: kept })
    }

    /// How to reach it.
    pub fn at(&self) -> &PostfixAt {
        &self.at
    }
}

/// Makes the queue's folders with the owners that Postfix insists on.
const FOLDERS: &str = r#"spool=$1 data=$2 owner=$3 group=$4 as=$5
for dir in active bounce corrupt defer deferred flush hold incoming private saved trace; do
    $as mkdir -p "$spool/$dir" && $as chown "$owner" "$spool/$dir" && $as chmod 700 "$spool/$dir" || exit 1
done
$as mkdir -p "$spool/pid" "$spool/maildrop" "$spool/public" &&
$as chown root "$spool/pid" && $as chown "$owner:$group" "$spool/maildrop" "$spool/public" &&
$as chmod 730 "$spool/maildrop" && $as chmod 710 "$spool/public" && $as chown "$owner" "$data" && $as chmod 700 "$data""#;

/// The parts of Postfix that run. None is chrooted; nothing listens beyond 127.0.0.1.
fn services(smtp: u16, submission: u16) -> String {
    format!(
        "127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
    )
}

/// Where Postfix is installed: `/`, or where `make deps` unpacked it.
fn install() -> anyhow::Result<PathBuf> {
    let aside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.daimon/postfix");
    for root in [Path::new(""), aside.as_path()] {
        if root.join("usr/lib/postfix/sbin/master").exists()
            || Path::new("/").join(root).join("usr/lib/postfix/sbin/master").exists()
        {
            return Ok(if root.as_os_str().is_empty() { PathBuf::from("/") } else { root.canonicalize()? });
        }
    }
    anyhow::bail!("Postfix is missing: `make deps` installs it")
}

fn sudo(program: &Path) -> Command {
    let mut command = Command::new("sudo");
    command.arg("-n").arg(program);
    command
}

//! A private Courier: another real IMAP server, for the stories to be true of more than one.
//!
//! It serves the same Maildirs that our Dovecot delivers into, to the same users with the same passwords, and is what the
//! product signs in at; owners go on using Dovecot. It differs where servers differ: folders are called `INBOX.Sent`, no
//! folder says what it is for, opening one tells no UIDNEXT, and a refused password has no code.
//!
//! Debian's package excludes Dovecot's and has its paths compiled in. So `make deps` unpacks it aside, and it runs in a mount
//! namespace of its own, in which `/usr` and `/etc` are the machine's with the package's laid over them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::authority::Authority;
use crate::dovecot::DovecotAt;
use crate::keep::Kept;
use crate::place::{Place, free_port, is_root, program};

/// A running server.
#[derive(Debug)]
pub struct Courier {
    at: CourierAt,
    _kept: Kept,
}

/// How to reach one that somebody started.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CourierAt {
    /// IMAP over TLS on 127.0.0.1.
    pub imaps: u16,
    /// The log.
    pub log: PathBuf,
    /// Who tried to sign in, a line for each time: the log does not say who failed to.
    pub asked: PathBuf,
}

impl Courier {
    /// Starts it in `place`, for the mailboxes of `dovecot`.
    pub fn start(place: &Place, authority: &Authority, dovecot: &DovecotAt) -> anyhow::Result<Self> {
        let unpacked = install()?;
        let dir = place.folder("courier")?;
        let at = CourierAt { imaps: free_port()?, log: dir.join("log"), asked: dir.join("asked") };
        let etc = place.folder("courier/etc")?;
        place.folder("courier/run")?;
        // What the package brings, and over it what is ours.
        crate::place::run(Command::new("cp").arg("-R").arg(unpacked.join("etc/courier")).arg(&etc))?;
        let settings = etc.join("courier");
        let (certificate, key) =
            (std::fs::read_to_string(&authority.certificate)?, std::fs::read_to_string(&authority.key)?);
        std::fs::write(settings.join("imapd.pem"), format!("{certificate}{key}"))?;
        std::fs::write(settings.join("authdaemonrc"), "authmodulelist=\"authpipe\"\ndaemons=20\n")?;
        // Inside a namespace that an ordinary user made, that user is called 0.
        let owner = if is_root() { "65534" } else { "0" };
        let judge = JUDGE
            .replace("{users}", &dovecot.users().display().to_string())
            .replace("{mail}", &dovecot.mail().display().to_string())
            .replace("{asked}", &at.asked.display().to_string())
            .replace("{owner}", owner);
        std::fs::write(&at.asked, "")?;
        std::fs::set_permissions(&at.asked, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
        std::fs::write(settings.join("authProg"), judge)?;
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(settings.join("authProg"), executable)?;
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        std::fs::write(etc.join("passwd"), format!("{passwd}courier:x:65534:65534::/:/bin/false\n"))?;

        let mut command = Command::new(program(&["/usr/bin/unshare", "unshare"], "util-linux")?);
        command.arg(if is_root() { "-m" } else { "-rm" }).args(["sh", "-c", START, "courier"]);
        command.args([&unpacked, &dir, &at.log]).arg(at.imaps.to_string());
        let mut kept = Kept::start("courier", command, "TERM", place.to_remove())?;
        let port = at.imaps;
        kept.wait_until(Duration::from_secs(20), "listening", || {
            let is_asked = dir.join("run/courier/authdaemon/socket").exists();
            is_asked.then(|| std::net::TcpStream::connect(("127.0.0.1", port)).ok()).flatten()
        })
        .with_context(|| std::fs::read_to_string(&at.log).unwrap_or_default())?;
        Ok(Self { at, _kept: kept })
    }

    /// How to reach it.
    pub fn at(&self) -> &CourierAt {
        &self.at
    }
}

impl CourierAt {
    /// How often somebody tried to sign in as `user`.
    pub fn sign_ins(&self, user: &str) -> anyhow::Result<usize> {
        Ok(std::fs::read_to_string(&self.asked)?.lines().filter(|line| *line == user).count())
    }
}

/// Says who has which password and mailbox, as Courier asks it (`authpipe`): by the files that Dovecot has too.
const JUDGE: &str = r#"#!/usr/bin/perl
use strict;
$| = 1;
sub password {
    my ($user) = @_;
    return if $user !~ m{\A[^/\0]+\z};
    open my $file, '<', "{users}/$user" or return;
    chomp(my $line = <$file>);
    return substr $line, length($user) + 1;
}
sub answer { my ($user) = @_; print "UID={owner}\nGID={owner}\nHOME={mail}/$user\nADDRESS=$user\nMAILDIR=Maildir\n.\n" }
while (my $line = <STDIN>) {
    chomp $line;
    if ($line =~ /\APRE \S+ \S+ (.*)\z/) {
        defined password($1) ? answer($1) : print "FAIL\n";
    } elsif ($line =~ /\AAUTH (\d+)/) {
        read STDIN, my $said, $1;
        my (undef, $how, $user, $password) = split /\n/, $said;
        my $right = password($user);
        open my $asked, '>>', "{asked}" or die;
        print $asked "$user\n";
        close $asked;
        $how eq 'login' && defined $right && $right eq $password ? answer($user) : print "FAIL\n";
    } else {
        print "FAIL\n";
    }
}
"#;

/// Runs in a mount namespace of its own. Debian's own settings hold, but for the number of clients, and mail is never thrown
/// away: without that it would empty Trash.
const START: &str = r#"set -e
unpacked=$1 dir=$2 port=$4
exec >>"$3" 2>&1
mount -t overlay overlay -o "lowerdir=$unpacked/usr:/usr" /usr
mount -t overlay overlay -o "lowerdir=$dir/etc:/etc" /etc
mount --bind "$dir/run" /run
mkdir -p /run/courier/authdaemon
authmodulelist=authpipe daemons=20 /usr/lib/courier/courier-authlib/authdaemond &
set -a
. /etc/courier/imapd
. /etc/courier/imapd-ssl
IMAP_TLS=1 TLS_CACHEFILE= IMAP_EMPTYTRASH= IMAP_USELOCKS=0
exec /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=500 -maxperip=500 -nodnslookup -noidentlookup "$port" \
    /usr/bin/couriertls -server -tcpd /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
"#;

/// Where `tests/deps.sh courier` unpacked it.
fn install() -> anyhow::Result<PathBuf> {
    let aside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.daimon/courier");
    anyhow::ensure!(aside.join("usr/bin/imapd").exists(), "Courier is missing: `make test-second` unpacks it");
    Ok(aside.canonicalize()?)
}

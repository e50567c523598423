//! Wire shapes of mailboxes. What goes in and what comes out are different types: the password is in one of them only.

use chrono::{DateTime, Utc};
use daimon_domain::id::{CredentialId, MailboxId, TenantId};
use daimon_domain::mailbox::{
    Address, Connection, ConnectionFault, HostName, IdleState, Idling, ImapServer, MAX_REFUSED_LOGINS, Mailbox,
    NewMail, Polling, TlsMode,
};
use daimon_domain::tidying::{FolderTitle, Tidying};
use daimon_domain::words;
use daimon_egress::Guard;
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::{Change, is_plain};
use crate::problem::Problem;

words! {
    /// Whether a mailbox is read.
    PollingState {
        /// It is.
        Active = "active",
        /// Not until somebody resumes it.
        Paused = "paused",
        /// Not any more.
        Deleting = "deleting",
    }
}

words! {
    /// How reading goes.
    ConnectionState {
        /// It was never read.
        New = "new",
        /// It was read the last time.
        Connected = "connected",
        /// It could not be read, and is tried again.
        Unreachable = "unreachable",
        /// It was not let in, and is not tried again.
        CredentialRefused = "credential_refused",
    }
}

/// Where an IMAP server is.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewImapServer, example = json!({"host": "imap.sakura.example", "port": 993, "tls": "implicit"}))]
pub(crate) struct NewImapServer {
    /// Its name, which its certificate must carry. Addresses are not accepted.
    #[garde(skip)]
    #[schema(value_type = String, format = Hostname)]
    pub(crate) host: HostName,
    /// Its port: 993 when left out, 143 with STARTTLS. Others have to be opened by the operator.
    #[serde(default)]
    #[garde(range(min = 1, max = 65_535))]
    #[schema(value_type = Option<u16>, nullable = false, minimum = 1, maximum = 65_535)]
    pub(crate) port: Option<u16>,
    /// How TLS begins: from the first byte when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::tls)]
    pub(crate) tls: Option<TlsMode>,
}

impl NewImapServer {
    /// A server that may be asked for mail; whether its addresses may be dialled is found out at each session.
    pub(crate) fn vetted(self, guard: &Guard) -> Result<ImapServer, Problem> {
        let server = ImapServer::from(self);
        if guard.has_imap_port(server.port, server.tls) {
            return Ok(server);
        }
        let detail = "must be 993, or 143 with starttls, or a port that the operator opened";
        Err(Problem::invalid("/imap/port", detail))
    }
}

impl From<NewImapServer> for ImapServer {
    fn from(new: NewImapServer) -> Self {
        let tls = new.tls.unwrap_or(TlsMode::Implicit);
        let usual = match tls {
            TlsMode::Implicit => 993,
            TlsMode::StartTls => 143,
        };
        Self { host: new.host, port: new.port.unwrap_or(usual), tls }
    }
}

/// A mailbox to be read.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMailbox, example = json!({
    "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "address": "sato@sakura.example",
    "imap": {"host": "imap.sakura.example", "port": 993, "tls": "implicit"}, "password": "correct horse battery staple",
    "poll_interval_s": 300, "new_mail": "idle"
}))]
pub(crate) struct NewMailbox {
    /// Whose it is. May be left out by a key that is limited to one tenant.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::tenant_id)]
    pub(crate) tenant_id: Option<TenantId>,
    /// The mail address that people write to.
    #[serde(deserialize_with = "crate::input::text")]
    #[garde(skip)]
    #[schema(value_type = String, format = Email)]
    pub(crate) address: Address,
    /// Where its IMAP server is.
    #[garde(dive)]
    pub(crate) imap: NewImapServer,
    /// The name to sign in with: the address when left out.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 320), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 320)]
    pub(crate) username: Option<String>,
    /// The password to sign in with. It is sealed and never shown again. Send it, or `credential_id`.
    #[serde(default)]
    #[garde(inner(custom(is_password)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 1_024)]
    pub(crate) password: Option<SecretString>,
    /// The credential to sign in with in place of a password, one of the tenant's. The server has to be the credential's.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::credential_id, required = false)]
    pub(crate) credential_id: Option<CredentialId>,
    /// How often it is read, in seconds: 300 when left out.
    #[serde(default)]
    #[garde(range(min = 60, max = 900))]
    #[schema(value_type = Option<u32>, nullable = false, minimum = 60, maximum = 900)]
    pub(crate) poll_interval_s: Option<u32>,
    /// How new mail is noticed: `poll` when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::new_mail, required = false)]
    pub(crate) new_mail: Option<NewMail>,
}

/// What to change of a mailbox. What is left out stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MailboxChange, example = json!({"poll_interval_s": 120}))]
pub(crate) struct MailboxChange {
    /// The mail address that people write to.
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, format = Email)]
    pub(crate) address: Option<Address>,
    /// The name to sign in with. Another one begins anew.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 320), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 320)]
    pub(crate) username: Option<String>,
    /// How often it is read, in seconds.
    #[serde(default)]
    #[garde(range(min = 60, max = 900))]
    #[schema(value_type = Option<u32>, nullable = false, minimum = 60, maximum = 900)]
    pub(crate) poll_interval_s: Option<u32>,
    /// How new mail is noticed. `idle` begins with the next read, at once.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::new_mail, required = false)]
    pub(crate) new_mail: Option<NewMail>,
    /// Whether, and where to, the bounces of a confirmed incident may be moved. `null` ends that; what was moved can be moved back
    /// all the same.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<NewTidying>)]
    pub(crate) tidying: Change<NewTidying>,
}

/// Where bounces may be moved to.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTidying, example = json!({"folder": "Daimon", "automatic": false}))]
pub(crate) struct NewTidying {
    /// A folder that is for nothing else, by its name as people read it, of one level: made below INBOX where the server has its
    /// folders there. Not INBOX, nor one for sent mail, junk or trash, nor one that the mailbox has already.
    #[serde(deserialize_with = "crate::input::text")]
    #[garde(skip)]
    #[schema(value_type = String, min_length = 1, max_length = 60)]
    pub(crate) folder: FolderTitle,
    /// Whether it is done without being asked for, once a confirmed incident is contained: `false` when left out. Before that its
    /// bounces stay, because the owner is to see them.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<bool>, nullable = false)]
    pub(crate) automatic: Option<bool>,
}

impl From<NewTidying> for Tidying {
    fn from(new: NewTidying) -> Self {
        Self { folder: new.folder, is_automatic: new.automatic.unwrap_or(false) }
    }
}

/// Where bounces may be moved to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tidying)]
pub(crate) struct TidyingView {
    /// The folder, by its name as people read it.
    folder: String,
    /// Whether it is done without being asked for, once a confirmed incident is contained.
    automatic: bool,
}

impl From<Tidying> for TidyingView {
    fn from(tidying: Tidying) -> Self {
        Self { folder: tidying.folder.to_string(), automatic: tidying.is_automatic }
    }
}

/// A password, or a credential, in place of the one before.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCredential, example = json!({"password": "correct horse battery staple"}))]
pub(crate) struct NewCredential {
    /// The password to sign in with. It is sealed and never shown again. Send it, or `credential_id`.
    #[serde(default)]
    #[garde(inner(custom(is_password)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 1_024)]
    pub(crate) password: Option<SecretString>,
    /// The credential to sign in with in place of a password, one of the tenant's. The server has to be the credential's.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::credential_id, required = false)]
    pub(crate) credential_id: Option<CredentialId>,
    /// Another server. A password never follows a mailbox to a new server, so both come together.
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<NewImapServer>, nullable = false)]
    pub(crate) imap: Option<NewImapServer>,
}

/// IMAP can't quote NUL (RFC 9051, 9), and a line break would begin another command.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
pub(crate) fn is_password(password: &SecretString, _context: &()) -> garde::Result {
    let text = password.expose_secret();
    if !matches!(text.len(), 1..=1_024) || text.contains(['\0', '\r', '\n']) {
        return Err(garde::Error::new("has not 1 to 1,024 bytes, or a NUL or a line break"));
    }
    Ok(())
}

/// An IMAP account of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mailbox, example = json!({
    "id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "address": "sato@sakura.example", "imap": {"host": "imap.sakura.example", "port": 993, "tls": "implicit"},
    "username": "sato@sakura.example", "credential_id": null, "polling": "active", "paused_since": null,
    "connection": {"state": "connected", "since": "2026-11-24T07:05:00Z", "fault": null, "advice": null, "failures": 0},
    "poll_interval_s": 300, "new_mail": "idle", "idle": {"state": "idling", "since": "2026-11-24T07:05:00Z"}, "tidying": null,
    "next_poll_at": "2026-11-24T07:25:00Z", "last_polled_at": "2026-11-24T07:10:00Z",
    "created_at": "2026-11-24T07:00:00Z"
}))]
pub(crate) struct MailboxView {
    /// Its id.
    #[schema(schema_with = crate::words::mailbox_id)]
    pub(crate) id: MailboxId,
    /// Whose it is.
    #[schema(schema_with = crate::words::tenant_id)]
    pub(crate) tenant_id: TenantId,
    /// The mail address that people write to.
    pub(crate) address: String,
    /// Where its IMAP server is.
    pub(crate) imap: ImapServerView,
    /// The name to sign in with.
    pub(crate) username: String,
    /// What it signs in with in place of a password.
    #[schema(schema_with = crate::words::credential_id_or_null)]
    pub(crate) credential_id: Option<CredentialId>,
    /// Whether it is read.
    #[schema(schema_with = crate::words::polling_state)]
    pub(crate) polling: PollingState,
    /// Since when it is paused, or being deleted.
    #[schema(required = true)]
    pub(crate) paused_since: Option<DateTime<Utc>>,
    /// How reading goes.
    pub(crate) connection: ConnectionView,
    /// How often it is read, in seconds. While its server tells of new mail, and nothing is wrong, every 15 minutes only.
    pub(crate) poll_interval_s: u32,
    /// How new mail is noticed.
    #[schema(schema_with = crate::words::new_mail)]
    pub(crate) new_mail: NewMail,
    /// How it goes with that, if `new_mail` is `idle`.
    #[schema(required = true)]
    pub(crate) idle: Option<IdleView>,
    /// Whether, and where to, the bounces of a confirmed incident may be moved. `null`: the mailbox is only looked at.
    #[schema(required = true)]
    pub(crate) tidying: Option<TidyingView>,
    /// When it will be read next.
    pub(crate) next_poll_at: DateTime<Utc>,
    /// When it was last read to the end.
    #[schema(required = true)]
    pub(crate) last_polled_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub(crate) created_at: DateTime<Utc>,
}

/// Where an IMAP server is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImapServer)]
pub(crate) struct ImapServerView {
    /// Its name.
    #[schema(value_type = String)]
    host: HostName,
    /// Its port.
    port: u16,
    /// How TLS begins.
    #[schema(schema_with = crate::words::tls)]
    tls: TlsMode,
}

impl From<ImapServer> for ImapServerView {
    fn from(server: ImapServer) -> Self {
        let ImapServer { host, port, tls } = server;
        Self { host, port, tls }
    }
}

/// A session in which the server tells of new mail at once, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Idle)]
pub(crate) struct IdleView {
    /// Whether there is one. Without it the mailbox is read in turn, every `poll_interval_s`.
    #[schema(schema_with = crate::words::idle_state)]
    state: IdleState,
    /// Since when there is one.
    #[schema(required = true)]
    since: Option<DateTime<Utc>>,
}

impl From<Idling> for IdleView {
    fn from(idling: Idling) -> Self {
        Self { state: idling.state(), since: idling.since() }
    }
}

/// How reading a mailbox goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub(crate) struct ConnectionView {
    /// How it goes.
    #[schema(schema_with = crate::words::connection_state)]
    state: ConnectionState,
    /// Since when.
    #[schema(required = true)]
    since: Option<DateTime<Utc>>,
    /// What is in the way.
    #[schema(schema_with = crate::words::connection_fault_or_null)]
    fault: Option<ConnectionFault>,
    /// What somebody can do about it.
    #[schema(required = true)]
    advice: Option<&'static str>,
    /// Failures in a row.
    failures: u32,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        match connection {
            Connection::New => {
                Self { state: ConnectionState::New, since: None, fault: None, advice: None, failures: 0 }
            }
            Connection::Connected { since } => {
                Self { state: ConnectionState::Connected, since: Some(since), fault: None, advice: None, failures: 0 }
            }
            Connection::Unreachable { code, since, failures } => Self {
                state: ConnectionState::Unreachable,
                since: Some(since),
                fault: Some(code),
                advice: Some(code.advice()),
                failures,
            },
            Connection::CredentialRefused { code, since } => Self {
                state: ConnectionState::CredentialRefused,
                since: Some(since),
                fault: Some(code),
                advice: Some(code.advice()),
                failures: if code == ConnectionFault::CredentialRefused { MAX_REFUSED_LOGINS } else { 1 },
            },
        }
    }
}

impl From<Mailbox> for MailboxView {
    fn from(mailbox: Mailbox) -> Self {
        let (polling, paused_since) = match mailbox.polling {
            Polling::Active => (PollingState::Active, None),
            Polling::Paused { since } => (PollingState::Paused, Some(since)),
            Polling::Deleting { since } => (PollingState::Deleting, Some(since)),
        };
        Self {
            id: mailbox.id,
            tenant_id: mailbox.tenant,
            address: mailbox.address.to_string(),
            imap: mailbox.server.into(),
            username: mailbox.username,
            credential_id: mailbox.credential,
            polling,
            paused_since,
            connection: mailbox.connection.into(),
            poll_interval_s: mailbox.poll_interval_s,
            new_mail: mailbox.new_mail,
            idle: (mailbox.new_mail == NewMail::Idle).then(|| mailbox.idling.into()),
            tidying: mailbox.tidying.map(TidyingView::from),
            next_poll_at: mailbox.next_poll_at,
            last_polled_at: mailbox.last_polled_at,
            created_at: mailbox.created_at,
        }
    }
}

/// Which mailboxes, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListMailboxes {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// With this address only.
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    pub(crate) address: Option<Address>,
    /// Those that sign in with this credential only.
    #[garde(skip)]
    #[param(schema_with = crate::words::credential_id, required = false)]
    pub(crate) credential_id: Option<CredentialId>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NewMailbox, String> {
        let mailbox: NewMailbox = serde_json::from_str(text).map_err(|error| error.to_string())?;
        mailbox.validate().map_err(|report| report.to_string())?;
        Ok(mailbox)
    }

    #[test]
    fn what_is_left_out_is_the_usual() {
        let text = r#"{"address": "A@B.example", "imap": {"host": "imap.b.example"}, "password": "swordfish"}"#;
        let mailbox = read(text).unwrap();
        let shown = format!("{mailbox:?}");
        assert!(mailbox.password.is_some() && !shown.contains("swordfish"), "{shown}");
        let server = ImapServer::from(mailbox.imap);
        assert_eq!((server.port, server.tls), (993, TlsMode::Implicit));
        assert_eq!(mailbox.address.as_str(), "a@b.example");
    }

    #[test]
    fn a_password_can_not_begin_another_imap_command() {
        let with = |password: &str| {
            let imap = serde_json::json!({"host": "imap.b.example"});
            read(&serde_json::json!({"address": "a@b.example", "imap": imap, "password": password}).to_string())
        };
        assert!(with("a\r\nb").is_err() && with("a\0").is_err() && with("").is_err());
        assert!(with("pass phrase, with anything else: \"\\{}é").is_ok());
    }

    #[test]
    fn a_server_is_named_and_not_numbered() {
        for host in ["127.0.0.1", "[::1]", "localhost:993", "a b", ""] {
            let text = format!(r#"{{"address": "a@b.example", "imap": {{"host": "{host}"}}, "password": "x"}}"#);
            assert!(read(&text).is_err(), "{host}");
        }
    }
}

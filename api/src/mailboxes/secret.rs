//! What a mailbox signs in with. A password is sealed under its tenant's own key, for its very row; a credential is referred to.

use daimon_domain::id::{CredentialId, MailboxId, TenantId};
use daimon_domain::incident::Incident;
use daimon_domain::mailbox::{ImapServer, Mailbox};
use daimon_seal::Aad;
use daimon_store::{Sealed, credential, mailbox, tenant};
use secrecy::{ExposeSecret, SecretString};

use crate::caller::Caller;
use crate::problem::Problem;

/// What a mailbox signs in with.
pub(crate) enum Means {
    /// A password of its own.
    Password(SecretString),
    /// A credential of its tenant.
    Credential(CredentialId),
}

impl Means {
    /// The one of the two that was sent.
    pub(crate) fn of(password: Option<SecretString>, credential: Option<CredentialId>) -> Result<Self, Problem> {
        match (password, credential) {
            (Some(password), None) => Ok(Self::Password(password)),
            (None, Some(credential)) => Ok(Self::Credential(credential)),
            (None, None) => Err(Problem::invalid("/password", "is missing, and so is credential_id: send one of them")),
            (Some(_), Some(_)) => {
                Err(Problem::invalid("/credential_id", "takes the place of a password: send one of them"))
            }
        }
    }

    pub(crate) const fn credential(&self) -> Option<CredentialId> {
        match self {
            Self::Password(_) => None,
            Self::Credential(credential) => Some(*credential),
        }
    }

    /// What is kept of it in the mailbox's row. `None`: there is no such tenant within reach.
    pub(crate) async fn seal<P>(
        &self,
        caller: &mut Caller<P>,
        tenant: TenantId,
        mailbox: MailboxId,
        server: &ImapServer,
    ) -> Result<Option<Sealed>, Problem> {
        let id = match self {
            Self::Password(password) => return seal(caller, tenant, mailbox, password).await,
            Self::Credential(id) => *id,
        };
        if tenant::data_key(&mut caller.tx, tenant).await?.is_none() {
            return Ok(None);
        }
        let known = credential::find(&mut caller.tx, id).await?.map(|known| known.credential);
        let Some(known) = known.filter(|known| known.tenant == tenant) else {
            return Err(Problem::invalid("/credential_id", "the tenant has no such credential"));
        };
        // Whoever names the server would be handed the token.
        if known.imap_host != server.host {
            let detail =
                format!("must be {}, the only server that this credential's tokens are sent to", known.imap_host);
            return Err(Problem::invalid("/imap/host", detail));
        }
        Ok(Some(Sealed::nothing()))
    }

    /// Notes by which hash others with this password are found.
    pub(super) async fn note_hash<P>(&self, caller: &mut Caller<P>, mailbox: &Mailbox) -> Result<(), Problem> {
        let Self::Password(password) = self else { return Ok(()) };
        let hash = caller.service.master.keyed_hash(caller.msp).password(mailbox.tenant, password);
        Ok(mailbox::set_secret_hash(&mut caller.tx, mailbox.id, &hash).await?)
    }

    /// Whether it is the password that was there before.
    pub(super) fn is(&self, old: &SecretString) -> bool {
        match self {
            Self::Password(password) => password.expose_secret() == old.expose_secret(),
            Self::Credential(_) => false,
        }
    }
}

/// Opens a mailbox's password, to keep it where it proves something; no answer shows it. `None`: it has none, or it can't be
/// opened.
pub(super) async fn open<P>(caller: &mut Caller<P>, mailbox: &Mailbox) -> Result<Option<SecretString>, Problem> {
    if mailbox.credential.is_some() {
        return Ok(None);
    }
    let Some(wrapped) = tenant::data_key(&mut caller.tx, mailbox.tenant).await? else { return Ok(None) };
    let Some(sealed) = mailbox::sealed_secret(&mut caller.tx, mailbox.id).await? else { return Ok(None) };
    let key = caller.service.master.unwrap(&wrapped, &Aad::tenant_key(caller.msp, mailbox.tenant))?;
    let plain = key.open(&Aad::mailbox_secret(caller.msp, mailbox.tenant, mailbox.id), &sealed.bytes)?;
    Ok(std::str::from_utf8(&plain).ok().map(SecretString::from))
}

/// Seals an old password for the incident that it is to prove the end of.
pub(super) async fn seal_old<P>(
    caller: &mut Caller<P>,
    incident: &Incident,
    password: &SecretString,
) -> Result<Option<Sealed>, Problem> {
    let Some(wrapped) = tenant::data_key(&mut caller.tx, incident.tenant).await? else { return Ok(None) };
    let key = caller.service.master.unwrap(&wrapped, &Aad::tenant_key(caller.msp, incident.tenant))?;
    let aad = Aad::old_credential(caller.msp, incident.tenant, incident.id);
    let bytes = key.seal(&aad, password.expose_secret().as_bytes())?;
    Ok(Some(Sealed { bytes, key_version: 1 }))
}

/// Seals a password. `None`: there is no such tenant within reach.
async fn seal<P>(
    caller: &mut Caller<P>,
    tenant: TenantId,
    mailbox: MailboxId,
    password: &SecretString,
) -> Result<Option<Sealed>, Problem> {
    let Some(wrapped) = tenant::data_key(&mut caller.tx, tenant).await? else { return Ok(None) };
    let key = caller.service.master.unwrap(&wrapped, &Aad::tenant_key(caller.msp, tenant))?;
    let aad = Aad::mailbox_secret(caller.msp, tenant, mailbox);
    let bytes = key.seal(&aad, password.expose_secret().as_bytes())?;
    Ok(Some(Sealed { bytes, key_version: 1 }))
}

//! How a mailbox's password is sealed: under its tenant's own key, for its very row.

use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::incident::Incident;
use daimon_domain::mailbox::Mailbox;
use daimon_seal::Aad;
use daimon_store::{Sealed, mailbox, tenant};
use secrecy::{ExposeSecret, SecretString};

use crate::caller::Caller;
use crate::problem::Problem;

/// Opens a mailbox's password, to keep it where it proves something; no answer shows it. `None`: it can't be opened.
pub(super) async fn open<P>(caller: &mut Caller<P>, mailbox: &Mailbox) -> Result<Option<SecretString>, Problem> {
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

/// Notes by which hash others with this password are found.
pub(super) async fn note_hash<P>(
    caller: &mut Caller<P>,
    mailbox: &Mailbox,
    password: &SecretString,
) -> Result<(), Problem> {
    let hash = caller.service.master.keyed_hash(caller.msp).password(mailbox.tenant, password);
    Ok(mailbox::set_secret_hash(&mut caller.tx, mailbox.id, &hash).await?)
}

/// Seals a password. `None`: there is no such tenant within reach.
pub(super) async fn seal<P>(
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

//! How a mailbox's password is sealed: under its tenant's own key, for its very row.

use daimon_domain::id::{MailboxId, TenantId};
use daimon_seal::Aad;
use daimon_store::{Sealed, tenant};
use secrecy::{ExposeSecret, SecretString};

use crate::caller::Caller;
use crate::problem::Problem;

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

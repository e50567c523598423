//! What is sealed, and for which place.
//!
//! Layout: version (1 byte) ‖ key id (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16), AES-256-GCM. The nonce is drawn at
//! random for each message: with one key per tenant there are far fewer than the 2³² messages that this allows.

use aws_lc_rs::aead::{self, AES_256_GCM, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use daimon_domain::clock::Entropy;
use daimon_domain::id::{BounceId, CredentialId, EndpointId, IncidentId, MailboxId, MspId, TenantId, UserId};
use daimon_domain::scope::Actor;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;

/// Sealing or opening failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// It was sealed with a key that is not at hand.
    #[error("sealed with a key that is not in the key file")]
    UnknownKey,
    /// It was changed, cut short, or sealed for another row or column.
    #[error("the sealed value is damaged or belongs elsewhere")]
    Damaged,
}

/// The place a secret belongs to.
///
/// It is authenticated along with the secret, so a value that was copied to another row does not open there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aad {
    msp: MspId,
    tenant: Option<TenantId>,
    row: Option<Uuid>,
    column: &'static str,
}

impl Aad {
    /// A tenant's data key.
    pub const fn tenant_key(msp: MspId, tenant: TenantId) -> Self {
        Self { msp, tenant: Some(tenant), row: None, column: "data_key" }
    }

    /// The secret a mailbox is signed in to with.
    pub const fn mailbox_secret(msp: MspId, tenant: TenantId, mailbox: MailboxId) -> Self {
        Self { msp, tenant: Some(tenant), row: Some(mailbox.as_uuid()), column: "sealed_secret" }
    }

    /// What a credential asks for access tokens with.
    pub const fn credential_secret(msp: MspId, tenant: TenantId, credential: CredentialId) -> Self {
        Self { msp, tenant: Some(tenant), row: Some(credential.as_uuid()), column: "credential_secret" }
    }

    /// An access token of whoever holds it: a credential, or a mailbox.
    pub const fn access_token(msp: MspId, tenant: TenantId, holder: Uuid) -> Self {
        Self { msp, tenant: Some(tenant), row: Some(holder), column: "sealed_token" }
    }

    /// What a mailbox was signed in to with before an incident's containment.
    pub const fn old_credential(msp: MspId, tenant: TenantId, incident: IncidentId) -> Self {
        Self { msp, tenant: Some(tenant), row: Some(incident.as_uuid()), column: "old_credential" }
    }

    /// The address of a recipient, which waits to be given to who asked for it.
    pub const fn bounced_recipient(msp: MspId, tenant: TenantId, bounce: BounceId) -> Self {
        Self { msp, tenant: Some(tenant), row: Some(bounce.as_uuid()), column: "bounced_recipient" }
    }

    /// An answer that is kept for a caller who may ask again; it can show a secret that is shown once.
    pub const fn kept_answer(msp: MspId, caller: Actor) -> Self {
        Self { msp, tenant: None, row: Some(caller.as_uuid()), column: "idempotency_body" }
    }

    /// What a user's authenticator app and we share.
    pub const fn totp_secret(msp: MspId, user: UserId) -> Self {
        Self { msp, tenant: None, row: Some(user.as_uuid()), column: "totp_secret" }
    }

    /// The secret of a webhook endpoint, which belongs to no tenant.
    pub const fn webhook_secret(msp: MspId, endpoint: EndpointId) -> Self {
        Self { msp, tenant: None, row: Some(endpoint.as_uuid()), column: "sealed_secret" }
    }

    /// Each part with its length in front, so that no two places have the same bytes.
    fn bytes(&self, key_id: [u8; KEY_ID_LEN]) -> Vec<u8> {
        let tenant = self.tenant.map(|tenant| *tenant.as_uuid().as_bytes());
        let row = self.row.map(|row| *row.as_bytes());
        let mut bytes = Vec::with_capacity(96);
        for part in [
            self.msp.as_uuid().as_bytes().as_slice(),
            tenant.as_ref().map_or(&[], <[u8; 16]>::as_slice),
            row.as_ref().map_or(&[], <[u8; 16]>::as_slice),
            self.column.as_bytes(),
            &key_id,
            &[VERSION],
        ] {
            bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// The key of one tenant, or one of the master keys: 256 bits that seal and open.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Names the key without revealing it.
    pub(crate) fn id(&self) -> [u8; KEY_ID_LEN] {
        let full = derive(self, &[b"key id"]);
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(full.first_chunk::<KEY_ID_LEN>().unwrap_or(&[0; KEY_ID_LEN]));
        id
    }

    /// Seals `plain` for that place.
    pub fn seal(&self, aad: &Aad, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let id = self.id();
        let mut body = Vec::with_capacity(plain.len().saturating_add(16));
        body.extend_from_slice(plain);
        let nonce = self.cipher()?.seal_in_place_append_tag(aead::Aad::from(aad.bytes(id)), &mut body).map_err(
            |aead_error| {
                body.zeroize();
                damaged(aead_error)
            },
        )?;
        let mut sealed = Vec::with_capacity(1 + KEY_ID_LEN + NONCE_LEN + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what was sealed for that place.
    pub fn open(&self, aad: &Aad, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let id = key_id(sealed)?;
        if id != self.id() {
            return Err(SealError::UnknownKey);
        }
        let (nonce, body) =
            sealed.get(1 + KEY_ID_LEN..).and_then(<[u8]>::split_first_chunk::<NONCE_LEN>).ok_or(SealError::Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length =
            self.cipher()?.open_in_place(nonce, aead::Aad::from(aad.bytes(id)), &mut body).map_err(damaged)?.len();
        body.truncate(length);
        Ok(body)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, self.as_bytes()).map_err(damaged)
    }
}

/// Which key sealed it.
pub(crate) fn key_id(sealed: &[u8]) -> Result<[u8; KEY_ID_LEN], SealError> {
    match sealed.split_first_chunk::<{ 1 + KEY_ID_LEN }>() {
        Some(([VERSION, id @ ..], _)) => Ok(*id),
        _ => Err(SealError::Damaged),
    }
}

/// A key that follows from another: HKDF-Expand for one block (RFC 5869, 2.3). Keys are uniformly random, so there is
/// nothing to extract (3.3).
pub(crate) fn derive(key: &DataKey, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
    for part in info {
        context.update(part);
    }
    context.update(&[1]);
    let mut derived = Zeroizing::new([0; 32]);
    for (to, from) in derived.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    derived
}

/// aws-lc-rs says nothing about the cause, on purpose.
fn damaged(_unspecified: aws_lc_rs::error::Unspecified) -> SealError {
    SealError::Damaged
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use proptest::prelude::*;

    use super::*;

    struct Ids {
        key: DataKey,
        msp: MspId,
        tenant: TenantId,
        mailbox: MailboxId,
        other: MailboxId,
    }

    fn ids() -> Ids {
        let (entropy, at) = (SeededEntropy::new(3), DateTime::UNIX_EPOCH);
        Ids {
            key: DataKey::generate(&entropy),
            msp: MspId::new(at, &entropy),
            tenant: TenantId::new(at, &entropy),
            mailbox: MailboxId::new(at, &entropy),
            other: MailboxId::new(at, &entropy),
        }
    }

    #[test]
    fn a_secret_does_not_open_in_another_row_or_column() {
        let Ids { key, msp, tenant, mailbox, other } = ids();
        let sealed = key.seal(&Aad::mailbox_secret(msp, tenant, mailbox), b"hunter2").unwrap();
        let open = |aad: &Aad| key.open(aad, &sealed).map(|plain| plain.to_vec());
        assert_eq!(open(&Aad::mailbox_secret(msp, tenant, mailbox)), Ok(b"hunter2".to_vec()));
        assert_eq!(open(&Aad::mailbox_secret(msp, tenant, other)), Err(SealError::Damaged));
        let another_column = Aad { column: "another", ..Aad::mailbox_secret(msp, tenant, mailbox) };
        assert_eq!(open(&another_column), Err(SealError::Damaged));
        assert_eq!(open(&Aad::tenant_key(msp, tenant)), Err(SealError::Damaged));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let Ids { key, msp, tenant, mailbox, .. } = ids();
        let aad = Aad::mailbox_secret(msp, tenant, mailbox);
        let sealed = key.seal(&aad, b"hunter2").unwrap();
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(key.open(&aad, &changed).is_err(), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert!(key.open(&aad, &sealed[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn another_key_says_that_it_is_another_key() {
        let Ids { key, msp, tenant, .. } = ids();
        let aad = Aad::tenant_key(msp, tenant);
        let sealed = key.seal(&aad, b"x").unwrap();
        let stranger = DataKey::generate(&SeededEntropy::new(9));
        assert_eq!(stranger.open(&aad, &sealed).err(), Some(SealError::UnknownKey));
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time() {
        let Ids { key, msp, tenant, .. } = ids();
        let aad = Aad::tenant_key(msp, tenant);
        assert_ne!(key.seal(&aad, b"x").unwrap(), key.seal(&aad, b"x").unwrap());
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(plain in proptest::collection::vec(any::<u8>(), 0..300)) {
            let Ids { key, msp, tenant, mailbox, .. } = ids();
            let aad = Aad::mailbox_secret(msp, tenant, mailbox);
            let sealed = key.seal(&aad, &plain).unwrap();
            let opened = key.open(&aad, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plain.as_slice());
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let Ids { key, msp, tenant, .. } = ids();
            prop_assert!(key.open(&Aad::tenant_key(msp, tenant), &bytes).is_err());
        }
    }
}

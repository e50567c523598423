//! What is read together with the lease.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use daimon_domain::campaign::Marks;
use daimon_domain::credential::CredentialKind;
use daimon_domain::id::{CampaignId, MailboxId, MspId};
use daimon_domain::incident::TAIL;
use daimon_domain::job::Lease;
use daimon_domain::mailbox::{Checkpoint, Mailbox, NewMail};
use daimon_domain::scope::Wall;
use daimon_domain::tenant::Tenant;
use daimon_posture::Posture;
use daimon_seal::{Aad, DataKey, KeyedHash, MasterKey};
use daimon_store::mailbox::IdleStanding;
use daimon_store::quarantine::{self, Quarantined};
use daimon_store::{
    MspTx, Sealed, StoreError, campaign, correspondent, domain_posture, folder, in_hand, incident, mailbox, sent,
    sibling, tenant,
};
use secrecy::SecretString;

use super::alone::Seat;
use super::hands::Hands;
use super::memory::{Memory, Newer};
use super::surroundings::Own;
use super::tell::Subject;
use super::weigh::Ground;
use crate::idle::Begun;
use crate::poll::{Credentials, Secret};
use crate::token::{Access, Grant};

/// A leased mailbox and everything that is known of it.
#[expect(clippy::struct_excessive_bools, reason = "independent claims about one mailbox")]
pub(super) struct Work {
    pub(super) wall: Wall,
    pub(super) mailbox: Mailbox,
    pub(super) tenant: Tenant,
    pub(super) lease: Lease,
    pub(super) memory: Memory,
    pub(super) folders: BTreeMap<String, Checkpoint>,
    /// Folders that had another UIDVALIDITY the last time, and how often in a row.
    pub(super) renumbered: BTreeMap<String, u32>,
    /// What sessions that died had in hand.
    pub(super) hands: Hands,
    /// What was put aside and is to be read once more.
    pub(super) asked_again: Vec<Quarantined>,
    /// Where it runs: among other sessions, or alone.
    pub(super) seat: Seat,
    /// How many reports this session has read.
    pub(super) reports: usize,
    /// Whether this session has come further in any folder.
    pub(super) has_progressed: bool,
    /// Whether anything is known of what the mailbox sent, and to whom.
    pub(super) has_sent: bool,
    pub(super) has_correspondents: bool,
    /// It has the password of a mailbox that was stolen.
    pub(super) is_sibling: bool,
    pub(super) hash: KeyedHash,
    /// Whether a session waits for its new mail, or may; `None`: none is wanted.
    pub(super) standing: Option<IdleStanding>,
    /// Whether it is read over the session that has waited here.
    pub(super) is_told: bool,
    /// Whether its session waits for new mail when this is over.
    pub(super) begun: Begun,
    campaigns: Arc<[(CampaignId, Marks)]>,
    posture: Arc<Posture>,
    sealed_key: Vec<u8>,
    sealed_secret: Sealed,
    grant: Option<Grant>,
}

/// What came of it.
pub(super) enum Taken {
    Work(Box<Work>),
    /// The tenant or the mailbox has gone.
    Gone,
    /// A newer program has written what is remembered of it, and is to read it.
    Newer(Newer),
}

impl Work {
    /// Reads it in the transaction of the lease.
    pub(super) async fn read(
        tx: &mut MspTx,
        mailbox: Mailbox,
        lease: Lease,
        master: &MasterKey,
        now: DateTime<Utc>,
    ) -> Result<Taken, StoreError> {
        let (id, tenant_id) = (mailbox.id, mailbox.tenant);
        let Some(tenant) = tenant::find(tx, tenant_id).await? else { return Ok(Taken::Gone) };
        let Some(sealed_key) = tenant::data_key(tx, tenant_id).await? else { return Ok(Taken::Gone) };
        let Some(sealed_secret) = mailbox::sealed_secret(tx, id).await? else { return Ok(Taken::Gone) };
        let grant = Grant::read(tx, &mailbox, &sealed_key).await?;
        let folders = folder::list(tx, id).await?;
        let renumbered = folders.iter().filter(|one| one.renumbered > 0);
        let mut memory = match Memory::read(mailbox::detector_state(tx, id).await?.as_ref()) {
            Ok(memory) => memory,
            Err(newer) => return Ok(Taken::Newer(newer)),
        };
        memory.hear_of(&incident::live_for_mailbox(tx, id).await?);
        Ok(Taken::Work(Box::new(Self {
            wall: Wall::whole(tx.msp()),
            tenant,
            lease,
            memory,
            renumbered: renumbered.map(|one| (one.name.clone(), one.renumbered)).collect(),
            folders: folders.into_iter().map(|one| (one.name, one.checkpoint)).collect(),
            hands: Hands(in_hand::left(tx, id, &lease).await?),
            asked_again: quarantine::asked_again(tx, id).await?,
            seat: Seat::default(),
            reports: 0,
            has_progressed: false,
            has_sent: sent::count(tx, id).await? > 0,
            has_correspondents: correspondent::count(tx, id).await? > 0,
            is_sibling: sibling::is_watched(tx, id).await?,
            standing: match mailbox.new_mail {
                NewMail::Idle => mailbox::idle_standing(tx, id).await?,
                NewMail::Poll => None,
            },
            is_told: false,
            begun: Begun::No,
            hash: master.keyed_hash(tx.msp()),
            campaigns: campaign::marks_for(tx, tenant_id, id, now - TAIL).await?.into(),
            posture: posture(tx, &mailbox).await?.into(),
            sealed_key,
            sealed_secret,
            grant,
            mailbox,
        })))
    }

    pub(super) const fn id(&self) -> MailboxId {
        self.mailbox.id
    }

    const fn msp(&self) -> MspId {
        self.wall.msp
    }

    /// Of whom its events tell.
    pub(super) const fn subject(&self) -> Subject<'_> {
        Subject { tenant: &self.tenant, mailbox: &self.mailbox, drill: None }
    }

    /// How it signs in, where it is not with a password.
    pub(super) fn credential_kind(&self) -> Option<CredentialKind> {
        self.grant.as_ref().map(|grant| grant.credential.kind)
    }

    /// What it signs in with; `None` when that can't be opened, which somebody has to mend.
    pub(super) fn access(&self, master: &MasterKey) -> Option<Access> {
        if let Some(grant) = &self.grant {
            return Some(Access::Token(Box::new(grant.clone())));
        }
        let (msp, tenant) = (self.msp(), self.tenant.id);
        let aad = Aad::mailbox_secret(msp, tenant, self.id());
        let secret = open(master, &self.sealed_key, &Aad::tenant_key(msp, tenant), &aad, &self.sealed_secret)?;
        let secret = Secret::Password(secret);
        Some(Access::Password(Credentials { username: self.mailbox.username.clone(), secret }))
    }

    /// What secrets of its tenant are sealed under; `None` when that can't be opened.
    pub(super) fn data_key(&self, master: &MasterKey) -> Option<DataKey> {
        master.unwrap(&self.sealed_key, &Aad::tenant_key(self.msp(), self.tenant.id)).ok()
    }

    /// Reading a folder has come as far as `checkpoint`, and that is stored.
    pub(super) fn passed(&mut self, folder: String, checkpoint: Checkpoint) {
        self.hands.passed(&folder, checkpoint);
        self.has_progressed |= self.folders.get(&folder) != Some(&checkpoint);
        self.folders.insert(folder, checkpoint);
    }

    /// What weighing its mail needs of it.
    pub(super) fn ground(&self) -> Ground {
        Ground {
            mailbox: self.mailbox.clone(),
            tenant: self.tenant.id,
            hash: self.hash.clone(),
            own: Own { has_sent: self.has_sent, has_correspondents: self.has_correspondents },
            campaigns: Arc::clone(&self.campaigns),
            posture: Arc::clone(&self.posture),
        }
    }
}

/// How the mailbox's domain stood when DNS was last asked; nothing is known before that.
async fn posture(tx: &mut MspTx, mailbox: &Mailbox) -> Result<Posture, StoreError> {
    let domain = mailbox.address.domain().to_ascii_lowercase();
    let found = domain_posture::find(tx, mailbox.tenant, &domain).await?;
    Ok(found.and_then(|found| serde_json::from_value(found.posture).ok()).unwrap_or_default())
}

/// Opens a password that is sealed under its tenant's key.
pub(super) fn open(
    master: &MasterKey,
    sealed_key: &[u8],
    of_key: &Aad,
    of_secret: &Aad,
    sealed: &Sealed,
) -> Option<SecretString> {
    let key = master.unwrap(sealed_key, of_key).ok()?;
    let plain = key.open(of_secret, &sealed.bytes).ok()?;
    Some(SecretString::from(std::str::from_utf8(&plain).ok()?))
}

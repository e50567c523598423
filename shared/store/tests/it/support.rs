//! Two MSPs with a tenant and a mailbox each, seen through the roles that the programs use.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::SeededEntropy;
use daimon_domain::id::{AttemptId, BounceId, DeliveryId, EndpointId, EventId, IncidentId, MailboxId, MspId, TenantId};
use daimon_domain::incident::{Incident, IncidentState, Life};
use daimon_domain::mailbox::{Connection, Idling, ImapServer, Mailbox, NewMail, Polling, TlsMode};
use daimon_domain::scope::{Tenants, Wall};
use daimon_domain::tenant::{Language, Tenant};
use daimon_domain::verdict::{Severity, Tier, Verdict};
use daimon_store::attempt::Attempt;
use daimon_store::bounce::Bounce;
use daimon_store::{Db, Fleet, Owner, Sealed, endpoint, mailbox, msp, tenant};
use sqlx::postgres::{PgPool, PgPoolOptions};

/// Seconds after a morning in November.
pub(crate) fn at(second: i64) -> DateTime<Utc> {
    "2026-11-24T08:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(second)
}

/// An MSP with one tenant and one mailbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Msp {
    pub(crate) id: MspId,
    pub(crate) tenant: TenantId,
    pub(crate) mailbox: MailboxId,
}

impl Msp {
    pub(crate) fn wall(self) -> Wall {
        Wall::whole(self.id)
    }

    /// The wall of a caller who is limited to some tenants.
    pub(crate) fn limited(self, tenants: &[TenantId]) -> Wall {
        Wall { msp: self.id, tenants: Tenants::Only(tenants.to_vec()) }
    }
}

pub(crate) struct World {
    pub(crate) owner: PgPool,
    pub(crate) app: PgPool,
    pub(crate) fleet_pool: PgPool,
    pub(crate) db: Db,
    pub(crate) fleet: Fleet,
    pub(crate) entropy: SeededEntropy,
    pub(crate) ours: Msp,
    pub(crate) theirs: Msp,
}

impl World {
    pub(crate) async fn new(owner: PgPool) -> Self {
        let app = pool_of(&owner, "daimon_app", 4).await;
        let fleet_pool = pool_of(&owner, "daimon_fleet", 1).await;
        let db = Db::of_pool(app.clone()).await.unwrap();
        let entropy = SeededEntropy::new(7);
        let ours = an_msp(&owner, &db, &entropy).await;
        let theirs = an_msp(&owner, &db, &entropy).await;
        Self { owner, app, fleet: Fleet::of_pool(fleet_pool.clone()), fleet_pool, db, entropy, ours, theirs }
    }

    /// A further tenant of an MSP.
    pub(crate) async fn another_tenant(&self, msp: Msp) -> TenantId {
        let mut tx = self.db.begin(&msp.wall()).await.unwrap();
        let tenant = a_tenant(TenantId::new(at(1), &self.entropy));
        tenant::insert(&mut tx, &tenant, b"sealed").await.unwrap();
        tx.commit().await.unwrap();
        tenant.id
    }

    /// A further mailbox of a tenant.
    pub(crate) async fn another_mailbox(&self, msp: Msp, tenant: TenantId, address: &str) -> MailboxId {
        let mut tx = self.db.begin(&msp.wall()).await.unwrap();
        let mailbox = a_mailbox(MailboxId::new(at(1), &self.entropy), tenant, address);
        mailbox::insert(&mut tx, &mailbox, &sealed(b"password")).await.unwrap();
        tx.commit().await.unwrap();
        mailbox.id
    }

    /// An endpoint that wants to hear of some tenants, or of all.
    pub(crate) async fn an_endpoint(&self, msp: Msp, tenants: &[TenantId]) -> EndpointId {
        let mut tx = self.db.begin(&msp.wall()).await.unwrap();
        let id = EndpointId::new(at(1), &self.entropy);
        let mut endpoint = endpoint::Endpoint::new(id, "https://psa.example/hook".to_owned(), at(1));
        endpoint.wants.tenants = tenants.to_vec();
        endpoint::insert(&mut tx, &endpoint, b"sealed").await.unwrap();
        tx.commit().await.unwrap();
        endpoint.id
    }

    pub(crate) fn event_id(&self, second: i64) -> EventId {
        EventId::new(at(second), &self.entropy)
    }

    pub(crate) fn delivery_id(&self, second: i64) -> DeliveryId {
        DeliveryId::new(at(second), &self.entropy)
    }

    /// An attempt that worked.
    pub(crate) fn attempt(&self, delivery: DeliveryId, second: i64) -> Attempt {
        Attempt {
            id: AttemptId::new(at(second), &self.entropy),
            delivery,
            at: at(second),
            status: Some(200),
            fault: None,
            latency_ms: 12,
            excerpt: None,
            request_sha256: Some([7; 32]),
        }
    }

    pub(crate) fn bounce(&self, msp: Msp, received_at: DateTime<Utc>) -> Bounce {
        Bounce {
            id: BounceId::new(received_at, &self.entropy),
            tenant: msp.tenant,
            mailbox: msp.mailbox,
            folder: "INBOX".to_owned(),
            uid_validity: u32::MAX,
            uid: 9,
            received_at,
            kind: daimon_domain::bounce::Kind::Bounce,
            reason: daimon_domain::reason::Reason::UserUnknown,
            status: "5.1.1".parse().ok(),
            reply: Some(550),
            permanence: daimon_domain::reason::Permanence::Permanent,
            fault: daimon_domain::reason::Fault::Recipient,
            action: daimon_domain::bounce::Action::Failed,
            rule: "status_5_1_1".to_owned(),
            diagnostic: Some("550 5.1.1 no such user".to_owned()),
            reporting_mta: Some("mail.sakura.example".to_owned()),
            remote_mta: None,
            recipient_hash: [3; 32],
            recipient_domain: "nowhere.example".to_owned(),
            template: None,
            subject_skeleton_hash: Some([4; 32]),
            observation: r#"{"sent_copy": "no"}"#.to_owned(),
            verdict: None,
            incident: None,
            drill: None,
        }
    }

    pub(crate) fn incident(&self, msp: Msp) -> Incident {
        Incident {
            id: IncidentId::new(at(5), &self.entropy),
            tenant: msp.tenant,
            mailbox: msp.mailbox,
            drill: None,
            verdict: Verdict::AccountTakeover,
            tier: Tier::Watch,
            severity: Severity::High,
            state: IncidentState::Open,
            score_db: 21.5,
            bounces: 3,
            unexpected_recipients: 3,
            evidence: Vec::new(),
            dedup_key: "takeover".to_owned(),
            sequence: 1,
            opened_at: at(5),
            updated_at: at(5),
            first_bounce_at: at(1),
            last_bounce_at: at(4),
            contained_at: None,
            life: Life::default(),
        }
    }
}

/// Connections of another role to the same database.
pub(crate) async fn pool_of(owner: &PgPool, role: &str, connections: u32) -> PgPool {
    let options = owner.connect_options().as_ref().clone().username(role);
    PgPoolOptions::new().max_connections(connections).connect_with(options).await.unwrap()
}

pub(crate) fn sealed(bytes: &[u8]) -> Sealed {
    Sealed { bytes: bytes.to_vec(), key_version: 1 }
}

fn a_tenant(id: TenantId) -> Tenant {
    Tenant {
        id,
        name: "Sakura K.K.".parse().unwrap(),
        language: Language::Japanese,
        external_refs: [("halopsa".to_owned(), "1234".to_owned())].into(),
        groups: ["gold".parse().unwrap()].into(),
        created_at: at(0),
        is_deleting: false,
        version: 1,
    }
}

pub(crate) fn a_mailbox(id: MailboxId, tenant: TenantId, address: &str) -> Mailbox {
    Mailbox {
        id,
        tenant,
        address: address.parse().unwrap(),
        server: ImapServer { host: "imap.sakura.example".parse().unwrap(), port: 993, tls: TlsMode::Implicit },
        username: address.to_owned(),
        credential: None,
        polling: Polling::Active,
        connection: Connection::New,
        poll_interval_s: 60,
        new_mail: NewMail::Poll,
        idling: Idling::Starting,
        tidying: None,
        next_poll_at: at(10),
        last_polled_at: None,
        created_at: at(0),
        version: 1,
    }
}

async fn an_msp(owner: &PgPool, db: &Db, entropy: &SeededEntropy) -> Msp {
    let made = Msp {
        id: MspId::new(at(0), entropy),
        tenant: TenantId::new(at(0), entropy),
        mailbox: MailboxId::new(at(0), entropy),
    };
    let owner = Owner::of_pool(owner.clone()).await.unwrap();
    let mut tx = owner.begin(&made.wall()).await.unwrap();
    msp::create(&mut tx, "Kumo MSP", at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.begin(&made.wall()).await.unwrap();
    tenant::insert(&mut tx, &a_tenant(made.tenant), b"sealed").await.unwrap();
    let mailbox = a_mailbox(made.mailbox, made.tenant, "sato@sakura.example");
    mailbox::insert(&mut tx, &mailbox, &sealed(b"password")).await.unwrap();
    tx.commit().await.unwrap();
    made
}

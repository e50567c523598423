//! What is in the tables: two providers with their companies, mailboxes and incidents, and millions of bounces of four
//! months, most of some mailboxes and a few of most, with a day of flood in some. All but the time follows from the seed.

use std::fmt::Write as _;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::{Clock as _, Entropy as _, SeededEntropy, SystemClock};
use daimon_domain::id::{IncidentId, MailboxId, MspId, TenantId, uuid_v7};
use daimon_domain::incident::{Incident, IncidentState, Life};
use daimon_domain::mailbox::{Connection, Idling, ImapServer, Mailbox, NewMail, Polling, TlsMode};
use daimon_domain::reason::Reason;
use daimon_domain::scope::Wall;
use daimon_domain::tenant::{Language, Tenant};
use daimon_domain::verdict::{EvidenceLine, Severity, Tier, Verdict};
use daimon_store::{Db, Owner, Sealed, incident, mailbox, tenant};
use daimon_tests::rig::Rig;
use daimon_tests::world::bootstrap;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

const DAYS: u64 = 120;
const DAY_MS: u64 = 86_400_000;
/// Of so many bounces all but one are of the provider who asks.
const SHARE: u64 = 5;
/// Of ten bounces on a day of flood so many are of the flooded mailbox.
const FLOOD: u64 = 6;
/// So much is sent to Postgres at a time.
const CHUNK: usize = 1 << 19;

/// What the measuring needs to know of it.
pub(crate) struct Stock {
    /// Who asks.
    pub(crate) msp: Uuid,
    pub(crate) key: Uuid,
    pub(crate) tenants: usize,
    pub(crate) mailboxes: Vec<MailboxId>,
    /// Companies with many bounces.
    pub(crate) busiest: Vec<TenantId>,
    /// How many bounces are the provider's.
    pub(crate) bounces: u64,
    /// Things of the other provider: what they are, where one would ask for them, their ids.
    pub(crate) theirs: [(&'static str, &'static str, Vec<Uuid>); 3],
    /// When the newest came.
    pub(crate) now: DateTime<Utc>,
}

/// Numbers from a seed.
struct Random(SeededEntropy);

impl Random {
    fn next(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// From 0 up to, not including, `end`.
    fn below(&self, end: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or_default()
    }

    fn pick<'a, T>(&self, all: &'a [T]) -> anyhow::Result<&'a T> {
        all.get(usize::try_from(self.below(all.len() as u64))?).context("nothing to choose from")
    }

    /// One of them, the earlier the likelier.
    fn pick_early<'a, T>(&self, all: &'a [T]) -> anyhow::Result<&'a T> {
        let end = 1 + self.below(all.len() as u64);
        all.get(usize::try_from(self.below(end))?).context("nothing to choose from")
    }

    fn random10(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.0.fill(&mut bytes);
        bytes
    }
}

/// A provider's.
struct Fleet {
    msp: Uuid,
    tenants: Vec<TenantId>,
    mailboxes: Vec<(TenantId, MailboxId)>,
    /// Of each day the flooded mailbox and its incident, if there is one.
    floods: Vec<Option<(TenantId, MailboxId, IncidentId)>>,
}

/// How large a provider is.
struct Size {
    tenants: usize,
    mailboxes: usize,
    incidents: usize,
}

const OURS: Size = Size { tenants: 400, mailboxes: 4_000, incidents: 3_000 };
const THEIRS: Size = Size { tenants: 100, mailboxes: 1_000, incidents: 500 };

/// Fills the tables.
pub(crate) async fn fill(rig: &Rig, rows: u64, seed: u64) -> anyhow::Result<Stock> {
    let random = Random(SeededEntropy::new(seed));
    let now = SystemClock.now();
    let owner_url = rig.at.url("daimon_owner", "daimon");
    let mut look = rig.look().await?;
    #[expect(clippy::disallowed_methods, reason = "it looks, as the superuser, at what the rig has made")]
    let (msp, key): (Uuid, Uuid) = sqlx::query_as("select msp_id, key_id from api_key").fetch_one(&mut look).await?;
    bootstrap(&owner_url, "Heron Systems", now).await?;
    let others = sqlx::query_scalar("select msp_id from msp where msp_id <> $1").bind(msp).fetch_one(&mut look).await?;
    let owner = Owner::connect(&owner_url).await?;
    for days in [0, DAYS / 2, DAYS] {
        owner.ensure_partitions(now - TimeDelta::days(i64::try_from(days)?)).await?;
    }
    owner.close().await;
    let db = Db::connect(&rig.at.url("daimon_app", "daimon"), 2).await?;
    let ours = fleet(&db, &random, msp, OURS, now).await?;
    let theirs = fleet(&db, &random, others, THEIRS, now).await?;
    db.close().await;

    // Otherwise Postgres writes everything to its files every few seconds meanwhile.
    rig.sql("alter system set max_wal_size = '8GB'").await?;
    rig.sql("select pg_reload_conf()").await?;
    let half = rows / 2;
    let (early, late) = (Random(SeededEntropy::new(seed + 1)), Random(SeededEntropy::new(seed + 2)));
    let fleets = [ours, theirs];
    let loaded = tokio::try_join!(
        load(rig, &early, &fleets, now, 0..half, rows),
        load(rig, &late, &fleets, now, half..rows, rows)
    )?;
    // What autovacuum would do some time while it is measured.
    rig.sql("vacuum analyze").await?;
    rig.sql("checkpoint").await?;
    let [ours, theirs] = fleets;
    let floods = theirs.floods.iter().flatten();
    Ok(Stock {
        msp,
        key,
        tenants: ours.tenants.len(),
        mailboxes: ours.mailboxes.iter().map(|(_, mailbox)| *mailbox).collect(),
        busiest: ours.tenants,
        bounces: loaded.0 + loaded.1,
        theirs: [
            ("tenant", "/v1/tenants/tnt_", theirs.tenants.iter().map(|id| id.as_uuid()).collect()),
            ("mailbox", "/v1/mailboxes/mbx_", theirs.mailboxes.iter().map(|(_, id)| id.as_uuid()).collect()),
            ("incident", "/v1/incidents/inc_", floods.map(|(.., id)| id.as_uuid()).collect()),
        ],
        now,
    })
}

/// A provider's companies, mailboxes and incidents, as the programs store them.
async fn fleet(db: &Db, random: &Random, msp: Uuid, size: Size, now: DateTime<Utc>) -> anyhow::Result<Fleet> {
    let began = now - TimeDelta::days(2 * i64::try_from(DAYS)?);
    let mut tx = db.begin(&Wall::whole(MspId::from_uuid(msp))).await?;
    let mut tenants = Vec::with_capacity(size.tenants);
    for number in 0..size.tenants {
        let new = Tenant {
            id: TenantId::new(began, &random.0),
            name: format!("Company {number}").parse()?,
            language: if number % 3 == 0 { Language::Japanese } else { Language::English },
            external_refs: [("halopsa".to_owned(), number.to_string())].into(),
            groups: std::collections::BTreeSet::new(),
            created_at: began,
            is_deleting: false,
            version: 1,
        };
        tenant::insert(&mut tx, &new, &[7; 60]).await?;
        tenants.push(new.id);
    }
    let mut mailboxes = Vec::with_capacity(size.mailboxes);
    for number in 0..size.mailboxes {
        let tenant = *random.pick_early(&tenants)?;
        let new = Mailbox {
            id: MailboxId::new(began, &random.0),
            tenant,
            address: format!("person{number}@company{}.example", random.below(1_000)).parse()?,
            server: ImapServer { host: "imap.host.example".parse()?, port: 993, tls: TlsMode::Implicit },
            username: format!("person{number}"),
            credential: None,
            polling: Polling::Active,
            connection: Connection::Connected { since: began },
            poll_interval_s: 300,
            new_mail: NewMail::Poll,
            idling: Idling::Starting,
            tidying: None,
            next_poll_at: now + TimeDelta::days(1),
            last_polled_at: Some(now),
            created_at: began,
            version: 1,
        };
        mailbox::insert(&mut tx, &new, &Sealed::nothing()).await?;
        mailboxes.push((tenant, new.id));
    }
    let causes = [Verdict::Backscatter, Verdict::BulkList, Verdict::WebScript, Verdict::Outage, Verdict::Undetermined];
    for (number, at) in mailboxes.iter().cycle().take(size.incidents).enumerate() {
        let opened = now - TimeDelta::milliseconds(i64::try_from(random.below(DAYS * DAY_MS))?);
        let verdict = *random.pick(&causes)?;
        let state = if number % 20 == 0 { IncidentState::Open } else { IncidentState::Closed };
        incident::insert(&mut tx, &one_incident(random, *at, verdict, state, opened)).await?;
    }
    let mut floods = Vec::new();
    for day in 0..DAYS {
        // Each on a mailbox of its own: there is one live incident of a cause at a time.
        let of = mailboxes.get(usize::try_from(day * 29)?).filter(|_| day % 5 == 3);
        let Some((tenant, mailbox)) = of.copied() else {
            floods.push(None);
            continue;
        };
        let opened = now - TimeDelta::days(i64::try_from(DAYS - day)?);
        let state = if day + 20 > DAYS { IncidentState::Open } else { IncidentState::Closed };
        let new = one_incident(random, (tenant, mailbox), Verdict::AccountTakeover, state, opened);
        incident::insert(&mut tx, &new).await?;
        floods.push(Some((tenant, mailbox, new.id)));
    }
    tx.commit().await?;
    Ok(Fleet { msp, tenants, mailboxes, floods })
}

fn one_incident(
    random: &Random,
    (tenant, mailbox): (TenantId, MailboxId),
    verdict: Verdict,
    state: IncidentState,
    opened: DateTime<Utc>,
) -> Incident {
    let seen = [
        ("submission", "signed_in=person@company.example from=203.0.113.7"),
        ("sent_copy", "missing"),
        ("gen_site", "own_provider"),
        ("recipient", "never_written_to"),
        ("template", "new"),
        ("hour", "asleep"),
    ];
    let line = |(item, value): (&str, &str)| EvidenceLine {
        item: item.to_owned(),
        value: value.to_owned(),
        db: 9.5,
        count: 14,
        against: Some(Verdict::Legit),
    };
    Incident {
        id: IncidentId::new(opened, &random.0),
        tenant,
        mailbox,
        drill: None,
        verdict,
        tier: Tier::Probable,
        severity: Severity::High,
        state,
        score_db: 57.5,
        bounces: 14,
        unexpected_recipients: 12,
        evidence: seen.into_iter().map(line).collect(),
        dedup_key: format!("{mailbox}:{verdict}"),
        sequence: 3,
        opened_at: opened,
        updated_at: opened + TimeDelta::hours(2),
        first_bounce_at: opened,
        last_bounce_at: opened + TimeDelta::hours(1),
        contained_at: None,
        life: Life::default(),
    }
}

/// Why mail came back, and how often of a hundred times.
const CAUSES: [(u64, Reason, &str, Option<i16>, &str); 7] = [
    (
        45,
        Reason::UserUnknown,
        "5.1.1",
        Some(550),
        "550 5.1.1 The email account that you tried to reach does not exist.",
    ),
    (13, Reason::SpamContent, "5.7.1", Some(554), "554 5.7.1 Message rejected as spam by Content Filtering."),
    (12, Reason::MailboxFull, "4.2.2", Some(452), "452 4.2.2 The recipient's inbox is out of storage space."),
    (
        10,
        Reason::IpBlocked,
        "5.7.25",
        Some(550),
        "550 5.7.25 The IP address sending this message does not have a PTR record.",
    ),
    (
        8,
        Reason::HostUnknown,
        "5.1.2",
        None,
        "Host or domain name not found. Name service error for name=far.example type=MX",
    ),
    (
        7,
        Reason::Expired,
        "4.4.7",
        None,
        "delivery temporarily suspended: connect to mx.far.example: Connection timed out",
    ),
    (5, Reason::Policy, "5.7.0", Some(550), "550 5.7.0 Our policy does not allow this message to be delivered."),
];

/// Stores the bounces of these numbers out of `rows`, the oldest first; how many were the first fleet's.
async fn load(
    rig: &Rig,
    random: &Random,
    fleets: &[Fleet; 2],
    now: DateTime<Utc>,
    numbers: std::ops::Range<u64>,
    rows: u64,
) -> anyhow::Result<u64> {
    let mut look = rig.look().await?;
    // What they refer to is there: it was made above.
    sqlx::raw_sql(AssertSqlSafe("set session_replication_role = replica")).execute(&mut look).await?;
    let mut copy = look
        .copy_in_raw(
            "copy bounce (msp_id, tenant_id, mailbox_id, bounce_id, folder, uid_validity, uid, received_at, kind, reason,
                status, reply, permanence, fault, action, rule, diagnostic, reporting_mta, remote_mta, recipient_hash,
                recipient_domain, template, subject_skeleton_hash, observation, verdict, incident_id) from stdin",
        )
        .await?;
    let (mut text, mut ours) = (String::with_capacity(2 * CHUNK), 0);
    let began = now - TimeDelta::days(i64::try_from(DAYS)?);
    for number in numbers {
        // Evenly in time, so that the newest is the last.
        let after_ms = u64::try_from(u128::from(number) * u128::from(DAYS * DAY_MS) / u128::from(rows.max(1)))?;
        let [first, second] = fleets;
        let fleet = if random.below(SHARE) == 0 { second } else { first };
        ours += u64::from(std::ptr::eq(fleet, first));
        write_bounce(&mut text, random, fleet, number, began, after_ms)?;
        if text.len() >= CHUNK {
            copy.send(text.as_bytes()).await?;
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(ours)
}

/// One line of `copy`.
fn write_bounce(
    out: &mut String,
    random: &Random,
    fleet: &Fleet,
    number: u64,
    began: DateTime<Utc>,
    after_ms: u64,
) -> anyhow::Result<()> {
    let at = began + TimeDelta::milliseconds(i64::try_from(after_ms)?);
    let flood = fleet.floods.get(usize::try_from(after_ms / DAY_MS)?).copied().flatten();
    let flood = flood.filter(|_| random.below(10) < FLOOD);
    let (tenant, mailbox) = match flood {
        Some((tenant, mailbox, _)) => (tenant, mailbox),
        None => *random.pick_early(&fleet.mailboxes)?,
    };
    let (verdict, is_flood) = if flood.is_some() { (Verdict::AccountTakeover, true) } else { (Verdict::Legit, false) };
    let mut at_cause = random.below(100);
    let cause = CAUSES.iter().find(|(share, ..)| {
        let is_it = at_cause < *share;
        at_cause = at_cause.saturating_sub(*share);
        is_it
    });
    let (_, reason, status, reply, diagnostic) = cause.context("the shares make a hundred")?;
    let reply = reply.map_or_else(|| "\\N".to_owned(), |reply| reply.to_string());
    let permanence = if status.starts_with('5') { "permanent" } else { "temporary" };
    let (fault, bounce) = (reason.fault(), uuid_v7(at, random.random10()));
    let (hash, letter) = (random.next(), if is_flood { 1 } else { random.below(50_000) });
    let host = random.below(1 + random.below(20_000));
    let time = at.to_rfc3339();
    write!(
        out,
        "{}\t{}\t{}\t{bounce}\tINBOX\t1700000000\t{}\t{time}\tbounce\t{reason}\t{status}\t{reply}\t{permanence}\t{fault}\tfailed\t\
         enhanced_status\t{diagnostic}\tmx.host.example\tmx{host}.far.example\t\\\\x{hash:016x}{hash:016x}{hash:016x}{hash:016x}\t\
         far{host}.example\tletter-{letter:012x}\t\\\\x{letter:016x}{letter:016x}{letter:016x}{letter:016x}\t",
        fleet.msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        number % u64::from(u32::MAX),
    )?;
    write!(
        out,
        "{{\"clues\": [\"gen_site:own_provider\", \"sent_copy:missing\", \"recipient:never_written_to\", \"template:new\"], \
         \"template\": \"letter-{letter:012x}\", \"bounced_at\": \"{time}\", \"recipient\": {}, \"reporter\": 7113, \
         \"submitted\": {{\"at\": \"{time}\", \"source\": \"own_received\"}}, \"sent_weight\": 1.0, \"is_unexpected\": {is_flood}, \
         \"is_own_origin\": {is_flood}, \"is_delay\": false, \"is_blind\": false}}\t{verdict}\t",
        hash >> 1,
    )?;
    match flood {
        Some((_, _, incident)) => writeln!(out, "{}", incident.as_uuid())?,
        None => out.push_str("\\N\n"),
    }
    Ok(())
}

//! One session, from lease to record.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::time::Time;
use daimon_domain::clock::Clock;
use daimon_domain::id::{DeliveryId, MailboxId, MspId, TenantId};
use daimon_domain::job::{JobEnd, Lease};
use daimon_domain::mailbox::{ConnectionFault, HostName, Mailbox};
use daimon_domain::scope::Wall;
use daimon_egress::{DialError, Egress};
use daimon_posture::Blocklists;
use daimon_provider::Budget;
use daimon_queue::{Kind, Queue};
use daimon_seal::{MasterKey, SystemEntropy};
use daimon_store::in_hand::{self, InHand};
use daimon_store::{Db, Fleet, MspTx, StoreError, mailbox};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::alone::Room;
use super::give_back::Left;
use super::session;
use super::work::{Taken, Work};
use super::{outcome, posture, tidying};
use crate::idle::{Idlers, Told};
use crate::poll::{Secret, SessionError};
use crate::token::{Access, NoToken};

/// What every session needs.
pub struct Reader {
    /// The database.
    pub db: Db,
    /// The way out.
    pub egress: Egress,
    /// What secrets are sealed under.
    pub master: Arc<MasterKey>,
    /// Where hints go.
    pub queue: Queue,
    /// The time.
    pub time: Time,
    /// Randomness for ids and jitter.
    pub entropy: SystemEntropy,
    /// How long a lease holds.
    pub lease: TimeDelta,
    /// So many reports a session reads before it contents itself with samples of a flood that is settled; `None`: reads all.
    pub read_all_up_to: Option<usize>,
    /// Leases that could not be given back yet.
    pub left: Left,
    /// Where all sessions run.
    pub room: Room,
    /// The block lists that are asked for mailboxes' domains; `None`: nothing is asked of DNS about them.
    pub blocklists: Option<Arc<Blocklists>>,
    /// Where seats at servers are taken.
    pub fleet: Fleet,
    /// One deletion goes on at a time.
    pub deletions: Semaphore,
    /// Sessions that wait for new mail.
    pub(crate) idlers: Idlers,
    /// What a server bears that nobody knows.
    pub usual: Budget,
    /// Finish the batch at hand and stop.
    pub stop: CancellationToken,
    /// Stop now.
    pub hurry: CancellationToken,
}

/// Why a session did not read to the end.
#[derive(Debug, thiserror::Error)]
pub(super) enum PollError {
    #[error("no connection")]
    Dial(#[from] DialError),
    #[error("the session failed")]
    Session(#[from] SessionError),
    #[error("the database failed")]
    Store(#[from] StoreError),
    #[error("the mailbox is in other hands")]
    FencedOff,
    #[error("the program is stopping")]
    Stopped,
    #[error("more is left than one session reads")]
    Unfinished,
    #[error("the session's time was over before anything was read")]
    Stalled,
    #[error("a folder has another UIDVALIDITY each time")]
    Renumbered,
    #[error("what it signs in with can't be opened")]
    Sealed,
    #[error("processes have died of the mailbox")]
    SetAside,
    #[error("the session that has waited for new mail is gone")]
    NotLent,
    #[error("there is no access token")]
    NoToken(#[source] NoToken),
}

impl From<NoToken> for PollError {
    fn from(error: NoToken) -> Self {
        match error {
            NoToken::Store(error) => Self::Store(error),
            NoToken::Sealed => Self::Sealed,
            NoToken::Refused(_) | NoToken::Later { .. } | NoToken::Awaited => Self::NoToken(error),
        }
    }
}

impl PollError {
    /// What is wrong with the mailbox, where it is the mailbox.
    pub(super) fn fault(&self) -> Option<ConnectionFault> {
        match self {
            Self::Dial(error) => Some(error.into()),
            Self::Session(error) => Some(error.code()),
            Self::Stalled => Some(ConnectionFault::Unreachable),
            Self::Renumbered => Some(ConnectionFault::UnstableUids),
            Self::SetAside => Some(ConnectionFault::SetAside),
            Self::NoToken(NoToken::Refused(_)) => Some(ConnectionFault::GrantRefused),
            Self::NoToken(NoToken::Later { .. }) => Some(ConnectionFault::TokenUnavailable),
            Self::NoToken(NoToken::Awaited | NoToken::Sealed | NoToken::Store(_))
            | Self::Store(_)
            | Self::FencedOff
            | Self::Stopped
            | Self::Unfinished
            | Self::Sealed
            | Self::NotLent => None,
        }
    }
}

impl Reader {
    /// Says that deliveries wait. Without Redis they are found in Postgres.
    pub(super) async fn hint_deliveries(&self, msp: MspId, tenant: TenantId, deliveries: &[DeliveryId]) {
        let ids: Vec<_> = deliveries.iter().map(|id| id.as_uuid()).collect();
        if let Err(error) = self.queue.push_many(Kind::Deliver, tenant, msp, &ids).await {
            tracing::debug!(error = %error, "deliveries were not hinted");
        }
    }
}

/// Reads one mailbox. The second time, or with a hint that is stale, it does nothing: `None`.
#[tracing::instrument(name = "poll", skip_all, fields(msp.id = %msp, mailbox.id = %id))]
pub async fn poll(ctx: &Reader, msp: MspId, id: MailboxId) -> Result<Option<JobEnd>, StoreError> {
    let Some(mut work) = take(ctx, msp, id).await? else { return Ok(None) };
    if work.lease.attempt > 1 {
        tracing::warn!(mailbox.id = %id, attempt = work.lease.attempt, "the last session of mailbox {id} did not say how it ended");
    }
    let began = Instant::now();
    let lateness_ms = (ctx.time.now() - work.mailbox.next_poll_at).num_milliseconds().max(0);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of lateness")]
    metrics::histogram!("daimon_poll_lateness_seconds").record(lateness_ms as f64 / 1_000.0);
    let (wall, lease, host) = (work.wall.clone(), work.lease, work.mailbox.server.host.clone());
    let mark = work.seat.mark();
    let ended = match work.access(&ctx.master) {
        _ if work.hands.is_mailbox_culprit() => Err(PollError::SetAside),
        None => Err(PollError::Sealed),
        Some(access) => tokio::select! {
            ended = Box::pin(ctx.room.run(mark, session::read(ctx, &mut work, &access))) => ended,
            lost = keep(ctx, &wall, id, &host, &lease) => Err(lost),
            () = ctx.hurry.cancelled() => Err(PollError::Stopped),
        },
    };
    let outcome = match &ended {
        Ok(()) => "read",
        Err(PollError::FencedOff) => "fenced_off",
        Err(PollError::Stopped) => "stopped",
        Err(PollError::Unfinished) => "unfinished",
        Err(PollError::Sealed) => "sealed",
        Err(PollError::NotLent) => "not_lent",
        Err(PollError::Store(_)) => "database",
        Err(PollError::NoToken(NoToken::Awaited)) => "token_awaited",
        Err(
            error @ (PollError::Dial(_)
            | PollError::Session(_)
            | PollError::Stalled
            | PollError::Renumbered
            | PollError::SetAside
            | PollError::NoToken(_)),
        ) => error.fault().map_or("failed", ConnectionFault::as_str),
    };
    metrics::counter!("daimon_polls_total", "outcome" => outcome).increment(1);
    metrics::histogram!("daimon_poll_seconds").record(began.elapsed().as_secs_f64());
    let (tenant, domain) = (work.tenant.id, work.mailbox.address.domain().to_owned());
    let is_tidied = work.mailbox.tidying.as_ref().is_some_and(|tidying| tidying.is_automatic);
    let inbox = work.folders.keys().find(|name| name.eq_ignore_ascii_case("INBOX")).cloned();
    let end = Box::pin(outcome::record(ctx, work, ended)).await;
    ctx.leave_host(&host, lease.token).await;
    let end = end?;
    // The mailbox is nobody's again by now.
    posture::refresh(ctx, &wall, tenant, &domain).await;
    if is_tidied && outcome == "read" {
        tidying::begin_by_itself(ctx, &wall, id, inbox.as_deref()).await?;
    }
    Ok(Some(end))
}

/// Makes a mailbox due because its server told of new mail. `false`: it is not to be read, or somebody else sees to it.
pub(crate) async fn note(ctx: &Reader, told: &Told) -> Result<bool, StoreError> {
    let mut tx = ctx.db.begin(&Wall::whole(told.hint.msp)).await?;
    let is_due = mailbox::notice(&mut tx, MailboxId::from_uuid(told.hint.id), told.token, ctx.time.now()).await?;
    tx.commit().await?;
    Ok(is_due)
}

/// How soon a worker that may know more is given another chance.
const NEWER_WAIT: TimeDelta = TimeDelta::seconds(10);

/// Leases the mailbox and takes a seat at its server, if both are to be had.
async fn take(ctx: &Reader, msp: MspId, id: MailboxId) -> Result<Option<Work>, StoreError> {
    let now = ctx.time.now();
    let mut tx = ctx.db.begin(&Wall::whole(msp)).await?;
    let Some((mailbox, lease)) = mailbox::lease(&mut tx, id, now, now + ctx.lease).await? else { return Ok(None) };
    if let Some(next) = ctx.is_too_soon(&mailbox, now) {
        mailbox::give_back(tx, id, &lease, next).await?;
        return Ok(None);
    }
    let host = mailbox.server.host.clone();
    // Who is read over a session that has waited signs in nowhere.
    let is_told = ctx.idlers.wants(id);
    if !is_told && !ctx.enter_host(&host, lease.token, now).await? {
        return Ok(None); // And nothing is written: it stays due.
    }
    let mut taken = take_leased(ctx, tx, mailbox, lease, now).await;
    if let Ok(Some(work)) = &mut taken {
        work.is_told = is_told;
    }
    if !matches!(taken, Ok(Some(_))) {
        ctx.leave_host(&host, lease.token).await;
    }
    taken
}

/// Reads what is known of the mailbox, and writes down that a session has it in hand.
async fn take_leased(
    ctx: &Reader,
    mut tx: MspTx,
    mailbox: Mailbox,
    lease: Lease,
    now: DateTime<Utc>,
) -> Result<Option<Work>, StoreError> {
    let id = mailbox.id;
    match Work::read(&mut tx, mailbox, lease, &ctx.master, now).await? {
        Taken::Work(work) => {
            in_hand::take(&mut tx, work.tenant.id, id, &lease, &InHand::nothing_of("", false), now).await?;
            // Also of what an older program has written without it.
            if let Some(Access::Password(credentials)) = work.access(&ctx.master)
                && let Secret::Password(password) = &credentials.secret
            {
                mailbox::set_secret_hash(&mut tx, id, &work.hash.password(work.tenant.id, password)).await?;
            }
            // A lease that a crash of the database undoes fences its session off like one that has run out.
            tx.commit_for_now().await?;
            Ok(Some(*work))
        }
        Taken::Gone => Ok(None),
        Taken::Newer(newer) => {
            tracing::warn!(mailbox.id = %id, error = %newer, "mailbox {id} is left to a newer worker");
            mailbox::give_back(tx, id, &lease, now + NEWER_WAIT).await?;
            Ok(None)
        }
    }
}

/// Renews the lease for as long as the work goes on; ends when it is lost.
async fn keep(ctx: &Reader, wall: &Wall, id: MailboxId, host: &HostName, lease: &Lease) -> PollError {
    loop {
        ctx.time.sleep(ctx.lease / 3).await;
        let until = ctx.time.now() + ctx.lease;
        let renewed = async {
            let mut tx = ctx.db.begin(wall).await?;
            let is_ours = mailbox::renew(&mut tx, id, lease, until).await?;
            tx.commit().await?;
            Ok::<bool, StoreError>(is_ours)
        };
        ctx.stay_at_host(host, lease.token, until).await;
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return PollError::FencedOff,
            // The fence holds without us: whoever commits proves the lease again.
            Err(error) => tracing::debug!(error = %error, "a lease was not renewed"),
        }
    }
}

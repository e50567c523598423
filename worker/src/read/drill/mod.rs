//! Drills: a made-up episode, read, judged, recorded and told like what really comes, but for the IMAP server.
//!
//! A drill is a row with a detector memory of its own, and each step of it a job under a lease: one look at the mailbox, or
//! one move of the response. Steps are made of nothing but the row, so whoever takes the lease goes on, also after a worker
//! died. Whatever a step writes carries the drill's id and goes when the drill ends; the mailbox itself is only looked at
//! for its name.

mod script;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::drill::{Drill, DrillState};
use daimon_domain::id::{AuditId, DeliveryId, DrillId, MspId};
use daimon_domain::incident::{Incident, IncidentState};
use daimon_domain::job::Lease;
use daimon_domain::mailbox::Mailbox;
use daimon_domain::scope::Wall;
use daimon_domain::tenant::Tenant;
use daimon_seal::KeyedHash;
use daimon_store::drill::{self, Run};
use daimon_store::incident::{StepDone, StepState};
use daimon_store::{MspTx, StoreError, audit, bounce, incident, mailbox, tenant};
use daimon_verdict::life::{self, Change};
use daimon_verdict::playbook;
use serde_json::json;

use self::script::{Cast, Script};
use super::commit::mark;
use super::incident::{move_as, write};
use super::job::Reader;
use super::memory::Memory;
use super::tell::Subject;

/// From one step to the next, so that people can watch, and receivers are told one thing after the other.
const PACE: TimeDelta = TimeDelta::seconds(1);
/// The last webhooks have so long to arrive before everything goes.
const LAST_WORDS: TimeDelta = TimeDelta::seconds(60);
/// A step that ended its process so often is not tried again.
const MOST_ATTEMPTS: u32 = 3;

/// A drill that is ours for a step.
struct Stage {
    wall: Wall,
    drill: Drill,
    run: Run,
    lease: Lease,
    tenant: Tenant,
    mailbox: Mailbox,
    hash: KeyedHash,
}

/// Plays the next step. `false`: there was none.
#[tracing::instrument(name = "drill", skip_all, fields(msp.id = %msp, drill.id = %id))]
pub async fn play(ctx: &Reader, msp: MspId, id: DrillId) -> Result<bool, StoreError> {
    let Some(stage) = Stage::take(ctx, msp, id).await? else { return Ok(false) };
    let now = ctx.time.now();
    let stands = stage.drill.state;
    if stands == DrillState::Ending {
        stage.end(ctx, now).await?;
    } else if stage.lease.attempt > MOST_ATTEMPTS {
        tracing::error!(drill.id = %id, "processes have died of drill {id}; it is cleaned up");
        stage.erase(ctx, DrillState::Failed, now).await?;
    } else if stage.drill.ends_at <= now {
        stage.close(ctx, now).await?;
    } else if stands == DrillState::Playing {
        Box::pin(stage.go_on(ctx, now)).await?;
    } else {
        let until = stage.drill.ends_at;
        stage.wait(ctx, until).await?;
    }
    Ok(true)
}

impl Stage {
    async fn take(ctx: &Reader, msp: MspId, id: DrillId) -> Result<Option<Self>, StoreError> {
        let now = ctx.time.now();
        let wall = Wall::whole(msp);
        let mut tx = ctx.db.begin(&wall).await?;
        let Some((drill, run, lease)) = drill::lease(&mut tx, id, now, now + ctx.lease).await? else {
            return Ok(None);
        };
        let Some(tenant) = tenant::find(&mut tx, drill.tenant).await? else { return Ok(None) };
        let Some(mailbox) = mailbox::find(&mut tx, drill.mailbox).await? else { return Ok(None) };
        tx.commit().await?;
        let hash = ctx.master.keyed_hash(msp);
        Ok(Some(Self { wall, drill, run, lease, tenant, mailbox, hash }))
    }

    /// A transaction that holds the drill. `None`: it is ours no more.
    async fn begin(&self, ctx: &Reader) -> Result<Option<MspTx>, StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        if drill::hold(&mut tx, self.drill.id, &self.lease).await? {
            return Ok(Some(tx));
        }
        let id = self.drill.id;
        tracing::warn!(drill.id = %id, "drill {id} was taken over, or has gone, while a step of it was prepared");
        Ok(None)
    }

    const fn subject(&self) -> Subject<'_> {
        Subject { tenant: &self.tenant, mailbox: &self.mailbox, drill: Some(self.drill.id) }
    }

    fn cast(&self) -> Cast<'_> {
        Cast { drill: &self.drill, tenant: &self.tenant, mailbox: &self.mailbox, hash: &self.hash }
    }

    /// The next look, or the next move of the response.
    async fn go_on(self, ctx: &Reader, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(variant) = self.run.variant else { return self.prepare(ctx, now).await };
        let Some(after) = self.run.played_until else { return self.respond(ctx, now).await };
        let Ok(mut memory) = Memory::read(self.run.memory.as_ref()) else {
            // A newer worker has begun it.
            return self.wait(ctx, now + PACE).await;
        };
        let Some(mut tx) = self.begin(ctx).await? else { return Ok(()) };
        let live = incident::live_for_drill(&mut tx, self.drill.id).await?;
        memory.hear_of(&live);
        let (stage, next) = blocking(move || {
            let next = Script::write(&self.cast(), variant).and_then(|script| script.next(memory, after));
            (self, next)
        })
        .await?;
        let Some((weighed, assessment, seen_at)) = next else {
            // All has come; what people and time make of it is next.
            let run = Run { played_until: None, ..stage.run.clone() };
            return stage.give_back(ctx, tx, &run, DrillState::Playing, now + PACE, &[]).await;
        };
        let (mut memory, mut bounces) = (weighed.memory, weighed.bounces);
        let mut deliveries = Vec::new();
        if weighed.is_news || !bounces.is_empty() {
            let moved = move_as(&mut tx, stage.subject(), &mut memory, &assessment, &live, now, &ctx.entropy).await?;
            mark(&mut bounces, &assessment, moved.incident);
            for bounce in &mut bounces {
                bounce.drill = Some(stage.drill.id);
            }
            bounce::insert_many(&mut tx, &bounces).await?;
            deliveries = moved.deliveries;
        }
        let run = Run { played_until: Some(seen_at), memory: Some(memory.write()), ..stage.run.clone() };
        stage.give_back(ctx, tx, &run, DrillState::Playing, now + PACE, &deliveries).await
    }

    /// Chooses what is played, and lives the life before it.
    async fn prepare(self, ctx: &Reader, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (stage, prepared) = blocking(move || {
            let cast = self.cast();
            let prepared =
                Script::choose(&cast).and_then(|variant| Some((variant, Script::write(&cast, variant)?.life())));
            (self, prepared)
        })
        .await?;
        let Some((variant, (memory, until))) = prepared else {
            tracing::error!(drill.id = %stage.drill.id, episode = %stage.drill.episode, "no way was found to play a drill");
            return stage.erase(ctx, DrillState::Failed, now).await;
        };
        let run = Run { variant: Some(variant), played_until: Some(until), memory: Some(memory.write()) };
        let Some(tx) = stage.begin(ctx).await? else { return Ok(()) };
        stage.give_back(ctx, tx, &run, DrillState::Playing, now + PACE, &[]).await
    }

    /// Does what technicians would do, one move after the other, or leaves it to them.
    async fn respond(self, ctx: &Reader, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(mut tx) = self.begin(ctx).await? else { return Ok(()) };
        let live = incident::live_for_drill(&mut tx, self.drill.id).await?;
        let next = live.first().filter(|_| self.drill.plays_response);
        let moved = match next {
            Some(incident) => self.contain_and_close(&mut tx, ctx, incident, now).await?,
            None => None,
        };
        let run = self.run.clone();
        let (state, next_step_at) =
            if moved.is_some() { (DrillState::Playing, now + PACE) } else { (DrillState::Played, self.drill.ends_at) };
        self.give_back(ctx, tx, &run, state, next_step_at, &moved.unwrap_or_default()).await
    }

    /// The next move towards the end; `None`: there is none.
    async fn contain_and_close(
        &self,
        tx: &mut MspTx,
        ctx: &Reader,
        before: &Incident,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<DeliveryId>>, StoreError> {
        let (change, gate) = match before.state {
            IncidentState::Open | IncidentState::Reopened => {
                (Change::Contain { at: now, is_stated: true }, Some(IncidentState::Contained))
            }
            IncidentState::Contained => (Change::Monitor, None),
            IncidentState::Monitoring => (Change::Recover, Some(IncidentState::Recovered)),
            IncidentState::Recovered => (Change::Close, None),
            IncidentState::Closed | IncidentState::Dismissed => return Ok(None),
        };
        let settled = incident::settled(tx, before.id).await?;
        for step in playbook::steps_for(before.verdict) {
            if step.gate.as_deref() == gate.map(IncidentState::as_str) && gate.is_some() && !settled.contains(&step.id)
            {
                let done = StepDone {
                    step: step.id.clone(),
                    state: StepState::Done,
                    by: "daimon".to_owned(),
                    at: now,
                    note: Some("Played by the drill.".to_owned()),
                };
                incident::set_step(tx, before, &done).await?;
            }
        }
        let settled = incident::settled(tx, before.id).await?;
        let Ok(moved) = life::change(before, change, &settled, now) else { return Ok(None) };
        Ok(Some(write(tx, self.subject(), &moved, Some("Played by the drill.".to_owned()), &ctx.entropy).await?))
    }

    /// Tells that it is over.
    async fn close(self, ctx: &Reader, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(mut tx) = self.begin(ctx).await? else { return Ok(()) };
        let mut deliveries = Vec::new();
        for incident in incident::live_for_drill(&mut tx, self.drill.id).await? {
            let moved = life::played_out(&incident, now);
            let note = Some("The drill is over.".to_owned());
            deliveries.extend(write(&mut tx, self.subject(), &moved, note, &ctx.entropy).await?);
        }
        drill::closed(&mut tx, self.drill.id, now).await?;
        let run = self.run.clone();
        self.give_back(ctx, tx, &run, DrillState::Ending, now + PACE, &deliveries).await
    }

    /// Removes everything, once the last webhooks have arrived or had their time.
    async fn end(self, ctx: &Reader, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        let last = self.drill.ends_at + LAST_WORDS;
        let is_telling = now < last && drill::is_telling(&mut tx, self.drill.id, last).await?;
        tx.commit().await?;
        if is_telling { self.wait(ctx, now + PACE).await } else { self.erase(ctx, DrillState::Ended, now).await }
    }

    async fn erase(self, ctx: &Reader, state: DrillState, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(mut tx) = self.begin(ctx).await? else { return Ok(()) };
        let Some(over) = drill::erase(&mut tx, self.drill.id, &self.lease, state, now).await? else { return Ok(()) };
        let entry = audit::NewEntry {
            id: AuditId::new(now, &ctx.entropy),
            tenant: Some(over.tenant),
            at: now,
            actor: "daimon".to_owned(),
            action: format!("drill.{state}"),
            subject: over.id.to_string(),
            detail: json!({
                "mailbox": over.mailbox, "episode": over.episode, "told": over.told,
                "deliveries": over.deliveries, "delivered": over.delivered
            }),
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        tracing::info!(drill.id = %over.id, mailbox.id = %over.mailbox, state = %state, "nothing is left of drill {}", over.id);
        Ok(())
    }

    async fn wait(self, ctx: &Reader, until: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(tx) = self.begin(ctx).await? else { return Ok(()) };
        let (run, state) = (self.run.clone(), self.drill.state);
        self.give_back(ctx, tx, &run, state, until, &[]).await
    }

    /// Commits a step, and says that there is another one.
    async fn give_back(
        self,
        ctx: &Reader,
        mut tx: MspTx,
        run: &Run,
        state: DrillState,
        next_step_at: DateTime<Utc>,
        deliveries: &[DeliveryId],
    ) -> Result<(), StoreError> {
        let id = self.drill.id;
        if !drill::progress(&mut tx, id, &self.lease, (run, state), next_step_at).await? {
            tracing::warn!(drill.id = %id, "drill {id} was taken over while a step of it was played");
            return Ok(());
        }
        tx.commit().await?;
        ctx.hint_deliveries(self.wall.msp, self.tenant.id, deliveries).await;
        Ok(())
    }
}

/// What takes time and waits for nothing.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Corrupt { table: "drill_run", source: error.into() })
}

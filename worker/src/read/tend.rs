//! What becomes of an incident by itself: time moves it, and the old credential is tried.
//!
//! A host that locks whoever is refused too often must never lock a user out because of us, so an old credential is tried
//! rarely, and never again once it has proved what it can. Only an explicit `[AUTHENTICATIONFAILED]` counts. Hosts that are
//! overloaded, in maintenance, or that let somebody in and then don't connect them, answer otherwise; and a host that
//! refuses everybody is found out by the new credential, which has to be let in before and between.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::{Clock, Entropy};
use daimon_domain::id::{DeliveryId, IncidentId, MspId};
use daimon_domain::incident::{Incident, Moved};
use daimon_domain::mailbox::{Connection, Mailbox, Polling};
use daimon_domain::scope::Wall;
use daimon_domain::tenant::Tenant;
use daimon_seal::Aad;
use daimon_store::old_credential::{self, OldCredential};
use daimon_store::{MspTx, StoreError, incident, mailbox, tenant};
use daimon_verdict::life::{self, Change};
use uuid::Uuid;

use super::incident::{release, write};
use super::job::{PollError, Reader};
use super::session::sign_in;
use super::tell::Subject;
use super::work::open;
use crate::poll::{Credentials, Limits, Secret, SessionError};

/// Two refusals this far apart are no hiccup.
const APART: TimeDelta = TimeDelta::minutes(10);
/// The new credential was let in within this time.
const RECENT: TimeDelta = TimeDelta::minutes(15);
/// How soon it is looked again whether the new credential works.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// Between two tries at most.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(6);
/// After so many tries it is left at that.
const MOST_TRIES: u32 = 60;
/// What time was to move and did not, because the mailbox has not been read since, is looked at again.
const STUCK: TimeDelta = TimeDelta::minutes(5);

/// What a server said to the old credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It signs in.
    LetIn,
    /// `[AUTHENTICATIONFAILED]`.
    Refused,
    /// Anything else, or nothing.
    Nothing,
}

/// An incident, and of whom it is.
struct Tended {
    incident: Incident,
    tenant: Tenant,
    mailbox: Mailbox,
}

impl Tended {
    const fn subject(&self) -> Subject<'_> {
        Subject { tenant: &self.tenant, mailbox: &self.mailbox, drill: self.incident.drill }
    }

    async fn hold(tx: &mut MspTx, id: IncidentId) -> Result<Option<Self>, StoreError> {
        let Some(incident) = incident::find_held(tx, id).await? else { return Ok(None) };
        let Some(tenant) = tenant::find(tx, incident.tenant).await? else { return Ok(None) };
        let Some(mailbox) = mailbox::find(tx, incident.mailbox).await? else { return Ok(None) };
        Ok(Some(Self { incident, tenant, mailbox }))
    }

    /// Writes a move.
    async fn write(
        &mut self,
        tx: &mut MspTx,
        ctx: &Reader,
        moved: Moved,
        note: Option<String>,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let deliveries = write(tx, self.subject(), &moved, note, &ctx.entropy).await?;
        self.incident = moved.incident;
        Ok(deliveries)
    }

    /// Moves it for as long as time and evidence do.
    async fn go_on(&mut self, tx: &mut MspTx, ctx: &Reader) -> Result<Vec<DeliveryId>, StoreError> {
        let now = ctx.time.now();
        let mut deliveries = Vec::new();
        loop {
            let settled = incident::settled(tx, self.incident.id).await?;
            let next = life::by_itself(&self.incident, &settled, now);
            // Nothing came only where somebody looked.
            let is_seen =
                self.mailbox.last_polled_at.zip(self.incident.due_at()).is_some_and(|(last, due)| last >= due);
            let next = next.filter(|change| is_seen || !matches!(change, Change::Monitor | Change::Close));
            let moved = next.and_then(|change| life::change(&self.incident, change, &settled, now).ok());
            let Some(moved) = moved else { break };
            deliveries.extend(self.write(tx, ctx, moved, None).await?);
        }
        deliveries.extend(release(tx, self.subject(), &self.incident, now, &ctx.entropy).await?);
        if self.incident.due_at().is_some_and(|due| due <= now) {
            incident::postpone(tx, self.incident.id, now + STUCK).await?;
        }
        Ok(deliveries)
    }
}

/// Does what is due. `false`: nothing was.
#[tracing::instrument(name = "tend", skip_all, fields(msp.id = %msp, incident.id = %id))]
pub async fn tend(ctx: &Reader, msp: MspId, id: IncidentId) -> Result<bool, StoreError> {
    let now = ctx.time.now();
    let mut tx = ctx.db.begin(&Wall::whole(msp)).await?;
    let Some(mut tended) = Tended::hold(&mut tx, id).await? else { return Ok(false) };
    if matches!(tended.mailbox.polling, Polling::Deleting { .. }) {
        // It goes with its mailbox, and nobody is told of it any more.
        incident::postpone(&mut tx, id, now + STUCK).await?;
        tx.commit().await?;
        return Ok(false);
    }
    let deliveries = tended.go_on(&mut tx, ctx).await?;
    let old = old_credential::find(&mut tx, id).await?.filter(|old| old.next_try_at.is_some_and(|at| at <= now));
    let mut to_try = None;
    if let Some(old) = &old {
        let next = plan(old, &tended.incident, &tended.mailbox, now);
        if old_credential::take(&mut tx, id, now, next.at, next.is_tried).await? && next.is_tried {
            let sealed_key = tenant::data_key(&mut tx, tended.tenant.id).await?.unwrap_or_default();
            let (of_key, of_secret) =
                (Aad::tenant_key(msp, tended.tenant.id), Aad::old_credential(msp, tended.tenant.id, id));
            let secret = open(&ctx.master, &sealed_key, &of_key, &of_secret, &old.secret);
            let with = |secret| Credentials { username: old.username.clone(), secret: Secret::Password(secret) };
            to_try = secret.map(with);
        }
    }
    tx.commit().await?;
    ctx.hint_deliveries(msp, tended.tenant.id, &deliveries).await;
    if let Some(credentials) = to_try {
        let answer = ask(ctx, &tended.mailbox, &credentials).await;
        heard(ctx, msp, id, answer).await?;
    }
    Ok(true)
}

/// When an old credential is tried, and whether that is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    is_tried: bool,
    /// The next time, should nothing come of it.
    at: Option<DateTime<Utc>>,
}

fn plan(old: &OldCredential, incident: &Incident, mailbox: &Mailbox, now: DateTime<Utc>) -> Plan {
    if !incident.state.is_live() || incident.life.refused_since.is_some() || old.tries >= MOST_TRIES {
        return Plan { is_tried: false, at: None };
    }
    // Only while the new one is let in, and once more since the old one was refused.
    let is_let_in = matches!(mailbox.connection, Connection::Connected { since } if since >= old.replaced_at);
    let last = mailbox.last_polled_at;
    let is_up = last.is_some_and(|last| last + RECENT >= now && old.refused_at.is_none_or(|refused| last > refused));
    if is_let_in && is_up && mailbox.username == old.username {
        Plan { is_tried: true, at: Some(now + pause(old.tries + 1)) }
    } else {
        Plan { is_tried: false, at: Some(now + LOOK_AGAIN) }
    }
}

/// How long after so many tries: ten minutes, then twice as long each time.
fn pause(tries: u32) -> TimeDelta {
    let doublings = i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX).min(8);
    (APART * 2_i32.pow(u32::try_from(doublings).unwrap_or(0))).min(LONGEST_PAUSE)
}

/// Signs in with it, once, and looks at nothing.
async fn ask(ctx: &Reader, mailbox: &Mailbox, credentials: &Credentials) -> Answer {
    let mut seat = [0; 16];
    ctx.entropy.fill(&mut seat);
    let seat = Uuid::from_bytes(seat);
    if !matches!(ctx.enter_host(&mailbox.server.host, seat, ctx.time.now()).await, Ok(true)) {
        return Answer::Nothing;
    }
    let answer = ask_now(ctx, mailbox, credentials).await;
    ctx.leave_host(&mailbox.server.host, seat).await;
    answer
}

async fn ask_now(ctx: &Reader, mailbox: &Mailbox, credentials: &Credentials) -> Answer {
    match sign_in(&ctx.egress, &mailbox.server, credentials, Limits::default()).await {
        Ok(session) => {
            session.close().await;
            Answer::LetIn
        }
        Err(PollError::Session(SessionError::Refused)) => Answer::Refused,
        Err(error) => {
            tracing::debug!(error = %error, "an old credential was neither refused nor let in");
            Answer::Nothing
        }
    }
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Nothing,
    /// People should know: the password was not changed after all.
    StillLetIn,
    RefusedOnce,
    /// Proved: refused since then.
    Proved(DateTime<Utc>),
}

fn understand(old: &mut OldCredential, answer: Answer, mailbox: &Mailbox, now: DateTime<Utc>) -> Meaning {
    match answer {
        Answer::Nothing => Meaning::Nothing,
        Answer::LetIn => {
            old.refused_at = None;
            let is_first = old.accepted_at.replace(old.accepted_at.unwrap_or(now)).is_none();
            if is_first { Meaning::StillLetIn } else { Meaning::Nothing }
        }
        Answer::Refused => {
            let Some(first) = old.refused_at else {
                old.refused_at = Some(now);
                old.next_try_at = Some(now + APART);
                return Meaning::RefusedOnce;
            };
            let is_up = mailbox.last_polled_at.is_some_and(|last| last > first);
            if now - first < APART || !is_up {
                return Meaning::Nothing;
            }
            old.next_try_at = None;
            Meaning::Proved(first)
        }
    }
}

/// Writes down what the old credential was answered.
async fn heard(ctx: &Reader, msp: MspId, id: IncidentId, answer: Answer) -> Result<(), StoreError> {
    let now = ctx.time.now();
    metrics::counter!("daimon_old_credential_tries_total", "answer" => match answer {
        Answer::LetIn => "let_in",
        Answer::Refused => "refused",
        Answer::Nothing => "nothing",
    })
    .increment(1);
    let mut tx = ctx.db.begin(&Wall::whole(msp)).await?;
    // Closed, reopened or replaced meanwhile: then it says nothing any more.
    let Some(mut tended) = Tended::hold(&mut tx, id).await? else { return Ok(()) };
    let Some(mut old) = old_credential::find(&mut tx, id).await? else { return Ok(()) };
    let meaning = understand(&mut old, answer, &tended.mailbox, now);
    old_credential::record(&mut tx, id, &old).await?;
    let deliveries = match meaning {
        Meaning::Nothing => Vec::new(),
        Meaning::RefusedOnce => {
            let what = "old_credential_refused_once".to_owned();
            let entry = incident::Entry { at: now, what, who: "daimon".to_owned(), note: None };
            incident::add_entry(&mut tx, &tended.incident, &entry).await?;
            Vec::new()
        }
        Meaning::StillLetIn => {
            let moved = life::noted(&tended.incident, "old_credential_accepted", now);
            let note = "The password from before still signs in: it was not changed everywhere.".to_owned();
            tended.write(&mut tx, ctx, moved, Some(note)).await?
        }
        Meaning::Proved(since) => {
            let moved = life::proved(&tended.incident, since, now);
            let note = format!("Refused since {}, and the new one is let in.", since.format("%F %T UTC"));
            let mut told = tended.write(&mut tx, ctx, moved, Some(note)).await?;
            told.extend(tended.go_on(&mut tx, ctx).await?);
            told
        }
    };
    tx.commit().await?;
    ctx.hint_deliveries(msp, tended.tenant.id, &deliveries).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use daimon_domain::id::{MailboxId, TenantId};
    use daimon_domain::incident::{IncidentState, Life};
    use daimon_domain::mailbox::{ConnectionFault, Idling, ImapServer, NewMail, Polling, TlsMode};
    use daimon_domain::verdict::{Severity, Tier, Verdict};
    use daimon_store::Sealed;
    use uuid::Uuid;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn old() -> OldCredential {
        OldCredential {
            username: "sato".to_owned(),
            secret: Sealed { bytes: Vec::new(), key_version: 1 },
            replaced_at: at(0),
            tries: 0,
            accepted_at: None,
            refused_at: None,
            next_try_at: Some(at(10)),
        }
    }

    /// Read last at that minute, with the new password.
    fn mailbox(polled: i64) -> Mailbox {
        Mailbox {
            id: MailboxId::from_uuid(Uuid::from_u128(2)),
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            address: "sato@sakura.example".parse().unwrap(),
            server: ImapServer { host: "imap.host.example".parse().unwrap(), port: 993, tls: TlsMode::Implicit },
            username: "sato".to_owned(),
            credential: None,
            polling: Polling::Active,
            connection: Connection::Connected { since: at(0) },
            poll_interval_s: 60,
            new_mail: NewMail::Poll,
            idling: Idling::Starting,
            tidying: None,
            next_poll_at: at(polled),
            last_polled_at: Some(at(polled)),
            created_at: at(0),
            version: 1,
        }
    }

    fn incident() -> Incident {
        Incident {
            id: IncidentId::from_uuid(Uuid::from_u128(3)),
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            mailbox: MailboxId::from_uuid(Uuid::from_u128(2)),
            drill: None,
            verdict: Verdict::AccountTakeover,
            tier: Tier::Probable,
            severity: Severity::Critical,
            state: IncidentState::Open,
            score_db: 52.5,
            bounces: 40,
            unexpected_recipients: 38,
            evidence: Vec::new(),
            dedup_key: "key".to_owned(),
            sequence: 4,
            opened_at: at(0),
            updated_at: at(0),
            first_bounce_at: at(0),
            last_bounce_at: at(0),
            contained_at: None,
            life: Life::default(),
        }
    }

    #[test]
    fn it_is_tried_only_while_the_new_one_is_let_in() {
        let is_tried = |old: &OldCredential, mailbox: &Mailbox| plan(old, &incident(), mailbox, at(10)).is_tried;
        assert!(is_tried(&old(), &mailbox(9)));
        let unread = Mailbox { last_polled_at: None, connection: Connection::New, ..mailbox(9) };
        let unreachable = Connection::Unreachable { code: ConnectionFault::ServerBusy, since: at(8), failures: 1 };
        for (mailbox, why) in [
            (unread, "the new one was not tried yet"),
            (Mailbox { connection: unreachable, ..mailbox(7) }, "the host has trouble"),
            (
                Mailbox {
                    connection: Connection::CredentialRefused {
                        code: ConnectionFault::CredentialRefused,
                        since: at(8),
                    },
                    ..mailbox(7)
                },
                "locked",
            ),
            (Mailbox { connection: Connection::Connected { since: at(-9) }, ..mailbox(9) }, "before it was replaced"),
            (mailbox(-6), "not read for a while"),
            (Mailbox { username: "another".to_owned(), ..mailbox(9) }, "another account"),
        ] {
            assert!(!is_tried(&old(), &mailbox), "{why}");
            assert_eq!(plan(&old(), &incident(), &mailbox, at(10)).at, Some(at(11)), "{why}");
        }
        let refused = OldCredential { refused_at: Some(at(9)), ..old() };
        assert!(!is_tried(&refused, &mailbox(9)), "whether the host is up was not seen since");
        assert!(is_tried(&refused, &mailbox(10)));
    }

    #[test]
    fn it_is_tried_ever_more_rarely_and_not_at_all_once_it_has_proved_what_it_can() {
        let after = |tries| plan(&OldCredential { tries, ..old() }, &incident(), &mailbox(9), at(10)).at;
        let waits = [0, 1, 2, 3, 9, 59].map(|tries| after(tries).map(|next| (next - at(10)).num_minutes()));
        assert_eq!(waits, [Some(10), Some(20), Some(40), Some(80), Some(360), Some(360)]);
        assert_eq!(after(60), None);
        let mut proved = incident();
        proved.life.refused_since = Some(at(1));
        let never = Plan { is_tried: false, at: None };
        assert_eq!(plan(&old(), &proved, &mailbox(9), at(10)), never);
        let over = Incident { state: IncidentState::Closed, ..incident() };
        assert_eq!(plan(&old(), &over, &mailbox(9), at(10)), never);
    }

    #[test]
    fn two_refusals_ten_minutes_apart_are_proof_and_nothing_less_is() {
        let mut tried = old();
        assert_eq!(understand(&mut tried, Answer::Nothing, &mailbox(9), at(10)), Meaning::Nothing);
        assert_eq!(tried, old(), "throttled, in maintenance, or let in and not connected: neither yes nor no");
        assert_eq!(understand(&mut tried, Answer::Refused, &mailbox(19), at(20)), Meaning::RefusedOnce);
        assert_eq!(tried.next_try_at, Some(at(30)));
        assert_eq!(understand(&mut tried, Answer::Refused, &mailbox(28), at(29)), Meaning::Nothing);
        assert_eq!(
            understand(&mut tried, Answer::Refused, &mailbox(20), at(30)),
            Meaning::Nothing,
            "nobody was let in"
        );
        assert_eq!(understand(&mut tried, Answer::Refused, &mailbox(29), at(30)), Meaning::Proved(at(20)));
        assert_eq!(tried.next_try_at, None);
    }

    #[test]
    fn a_password_that_is_let_in_again_was_not_changed_and_that_is_told_once() {
        let mut tried = old();
        understand(&mut tried, Answer::Refused, &mailbox(9), at(10));
        assert_eq!(understand(&mut tried, Answer::LetIn, &mailbox(19), at(20)), Meaning::StillLetIn);
        assert_eq!((tried.refused_at, tried.accepted_at), (None, Some(at(20))));
        assert_eq!(understand(&mut tried, Answer::LetIn, &mailbox(29), at(30)), Meaning::Nothing);
        assert_eq!(understand(&mut tried, Answer::Refused, &mailbox(39), at(40)), Meaning::RefusedOnce);
    }
}

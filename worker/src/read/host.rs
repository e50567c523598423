//! How many sessions an IMAP server has at a time, from all workers, and how soon the next one may come.
//!
//! Shared hosters lock the address of whoever asks too much, and with it every mailbox that is read from there. So a session
//! takes a seat before it begins, in Postgres, where all workers see it also while Redis is away. One that finds none leaves
//! its mailbox as it was, due, and whoever is asked for work passes over mailboxes of that server until it has room.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::mailbox::{HostName, Mailbox};
use daimon_provider::Budget;
use daimon_store::StoreError;
use daimon_store::host::Bears;
use uuid::Uuid;

use super::job::Reader;

impl Reader {
    /// Takes a seat at a server. `false`: it has no room now.
    pub(super) async fn enter_host(&self, host: &HostName, seat: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let Some(bears) = self.bears(host) else { return Ok(true) };
        let is_free = self.fleet.take_seat(host.as_str(), bears, seat, now, now + self.lease).await?;
        if !is_free {
            metrics::counter!("daimon_host_waits_total").increment(1);
        }
        Ok(is_free)
    }

    /// What the server bears; `None`: it counts for each mailbox, and a mailbox has one session, so nobody needs a seat.
    fn bears(&self, host: &HostName) -> Option<Bears> {
        let budget = Budget::of_host(host.as_str(), self.usual);
        let logins_a_minute = budget.logins_a_minute;
        budget.connections.map(|connections| Bears { connections, logins_a_minute })
    }

    /// Keeps the seat. One that is lost is noticed by nobody else: the server gets one session too many.
    pub(super) async fn stay_at_host(&self, host: &HostName, seat: Uuid, until: DateTime<Utc>) {
        if self.bears(host).is_some()
            && let Err(error) = self.fleet.keep_seat(seat, until).await
        {
            tracing::debug!(error = %error, "a seat at a server was not kept");
        }
    }

    /// Gives the seat up; what can't be given up now is free when its lease is over.
    pub(super) async fn leave_host(&self, host: &HostName, seat: Uuid) {
        if self.bears(host).is_some()
            && let Err(error) = self.fleet.leave_seat(seat).await
        {
            tracing::debug!(error = %error, "a seat at a server is given up later");
        }
    }

    /// No mailbox of that server is read again sooner.
    pub(super) fn least_interval(&self, mailbox: &Mailbox) -> TimeDelta {
        let least = Budget::of_host(mailbox.server.host.as_str(), self.usual).least_interval;
        TimeDelta::from_std(least).unwrap_or_default()
    }

    /// When the server lets the mailbox be read again, if it was read just now and somebody asks for it.
    pub(super) fn is_too_soon(&self, mailbox: &Mailbox, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // One that was read in the future was read by a clock that has been set back since.
        let last = mailbox.last_polled_at.filter(|last| *last <= now)?;
        let next = last + self.least_interval(mailbox);
        (next > now).then_some(next)
    }
}

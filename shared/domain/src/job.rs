//! How a piece of work ends, and work that a client waits for.

use chrono::{DateTime, Utc};

use crate::id::{IncidentId, JobId, MailboxId, TenantId};
use crate::words;

words! {
    /// What a client waits for.
    JobKind {
        /// A mailbox's connection is tested, step by step.
        TestConnection = "test_connection",
        /// The bounces of a confirmed incident are moved to a folder of their own.
        Tidy = "tidy",
        /// They are moved back to where they lay.
        Untidy = "untidy",
        /// The addresses that bounced in an incident are read again from its mails.
        Recipients = "recipients",
        /// A mailbox, or a tenant, is deleted with all that was read for it, a little at a time.
        Deletion = "deletion",
    }
}

words! {
    /// Where it stands.
    JobState {
        /// Nobody works on it yet, or what it needs is in use.
        Waiting = "waiting",
        /// Somebody works on it.
        Running = "running",
        /// There is a result.
        Done = "done",
        /// There is none, and there will be none.
        Failed = "failed",
    }
}

words! {
    /// Why there is no result.
    JobFailure {
        /// Three of our processes ended while they worked on it.
        Crashed = "crashed",
        /// What it needs was in use for a quarter of an hour.
        InUse = "in_use",
        /// What was to be done may not be done any more.
        NotAllowed = "not_allowed",
        /// The mailbox can't be signed in to.
        CannotSignIn = "cannot_sign_in",
        /// The server was away, or broke off, for an hour.
        ServerAway = "server_away",
        /// The server can't move mails without removing others.
        MoveNotOffered = "move_not_offered",
        /// The server does not let us make or open the folder, or it is for something else.
        FolderRefused = "folder_refused",
    }
}

/// Work that a client asked for and waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// On which mailbox; `None`: on all of the tenant.
    pub mailbox: Option<MailboxId>,
    /// What it is.
    pub kind: JobKind,
    /// For which incident, if it is for one.
    pub incident: Option<IncidentId>,
    /// It is only looked what would be done.
    pub is_dry_run: bool,
    /// Where it stands.
    pub state: JobState,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// By whom: a key's id.
    pub created_by: String,
    /// When it is tried next.
    pub not_before: DateTime<Utc>,
    /// When it last came further; when it was asked for, before that.
    pub progressed_at: DateTime<Utc>,
    /// Since when somebody works on it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it brought nothing.
    pub failure: Option<JobFailure>,
}

impl Job {
    /// One that is asked for, to be done at once: on all of the tenant and for no incident, unless that is said.
    #[must_use]
    pub const fn asked(id: JobId, kind: JobKind, tenant: TenantId, by: String, now: DateTime<Utc>) -> Self {
        Self {
            id,
            tenant,
            mailbox: None,
            kind,
            incident: None,
            is_dry_run: false,
            state: JobState::Waiting,
            created_at: now,
            created_by: by,
            not_before: now,
            progressed_at: now,
            started_at: None,
            ended_at: None,
            failure: None,
        }
    }

    /// As it is seen at `now`. One that ends later than that goes on: how soon something failed would tell why.
    #[must_use]
    pub fn seen_at(self, now: DateTime<Utc>) -> Self {
        match self.ended_at {
            Some(at) if at > now => Self { state: JobState::Running, ended_at: None, failure: None, ..self },
            Some(_) | None => self,
        }
    }
}

/// The job says what happens next; whoever ran it does not guess from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Done, and recorded in the transaction of its effect.
    Done,
    /// To be tried again, not before this time.
    Retry {
        /// When.
        after: DateTime<Utc>,
    },
    /// Never to be tried again.
    GiveUp {
        /// A public code.
        because: &'static str,
    },
}

/// Proof that a job is ours until `until`.
///
/// Finishing is `where lease_token = $mine`, in the transaction of the effect: a worker that slept past its lease
/// finds that the row is no longer its own (a fence, not a lock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Drawn anew for each lease.
    pub token: uuid::Uuid,
    /// Until when.
    pub until: DateTime<Utc>,
    /// How often the work was begun since it was last given back, this time included. Written before the work, so that
    /// it counts too when nobody is left to say how it ended.
    pub attempt: u32,
}

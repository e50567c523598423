//! Somebody who signs in with a password, and what their role lets them do.

use chrono::{DateTime, Utc};

use crate::id::UserId;
use crate::mailbox::Address;
use crate::scope::{Permission, Tenants};
use crate::words;

words! {
    /// What a person is to an MSP: each role may do all that the next one may, and more.
    Role {
        /// Does everything, the MSP's profile and other owners included.
        Owner = "owner",
        /// Sets everything up: tenants, webhooks, API keys and users, owners excepted.
        Admin = "admin",
        /// Works on incidents and looks after mailboxes.
        Operator = "operator",
        /// Looks.
        Viewer = "viewer",
    }
}

const VIEWER: [Permission; 6] = [
    Permission::TenantsRead,
    Permission::MailboxesRead,
    Permission::BouncesRead,
    Permission::IncidentsRead,
    Permission::WebhooksRead,
    Permission::EventsRead,
];
const OPERATOR: [Permission; 2] = [Permission::MailboxesWrite, Permission::IncidentsWrite];
const ADMIN: [Permission; 7] = [
    Permission::TenantsWrite,
    Permission::WebhooksWrite,
    Permission::KeysWrite,
    Permission::RecipientsRead,
    Permission::AuditRead,
    Permission::UsersRead,
    Permission::UsersWrite,
];

impl Role {
    /// What it may do.
    pub fn permissions(self) -> Vec<Permission> {
        match self {
            Self::Owner => Permission::ALL.to_vec(),
            Self::Admin => [VIEWER.as_slice(), &OPERATOR, &ADMIN].concat(),
            Self::Operator => [VIEWER.as_slice(), &OPERATOR].concat(),
            Self::Viewer => VIEWER.to_vec(),
        }
    }

    /// Whether a password alone is too little for what it may do.
    pub const fn needs_second_factor(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }

    /// Whether somebody with these permissions may give it, or change who has it: nobody makes anybody mightier than
    /// themselves, or lays hands on who is.
    pub fn is_within(self, permissions: &[Permission]) -> bool {
        self.permissions().iter().all(|permission| permissions.contains(permission))
    }
}

/// A user. Passwords, invitations and second factors are not here: they are kept as hashes, or sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Whom they sign in as; once within the MSP.
    pub email: Address,
    /// What people call them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How far they reach.
    pub tenants: Tenants,
    /// Since when they may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when they have a password; before that there is only the invitation.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Until when an invitation that is out can be accepted.
    pub invitation_expires_at: Option<DateTime<Utc>>,
    /// Since when signing in takes a code besides the password.
    pub totp_since: Option<DateTime<Utc>>,
    /// How many recovery codes are left.
    pub recovery_codes: u16,
    /// When they last signed in.
    pub last_signed_in_at: Option<DateTime<Utc>>,
    /// When they were invited.
    pub created_at: DateTime<Utc>,
    /// Grows with every change by a person; the strong `ETag`.
    pub version: i64,
}

impl User {
    /// Whether they can sign in: they have a password, and nobody has disabled them.
    pub const fn is_active(&self) -> bool {
        self.accepted_at.is_some() && self.disabled_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_all_that_the_next_one_may_and_more() {
        for pair in Role::ALL.windows(2) {
            let (higher, lower) = (pair[0], pair[1]);
            assert!(lower.is_within(&higher.permissions()), "{lower} within {higher}");
            assert!(!higher.is_within(&lower.permissions()), "{higher} within {lower}");
        }
        assert_eq!(Role::Owner.permissions(), Permission::ALL);
    }

    #[test]
    fn who_only_looks_changes_nothing() {
        assert!(Role::Viewer.permissions().iter().all(|permission| permission.as_str().ends_with(":read")));
        assert!(!Role::Operator.permissions().contains(&Permission::KeysWrite));
    }
}

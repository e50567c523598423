//! What mailboxes of a tenant sign in with in place of a password: a right to ask an identity provider for access tokens.

use chrono::{DateTime, Utc};

use crate::id::{CredentialId, TenantId};
use crate::mailbox::HostName;
use crate::words;

words! {
    /// How access tokens are asked for, and of whom.
    CredentialKind {
        /// An application of Microsoft Entra that acts by itself (RFC 6749, 4.4).
        MicrosoftClientCredentials = "microsoft_client_credentials",
        /// A user's consent at Microsoft (RFC 6749, 6).
        MicrosoftRefreshToken = "microsoft_refresh_token",
        /// A user's consent at Google.
        GoogleRefreshToken = "google_refresh_token",
        /// A Google service account that acts for the users of a domain (RFC 7523).
        GoogleServiceAccount = "google_service_account",
        /// An application at any other provider.
        OAuth2ClientCredentials = "oauth2_client_credentials",
        /// A user's consent at any other provider.
        OAuth2RefreshToken = "oauth2_refresh_token",
    }
}

/// Whose sign-in it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Microsoft 365.
    Microsoft,
    /// Gmail and Google Workspace.
    Google,
    /// Anybody else.
    Other,
}

impl CredentialKind {
    /// Whose sign-in it is.
    pub const fn provider(self) -> Provider {
        match self {
            Self::MicrosoftClientCredentials | Self::MicrosoftRefreshToken => Provider::Microsoft,
            Self::GoogleRefreshToken | Self::GoogleServiceAccount => Provider::Google,
            Self::OAuth2ClientCredentials | Self::OAuth2RefreshToken => Provider::Other,
        }
    }

    /// Whether each mailbox has an access token of its own, which names it.
    pub const fn names_the_mailbox(self) -> bool {
        matches!(self, Self::GoogleServiceAccount)
    }

    /// Whether it is a refresh token, which the provider may replace at each use.
    pub const fn has_refresh_token(self) -> bool {
        matches!(self, Self::MicrosoftRefreshToken | Self::GoogleRefreshToken | Self::OAuth2RefreshToken)
    }
}

impl Provider {
    /// The only IMAP server that the provider's tokens are for; any other would be handed the keys to every mailbox.
    pub const fn imap_host(self) -> Option<&'static str> {
        match self {
            Self::Microsoft => Some("outlook.office365.com"),
            Self::Google => Some("imap.gmail.com"),
            Self::Other => None,
        }
    }
}

/// A credential of a tenant. Its secrets are not here: they stay sealed until a token is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// How tokens are asked for.
    pub kind: CredentialKind,
    /// The only server that its tokens are sent to.
    pub imap_host: HostName,
    /// Microsoft's "directory (tenant) ID".
    pub directory_id: Option<String>,
    /// The application's id at the provider; of a service account, its numeric one.
    pub client_id: String,
    /// Where tokens are asked for, where the provider is none that we know.
    pub token_url: Option<String>,
    /// What is asked for, where it is not the usual.
    pub scope: Option<String>,
    /// The address of a service account.
    pub account: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with every change by a person; the strong `ETag`.
    pub version: i64,
}

words! {
    /// Why there is no access token. The first five last until somebody does something (RFC 6749, 5.2).
    TokenFault {
        /// The consent or the assertion does not hold: revoked, run out, or for nobody that exists.
        InvalidGrant = "invalid_grant",
        /// The application is unknown, or its secret is wrong or has run out.
        InvalidClient = "invalid_client",
        /// The application may not ask for this: an administrator has not allowed it.
        UnauthorizedClient = "unauthorized_client",
        /// The provider does not know what is asked for, or doesn't give it.
        InvalidScope = "invalid_scope",
        /// Somebody has to consent, or to sign in again.
        ConsentRequired = "consent_required",
        /// The provider asks us to come later.
        Busy = "busy",
        /// The provider can't be reached.
        Unreachable = "unreachable",
        /// What came back is no answer of a token endpoint.
        Unusable = "unusable",
    }
}

impl TokenFault {
    /// Whether asking again is of no use until something is changed. Being throttled is not being refused.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::InvalidGrant
            | Self::InvalidClient
            | Self::UnauthorizedClient
            | Self::InvalidScope
            | Self::ConsentRequired => true,
            Self::Busy | Self::Unreachable | Self::Unusable => false,
        }
    }

    /// What somebody can do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::InvalidGrant => {
                "The provider takes the grant for revoked, expired or meant for nobody: check that the user exists, consent again, and replace the credential."
            }
            Self::InvalidClient => {
                "The provider does not accept the client: check its id, make a new secret if the old one has expired, and replace the credential."
            }
            Self::UnauthorizedClient => {
                "An administrator has not allowed the client to do this yet: follow the credential's consent steps, then ask for a retry."
            }
            Self::InvalidScope => {
                "The provider does not give what is asked for: compare the scope with the credential's consent steps, then ask for a retry."
            }
            Self::ConsentRequired => {
                "Somebody has to consent: follow the credential's consent steps, then replace the credential or ask for a retry."
            }
            Self::Busy => "Nothing is to be done: the provider asks us to come later, and it is tried again by itself.",
            Self::Unreachable => "The provider can't be reached. It is tried again by itself.",
            Self::Unusable => {
                "What came back is no answer of a token endpoint: check its URL. It is tried again by itself."
            }
        }
    }
}

/// How asking for a credential's access tokens went, the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nobody has asked yet.
    New,
    /// There is a token, or there was one until lately.
    Ready {
        /// Since when.
        issued_at: DateTime<Utc>,
        /// Until when it holds.
        expires_at: DateTime<Utc>,
    },
    /// It is tried again, later and later.
    CoolingDown {
        /// Why.
        fault: TokenFault,
        /// When.
        next_try_at: DateTime<Utc>,
    },
    /// It is not tried again until somebody asks for it.
    Refused {
        /// Why.
        fault: TokenFault,
        /// Since when.
        since: DateTime<Utc>,
    },
}

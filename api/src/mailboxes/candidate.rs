//! Wire shapes of what is found about an address.

use daimon_domain::mailbox::Address;
use daimon_provider::{Found, SignIn, Source};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::ImapServerView;

/// Whose server is looked for.
#[derive(Debug, Deserialize, Validate, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AutodiscoverQuery {
    /// The mail address. What stands before the `@` is used for the name to sign in with, and is sent to nobody but its domain.
    #[serde(deserialize_with = "crate::input::text")]
    #[garde(skip)]
    #[param(value_type = String, example = "sato@sakura-dental.example")]
    #[schema(value_type = String, format = Email)]
    pub(super) address: Address,
}

/// Where the mailbox of an address may be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Autodiscovered, example = json!({"data": [{
    "source": "provider", "provider": "さくらのレンタルサーバ", "imap": {"host": "www1234.sakura.ne.jp", "port": 993, "tls": "implicit"},
    "username": "sato@sakura-dental.example", "sign_in": ["password"]}]}))]
pub(crate) struct AutodiscoveredView {
    /// Servers, the most trustworthy first. None: nobody knows; ask whoever hosts the mailbox.
    pub(super) data: Vec<CandidateView>,
}

/// A server where the mailbox may be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImapServerCandidate)]
pub(crate) struct CandidateView {
    /// Who says so: our table of providers, the domain's own document for mail programs (`autoconfig`), Mozilla's database
    /// (`ispdb`), the domain's service records (`srv`, RFC 6186), or nobody (`guess`): hosts are often called so.
    #[schema(value_type = String)]
    source: Source,
    /// What people call the provider, if the server is in our table.
    #[schema(required = true)]
    provider: Option<&'static str>,
    /// Where it is, as `POST /v1/mailboxes` takes it.
    imap: ImapServerView,
    /// The name to sign in with.
    username: String,
    /// What this provider's customers sign in with, the best first: `oauth2`, `app_password` (one made for a program, on the
    /// provider's page), `password`.
    #[schema(value_type = Vec<String>)]
    sign_in: Vec<SignIn>,
}

impl From<Found> for CandidateView {
    fn from(found: Found) -> Self {
        Self {
            source: found.source,
            provider: found.provider.map(|provider| provider.title.as_str()),
            imap: found.server.into(),
            username: found.username,
            sign_in: found.sign_in,
        }
    }
}

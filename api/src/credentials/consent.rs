//! What somebody has to do at the provider before a credential works.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::{CredentialId, MailboxId};
use daimon_domain::tenant::Language;
use daimon_store::mailbox::{self, MailboxFilter};
use daimon_store::{Page, credential, tenant};
use daimon_wording::consent::{self, Wanted};

use super::view::{ConsentQuery, ConsentView, StepView};
use crate::caller::{Caller, MailboxesRead, Permitted};
use crate::input::Query;
use crate::path::{At, CredentialPath};
use crate::problem::Problem;

/// So many mailboxes are named in commands.
const MOST: usize = 1_000;

/// Read a credential's consent steps
///
/// The exact steps for the provider's administrator, in English or Japanese, with the credential's ids and the sign-in names of
/// its mailboxes filled in: the PowerShell for Microsoft 365, the way through the admin console for Google. Ask again when
/// mailboxes have come: at most 1,000 are named.
#[utoipa::path(operation_id = "getCredentialConsent", tag = "Credentials", params(CredentialPath, ConsentQuery), responses(
    (status = 200, description = "The steps", body = ConsentView)))]
#[get("/v1/credentials/{credential_id}/consent")]
pub(super) async fn get_credential_consent(
    asked: Permitted<MailboxesRead, (At<CredentialPath>, Query<ConsentQuery>)>,
) -> Result<Json<ConsentView>, Problem> {
    let Permitted(mut caller, (path, query)) = asked;
    let known = credential::find(&mut caller.tx, path.id()?).await?.ok_or_else(CredentialPath::absent)?;
    let credential = known.credential;
    let tenant = tenant::find(&mut caller.tx, credential.tenant).await?;
    let of_tenant = tenant.map_or(Language::English, |tenant| tenant.language);
    let language = query.0.language.unwrap_or(of_tenant);
    let mailboxes = names(&mut caller, credential.id).await?;
    let steps = consent::steps(Wanted { credential: &credential, mailboxes: &mailboxes }, language);
    let view = |step: consent::Step| StepView { title: step.title, text: step.text, url: step.url, code: step.code };
    Ok(Json(ConsentView { credential_id: credential.id, language, steps: steps.into_iter().map(view).collect() }))
}

/// The sign-in names of its mailboxes, by name.
async fn names<P>(caller: &mut Caller<P>, credential: CredentialId) -> Result<Vec<String>, Problem> {
    let filter = MailboxFilter { credential: Some(credential), ..MailboxFilter::default() };
    let mut names = Vec::new();
    let mut before: Option<MailboxId> = None;
    while names.len() < MOST {
        let listed = mailbox::list(&mut caller.tx, &filter, Page { limit: 200, before }).await?;
        before = listed.items.last().map(|mailbox| mailbox.id);
        names.extend(listed.items.into_iter().map(|mailbox| mailbox.username));
        if !listed.more {
            break;
        }
    }
    names.sort_unstable();
    Ok(names)
}

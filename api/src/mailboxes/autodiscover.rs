//! Where a mailbox may be, before it is created.

use actix_web::get;
use actix_web::web::Json;
use daimon_egress::{Egress, WebhookUrl};
use daimon_provider::{Net, discover};

use super::candidate::{AutodiscoverQuery, AutodiscoveredView, CandidateView};
use crate::caller::{MailboxesWrite, Permitted};
use crate::input::Query;
use crate::problem::Problem;

/// Find a mailbox's server
///
/// Looks for the IMAP server of an address: in our table of providers, in what its domain publishes, in Mozilla's database, in DNS. Nothing
/// is signed in to. Takes a few seconds where somebody does not answer.
#[utoipa::path(operation_id = "autodiscover", tag = "Mailboxes", params(AutodiscoverQuery), responses(
    (status = 200, description = "Servers where the mailbox may be", body = AutodiscoveredView)))]
#[get("/v1/autodiscover")]
pub(super) async fn autodiscover(
    asked: Permitted<MailboxesWrite, Query<AutodiscoverQuery>>,
) -> Result<Json<AutodiscoveredView>, Problem> {
    let Permitted(caller, query) = asked;
    let service = caller.service.clone();
    // Others need the connection to the database while we wait.
    drop(caller);
    let found = discover(&query.0.address, &Outside(&service.egress)).await;
    Ok(Json(AutodiscoveredView { data: found.into_iter().map(CandidateView::from).collect() }))
}

/// The net behind the way out.
pub(crate) struct Outside<'e>(pub(crate) &'e Egress);

impl Net for Outside<'_> {
    async fn mx(&self, domain: &str) -> Vec<String> {
        self.0.mx(domain).await.unwrap_or_default()
    }

    async fn srv(&self, name: &str) -> Vec<(String, u16)> {
        self.0.srv(name).await.unwrap_or_default()
    }

    async fn get(&self, url: &str) -> Option<Vec<u8>> {
        let url = WebhookUrl::parse(url, self.0.guard()).ok()?;
        self.0.get(&url).await.ok().flatten()
    }

    async fn exists(&self, host: &str) -> bool {
        self.0.addresses(host).await.is_ok_and(|addresses| !addresses.is_empty())
    }
}

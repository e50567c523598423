//! What a tenant is told when its mailboxes begin to be watched.

use actix_web::http::header;
use actix_web::{HttpResponse, get};
use daimon_domain::id::TenantId;
use daimon_domain::scope::Permission;
use daimon_domain::tenant::Language;
use daimon_store::mailbox::{self, MailboxFilter};
use daimon_store::{Page, msp, tenant};
use daimon_wording::incident_report::POLICY;
use daimon_wording::welcome::{Facts, Section, Welcome};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::{Permitted, TenantsRead};
use crate::incidents::{Preferred, ReportFormat, ReportQuery};
use crate::input::Query;
use crate::path::{At, TenantPath};
use crate::problem::Problem;

/// So many mailboxes are named.
const MOST_NAMED: u16 = 200;

/// What a tenant is told, sentence by sentence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Welcome, example = json!({
    "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "language": "en", "title": "Your mailboxes are watched over", "addressee": "For Sakura Dental",
    "sections": [{"title": "What is read", "paragraphs": [], "points": ["Notices of your mail provider, such as that sending was blocked."], "steps": []}]
}))]
pub(crate) struct WelcomeView {
    /// Which tenant.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// In which language it is.
    #[schema(schema_with = crate::words::language)]
    language: Language,
    /// Its title.
    title: String,
    /// For whom it is.
    addressee: String,
    /// Its parts.
    sections: Vec<WelcomeSectionView>,
}

/// A part of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WelcomeSection)]
pub(crate) struct WelcomeSectionView {
    /// Its title.
    title: String,
    /// What is said first.
    paragraphs: Vec<String>,
    /// A list of what is so.
    points: Vec<String>,
    /// What to do, one after the other.
    steps: Vec<String>,
}

/// Read a tenant's welcome page
///
/// To be given to the client company when its mailboxes begin to be watched: what is read of them, what is not, what people may
/// notice, and what to do when an alert comes. By `Accept` or `format` it is JSON, Markdown, or a page of HTML without scripts or outside
/// assets that prints on A4. It names your MSP as whom to call, and the mailboxes: so it needs
/// `mailboxes:read` too.
#[utoipa::path(operation_id = "getTenantWelcome", tag = "Tenants", params(TenantPath, ReportQuery), responses(
    (status = 200, description = "The page", content(
        (WelcomeView = "application/json"),
        (String = "text/markdown", example = json!("# Your mailboxes are watched over\n\nFor Sakura Dental\n")),
        (String = "text/html", example = json!("<!doctype html>\n<html lang=\"en\">\n")),
    ))))]
#[get("/v1/tenants/{tenant_id}/welcome")]
pub(super) async fn get_welcome(
    asked: Permitted<TenantsRead, (At<TenantPath>, Query<ReportQuery>, Preferred)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, query, preferred)) = asked;
    caller.also_needs(Permission::MailboxesRead)?;
    let tenant = tenant::find(&mut caller.tx, path.id()?).await?.ok_or_else(TenantPath::absent)?;
    let msp = msp::find(&mut caller.tx).await?.ok_or(Problem::Internal)?;
    let filter = MailboxFilter { tenant: Some(tenant.id), ..MailboxFilter::default() };
    let listed = mailbox::list(&mut caller.tx, &filter, Page::first(MOST_NAMED)).await?;
    let mut mailboxes: Vec<String> = listed.items.iter().map(|mailbox| mailbox.address.to_string()).collect();
    mailboxes.sort_unstable();
    let facts = Facts { tenant: tenant.name.as_str(), msp: &msp.name, mailboxes: &mailboxes, is_cut: listed.more };
    let welcome = Welcome::new(&facts, query.0.language.unwrap_or(tenant.language));
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Accept"));
    let name =
        |ending: &str| (header::CONTENT_DISPOSITION, format!("inline; filename=\"welcome-{}.{ending}\"", tenant.id));
    Ok(match query.0.format.unwrap_or(preferred.0) {
        ReportFormat::Json => response.json(WelcomeView::new(tenant.id, welcome)),
        ReportFormat::Markdown => {
            response.insert_header(name("md")).content_type("text/markdown; charset=utf-8").body(welcome.to_markdown())
        }
        ReportFormat::Html => response
            .insert_header(name("html"))
            .insert_header((header::CONTENT_SECURITY_POLICY, format!("{POLICY}; frame-ancestors 'none'; sandbox")))
            .content_type("text/html; charset=utf-8")
            .body(welcome.to_html()),
    })
}

impl WelcomeView {
    fn new(tenant_id: TenantId, welcome: Welcome) -> Self {
        let Welcome { language, title, addressee, sections } = welcome;
        Self { tenant_id, language, title, addressee, sections: sections.into_iter().map(From::from).collect() }
    }
}

impl From<Section> for WelcomeSectionView {
    fn from(section: Section) -> Self {
        let Section { title, paragraphs, points, steps } = section;
        Self { title, paragraphs, points, steps }
    }
}

//! How a tenant's domains stand.

use actix_web::get;
use actix_web::web::Json;
use chrono::{DateTime, Utc};
use daimon_domain::tenant::Language;
use daimon_posture::{Finding, Posture, Standing};
use daimon_store::domain_posture::{self, DomainPosture};
use daimon_store::tenant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::{Permitted, TenantsRead};
use crate::path::{At, TenantPath};
use crate::problem::Problem;

/// How the domains of a tenant's mailboxes stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Domains, example = json!({"next": null, "items": [{
    "domain": "sakura-dental.example", "checked_at": "2026-11-24T07:00:00Z", "is_clean": false,
    "spf": "v=spf1 include:_spf.host.example ~all", "dmarc": "v=DMARC1; p=none; rua=mailto:d@sakura-dental.example",
    "dkim_selectors": ["selector1"], "unanswered": [],
    "listings": [{"list": "Spamhaus ZEN", "of": "203.0.113.7", "page": "https://check.spamhaus.org/"}],
    "findings": [{"code": "dmarc.only_watches",
        "sentence": "DMARC only watches (p=none): once the reports show that your own mail passes, ask for quarantine or reject."}]
}]}))]
pub(crate) struct DomainsView {
    /// Each domain, by name.
    items: Vec<DomainView>,
    /// Always `null`: they are all on one page.
    #[schema(required = true)]
    next: Option<String>,
}

/// How a domain stands, as DNS last said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Domain, example = json!({
    "domain": "sakura-dental.example", "checked_at": "2026-11-24T07:00:00Z", "is_clean": false,
    "spf": "v=spf1 include:_spf.host.example ~all", "dmarc": "v=DMARC1; p=none; rua=mailto:d@sakura-dental.example",
    "dkim_selectors": ["selector1"], "unanswered": [],
    "listings": [{"list": "Spamhaus ZEN", "of": "203.0.113.7", "page": "https://check.spamhaus.org/"}],
    "findings": [{"code": "dmarc.only_watches",
        "sentence": "DMARC only watches (p=none): once the reports show that your own mail passes, ask for quarantine or reject."}]
}))]
pub(crate) struct DomainView {
    /// The domain.
    domain: String,
    /// When DNS was asked.
    checked_at: DateTime<Utc>,
    /// Nothing is wrong, and everything was answered.
    is_clean: bool,
    /// The SPF record.
    #[schema(required = true)]
    spf: Option<String>,
    /// The DMARC record that applies.
    #[schema(required = true)]
    dmarc: Option<String>,
    /// Selectors under which a DKIM key was found.
    dkim_selectors: Vec<String>,
    /// Block lists that name the domain or one of its servers.
    listings: Vec<ListingView>,
    /// What DNS or a block list did not answer: `spf`, `dmarc`, `dkim`, or the name of a list.
    unanswered: Vec<String>,
    /// What is wrong, the worst first, in the tenant's language.
    findings: Vec<FindingView>,
}

/// A block list's entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BlocklistEntry)]
pub(crate) struct ListingView {
    /// The list.
    list: String,
    /// The domain or the address that it names.
    of: String,
    /// Where to look it up, and to ask to be taken off.
    page: String,
}

/// One thing that is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainFinding)]
pub(crate) struct FindingView {
    /// A word for programs, such as `spf.missing`. More will come.
    pub(crate) code: String,
    /// What it means and what to do.
    pub(crate) sentence: String,
}

/// List a tenant's domains
///
/// How the domains of its mailboxes stand: SPF, DMARC, DKIM and block lists, asked of DNS once a day, with what is wrong and
/// what to do about it. After a takeover this is what has to be clean before the incident is over.
#[utoipa::path(operation_id = "listTenantDomains", tag = "Tenants", params(TenantPath), responses(
    (status = 200, description = "The domains that were asked for so far", body = DomainsView)))]
#[get("/v1/tenants/{tenant_id}/domains")]
pub(super) async fn list_domains(asked: Permitted<TenantsRead, At<TenantPath>>) -> Result<Json<DomainsView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let tenant = tenant::find(&mut caller.tx, path.id()?).await?.ok_or_else(TenantPath::absent)?;
    let stands = domain_posture::list(&mut caller.tx, tenant.id).await?;
    let items = stands.into_iter().map(|one| DomainView::new(one, tenant.language)).collect();
    Ok(Json(DomainsView { items, next: None }))
}

impl DomainView {
    fn new(stands: DomainPosture, language: Language) -> Self {
        let posture: Posture = serde_json::from_value(stands.posture).unwrap_or_default();
        let unanswered = posture.unanswered();
        let findings: Vec<FindingView> = posture.findings().iter().map(|one| FindingView::new(one, language)).collect();
        let listed = posture.listings.into_iter().filter(|one| one.standing == Standing::Listed);
        Self {
            domain: stands.domain,
            checked_at: stands.checked_at,
            is_clean: findings.is_empty() && unanswered.is_empty(),
            spf: posture.spf.and_then(|spf| spf.record),
            dmarc: posture.dmarc.and_then(|dmarc| dmarc.record),
            dkim_selectors: posture.dkim.into_iter().flat_map(|dkim| dkim.keys).map(|(selector, _)| selector).collect(),
            listings: listed.map(|one| ListingView { list: one.list, of: one.of, page: one.page }).collect(),
            unanswered,
            findings,
        }
    }
}

impl FindingView {
    fn new(finding: &Finding, language: Language) -> Self {
        Self { code: finding.code(), sentence: finding.sentence(language) }
    }
}

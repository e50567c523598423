//! Texts about an incident that are ready to be sent.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::tenant::Language;
use daimon_wording::notice::{self, About};

use super::notices_view::{ListNotices, NoticeView, NoticesView};
use super::report::Known;
use crate::caller::{IncidentsRead, Permitted};
use crate::input::Query;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// List an incident's notices
///
/// Texts to send, filled in with the incident's facts: to colleagues, to partners and customers who got the mail, and to the
/// person whose mailbox it is, in English and Japanese. Nothing is sent by this; after a takeover mind the `advice`, because
/// whoever is inside reads what comes into the mailbox.
#[utoipa::path(operation_id = "listIncidentNotices", tag = "Incidents", params(IncidentPath, ListNotices), responses(
    (status = 200, description = "The texts", body = NoticesView)))]
#[get("/v1/incidents/{incident_id}/notices")]
pub(super) async fn list_notices(
    asked: Permitted<IncidentsRead, (At<IncidentPath>, Query<ListNotices>)>,
) -> Result<Json<NoticesView>, Problem> {
    let Permitted(mut caller, (path, query)) = asked;
    let known = Known::read(&mut caller, path.id()?).await?;
    let about = About {
        incident: &known.incident,
        address: known.mailbox.address.as_str(),
        tenant: known.tenant.name.as_str(),
        msp: known.msp.shown(),
    };
    let mut languages = match query.0.language {
        Some(language) => vec![language],
        None => Language::ALL.to_vec(),
    };
    languages.sort_by_key(|language| *language != known.tenant.language);
    let all = languages.into_iter().flat_map(|language| notice::notices(about, language));
    let wanted = all.filter(|notice| query.0.audience.is_none_or(|audience| notice.audience == audience));
    Ok(Json(NoticesView::new(&known.incident, wanted.map(NoticeView::from).collect())))
}

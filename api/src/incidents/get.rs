//! Reading one incident.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::IncidentId;
use daimon_domain::tenant::Language;
use daimon_store::{incident, sibling, tenant};

use super::view::IncidentWithEvidenceView;
use crate::caller::{Caller, IncidentsRead, Permitted};
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// Read an incident
///
/// The incident with what speaks for its verdict, line by line and in sentences, the playbook and how far it is done,
/// and the story so far. What people read is in the tenant's language.
#[utoipa::path(operation_id = "getIncident", tag = "Incidents", params(IncidentPath), responses(
    (status = 200, description = "The incident", body = IncidentWithEvidenceView)))]
#[get("/v1/incidents/{incident_id}")]
pub(super) async fn get_incident(
    asked: Permitted<IncidentsRead, At<IncidentPath>>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, path) = asked;
    Ok(Json(read(&mut caller, path.id()?).await?))
}

/// The incident as a person reads it.
pub(super) async fn read<P>(caller: &mut Caller<P>, id: IncidentId) -> Result<IncidentWithEvidenceView, Problem> {
    let incident = incident::find(&mut caller.tx, id).await?.ok_or_else(IncidentPath::absent)?;
    let tenant = tenant::find(&mut caller.tx, incident.tenant).await?;
    let language = tenant.map_or(Language::English, |tenant| tenant.language);
    let steps = incident::steps(&mut caller.tx, id).await?;
    let acknowledged = incident::acknowledged(&mut caller.tx, id).await?;
    let timeline = incident::entries(&mut caller.tx, id).await?;
    let siblings = sibling::list(&mut caller.tx, id).await?;
    let tickets = incident::tickets(&mut caller.tx, id).await?;
    Ok(IncidentWithEvidenceView::new(incident, language, steps, acknowledged, siblings, tickets, timeline))
}

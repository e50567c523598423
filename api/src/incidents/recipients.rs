//! Having the addresses read again that bounced in an incident.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, post};
use daimon_domain::job::JobKind;
use daimon_store::incident;

use super::errand::{Errand, begin};
use crate::caller::{Permitted, RecipientsRead};
use crate::idempotency::IdempotencyKey;
use crate::jobs::JobView;
use crate::path::{At, IdempotencyKeyHeader, IncidentPath};
use crate::problem::Problem;

const GATHERING: Errand = Errand {
    kind: JobKind::Recipients,
    is_dry_run: false,
    beside_none_of: &[JobKind::Recipients],
    in_the_way: "Addresses are being gathered for another incident of this mailbox. Ask again when that job has ended.",
};

/// Gather the addresses that bounced in an incident
///
/// Of third parties only keyed hashes are kept, so whoever has to clean a list, or to tell the recipients, has the addresses read
/// again from the mails: this answers with a job that does it (`GET /v1/jobs/{job_id}`, which needs `mailboxes:read`). When it is
/// `done`, it says how many addresses there are and how many recipients are `missing`, because their mails are no longer where
/// they were, and `POST /v1/jobs/{job_id}/recipients` gives the addresses, to one caller. They are sealed until then, and kept
/// for a day. It is about the failed deliveries of the incident; reports that were only counted (`bounces_unread`) are not read for
/// it. Nothing in the mailbox is changed. Whoever asks anew lets go of what an earlier job of the incident has gathered.
#[utoipa::path(operation_id = "gatherRecipients", tag = "Incidents", params(IncidentPath, IdempotencyKeyHeader), responses(
    (status = 202, description = "The job", body = JobView, headers(("Location", description = "Where to see how it goes"))),
    (status = 409, description = "`conflict`: a drill made the incident up, or the mailbox is being deleted. `busy`: addresses are being gathered for another incident of its mailbox")))]
#[post("/v1/incidents/{incident_id}/recipients")]
pub(super) async fn gather_recipients(
    asked: Permitted<RecipientsRead, (At<IncidentPath>, IdempotencyKey)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once)) = asked;
    let once = match once.begin(&mut caller, &Bytes::new()).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let incident = incident::find(&mut caller.tx, path.id()?).await?.ok_or_else(IncidentPath::absent)?;
    if incident.drill.is_some() {
        return Err(Problem::Conflict("A drill made it up: its recipients are nobody."));
    }
    begin(caller, once, &incident, GATHERING).await
}

//! Starting a drill.

use actix_web::{HttpResponse, post};
use chrono::TimeDelta;
use daimon_domain::drill::{Drill, DrillEpisode, DrillState};
use daimon_domain::id::DrillId;
use daimon_store::drill;
use daimon_verdict::Provider;
use serde_json::json;

use super::view::{DrillView, NewDrill};
use crate::caller::{IncidentsWrite, Permitted};
use crate::deletion::living_mailbox;
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Start a drill
///
/// Plays a made-up episode on one of your mailboxes: real bounces are made, read and judged, an incident opens, and your
/// endpoints are told by the same signed webhooks as of a real one, with `livemode: false` and a `drill_id`. The verdict is what
/// the judge says of these bounces; with few of them, some episodes open no incident. It works on the
/// incident as your technicians would, or leaves that to you. Until it ends it can be looked at under `/v1/incidents`;
/// then it is closed, and nothing is left of it but the drill itself and the audit log. The mailbox's server, its real
/// incidents and what was learnt of it are not touched. One drill goes on per mailbox.
#[utoipa::path(operation_id = "createDrill", tag = "Drills", params(IdempotencyKeyHeader), request_body = NewDrill, responses(
    (status = 201, description = "The drill, which goes on by itself", body = DrillView, headers(("Location", description = "Where to see how it goes"))),
    (status = 404, description = "There is no such mailbox"),
    (status = 409, description = "`busy`: a drill goes on there already. `conflict`: the mailbox is being deleted")))]
#[post("/v1/drills")]
pub(super) async fn create_drill(
    asked: Permitted<IncidentsWrite, (IdempotencyKey, Body<NewDrill>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let new = body.value;
    let mailbox = living_mailbox(&mut caller, new.mailbox_id).await?;
    if let Some(why) = impossible(new.episode, Provider::of_imap_host(mailbox.server.host.as_str())) {
        return Err(Problem::invalid("/episode", why));
    }
    let drill = Drill {
        id: DrillId::new(caller.now, caller.service.sources.entropy()),
        tenant: mailbox.tenant,
        mailbox: mailbox.id,
        episode: new.episode,
        bounces: new.bounces,
        plays_response: new.plays_response,
        state: DrillState::Playing,
        started_at: caller.now,
        started_by: caller.actor.to_string(),
        ends_at: caller.now + TimeDelta::minutes(i64::from(new.keep_minutes)),
        ended_at: None,
        incident: None,
        told: Vec::new(),
        deliveries: 0,
        delivered: 0,
    };
    drill::insert(&mut caller.tx, &drill).await?;
    let detail = json!({ "mailbox": mailbox.id, "episode": drill.episode });
    caller.audit("drill.started", drill.id, Some(drill.tenant), detail).await?;
    let (service, msp, tenant, id) = (caller.service.clone(), caller.msp, drill.tenant, drill.id);
    let made = Created { location: format!("/v1/drills/{id}"), version: None, view: DrillView::from(drill) };
    let response = once.created(caller, made).await?;
    service.hint_drill(msp, tenant, id).await;
    Ok(response)
}

/// Why that does not happen to a mailbox there.
const fn impossible(episode: DrillEpisode, provider: Provider) -> Option<&'static str> {
    match (episode, provider) {
        (DrillEpisode::TenantBlocked, Provider::M365) => None,
        (DrillEpisode::TenantBlocked, _) => Some("only happens at Microsoft 365"),
        (DrillEpisode::Neighbour, Provider::Gmail | Provider::M365) => {
            Some("does not happen at Gmail and Microsoft 365")
        }
        (DrillEpisode::ForgedColleague, Provider::Gmail) => Some("does not happen at Gmail"),
        _ => None,
    }
}

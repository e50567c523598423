//! The report on an incident, for people: as JSON, Markdown or a page that prints.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, Accept, Header as _};
use actix_web::{FromRequest, HttpRequest, HttpResponse, get};
use chrono::TimeDelta;
use daimon_domain::id::{IncidentId, KeyId, UserId};
use daimon_domain::incident::Incident;
use daimon_domain::mailbox::Mailbox;
use daimon_domain::tenant::{Language, Tenant};
use daimon_posture::Posture;
use daimon_store::incident::{self, StepState};
use daimon_store::msp::Msp;
use daimon_store::refusal::{self, Refusals};
use daimon_store::{MspTx, api_key, domain_posture, mailbox, msp, sibling, tenant, user};
use daimon_verdict::playbook;
use daimon_wording::IncidentReport;
use daimon_wording::incident_report::chart::Scale;
use daimon_wording::incident_report::{Facts, Happened, LATELY, POLICY, Refused, Standing, Stands, StepFact, Tally};

use super::report_view::{IncidentReportView, ReportFormat, ReportQuery};
use crate::caller::{Caller, IncidentsRead, Permitted};
use crate::input::Query;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// How long a server keeps on trying at most, as a rule: qmail's seven days. Most give up after five (RFC 5321, 4.5.4.1).
const LONGEST_QUEUE: TimeDelta = TimeDelta::days(7);

/// What a request would like best, of what there is: JSON for whoever does not care.
pub(crate) struct Preferred(pub(crate) ReportFormat);

impl FromRequest for Preferred {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let mut accept = Accept::parse(request).unwrap_or_else(|_malformed| Accept::star());
        accept.0.retain(|item| item.quality > header::Quality::ZERO);
        let known =
            accept.ranked().into_iter().find_map(|media| match (media.type_().as_str(), media.subtype().as_str()) {
                ("text", "html") => Some(ReportFormat::Html),
                ("text", "markdown" | "*") => Some(ReportFormat::Markdown),
                ("application" | "*", "json" | "*") => Some(ReportFormat::Json),
                _ => None,
            });
        // RFC 9110, 12.5.1: who accepts nothing of it gets something, and may say so.
        ready(Ok(Self(known.unwrap_or(ReportFormat::Json))))
    }
}

/// Read an incident's report
///
/// What happened, what it means, the numbers, why, what was done, by whom and when, and what remains to be done: to be
/// given to the client. By `Accept` or `format` it is JSON, Markdown, or a page of HTML without scripts or outside assets
/// that prints on A4. It names no recipient, only their domains.
#[utoipa::path(operation_id = "getIncidentReport", tag = "Incidents", params(IncidentPath, ReportQuery), responses(
    (status = 200, description = "The report", content(
        (IncidentReportView = "application/json"),
        (String = "text/markdown", example = json!("# Incident report: mailbox sato@clinic.example\n\nFor Sakura Dental Clinic\n")),
        (String = "text/html", example = json!("<!doctype html>\n<html lang=\"en\">\n")),
    ))))]
#[get("/v1/incidents/{incident_id}/report")]
pub(super) async fn get_report(
    asked: Permitted<IncidentsRead, (At<IncidentPath>, Query<ReportQuery>, Preferred)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, query, preferred)) = asked;
    let known = Known::read(&mut caller, path.id()?).await?;
    let language = query.0.language.unwrap_or(known.tenant.language);
    let report = write(&mut caller, &known, language).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Accept"));
    let name =
        |ending: &str| (header::CONTENT_DISPOSITION, format!("inline; filename=\"{}.{ending}\"", known.incident.id));
    Ok(match query.0.format.unwrap_or(preferred.0) {
        ReportFormat::Json => response.json(IncidentReportView::new(&known.incident, report)),
        ReportFormat::Markdown => {
            response.insert_header(name("md")).content_type("text/markdown; charset=utf-8").body(report.to_markdown())
        }
        ReportFormat::Html => response
            .insert_header(name("html"))
            .insert_header((header::CONTENT_SECURITY_POLICY, format!("{POLICY}; frame-ancestors 'none'; sandbox")))
            .content_type("text/html; charset=utf-8")
            .body(report.to_html()),
    })
}

/// Whom an incident is about, and whose business it is.
pub(super) struct Known {
    pub(super) incident: Incident,
    pub(super) tenant: Tenant,
    pub(super) mailbox: Mailbox,
    pub(super) msp: Msp,
}

impl Known {
    pub(super) async fn read<P>(caller: &mut Caller<P>, id: IncidentId) -> Result<Self, Problem> {
        let incident = incident::find(&mut caller.tx, id).await?.ok_or_else(IncidentPath::absent)?;
        let tenant = tenant::find(&mut caller.tx, incident.tenant).await?.ok_or_else(IncidentPath::absent)?;
        let mailbox = mailbox::find(&mut caller.tx, incident.mailbox).await?.ok_or_else(IncidentPath::absent)?;
        let msp = msp::find(&mut caller.tx).await?.ok_or(Problem::Internal)?;
        Ok(Self { incident, tenant, mailbox, msp })
    }
}

/// How the mailbox's domain stood when DNS was last asked.
async fn standing<P>(caller: &mut Caller<P>, known: &Known, language: Language) -> Result<Option<Standing>, Problem> {
    let found = domain_posture::find(&mut caller.tx, known.tenant.id, known.mailbox.address.domain()).await?;
    Ok(found.map(|found| {
        let posture: Posture = serde_json::from_value(found.posture).unwrap_or_default();
        let findings = posture.findings();
        Standing {
            checked_at: found.checked_at,
            findings: findings.iter().map(|one| (one.code(), one.sentence(language))).collect(),
            unanswered: posture.unanswered(),
        }
    }))
}

/// Who refused mail of the mailbox's domain because of its sender, since the incident began.
async fn refusals<P>(caller: &mut Caller<P>, known: &Known) -> Result<Vec<Refused>, Problem> {
    let (tenant, domain) = (known.tenant.id, known.mailbox.address.domain());
    let recent = caller.now - LATELY;
    let since = known.incident.first_bounce_at.min(recent);
    let rows = refusal::list(&mut caller.tx, tenant, domain, since, recent).await?;
    let refused = |row: Refusals| {
        let Refusals { host, domain, reason, bounces, recent, latest_at } = row;
        Refused { host, domain, reason, bounces, recent, latest_at }
    };
    Ok(rows.into_iter().map(refused).collect())
}

async fn write<P>(caller: &mut Caller<P>, known: &Known, language: Language) -> Result<IncidentReport, Problem> {
    let incident = &known.incident;
    let scale = Scale::of(incident, language);
    let counted = incident::tally(&mut caller.tx, incident, scale.step, scale.origin).await?;
    let tally = Tally {
        bounces: counted.bounces,
        is_cut: counted.is_cut,
        steps: counted.steps,
        reasons: counted.reasons,
        domains: counted.domains,
    };
    let still_tried = incident::still_tried(&mut caller.tx, incident, caller.now - LONGEST_QUEUE).await?;
    let standing = standing(caller, known, language).await?;
    let refusals = refusals(caller, known).await?;
    let done = incident::steps(&mut caller.tx, incident.id).await?;
    let story = incident::entries(&mut caller.tx, incident.id).await?;
    let writers = done.iter().map(|step| &step.by).chain(story.iter().map(|entry| &entry.who));
    let names = names(&mut caller.tx, writers).await?;
    let steps = playbook::steps_for(incident.verdict).into_iter().map(|step| {
        let done = done.iter().find(|done| done.step == step.id);
        StepFact {
            step,
            stands: done.map_or(Stands::Open, |done| stands(done.state)),
            by: done.and_then(|done| person(&done.by, &names, &known.msp)),
            at: done.map(|done| done.at),
            note: done.and_then(|done| done.note.as_deref()),
        }
    });
    let siblings = sibling::list(&mut caller.tx, incident.id).await?;
    let facts = Facts {
        incident,
        address: known.mailbox.address.as_str(),
        tenant: known.tenant.name.as_str(),
        msp: known.msp.shown(),
        contact: known.msp.support_contact.as_deref(),
        siblings: siblings.iter().filter(|one| one.is_open).map(|one| one.address.as_str()).collect(),
        steps: steps.collect(),
        story: story
            .iter()
            .map(|entry| Happened {
                at: entry.at,
                what: &entry.what,
                who: person(&entry.who, &names, &known.msp),
                note: entry.note.as_deref(),
            })
            .collect(),
        tally: &tally,
        still_tried,
        standing,
        refusals,
        made_at: caller.now,
    };
    Ok(IncidentReport::new(&facts, language))
}

const fn stands(state: StepState) -> Stands {
    match state {
        StepState::Open => Stands::Open,
        StepState::Done => Stands::Done,
        StepState::Skipped => Stands::Skipped,
    }
}

/// What people call those of these writers who have a name: API keys and users that the caller may see.
async fn names<'a>(
    tx: &mut MspTx,
    writers: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, String>, Problem> {
    let writers: BTreeSet<&String> = writers.collect();
    let keys: Vec<KeyId> = writers.iter().filter_map(|who| who.parse().ok()).collect();
    let users: Vec<UserId> = writers.iter().filter_map(|who| who.parse().ok()).collect();
    let keys = api_key::names(tx, &keys).await?.into_iter().map(|(id, name)| (id.to_string(), name));
    let users = user::names(tx, &users).await?.into_iter().map(|(id, name)| (id.to_string(), name));
    Ok(keys.chain(users).collect())
}

/// What people call whoever did something: by name, or, where the caller may not see who it was, by their MSP's; `None` for
/// what was done by ourselves.
fn person<'a>(who: &'a str, names: &'a BTreeMap<String, String>, msp: &'a Msp) -> Option<&'a str> {
    if who.parse::<KeyId>().is_ok() || who.parse::<UserId>().is_ok() {
        return Some(names.get(who).map_or(msp.shown(), String::as_str));
    }
    (who != "daimon").then_some(who)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn the_header_chooses_and_whoever_does_not_care_gets_json() {
        for (accept, format) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", ReportFormat::Html),
            ("text/markdown", ReportFormat::Markdown),
            ("text/html;q=0.5, text/markdown", ReportFormat::Markdown),
            ("application/json", ReportFormat::Json),
            ("*/*", ReportFormat::Json),
            ("text/html;q=0, */*", ReportFormat::Json),
            ("image/png", ReportFormat::Json),
            ("nonsense", ReportFormat::Json),
        ] {
            let request = TestRequest::default().insert_header(("Accept", accept)).to_http_request();
            let preferred = Preferred::from_request(&request, &mut Payload::None).await.unwrap();
            assert_eq!(preferred.0, format, "{accept}");
        }
        let request = TestRequest::default().to_http_request();
        assert_eq!(Preferred::from_request(&request, &mut Payload::None).await.unwrap().0, ReportFormat::Json);
    }
}

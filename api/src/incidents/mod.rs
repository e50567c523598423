//! Incidents: what the bounces mean, why, and what to do; and how they end.

mod acknowledge;
mod asked;
mod assign;
mod comment;
mod confirm;
mod contain;
mod dismiss;
mod errand;
mod get;
mod list;
mod moving;
mod notices;
mod notices_view;
mod recipients;
mod recover;
mod reopen;
mod report;
mod report_view;
mod snooze;
mod step;
mod ticket;
mod tidy;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) use report::Preferred;
pub(crate) use report_view::{ReportFormat, ReportQuery};

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(list::list_incidents)
        .service(get::get_incident)
        .service(report::get_report)
        .service(notices::list_notices)
        .service(acknowledge::acknowledge_incident)
        .service(assign::assign_incident)
        .service(comment::comment_incident)
        .service(snooze::snooze_incident)
        .service(snooze::unsnooze_incident)
        .service(step::set_step)
        .service(confirm::confirm_incident)
        .service(contain::contain_incident)
        .service(recover::recover_incident)
        .service(dismiss::dismiss_incident)
        .service(reopen::reopen_incident)
        .service(ticket::link_ticket)
        .service(ticket::unlink_ticket)
        .service(tidy::tidy_incident)
        .service(tidy::untidy_incident)
        .service(recipients::gather_recipients);
}

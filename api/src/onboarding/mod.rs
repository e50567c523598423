//! Taking in companies with all their mailboxes, from one body or from a table.
//!
//! A row that is wrong keeps no other out, and says by row and field what is wrong. What is there already is left as it is, so that
//! the same may be sent again, with what was wrong put right.

mod body;
mod companies;
mod line;
mod onboard;
mod servers;
pub mod table;
mod view;
mod write;

pub(crate) use view::RowStatus;

use utoipa_actix_web::service_config::ServiceConfig;

use crate::routes::nothing_else_at;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(onboard::onboard_tenants);
    nothing_else_at(config, "/v1/tenants/onboard");
}

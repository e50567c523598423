//! Mailboxes: the IMAP accounts that are read. Passwords go in and never come out.

mod autodiscover;
mod bulk;
mod candidate;
mod create;
mod credential;
mod delete;
mod get;
mod list;
mod polling;
mod secret;
mod test_connection;
mod update;
mod view;

pub(crate) use autodiscover::Outside;
pub(crate) use bulk::{BulkAction, BulkOutcome};
pub(crate) use create::{Asked, store};
pub(crate) use secret::Means;
pub(crate) use test_connection::{MOST_IN_VAIN, in_vain, new_test};
pub(crate) use view::{ConnectionState, ImapServerView, NewImapServer, PollingState, is_password};

use utoipa_actix_web::service_config::ServiceConfig;

use crate::routes::nothing_else_at;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(bulk::bulk_mailboxes);
    nothing_else_at(config, "/v1/mailboxes/bulk");
    config
        .service(autodiscover::autodiscover)
        .service(create::create_mailbox)
        .service(list::list_mailboxes)
        .service(get::get_mailbox)
        .service(update::update_mailbox)
        .service(delete::delete_mailbox)
        .service(credential::replace_credential)
        .service(polling::pause_mailbox)
        .service(polling::resume_mailbox)
        .service(polling::poll_mailbox)
        .service(test_connection::test_connection);
}

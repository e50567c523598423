//! Mailboxes: the IMAP accounts that are read. Passwords go in and never come out.

mod autodiscover;
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

pub(crate) use view::ImapServerView;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
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

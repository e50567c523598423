#![doc = include_str!("README.md")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "these are tests, and what they prepare must be there"
)]

mod another_envelope_sender;
mod automatic_answers;
mod blocked_server;
mod catch_all_domain;
mod echo_on_the_fifth_day;
mod fake_bounce;
mod forged_mail_to_a_colleague;
mod forged_sign_in_below_a_foreign_chain;
mod forwarding_loop;
mod hacked_form;
mod mailbox;
mod mails;
mod neighbour_on_a_shared_host;
mod newsletter_from_an_outside_tool;
mod one_letter_to_an_old_list;
mod outage;
mod provider_notice_quoted_by_others;
mod refused_credential;
mod rule_that_deletes_bounces;
mod takeover_beside_a_newsletter;
mod throttled_tenant;

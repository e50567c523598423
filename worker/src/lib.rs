//! What happens without a request.

pub mod classify;
pub mod mail_files;
pub mod poll;

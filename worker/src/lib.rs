//! What happens without a request.

pub mod classify;
pub mod deliver;
pub mod mail_files;
pub mod poll;
pub mod scan;

//! Events on their way to webhook endpoints.
//!
//! A delivery was committed together with the event it carries, so nothing here can lose one: a worker leases it,
//! sends it, and records the attempt and what follows from it in one transaction. A worker that dies in between leaves
//! a lease that runs out, and the receiver may get the event twice: at least once, told apart by `webhook-id`.
//!
//! | file | what it decides |
//! |---|---|
//! | `job.rs` | one delivery, from lease to record |
//! | `request.rs` | what is sent, and how it is signed |
//! | `backoff.rs` | what an outcome means: delivered, again later, or never |
//! | `breaker.rs` | how often a dead endpoint is tried |
//! | `notice.rs` | telling the MSP that an endpoint fails |

mod backoff;
mod breaker;
mod job;
mod notice;
mod request;

pub use job::{DeliverError, Deliverer, deliver};

//! Events on their way to webhook endpoints.
//!
//! A delivery was committed together with the event it carries, so nothing here can lose one: a worker leases it,
//! sends it, and records the attempt and what follows from it in one transaction. A worker that dies in between leaves
//! a lease that runs out, and the receiver may get the event twice: at least once, told apart by `webhook-id`.
//!
//! | file | what it decides |
//! |---|---|
//! | `job.rs` | one delivery, from lease to record |
//! | `gate.rs` | whether it may go out now: quiet hours, and the endpoint's pace |
//! | `request.rs` | what is sent, and how it is signed |
//! | `redact.rs` | what is not kept of an answer |
//! | `backoff.rs` | what an outcome means: delivered, again later, or never |
//! | `breaker.rs` | how much of a worker one endpoint gets, and all that are slow or fail together; how often a dead one is tried |
//! | `notice.rs` | telling the MSP that an endpoint fails |
//! | `digest.rs` | telling the MSP once a day what the last one brought |

mod backoff;
mod breaker;
mod digest;
mod gate;
mod job;
mod notice;
mod redact;
mod request;

pub use digest::tell_digest;
pub use job::{DeliverError, Deliverer, deliver};

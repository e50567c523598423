#![doc = include_str!("../README.md")]

mod blocklists;
mod dkim;
mod dmarc;
mod dns;
mod finding;
mod posture;
mod spf;
#[cfg(test)]
mod zone;

pub use blocklists::{Blocklist, Blocklists, Listing, MalformedBlocklists, Standing};
pub use dkim::{Dkim, DkimFault, DkimKey, USUAL_SELECTORS};
pub use dmarc::{Dmarc, DmarcFault, DmarcPolicy};
pub use dns::{Dns, Unavailable};
pub use finding::Finding;
pub use posture::Posture;
pub use spf::{Spf, SpfAll, SpfFault, SpfPart, SpfVia};

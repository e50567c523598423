#![doc = include_str!("../README.md")]

use daimon_domain::{
    bounce::{Envelope, Kind, Report},
    origin::Origin,
};

/// What a message says of a delivery, and of each recipient. Never fails: what cannot be read is a note.
pub fn read(message: &[u8]) -> Report {
    let _ = message;
    Report {
        kind: Kind::NotBounce,
        reporting_mta: None,
        arrival_date: None,
        received_from_mta: None,
        original_envelope_id: None,
        feedback_type: None,
        provider_notice: None,
        recipients: Vec::new(),
        origin: Origin::default(),
        envelope: Envelope::default(),
        notes: Vec::new(),
    }
}

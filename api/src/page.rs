//! Walking a list: newest first, from where the last page ended.
//!
//! A cursor names the last row that was seen and is signed for this caller, this list and these filters. Rows that come
//! or go during a walk move nothing, and a cursor of somebody else's, or of other filters, is refused.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daimon_seal::KeyedHash;
use daimon_store::Listed;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::caller::Caller;
use crate::problem::{FieldError, Problem};

/// How many rows a page has when nothing is said.
pub(crate) const DEFAULT_LIMIT: u16 = 50;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// What is on it, newest first.
    pub(crate) items: Vec<T>,
    /// What to send as `cursor` for the next page. `null` means that this was the last one, and nothing else does.
    #[schema(required = true)]
    pub(crate) next: Option<String>,
}

const MAC_LEN: usize = 16;

/// Writes and reads the cursors of one caller's walk through one list.
pub(crate) struct Cursors {
    hash: KeyedHash,
    caller: Uuid,
    walk: String,
}

impl Cursors {
    /// Cursors for this list with these filters.
    pub(crate) fn new(hash: KeyedHash, caller: Uuid, list: &str, filters: &impl std::fmt::Debug) -> Self {
        Self { hash, caller, walk: format!("{list} {filters:?}") }
    }

    fn mac(&self, last: Uuid) -> [u8; MAC_LEN] {
        let full = self.hash.hash(&[b"cursor", self.caller.as_bytes(), self.walk.as_bytes(), last.as_bytes()]);
        full.first_chunk().copied().unwrap_or_default()
    }

    /// The cursor that goes on after `last`.
    pub(crate) fn after(&self, last: Uuid) -> String {
        let mut bytes = last.as_bytes().to_vec();
        bytes.extend_from_slice(&self.mac(last));
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where a cursor goes on, `None` without one.
    pub(crate) fn read(&self, cursor: Option<&str>) -> Result<Option<Uuid>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let refused =
            || Problem::Invalid(vec![FieldError::of("cursor", "not a cursor of this list with these filters")]);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_not_base64| refused())?;
        let (last, mac) = bytes.split_first_chunk::<16>().ok_or_else(refused)?;
        let last = Uuid::from_bytes(*last);
        // A forged cursor would reach no row that the wall doesn't show anyway, so the comparison may take its time.
        if mac == self.mac(last) { Ok(Some(last)) } else { Err(refused()) }
    }
}

/// A walk through one list: where this page begins and how the next one will.
pub(crate) struct Walk {
    cursors: Cursors,
    limit: u16,
    before: Option<Uuid>,
}

impl Walk {
    /// A walk by this caller through this list with these filters.
    pub(crate) fn new<P>(
        caller: &Caller<P>,
        list: &str,
        filters: &impl std::fmt::Debug,
        cursor: Option<&str>,
        limit: Option<u16>,
    ) -> Result<Self, Problem> {
        let hash = caller.service.master.keyed_hash(caller.msp);
        let cursors = Cursors::new(hash, caller.actor.as_uuid(), list, filters);
        let before = cursors.read(cursor)?;
        Ok(Self { cursors, limit: limit.unwrap_or(DEFAULT_LIMIT), before })
    }

    /// What the store is asked for.
    pub(crate) fn page<I>(&self, id: impl FnOnce(Uuid) -> I) -> daimon_store::Page<I> {
        daimon_store::Page { limit: self.limit, before: self.before.map(id) }
    }

    /// What the client is answered.
    pub(crate) fn answer<R, T>(&self, listed: Listed<R>, id: impl Fn(&R) -> Uuid, view: impl FnMut(R) -> T) -> Page<T> {
        let next = listed.items.last().filter(|_last| listed.more).map(|last| self.cursors.after(id(last)));
        Page { items: listed.items.into_iter().map(view).collect(), next }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use daimon_domain::id::MspId;
    use daimon_seal::MasterKey;

    use super::*;

    fn cursors(key: u128, filters: &str) -> Cursors {
        let at = DateTime::UNIX_EPOCH;
        let master = MasterKey::from_hex(&"ab".repeat(32)).ok().unwrap();
        let hash = master.keyed_hash(MspId::new(at, &SeededEntropy::new(1)));
        Cursors::new(hash, Uuid::from_u128(key), "tenants", &filters)
    }

    #[test]
    fn a_cursor_goes_on_for_the_caller_and_the_filters_it_was_made_for_only() {
        let last = Uuid::from_u128(7);
        let cursor = cursors(1, "a").after(last);
        assert_eq!(cursors(1, "a").read(Some(&cursor)), Ok(Some(last)));
        assert!(cursors(2, "a").read(Some(&cursor)).is_err());
        assert!(cursors(1, "b").read(Some(&cursor)).is_err());
        assert_eq!(cursors(1, "a").read(None), Ok(None));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "x", "AAAA", &"A".repeat(43), &"A".repeat(200)] {
            assert!(cursors(1, "a").read(Some(text)).is_err(), "{text}");
        }
    }
}

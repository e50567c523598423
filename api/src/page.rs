//! Walking a list: newest first, from where the last page ended.
//!
//! A cursor names the last row that was seen and is signed for this caller, this list and these filters. Rows that come
//! or go during a walk move nothing, and a cursor of somebody else's, or of other filters, is refused.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daimon_domain::id::KeyId;
use daimon_seal::KeyedHash;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::{FieldError, Problem};

/// How many rows a page has when nothing is said.
pub const DEFAULT_LIMIT: u32 = 50;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// What is on it, newest first.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page. `null` means that this was the last one, and nothing else does.
    pub next: Option<String>,
}

const MAC_LEN: usize = 16;

/// Writes and reads the cursors of one caller's walk through one list.
pub struct Cursors {
    hash: KeyedHash,
    key: KeyId,
    walk: String,
}

impl Cursors {
    /// Cursors for this list with these filters.
    pub fn new(hash: KeyedHash, key: KeyId, list: &str, filters: &impl std::fmt::Debug) -> Self {
        Self { hash, key, walk: format!("{list} {filters:?}") }
    }

    fn mac(&self, last: Uuid) -> [u8; MAC_LEN] {
        let full = self.hash.hash(&[b"cursor", self.key.as_uuid().as_bytes(), self.walk.as_bytes(), last.as_bytes()]);
        full.first_chunk().copied().unwrap_or_default()
    }

    /// The cursor that goes on after `last`.
    pub fn after(&self, last: Uuid) -> String {
        let mut bytes = last.as_bytes().to_vec();
        bytes.extend_from_slice(&self.mac(last));
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where a cursor goes on, `None` without one.
    pub fn read(&self, cursor: Option<&str>) -> Result<Option<Uuid>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let refused =
            || Problem::Invalid(vec![FieldError::of("cursor", "not a cursor of this list with these filters")]);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_not_base64| refused())?;
        let (last, mac) = bytes.split_first_chunk::<16>().ok_or_else(refused)?;
        let last = Uuid::from_bytes(*last);
        // A forged cursor would reach no row that the wall doesn't show anyway, so the comparison may take its time.
        if mac == self.mac(last) { Ok(Some(last)) } else { Err(refused()) }
    }

    /// A page out of up to `limit + 1` rows: the one too many says that there is more.
    pub fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        limit: u32,
        id: impl Fn(&R) -> Uuid,
        view: impl FnMut(R) -> T,
    ) -> Page<T> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = rows.len() <= limit;
        rows.truncate(limit);
        let next = if is_last { None } else { rows.last().map(|row| self.after(id(row))) };
        Page { items: rows.into_iter().map(view).collect(), next }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use daimon_domain::id::MspId;
    use daimon_seal::MasterKey;

    use super::*;

    fn cursors(key: u64, filters: &str) -> Cursors {
        let at = DateTime::UNIX_EPOCH;
        let master = MasterKey::from_hex(&"ab".repeat(32)).ok().unwrap();
        let hash = master.keyed_hash(MspId::new(at, &SeededEntropy::new(1)));
        Cursors::new(hash, KeyId::new(at, &SeededEntropy::new(key)), "tenants", &filters)
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

    #[test]
    fn only_the_last_page_has_no_next_one() {
        let ids = |count: u128| (1..=count).map(Uuid::from_u128).collect::<Vec<_>>();
        let cursors = cursors(1, "a");
        let page = cursors.page(ids(3), 2, |id| *id, |id| id);
        assert_eq!(page.items, ids(2));
        assert_eq!(cursors.read(page.next.as_deref()), Ok(Some(Uuid::from_u128(2))));
        assert_eq!(cursors.page(ids(2), 2, |id| *id, |id| id).next, None);
    }
}

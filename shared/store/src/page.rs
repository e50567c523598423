//! Lists go by key, newest first: "the next 50 before this id" costs the same on page 2,000 as on page 1, and rows that
//! come and go meanwhile are neither shown twice nor skipped.

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<I> {
    /// At most so many.
    pub limit: u16,
    /// Only what comes after this one, which was the last of the page before.
    pub before: Option<I>,
}

impl<I> Page<I> {
    /// The first page.
    pub const fn first(limit: u16) -> Self {
        Self { limit, before: None }
    }

    /// One more than is shown tells whether there is another page.
    pub(crate) fn probe(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    pub(crate) fn cut<T>(&self, mut items: Vec<T>) -> Listed<T> {
        let limit = usize::from(self.limit);
        let more = items.len() > limit;
        items.truncate(limit);
        Listed { items, more }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// Whether another page follows.
    pub more: bool,
}

//! Keyset pagination: one shape for every list.

use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// Items after this id (exclusive), in ascending order of id; from the start when absent.
    pub after: Option<Uuid>,
    /// At most this many, 1 to 100.
    pub limit: u16,
}

impl PageRequest {
    /// The most items that a page may hold.
    pub const MAX_LIMIT: u16 = 100;
    /// Items in a page when the caller names no number.
    pub const DEFAULT_LIMIT: u16 = 20;
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            after: None,
            limit: Self::DEFAULT_LIMIT,
        }
    }
}

/// A part of a list, and where the next part starts.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass as [`PageRequest::after`] for the next part; `None` at the end.
    pub next: Option<Uuid>,
}

impl<T> Page<T> {
    /// Cuts a result that was asked for with `limit + 1` rows.
    pub fn from_overfetch(mut items: Vec<T>, limit: u16, id: impl Fn(&T) -> Uuid) -> Self {
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next = if more { items.last().map(id) } else { None };
        Self { items, next }
    }
    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}

//! Pages: how much of a long list is answered at once.

use std::fmt;

use entity::data;

/// Most items of one page. Bounds an answer; a reader who wants more asks again.
pub const PAGE_ITEMS_MAX: u32 = 100;

/// Items of a page when the reader does not say: about two screens.
pub const PAGE_ITEMS_DEFAULT: u32 = 20;

/// Most items wanted in one page: 1 to [`PAGE_ITEMS_MAX`], [`PAGE_ITEMS_DEFAULT`] when not given.
#[data]
#[derive(Copy)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(inline, extend("minimum" = 1, "maximum" = PAGE_ITEMS_MAX))]
pub struct PageLimit(u32);

impl PageLimit {
    /// The largest page there is.
    pub const MAX: Self = Self(PAGE_ITEMS_MAX);

    /// The limit as a number of items.
    pub fn items(self) -> usize {
        self.0 as usize
    }

    /// What is left of a page that holds `items` already; `None` when it is full.
    pub fn left(self, items: usize) -> Option<Self> {
        let items = u32::try_from(items).ok()?;
        Self::try_from(self.0.checked_sub(items)?).ok()
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(PAGE_ITEMS_DEFAULT)
    }
}

/// The number is no size of a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoPageLimit;

impl fmt::Display for NoPageLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a limit from 1 to {PAGE_ITEMS_MAX}")
    }
}

impl std::error::Error for NoPageLimit {}

impl TryFrom<u32> for PageLimit {
    type Error = NoPageLimit;

    fn try_from(items: u32) -> Result<Self, NoPageLimit> {
        (1..=PAGE_ITEMS_MAX).contains(&items).then_some(Self(items)).ok_or(NoPageLimit)
    }
}

impl From<PageLimit> for u32 {
    fn from(limit: PageLimit) -> Self {
        limit.0
    }
}

/// Makes a page of `rows`, which were read with a limit of `items_max + 1`: at most `items_max` of
/// them, and the key of the last one when more follow.
pub(crate) fn page<K: Copy, R>(
    mut rows: Vec<(K, R)>,
    items_max: usize,
) -> (Vec<(K, R)>, Option<K>) {
    let is_cut = rows.len() > items_max;
    rows.truncate(items_max);
    let next = rows.last().filter(|_| is_cut).map(|(key, _)| *key);
    (rows, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked() {
        let cases = [(0, None), (1, Some(1)), (100, Some(100)), (101, None)];
        for (items, expected) in cases {
            assert_eq!(PageLimit::try_from(items).ok().map(PageLimit::items), expected, "{items}");
        }
    }

    #[test]
    fn a_page_fills_up() {
        let cases = [(0, Some(2)), (1, Some(1)), (2, None), (3, None)];
        for (items, expected) in cases {
            assert_eq!(PageLimit(2).left(items).map(PageLimit::items), expected, "{items}");
        }
    }

    #[test]
    fn a_page_says_whether_more_follows() {
        let rows = |count: u8| (1..=count).map(|it| (it, ())).collect::<Vec<_>>();
        let cases = [(0, 0, None), (1, 1, None), (2, 2, None), (3, 2, Some(2))];
        for (count, items, next) in cases {
            let (page, found) = page(rows(count), 2);
            assert_eq!((page.len(), found), (items, next), "{count} rows");
        }
    }
}

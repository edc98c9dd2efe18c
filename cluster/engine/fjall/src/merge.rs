//! Rows of two sources as one.

use std::cmp::Ordering;

use bytes::Bytes;
use engine::Row;
use entity::transaction::Order;
use itertools::Itertools;

/// A row, or that there is none.
pub(crate) type Change = (Bytes, Option<Bytes>);

/// Both sources, each in this order, as one. Of two with one key the `newer` is taken. An error comes
/// as soon as it is met.
pub(crate) fn merged(
    order: Order,
    newer: impl Iterator<Item = fjall::Result<Change>>,
    stored: impl Iterator<Item = fjall::Result<Change>>,
) -> impl Iterator<Item = fjall::Result<Change>> {
    let compare = move |one: &fjall::Result<Change>, other: &fjall::Result<Change>| {
        let (Ok((one, _)), Ok((other, _))) = (one, other) else {
            return if one.is_err() { Ordering::Less } else { Ordering::Greater };
        };
        match order {
            Order::Up => one.cmp(other),
            Order::Down => other.cmp(one),
        }
    };
    newer.merge_join_by(stored, compare).map(|both| both.reduce(|newer, _| newer))
}

/// The rows that are there.
pub(crate) fn present(change: fjall::Result<Change>) -> Option<fjall::Result<Row>> {
    change.map(|(key, value)| value.map(|value| (key, value))).transpose()
}

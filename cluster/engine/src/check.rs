//! What a caller of an engine must keep to. Whoever breaks it is wrong, not unlucky.

use bytes::Bytes;

use crate::limits::{DETAIL_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::port::{Applied, GroupId, Mark, Row};

/// # Panics
/// When a group comes twice.
pub fn groups(batch: &[(GroupId, Applied)]) {
    let mut groups: Vec<GroupId> = batch.iter().map(|(group, _)| *group).collect();
    groups.sort_unstable();
    assert!(groups.is_sorted_by(|one, next| one < next), "a group comes twice in a batch");
}

/// # Panics
/// When a mark falls or a limit is exceeded.
pub fn applied(group: GroupId, applied: &Applied, mark: Option<&Mark>) {
    let before = mark.map_or(0, |mark| mark.applied);
    assert!(applied.applied >= before, "group {group} falls from {before} to {}", applied.applied);
    detail(&applied.detail);
    for change in &applied.changes {
        row(&change.key, change.value.as_deref().unwrap_or_default());
    }
}

/// # Panics
/// When a limit is exceeded.
pub fn rows(rows: &[Row]) {
    for (key, value) in rows {
        row(key, value);
    }
}

/// # Panics
/// When it is longer than [`DETAIL_BYTES_MAX`].
pub fn detail(detail: &Bytes) {
    assert!(detail.len() <= DETAIL_BYTES_MAX, "a detail of {} bytes", detail.len());
}

fn row(key: &[u8], value: &[u8]) {
    assert!(!key.is_empty(), "a row without a key");
    assert!(key.len() <= KEY_BYTES_MAX, "a key of {} bytes", key.len());
    assert!(value.len() <= VALUE_BYTES_MAX, "a row of {} bytes", value.len());
}

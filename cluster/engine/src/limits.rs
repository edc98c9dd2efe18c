//! Every limit of an engine.

/// Longest key of a row, in bytes. fjall takes 65,535, of which a generation takes 4.
pub const KEY_BYTES_MAX: usize = 60 * 1024;

/// Longest value of a row, in bytes. Far above the largest record; it stops a runaway.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest detail of a mark, in bytes. It is written three times.
pub const DETAIL_BYTES_MAX: usize = 64 * 1024;

/// Most rows of one scan, in rows. A longer range is read in pages.
pub const SCAN_ROWS_MAX: usize = 100_000;

/// Largest chunk of a snapshot, in bytes of keys and values. One row may exceed it.
pub const CHUNK_BYTES_MAX: usize = 16 * 1024 * 1024;

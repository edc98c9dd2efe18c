//! Every limit of the model. Reaching one is a refusal with a stable code, never a crash.

/// Longest encoded key of an entity, in bytes: its length is one byte of every storage key.
pub const ENTITY_KEY_BYTES_MAX: usize = 255;

/// Longest head, in bytes. A head is read and written whole; collections belong into tables.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A head above this many bytes is counted and reported, as the sign of a collection in a head.
pub const HEAD_BYTES_GOOD: usize = 4 * 1024;

/// Longest row or stream item, in bytes.
pub const ROW_BYTES_MAX: usize = 64_000;

/// Longest encoded key of a row, in bytes.
pub const ROW_KEY_BYTES_MAX: usize = 1_000;

/// Longest body of a command or query, in bytes. A command may become a row.
pub const BODY_BYTES_MAX: usize = 64_000;

/// Longest reply to a command, and longest refusal, in bytes: it is kept for repeats, as a row.
pub const REPLY_BYTES_MAX: usize = ROW_BYTES_MAX;

/// Longest answer to a query, in bytes: a page of a hundred bodies.
pub const ANSWER_BYTES_MAX: usize = 1_000_000;

/// Most rows in one answer to a scan. More is a page.
pub const SCAN_ROWS_MAX: usize = 1_000;

/// Most rows written by one command.
pub const ROWS_WRITTEN_MAX: usize = 4_096;

/// Most messages sent by one command, counted by target. More is a paging entity.
pub const MESSAGES_MAX: usize = 1_024;

/// Most wake-ups set by one command.
pub const WAKE_UPS_MAX: usize = 64;

/// Most bytes written by one command: rows, messages and wake-ups with their keys, and the head.
///
/// A record holds the effects of many commands; half of [`RECORD_BYTES_MAX`] fits one always.
pub const EFFECTS_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// Longest record, in bytes: 1 MB, so that one record never holds up replication for long.
pub const RECORD_BYTES_MAX: usize = 1_000_000;

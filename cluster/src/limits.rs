//! Every limit of a shard. Reaching one slows callers down or refuses them, and never loses anything.

use std::time::Duration;

/// Most requests that wait in one shard. More are refused `overloaded`: at 100,000 commands a second
/// this is 80 ms of work, longer than which a caller had better go elsewhere.
pub const QUEUE_MAX: usize = 8_192;

/// Most commands in one record.
pub const BATCH_COMMANDS_MAX: usize = 512;

/// A record is closed above this many bytes. What one command can do, its head and its reply, and
/// what is removed on the way, fit on top of it.
pub const BATCH_BYTES: usize = 128 * 1024;

/// A record with fewer commands waits while another one is in flight, and gathers more: what a record
/// costs on three nodes is many times what a small command costs.
pub const BATCH_COMMANDS_EAGER: usize = 64;

/// A record of so many bytes does not wait, however few its commands.
pub const BATCH_BYTES_EAGER: usize = 32 * 1024;

/// A record with fewer than [`BATCH_COMMANDS_EAGER`] commands leaves no sooner behind one of
/// [`RECORD_COMPANY`] commands or more: others are about to come, and may share it.
pub const RECORD_PACE: Duration = Duration::from_millis(5);

/// How many commands a record has at least when more than one client is at work. Whoever sends one command
/// after the other never waits for company.
pub const RECORD_COMPANY: usize = 4;

/// Most records proposed and not yet committed: enough to fill the time of one round trip.
pub const RECORDS_IN_FLIGHT_MAX: u64 = 8;

/// Most commands handled in one step, so that whoever drives several shards can be fair.
pub const STEP_COMMANDS_MAX: usize = 2_048;

/// Longest `Idempotency-Key`, in bytes.
pub const KEY_BYTES_MAX: usize = 255;

/// How long a reply under an `Idempotency-Key` is kept.
pub const OUTSIDE_LASTING: Duration = Duration::from_hours(24);

/// Most `Idempotency-Key`s of one account within [`OUTSIDE_LASTING`], counted per slot: an account's
/// own entities share one.
pub const OUTSIDE_KEYS_MAX: u32 = 10_000;

/// How old a command of ours may be when it is executed.
pub const INSIDE_LASTING: Duration = Duration::from_mins(2);

/// How far the clock of a sender may be ahead of a shard. Commands from a later future are refused.
pub const SKEW_MAX: Duration = Duration::from_mins(1);

/// How long a reply to a command of ours is kept when it is not acknowledged: as long as a repeat
/// could be executed.
pub const INSIDE_KEPT: Duration = Duration::from_mins(3);

/// Most commands of one sender to one shard that are not acknowledged.
pub const SENDER_WINDOW: u64 = 16_384;

/// Acknowledged replies and envelopes are removed by the next record, or by one of their own when so
/// many have gathered.
pub const REMOVALS_GATHERED_MAX: usize = 512;

/// Bytes in the outbox above which a shard refuses commands from outside.
pub const OUTBOX_BYTES_SOFT: usize = 16 * 1024 * 1024;

/// Bytes in the outbox above which a shard handles only messages that send nothing themselves, but
/// for [`LET_THROUGH`]. Four times the soft limit: full of what commands have sent, it still answers.
pub const OUTBOX_BYTES_HARD: usize = 4 * OUTBOX_BYTES_SOFT;

/// Messages that send some themselves and are handled in each [`RESEND_AFTER`] though the outbox is
/// full: shards that are full of answers to each other would wait for each other for ever.
pub const LET_THROUGH: usize = 64;

/// Most envelopes to one shard that are sent and not yet acknowledged.
pub const LINK_WINDOW: usize = 64;

/// After this time without an acknowledgement envelopes are sent again.
pub const RESEND_AFTER: Duration = Duration::from_millis(500);

/// Most messages of one link handled before others have their turn.
pub const LINK_TURN: usize = 64;

/// Most wake-ups that wait in one shard; commands that set more are refused `overloaded`. Messages and
/// wake-ups may set more, up to four times as many.
pub const WAKE_UPS_MAX: usize = 1_000_000;

/// An entity that panics this often in a row is quarantined.
pub const PANICS_MAX: u32 = 3;

/// Most entities kept in memory by one shard. Others are read from the ledger when needed.
pub const LIVE_MAX: usize = 100_000;

/// Most rows read at once while a shard is being taken over.
pub const LOAD_ROWS: usize = 1_000;

/// Most streams of one shard that are followed, each counted once for every node that does.
pub const FOLLOWED_MAX: usize = 1_000_000;

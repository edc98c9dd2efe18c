//! Limits of one executor, adjustable for tests and simulations.

use std::time::Duration;

use crate::limits;

/// The limits that decide when an executor slows down. Correctness depends on none of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Knobs {
    /// [`limits::QUEUE_MAX`]
    pub queue_max: usize,
    /// [`limits::BATCH_COMMANDS_MAX`]
    pub batch_commands_max: usize,
    /// [`limits::BATCH_BYTES`]
    pub batch_bytes: usize,
    /// [`limits::BATCH_COMMANDS_EAGER`]
    pub batch_commands_eager: usize,
    /// [`limits::RECORD_PACE`]
    pub record_pace: Duration,
    /// [`limits::RECORD_COMPANY`]
    pub record_company: usize,
    /// [`limits::RECORDS_IN_FLIGHT_MAX`]
    pub records_in_flight_max: u64,
    /// [`limits::STEP_COMMANDS_MAX`]
    pub step_commands_max: usize,
    /// [`limits::OUTBOX_BYTES_SOFT`]
    pub outbox_bytes_soft: usize,
    /// [`limits::OUTBOX_BYTES_HARD`]
    pub outbox_bytes_hard: usize,
    /// [`limits::LINK_WINDOW`]
    pub link_window: usize,
    /// [`limits::LINK_TURN`]
    pub link_turn: usize,
    /// [`limits::LIVE_MAX`]
    pub live_max: usize,
    /// [`limits::REMOVALS_GATHERED_MAX`]
    pub removals_gathered_max: usize,
    /// [`limits::WAKE_UPS_MAX`]
    pub wake_ups_max: usize,
    /// [`limits::LOAD_ROWS`]
    pub load_rows: usize,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            queue_max: limits::QUEUE_MAX,
            batch_commands_max: limits::BATCH_COMMANDS_MAX,
            batch_bytes: limits::BATCH_BYTES,
            batch_commands_eager: limits::BATCH_COMMANDS_EAGER,
            record_pace: limits::RECORD_PACE,
            record_company: limits::RECORD_COMPANY,
            records_in_flight_max: limits::RECORDS_IN_FLIGHT_MAX,
            step_commands_max: limits::STEP_COMMANDS_MAX,
            outbox_bytes_soft: limits::OUTBOX_BYTES_SOFT,
            outbox_bytes_hard: limits::OUTBOX_BYTES_HARD,
            link_window: limits::LINK_WINDOW,
            link_turn: limits::LINK_TURN,
            live_max: limits::LIVE_MAX,
            removals_gathered_max: limits::REMOVALS_GATHERED_MAX,
            wake_ups_max: limits::WAKE_UPS_MAX,
            load_rows: limits::LOAD_ROWS,
        }
    }
}

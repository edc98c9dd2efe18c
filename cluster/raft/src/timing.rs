//! How a group keeps time and its log.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

/// How a group keeps time and its log. Times are by the clock of the node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// Between two heartbeats of a leader.
    pub heartbeat: Duration,
    /// Shortest time without a leader before an election. A leader's lease is the longest one.
    pub election_min: Duration,
    /// See [`Timing::election_min`].
    pub election_max: Duration,
    /// Entries after which a snapshot is taken.
    pub snapshot_entries: u64,
    /// Entries before a snapshot that stay for followers that are a little behind when the log is trimmed.
    pub kept_entries: u64,
    /// Entries of one append at most.
    pub append_entries: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            // Seldom: an idle group costs little, and whoever notices that a node is down does not
            // wait for the groups to notice.
            heartbeat: Duration::from_millis(300),
            election_min: Duration::from_millis(1_200),
            election_max: Duration::from_millis(2_100),
            snapshot_entries: 20_000,
            kept_entries: 1_000,
            append_entries: 512,
        }
    }
}

impl Timing {
    /// As openraft takes it.
    ///
    /// # Errors
    ///
    /// What is impossible about it.
    pub(crate) fn config(&self) -> Result<Config, String> {
        let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        let config = Config {
            cluster_name: "roost".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            heartbeat_min_interval: Some(millis(self.heartbeat)),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            max_payload_entries: self.append_entries,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_entries),
            // Only what `Group` orders is purged.
            max_in_snapshot_log_to_keep: u64::MAX,
            install_snapshot_timeout: 10_000,
            // A member that comes back is noticed soon: the others may have to do without another one next.
            // Most wait for an answer in vain before, and are told when its node is there again.
            backoff: "50ms 50ms 50ms".to_owned(),
            enable_pre_vote: Some(true),
            // A leader that lost what it had not synced must not go on in its term.
            enable_leader_restore: Some(false),
            // What a disk broke where a log ends looks like the end: a leader that was told otherwise starts
            // over with that member, instead of ending (with debug assertions) or being stuck (without).
            allow_log_reversion: Some(true),
            ..Config::default()
        };
        config.validate().map_err(|error| error.to_string())
    }
}

//! What clients wanted, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::ChaosError;

/// All that happened. Times are since the load began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// What clients of probes did.
    pub(crate) operations: Vec<Operation>,
    /// What authors wrote, and what is found of it.
    pub(crate) walls: Vec<Wall>,
    /// What came of attempts that did not count, and how often.
    pub(crate) missed: BTreeMap<String, u64>,
}

/// A write to a probe, or a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Operation {
    pub(crate) client: usize,
    pub(crate) probe: u64,
    pub(crate) shard: u32,
    pub(crate) act: Act,
    /// When it was sent first.
    pub(crate) began: Duration,
    /// When it was answered for good, or given up.
    pub(crate) ended: Duration,
    pub(crate) outcome: Outcome,
}

/// What was wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Act {
    /// To write a value that nobody else writes.
    Write(String),
    /// To know what is there.
    Read,
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The probe has been written so often, and last with this value.
    Done { writes: u64, value: String },
    /// It was refused, with this code: nothing happened.
    Refused(String),
    /// Nobody knows.
    Unknown,
}

/// What an author wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wall {
    pub(crate) author: usize,
    /// In their order, each with whether it was acknowledged.
    pub(crate) posts: Vec<(String, bool)>,
    /// When each post that was acknowledged began, and how long it took.
    pub(crate) times: Vec<(Duration, Duration)>,
    /// All posts in the end, oldest first.
    pub(crate) found: Vec<String>,
    /// Those in the feed of somebody who follows the author, oldest first.
    pub(crate) delivered: Vec<String>,
    /// With which codes posts were refused.
    pub(crate) refused: Vec<String>,
}

impl Ledger {
    /// Writes all of it to a file, a line of JSON for each operation and post.
    ///
    /// # Errors
    ///
    /// [`ChaosError::Io`]
    pub(crate) fn save(&self, file: &Path) -> Result<(), ChaosError> {
        let mut lines: Vec<_> = self.operations.iter().map(Operation::json).collect();
        for wall in &self.walls {
            let post = |(text, is_acknowledged): &(String, bool)| {
                json!({
                    "post": text,
                    "is_acknowledged": is_acknowledged,
                    "is_found": wall.found.contains(text),
                    "is_delivered": wall.delivered.contains(text),
                })
            };
            lines.extend(wall.posts.iter().map(post));
        }
        let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
        fs::write(file, text.join("\n")).map_err(ChaosError::io(file.display().to_string()))
    }
}

impl Operation {
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.act, Act::Write(_))
    }

    /// What it says of how often the probe has been written, if it says anything.
    pub(crate) fn writes(&self) -> Option<u64> {
        match &self.outcome {
            Outcome::Done { writes, .. } => Some(*writes),
            Outcome::Refused(_) | Outcome::Unknown => None,
        }
    }

    fn json(&self) -> Value {
        let (act, wrote) = match &self.act {
            Act::Write(value) => ("write", Some(value)),
            Act::Read => ("read", None),
        };
        let (outcome, writes, value, code) = match &self.outcome {
            Outcome::Done { writes, value } => ("ok", Some(writes), Some(value), None),
            Outcome::Refused(code) => ("refused", None, None, Some(code)),
            Outcome::Unknown => ("unknown", None, None, None),
        };
        json!({
            "client": self.client,
            "probe": self.probe,
            "shard": self.shard,
            "act": act,
            "wrote": wrote,
            "began_us": u64::try_from(self.began.as_micros()).unwrap_or(u64::MAX),
            "ended_us": u64::try_from(self.ended.as_micros()).unwrap_or(u64::MAX),
            "outcome": outcome,
            "writes": writes,
            "value": value,
            "code": code,
        })
    }
}

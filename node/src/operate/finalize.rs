//! `roost finalize`: the end of an upgrade.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::asking::{Asking, OperateError};
use crate::gateway::NodeStatus;

/// Ends an upgrade: from now on the cluster writes what only newer programs can read.
///
/// As long as this has not been said, every node may go back to the program it had.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Finalize {
    #[command(flatten)]
    asking: Asking,
    /// The release; the newest that the programs of all nodes can read, if none is given.
    #[arg(long, value_name = "N")]
    release: Option<u16>,
}

const EXAMPLES: &str = "\
Examples:
  roost finalize
  roost finalize --to http://10.0.0.1:8080 --secret-file /etc/roost/secret

Upgrade one node after the other: stop it, start the newer program with the same folder, wait until
`roost shards` says that all serve. Finalize when `roost status` shows the new release for every node.";

impl Finalize {
    /// Has it done, and says what the release is now.
    ///
    /// # Errors
    ///
    /// [`OperateError`]
    pub async fn run(self) -> Result<(), OperateError> {
        let (_, nodes) = self.asking.list::<NodeStatus>("nodes").await?;
        let known = nodes.iter().map(|it| it.release).min().unwrap_or(0);
        let release = self.release.unwrap_or(known);
        self.asking.put("release", json!({ "release": release })).await?;
        let text = if self.asking.json {
            format!("{}\n", json!({ "release": release }))
        } else {
            format!(
                "The release of the cluster is {release}; each shard writes it from its next leader on.\n"
            )
        };
        // Whoever closed the output does not want to know.
        io::stdout().write_all(text.as_bytes()).ok();
        Ok(())
    }
}

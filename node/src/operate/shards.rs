//! `roost shards`: the shards of a cluster, and their copies.

use std::io::{self, Write};

use clap::Args;
use cluster::slots::META;

use super::asking::{Asking, OperateError};
use super::table::{Table, or_dash, yes};
use crate::gateway::{CopyStatus, ShardStatus};

/// Tells how the shards of a cluster are doing, and each of their copies.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Shards {
    #[command(flatten)]
    asking: Asking,
}

const EXAMPLES: &str = "\
Examples:
  roost shards
  roost shards --to http://10.0.0.1:8080 --secret-file /etc/roost/secret --json

Copies are written as node:applied, and as node:- where a node has not answered. A copy that
lacks more than the others is behind.";

impl Shards {
    /// Asks, and prints the answer.
    ///
    /// # Errors
    ///
    /// [`OperateError`]
    pub async fn run(self) -> Result<(), OperateError> {
        let (answer, shards) = self.asking.list("shards").await?;
        let text = if self.asking.json { format!("{answer}\n") } else { table(&shards) };
        // Whoever closed the output does not want to know.
        io::stdout().write_all(text.as_bytes()).ok();
        Ok(())
    }
}

fn table(shards: &[ShardStatus]) -> String {
    let head = [
        "shard",
        "serves",
        "leader",
        "activation",
        "lag",
        "queued",
        "quarantined",
        "dead letters",
        "copies",
    ];
    let mut table = Table::new(&head);
    for shard in shards {
        let of = |get: fn(&runtime::report::LedReport) -> u64| {
            shard.led.as_ref().map_or("-".to_owned(), |it| get(it).to_string())
        };
        let name = if shard.shard == META.0 { "meta".to_owned() } else { shard.shard.to_string() };
        let leader = shard.leader.map(|it| it.to_string()).unwrap_or_default();
        table.row(vec![
            name,
            yes(shard.is_serving),
            or_dash(&leader),
            of(|it| it.activation),
            of(|it| it.lag_max),
            of(|it| it.queued),
            of(|it| it.quarantined),
            of(|it| it.dead_letters),
            shard.copies.iter().map(copy).collect::<Vec<_>>().join(" "),
        ]);
    }
    table.to_string()
}

fn copy(copy: &CopyStatus) -> String {
    let applied = copy.copy.as_ref().map_or("-".to_owned(), |it| it.applied.to_string());
    format!("{}:{applied}", copy.node)
}

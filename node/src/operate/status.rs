//! `roost status`: the nodes of a cluster.

use std::io::{self, Write};

use clap::Args;

use super::asking::{Asking, OperateError};
use super::table::{Table, bytes, or_dash, yes};
use crate::commands::node::TWO_NODES;
use crate::gateway::NodeStatus;

/// Tells how the nodes of a cluster are doing.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Status {
    #[command(flatten)]
    asking: Asking,
}

const EXAMPLES: &str = "\
Examples:
  roost status
  roost status --to http://10.0.0.1:8080 --secret-file /etc/roost/secret --json";

impl Status {
    /// Asks, and prints the answer.
    ///
    /// # Errors
    ///
    /// [`OperateError`]
    pub async fn run(self) -> Result<(), OperateError> {
        let (answer, nodes) = self.asking.list("nodes").await?;
        let text = if self.asking.json { format!("{answer}\n") } else { told(&nodes) };
        // Whoever closed the output does not want to know.
        io::stdout().write_all(text.as_bytes()).ok();
        Ok(())
    }
}

/// The nodes, and what two of them can do.
fn told(nodes: &[NodeStatus]) -> String {
    let table = table(nodes);
    if nodes.len() == 2 { format!("{table}\n{TWO_NODES}\n") } else { table }
}

fn table(nodes: &[NodeStatus]) -> String {
    let head = [
        "node", "name", "zone", "weight", "there", "leads", "copies", "log", "disk", "free",
        "clock", "reads", "address",
    ];
    let mut table = Table::new(&head);
    for node in nodes {
        let free = match (node.is_there, node.is_storage_full) {
            (false, _) => "-".to_owned(),
            (true, true) => format!("{} FULL", bytes(node.free_bytes)),
            (true, false) => bytes(node.free_bytes),
        };
        table.row(vec![
            node.node.to_string(),
            node.name.clone(),
            or_dash(&node.zone),
            node.weight.to_string(),
            yes(node.is_there),
            node.leads.to_string(),
            node.copies.to_string(),
            bytes(node.log_bytes),
            bytes(node.used_bytes),
            free,
            clock(node),
            format!("release {}", node.release),
            node.address.clone(),
        ]);
    }
    table.to_string()
}

/// How far its clock is ahead of the middle one, to a millisecond, and whether that is too much.
fn clock(node: &NodeStatus) -> String {
    let ahead = node.clock_ahead_ms.map_or("-".to_owned(), |ahead| {
        let (sign, apart) = (if ahead < 0 { '-' } else { '+' }, ahead.unsigned_abs());
        format!("{sign}{}.{:03} s", apart / 1_000, apart % 1_000)
    });
    if node.is_clock_wrong { format!("{ahead} WRONG") } else { ahead }
}

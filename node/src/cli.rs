//! The command line. Each command has a file of its own.

use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::commands::dev::Dev;
use crate::commands::node::Node;
use crate::import::Import;
use crate::operate::finalize::Finalize;
use crate::operate::shards::Shards;
use crate::operate::status::Status;
use crate::operate::token::Token;

/// The back end of a social platform in one program.
#[derive(Debug, Parser)]
#[command(name = "roost", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  roost dev
  roost node --peers a:7400,b:7400,c:7400 --secret-file secret
  roost bench executor
  roost import --follows follows.txt --posts posts.csv --to http://127.0.0.1:8080";

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures what this machine can do.
    Bench(Bench),
    /// Starts a cluster on this machine, for trying it out.
    Dev(Dev),
    /// Ends an upgrade: the cluster writes what only newer programs can read.
    Finalize(Finalize),
    /// Fills a running roost with people, follows and posts, through its HTTP interface.
    Import(Import),
    /// Starts a node of a cluster.
    Node(Node),
    /// Tells how the shards of a cluster are doing, and each of their copies.
    Shards(Shards),
    /// Tells how the nodes of a cluster are doing.
    Status(Status),
    /// Prints the token of operators.
    Token(Token),
}

impl Cli {
    /// Does what the command says.
    ///
    /// # Errors
    ///
    /// A sentence that says what to do.
    pub async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        match self.command {
            Command::Bench(bench) => bench.run().await?,
            Command::Dev(dev) => dev.run().await?,
            Command::Finalize(finalize) => finalize.run().await?,
            Command::Import(import) => import.run().await?,
            Command::Node(node) => node.run().await?,
            Command::Shards(shards) => shards.run().await?,
            Command::Status(status) => status.run().await?,
            Command::Token(token) => token.run()?,
        }
        Ok(())
    }
}

//! What can be asked of an import.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::ImportError;
use super::graph::Graph;
use super::phases::{Phases, Summary};
use super::plan::Plan;
use super::texts;

/// Fills a running roost with people, follows and posts, through its HTTP interface.
///
/// Each person of the list of edges gets an account (`p0007` for person 7), each edge `a b` becomes
/// two follows, and each row of the CSV's column `post` is published by a person who is drawn for it.
/// What stopped half-way goes on when it is started again, within 24 hours.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// A list of edges: two numbers per line.
    #[arg(long, value_name = "EDGES")]
    pub follows: PathBuf,
    /// A CSV file with a column `post`.
    #[arg(long, value_name = "TEXT")]
    pub posts: PathBuf,
    /// Where roost is: one node or several. What one does not answer is sent to the next one.
    #[arg(long, value_name = "URL,...", value_delimiter = ',', required = true)]
    pub to: Vec<String>,
    /// Chooses the authors of the posts, and names the requests.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many requests are under way at once, 1 to 1024.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: u16,
    /// Remembers how far the import is, and the tokens of the accounts.
    #[arg(long, value_name = "FILE", default_value = "roost-import.jsonl")]
    pub state: PathBuf,
    /// Most posts to import, from the beginning.
    #[arg(long, value_name = "NUMBER", default_value_t = usize::MAX, hide_default_value = true)]
    pub posts_max: usize,
    /// Most people to import, those with the smallest numbers.
    #[arg(long, value_name = "NUMBER", default_value_t = usize::MAX, hide_default_value = true)]
    pub people_max: usize,
    /// Reads every feed in the end, and compares it with what it should hold.
    #[arg(long)]
    pub verify: bool,
}

const EXAMPLES: &str = "\
Examples:
  roost import --follows follows.txt --posts posts.csv --to http://127.0.0.1:8080
  roost import --follows follows.txt --posts posts.csv --to http://127.0.0.1:8080 \\
    --people-max 100 --posts-max 1000 --state small.jsonl
  roost import --follows follows.txt --posts posts.csv --verify \\
    --to http://10.0.0.1:8080,http://10.0.0.2:8080,http://10.0.0.3:8080";

impl Import {
    /// Imports, and prints what was done.
    ///
    /// # Errors
    ///
    /// [`ImportError`]
    pub async fn run(self) -> Result<(), ImportError> {
        let mut phases = self.open()?;
        let summary = phases.run().await?;
        // Whoever closed the output does not want to know.
        write!(std::io::stdout(), "{summary}").ok();
        if self.verify {
            let verified = phases.verify().await?;
            write!(std::io::stdout(), "{verified}").ok();
            verified.check()?;
        }
        Ok(())
    }

    /// Imports all that is not imported yet.
    ///
    /// # Errors
    ///
    /// [`ImportError`]
    pub async fn import(self) -> Result<Summary, ImportError> {
        self.open()?.run().await
    }

    fn open(&self) -> Result<Phases, ImportError> {
        let graph = Graph::read(&self.follows, self.people_max)?;
        let posts = texts::read(&self.posts, self.posts_max)?;
        if graph.people.is_empty() && !posts.is_empty() {
            return Err(ImportError::NoPeople { path: self.follows.clone() });
        }
        let plan = Plan { graph, posts, seed: self.seed };
        Phases::open(plan, &self.to, &self.state, usize::from(self.concurrency))
    }
}

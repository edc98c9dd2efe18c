//! Posts that reach the sockets of all followers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::audience::Audience;
use super::publishing::{Author, Publishing, people};
use super::target::{ServedError, Target};
use crate::bench::figure::Figure;
use crate::bench::progress::Progress;
use crate::import::{Account, Graph};
use crate::world;

/// Makes people who follow each other in a cluster that is started for it, opens a socket for each of them,
/// and publishes.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Feed {
    #[command(flatten)]
    target: Target,
    /// Who follows whom: two numbers per line, each of whom follows the other.
    #[arg(long, value_name = "EDGES")]
    follows: PathBuf,
    /// Most people, those with the smallest numbers.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    people_max: usize,
    /// Posts per second at fixed times. Without it everybody who publishes goes on when they are answered.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: Option<u64>,
    /// Who publish, each one post after the other. With `--rate` take so many that one of them is always free.
    #[arg(long, value_name = "NUMBER", default_value_t = 16,
          value_parser = clap::value_parser!(u64).range(1..=1024))]
    in_flight: u64,
    /// How long is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 15,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

impl Feed {
    /// Measures.
    pub(in crate::bench) async fn run(
        &self,
        progress: &Progress,
    ) -> Result<Vec<Figure>, ServedError> {
        world::raise_files();
        let failed = |error: crate::import::ImportError| ServedError::Other(error.to_string());
        let graph = Graph::read(&self.follows, self.people_max).map_err(failed)?;
        let cluster = self.target.open(progress).await?;
        let people = people(&graph, &cluster, progress).await?;
        let channel = |it: &Account| format!("feed:{}", it.user);
        let audience = Audience::open(&cluster, &people, channel, progress).await?;
        let mut followers: BTreeMap<usize, u64> = BTreeMap::new();
        for (_, author) in &graph.follows {
            *followers.entry(*author).or_default() += 1;
        }
        // To each follower, and to the author.
        let reach = |place| 1 + followers.get(&place).copied().unwrap_or_default();
        let authors = (0..).zip(people);
        let authors = authors.map(|(place, account)| Author { account, reach: reach(place) });
        let (rate, in_flight, lasting) =
            (self.rate, self.in_flight, Duration::from_secs(self.seconds));
        let publishing = Publishing { bench: "feed", rate, in_flight, lasting };
        publishing.measure(&cluster, authors.collect(), audience, progress).await
    }
}

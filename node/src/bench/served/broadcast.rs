//! One publication that reaches many sockets.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::audience::Audience;
use super::publishing::{Author, Publishing, people};
use super::target::{ServedError, Target};
use crate::bench::figure::Figure;
use crate::import::Graph;
use crate::world;

/// Who publish, each one post after the other: enough for posts to be published when they are due.
const IN_FLIGHT: u64 = 16;

/// Opens sockets on all nodes that get whatever one author publishes, and publishes at fixed times.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Broadcast {
    #[command(flatten)]
    target: Target,
    /// How many sockets, spread over all nodes.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000,
          value_parser = clap::value_parser!(u16).range(1..=15_000))]
    subscribers: u16,
    /// Where they listen.
    #[arg(long, value_enum, default_value = "channel")]
    by: By,
    /// Posts per second.
    #[arg(long, value_name = "NUMBER", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rate: u64,
    /// How long is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    seconds: u64,
}

/// Where sockets listen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum By {
    /// All to one channel: the author's own feed.
    Channel,
    /// Each to a channel of its own: the feed of somebody who follows the author.
    Followers,
}

impl Broadcast {
    /// Measures.
    pub(in crate::bench) async fn run(&self) -> Result<Vec<Figure>, ServedError> {
        world::raise_files();
        let cluster = self.target.open().await?;
        let subscribers = usize::from(self.subscribers);
        let followers = if self.by == By::Followers { subscribers } else { 0 };
        // The first one is the author.
        let (people_there, follows) =
            ((0..=followers as u64).collect(), (1..=followers).map(|it| (it, 0)).collect());
        let graph = Graph { people: people_there, follows };
        let people = people(&graph, &cluster).await?;
        let listening = match self.by {
            By::Channel => vec![people[0].clone(); subscribers],
            By::Followers => people[1..].to_vec(),
        };
        let audience = Audience::open(&cluster, &listening).await?;
        let author = Author { account: people[0].clone(), reach: subscribers as u64 };
        let (rate, lasting) = (Some(self.rate), Duration::from_secs(self.seconds));
        let publishing = Publishing { bench: "broadcast", rate, in_flight: IN_FLIGHT, lasting };
        publishing.measure(&cluster, vec![author], audience).await
    }
}

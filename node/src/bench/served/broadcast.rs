//! One publication that reaches many sockets.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::audience::Audience;
use super::publishing::{Author, Publishing, people};
use super::target::{ServedError, Target};
use crate::bench::figure::Figure;
use crate::bench::progress::Progress;
use crate::import::{Account, Graph};
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
    #[arg(long, value_name = "SECONDS", default_value_t = 15,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

/// Where sockets listen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum By {
    /// All to one channel: the author's posts.
    Channel,
    /// Each to a channel of its own: the feed of somebody who follows the author.
    Followers,
}

impl Broadcast {
    /// Measures.
    pub(in crate::bench) async fn run(
        &self,
        progress: &Progress,
    ) -> Result<Vec<Figure>, ServedError> {
        world::raise_files();
        let cluster = self.target.open(progress).await?;
        // The first one is the author.
        let count = usize::from(self.subscribers);
        let follows = match self.by {
            By::Channel => Vec::new(),
            By::Followers => (1..=count).map(|it| (it, 0)).collect(),
        };
        let graph = Graph { people: (0..=count as u64).collect(), follows };
        let mut people = people(&graph, &cluster, progress).await?;
        let author = Author { account: people.remove(0), reach: count as u64 };
        let channel = |of: &Account| match self.by {
            By::Channel => format!("posts:{}", author.account.user),
            By::Followers => format!("feed:{}", of.user),
        };
        let audience = Audience::open(&cluster, &people, channel, progress).await?;
        let (rate, lasting) = (Some(self.rate), Duration::from_secs(self.seconds));
        let publishing = Publishing { bench: "broadcast", rate, in_flight: IN_FLIGHT, lasting };
        publishing.measure(&cluster, vec![author], audience, progress).await
    }
}

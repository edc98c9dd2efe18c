//! What can be measured.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use raft::timing::Timing;

use super::executor::{self, Load};
use super::figure::{Figure, heading};
use super::progress::Progress;
use super::served::ServedError;
use super::served::broadcast::Broadcast;
use super::served::durable::Durable;
use super::served::failover::Failover;
use super::served::feed::Feed;
use super::served::restart::Restart;
use super::served::sockets::Sockets;
use super::stopping::unless_stopped;
use super::{cluster, recovery, warnings};
use crate::world::Cores;

/// Measures what this machine can do.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
    /// Prints one line of JSON per figure instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  roost bench broadcast --spawn 3 --subscribers 1000 --rate 20
  roost bench executor
  roost bench executor --commands 1000000 --entities 100 --json
  roost bench cluster --seconds 30
  roost bench cluster --idle
  roost bench durable --spawn 3
  roost bench durable --spawn 3 --wire socket --in-flight 512
  roost bench durable --spawn 3 --wire etcd,http --rounds 3
  roost bench durable --to http://a:8080,http://b:8080 --secret-file secret --rate 1000
  roost bench failover --spawn 3
  roost bench feed --spawn 3 --follows follows.txt --people-max 1000
  roost bench restart --spawn 3 --data 1024
  roost bench sockets --spawn 3
  roost bench sockets --spawn 1 --count 10000 --tls
  roost bench recovery";

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// A cluster that is started for it: one author's posts reach very many sockets.
    #[command(after_help = OF_BROADCAST)]
    Broadcast(Broadcast),
    /// One shard on one core with a ledger in memory: small commands, and memory of idle entities.
    #[command(after_help = OF_EXECUTOR)]
    Executor {
        /// Commands that are measured.
        #[arg(long, value_name = "NUMBER", default_value_t = Load::default().commands)]
        commands: u64,
        /// Entities that they go to, one after the other.
        #[arg(long, value_name = "NUMBER", default_value_t = Load::default().entities,
            value_parser = clap::value_parser!(u64).range(1..))]
        entities: u64,
        /// Commands that wait at any time, 1 to 8192.
        #[arg(long, value_name = "NUMBER", default_value_t = Load::default().in_flight,
            value_parser = clap::value_parser!(u16).range(1..=8192))]
        in_flight: u16,
        /// Idle entities whose memory is measured; 0 measures none.
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
        idle: u64,
    },
    /// Several nodes with logs and rows on disk and a network in memory: small commands.
    #[command(after_help = OF_CLUSTER)]
    Cluster(Cluster),
    /// A running cluster: small durable commands over HTTP or sockets, or those of etcd.
    #[command(after_help = OF_DURABLE)]
    Durable(Durable),
    /// A cluster that is started for it: nodes are killed while clients write.
    #[command(after_help = OF_FAILOVER)]
    Failover(Failover),
    /// A cluster that is started for it: posts reach the sockets of all followers.
    #[command(after_help = OF_FEED)]
    Feed(Feed),
    /// A node with much data is killed and comes back.
    #[command(after_help = OF_RESTART)]
    Restart(Restart),
    /// A running cluster: connections that stay open and say nothing.
    #[command(after_help = OF_SOCKETS)]
    Sockets(Sockets),
    /// Writes a log and rows, and opens them again.
    #[command(after_help = OF_RECOVERY)]
    Recovery {
        /// Of each, in MiB.
        #[arg(long, value_name = "MIB", default_value_t = 1_024,
            value_parser = clap::value_parser!(u64).range(1..=65_536))]
        size: u64,
    },
}

const OF_BROADCAST: &str = "\
Examples:
  roost bench broadcast --spawn 3 --subscribers 1000 --rate 20
  roost bench broadcast --spawn 3 --subscribers 200 --by followers --json";

const OF_EXECUTOR: &str = "\
Examples:
  roost bench executor
  roost bench executor --commands 1000000 --entities 100 --idle 0";

const OF_CLUSTER: &str = "\
Examples:
  roost bench cluster --seconds 30
  roost bench cluster --nodes 5 --copies 5 --quic
  roost bench cluster --idle";

const OF_DURABLE: &str = "\
Examples:
  roost bench durable --spawn 3
  roost bench durable --spawn 3 --wire etcd,http --rounds 3
  roost bench durable --to http://a:8080,http://b:8080 --secret-file secret --rate 1000";

const OF_FAILOVER: &str = "\
Examples:
  roost bench failover --spawn 3
  roost bench failover --spawn 5 --shards 32 --kills 5";

const OF_FEED: &str = "\
Examples:
  roost bench feed --spawn 3 --follows follows.txt
  roost bench feed --spawn 3 --follows follows.txt --people-max 200 --rate 50";

const OF_RESTART: &str = "\
Examples:
  roost bench restart --spawn 3
  roost bench restart --spawn 3 --data 4096 --rate 1000";

const OF_SOCKETS: &str = "\
Examples:
  roost bench sockets --spawn 3
  roost bench sockets --spawn 1 --count 10000 --tls";

const OF_RECOVERY: &str = "\
Examples:
  roost bench recovery
  roost bench recovery --size 256 --json";

#[derive(Args, Clone, Debug)]
struct Cluster {
    /// How many nodes, 1 to 5.
    #[arg(long, value_name = "NUMBER", default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..=5))]
    nodes: u32,
    /// How many shards besides the meta group, 1 to 1024. Without it 8, and 32 with `--idle`.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    shards: Option<u32>,
    /// Copies of each shard: 1, 3 or 5.
    #[arg(long, value_name = "NUMBER", default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(1..=5))]
    copies: u8,
    /// Clients, each of which waits for one command.
    #[arg(long, value_name = "NUMBER", default_value_t = 512,
        value_parser = clap::value_parser!(u64).range(1..=65536))]
    in_flight: u64,
    /// Entities that commands go to.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..))]
    entities: u64,
    /// How long is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    /// Threads of each node that run groups and shards.
    #[arg(long, value_name = "NUMBER", default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Between two heartbeats of a leader. Elections come after 4 to 7 times as long.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 300,
        value_parser = clap::value_parser!(u32).range(20..=10_000))]
    heartbeat: u32,
    /// Sends nothing, and measures what that costs.
    #[arg(long)]
    idle: bool,
    /// Sends messages over QUIC, on sockets of this machine. Without it they go through queues.
    #[arg(long)]
    quic: bool,
    /// Where everything is stored, and stays. Elsewhere it is removed.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Bench {
    /// Measures, shows people meanwhile how far it is, and prints the figures in the end.
    ///
    /// A cluster that was started for it is gone afterwards, also after Ctrl-C and SIGTERM, which end the
    /// process. The last figure is what was stolen from the machine meanwhile: with more than a few percent
    /// the others say more about its host.
    ///
    /// # Errors
    ///
    /// When something does not start, or nothing can be printed.
    pub async fn run(self) -> Result<(), Box<dyn Error>> {
        let progress = if self.json { Progress::hidden() } else { Progress::drawn() };
        warnings::show(&progress);
        let before = Cores::now();
        let figures = self.what.measure(&progress).await;
        progress.clear();
        let mut figures = figures?;
        if let Some(Figure { bench, .. }) = figures.first() {
            let stolen = Cores::now().stolen_since(before);
            figures.push(Figure::new(bench, "stolen", stolen, "%"));
        }
        Ok(self.print(&figures)?)
    }

    fn print(&self, figures: &[Figure]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if !self.json {
            writeln!(out, "{}", heading())?;
        }
        for figure in figures {
            if self.json {
                serde_json::to_writer(&mut out, figure)?;
                writeln!(out)?;
            } else {
                writeln!(out, "{figure}")?;
            }
        }
        Ok(())
    }
}

impl What {
    async fn measure(&self, progress: &Progress) -> Result<Vec<Figure>, Box<dyn Error>> {
        let served: LocalBoxFuture<'_, Result<_, ServedError>> = match self {
            Self::Broadcast(broadcast) => broadcast.run(progress).boxed_local(),
            Self::Durable(durable) => durable.run(progress).boxed_local(),
            Self::Failover(failover) => failover.run(progress).boxed_local(),
            Self::Feed(feed) => feed.run(progress).boxed_local(),
            Self::Restart(restart) => restart.run(progress).boxed_local(),
            Self::Sockets(sockets) => sockets.run(progress).boxed_local(),
            Self::Cluster(cluster) => return Ok(cluster.run()?),
            Self::Executor { commands, entities, in_flight, idle } => {
                let (commands, entities, in_flight) = (*commands, *entities, *in_flight);
                let load = Load { commands, entities, in_flight, ..Load::default() };
                let mut figures = executor::run(load);
                if *idle > 0 {
                    figures.extend(executor::idle(*idle));
                }
                return Ok(figures);
            }
            Self::Recovery { size } => return Ok(recovery::run(size << 20)?),
        };
        Ok(unless_stopped(served, progress).await??)
    }
}

impl Cluster {
    fn run(&self) -> Result<Vec<Figure>, cluster::BenchError> {
        let heartbeat = Duration::from_millis(self.heartbeat.into());
        let timing = Timing {
            heartbeat,
            election_min: 4 * heartbeat,
            election_max: 7 * heartbeat,
            ..Timing::default()
        };
        let load = cluster::Load {
            nodes: self.nodes,
            shards: self.shards.unwrap_or(if self.idle { 32 } else { 8 }),
            copies: self.copies,
            threads: self.threads.into(),
            in_flight: if self.idle { 0 } else { self.in_flight },
            entities: self.entities,
            lasting: Duration::from_secs(self.seconds),
            timing,
            is_quic: self.quic,
            folder: self.folder.clone(),
        };
        // The nodes have threads of their own, and wait for them: not on one of the caller's.
        std::thread::scope(|scope| scope.spawn(|| cluster::run(&load)).join())
            .expect("a panic has been told already")
    }
}

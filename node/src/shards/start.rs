//! Starts and stops the threads that run shards.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{JoinHandle, available_parallelism};

use cluster::executor::{Knobs, Setup};
use cluster::slots::{Directory, ShardId};
use entity::Release;
use entity::registry::Registry;

use super::client::Client;
use super::worker::{Item, Worker};
use crate::world;

/// Most items on their way to one thread. Above it requests are refused, and envelopes are sent again
/// later.
const ITEMS_MAX: usize = 16_384;

/// The shards of this node, in memory.
#[derive(Debug)]
pub struct Shards {
    client: Client,
    threads: Vec<JoinHandle<()>>,
}

impl Shards {
    /// Starts `shard_count` shards on as many threads as the machine has cores.
    ///
    /// # Panics
    ///
    /// When the system has no thread to give.
    pub fn start(registry: Arc<Registry>, shard_count: u32) -> Self {
        let directory = Arc::new(Directory::even(shard_count));
        let cores = available_parallelism().map_or(1, NonZero::get);
        let count = cores.min(shard_count as usize);
        let (senders, receivers): (Vec<SyncSender<Item>>, Vec<Receiver<Item>>) =
            (0..count).map(|_| sync_channel(ITEMS_MAX)).unzip();
        let client =
            Client { directory: directory.clone(), workers: Arc::new(senders), shard_count };
        let template = Setup {
            shard: ShardId(0),
            incarnation: 1,
            registry,
            directory,
            release: Release::NEWEST,
            chance: 0,
            knobs: Knobs::default(),
        };
        let start = |(index, items): (usize, Receiver<Item>)| {
            let own = (0..shard_count).map(ShardId).filter(|it| it.0 as usize % count == index);
            let setup = |shard| Setup { shard, chance: world::chance(), ..template.clone() };
            let worker =
                Worker::new(own.map(setup).collect(), client.workers.clone(), world::chance());
            let thread = std::thread::Builder::new().name(format!("shards-{index}"));
            thread.spawn(move || worker.run(&items)).expect("the system has threads")
        };
        let threads = receivers.into_iter().enumerate().map(start).collect();
        Self { client, threads }
    }

    /// How to reach them.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Stops all shards. What waits is answered first, as far as it can be at once.
    pub fn stop(self) {
        for worker in self.client.workers.iter() {
            // A thread that is gone needs no telling.
            worker.send(Item::Stop).ok();
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a shard thread had panicked");
            }
        }
    }
}

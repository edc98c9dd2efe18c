//! Sends requests to shards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use bytes::Bytes;
use cluster::executor::Status;
use cluster::request::{Answer, Failure, Request, RequestId, Verb};
use cluster::slots::{Directory, ShardId};
use entity::{Caller, operation};
use tokio::sync::oneshot;

use super::worker::Item;

/// Sends requests to shards. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) directory: Arc<Directory>,
    /// The thread of each shard.
    pub(super) workers: Arc<Vec<SyncSender<Item>>>,
    pub(super) shard_count: u32,
}

/// What a shard is doing, as operators see it.
#[derive(Clone, Debug, serde::Serialize, schemars::JsonSchema)]
pub struct ShardStatus {
    /// Which shard.
    pub shard: u32,
    /// Whether it answers requests.
    pub is_serving: bool,
    /// The life of the shard that is under way.
    pub activation: u64,
    /// Records committed in this life.
    pub records: u64,
    /// Requests and messages that wait.
    pub queued: u64,
    /// Entities in memory.
    pub entities_in_memory: u64,
    /// Bytes of envelopes to other shards that are not acknowledged.
    pub outbox_bytes: u64,
    /// Wake-ups that are not due yet.
    pub wake_ups: u64,
    /// Entities that panicked too often and wait for an operator.
    pub quarantined: u64,
    /// Messages that were not handled and wait for an operator.
    pub dead_letters: u64,
}

impl Client {
    /// Sends a command. `key` is a name that a caller chose; without one roost names it.
    pub async fn command(
        &self,
        caller: Caller,
        key: Option<RequestId>,
        request: operation::Request,
    ) -> Answer {
        let Some(shard) = self.directory.home(&request.to) else {
            return Answer::Failure(Failure::NoSuchShard);
        };
        let (answer, answered) = oneshot::channel();
        let item = Item::Command { shard, key, request: within(caller, request), answer };
        if let Err(failure) = self.send(shard, item) {
            return Answer::Failure(failure);
        }
        answered.await.unwrap_or(Answer::Failure(Failure::Unknown))
    }

    /// Asks many entities at once, one message for each shard among them. Answers in order.
    pub async fn ask(&self, caller: Caller, requests: Vec<operation::Request>) -> Vec<Answer> {
        let count = requests.len();
        let mut groups: BTreeMap<ShardId, Vec<(usize, Request)>> = BTreeMap::new();
        for (index, request) in requests.into_iter().enumerate() {
            // What belongs nowhere is answered below.
            let Some(shard) = self.directory.home(&request.to) else { continue };
            let request = within(caller.clone(), request);
            groups.entry(shard).or_default().push((index, request));
        }
        let mut asked = Vec::new();
        for (shard, group) in groups {
            let (indices, requests): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            let (answers, answered) = oneshot::channel();
            let sent = self.send(shard, Item::Ask { shard, requests, answers });
            asked.push((indices, sent.map(|()| answered)));
        }
        let mut all = vec![Answer::Failure(Failure::NoSuchShard); count];
        for (indices, answered) in asked {
            let answers = match answered {
                Ok(answered) => answered.await.unwrap_or_default(),
                Err(failure) => vec![Answer::Failure(failure); indices.len()],
            };
            for (index, answer) in indices.into_iter().zip(answers) {
                all[index] = answer;
            }
        }
        all
    }

    /// What each shard is doing. One that does not say so is not serving.
    pub async fn status(&self) -> Vec<ShardStatus> {
        let mut all = Vec::new();
        for shard in (0..self.shard_count).map(ShardId) {
            let (status, said) = oneshot::channel();
            let sent = self.send(shard, Item::Status { shard, status });
            let said = if sent.is_ok() { said.await.ok() } else { None };
            all.push(said.map_or_else(|| ShardStatus::silent(shard), ShardStatus::from));
        }
        all
    }

    fn send(&self, shard: ShardId, item: Item) -> Result<(), Failure> {
        let worker = &self.workers[shard.0 as usize % self.workers.len()];
        worker.try_send(item).map_err(|error| match error {
            TrySendError::Full(_) => Failure::Overloaded,
            TrySendError::Disconnected(_) => Failure::Moved,
        })
    }
}

fn within(caller: Caller, request: operation::Request) -> Request {
    let operation::Request { to, tag, body } = request;
    // Whoever sends a command gives it its name.
    Request { to, caller, verb: Verb::Query, tag, body: Bytes::from(body) }
}

impl ShardStatus {
    fn silent(shard: ShardId) -> Self {
        Self {
            shard: shard.0,
            is_serving: false,
            activation: 0,
            records: 0,
            queued: 0,
            entities_in_memory: 0,
            outbox_bytes: 0,
            wake_ups: 0,
            quarantined: 0,
            dead_letters: 0,
        }
    }
}

impl From<Status> for ShardStatus {
    fn from(status: Status) -> Self {
        Self {
            shard: status.shard.0,
            is_serving: status.serving,
            activation: status.activation,
            records: status.committed,
            queued: status.queued as u64,
            entities_in_memory: status.live as u64,
            outbox_bytes: status.outbox_bytes as u64,
            wake_ups: status.wake_ups as u64,
            quarantined: status.quarantined as u64,
            dead_letters: status.dead_letters,
        }
    }
}

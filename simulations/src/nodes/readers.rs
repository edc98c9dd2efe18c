//! Readers: on every node somebody follows the logs of a few counters, and asks for their sums now and
//! then. A reader gets every item once and in order; an answer is at most a second old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::request::Answer;
use cluster::stream::StreamId;
use cluster::transport::NodeId;
use entity::operation::Request;
use entity::registry::Outcome;
use entity::{Address, Caller, Data, Key, Kind, Offset, Query, Stream, Time};
use raft::home::Home;
use raft::shared::Shared;
use runtime::client::Client;
use runtime::follow::Event;
use tokio::time::Instant;

use super::mishap::true_time;
use crate::chance::Chance;
use crate::workloads::counter::{Add, Counters, Log, Total, Totals};

/// The counters that are read: 0 to this.
const COUNTERS: u64 = 3;

/// How old an answer may be, by the clock of a node that is slow, and a little more.
const AGE_MAX: Duration = Duration::from_millis(1_050);

/// Of so many events, a reader goes away after one, and comes back.
const PATIENCE: u64 = 30;

/// What readers of all nodes saw.
#[derive(Default)]
pub struct Readers {
    /// What was read at each position, by whoever came first.
    items: BTreeMap<(u64, Offset), u64>,
    /// How far each node has read.
    positions: BTreeMap<(NodeId, u64), Offset>,
    /// What clients know to have been added to each counter, and since when.
    added: BTreeMap<u64, Vec<(Time, u64)>>,
    /// Items read, and answers that were compared.
    pub seen: (u64, u64),
    /// The first thing that was wrong.
    pub violation: Option<String>,
}

impl Readers {
    /// A client has learned that a command to a counter was done.
    pub fn added(&mut self, counter: &Address, add: &[u8], now: Time) {
        let (Some(counter), Ok(add)) = (u64::from_bytes(&counter.key), Add::decode(add)) else {
            return;
        };
        self.added.entry(counter).or_default().push((now, add.amount));
    }

    fn event(&mut self, node: NodeId, counter: u64, event: Event) -> Result<(), String> {
        let position = self.positions.get(&(node, counter)).copied();
        let at = |what: &str| format!("node {}, counter {counter}: {what}", node.0);
        match (event, position) {
            (Event::Begin(begin), _) => {
                self.positions.insert((node, counter), begin);
                Ok(())
            }
            (Event::Silence, _) => Ok(()),
            (Event::Gap(before), _) => Err(at(&format!("a gap before {}", before.0))),
            (Event::Item(offset, _), None) => Err(at(&format!("{} before all", offset.0))),
            (Event::Item(offset, item), Some(position)) => {
                if offset.0 != position.0 + 1 {
                    return Err(at(&format!("{} follows {}", offset.0, position.0)));
                }
                self.seen.0 += 1;
                self.positions.insert((node, counter), offset);
                let operation =
                    <u64 as Data>::decode(&item).map_err(|error| at(&error.to_string()))?;
                let first = *self.items.entry((counter, offset)).or_insert(operation);
                if first == operation {
                    return Ok(());
                }
                Err(at(&format!("{operation} at {}, elsewhere {first}", offset.0)))
            }
        }
    }

    /// Somebody was told a sum that had been asked for then.
    fn told(&mut self, counter: u64, sum: u64, asked: Time) -> Result<(), String> {
        self.seen.1 += 1;
        let is_due = |(at, _): &&(Time, u64)| asked.since(*at) > AGE_MAX;
        let added = self.added.get(&counter).into_iter().flatten();
        let due: u64 = added.filter(is_due).map(|(_, amount)| amount).sum();
        if sum >= due {
            return Ok(());
        }
        Err(format!("counter {counter} is said to be {sum}, and was {due} a second before"))
    }

    /// What must be true when everything has settled.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(&self, nodes: &[NodeId], counter: u64, totals: &Totals) -> Result<(), String> {
        for (offset, operation) in &totals.log {
            let read = self.items.get(&(counter, Offset(*offset)));
            if read.is_some_and(|it| it != operation) {
                return Err(format!("{read:?} was read at {offset} of {counter}: {operation}"));
            }
        }
        let last = totals.log.last().map_or(Offset(0), |(offset, _)| Offset(*offset));
        for node in nodes {
            let position = self.positions.get(&(*node, counter));
            if position != Some(&last) {
                let node = node.0;
                return Err(format!("node {node} has read {counter} to {position:?} of {last:?}"));
            }
        }
        Ok(())
    }

    fn note(&mut self, result: Result<(), String>) {
        if let Err(what) = result {
            self.violation.get_or_insert(what);
        }
    }
}

/// The counters that are read.
pub fn counters() -> impl Iterator<Item = u64> {
    0..COUNTERS
}

/// Reads on one node, as long as it lives.
pub fn begin(readers: &Arc<Shared<Readers>>, home: &Home, client: &Client, began: Instant) {
    let node = client.router().peers().me();
    for counter in counters() {
        readers.with(|it| it.positions.remove(&(node, counter)));
        home.spawn(follow(Arc::clone(readers), home.clone(), client.clone(), counter));
        home.spawn(ask(Arc::clone(readers), home.clone(), client.clone(), (counter, began)));
    }
}

async fn follow(readers: Arc<Shared<Readers>>, home: Home, client: Client, counter: u64) {
    let node = client.router().peers().me();
    let entity = Address { kind: Counters::TAG, key: counter.to_bytes() };
    let stream = StreamId { entity, stream: Log::TAG };
    let mut chance = Chance::of(home.seed(), "reader");
    loop {
        if let Ok(mut reader) = client.follower().read(&stream) {
            while let Some(event) = reader.recv().await {
                readers.with(|it| {
                    let result = it.event(node, counter, event);
                    it.note(result);
                });
                if chance.below(PATIENCE) == 0 {
                    break;
                }
            }
        }
        home.sleep(chance.lasting(1_000..=1_000_000)).await;
    }
}

async fn ask(
    readers: Arc<Shared<Readers>>,
    home: Home,
    client: Client,
    (counter, began): (u64, Instant),
) {
    let mut chance = Chance::of(home.seed(), "asker");
    loop {
        home.sleep(chance.lasting(20_000..=500_000)).await;
        let mut body = Vec::new();
        Total {}.encode(entity::Release::NEWEST, &mut body);
        let to = Address { kind: Counters::TAG, key: counter.to_bytes() };
        let request = Request { to, tag: Total::TAG, body };
        let asked = true_time(began);
        let answer = client.ask_recent(Caller::Operator, vec![request]).await.pop();
        let answer = answer.expect("one for each question");
        if let Answer::Outcome(Outcome::Reply(bytes)) = answer {
            readers.with(|it| {
                let totals = Totals::decode(&bytes).map_err(|error| error.to_string());
                let result = totals.and_then(|totals| it.told(counter, totals.sum, asked));
                it.note(result);
            });
        }
    }
}

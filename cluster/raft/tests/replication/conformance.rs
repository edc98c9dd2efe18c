//! A group keeps the promises of a ledger.

use std::time::Duration;

use bytes::Bytes;
use cluster::conformance::{self, Bench};
use cluster::ledger::{Completion, Ledger, Snapshot};
use cluster::record::Record;
use engine::MemoryDisk;
use entity::transaction::{Range, Read, Want};
use raft::ledger::RaftLedger;
use tokio::runtime::{Handle, Runtime};
use wal::memory::MemoryFolder;

use crate::rig::{Network, Node, members, runtime, until};

/// Two executors on the leader of a group.
struct Leader {
    runtime: Runtime,
    ledgers: Vec<RaftLedger>,
    _nodes: Vec<Node>,
}

impl Leader {
    fn of(nodes: u32) -> Self {
        let runtime = runtime();
        let (nodes, ledgers) = runtime.block_on(async {
            let (network, mut started) = (Network::default(), Vec::new());
            for member in members(1..=nodes) {
                let (folder, disk) = (MemoryFolder::default(), MemoryDisk::default());
                started.push(network.start(member, &folder, &disk).await);
            }
            started[0].group.found(&members(1..=nodes)).await.unwrap();
            let leads = || async { started.iter().any(|it| it.group.believes_to_lead()) };
            until("somebody leads", leads).await;
            let leader = started.iter().find(|it| it.group.believes_to_lead()).unwrap();
            let ledgers = (0..2).map(|_| RaftLedger::new(leader.group.clone())).collect();
            (started, ledgers)
        });
        Self { runtime, ledgers, _nodes: nodes }
    }
}

/// A ledger, used from outside of the runtime.
struct Seat<'a>(&'a mut RaftLedger, Handle);

impl Bench for Leader {
    fn node(&mut self, node: u32) -> Box<dyn Ledger + '_> {
        let handle = self.runtime.handle().clone();
        Box::new(Seat(&mut self.ledgers[node as usize], handle))
    }

    fn settle(&mut self) {
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(200)).await });
    }
}

impl Ledger for Seat<'_> {
    fn claim(&mut self) {
        let _guard = self.1.enter();
        self.0.claim();
    }

    fn commit(&mut self, record: Record) {
        let _guard = self.1.enter();
        self.0.commit(record);
    }

    fn barrier(&mut self, ticket: u64) {
        let _guard = self.1.enter();
        self.0.barrier(ticket);
    }

    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        self.0.get(key)
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        self.0.scan(range)
    }

    fn fetch(&mut self, ticket: u64, want: Want) {
        let _guard = self.1.enter();
        self.0.fetch(ticket, want);
    }

    fn poll(&mut self) -> Option<Completion> {
        self.0.poll()
    }

    fn snapshot(&self) -> Snapshot<'_> {
        self.0.snapshot()
    }
}

#[test]
fn a_group_of_one_is_a_ledger() {
    conformance::run(|| Leader::of(1));
}

#[test]
fn a_group_of_three_is_a_ledger() {
    conformance::run(|| Leader::of(3));
}

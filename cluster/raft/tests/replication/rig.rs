//! Nodes in one thread: a log and rows in memory, and a network without faults.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::{Lane, NodeId, Transport};
use engine::MemoryDisk;
use raft::group::{Group, Setup};
use raft::home::{Drift, Home};
use raft::offload::Offload;
use raft::peers::{Peers, Topic};
use raft::proposal::Member;
use raft::shared::Shared;
use raft::storage::Storage;
use raft::timing::Timing;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use wal::folder::Folder;
use wal::memory::MemoryFolder;
use wal::{Appender, Options};

pub(crate) const GROUP: u32 = 7;

/// A runtime on virtual time.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Opens the log of a folder, with a task of the node that writes it.
pub(crate) fn open_log(home: &Home, folder: &MemoryFolder) -> Appender {
    let folder: Arc<dyn Folder> = Arc::new(folder.clone());
    let submitted = Arc::new(Notify::new());
    let notify = Arc::clone(&submitted);
    let options = Options { segment_bytes: 100_000, tail_bytes: 20_000 };
    let (appender, mut writer, recovered) =
        wal::open(&folder, &options, move || notify.notify_one()).unwrap();
    assert_eq!(recovered.damage, []);
    home.spawn(async move {
        loop {
            submitted.notified().await;
            while writer.write().unwrap() {
                tokio::time::sleep(Duration::from_micros(300)).await;
                writer.sync().unwrap();
            }
        }
    });
    appender
}

/// All nodes; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Shared<Inner>>);

#[derive(Default)]
struct Inner {
    nodes: BTreeMap<NodeId, (Peers, BTreeMap<Member, Group>)>,
    cut: BTreeSet<NodeId>,
}

struct Wire {
    from: NodeId,
    network: Network,
    home: Home,
}

impl Transport for Wire {
    fn send(&self, to: NodeId, _: Lane, message: Bytes) {
        let (network, from) = (self.network.clone(), self.from);
        self.home.spawn(async move {
            tokio::time::sleep(Duration::from_micros(500)).await;
            network.arrive(from, to, message);
        });
    }
}

impl Network {
    fn arrive(&self, from: NodeId, to: NodeId, message: Bytes) {
        let found = self.0.with(|inner| {
            let is_cut = inner.cut.contains(&from) || inner.cut.contains(&to);
            inner.nodes.get(&to).filter(|_| !is_cut).cloned()
        });
        let Some((peers, groups)) = found else { return };
        let Some(mut incoming) = peers.receive(from, message) else { return };
        assert_eq!(incoming.topic, Topic::Raft);
        let (group, member) = raft::address(&mut incoming.body).unwrap();
        assert_eq!(group, GROUP);
        let Some(group) = groups.get(&member).cloned() else { return };
        let home = peers.home().clone();
        home.spawn(async move {
            let answer = group.answer(incoming.body).await;
            peers.answer(incoming.question.unwrap(), &answer);
        });
    }

    pub(crate) fn cut(&self, node: u32, is_cut: bool) {
        self.0.with(|inner| {
            if is_cut { inner.cut.insert(NodeId(node)) } else { inner.cut.remove(&NodeId(node)) }
        });
    }

    /// Starts a member on a node of its own.
    pub(crate) async fn start(
        &self,
        member: Member,
        folder: &MemoryFolder,
        disk: &MemoryDisk,
    ) -> Node {
        let home = Home::new(u64::from(member.node), Drift::default());
        let setup = self.setup(member, &home, open_log(&home, folder), disk);
        let peers = setup.peers.clone();
        let group = home.scope(Group::start(setup)).await.unwrap();
        let groups = BTreeMap::from([(member, group.clone())]);
        self.0.with(|inner| inner.nodes.insert(NodeId(member.node), (peers, groups)));
        Node { group, home }
    }

    /// What a member of a node is made of.
    pub(crate) fn setup(
        &self,
        member: Member,
        home: &Home,
        appender: Appender,
        disk: &MemoryDisk,
    ) -> Setup {
        let node = NodeId(member.node);
        let wire = Wire { from: node, network: self.clone(), home: home.clone() };
        Setup {
            group: GROUP,
            member,
            peers: Peers::new(node, home.clone(), Arc::new(wire)),
            storage: Storage::new(GROUP, appender.group(GROUP), appender),
            engine: Arc::new(disk.open()),
            offload: Offload::inline(),
            timing: Timing { snapshot_entries: 50, kept_entries: 5, ..Timing::default() },
            watch: Arc::new(|_| {}),
        }
    }

    pub(crate) fn remove(&self, node: u32) {
        self.0.with(|inner| inner.nodes.remove(&NodeId(node)));
    }
}

pub(crate) struct Node {
    pub group: Group,
    pub home: Home,
}

pub(crate) fn members(nodes: impl IntoIterator<Item = u32>) -> BTreeSet<Member> {
    nodes.into_iter().map(|node| Member { node, life: 1 }).collect()
}

/// Waits until something holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..2_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} does not come true");
}

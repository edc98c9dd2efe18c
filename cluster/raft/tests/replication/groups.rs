//! What a group does beside keeping records.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::record::{Fence, Record, Write};
use engine::MemoryDisk;
use entity::Time;
use raft::group::{Group, GroupError, Outcome};
use raft::home::{Drift, Home};
use raft::proposal::Member;
use tokio::sync::oneshot;
use wal::Options;
use wal::folder::Folder;
use wal::memory::MemoryFolder;

use crate::rig::{GROUP, Network, Node, members, runtime, until};

struct Cluster {
    network: Network,
    disks: Vec<(MemoryFolder, MemoryDisk)>,
    nodes: Vec<Node>,
}

impl Cluster {
    async fn of(nodes: u32) -> Self {
        let mut cluster =
            Self { network: Network::default(), disks: Vec::new(), nodes: Vec::new() };
        for member in members(1..=nodes) {
            cluster.add(member).await;
        }
        for node in &cluster.nodes {
            node.group.found(&members(1..=nodes)).await.unwrap();
        }
        cluster.leader().await;
        cluster
    }

    async fn add(&mut self, member: Member) {
        let (folder, disk) = (MemoryFolder::default(), MemoryDisk::default());
        self.nodes.push(self.network.start(member, &folder, &disk).await);
        self.disks.push((folder, disk));
    }

    async fn leader(&self) -> Group {
        let leader = || self.nodes.iter().find(|it| it.group.believes_to_lead());
        until("somebody leads", || async { leader().is_some() }).await;
        leader().unwrap().group.clone()
    }
}

fn record(activation: u64, sequence: u64, text: &str) -> Bytes {
    let write = Write {
        key: Bytes::copy_from_slice(format!("{sequence:08}").as_bytes()),
        value: Some(Bytes::copy_from_slice(text.as_bytes())),
    };
    let fence = Fence { activation, sequence };
    let time = Time(activation * 1_000_000 + sequence);
    Record { fence, time, writes: vec![write] }.encode().into()
}

async fn propose(group: &Group, record: Bytes) -> Outcome {
    let (sender, receiver) = oneshot::channel();
    group.propose(record, move |outcome| sender.send(outcome).unwrap()).await;
    receiver.await.unwrap()
}

#[test]
fn a_member_far_behind_gets_a_snapshot() {
    runtime().block_on(async {
        let cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        let behind = cluster.nodes.iter().find(|it| it.group.member() != leader.member()).unwrap();
        cluster.network.cut(behind.group.member().node, true);
        let (activation, _) = leader.claim(|| true).await.unwrap();
        for sequence in 1..=400 {
            let outcome = propose(&leader, record(activation, sequence, "value")).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{sequence}: {outcome:?}");
        }
        until("the log is purged", || async {
            let durable = leader.engine().flush().unwrap()[&leader.id()];
            if let Some(upto) = leader.can_trim() {
                leader.purge(upto.min(durable)).await;
            }
            leader.status().purged > 300
        })
        .await;
        assert!(behind.group.status().applied < 300);

        cluster.network.cut(behind.group.member().node, false);
        let applied = leader.status().applied;
        until("it catches up", || async { behind.group.status().applied >= applied }).await;
        let rows = |group: &Group| {
            let mut view = group.engine().snapshot(group.id()).unwrap();
            let mut rows = Vec::new();
            while let Some(chunk) = view.next_chunk(1_000).unwrap() {
                rows.extend(chunk);
            }
            rows
        };
        assert_eq!(rows(&behind.group), rows(&leader));
        assert_eq!(behind.group.head().fence, leader.head().fence);
    });
}

#[test]
fn leadership_is_handed_over_and_old_activations_are_refused() {
    runtime().block_on(async {
        let cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        let (old, _) = leader.claim(|| true).await.unwrap();
        propose(&leader, record(old, 1, "a")).await;
        let heir = cluster.nodes.iter().find(|it| it.group.member() != leader.member()).unwrap();
        leader.transfer(heir.group.member()).await;
        until("the heir leads", || async { heir.group.believes_to_lead() }).await;

        let (new, time) = heir.group.claim(|| true).await.unwrap();
        assert!(new > old && time == Time(old * 1_000_000 + 1));
        assert_eq!(propose(&heir.group, record(old, 2, "late")).await, Outcome::Refused);
        assert!(!heir.group.confirm(old, || true).await);
        assert!(heir.group.confirm(new, || true).await);
        until("the old leader knows", || async { !leader.believes_to_lead() }).await;
        assert_eq!(propose(&leader, record(old, 2, "late")).await, Outcome::Elsewhere);
    });
}

#[test]
fn members_are_replaced_one_by_one() {
    runtime().block_on(async {
        let mut cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        let leaving = members(1..=3).into_iter().find(|it| *it != leader.member()).unwrap();
        cluster.add(Member { node: 4, life: 9 }).await;
        let joining = Member { node: 4, life: 9 };
        leader.claim(|| true).await.unwrap();
        leader.add_learner(joining).await.unwrap();
        let mut voters = members(1..=3);
        voters.remove(&leaving);
        voters.insert(joining);
        leader.change_voters(&voters, &[].into()).await.unwrap();
        let status = leader.status();
        assert_eq!((status.voters, status.learners.len()), (voters, 0));
        let joined = &cluster.nodes[3].group;
        until("it has the log", || async { joined.status().applied >= status.applied }).await;
    });
}

#[test]
fn what_was_acknowledged_survives_the_crash_of_all() {
    runtime().block_on(async {
        let mut cluster = Cluster::of(3).await;
        let leader = cluster.leader().await;
        let (activation, _) = leader.claim(|| true).await.unwrap();
        for sequence in 1..=120 {
            propose(&leader, record(activation, sequence, "value")).await;
        }
        let mut chance = 1_u64;
        let mut choose = move |max: u64| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (chance >> 33) % max
        };
        for (node, member) in members(1..=3).into_iter().enumerate() {
            let (folder, disk) = &cluster.disks[node];
            let folder = folder.crash(&mut choose);
            drop(disk.crash(&mut choose));
            cluster.nodes[node].home.end();
            cluster.network.remove(member.node);
            cluster.disks[node].0 = folder;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(cluster.nodes.iter().all(|it| it.home.tasks() == 0));
        cluster.nodes.clear();
        for (node, member) in members(1..=3).into_iter().enumerate() {
            let (folder, disk) = &cluster.disks[node];
            cluster.nodes.push(cluster.network.start(member, folder, disk).await);
        }
        let leader = cluster.leader().await;
        leader.claim(|| true).await.unwrap();
        let row = leader.engine().get(leader.id(), b"00000120").unwrap();
        assert_eq!(row, Some(Bytes::from_static(b"value")));
    });
}

/// A member that ended a moment ago may have left what is not on the disk yet: openraft would count it.
#[test]
fn a_member_starts_when_what_it_finds_is_durable() {
    runtime().block_on(async {
        let (folder, home) = (MemoryFolder::default(), Home::new(1, Drift::default()));
        let opened: Arc<dyn Folder> = Arc::new(folder.clone());
        let (appender, mut writer, _) = wal::open(&opened, &Options::default(), || {}).unwrap();
        let (network, disk) = (Network::default(), MemoryDisk::default());
        let start = || {
            let left = wal::Write::Label(Bytes::from_static(b"left by the member before"));
            let submitted = appender.submit(vec![(GROUP, left)], Box::new(drop));
            let member = members([1]).pop_first().unwrap();
            (submitted, network.setup(member, &home, appender.clone(), &disk))
        };

        let (submitted, setup) = start();
        submitted.unwrap();
        let starting = home.spawn(Group::start(setup));
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(!starting.is_finished());
        assert!(writer.write().unwrap());
        writer.sync().unwrap();
        starting.await.unwrap().unwrap().stop().await;

        let (submitted, setup) = start();
        submitted.unwrap();
        folder.fail_syncs(1);
        assert!(writer.write().unwrap());
        writer.sync().unwrap_err();
        let started = home.scope(Group::start(setup)).await;
        assert!(matches!(started, Err(GroupError::Log(_))), "what it finds will never be durable");
    });
}

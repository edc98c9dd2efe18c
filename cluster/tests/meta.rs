//! What the meta group promises to nodes, and the bytes that it stores.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cluster::executor::{Executor, Input, Knobs, Output, Setup};
use cluster::ledger::Ledger;
use cluster::memory::MemoryShard;
use cluster::meta::api::{
    Assign, BeginLife, Describe, Description, FOUNDERS_MAX, Finalize, Found, INCARNATIONS_MAX,
    Join, NAME_BYTES_MAX, NODES_MAX, Retire, SHARDS_MAX, TakeIncarnations, WEIGHT_MAX,
};
use cluster::meta::refusals::{
    AssignError, FinalizeError, FoundError, JoinError, LifeError, MetaError, RetireError,
};
use cluster::meta::{Member, Meta, MetaKey, Metas, NodeRecord, Roster};
use cluster::request::{Answer, Request, RequestId, Trace, Verb};
use cluster::slots::{Directory, META, ShardId};
use cluster::transport::NodeId;
use entity::registry::{Outcome, Registry};
use entity::{Address, Caller, Command, Data, Id, Key, Kind, Query, Release, Time};

/// The shard of the meta group, alone.
struct Alone {
    memory: MemoryShard,
    executor: Executor,
    caller: Caller,
    number: u64,
}

impl Alone {
    fn new() -> Self {
        let mut registry = Registry::default();
        registry.add::<Meta>();
        let executor = Executor::new(Setup {
            shard: META,
            incarnation: 1,
            registry: Arc::new(registry),
            directory: Arc::new(Directory::even(1)),
            release: Release::NEWEST,
            chance: 42,
            knobs: Knobs::default(),
        });
        Self { memory: MemoryShard::new(), executor, caller: Caller::Operator, number: 0 }
    }

    /// One that is founded by three nodes.
    fn founded() -> Self {
        let mut meta = Self::new();
        assert_eq!(meta.call(&found(&["a", "b", "c"])), Ok(()));
        meta
    }

    fn ask(&mut self, verb: Verb, tag: u16, body: &impl Data) -> Outcome {
        let mut bytes = Vec::new();
        body.encode(Release::NEWEST, &mut bytes);
        let to = Address { kind: Metas::TAG, key: MetaKey.to_bytes() };
        let (caller, trace) = (self.caller.clone(), Trace::default());
        let request = Request { to, caller, verb, tag, body: bytes.into(), trace };
        self.step();
        self.executor.input(Input::Request { ticket: 1, request });
        self.step().unwrap()
    }

    fn step(&mut self) -> Option<Outcome> {
        let mut outcome = None;
        for _ in 0..20 {
            self.executor.step(&mut self.memory.seat(0), Time(1_000_000));
            self.memory.advance();
            while let Some(output) = self.executor.output() {
                if let Output::Answer { answer: Answer::Outcome(answered), .. } = output {
                    outcome = Some(answered);
                }
            }
        }
        outcome
    }

    fn call<C: Command<Kind = Metas>>(&mut self, command: &C) -> Result<C::Reply, C::Error> {
        self.number += 1;
        let (account, key, fingerprint) = (Id(0), self.number.to_string(), [0; 32]);
        let name = RequestId::Outside { account, key, fingerprint };
        match self.ask(Verb::Command(name), C::TAG, command) {
            Outcome::Reply(bytes) => Ok(C::Reply::decode(&bytes).unwrap()),
            Outcome::Refusal(bytes) => Err(C::Error::decode(&bytes).unwrap()),
        }
    }

    fn describe(&mut self) -> Description {
        match self.ask(Verb::Query, Describe::TAG, &Describe {}) {
            Outcome::Reply(bytes) => Description::decode(&bytes).unwrap(),
            Outcome::Refusal(_) => unreachable!("it never refuses"),
        }
    }

    fn rows(&mut self) -> Vec<(bytes::Bytes, bytes::Bytes)> {
        self.memory.seat(0).snapshot().collect()
    }

    fn roster(&mut self) -> Roster {
        let (from, to) = Roster::rows();
        let rows = self.rows().into_iter();
        Roster::read(rows.filter(|(key, _)| from[..] <= key[..] && key[..] < to[..]))
    }
}

fn node(name: &str) -> NodeRecord {
    let disk = name.bytes().fold(7_u128, |disk, byte| disk.wrapping_mul(256) + u128::from(byte));
    let (zone, address) = ("z".to_owned(), format!("{name}:4433"));
    NodeRecord { name: name.to_owned(), disk, zone, weight: 100, address, release: 1 }
}

fn found(names: &[&str]) -> Found {
    let nodes = names.iter().map(|it| node(it)).collect();
    Found { name: "test".to_owned(), shards: 4, copies: 3, nodes }
}

#[test]
fn a_cluster_is_founded_once() {
    let mut meta = Alone::founded();
    assert_eq!(meta.call(&found(&["a", "b", "c"])), Ok(()), "a repeat");
    assert_eq!(meta.call(&found(&["a", "b", "d"])), Err(FoundError::Founded));
    let described = meta.describe();
    assert_eq!(described.nodes.len(), 3);
    assert_eq!(described.assignments.len(), 5, "four shards and the meta group");
    for (_, assignment) in described.assignments {
        let nodes: BTreeSet<u32> = assignment.members.iter().map(|it| it.node).collect();
        assert_eq!((assignment.version, nodes), (1, BTreeSet::from([1, 2, 3])));
    }
    let roster = meta.roster();
    assert_eq!(roster.home(&Address { kind: Metas::TAG, key: MetaKey.to_bytes() }), Ok(META));
    assert!(roster.directory().is_some() && roster.has(ShardId(3)) && !roster.has(ShardId(4)));
}

#[test]
fn impossible_clusters_are_not_founded() {
    let usual = found(&["a", "b", "c"]);
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let many: Vec<_> = (0..=FOUNDERS_MAX).map(|it| node(&it.to_string())).collect();
    let sizes = [
        Found { shards: 0, ..usual.clone() },
        Found { shards: SHARDS_MAX + 1, ..usual.clone() },
        Found { copies: 2, ..usual.clone() },
        Found { name: String::new(), ..usual.clone() },
        Found { name: long.clone(), ..usual.clone() },
        Found { nodes: Vec::new(), ..usual.clone() },
        Found { nodes: many, ..usual.clone() },
    ];
    let nodes = [
        vec![node("a"), node("a")],
        vec![node("")],
        vec![node("no spaces")],
        vec![node(&long)],
        vec![NodeRecord { weight: WEIGHT_MAX + 1, ..node("a") }],
        vec![NodeRecord { address: "x".repeat(256), ..node("a") }],
    ];
    let mut meta = Alone::new();
    meta.step();
    let before = meta.rows();
    for size in sizes {
        assert_eq!(meta.call(&size), Err(FoundError::Size), "{size:?}");
    }
    for nodes in nodes {
        let found = Found { nodes, ..usual.clone() };
        assert_eq!(meta.call(&found), Err(FoundError::Node), "{found:?}");
    }
    meta.caller = Caller::Anyone;
    assert_eq!(meta.call(&usual), Err(FoundError::Forbidden));
    meta.caller = Caller::Operator;
    assert_eq!(meta.describe().cluster.incarnation, 0);
    let is_reply = |key: &[u8]| key[2..4] == [0, 0];
    let after: Vec<_> = meta.rows().into_iter().filter(|(key, _)| !is_reply(key)).collect();
    assert_eq!(after, before, "nothing but the refusals is stored");
}

#[test]
fn nodes_join_under_their_name_and_disk() {
    let mut meta = Alone::new();
    assert_eq!(meta.call(&Join { node: node("d") }), Err(JoinError::NotFounded));
    let mut meta = Alone::founded();
    assert_eq!(meta.call(&Join { node: node("d") }), Ok(NodeId(4)));
    let heavier = NodeRecord { weight: 200, ..node("d") };
    assert_eq!(meta.call(&Join { node: heavier.clone() }), Ok(NodeId(4)), "the same disk");
    assert_eq!(meta.roster().nodes[&NodeId(4)], heavier);
    let wiped = NodeRecord { disk: 1, ..node("d") };
    assert_eq!(meta.call(&Join { node: wiped }), Ok(NodeId(5)), "another disk is another node");
    assert_eq!(meta.roster().nodes[&NodeId(4)].weight, 0, "and the old one holds nothing");
    assert_eq!(meta.call(&Join { node: node("") }), Err(JoinError::Node));
    for number in 6..=NODES_MAX {
        meta.call(&Join { node: node(&format!("n{number}")) }).unwrap();
    }
    assert_eq!(meta.call(&Join { node: node("more") }), Err(JoinError::Full));
}

#[test]
fn a_copy_that_lost_something_gets_a_life_that_nobody_had() {
    let mut meta = Alone::founded();
    let begin = BeginLife { group: 1, node: NodeId(2) };
    let first = meta.call(&begin).unwrap();
    assert!(first.node == 2 && first.life > 1, "{first:?}");
    let life = meta.call(&begin).unwrap();
    assert!(life.life > first.life, "the one before may have begun: {life:?}");
    let members = meta.roster().members(ShardId(1));
    assert!(members.iter().filter(|it| it.node == 2).eq([&life]), "{members:?}");
    let other = meta.call(&BeginLife { group: META.0, node: NodeId(2) }).unwrap();
    assert_ne!(other.life, life.life, "lives are counted across groups");
    assert_eq!(meta.roster().follower(NodeId(2)), other);
    for unknown in [(1, 9), (77, 2), (META.0, 9)] {
        let begin = BeginLife { group: unknown.0, node: NodeId(unknown.1) };
        assert_eq!(meta.call(&begin), Err(LifeError::Unknown), "{unknown:?}");
    }
}

#[test]
fn shards_are_assigned_by_whoever_looked_last() {
    let mut meta = Alone::founded();
    meta.call(&Join { node: node("d") }).unwrap();
    let nodes = |nodes: &[u32]| nodes.iter().copied().map(NodeId).collect::<Vec<_>>();
    let assign = Assign { shard: 0, after: 1, nodes: nodes(&[4, 1, 2]), voters: vec![] };
    let before = meta.roster().members(ShardId(0));
    assert_eq!(meta.call(&assign), Ok(()));
    assert_eq!(meta.call(&assign), Err(AssignError::Changed), "somebody was quicker");
    let members = meta.roster().members(ShardId(0));
    assert_eq!(members.iter().map(|it| it.node).collect::<Vec<_>>(), [4, 1, 2]);
    assert!(members[1..].iter().all(|it| before.contains(it)), "who holds it stays who he is");
    assert!(members[0].life > 1, "who begins is somebody new");
    for wrong in [&[][..], &[1, 1], &[1, 9], &[1, 2, 3, 4, 1, 2]] {
        let assign = Assign { shard: 0, after: 2, nodes: nodes(wrong), voters: vec![] };
        assert_eq!(meta.call(&assign), Err(AssignError::Nodes), "{wrong:?}");
    }
    let unknown = Assign { shard: 4, after: 1, nodes: nodes(&[1]), voters: vec![] };
    assert_eq!(meta.call(&unknown), Err(AssignError::Unknown));
}

#[test]
fn who_still_votes_for_a_shard_stays_who_he_is() {
    let mut meta = Alone::founded();
    for name in ["d", "e"] {
        meta.call(&Join { node: node(name) }).unwrap();
    }
    let nodes = |nodes: [u32; 3]| nodes.map(NodeId).to_vec();
    let shard = ShardId(0);
    let voters = meta.roster().members(shard);
    let away = Assign { shard: 0, after: 1, nodes: nodes([1, 2, 4]), voters: vec![] };
    meta.call(&away).unwrap();
    let moving = meta.roster().members(shard);
    let back = Assign { shard: 0, after: 2, nodes: nodes([3, 4, 5]), voters: voters.clone() };
    meta.call(&back).unwrap();
    let members = meta.roster().members(shard);
    let of = |all: &[Member], node: u32| all.iter().find(|it| it.node == node).copied().unwrap();
    assert_eq!(members[0], of(&voters, 3), "it has not left yet");
    assert_eq!(members[1], of(&moving, 4), "it is on its way");
    assert!(members[2].life > members[1].life, "it is new");
}

#[test]
fn a_node_is_forgotten_when_it_holds_nothing_and_another_has_its_place() {
    let mut meta = Alone::founded();
    let retire = Retire { node: NodeId(2) };
    assert_eq!(meta.call(&retire), Err(RetireError::Needed), "nobody has its place");
    let name = meta.roster().nodes[&NodeId(2)].name.clone();
    let wiped = NodeRecord { disk: 77, ..node(&name) };
    assert_eq!(meta.call(&Join { node: wiped }), Ok(NodeId(4)));
    assert_eq!(meta.call(&retire), Err(RetireError::Needed), "it holds copies");
    let roster = meta.roster();
    for (shard, assignment) in roster.assignments {
        let nodes = [1, 3, 4].map(NodeId).to_vec();
        let (shard, after, voters) = (shard.0, assignment.version, vec![]);
        meta.call(&Assign { shard, after, nodes, voters }).unwrap();
    }
    assert_eq!(meta.call(&retire), Ok(()));
    assert_eq!(meta.call(&retire), Ok(()), "a repeat has no effect");
    assert!(!meta.roster().nodes.contains_key(&NodeId(2)));
    assert_eq!(meta.call(&Join { node: node("e") }), Ok(NodeId(5)), "numbers are not used again");
    meta.caller = Caller::Anyone;
    assert_eq!(meta.call(&retire), Err(RetireError::Forbidden));
}

#[test]
fn the_version_of_a_cluster_rises_when_every_node_can_read_it() {
    let at = |name: &str, release| NodeRecord { release, ..node(name) };
    let mut meta = Alone::new();
    assert_eq!(meta.call(&Finalize { release: 1 }), Err(FinalizeError::NotFounded));
    assert_eq!(meta.roster().release(), Release::OLDEST, "nobody has said anything yet");
    let nodes = vec![at("a", 3), at("b", 2), at("c", 2)];
    let found = Found { nodes, ..found(&[]) };
    assert_eq!(meta.call(&found), Ok(()));
    assert_eq!(meta.roster().release(), Release(2), "what all of them can read");
    assert_eq!(meta.call(&Join { node: at("d", 1) }), Err(JoinError::TooOld));
    assert_eq!(meta.call(&Finalize { release: 1 }), Err(FinalizeError::Lower));
    assert_eq!(meta.call(&Finalize { release: 3 }), Err(FinalizeError::Behind));
    for name in ["b", "c"] {
        meta.call(&Join { node: at(name, 3) }).unwrap();
        assert_eq!(meta.roster().release(), Release(2), "a restart raises nothing");
    }
    assert_eq!(meta.call(&Finalize { release: 3 }), Ok(()));
    assert_eq!(meta.call(&Finalize { release: 3 }), Ok(()), "a repeat has no effect");
    assert_eq!(meta.roster().release(), Release(3));
    assert_eq!(meta.call(&Join { node: at("b", 2) }), Err(JoinError::TooOld), "it is too late");
    assert_eq!(meta.call(&found), Ok(()), "a repeat of the founding changes nothing");
    assert_eq!(meta.roster().release(), Release(3));
    meta.caller = Caller::Anyone;
    assert_eq!(meta.call(&Finalize { release: 3 }), Err(FinalizeError::Forbidden));
}

#[test]
fn incarnations_are_given_out_once() {
    let mut meta = Alone::founded();
    let first = meta.call(&TakeIncarnations { count: 10 }).unwrap();
    assert_eq!(meta.call(&TakeIncarnations { count: 1 }), Ok(first + 10));
    for count in [0, INCARNATIONS_MAX + 1] {
        assert_eq!(meta.call(&TakeIncarnations { count }), Err(MetaError::Count));
    }
    meta.caller = Caller::Account(Id(1));
    assert_eq!(meta.call(&TakeIncarnations { count: 1 }), Err(MetaError::Forbidden));
}

/// Every row of a shard that has done a little of everything, as it is stored. `UPDATE_GOLDEN=1` writes
/// the file anew.
#[test]
fn it_is_stored_as_ever() {
    let mut meta = Alone::founded();
    meta.call(&Join { node: node("d") }).unwrap();
    meta.call(&BeginLife { group: 1, node: NodeId(2) }).unwrap();
    meta.call(&BeginLife { group: META.0, node: NodeId(2) }).unwrap();
    let nodes = vec![NodeId(4), NodeId(1)];
    meta.call(&Assign { shard: 0, after: 1, nodes, voters: vec![] }).unwrap();
    meta.call(&TakeIncarnations { count: 10 }).unwrap();
    meta.call(&TakeIncarnations { count: 0 }).unwrap_err();
    let hex =
        |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect::<Vec<_>>().concat();
    let rows = meta.rows().into_iter();
    let lines = rows.map(|(key, row)| format!("{} {}\n", hex(&key), hex(&row)));
    let stored = lines.collect::<Vec<_>>().concat();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/meta.hex");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &stored).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert_eq!(golden, stored, "stored bytes changed; write a new layout instead");
}

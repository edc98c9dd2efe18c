//! Nodes to test, their files, and what they should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::net::UdpSocket;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::Knobs;
use cluster::meta::api::Found;
use cluster::meta::{Member, Meta, NodeRecord};
use cluster::request::{Answer, Failure, RequestId};
use cluster::slots::{META, ShardId};
use cluster::transport::NodeId;
use engine::EngineError;
use entity::digest::sha256;
use entity::operation::Request;
use entity::registry::{Outcome, Registry};
use entity::transaction::{Order, Range};
use entity::{Address, Caller, Command, Data, Id, Key, Kind, Query, Release};
use futures::future::join_all;
use node::assembly::{Connect, Line, Plan, Room, Running, StartError, over_quic, say_nothing};
use quic::identity::Authority;
use raft::group::Group;
use raft::shared::Shared;
use raft::timing::Timing;
use runtime::client::Client;
use runtime::clock::Clock;
use runtime::meta;
use wal::disk::DiskFolder;

use super::tally::{Add, Look, Tallies, Tally};

/// Nodes of a cluster.
pub(crate) const NODES: u32 = 3;

/// Its shards.
const SHARDS: u32 = 3;

/// Tallies that commands go to.
const TALLIES: u64 = 40;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Small, so that a test fills it.
pub(crate) const ROOM: Room = Room { log_bytes_max: 200_000, free_bytes_min: 1 << 20 };

/// Nodes in one process.
pub(crate) struct Nodes {
    folder: PathBuf,
    room: Room,
    places: Places,
    running: BTreeMap<u32, Running>,
    clients: BTreeMap<u32, Client>,
    /// Nodes that cannot go on.
    failed: Arc<Failed>,
    added: BTreeMap<u64, u64>,
    commands: u64,
}

/// Where nodes are.
type Places = Arc<Shared<BTreeMap<NodeId, String>>>;

#[derive(Default)]
struct Failed(Shared<BTreeSet<u32>>);

impl Nodes {
    /// A cluster of its own, in a folder of this name, that serves.
    pub(crate) fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run left is of no use.
        fs::remove_dir_all(&folder).ok();
        let mut nodes = Self::at(folder, ROOM);
        (1..=NODES).for_each(|node| nodes.start(node).unwrap());
        nodes.found();
        nodes
    }

    /// Nodes that are off, in a folder that may have their data.
    pub(crate) fn at(folder: PathBuf, room: Room) -> Self {
        let (places, failed, running) = (Places::default(), Arc::default(), BTreeMap::new());
        let (clients, added) = (BTreeMap::new(), BTreeMap::new());
        Self { folder, room, places, running, clients, failed, added, commands: 0 }
    }

    /// The data folder of a node.
    pub(crate) fn folder(&self, node: u32) -> PathBuf {
        self.folder.join(format!("node-{node}"))
    }

    /// Switches a node on.
    pub(crate) fn start(&mut self, node: u32) -> Result<(), StartError> {
        let mut registry = Registry::default();
        registry.add::<Meta>();
        registry.add::<Tally>();
        let failed = Arc::clone(&self.failed);
        let free_bytes_min = self.room.free_bytes_min / 2;
        let plan = Plan {
            node: NodeId(node),
            name: format!("n{node}"),
            founders: (1..=NODES).map(|node| Member { node, life: 1 }).collect(),
            cluster: "test".to_owned(),
            folder: self.folder(node),
            log: Box::new(|path| Ok(Arc::new(DiskFolder::open(path, 0)?))),
            engine: engine_fjall::Options {
                memory_bytes: 32 << 20,
                free_bytes_min,
                ..engine_fjall::Options::default()
            },
            threads: 1,
            connect: self.connect(NodeId(node)),
            registry: Arc::new(registry),
            knobs: Knobs::default(),
            timing: Timing { snapshot_entries: 200, kept_entries: 20, ..Timing::default() },
            replace_after: Duration::from_hours(1),
            room: self.room,
            watch: Arc::new(|_| {}),
            on_failure: Arc::new(move |why| {
                eprintln!("node {node} cannot go on: {why}");
                failed.0.with(|failed| failed.insert(node));
            }),
        };
        let running = Running::start(plan)?;
        self.clients.insert(node, running.client());
        self.running.insert(node, running);
        Ok(())
    }

    /// A node is where it was before, if it was anywhere.
    fn connect(&self, node: NodeId) -> Connect {
        let authority = Authority::of("test", b"a secret that is long enough").unwrap();
        let authority = Arc::new(authority);
        let before = self.places.with(|places| places.get(&node).cloned());
        let socket = UdpSocket::bind(before.unwrap_or("127.0.0.1:0".to_owned())).unwrap();
        let place = socket.local_addr().unwrap().to_string();
        self.places.with(|places| places.insert(node, place));
        let places = Arc::clone(&self.places);
        let addresses = Arc::new(move |node: NodeId| places.with(|it| it.get(&node).cloned()));
        over_quic(Line { authority, node, socket, addresses, answer: say_nothing() })
    }

    /// Switches a node off.
    pub(crate) fn stop(&mut self, node: u32) {
        self.clients.remove(&node);
        self.running.remove(&node).unwrap().stop();
    }

    /// Switches all of them off.
    pub(crate) fn stop_all(&mut self) {
        let nodes: Vec<_> = self.running.keys().copied().collect();
        for node in nodes {
            self.stop(node);
        }
    }

    /// Lets something happen on a node.
    fn on<F: Future>(&self, node: u32, work: F) -> F::Output {
        let running = &self.running[&node];
        running.handle().block_on(running.home().scope(work))
    }

    fn any(&self) -> u32 {
        *self.running.keys().next().unwrap()
    }

    /// Makes a cluster of the nodes.
    pub(crate) fn found(&self) {
        let node = |node: u32| NodeRecord {
            name: format!("n{node}"),
            disk: u128::from(node),
            zone: String::new(),
            weight: 100,
            address: String::new(),
            release: Release::NEWEST.0,
        };
        let nodes = (1..=NODES).map(node).collect();
        let found = Found { name: "test".to_owned(), shards: SHARDS, copies: 3, nodes };
        let router = self.running[&1].node().router().clone();
        self.until("it is founded", || {
            let founded = self.on(1, meta::command(&router, "found".to_owned(), &found));
            founded.map_err(|error| error.to_string())
        });
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> Result<(), String>) {
        let mut why = String::new();
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            match holds() {
                Ok(()) => return,
                Err(error) => why = error,
            }
            sleep(PAUSE);
        }
        panic!("{what}: not within {PATIENCE:?}: {why} in {}", self.folder.display());
    }

    /// Adds to tallys, so many times, through any node. Every command is acknowledged in the end.
    pub(crate) fn add(&mut self, times: u64) {
        let node = self.any();
        let client = self.clients[&node].clone();
        let adds = (0..times).map(|_| {
            self.commands += 1;
            let (tally, n, number) = (self.commands % TALLIES, self.commands, self.commands);
            *self.added.entry(tally).or_default() += n;
            let client = client.clone();
            async move {
                let add = Add { n, filler: Vec::new() };
                let (request, key) = (request(tally, &add), number.to_string());
                let fingerprint = sha256(&request.body);
                let key = RequestId::Outside { account: Id(1), key, fingerprint };
                for _ in 0..10 {
                    let (key, request) = (key.clone(), request.clone());
                    match client.command(Caller::Anyone, Some(key), request).await {
                        Answer::Outcome(_) => return,
                        Answer::Failure(failure) => eprintln!("{failure:?}, again"),
                    }
                }
                panic!("a command of tally {tally} is not acknowledged");
            }
        });
        let adds: Vec<_> = adds.collect();
        self.on(node, join_all(adds));
    }

    /// What somebody new is answered to one command.
    pub(crate) fn once<C: Command<Kind = Tallies>>(&self, tally: u64, command: &C) -> Answer {
        let client = self.running[&self.any()].client();
        let command = client.command(Caller::Anyone, None, request(tally, command));
        self.on(self.any(), command)
    }

    /// The same, sent by a node whose clock is this one.
    pub(crate) fn once_by<C: Command<Kind = Tallies>>(
        &self,
        clock: Arc<dyn Clock>,
        tally: u64,
        command: &C,
    ) -> Answer {
        let client = Client::new(self.running[&self.any()].node(), clock);
        let command = client.command(Caller::Anyone, None, request(tally, command));
        self.on(self.any(), command)
    }

    /// Adds once, with as many bytes, and tells whether it was taken.
    pub(crate) fn fill(&mut self, tally: u64, bytes: u64) -> Result<(), Failure> {
        // Nothing that would compress.
        let byte = |n: u64| ((n + (tally << 20)).wrapping_mul(0x9e37_79b9) >> 7).to_le_bytes()[0];
        let filler = (0..bytes).map(byte).collect();
        let node = self.any();
        let client = self.clients[&node].clone();
        let add = request(tally, &Add { n: 1, filler });
        match self.on(node, client.command(Caller::Anyone, None, add)) {
            Answer::Outcome(_) => {
                *self.added.entry(tally).or_default() += 1;
                Ok(())
            }
            Answer::Failure(failure) => Err(failure),
        }
    }

    /// Every tally is what was added to it, whichever node is asked.
    pub(crate) fn check_sums(&self) {
        for node in self.running.keys() {
            for (tally, sum) in &self.added {
                assert_eq!(self.sum(*node, *tally), Ok(*sum), "tally {tally} by node {node}");
            }
        }
    }

    /// What a tally is.
    pub(crate) fn sum(&self, node: u32, tally: u64) -> Result<u64, Failure> {
        let client = self.clients[&node].clone();
        let mut body = Vec::new();
        Look {}.encode(Release::NEWEST, &mut body);
        let request = Request { to: at(tally), tag: Look::TAG, body };
        match self.on(node, client.ask(Caller::Anyone, vec![request])).remove(0) {
            Answer::Outcome(Outcome::Reply(bytes)) => Ok(<u64 as Data>::decode(&bytes).unwrap()),
            Answer::Outcome(Outcome::Refusal(_)) => unreachable!("it never refuses"),
            Answer::Failure(failure) => Err(failure),
        }
    }

    /// Waits until all nodes have a copy of every shard that is caught up, and compares them.
    pub(crate) fn agree(&mut self) {
        for shard in (0..SHARDS).map(ShardId).chain([META]) {
            let mut why = String::new();
            let is_equal = (0..PATIENCE.as_millis() / PAUSE.as_millis()).any(|_| {
                self.restart_failed();
                why = self.compare(shard).err().unwrap_or_default();
                sleep(if why.is_empty() { Duration::ZERO } else { PAUSE });
                why.is_empty()
            });
            assert!(is_equal, "copies are not equal: {why}");
        }
    }

    /// Starts nodes again that cannot go on, as whoever watches their processes does.
    fn restart_failed(&mut self) {
        for node in self.failed.0.with(std::mem::take) {
            self.stop(node);
            self.start(node).unwrap();
        }
    }

    fn compare(&self, shard: ShardId) -> Result<(), String> {
        let hosted = self.running.values().filter_map(|it| it.node().router().hosted(shard));
        let groups: Vec<Group> = hosted.filter_map(|it| it.group).collect();
        let statuses: Vec<_> = groups.iter().map(Group::status).collect();
        let first = statuses.first().ok_or("nobody hosts it")?;
        let are_equal =
            statuses.iter().all(|it| it.applied == first.applied && it.failure.is_none());
        let members: Vec<_> = groups.iter().map(Group::member).collect();
        let are_members = members.iter().all(|it| first.voters.contains(it));
        if !are_equal || !are_members || groups.len() != self.running.len() {
            return Err(format!("shard {}: {statuses:?}", shard.0));
        }
        // A copy that finds damage while it is read begins a new life.
        let rows = groups.iter().map(rows).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(|error| error.to_string())?;
        // An entry may have been applied between two looks.
        let is_still = groups.iter().all(|it| it.status().applied == first.applied);
        match rows.iter().position(|it| *it != rows[0]) {
            Some(at) if is_still => Err(format!("rows of shard {} differ at {at}", shard.0)),
            Some(_) => Err("it goes on".to_owned()),
            None => Ok(()),
        }
    }

    /// What must be there: sums by their tallies.
    pub(crate) fn added(&self) -> &BTreeMap<u64, u64> {
        &self.added
    }

    /// The life of each copy on a node.
    pub(crate) fn lives(&self, node: u32) -> Vec<u32> {
        let hosted = self.running[&node].node().router().all_hosted();
        hosted.into_values().filter_map(|it| Some(it.group?.member().life)).collect()
    }
}

/// All rows of a group, as one node has them.
fn rows(group: &Group) -> Result<Vec<(Bytes, Bytes)>, EngineError> {
    let (mut rows, mut from) = (Vec::new(), Vec::new());
    loop {
        let range = Range { from, to: vec![u8::MAX; 8], order: Order::Up, limit: 1_000 };
        let page = group.engine().scan(group.id(), &range)?;
        let Some((last, _)) = page.last() else { return Ok(rows) };
        from = [last, &[0][..]].concat();
        rows.extend(page);
    }
}

fn at(tally: u64) -> Address {
    Address { kind: Tallies::TAG, key: tally.to_bytes() }
}

fn request<C: Command>(tally: u64, command: &C) -> Request {
    let mut body = Vec::new();
    command.encode(Release::NEWEST, &mut body);
    Request { to: at(tally), tag: C::TAG, body }
}

/// The files in a folder and below, by name.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// The length of a file.
pub(crate) fn length(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len()
}

/// Breaks a byte of a file. Doing it twice mends it.
pub(crate) fn flip(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
}

/// Cuts the end of a file off.
pub(crate) fn cut(file: &Path, length: u64) {
    File::options().write(true).open(file).unwrap().set_len(length).unwrap();
}

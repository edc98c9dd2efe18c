//! All devices, and the doors that they come in through.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use actors::accounts::api::UserId;
use cluster::storage;
use cluster::transport::NodeId;
use entity::Offset;
use entity::transaction::Part;
use raft::home::Home;
use raft::machine::Changed;
use raft::shared::Shared;
use runtime::client::Client;
use runtime::clock::Clock;
use tokio::task::JoinHandle;

use super::book::Book;
use super::deed::Deed;
use super::door::Door;
use super::plan::Plan;
use super::seen::Seen;
use super::topic::Topic;

/// All devices, and the doors that they come in through.
pub struct Sockets {
    /// What the seed means.
    pub plan: Plan,
    /// What happened.
    pub counts: Cell<Counts>,
    pub(super) doors: RefCell<BTreeMap<NodeId, Door>>,
    pub(super) book: RefCell<Book>,
    pub(super) seen: RefCell<BTreeMap<(usize, Topic), Seen>>,
    /// What each device is to do.
    pub(super) todo: RefCell<Vec<VecDeque<Deed>>>,
    /// Which of them have done it, and follow everything.
    pub(super) idle: RefCell<Vec<bool>>,
    /// The history that all positions belong to, once somebody was told.
    pub(super) epoch: RefCell<Option<String>>,
    pub(super) living: RefCell<Vec<JoinHandle<()>>>,
    /// What has committed.
    pub(super) committed: Arc<Shared<Committed>>,
}

/// The last item of each stream that somebody may follow, as any replica has applied it.
#[derive(Debug, Default)]
pub(super) struct Committed(BTreeMap<Vec<u8>, u64>);

/// What happened to those who are connected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Connections that were begun.
    pub connections: u64,
    /// Items that came by themselves.
    pub pushed: u64,
    /// Devices that came back and had missed nothing, or were told what.
    pub recovered: u64,
    /// Devices that came back and were told of a gap.
    pub gaps: u64,
    /// Devices that came back with a position that never was.
    pub lies: u64,
    /// Looks at the whole.
    pub looks: u64,
    /// Connections that were given up because nothing came.
    pub silent: u64,
    /// Connections that a node ended because nobody read.
    pub slow: u64,
    /// Connections that a node ended because it stopped.
    pub stopped: u64,
}

impl Counts {
    /// Adds those of another seed.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.pushed += other.pushed;
        self.recovered += other.recovered;
        self.gaps += other.gaps;
        self.lies += other.lies;
        self.looks += other.looks;
        self.silent += other.silent;
        self.slow += other.slow;
        self.stopped += other.stopped;
    }
}

impl Sockets {
    /// Nobody is there yet.
    pub fn new(plan: Plan) -> Self {
        let (users, devices) = (plan.users, plan.devices.len());
        let book = Book { users: vec![None; users], ..Book::default() };
        Self {
            plan,
            counts: Cell::default(),
            doors: RefCell::default(),
            book: RefCell::new(book),
            seen: RefCell::default(),
            todo: RefCell::new(vec![VecDeque::new(); devices]),
            idle: RefCell::new(vec![false; devices]),
            epoch: RefCell::default(),
            living: RefCell::default(),
            committed: Arc::default(),
        }
    }

    /// A node serves clients from now on, as long as it lives.
    pub fn open(&self, node: NodeId, home: &Home, client: &Client, clock: &Arc<dyn Clock>) {
        let door = Door::open(home, client, clock, self.plan.knobs);
        self.doors.borrow_mut().insert(node, door);
    }

    /// What a watcher of entries is to call with each change.
    pub fn watch(&self) -> impl Fn(&Changed<'_>) + Send + Sync + 'static {
        let committed = Arc::clone(&self.committed);
        move |changed| committed.with(|it| it.changed(changed))
    }

    /// Whose channel the devices of a user follow, once there is an account.
    pub(super) fn owner(&self, user: usize, topic: Topic) -> Option<UserId> {
        self.book.borrow().users[topic.owner(user, self.plan.users)]
    }

    /// The last item of the channel that has committed.
    pub(super) fn last(&self, user: usize, topic: Topic) -> u64 {
        let owner = self.owner(user, topic);
        owner.map_or(0, |owner| self.committed.with(|it| it.last(&prefix(topic, owner))))
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        count(&mut counts);
        self.counts.set(counts);
    }
}

impl Committed {
    fn changed(&mut self, changed: &Changed<'_>) {
        let records = changed.steps.into_iter().flatten().filter_map(|it| it.record.as_ref());
        let writes = records.flat_map(|it| &it.writes);
        for write in writes.filter(|it| it.value.is_some() && is_item(&it.key)) {
            if let Some(offset) = storage::stream_offset(&write.key) {
                let of = &write.key[..write.key.len() - size_of::<u64>()];
                let last = self.0.entry(of.to_vec()).or_default();
                *last = offset.0.max(*last);
            }
        }
    }

    fn last(&self, of: &[u8]) -> u64 {
        self.0.get(of).copied().unwrap_or_default()
    }
}

/// Whether a row is an item of a stream: behind slot, kind and the key of its entity it says so.
fn is_item(key: &[u8]) -> bool {
    let is_of_entity = key.get(2..4).is_some_and(|kind| kind != [0, 0]);
    let part = key.get(4).and_then(|length| key.get(5 + usize::from(*length)));
    is_of_entity && part == Some(&(Part::Item as u8))
}

/// What the keys of all items begin with.
fn prefix(topic: Topic, owner: UserId) -> Vec<u8> {
    let mut first = storage::stream_items(&topic.stream(owner), Offset(0), 1).from;
    first.truncate(first.len() - size_of::<u64>());
    first
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, pushed, recovered, gaps, .. } = self;
        write!(f, "sockets {connections} pushed {pushed} recovered {recovered} gaps {gaps} ")
    }
}

//! The port `Ledger` over a group.

use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster::ledger::{Completion, Fetched, Ledger, Snapshot};
use cluster::record::{Fence, Record};
use engine::EngineError;
use entity::limits::RECORD_BYTES_MAX;
use entity::transaction::{Range, Read, Want};
use tokio::sync::{Notify, mpsc};

use crate::group::{Group, LEASE_PAUSE, Outcome};
use crate::shared::Shared;

/// A shard as the node sees it that leads, or means to lead, its group.
///
/// It makes a task of the node that hands records over one after the other, and ends when the ledger
/// is dropped.
pub struct RaftLedger {
    group: Group,
    records: mpsc::UnboundedSender<Record>,
    told: Arc<Told>,
    activation: u64,
}

/// What ended and was not asked for yet.
#[derive(Default)]
struct Told {
    completions: Shared<VecDeque<Completion>>,
    news: Notify,
    /// Nobody listens any more.
    is_over: AtomicBool,
}

/// How late something is that a simulation wants to be late.
const LATE: Duration = Duration::from_millis(15);

/// Rows of a snapshot that are read at once, in bytes.
const SNAPSHOT_CHUNK_BYTES: usize = 256 * 1024;

impl Told {
    fn tell(&self, completion: Completion) {
        self.completions.with(|it| it.push_back(completion));
        self.news.notify_one();
    }
}

impl RaftLedger {
    /// The shard of `group`. Nothing is asked of the group before the claim.
    pub fn new(group: Group) -> Self {
        let told = Arc::new(Told::default());
        let (records, queue) = mpsc::unbounded_channel();
        group.home().spawn(hand_over(group.clone(), queue, Arc::clone(&told)));
        Self { group, records, told, activation: 0 }
    }

    /// Waits until something may have ended.
    pub fn news(&self) -> impl Future<Output = ()> + Send + 'static {
        let told = Arc::clone(&self.told);
        async move { told.news.notified().await }
    }

    /// Reads rows on a thread that may wait for a disk.
    fn read(
        &self,
        ticket: u64,
        read: impl FnOnce(&Group) -> Result<Fetched, EngineError> + Send + 'static,
    ) {
        let (group, told) = (self.group.clone(), Arc::clone(&self.told));
        self.group.offload().start(move || match read(&group) {
            Ok(rows) => told.tell(Completion::Fetched { ticket, rows }),
            Err(error) => {
                tracing::error!(group = group.id(), %error, "a read failed");
                told.tell(Completion::Unreadable);
            }
        });
    }

    fn start(&self, work: impl Future<Output = Completion> + Send + 'static) {
        let told = Arc::clone(&self.told);
        self.group.home().spawn(async move { told.tell(work.await) });
    }
}

/// A record on its way.
type Handed = (Fence, Bytes);

/// Proposes records in their order. Their number is bounded by the executor's records in flight.
async fn hand_over(group: Group, mut queue: mpsc::UnboundedReceiver<Record>, told: Arc<Told>) {
    let (back, mut returned) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            biased;
            Some(first) = returned.recv() => {
                group.home().sleep(probe::knob!(LeasePause, LEASE_PAUSE)).await;
                let others = iter::from_fn(|| returned.try_recv().ok());
                let mut again: Vec<Handed> = iter::once(first).chain(others).collect();
                again.sort();
                for handed in again {
                    propose(&group, handed, &told, &back).await;
                }
            }
            record = queue.recv() => {
                let Some(record) = record else { return };
                propose(&group, (record.fence, record.encode().into()), &told, &back).await;
            }
        }
    }
}

/// Proposes a record. It comes back if the leader has lost touch with its quorum for now. Should one
/// behind it be taken meanwhile, the fence refuses that one.
async fn propose(
    group: &Group,
    (fence, bytes): Handed,
    told: &Arc<Told>,
    back: &mpsc::UnboundedSender<Handed>,
) {
    if probe::buggify!(ProposalReturned) {
        return drop(back.send((fence, bytes)));
    }
    if probe::buggify!(ProposalLate) {
        group.home().sleep(LATE).await;
    }
    let (told, back, again) = (Arc::clone(told), back.clone(), bytes.clone());
    let pledge = Pledge { told: Arc::clone(&told), fence: Some(fence) };
    let tell = move |outcome| {
        let completion = match outcome {
            Outcome::Accepted { .. } => Completion::Committed { fence },
            // What is refused before it enters the log has no effect, nor has what the fence refuses
            // behind it.
            Outcome::Refused | Outcome::Elsewhere => Completion::Lost { fence },
            Outcome::Unknown => Completion::Unknown { fence },
            // Nobody takes it back when the ledger was dropped, and nobody asks.
            Outcome::NotNow => {
                pledge.keep();
                probe::sometimes!(QuorumLost);
                return drop(back.send((fence, again)));
            }
        };
        pledge.keep();
        told.tell(completion);
    };
    group.propose(bytes, tell).await;
}

/// Sees to it that a record whose proposal was dropped without a word is told to be unknown.
struct Pledge {
    told: Arc<Told>,
    fence: Option<Fence>,
}

impl Pledge {
    fn keep(mut self) {
        self.fence = None;
    }
}

impl Drop for Pledge {
    fn drop(&mut self) {
        if let Some(fence) = self.fence {
            self.told.tell(Completion::Unknown { fence });
        }
    }
}

impl Ledger for RaftLedger {
    fn claim(&mut self) {
        let (group, told) = (self.group.clone(), Arc::clone(&self.told));
        self.start(async move {
            if probe::buggify!(ClaimLate) {
                group.home().sleep(LATE).await;
            }
            match group.claim(|| !told.is_over.load(Ordering::Relaxed)).await {
                Some((activation, time)) => Completion::Claimed { activation, time },
                None => Completion::NotClaimed,
            }
        });
    }

    fn commit(&mut self, record: Record) {
        let bytes = record.bytes();
        assert!(bytes <= RECORD_BYTES_MAX, "a record of {bytes} bytes");
        let fence = record.fence;
        if self.records.send(record).is_err() {
            self.told.tell(Completion::Unknown { fence });
        }
    }

    fn barrier(&mut self, ticket: u64) {
        let (group, activation) = (self.group.clone(), self.activation);
        let told = Arc::clone(&self.told);
        self.start(async move {
            if probe::buggify!(BarrierLate) {
                group.home().sleep(LATE).await;
            }
            let is_wanted = || !told.is_over.load(Ordering::Relaxed);
            let holds = group.confirm(activation, is_wanted).await;
            Completion::Barrier { ticket, holds }
        });
    }

    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        match self.group.engine().get(self.group.id(), key) {
            Ok(_) if probe::buggify!(RowNotHere) => Read::Miss,
            Ok(row) => Read::Ready(row),
            Err(_) => Read::Miss,
        }
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        match self.group.engine().scan(self.group.id(), range) {
            Ok(_) if probe::buggify!(RowNotHere) => Read::Miss,
            Ok(rows) => Read::Ready(rows),
            Err(_) => Read::Miss,
        }
    }

    fn fetch(&mut self, ticket: u64, want: Want) {
        self.read(ticket, move |group| match want {
            Want::Row(key) => group.engine().get(group.id(), &key).map(Fetched::Row),
            Want::Rows(range) => group.engine().scan(group.id(), &range).map(Fetched::Rows),
        });
    }

    fn poll(&mut self) -> Option<Completion> {
        let completion = self.told.completions.with(VecDeque::pop_front)?;
        if let Completion::Claimed { activation, .. } = completion {
            self.activation = activation;
        }
        Some(completion)
    }

    fn snapshot(&self) -> Snapshot<'_> {
        let view = self.group.engine().snapshot(self.group.id());
        let chunks = view.into_iter().flat_map(|mut view| {
            iter::from_fn(move || view.next_chunk(SNAPSHOT_CHUNK_BYTES).ok().flatten())
        });
        Box::new(chunks.flatten())
    }
}

impl Drop for RaftLedger {
    fn drop(&mut self) {
        self.told.is_over.store(true, Ordering::Relaxed);
    }
}

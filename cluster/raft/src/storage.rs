//! openraft's log storage: the part of a group in the log of the node.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use tokio::sync::oneshot;
use wal::{Appender, GroupId, GroupLog, Write};

use crate::codec::{
    Malformed, entry, entry_bytes, entry_log_id, finish, get_log_id, get_vote, put_log_id, put_vote,
};
use crate::proposal::{Entry, LogId, Types, Vote};
use crate::shared::Shared;

/// Bytes of entries that one read yields, more or less; one entry at least.
const READ_BYTES: usize = 1 << 20;

/// The log of one group on one node. Clones are the same.
#[derive(Clone)]
pub struct Storage {
    group: GroupId,
    log: GroupLog,
    appender: Appender,
    /// What is known to be committed and not written yet: it goes behind the next entries.
    committed: Arc<Shared<Option<LogId>>>,
}

impl Storage {
    /// The part of `group` in the log.
    pub fn new(group: GroupId, log: GroupLog, appender: Appender) -> Self {
        Self { group, log, appender, committed: Arc::default() }
    }

    fn submit(
        &self,
        write: Write,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<()> {
        let committed = self.committed.with(Option::take);
        let committed = committed.map(|id| Write::Committed(log_id_bytes(&id)));
        let writes = [Some(write), committed].into_iter().flatten();
        self.appender.submit(writes.map(|it| (self.group, it)).collect(), Box::new(done))
    }

    /// Submits, and waits until it is durable.
    async fn write(&self, write: Write) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.submit(write, move |done| drop(sender.send(done)))?;
        receiver.await.map_err(going_down)?
    }

    /// Waits until whatever can be read is durable. openraft takes what it finds for that, and a member
    /// that ended a moment ago in the same process may have left more.
    ///
    /// # Errors
    ///
    /// When the log has failed: what can be read may not be on the disk, and never will be.
    pub async fn settle(&self) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.appender.submit(Vec::new(), Box::new(move |done| drop(sender.send(done))))?;
        receiver.await.map_err(going_down)?
    }

    fn last_log_id(&self) -> io::Result<Option<LogId>> {
        let Some(last) = self.log.last_index() else { return self.purged() };
        let read = self.log.read(last..last + 1, 1)?;
        let found = read.into_iter().next().map(|(index, bytes)| entry_log_id(index, bytes));
        Ok(found.transpose()?)
    }

    /// What is known to have been committed when the member began.
    pub(crate) fn committed_before(&self) -> io::Result<Option<LogId>> {
        Ok(self.log.committed().map(|bytes| whole(bytes, get_log_id)).transpose()?)
    }

    fn purged(&self) -> io::Result<Option<LogId>> {
        Ok(self.log.purged().map(|(_, mark)| whole(mark, get_log_id)).transpose()?)
    }
}

fn going_down(_: oneshot::error::RecvError) -> io::Error {
    io::Error::other("the node is going down")
}

fn whole<T>(
    mut bytes: Bytes,
    get: impl FnOnce(&mut Bytes) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let value = get(&mut bytes)?;
    finish(&bytes)?;
    Ok(value)
}

fn log_id_bytes(id: &LogId) -> Bytes {
    let mut bytes = Vec::new();
    put_log_id(&mut bytes, id);
    bytes.into()
}

impl RaftLogReader<Types> for Storage {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + Send,
    {
        let mut next = match range.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => self.log.last_index().map_or(0, |last| last + 1),
        };
        // What lies before the first entry was purged, or never was.
        next = next.max(self.log.first_index().unwrap_or(next));
        let mut entries = Vec::new();
        while next < end {
            let read = self.log.read(next..end, READ_BYTES)?;
            let Some((last, _)) = read.last() else { break };
            next = last + 1;
            for (index, bytes) in read {
                entries.push(entry(index, bytes)?);
            }
        }
        Ok(entries)
    }

    /// What fits into one message, so that a follower far behind is sent no more than that at once.
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let bytes_max = if probe::buggify!(ReadShort) { 1 } else { READ_BYTES };
        let read = self.log.read(start..end, probe::knob!(ReadBytes, bytes_max))?;
        read.into_iter().map(|(index, bytes)| Ok(entry(index, bytes)?)).collect()
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.log.vote().map(|bytes| whole(bytes, get_vote)).transpose()?)
    }
}

impl RaftLogStorage<Types> for Storage {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let (last_purged_log_id, last_log_id) = (self.purged()?, self.last_log_id()?);
        Ok(LogState { last_purged_log_id, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    /// Returns once the vote is durable: a vote that a crash can undo elects two leaders.
    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let mut bytes = Vec::new();
        put_vote(&mut bytes, vote);
        self.write(Write::Vote(bytes.into())).await
    }

    /// In the same file as the entries it names, behind them: a log never ends before what it says
    /// is committed. It costs no fsync: it waits for the next write, and what is lost with it is
    /// learned again.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.committed.with(|it| *it = committed);
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        self.committed_before()
    }

    /// Returns at once, entries readable; tells when they are durable, never before.
    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let mut entries = entries.into_iter().peekable();
        let Some(first) = entries.peek().map(|it| it.log_id.index()) else {
            flushed.io_completed(Ok(()));
            return Ok(());
        };
        let entries = entries.map(|it| entry_bytes(&it)).collect();
        if probe::mutant!(SyncUnwaited) {
            flushed.io_completed(Ok(()));
            return self.submit(Write::Append { first, entries }, drop);
        }
        self.submit(Write::Append { first, entries }, |done| flushed.io_completed(done))
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let is_cut = self.log.last_index() > last.map(|it| it.index());
        probe::sometimes!(ConflictCut, is_cut);
        self.write(Write::Truncate { after: last.map(|it| it.index()) }).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let mark = log_id_bytes(&upto);
        self.submit(Write::Purge { upto: upto.index(), mark }, drop)
    }
}

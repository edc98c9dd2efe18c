//! Submitting writes, and writing them out.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use crate::folder::Folder;
use crate::group::{GroupLog, Small, Tails};
use crate::log::{Files, Submitted};
use crate::segments::Segments;
use crate::shared::Shared;
use crate::{Done, GroupId, LOST, LogError, Options, Recovered, Write, recover};

/// Most writes of one batch.
pub const BATCH_WRITES_MAX: usize = 8_192;

/// A batch is closed above so many bytes.
pub const BATCH_BYTES: usize = 8 << 20;

/// Submits writes. Clones are the same.
#[derive(Clone)]
pub struct Appender(Arc<Inner>);

struct Inner {
    queue: Shared<Queue>,
    groups: Shared<BTreeMap<GroupId, GroupLog>>,
    segments: Arc<Segments>,
    tails: Arc<Tails>,
    on_submit: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Vec<Submitted>, Done)>,
    failure: Option<String>,
    is_closed: bool,
}

/// Writes out what was submitted: batch by batch, each durable before the next is written.
pub struct Writer {
    files: Files,
    inner: Arc<Inner>,
    /// Who waits for what is written.
    written: Vec<Done>,
}

/// Opens the log of a folder. `on_submit` is called after every submission, so that whoever drives
/// the writer learns of it.
///
/// # Errors
///
/// [`LogError`]; nothing is changed then.
pub fn open(
    folder: &Arc<dyn Folder>,
    options: &Options,
    on_submit: impl Fn() + Send + Sync + 'static,
) -> Result<(Appender, Writer, Recovered), LogError> {
    let (files, groups, tails, recovered) = recover::open(folder, options)?;
    let inner = Arc::new(Inner {
        queue: Shared::default(),
        groups: Shared::new(groups),
        segments: Arc::clone(&files.segments),
        tails,
        on_submit: Box::new(on_submit),
    });
    let writer = Writer { files, inner: Arc::clone(&inner), written: Vec::new() };
    Ok((Appender(inner), writer, recovered))
}

impl Appender {
    /// The log of a group, for reading. One that nobody has written to is empty.
    pub fn group(&self, group: GroupId) -> GroupLog {
        let inner = &self.0;
        inner.groups.with(|groups| {
            let new = || GroupLog {
                group,
                state: Arc::default(),
                segments: Arc::clone(&inner.segments),
                tails: Arc::clone(&inner.tails),
            };
            groups.entry(group).or_insert_with(new).clone()
        })
    }

    /// Every group that somebody has labelled, or that is damaged, in order.
    pub fn groups(&self) -> Vec<GroupId> {
        let all = self.0.groups.with(|groups| groups.clone());
        let is_held = |log: &GroupLog| log.label().is_some() || log.damage().is_some();
        let held = all.into_iter().filter(|(group, log)| *group != LOST && is_held(log));
        held.map(|(group, _)| group).collect()
    }

    /// Lets readers see writes, and hands them over to be written. They take their places in the
    /// order of the calls. `done` is told when they are durable, in this order too.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when an entry is too long or would leave a hole, or the group is [`LOST`];
    /// `InvalidData` when the group is damaged and not reset. Nothing is changed then, and `done` is dropped. When an earlier write
    /// has failed, nothing is written any more.
    pub fn submit(&self, writes: Vec<(GroupId, Write)>, done: Done) -> io::Result<()> {
        let logs: Vec<_> = writes.iter().map(|(group, _)| self.group(*group)).collect();
        self.0.queue.with(|queue| {
            if let Some(failure) = &queue.failure {
                return Err(io::Error::other(failure.clone()));
            }
            check(&writes, &logs)?;
            let submitted = writes.into_iter().zip(logs).map(|((_, write), log)| {
                let (cuts, gone) = log.apply(&write);
                Submitted { log, write, cuts, gone }
            });
            queue.waiting.push_back((submitted.collect(), done));
            Ok(())
        })?;
        self.0.queue.notify();
        (self.0.on_submit)();
        Ok(())
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.0.segments.bytes()
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.0.segments.count()
    }

    /// Nothing more is submitted: a writer that waits ends once all is durable.
    pub fn close(&self) {
        self.0.queue.with(|queue| queue.is_closed = true);
        self.0.queue.notify();
    }
}

/// Checks writes against what the groups will be after those before.
fn check(writes: &[(GroupId, Write)], logs: &[GroupLog]) -> io::Result<()> {
    let mut smalls: BTreeMap<GroupId, Small> = BTreeMap::new();
    for ((group, write), log) in writes.iter().zip(logs) {
        if *group == LOST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the number of what is lost is no group",
            ));
        }
        let small = match smalls.get_mut(group) {
            Some(small) => small,
            None if matches!(write, Write::Reset) => smalls.entry(*group).or_default(),
            None => smalls.entry(*group).or_insert(log.small()?),
        };
        small.check(write)?;
        small.apply(write);
    }
    Ok(())
}

impl Writer {
    /// Waits until something was submitted. Yields whether anything can come.
    pub(crate) fn wait(&self) -> bool {
        self.inner.queue.wait_for(|queue| {
            let is_over = queue.is_closed && queue.waiting.is_empty();
            (is_over || !queue.waiting.is_empty()).then_some(!is_over)
        })
    }

    /// Writes the next batch of what was submitted. Yields whether there was anything.
    ///
    /// # Errors
    ///
    /// As the system has it. The log has failed then: everyone who waits is told, and nothing is
    /// written any more. End the process.
    pub fn write(&mut self) -> io::Result<bool> {
        let batch = self.inner.queue.with(take_batch);
        if batch.is_empty() {
            return Ok(false);
        }
        let (writes, done): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        self.written.extend(done);
        let writes: Vec<_> = writes.into_iter().flatten().collect();
        let written = self.files.write(&writes);
        self.settle(written).map(|()| true)
    }

    /// Makes durable what is written, and tells those who wait for it.
    ///
    /// # Errors
    ///
    /// As [`Writer::write`]. After a failed fsync nobody knows what is on the disk: it is not tried
    /// again.
    pub fn sync(&mut self) -> io::Result<()> {
        let synced = self.files.sync();
        self.settle(synced)?;
        for done in self.written.drain(..) {
            done(Ok(()));
        }
        if self.inner.queue.with(|queue| queue.waiting.is_empty()) {
            let marked = self.files.mark();
            self.settle(marked)?;
        }
        Ok(())
    }

    fn settle(&mut self, result: io::Result<()>) -> io::Result<()> {
        let Err(error) = result else { return Ok(()) };
        let text = format!("the log has failed: {error}");
        let waiting = self.inner.queue.with(|queue| {
            queue.failure = Some(text.clone());
            std::mem::take(&mut queue.waiting)
        });
        let waiting = waiting.into_iter().map(|(_, done)| done);
        for done in self.written.drain(..).chain(waiting) {
            done(Err(io::Error::other(text.clone())));
        }
        Err(error)
    }
}

fn take_batch(queue: &mut Queue) -> Vec<(Vec<Submitted>, Done)> {
    let (mut batch, mut bytes, mut writes) = (Vec::new(), 0, 0);
    let is_short = probe::buggify!(BatchOfOne);
    let writes_max = probe::knob!(BatchWrites, BATCH_WRITES_MAX);
    let bytes_max = probe::knob!(BatchBytes, BATCH_BYTES);
    while writes < writes_max && bytes < bytes_max && !(is_short && writes > 0) {
        let Some(next) = queue.waiting.pop_front() else { break };
        writes += next.0.len();
        bytes += next.0.iter().map(|it| it.write.bytes()).sum::<usize>();
        batch.push(next);
    }
    batch
}

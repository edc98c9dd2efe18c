//! Snapshots on their way from one member to another: a beginning, rows in parts, an end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::{Engine, GroupId};
use openraft::errors::StreamingError;
use openraft::raft::SnapshotResponse;

use crate::machine::Head;
use crate::network::{Line, strange};
use crate::offload::Offload;
use crate::proposal::{Snapshot, Types, Vote};
use crate::shared::Shared;
use crate::wire::{Answer, Question};

/// Rows of one part, in bytes.
const PART_BYTES: usize = 256 * 1024;

/// How long a member may take to say that it is ready for a snapshot: nothing is read or written for it.
const BEGIN_PATIENCE: Duration = Duration::from_millis(500);

/// How often a part is sent again before the transfer begins anew.
const ATTEMPTS_MAX: u32 = 3;

/// The rows of a snapshot.
pub enum Rows {
    /// In our engine, at one moment.
    Here(Box<dyn engine::Snapshot>),
    /// In a generation of our engine that nobody sees yet.
    Received {
        /// The generation.
        install: Box<dyn engine::Install>,
        /// What goes into its mark.
        detail: Bytes,
    },
}

/// Sends a snapshot, part by part.
pub(crate) async fn send(
    line: &Line,
    vote: Vote,
    snapshot: Snapshot,
    limit: Duration,
) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
    let Rows::Here(mut rows) = snapshot.snapshot else {
        unreachable!("what is sent was taken from our engine")
    };
    let transfer = line.transfer();
    let begin = Question::Begin { transfer, vote, detail: rows.mark().detail.clone() };
    // A member that is down, or has just begun, is asked again soon: openraft waits between two attempts.
    let mut answer = vote_of(&line.ask(&begin, limit.min(BEGIN_PATIENCE)).await?)?;
    let bytes = probe::knob!(PartBytes, PART_BYTES);
    let mut parts = 0;
    while answer == vote
        && let Some(rows) = rows.next_chunk(bytes).map_err(|error| storage(&error))?
    {
        let part = Question::Rows { transfer, number: parts, rows };
        if probe::buggify!(PartTwice) {
            ask(line, &part, limit).await?;
        }
        answer = ask(line, &part, limit).await?;
        parts += 1;
    }
    if answer == vote {
        answer = ask(line, &Question::End { transfer, parts }, limit).await?;
    }
    Ok(SnapshotResponse::new(answer))
}

fn storage(error: &engine::EngineError) -> StreamingError<Types> {
    // What cannot be read here cannot be sent: openraft tries again later, and our supervisor sees it.
    let text = format!("reading the snapshot: {error}");
    StreamingError::Unreachable(openraft::errors::Unreachable::from_string(text))
}

async fn ask(
    line: &Line,
    question: &Question,
    limit: Duration,
) -> Result<Vote, StreamingError<Types>> {
    let mut attempt = 1;
    loop {
        match line.ask(question, limit).await {
            Ok(answer) => return vote_of(&answer),
            Err(_) if attempt < probe::knob!(PartAttempts, ATTEMPTS_MAX) => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn vote_of(answer: &Answer) -> Result<Vote, StreamingError<Types>> {
    let Answer::Snapshot(vote) = answer else { return Err(strange().into()) };
    Ok(*vote)
}

/// The snapshot that a member is receiving: at most one, the newest.
pub(crate) struct Receiver {
    group: GroupId,
    engine: Arc<dyn Engine>,
    offload: Offload,
    current: Shared<Option<Transfer>>,
}

struct Transfer {
    id: u64,
    vote: Vote,
    detail: Bytes,
    parts: u64,
    install: Box<dyn engine::Install>,
}

impl Receiver {
    pub(crate) fn new(group: GroupId, engine: Arc<dyn Engine>, offload: Offload) -> Self {
        Self { group, engine, offload, current: Shared::default() }
    }

    /// Begins with a snapshot. What was received of another one is dropped.
    pub(crate) fn begin(&self, id: u64, vote: Vote, detail: Bytes) -> io::Result<()> {
        let is_running = self.current.with(|it| it.as_ref().is_some_and(|it| it.id == id));
        if !is_running {
            let mut install = self.engine.install(self.group).map_err(io::Error::other)?;
            if probe::mutant!(FormerRowsStay)
                && let Ok(mut former) = self.engine.snapshot(self.group)
            {
                while let Some(rows) = former.next_chunk(PART_BYTES).map_err(io::Error::other)? {
                    install.put(rows).map_err(io::Error::other)?;
                }
            }
            let transfer = Transfer { id, vote, detail, parts: 0, install };
            let before = self.current.with(|it| it.replace(transfer));
            probe::sometimes!(SnapshotInterrupted, before.is_some());
        }
        Ok(())
    }

    /// Takes the next part in. A part that is here already is passed over.
    pub(crate) async fn rows(
        &self,
        id: u64,
        number: u64,
        rows: Vec<(Bytes, Bytes)>,
    ) -> io::Result<Vote> {
        let mut transfer = self.take(id)?;
        if probe::buggify!(SnapshotDropped) {
            return Err(io::Error::other("dropped"));
        }
        let vote = transfer.vote;
        if number > transfer.parts {
            return Err(io::Error::other("a part of the snapshot is missing"));
        }
        if number == transfer.parts {
            transfer = self
                .offload
                .run(move || -> io::Result<_> {
                    transfer.install.put(rows).map_err(io::Error::other)?;
                    transfer.parts += 1;
                    Ok(transfer)
                })
                .await??;
        }
        // A newer transfer may have begun meanwhile.
        self.current.with(|it| {
            it.get_or_insert(transfer);
        });
        Ok(vote)
    }

    /// All parts are here: what openraft is to install.
    pub(crate) fn end(&self, id: u64, parts: u64) -> io::Result<(Vote, Snapshot)> {
        let transfer = self.take(id)?;
        if parts != transfer.parts {
            return Err(io::Error::other("the snapshot was cut short"));
        }
        let (install, detail) = (transfer.install, transfer.detail);
        let meta = Head::decode(detail.clone())?.meta();
        Ok((transfer.vote, Snapshot { meta, snapshot: Rows::Received { install, detail } }))
    }

    fn take(&self, id: u64) -> io::Result<Transfer> {
        let taken = self.current.with(|it| it.take_if(|it| it.id == id));
        taken.ok_or_else(|| io::Error::other("no such transfer of a snapshot"))
    }
}

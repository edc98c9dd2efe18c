//! A group as a whole, on its way out.

use std::iter::Peekable;
use std::sync::Arc;

use bytes::Bytes;
use engine::keyspace::Keyspace as Home;
use engine::limits::CHUNK_BYTES_MAX;
use engine::{EngineError, GroupId, Mark, Row, Snapshot};
use fjall::Iter;

use crate::fault::guarded;
use crate::shared::Shared;
use crate::store::row;

type Rows = Peekable<Box<dyn Iterator<Item = fjall::Result<Row>> + Send>>;

/// The rows of both keyspaces in one order. They are what they were when it was made.
struct FjallSnapshot {
    shared: Arc<Shared>,
    group: GroupId,
    mark: Mark,
    state: Rows,
    streams: Rows,
}

/// A view of a group that is there or not.
pub(crate) fn snapshot(
    shared: &Arc<Shared>,
    group: GroupId,
) -> Result<Box<dyn Snapshot>, EngineError> {
    let Some((view, mark)) = shared.view(group)? else {
        return Ok(Box::new(Nothing(Mark::default())));
    };
    let rows = |home| boxed(shared.store.rows(&view, mark.generation, home));
    let (state, streams) = (rows(Home::State), rows(Home::Streams));
    Ok(Box::new(FjallSnapshot { shared: Arc::clone(shared), group, mark, state, streams }))
}

fn boxed(rows: Iter) -> Rows {
    let rows: Box<dyn Iterator<Item = fjall::Result<Row>> + Send> = Box::new(rows.map(row));
    rows.peekable()
}

impl Snapshot for FjallSnapshot {
    fn mark(&self) -> &Mark {
        &self.mark
    }

    fn next_chunk(&mut self, bytes_max: usize) -> Result<Option<Vec<Row>>, EngineError> {
        let bytes_max = bytes_max.min(CHUNK_BYTES_MAX);
        let (state, streams) = (&mut self.state, &mut self.streams);
        let chunk = guarded(|| chunk(state, streams, bytes_max));
        let chunk =
            chunk.map_err(|error| self.shared.damage(self.group, self.mark.generation, &error))?;
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

fn chunk(state: &mut Rows, streams: &mut Rows, bytes_max: usize) -> fjall::Result<Vec<Row>> {
    let mut bytes = 0;
    let mut chunk = Vec::new();
    loop {
        // An error counts as the smallest key: it ends the snapshot.
        let key = |rows: &mut Rows| {
            rows.peek().map(|row| row.as_ref().map_or(Bytes::new(), |(key, _)| key.clone()))
        };
        let next = match (key(state), key(streams)) {
            (None, None) => return Ok(chunk),
            (Some(one), Some(other)) if other < one => &mut *streams,
            (Some(_), _) => &mut *state,
            (None, Some(_)) => &mut *streams,
        };
        if let Some(Ok((key, value))) = next.peek() {
            bytes += key.len() + value.len();
            if bytes > bytes_max && !chunk.is_empty() {
                return Ok(chunk);
            }
        }
        if let Some(row) = next.next() {
            chunk.push(row?);
        }
    }
}

/// A group that is not there.
struct Nothing(Mark);

impl Snapshot for Nothing {
    fn mark(&self) -> &Mark {
        &self.0
    }

    fn next_chunk(&mut self, _: usize) -> Result<Option<Vec<Row>>, EngineError> {
        Ok(None)
    }
}

//! A group as a whole, on its way out.

use std::iter::Peekable;
use std::sync::Arc;

use bytes::Bytes;
use engine::limits::CHUNK_BYTES_MAX;
use engine::{EngineError, GroupId, Mark, Row, Snapshot};

use crate::fault::guarded;
use crate::merge::present;
use crate::shared::Shared;
use crate::store::Rows;
use crate::visible::Seen;

/// The rows of both keyspaces in one order. They are what they were when it was made.
struct FjallSnapshot {
    shared: Arc<Shared>,
    group: GroupId,
    mark: Mark,
    rows: Peekable<Rows>,
}

/// A view of a group that is there or not.
pub(crate) fn snapshot(
    shared: &Arc<Shared>,
    group: GroupId,
) -> Result<Box<dyn Snapshot>, EngineError> {
    // So that the view holds all there is.
    let mut writer = shared.writer(0, true)?;
    shared.pour(&mut writer, &[group])?;
    let Some(Seen { mark, older, .. }) = shared.view(group, |_| ())? else {
        return Ok(Box::new(Nothing(Mark::default())));
    };
    drop(writer);
    let rows = shared.store.rows(&older, mark.generation).peekable();
    Ok(Box::new(FjallSnapshot { shared: Arc::clone(shared), group, mark, rows }))
}

impl Snapshot for FjallSnapshot {
    fn mark(&self) -> &Mark {
        &self.mark
    }

    fn next_chunk(&mut self, bytes_max: usize) -> Result<Option<Vec<Row>>, EngineError> {
        let bytes_max = bytes_max.min(CHUNK_BYTES_MAX);
        let chunk = guarded(|| chunk(&mut self.rows, bytes_max));
        let chunk =
            chunk.map_err(|error| self.shared.damage(self.group, self.mark.generation, &error))?;
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

fn chunk(rows: &mut Peekable<Rows>, bytes_max: usize) -> fjall::Result<Vec<Row>> {
    let mut bytes = 0;
    let mut chunk = Vec::new();
    while let Some(next) = rows.peek() {
        if let Ok((key, value)) = next {
            bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
            if bytes > bytes_max && !chunk.is_empty() {
                break;
            }
        }
        chunk.extend(rows.next().and_then(present).transpose()?);
    }
    Ok(chunk)
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

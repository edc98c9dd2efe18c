//! Copies that have applied the same are the same.

use cluster::slots::ShardId;
use engine::{EngineError, Mark, Row};
use raft::group::Group;

use super::cluster::World;
use crate::finding::Oracle;

/// Copies are compared with every so many looks at the laws, of one shard after the other.
const LOOKS: usize = 5;

impl World {
    /// Compares copies while everything happens.
    pub(super) fn compare_in_turn(&self, looks: u64) {
        let looks = usize::try_from(looks).unwrap_or(0);
        let shards = self.shards().count();
        if looks.is_multiple_of(LOOKS)
            && let Some(shard) = self.shards().nth(looks / LOOKS % shards)
        {
            self.compare_replicas(shard);
        }
    }

    /// Compares the copies of a shard that have applied all there is of it: after a crash others may have
    /// rows already whose entries they are to apply again.
    fn compare_replicas(&self, shard: ShardId) {
        let groups = self.groups(shard);
        let last = groups.iter().map(|it| it.status().last).max().unwrap_or(0);
        let all = last.max(self.laws.with(|it| it.front(shard.0)));
        let mut first = None;
        for group in groups {
            // What has rotted is to be mended, and what fails ends.
            let Ok((mark, rows)) = rows(&group) else { continue };
            if mark.applied < all {
                continue;
            }
            let found = (mark.applied, mark.detail, rows);
            let Some((member, expected)) = &first else {
                first = Some((group.member(), found));
                continue;
            };
            probe::sometimes!(CopiesCompared);
            if *expected != found {
                let (one, other) = (member, group.member());
                let what = format!("{one:?} and {other:?} of shard {} differ at {all}", shard.0);
                return self.blame(Oracle::Replicas.finds(what));
            }
        }
    }

    /// The same of all shards, when everything has settled and can be read.
    pub(super) fn compare_all_replicas(&self) {
        for shard in self.shards() {
            for group in self.groups(shard) {
                if let Err(error) = rows(&group) {
                    let what = format!("the rows of {:?} cannot be read: {error}", group.member());
                    return self.blame(Oracle::Replicas.finds(what));
                }
            }
            self.compare_replicas(shard);
        }
    }
}

fn rows(group: &Group) -> Result<(Mark, Vec<Row>), EngineError> {
    let mut view = group.engine().snapshot(group.id())?;
    let mut rows = Vec::new();
    while let Some(chunk) = view.next_chunk(1 << 20)? {
        rows.extend(chunk);
    }
    Ok((view.mark().clone(), rows))
}

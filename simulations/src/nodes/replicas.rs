//! Copies that have applied the same are the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use cluster::slots::ShardId;
use engine::{EngineError, Mark, Row};
use raft::group::Group;
use raft::proposal::Member;

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
            self.compare_newest(shard);
        }
    }

    /// Compares the copies of a shard that have applied all there is of it: after a crash others may have
    /// rows already whose entries they are to apply again.
    fn compare_newest(&self, shard: ShardId) {
        let groups = self.groups(shard);
        let last = groups.iter().map(|it| it.status().last).max().unwrap_or(0);
        let all = last.max(self.laws.with(|it| it.front(shard.0)));
        // What has rotted is to be mended, and what fails ends.
        let sound = groups.iter().filter_map(|it| Some((it.member(), copy(it).ok()?)));
        let newest = sound.filter(|(_, copy)| copy.applied >= all);
        self.compare(shard, newest);
    }

    /// Compares all copies of all shards, when everything has settled and can be read.
    pub(super) fn compare_all(&self) {
        for shard in self.shards() {
            let mut copies = Vec::new();
            for group in self.groups(shard) {
                match copy(&group) {
                    Ok(copy) => copies.push((group.member(), copy)),
                    Err(error) => {
                        let member = group.member();
                        let what = format!("the rows of {member:?} cannot be read: {error}");
                        return self.blame(Oracle::Replicas.finds(what));
                    }
                }
            }
            self.compare(shard, copies);
        }
    }

    fn compare(&self, shard: ShardId, copies: impl IntoIterator<Item = (Member, Copy)>) {
        let mut firsts: BTreeMap<u64, (Member, Copy)> = BTreeMap::new();
        for (member, copy) in copies {
            let Some((first, expected)) = firsts.get(&copy.applied) else {
                firsts.insert(copy.applied, (member, copy));
                continue;
            };
            probe::sometimes!(CopiesCompared);
            if *expected != copy {
                let (at, shard) = (copy.applied, shard.0);
                let what = format!("{first:?} and {member:?} of shard {shard} differ at {at}");
                return self.blame(Oracle::Replicas.finds(what));
            }
        }
    }
}

/// What a copy has: up to which entry, what it says of that entry, and its rows.
#[derive(Eq, PartialEq)]
struct Copy {
    applied: u64,
    detail: Bytes,
    rows: Vec<Row>,
}

fn copy(group: &Group) -> Result<Copy, EngineError> {
    let mut view = group.engine().snapshot(group.id())?;
    let mut rows = Vec::new();
    while let Some(chunk) = view.next_chunk(1 << 20)? {
        rows.extend(chunk);
    }
    let Mark { applied, ref detail, .. } = *view.mark();
    Ok(Copy { applied, detail: detail.clone(), rows })
}

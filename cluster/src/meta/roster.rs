//! The rows of the meta group, as every node reads them where they have been applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use entity::transaction::Part;
use entity::{Address, Data, DataError, Key, Kind, Release, Table};

use super::api::{Assignment, Cluster, Member, MetaKey, Metas, NODES_MAX, NodeRecord, SHARDS_MAX};
use super::entity::{Assignments, FIRST_LIFE, Followers, Meta, Nodes};
use crate::request::Failure;
use crate::slots::{Directory, META, ShardId};
use crate::storage;
use crate::transport::NodeId;

/// Who is in the cluster and who holds what, as far as a node knows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Roster {
    /// What there is one of; of incarnation 0 before a cluster is founded.
    pub cluster: Cluster,
    /// The nodes.
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    /// Who holds each shard.
    pub assignments: BTreeMap<ShardId, Assignment>,
    /// The newest life that was given out. A life above it began behind this roster.
    pub last_life: u32,
    followers: BTreeMap<NodeId, Member>,
    directory: Option<Arc<Directory>>,
}

impl Roster {
    /// Most rows that it is read from: head, nodes, assignments and followers.
    pub const ROWS_MAX: usize = 2 * (NODES_MAX + SHARDS_MAX as usize);

    /// First key and end of the rows.
    pub fn rows() -> (Vec<u8>, Vec<u8>) {
        let prefix = prefix();
        let mut end = prefix.clone();
        // Head, nodes, assignments and followers; not the replies behind them.
        end.extend([Part::Row as u8, Followers::TAG + 1]);
        (prefix, end)
    }

    /// Reads what the entity wrote. Rows that are none of its, or of a later release, are passed over.
    pub fn read(rows: impl IntoIterator<Item = (Bytes, Bytes)>) -> Self {
        let (prefix, mut roster) = (prefix(), Self::default());
        for (key, row) in rows {
            if let Some(part) = key.strip_prefix(&prefix[..]) {
                roster.take(part, &row);
            }
        }
        if roster.cluster.shards > 0 {
            roster.directory = Some(Arc::new(Directory::even(roster.cluster.shards)));
        }
        roster
    }

    fn take(&mut self, part: &[u8], row: &[u8]) {
        match part {
            [part] if *part == Part::Head as u8 => {
                self.cluster = match Meta::decode(row) {
                    Ok(meta) if meta.cluster.shards <= SHARDS_MAX => {
                        self.last_life = meta.last_life;
                        meta.cluster
                    }
                    Ok(_) | Err(DataError::Invalid) => Cluster::default(),
                    // All that can be said of it.
                    Err(DataError::TooNew { .. }) => {
                        Cluster { release: u16::MAX, ..Cluster::default() }
                    }
                };
            }
            [part, table, key @ ..] if *part == Part::Row as u8 => {
                let Some(number) = u32::from_bytes(key) else { return };
                if *table == Nodes::TAG {
                    let node = NodeRecord::decode(row).ok();
                    self.nodes.extend(node.map(|it| (NodeId(number), it)));
                } else if *table == Assignments::TAG {
                    let assignment = Assignment::decode(row).ok();
                    self.assignments.extend(assignment.map(|it| (ShardId(number), it)));
                } else if *table == Followers::TAG {
                    let follower = Member::decode(row).ok().filter(|it| it.node == number);
                    self.followers.extend(follower.map(|it| (NodeId(number), it)));
                }
            }
            _ => {}
        }
    }

    /// Who holds a shard.
    pub fn assignment(&self, shard: ShardId) -> Option<&Assignment> {
        self.assignments.get(&shard)
    }

    /// The copies of a shard; the first is to lead.
    pub fn members(&self, shard: ShardId) -> Vec<Member> {
        self.assignment(shard).map_or_else(Vec::new, |it| it.members.clone())
    }

    /// The shards that a node holds, and as which member.
    pub fn hosted(&self, node: NodeId) -> BTreeMap<ShardId, Member> {
        let member = |it: &Assignment| it.members.iter().find(|it| it.node == node.0).copied();
        let hosted = self.assignments.iter();
        hosted.filter_map(|(shard, it)| member(it).map(|member| (*shard, member))).collect()
    }

    /// As which member a node follows the meta group, with a vote or without.
    pub fn follower(&self, node: NodeId) -> Member {
        let first = Member { node: node.0, life: FIRST_LIFE };
        self.followers.get(&node).copied().unwrap_or(first)
    }

    /// Which shard has which slots; none before the cluster is founded, as far as is known here.
    pub fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.clone()
    }

    /// The shard that a request to `address` belongs to.
    ///
    /// # Errors
    ///
    /// `Moved` before the cluster is founded, as far as is known here; `NoSuchShard`.
    pub fn home(&self, address: &Address) -> Result<ShardId, Failure> {
        if address.kind == Metas::TAG {
            return Ok(META);
        }
        let directory = self.directory.as_ref().ok_or(Failure::Moved)?;
        directory.home(address).ok_or(Failure::NoSuchShard)
    }

    /// The cluster incarnation; 1 while the cluster is being founded.
    pub fn incarnation(&self) -> u64 {
        self.cluster.incarnation.max(1)
    }

    /// The release whose layouts are written.
    pub fn release(&self) -> Release {
        Release(self.cluster.release).max(Release::OLDEST)
    }

    /// Whether a shard is one of the cluster's.
    pub fn has(&self, shard: ShardId) -> bool {
        shard == META || self.assignments.contains_key(&shard)
    }
}

fn prefix() -> Vec<u8> {
    storage::entity_prefix(&Address { kind: Metas::TAG, key: MetaKey.to_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &impl Data) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.encode(Release::NEWEST, &mut bytes);
        bytes
    }

    /// Rows as bytes: for each its table, its number, the length of the row, and the row.
    fn rows(mut bytes: &[u8]) -> Vec<(Bytes, Bytes)> {
        let mut rows = Vec::new();
        while let Some((&[table, number, length], rest)) = bytes.split_first_chunk::<3>() {
            let (row, rest) = rest.split_at(usize::from(length).min(rest.len()));
            let number = u32::from(number).to_be_bytes();
            let part = match table {
                0 => vec![Part::Head as u8],
                table => [&[Part::Row as u8, table][..], &number].concat(),
            };
            rows.push(([prefix(), part].concat().into(), Bytes::copy_from_slice(row)));
            bytes = rest;
        }
        rows
    }

    /// They come with snapshots of other nodes.
    #[test]
    fn whatever_rows_come_they_are_read() {
        let cluster = Cluster { incarnation: 1, shards: 4, ..Cluster::default() };
        let member = Member { node: 1, life: 2 };
        let assignment = Assignment { version: 1, members: vec![member] };
        let mut head = Meta::default();
        head.cluster = cluster;
        let head = encoded(&head);
        let row =
            |table: u8, row: &[u8]| [&[table, 1, u8::try_from(row.len()).unwrap()], row].concat();
        let seeds = [
            row(0, &head),
            row(Assignments::TAG, &encoded(&assignment)),
            row(Followers::TAG, &encoded(&member)),
        ];
        let seeds = [seeds.concat()].into_iter().chain(seeds);
        fuzz::target("roster").seeds(seeds).growth(1_024).run(|bytes| {
            let roster = Roster::read(rows(bytes));
            let address = Address { kind: 7, key: bytes.to_vec() };
            if let Ok(shard) = roster.home(&address) {
                assert!(shard.0 < roster.cluster.shards);
                roster.members(shard);
            }
            assert!(roster.hosted(NodeId(1)).into_keys().all(|it| roster.has(it)));
            assert_eq!(roster.follower(NodeId(200)).node, 200);
        });
    }
}

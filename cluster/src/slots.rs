//! Keys to slots, slots to shards.

use entity::{Address, Key, Kind, data};

use crate::meta::Metas;
use crate::operator::Shards;

/// A part of the key space. A key's slot never changes; which shard has the slot may.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Slot(pub u16);

/// Slots in a cluster, for ever: sixty-four for each of the most shards there can be.
pub const SLOTS: u16 = 16_384;

impl Slot {
    /// The slot of an entity, by its encoded key alone: entities of several kinds with one key live
    /// together.
    pub fn of(key: &[u8]) -> Self {
        let slots = u32::from(SLOTS);
        Self(u16::try_from(crc32c::crc32c(key) % slots).expect("below the number of slots"))
    }
}

/// A shard. Never reused.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct ShardId(pub u32);

entity::key! { ShardId(u32) }

/// The meta group's.
pub const META: ShardId = ShardId(u32::MAX);

/// Which shard has which slots.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directory {
    /// The shard of each slot.
    shards: Vec<ShardId>,
}

impl Directory {
    /// Spreads the slots evenly over shards 0 to `count`.
    ///
    /// # Panics
    ///
    /// When `count` is zero or above [`SLOTS`].
    pub fn even(count: u32) -> Self {
        assert!((1..=u32::from(SLOTS)).contains(&count), "{count} shards");
        let shards = (0..u32::from(SLOTS)).map(|slot| ShardId(slot * count / u32::from(SLOTS)));
        Self { shards: shards.collect() }
    }

    /// The shard that has a slot.
    pub fn shard(&self, slot: Slot) -> ShardId {
        self.shards[usize::from(slot.0)]
    }

    /// The shard that has the entities with this encoded key.
    pub fn shard_of(&self, key: &[u8]) -> ShardId {
        self.shard(Slot::of(key))
    }

    /// The shard that a request to `address` belongs to; none when it is for a shard that there is not.
    pub fn home(&self, address: &Address) -> Option<ShardId> {
        match address.kind {
            Shards::TAG => {
                let shard = ShardId::from_bytes(&address.key)?;
                (shard == META || self.shards.contains(&shard)).then_some(shard)
            }
            Metas::TAG => Some(META),
            _ => Some(self.shard_of(&address.key)),
        }
    }

    /// The slots of a shard, in order.
    pub fn slots(&self, of: ShardId) -> impl Iterator<Item = Slot> {
        (0..SLOTS).map(Slot).filter(move |slot| self.shard(*slot) == of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_keys_never_change() {
        let cases: [(&[u8], u16); 3] = [(b"", 0), (b"ann", 4_352), (b"bob", 1_748)];
        for (key, slot) in cases {
            assert_eq!(Slot::of(key), Slot(slot));
        }
    }

    #[test]
    fn every_slot_has_one_shard_and_shards_are_even() {
        for count in [1, 3, 8, 256] {
            let directory = Directory::even(count);
            let sizes: Vec<_> =
                (0..count).map(|shard| directory.slots(ShardId(shard)).count()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), usize::from(SLOTS));
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
    }
}

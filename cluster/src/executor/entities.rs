//! Entities in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use entity::registry::Live;
use entity::{Address, Durability};

/// Entities in memory, and the rows of ephemeral ones.
#[derive(Default)]
pub(super) struct Entities {
    kinds: BTreeMap<u16, BTreeMap<Box<[u8]>, Resident>>,
    count: usize,
    /// Where the search for an entity to put out of memory goes on.
    hand: (u16, Box<[u8]>),
    /// Rows of ephemeral entities, by their full key.
    pub(super) ephemeral: BTreeMap<Bytes, Bytes>,
}

/// One entity in memory. There is one version of it: the newest, committed or not.
pub(super) struct Resident {
    pub(super) live: Box<dyn Live>,
    /// The last record that wrote its head, and where in that record.
    pub(super) written: (u64, u32),
    /// Whether it was used since the search for one to put out passed by.
    used: bool,
}

impl Entities {
    /// The entity, if it is in memory, and the rows of ephemeral ones.
    pub(super) fn get(
        &mut self,
        address: &Address,
    ) -> Option<(&mut Resident, &BTreeMap<Bytes, Bytes>)> {
        let resident = self.kinds.get_mut(&address.kind)?.get_mut(&address.key[..])?;
        resident.used = true;
        Some((resident, &self.ephemeral))
    }

    /// Whether the entity is in memory.
    pub(super) fn contains(&self, address: &Address) -> bool {
        self.kinds.get(&address.kind).is_some_and(|kind| kind.contains_key(&address.key[..]))
    }

    /// Keeps an entity that was just loaded.
    pub(super) fn insert(&mut self, address: &Address, live: Box<dyn Live>) {
        let resident = Resident { live, written: (0, 0), used: true };
        let kind = self.kinds.entry(address.kind).or_default();
        if kind.insert(address.key.clone().into(), resident).is_none() {
            self.count += 1;
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Puts entities out of memory until at most `max` are left, or no more can go: those whose head
    /// is not committed stay, and so do those that `stays` names. What was not used lately goes
    /// first. An ephemeral entity is forgotten; its callers refill it.
    pub(super) fn evict(
        &mut self,
        max: usize,
        committed: u64,
        stays: impl Fn(&Address) -> bool,
        durability: impl Fn(u16) -> Durability,
    ) {
        // Twice around: once to see that an entity is not used, once to take it.
        let mut looks = 2 * self.count;
        while self.count > max && looks > 0 {
            looks -= 1;
            let Some(address) = self.next_in_turn() else { return };
            let resident = self.get_unused(&address).expect("just found");
            if std::mem::take(&mut resident.used) || resident.written.0 > committed {
                continue;
            }
            if stays(&address) {
                continue;
            }
            self.remove(&address);
            if durability(address.kind) == Durability::Ephemeral {
                let prefix = crate::storage::entity_prefix(&address);
                self.ephemeral.retain(|key, _| !key.starts_with(&prefix));
            }
        }
    }

    fn get_unused(&mut self, address: &Address) -> Option<&mut Resident> {
        self.kinds.get_mut(&address.kind)?.get_mut(&address.key[..])
    }

    fn remove(&mut self, address: &Address) {
        let kind = self.kinds.get_mut(&address.kind).expect("just found");
        kind.remove(&address.key[..]);
        self.count -= 1;
    }

    /// The entity behind the hand, or the first one of all.
    fn next_in_turn(&mut self) -> Option<Address> {
        let (kind, key) = &self.hand;
        let behind = (std::ops::Bound::Excluded(&key[..]), std::ops::Bound::Unbounded);
        let same = self.kinds.get(kind).and_then(|keys| keys.range::<[u8], _>(behind).next());
        let (kind, key) = if let Some((key, _)) = same {
            (*kind, key.clone())
        } else {
            let later = self.kinds.range(kind + 1..).chain(self.kinds.range(..));
            let mut first = later.filter_map(|(kind, keys)| Some((*kind, keys.keys().next()?)));
            first.next().map(|(kind, key)| (kind, key.clone()))?
        };
        self.hand = (kind, key.clone());
        Some(Address { kind, key: key.into() })
    }
}

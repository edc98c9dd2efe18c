//! Entities in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;

use bytes::Bytes;
use entity::registry::Live;
use entity::{Address, Durability};

/// Entities in memory, and the rows of ephemeral ones.
///
/// They are found by a hash that outsiders cannot foresee, so that nobody can choose names that
/// collide. The order of hashes depends on the seed alone.
pub(super) struct Entities {
    seed: u64,
    residents: BTreeMap<u64, Vec<Resident>>,
    count: usize,
    /// Where the search for an entity to put out of memory goes on.
    hand: u64,
    /// Rows of ephemeral entities, by their full key.
    pub(super) ephemeral: BTreeMap<Bytes, Bytes>,
}

/// The hash of an entity's kind and name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u64);

/// One entity in memory. There is one version of it: the newest, committed or not.
pub(super) struct Resident {
    pub(super) live: Box<dyn Live>,
    key: Box<[u8]>,
    kind: u16,
    /// Whether it was used since the search for one to put out passed by.
    used: bool,
    /// Where in the last record that wrote its head.
    pub(super) written_at: u32,
    /// The last record that wrote its head.
    pub(super) written_by: u64,
}

impl Entities {
    pub(super) fn new(seed: u64) -> Self {
        let (residents, ephemeral) = (BTreeMap::new(), BTreeMap::new());
        Self { seed, residents, count: 0, hand: 0, ephemeral }
    }

    /// Where an entity is, or would be.
    pub(super) fn place(&self, address: &Address) -> Place {
        // Stable within one build, which is all that memory needs.
        let mut hasher = DefaultHasher::new();
        (self.seed, address.kind).hash(&mut hasher);
        hasher.write(&address.key);
        Place(hasher.finish())
    }

    /// The entity, if it is in memory, and the rows of ephemeral ones.
    pub(super) fn get(
        &mut self,
        place: Place,
        address: &Address,
    ) -> Option<(&mut Resident, &BTreeMap<Bytes, Bytes>)> {
        let resident = find(self.residents.get_mut(&place.0)?, address)?;
        resident.used = true;
        Some((resident, &self.ephemeral))
    }

    /// Whether the entity is in memory.
    pub(super) fn contains(&mut self, place: Place, address: &Address) -> bool {
        self.get(place, address).is_some()
    }

    /// Keeps an entity that was just loaded.
    pub(super) fn insert(&mut self, place: Place, address: &Address, live: Box<dyn Live>) {
        let (key, kind) = (address.key.clone().into(), address.kind);
        let resident = Resident { live, key, kind, used: true, written_at: 0, written_by: 0 };
        // Nearly every hash has one entity: do not reserve for more.
        self.residents.entry(place.0).or_insert_with(|| Vec::with_capacity(1)).push(resident);
        self.count += 1;
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
        let mut looks = 2 * self.residents.len();
        while self.count > max && looks > 0 {
            looks -= 1;
            let Some(hash) = self.next_in_turn() else { return };
            let residents = self.residents.get_mut(&hash).expect("just found");
            let goes = |resident: &mut Resident| {
                let is_idle = !std::mem::take(&mut resident.used);
                is_idle && resident.written_by <= committed && !stays(&resident.address())
            };
            let gone: Vec<_> = residents.extract_if(.., goes).collect();
            if residents.is_empty() {
                self.residents.remove(&hash);
            }
            probe::sometimes!(PutOut, !gone.is_empty());
            self.count -= gone.len();
            let forgotten = gone.iter().filter(|it| durability(it.kind) == Durability::Ephemeral);
            for resident in forgotten {
                let prefix = crate::storage::entity_prefix(&resident.address());
                self.ephemeral.retain(|key, _| !key.starts_with(&prefix));
            }
        }
    }

    /// The hash behind the hand, or the first one of all.
    fn next_in_turn(&mut self) -> Option<u64> {
        let behind = (Bound::Excluded(self.hand), Bound::Unbounded);
        let mut turn = self.residents.range(behind).chain(self.residents.range(..));
        self.hand = *turn.next()?.0;
        Some(self.hand)
    }
}

impl Resident {
    fn address(&self) -> Address {
        Address { kind: self.kind, key: self.key.to_vec() }
    }
}

fn find<'a>(residents: &'a mut [Resident], address: &Address) -> Option<&'a mut Resident> {
    residents.iter_mut().find(|it| it.kind == address.kind && *it.key == *address.key)
}

//! The key of every stored row.
//!
//! | key                                                        | row                            |
//! |------------------------------------------------------------|--------------------------------|
//! | slot, kind, key length, key, [`entity::transaction::Part`], ... | head, rows, streams of an entity |
//! | slot, 0, [`Class`], ...                                    | what the executor keeps for the entities of a slot |
//! | 65535, 0, [`Class`], ...                                   | what the executor keeps for the shard |
//! | 65535, 0, [`Class`], slot, ...                             | the same, and has in memory, for the entities of a slot |
//!
//! All numbers are big-endian, so that keys sort as they do. Everything about an entity begins with
//! its slot, or follows it behind a class: a shard can be split without rewriting a row. What has to be in
//! memory of a shard stands together: whoever takes over reads one range, and no entity.

use bytes::Bytes;
use entity::kind::Offset;
use entity::transaction::{Order, Part, Range};
use entity::{Address, Id, Key, Time};

use crate::slots::{ShardId, Slot};
use crate::stream::StreamId;

/// What the executor itself keeps. What has to be in memory is read in the order of the numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Class {
    /// Reply under an `Idempotency-Key`: account, key.
    ReplyOutside = 1,
    /// The same by age: time, account, key.
    ReplyAge = 2,
    /// How many an account has: account.
    ReplyCount = 3,
    /// An envelope that is not acknowledged: receiver, number. In memory.
    Outbox = 16,
    /// Number of the last envelope sent: receiver. In memory, behind the envelopes.
    LinkOut = 17,
    /// Number of the last envelope handled, and how much of the next: sender. In memory.
    LinkIn = 18,
    /// Up to which number a sender of ours knows the answers: sender. In memory.
    Acknowledged = 19,
    /// Counters for operators. In memory.
    Counters = 20,
    /// Reply to a command of ours: slot, sender, number. In memory, behind what is acknowledged of them.
    ReplyInside = 21,
    /// Wake-up: slot, time, id. In memory.
    WakeUp = 22,
    /// An entity that waits for an operator: slot, kind, key. In memory.
    Quarantine = 23,
    /// A message that was not handled: id. Kept by the shard, so that operators find all in one place.
    DeadLetter = 32,
}

/// Behind every slot.
const SHARD: u16 = u16::MAX;

/// Kind 0 is no kind.
const EXECUTOR: u16 = 0;

/// Slot, kind and length of the key.
const ENTITY_PREFIX_BYTES: usize = 5;

/// What all keys of an entity begin with.
pub fn entity_prefix(address: &Address) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(ENTITY_PREFIX_BYTES + address.key.len() + 1);
    prefix.extend_from_slice(&Slot::of(&address.key).0.to_be_bytes());
    prefix.extend_from_slice(&address.kind.to_be_bytes());
    prefix.push(u8::try_from(address.key.len()).expect("checked when the command arrived"));
    prefix.extend_from_slice(&address.key);
    prefix
}

/// Key of an entity's head.
pub fn head(address: &Address) -> Bytes {
    let mut key = entity_prefix(address);
    key.push(Part::Head as u8);
    key.into()
}

/// Key of the row that says how long a stream is.
pub fn stream_length(of: &StreamId) -> Bytes {
    join(&entity_prefix(&of.entity), &[Part::Stream as u8, of.stream])
}

/// The items of a stream, from one on.
pub fn stream_items(of: &StreamId, from: Offset, limit: usize) -> Range {
    let item = |offset: Offset| {
        let mut key = entity_prefix(&of.entity);
        key.extend([Part::Item as u8, of.stream]);
        offset.encode(&mut key);
        key
    };
    Range { from: item(from), to: item(Offset::MAX), order: Order::Up, limit }
}

/// Position of an item, by its key.
pub fn stream_offset(key: &[u8]) -> Option<Offset> {
    let start = key.len().checked_sub(size_of::<u64>())?;
    Offset::from_bytes(&key[start..])
}

/// A key that begins with `prefix` and goes on with `rest`.
pub fn join(prefix: &[u8], rest: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(prefix.len() + rest.len());
    key.extend_from_slice(prefix);
    key.extend_from_slice(rest);
    key.into()
}

/// A range of an entity's keys, as a range of the shard's.
pub fn join_range(prefix: &[u8], range: &Range) -> Range {
    let Range { from, to, order, limit } = range;
    let (from, to) = (join(prefix, from).to_vec(), join(prefix, to).to_vec());
    Range { from, to, order: *order, limit: *limit }
}

/// What most keys of the executor's own need: slot, sender and number behind the class.
const CLASS_KEY_BYTES: usize = 23;

fn class_key(slot: u16, class: Class, rest: &impl Key) -> Bytes {
    let mut key = Vec::with_capacity(CLASS_KEY_BYTES);
    (slot, EXECUTOR).encode(&mut key);
    key.push(class as u8);
    rest.encode(&mut key);
    key.into()
}

/// Key of a [`Class::ReplyInside`].
pub fn reply_inside(slot: Slot, sender: u64, number: u64) -> Bytes {
    class_key(SHARD, Class::ReplyInside, &(slot.0, (sender, number)))
}

/// Key of a [`Class::WakeUp`].
pub fn wake_up(slot: Slot, at: Time, id: Id) -> Bytes {
    class_key(SHARD, Class::WakeUp, &(slot.0, (at, id)))
}

/// When a wake-up is due, by its key.
pub fn wake_up_at(key: &[u8]) -> Option<Time> {
    <(u16, (Time, Id))>::from_bytes(key.get(5..)?).map(|(_, (at, _))| at)
}

/// Key of a [`Class::Quarantine`].
pub fn quarantine(address: &Address) -> Bytes {
    let slot = Slot::of(&address.key);
    join(&class_key(SHARD, Class::Quarantine, &(slot.0, address.kind)), &address.key)
}

/// Key of a [`Class::ReplyOutside`].
pub fn reply_outside(slot: Slot, account: Id, key: &str) -> Bytes {
    class_key(slot.0, Class::ReplyOutside, &(account, key.to_owned()))
}

/// Key of a [`Class::ReplyAge`].
pub fn reply_age(slot: Slot, at: Time, account: Id, key: &str) -> Bytes {
    class_key(slot.0, Class::ReplyAge, &(at, (account, key.to_owned())))
}

/// When, by whom and under which key, by the key of a [`Class::ReplyAge`].
pub fn reply_age_of(key: &[u8]) -> Option<(Time, (Id, String))> {
    Key::from_bytes(key.get(5..)?)
}

/// Key of a [`Class::ReplyCount`].
pub fn reply_count(slot: Slot, account: Id) -> Bytes {
    class_key(slot.0, Class::ReplyCount, &account)
}

/// Key of a [`Class::DeadLetter`].
pub fn dead_letter(id: Id) -> Bytes {
    class_key(SHARD, Class::DeadLetter, &id)
}

/// The id, by the key of a [`Class::DeadLetter`].
pub fn dead_letter_of(key: &[u8]) -> Option<Id> {
    Id::from_bytes(key.get(5..)?)
}

/// Dead letters behind `after`, oldest first.
pub fn dead_letters(after: Id, limit: usize) -> Range {
    let from = dead_letter(Id(after.0.saturating_add(1))).to_vec();
    Range { from, to: dead_letter(Id::MAX).to_vec(), order: Order::Up, limit }
}

/// Key of a [`Class::Outbox`].
pub fn outbox(to: ShardId, number: u64) -> Bytes {
    class_key(SHARD, Class::Outbox, &(to.0, number))
}

/// Receiver and number, by the key of a [`Class::Outbox`].
pub fn outbox_of(key: &[u8]) -> Option<(ShardId, u64)> {
    <(u32, u64)>::from_bytes(key.get(5..)?).map(|(to, number)| (ShardId(to), number))
}

/// Key of a [`Class::LinkOut`].
pub fn link_out(to: ShardId) -> Bytes {
    class_key(SHARD, Class::LinkOut, &to.0)
}

/// Key of a [`Class::LinkIn`].
pub fn link_in(from: ShardId) -> Bytes {
    class_key(SHARD, Class::LinkIn, &from.0)
}

/// The shard, by the key of a [`Class::LinkOut`] or a [`Class::LinkIn`].
pub fn link_of(key: &[u8]) -> Option<ShardId> {
    u32::from_bytes(key.get(5..)?).map(ShardId)
}

/// Key of a [`Class::Acknowledged`].
pub fn acknowledged(sender: u64) -> Bytes {
    class_key(SHARD, Class::Acknowledged, &sender)
}

/// The sender, by the key of a [`Class::Acknowledged`].
pub fn acknowledged_of(key: &[u8]) -> Option<u64> {
    u64::from_bytes(key.get(5..)?)
}

/// Slot, sender and number, by the key of a [`Class::ReplyInside`].
pub fn reply_inside_of(key: &[u8]) -> Option<(Slot, (u64, u64))> {
    <(u16, (u64, u64))>::from_bytes(key.get(5..)?).map(|(slot, name)| (Slot(slot), name))
}

/// Key of [`Class::Counters`].
pub fn counters() -> Bytes {
    class_key(SHARD, Class::Counters, &())
}

/// First key and end of what has to be in memory: all that stands with the shard, but dead letters.
pub fn in_memory() -> (Bytes, Bytes) {
    (class_key(SHARD, Class::Outbox, &()), class_key(SHARD, Class::DeadLetter, &()))
}

/// The oldest replies under an `Idempotency-Key` of a slot.
pub fn oldest_replies(slot: Slot, limit: usize) -> Range {
    let from = class_key(slot.0, Class::ReplyAge, &()).to_vec();
    let to = class_key(slot.0, Class::ReplyCount, &()).to_vec();
    Range { from, to, order: Order::Up, limit }
}

/// The class of a row by its key, if the executor itself keeps it.
pub fn class_of(key: &[u8]) -> Option<u8> {
    let (_, kind) = <(u16, u16)>::from_bytes(key.get(..4)?)?;
    key.get(4).copied().filter(|_| kind == EXECUTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_in_memory_stands_together() {
        let (slot, at, id) = (Slot(7), Time::default(), Id(9));
        let address = Address { kind: 3, key: vec![1, 2] };
        let inside = [
            outbox(ShardId(1), 1),
            link_out(ShardId(1)),
            link_in(ShardId(1)),
            acknowledged(4),
            counters(),
            reply_inside(slot, 4, 1),
            wake_up(slot, at, id),
            quarantine(&address),
        ];
        let outside = [
            head(&address),
            reply_outside(slot, id, "key"),
            reply_age(slot, at, id, "key"),
            reply_count(slot, id),
            dead_letter(id),
        ];
        let (first, end) = in_memory();
        assert!(inside.iter().all(|key| (&first..&end).contains(&key)));
        assert!(!outside.iter().any(|key| (&first..&end).contains(&key)));
        assert!(inside.is_sorted(), "replies come behind what is acknowledged of them");
    }
}

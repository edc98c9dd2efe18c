//! The key of every stored row.
//!
//! | key                                                        | row                            |
//! |------------------------------------------------------------|--------------------------------|
//! | slot, kind, key length, key, [`entity::transaction::Part`], ... | head, rows, streams of an entity |
//! | slot, 0, [`Class`], ...                                    | what the executor keeps for the entities of a slot |
//! | 65535, 0, [`Class`], ...                                   | what the executor keeps for the shard |
//!
//! All numbers are big-endian, so that keys sort as they do. Everything about an entity begins with
//! its slot: a shard can be split without rewriting a row.

use bytes::Bytes;
use entity::kind::Offset;
use entity::transaction::{Order, Part, Range};
use entity::{Address, Id, Key, Time};

use crate::slots::{ShardId, Slot};
use crate::stream::StreamId;

/// What the executor itself keeps. The classes that are read whole when a shard is taken over stand
/// next to each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Class {
    /// Reply to a command of ours: sender, number.
    ReplyInside = 1,
    /// Wake-up: time, id.
    WakeUp = 2,
    /// An entity that waits for an operator: kind, key.
    Quarantine = 3,
    /// Reply under an `Idempotency-Key`: account, key.
    ReplyOutside = 4,
    /// The same by age: time, account, key.
    ReplyAge = 5,
    /// How many an account has: account.
    ReplyCount = 6,
    /// An envelope that is not acknowledged: receiver, number.
    Outbox = 16,
    /// Number of the last envelope sent: receiver.
    LinkOut = 17,
    /// Number of the last envelope handled, and how much of the next: sender.
    LinkIn = 18,
    /// Up to which number a sender of ours knows the answers: sender.
    Acknowledged = 19,
    /// Counters for operators.
    Counters = 20,
    /// A message that was not handled: id. Kept by the shard, so that operators find all in one place.
    DeadLetter = 21,
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

/// What most keys of the executor's own need: sender and number behind the class.
const CLASS_KEY_BYTES: usize = 21;

fn class_key(slot: u16, class: Class, rest: &impl Key) -> Bytes {
    let mut key = Vec::with_capacity(CLASS_KEY_BYTES);
    (slot, EXECUTOR).encode(&mut key);
    key.push(class as u8);
    rest.encode(&mut key);
    key.into()
}

/// Key of a [`Class::ReplyInside`].
pub fn reply_inside(slot: Slot, sender: u64, number: u64) -> Bytes {
    class_key(slot.0, Class::ReplyInside, &(sender, number))
}

/// Key of a [`Class::WakeUp`].
pub fn wake_up(slot: Slot, at: Time, id: Id) -> Bytes {
    class_key(slot.0, Class::WakeUp, &(at, id))
}

/// When a wake-up is due, by its key.
pub fn wake_up_at(key: &[u8]) -> Option<Time> {
    <(Time, Id)>::from_bytes(key.get(5..)?).map(|(at, _)| at)
}

/// Key of a [`Class::Quarantine`].
pub fn quarantine(address: &Address) -> Bytes {
    let slot = Slot::of(&address.key);
    join(&class_key(slot.0, Class::Quarantine, &address.kind), &address.key)
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

/// Sender and number, by the key of a [`Class::ReplyInside`].
pub fn reply_inside_of(key: &[u8]) -> Option<(Slot, (u64, u64))> {
    let (slot, _) = <(u16, u16)>::from_bytes(key.get(..4)?)?;
    Some((Slot(slot), Key::from_bytes(key.get(5..)?)?))
}

/// Key of [`Class::Counters`].
pub fn counters() -> Bytes {
    class_key(SHARD, Class::Counters, &())
}

/// First key and end of what has to be in memory of the shard itself: all but dead letters.
pub fn shard_rows() -> (Bytes, Bytes) {
    (class_key(SHARD, Class::Outbox, &()), class_key(SHARD, Class::DeadLetter, &()))
}

/// First key and end of what has to be in memory of a slot: replies to commands of ours, wake-ups,
/// quarantines.
pub fn slot_rows(slot: Slot) -> (Bytes, Bytes) {
    let first = class_key(slot.0, Class::ReplyInside, &());
    (first, class_key(slot.0, Class::ReplyOutside, &()))
}

/// Behind the rows of all slots.
pub fn slots_end() -> Bytes {
    class_key(SHARD, Class::ReplyInside, &())
}

/// The oldest replies under an `Idempotency-Key` of a slot.
pub fn oldest_replies(slot: Slot, limit: usize) -> Range {
    let from = class_key(slot.0, Class::ReplyAge, &()).to_vec();
    let to = class_key(slot.0, Class::ReplyCount, &()).to_vec();
    Range { from, to, order: Order::Up, limit }
}

/// The slot of a key, and the class if the executor itself keeps the row.
pub fn slot_and_class(key: &[u8]) -> Option<(Slot, Option<u8>)> {
    let (slot, kind) = <(u16, u16)>::from_bytes(key.get(..4)?)?;
    let class = if kind == EXECUTOR { Some(*key.get(4)?) } else { None };
    Some((Slot(slot), class))
}

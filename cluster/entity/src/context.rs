//! What a handler may know and do besides changing its own state.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::data::encode_exactly;
use crate::kind::{Entity, Kind, Offset, Stream, Table};
use crate::transaction::{Order, Part, Transaction};
use crate::{Caller, Command, Data, Id, Key, Release, Setting, Time};

/// The world as a handler sees it: one transaction on one entity.
///
/// A row that is not in memory unwinds the handler; it runs again once the row is there. A limit of
/// [`crate::limits`] that is reached unwinds it too, and refuses the command.
pub struct Context<'a, E> {
    transaction: Transaction<'a>,
    entity: PhantomData<fn(E)>,
}

/// The key type of an entity.
pub type KeyOf<E> = <<E as Entity>::Kind as Kind>::Key;

impl<'a, E: Entity> Context<'a, E> {
    /// Gives a transaction its types back.
    pub fn new(transaction: Transaction<'a>) -> Self {
        Self { transaction, entity: PhantomData }
    }

    /// What layouts may be written.
    pub(crate) fn release(&self) -> Release {
        self.transaction.release()
    }

    /// The key of this entity.
    pub fn key(&self) -> KeyOf<E> {
        KeyOf::<E>::from_bytes(self.transaction.key()).expect("checked when the command arrived")
    }

    /// The time of the record that this command becomes part of.
    pub fn now(&self) -> Time {
        self.transaction.now()
    }

    /// An id that nothing else has, or ever gets.
    pub fn id(&mut self) -> Id {
        self.transaction.id()
    }

    /// 64 random bits. Not for secrets: those are made at the edge.
    pub fn entropy(&mut self) -> u64 {
        self.transaction.entropy()
    }

    /// Who sent the command.
    pub fn caller(&self) -> &Caller {
        self.transaction.caller()
    }

    /// A number that an operator may have changed.
    pub fn setting<S: Setting>(&self) -> u64 {
        self.transaction.settings().get::<S>()
    }

    /// Reads a row, this transaction's writes included.
    pub fn get<T: Table>(&self, key: &T::Key) -> Option<T::Row> {
        let row = self.transaction.get(&part_key(Part::Row, T::TAG, key))?;
        Some(T::Row::decode(&row).expect("rows are checked when they are written"))
    }

    /// Writes a row, replacing the one with the same key.
    pub fn put<T: Table>(&mut self, key: &T::Key, row: &T::Row) {
        let bytes = encode(row, &self.transaction);
        self.transaction.put(part_key(Part::Row, T::TAG, key), Some(bytes));
    }

    /// Removes a row. Removing one that is not there changes nothing.
    pub fn remove<T: Table>(&mut self, key: &T::Key) {
        self.transaction.put(part_key(Part::Row, T::TAG, key), None);
    }

    /// Reads rows in the order of their keys, from `from` on, at most `limit` of them
    /// ([`crate::limits::SCAN_ROWS_MAX`] at most), this transaction's writes included.
    pub fn scan<T: Table>(&self, from: &T::Key, limit: usize) -> Vec<(T::Key, T::Row)> {
        let from = part_key(Part::Row, T::TAG, from);
        let rows = self.transaction.scan(from, table_end(Part::Row, T::TAG), Order::Up, limit);
        rows.iter().map(|(key, row)| decode_row::<T>(key, row)).collect()
    }

    /// Reads all rows in the order of their keys, at most `limit` of them.
    pub fn scan_all<T: Table>(&self, limit: usize) -> Vec<(T::Key, T::Row)> {
        let from = vec![Part::Row as u8, T::TAG];
        let rows = self.transaction.scan(from, table_end(Part::Row, T::TAG), Order::Up, limit);
        rows.iter().map(|(key, row)| decode_row::<T>(key, row)).collect()
    }

    /// Reads rows in the reverse order of their keys, beginning before `before`, at most `limit`.
    pub fn scan_back<T: Table>(&self, before: &T::Key, limit: usize) -> Vec<(T::Key, T::Row)> {
        let from = vec![Part::Row as u8, T::TAG];
        let before = part_key(Part::Row, T::TAG, before);
        let rows = self.transaction.scan(from, before, Order::Down, limit);
        rows.iter().map(|(key, row)| decode_row::<T>(key, row)).collect()
    }

    /// Appends to a stream; followers see the item once it has committed.
    pub fn append<S: Stream>(&mut self, item: &S::Item) -> Offset {
        let bytes = encode(item, &self.transaction);
        self.transaction.append(S::TAG, S::ITEMS_MAX, bytes)
    }

    /// Position of a stream's last item, 0 when nothing was ever appended.
    pub fn last<S: Stream>(&self) -> Offset {
        self.transaction.last(S::TAG)
    }

    /// Reads a stream forwards, beginning with `from`, at most `limit` items.
    pub fn read<S: Stream>(&self, from: Offset, limit: usize) -> Vec<(Offset, S::Item)> {
        let from = part_key(Part::Item, S::TAG, &from);
        let items = self.transaction.scan(from, table_end(Part::Item, S::TAG), Order::Up, limit);
        items.iter().map(|(key, item)| decode_item::<S>(key, item)).collect()
    }

    /// Reads a stream backwards, beginning before `before`, at most `limit` items.
    pub fn read_back<S: Stream>(&self, before: Offset, limit: usize) -> Vec<(Offset, S::Item)> {
        let from = vec![Part::Item as u8, S::TAG];
        let before = part_key(Part::Item, S::TAG, &before);
        let items = self.transaction.scan(from, before, Order::Down, limit);
        items.iter().map(|(key, item)| decode_item::<S>(key, item)).collect()
    }

    /// Sends `command` to another entity, if and once this transaction commits. It is handled exactly
    /// once, in the order of sending; a refusal makes it a dead letter.
    pub fn send<C: Command>(&mut self, to: &<C::Kind as Kind>::Key, command: &C) {
        self.send_many([to.clone()], command);
    }

    /// Sends the same `command` to many entities: one envelope for each shard among them.
    pub fn send_many<C: Command>(
        &mut self,
        to: impl IntoIterator<Item = <C::Kind as Kind>::Key>,
        command: &C,
    ) {
        let body = encode(command, &self.transaction);
        let targets = to.into_iter().map(|key| key.to_bytes());
        self.transaction.send((C::Kind::TAG, C::TAG), body, targets, None);
    }

    /// As [`Context::send`]; when `command` is refused, `refused` comes back to this entity, and no
    /// dead letter is written.
    pub fn send_or<C: Command, R: Command<Kind = E::Kind>>(
        &mut self,
        to: &<C::Kind as Kind>::Key,
        command: &C,
        refused: &R,
    ) {
        let body = encode(command, &self.transaction);
        let refused = (R::TAG, encode(refused, &self.transaction));
        self.transaction.send(
            (C::Kind::TAG, C::TAG),
            body,
            [to.to_bytes()].into_iter(),
            Some(refused),
        );
    }

    /// Sends `command` to this entity at time `at`, or as soon after it as can be.
    ///
    /// Wake-ups are never cancelled: state carries the deadline, a wake-up only asks to look again.
    pub fn wake_at<C: Command<Kind = E::Kind>>(&mut self, at: Time, command: &C) {
        let body = encode(command, &self.transaction);
        self.transaction.wake_at(at, C::TAG, body);
    }
}

fn encode<D: Data>(value: &D, transaction: &Transaction<'_>) -> Bytes {
    encode_exactly(value, transaction.release())
}

fn part_key<K: Key>(part: Part, tag: u8, key: &K) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24);
    bytes.extend_from_slice(&[part as u8, tag]);
    key.encode(&mut bytes);
    bytes
}

/// Where the rows of a table end: before the next tag.
fn table_end(part: Part, tag: u8) -> Vec<u8> {
    match tag.checked_add(1) {
        Some(next) => vec![part as u8, next],
        None => vec![part as u8 + 1],
    }
}

fn decode_row<T: Table>(key: &[u8], row: &[u8]) -> (T::Key, T::Row) {
    let key = T::Key::from_bytes(&key[2..]).expect("keys are encoded by their table");
    (key, T::Row::decode(row).expect("rows are checked when they are written"))
}

fn decode_item<S: Stream>(key: &[u8], item: &[u8]) -> (Offset, S::Item) {
    let offset = Offset::from_bytes(&key[2..]).expect("offsets are written by `append`");
    (offset, S::Item::decode(item).expect("items are checked when they are written"))
}

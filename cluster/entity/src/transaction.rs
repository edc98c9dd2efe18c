//! One run of a handler with its types forgotten: what it reads, what it did, where it must stop.

use std::collections::BTreeMap;
use std::panic::resume_unwind;

use bytes::Bytes;

use crate::key::Key;
use crate::kind::Offset;
use crate::limits::{
    BODY_BYTES_MAX, EFFECTS_BYTES_MAX, ENTITY_KEY_BYTES_MAX, MESSAGES_MAX, ROW_BYTES_MAX,
    ROW_KEY_BYTES_MAX, ROWS_WRITTEN_MAX, SCAN_ROWS_MAX, WAKE_UPS_MAX,
};
use crate::setting::Settings;
use crate::{Caller, Durability, Id, ProblemClass, Release, Time};

/// First byte of an entity's own keys: which part of it they name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Part {
    /// The head; nothing follows.
    Head = 0,
    /// A row: table tag, key.
    Row = 1,
    /// How long a stream is: stream tag.
    Stream = 2,
    /// An item of a stream: stream tag, offset.
    Item = 3,
}

/// The rows of one entity, as they are before the transaction. Keys begin with a [`Part`].
pub trait State {
    /// Reads one row.
    fn get(&self, key: &[u8]) -> Read<Option<Bytes>>;
    /// Reads the rows of a range.
    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>>;
}

/// What a read yields.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Read<T> {
    /// What is there.
    Ready(T),
    /// It is not in memory: fetch it, then run again.
    Miss,
}

/// Rows in a range of keys.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Range {
    /// First key.
    pub from: Vec<u8>,
    /// Before this key.
    pub to: Vec<u8>,
    /// From which end.
    pub order: Order,
    /// Most rows.
    pub limit: usize,
}

/// From which end a range is read.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Order {
    /// Smallest key first.
    Up,
    /// Largest key first.
    Down,
}

/// Why a handler was unwound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Halt {
    /// This is not in memory.
    Miss(Want),
    /// A limit was reached.
    Limit(Limit),
}

/// What is to be fetched. Keys begin with a [`Part`].
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Want {
    /// One row.
    Row(Vec<u8>),
    /// The rows of a range.
    Rows(Range),
}

/// A limit of [`crate::limits`] that one command reached. It changes nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// [`crate::limits::HEAD_BYTES_MAX`]
    HeadBytes,
    /// [`ROW_BYTES_MAX`]
    RowBytes,
    /// [`ROW_KEY_BYTES_MAX`]
    RowKeyBytes,
    /// [`ENTITY_KEY_BYTES_MAX`], of the receiver of a message.
    EntityKeyBytes,
    /// [`ROWS_WRITTEN_MAX`]
    RowsWritten,
    /// [`MESSAGES_MAX`]
    Messages,
    /// [`WAKE_UPS_MAX`]
    WakeUps,
    /// [`EFFECTS_BYTES_MAX`]
    EffectsBytes,
    /// [`BODY_BYTES_MAX`], of a message or wake-up.
    BodyBytes,
    /// [`crate::limits::REPLY_BYTES_MAX`], or [`crate::limits::ANSWER_BYTES_MAX`] of a query.
    ReplyBytes,
    /// A stream or wake-up of an ephemeral entity, which cannot keep them.
    Ephemeral,
}

impl Limit {
    /// What the caller is told.
    pub fn class(self) -> ProblemClass {
        let code = match self {
            Self::HeadBytes => "head_too_large",
            Self::RowBytes => "row_too_large",
            Self::RowKeyBytes => "row_key_too_large",
            Self::EntityKeyBytes => "entity_key_too_large",
            Self::RowsWritten => "too_many_rows",
            Self::Messages => "too_many_messages",
            Self::WakeUps => "too_many_wake_ups",
            Self::EffectsBytes => "effects_too_large",
            Self::BodyBytes => "message_too_large",
            Self::ReplyBytes => "reply_too_large",
            Self::Ephemeral => "ephemeral_cannot_keep",
        };
        ProblemClass { status: 413, code }
    }
}

/// What surrounds a transaction and does not change during it.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The encoded key of the entity.
    pub key: &'a [u8],
    /// Whether the entity's state is committed.
    pub durability: Durability,
    /// Who sent the command.
    pub caller: &'a Caller,
    /// Time of the record.
    pub now: Time,
    /// The shard, for ids.
    pub shard: u32,
    /// What layouts may be written.
    pub release: Release,
    /// What an operator changed.
    pub settings: &'a Settings,
    /// The rows before the transaction.
    pub state: &'a dyn State,
}

/// What a handler did besides changing its own head.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Rows written, and `None` for those removed. Keys begin with a [`Part`].
    pub rows: BTreeMap<Vec<u8>, Option<Bytes>>,
    /// Messages in the order of sending.
    pub messages: Vec<Message>,
    /// Wake-ups in the order of setting.
    pub wake_ups: Vec<WakeUp>,
    /// Stream items appended: stream tag, offset, item.
    pub appended: Vec<(u8, Offset, Bytes)>,
    /// How many ids the record has given out, those of earlier commands included.
    pub ids: u32,
    /// State of the random numbers.
    pub chance: u64,
    /// What all of this takes in a record, in bytes, roughly.
    pub bytes: usize,
}

/// One command to one or many entities of a kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Kind of the receivers.
    pub kind: u16,
    /// Which command.
    pub command: u16,
    /// The encoded command.
    pub body: Bytes,
    /// Encoded keys of the receivers.
    pub targets: Vec<Vec<u8>>,
    /// What comes back on a refusal instead of a dead letter: command and body.
    pub refused: Option<(u16, Bytes)>,
}

/// A command to oneself, later.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WakeUp {
    /// Not before.
    pub at: Time,
    /// Which command.
    pub command: u16,
    /// The encoded command.
    pub body: Bytes,
}

/// One run of a handler.
pub struct Transaction<'a> {
    scope: &'a Scope<'a>,
    effects: &'a mut Effects,
}

impl<'a> Transaction<'a> {
    /// Begins a run that notes in `effects` what it does.
    pub fn new(scope: &'a Scope<'a>, effects: &'a mut Effects) -> Self {
        Self { scope, effects }
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.scope.key
    }

    pub(crate) fn now(&self) -> Time {
        self.scope.now
    }

    pub(crate) fn caller(&self) -> &Caller {
        self.scope.caller
    }

    pub(crate) fn release(&self) -> Release {
        self.scope.release
    }

    pub(crate) fn settings(&self) -> &Settings {
        self.scope.settings
    }

    pub(crate) fn id(&mut self) -> Id {
        self.effects.ids += 1;
        Id::of_record(self.scope.now, self.scope.shard, self.effects.ids)
    }

    /// The next number of a split-mix generator.
    pub(crate) fn entropy(&mut self) -> u64 {
        self.effects.chance = self.effects.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.effects.chance;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Bytes> {
        if let Some(written) = self.effects.rows.get(key) {
            return written.clone();
        }
        match self.scope.state.get(key) {
            Read::Ready(row) => row,
            Read::Miss => halt(Halt::Miss(Want::Row(key.to_vec()))),
        }
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, row: Option<Bytes>) {
        stop_above(ROW_KEY_BYTES_MAX, key.len() - 2, Limit::RowKeyBytes);
        stop_above(ROW_BYTES_MAX, row.as_ref().map_or(0, Bytes::len), Limit::RowBytes);
        stop_above(ROWS_WRITTEN_MAX, self.effects.rows.len() + 1, Limit::RowsWritten);
        self.charge(self.scope.key.len() + key.len() + row.as_ref().map_or(0, Bytes::len));
        self.effects.rows.insert(key, row);
    }

    pub(crate) fn scan(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
        order: Order,
        limit: usize,
    ) -> Vec<(Bytes, Bytes)> {
        let limit = limit.min(SCAN_ROWS_MAX);
        if from >= to || limit == 0 {
            return Vec::new();
        }
        let written: Vec<_> = self.effects.rows.range(from.clone()..to.clone()).collect();
        // A row removed here may hide one that is there: ask for as many more.
        let range = Range { from, to, order, limit: limit + written.len() };
        match self.scope.state.scan(&range) {
            Read::Ready(rows) => {
                let written = written.into_iter().map(|(key, row)| (&key[..], row.as_ref()));
                overlay(rows, written, order, limit)
            }
            Read::Miss => halt(Halt::Miss(Want::Rows(range))),
        }
    }

    pub(crate) fn last(&self, stream: u8) -> Offset {
        let bytes = self.get(&[Part::Stream as u8, stream]);
        bytes.map_or(Offset(0), |bytes| {
            Offset::from_bytes(&bytes).expect("written by `append`, nobody else")
        })
    }

    pub(crate) fn append(&mut self, stream: u8, items_max: u64, item: Bytes) -> Offset {
        self.stop_if_ephemeral();
        let offset = Offset(self.last(stream).0 + 1);
        self.put(vec![Part::Stream as u8, stream], Some(offset.to_bytes().into()));
        self.put(item_key(stream, offset), Some(item.clone()));
        if let Some(oldest) = offset.0.checked_sub(items_max).filter(|oldest| *oldest > 0) {
            self.put(item_key(stream, Offset(oldest)), None);
        }
        self.effects.appended.push((stream, offset, item));
        offset
    }

    pub(crate) fn send(
        &mut self,
        (kind, command): (u16, u16),
        body: Bytes,
        targets: impl Iterator<Item = Vec<u8>>,
        refused: Option<(u16, Bytes)>,
    ) {
        stop_above(BODY_BYTES_MAX, body.len(), Limit::BodyBytes);
        let mut sent: usize = self.effects.messages.iter().map(|it| it.targets.len()).sum();
        // Each shard among the targets gets the body once more, and who knows how many there are.
        let bytes = body.len() + refused.as_ref().map_or(0, |(_, body)| body.len());
        let mut message = Message { kind, command, body, targets: Vec::new(), refused };
        for target in targets {
            sent += 1;
            stop_above(MESSAGES_MAX, sent, Limit::Messages);
            stop_above(ENTITY_KEY_BYTES_MAX, target.len(), Limit::EntityKeyBytes);
            self.charge(target.len() + bytes);
            message.targets.push(target);
        }
        if !message.targets.is_empty() {
            self.effects.messages.push(message);
        }
    }

    pub(crate) fn wake_at(&mut self, at: Time, command: u16, body: Bytes) {
        self.stop_if_ephemeral();
        stop_above(BODY_BYTES_MAX, body.len(), Limit::BodyBytes);
        stop_above(WAKE_UPS_MAX, self.effects.wake_ups.len() + 1, Limit::WakeUps);
        self.charge(self.scope.key.len() + body.len());
        self.effects.wake_ups.push(WakeUp { at, command, body });
    }

    fn charge(&mut self, bytes: usize) {
        self.effects.bytes += bytes + EFFECT_BYTES;
        stop_above(EFFECTS_BYTES_MAX, self.effects.bytes, Limit::EffectsBytes);
    }

    fn stop_if_ephemeral(&self) {
        if self.scope.durability == Durability::Ephemeral {
            halt(Halt::Limit(Limit::Ephemeral));
        }
    }
}

/// What an effect takes in a record besides its key and value, in bytes, rounded up.
const EFFECT_BYTES: usize = 48;

fn item_key(stream: u8, offset: Offset) -> Vec<u8> {
    let mut key = vec![Part::Item as u8, stream];
    offset.encode(&mut key);
    key
}

fn stop_above(limit: usize, value: usize, which: Limit) {
    if value > limit {
        halt(Halt::Limit(which));
    }
}

/// Unwinds the handler. Not a panic: no hook runs, nothing is printed.
fn halt(why: Halt) -> ! {
    resume_unwind(Box::new(why))
}

/// Lays newer rows over those of a base: `None` hides a row. Both are in key order.
pub fn overlay<'a>(
    base: Vec<(Bytes, Bytes)>,
    newer: impl Iterator<Item = (&'a [u8], Option<&'a Bytes>)>,
    order: Order,
    limit: usize,
) -> Vec<(Bytes, Bytes)> {
    let mut newer = newer.peekable();
    if newer.peek().is_none() {
        let mut rows = base;
        rows.truncate(limit);
        return rows;
    }
    let mut rows: BTreeMap<Bytes, Bytes> = base.into_iter().collect();
    for (key, row) in newer {
        match row {
            Some(row) => rows.insert(Bytes::copy_from_slice(key), row.clone()),
            None => rows.remove(key),
        };
    }
    match order {
        Order::Up => rows.into_iter().take(limit).collect(),
        Order::Down => rows.into_iter().rev().take(limit).collect(),
    }
}

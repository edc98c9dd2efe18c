//! What nodes of a simulation say to each other, and what must hold of what they hear.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use cluster::transport::Class;
use raft::shared::Shared;

/// What a node has said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Word {
    pub(super) from: u32,
    /// Grows whenever a node begins anew.
    pub(super) life: u64,
    pub(super) class: Class,
    /// Grows with every word of a class to the same node.
    pub(super) number: u64,
}

/// Bytes of the shortest word.
const WORD_BYTES: usize = 17;

impl Word {
    /// The word as a message of so many bytes, or a few more.
    pub(super) fn message(self, bytes: usize) -> Bytes {
        let mut message = BytesMut::with_capacity(bytes);
        message.put_u64(self.life);
        message.put_u8(self.class as u8);
        message.put_u64(self.number);
        message.put_bytes(0, bytes.saturating_sub(WORD_BYTES));
        message.freeze()
    }

    fn read(from: u32, mut message: Bytes) -> Self {
        let life = message.get_u64();
        let class = Class::ALL[usize::from(message.get_u8())];
        Self { from, life, class, number: message.get_u64() }
    }
}

/// All that a node has heard, in order.
#[derive(Default)]
pub(super) struct Heard(Shared<Vec<Word>>);

impl Heard {
    pub(super) fn hear(&self, from: u32, message: Bytes) -> Word {
        let word = Word::read(from, message);
        self.0.with(|words| words.push(word));
        word
    }

    pub(super) fn has(&self, word: Word) -> bool {
        self.0.with(|words| words.contains(&word))
    }

    /// Whether it has heard this, or something that was said later.
    pub(super) fn has_since(&self, word: Word) -> bool {
        let is_since = |it: &Word| {
            let Word { from, life, class, number } = *it;
            (from, life, class) == (word.from, word.life, word.class) && number >= word.number
        };
        self.0.with(|words| words.iter().rev().any(is_since))
    }

    pub(super) fn has_from(&self, node: u32) -> bool {
        self.0.with(|words| words.iter().any(|word| word.from == node))
    }

    pub(super) fn count(&self) -> usize {
        self.0.with(|words| words.len())
    }

    /// Asserts that nothing came twice or out of order, and nothing of a former life after something of
    /// the next one.
    pub(super) fn check(&self) {
        self.check_each();
        let mut lives = BTreeMap::new();
        for word in self.0.with(|words| words.clone()) {
            let before = lives.insert(word.from, word.life);
            assert!(before.is_none_or(|before| before <= word.life), "{word:?} after {before:?}");
        }
    }

    /// Asserts that of each life nothing came twice or out of order.
    pub(super) fn check_each(&self) {
        let mut last = BTreeMap::new();
        for word in self.0.with(|words| words.clone()) {
            let before = last.insert((word.from, word.life, word.class), word.number);
            assert!(before.is_none_or(|before| before < word.number), "{word:?} after {before:?}");
        }
    }
}

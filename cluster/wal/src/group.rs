//! What readers see of a group.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, BufMut, Bytes};

use crate::record::{self, RECORD_HEADER_BYTES};
use crate::segments::{SegmentId, Segments};
use crate::shared::Shared;
use crate::{ENTRY_BYTES_MAX, GroupId, Write};

/// Where a record is: 16 bytes. In segment 0 it is in none yet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) segment: SegmentId,
    pub(crate) at: u32,
    pub(crate) length: u32,
}

/// All of a group but its entries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Small {
    pub(crate) label: Option<Bytes>,
    pub(crate) vote: Option<Bytes>,
    pub(crate) committed: Option<Bytes>,
    pub(crate) purged: Option<(u64, Bytes)>,
    /// Index of the first entry, or of the one that would be.
    pub(crate) first: u64,
    /// How many entries there are.
    pub(crate) count: u64,
}

/// A group in memory.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) small: Small,
    pub(crate) places: VecDeque<Place>,
    /// The last entries, whole; those that are in no segment yet among them.
    tail: VecDeque<Bytes>,
    tail_bytes: usize,
    /// Counts truncations: what is written late must not be taken for what stands there now.
    pub(crate) cuts: u64,
    /// What is wrong with it; nothing can be read then.
    pub(crate) damage: Option<String>,
}

/// The log of one group, for reading. Clones are the same.
#[derive(Clone, Debug)]
pub struct GroupLog {
    pub(crate) group: GroupId,
    pub(crate) state: Arc<Shared<State>>,
    pub(crate) segments: Arc<Segments>,
    /// Bytes in the tails of all groups, and how many there should be at most.
    pub(crate) tails: Arc<Tails>,
}

#[derive(Debug)]
pub(crate) struct Tails {
    pub(crate) used: AtomicUsize,
    pub(crate) max: usize,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_owned())
}

impl Small {
    /// Behind the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.count
    }

    /// Checks that a write leaves no hole and is not too long.
    pub(crate) fn check(&self, write: &Write) -> io::Result<()> {
        match write {
            Write::Append { first, entries } => {
                let is_next = *first == self.end() || self.count == 0 && self.purged.is_none();
                if first.checked_add(entries.len() as u64).is_none() {
                    return Err(invalid("an entry has an index above the last there is"));
                }
                if !entries.iter().all(|it| it.len() <= ENTRY_BYTES_MAX) {
                    return Err(invalid("an entry is longer than 4 MiB"));
                }
                if is_next { Ok(()) } else { Err(invalid("entries would leave a hole")) }
            }
            Write::Vote(bytes)
            | Write::Label(bytes)
            | Write::Committed(bytes)
            | Write::Purge { mark: bytes, .. } => {
                let is_short = bytes.len() <= ENTRY_BYTES_MAX;
                if is_short { Ok(()) } else { Err(invalid("a mark is longer than 4 MiB")) }
            }
            Write::Truncate { .. } | Write::Reset => Ok(()),
        }
    }

    /// Does what a write says.
    pub(crate) fn apply(&mut self, write: &Write) {
        match write {
            Write::Append { first, entries } => {
                if self.count == 0 {
                    self.first = *first;
                }
                self.count += entries.len() as u64;
            }
            Write::Label(label) => self.label = Some(label.clone()),
            Write::Vote(vote) => self.vote = Some(vote.clone()),
            Write::Committed(committed) => self.committed = Some(committed.clone()),
            Write::Truncate { after } => {
                let end = after.map_or(0, |it| it.saturating_add(1));
                self.count = end.saturating_sub(self.first).min(self.count);
            }
            Write::Purge { upto, mark } => {
                let next = upto.saturating_add(1);
                self.count -= next.saturating_sub(self.first).min(self.count);
                self.first = self.first.max(next);
                if self.purged.as_ref().is_none_or(|(before, _)| before <= upto) {
                    self.purged = Some((*upto, mark.clone()));
                }
            }
            Write::Reset => *self = Self::default(),
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut to = Vec::new();
        let mut put = |value: Option<&Bytes>| {
            to.put_u8(u8::from(value.is_some()));
            let value = value.map_or(&[][..], |it| &it[..]);
            to.put_u32_le(u32::try_from(value.len()).expect("bounded when it was written"));
            to.put_slice(value);
        };
        put(self.label.as_ref());
        put(self.vote.as_ref());
        put(self.committed.as_ref());
        put(self.purged.as_ref().map(|(_, mark)| mark));
        to.put_u64_le(self.purged.as_ref().map_or(0, |(index, _)| *index));
        to.put_u64_le(self.first);
        to.put_u64_le(self.count);
        to.into()
    }

    pub(crate) fn decode(mut from: Bytes) -> Option<Self> {
        let from = &mut from;
        let mut get = || -> Option<Option<Bytes>> {
            let is_there = from.try_get_u8().ok()? == 1;
            let length = usize::try_from(from.try_get_u32_le().ok()?).ok()?;
            let value = (length <= from.len()).then(|| from.split_to(length))?;
            Some(is_there.then_some(value))
        };
        let (label, vote, committed, mark) = (get()?, get()?, get()?, get()?);
        let mut number = || from.try_get_u64_le().ok();
        let (purged, first, count) = (number()?, number()?, number()?);
        first.checked_add(count)?;
        Some(Self { label, vote, committed, purged: mark.map(|mark| (purged, mark)), first, count })
    }
}

impl State {
    /// Whether a checkpoint told of entries that have not been read.
    pub(crate) fn has_missing(&self) -> bool {
        (self.places.len() as u64) < self.small.count
    }

    /// Does what a write says. Yields the places of entries that are gone.
    pub(crate) fn apply(&mut self, write: &Write) -> Vec<Place> {
        let (first, end) = (self.small.first, self.small.end());
        self.small.apply(write);
        match write {
            Write::Append { entries, .. } => {
                self.places.extend(entries.iter().map(|_| Place::default()));
                self.tail_bytes += entries.iter().map(Bytes::len).sum::<usize>();
                self.tail.extend(entries.iter().cloned());
                Vec::new()
            }
            Write::Vote(_) | Write::Label(_) | Write::Committed(_) => Vec::new(),
            Write::Truncate { .. } => self.drop_last(end - self.small.end()),
            Write::Purge { .. } => self.keep_last(self.small.count),
            Write::Reset => {
                self.damage = None;
                self.drop_last(end - first)
            }
        }
    }

    fn drop_last(&mut self, count: u64) -> Vec<Place> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.cuts += 1;
        let in_tail = self.tail.len().min(count);
        for entry in self.tail.drain(self.tail.len() - in_tail..) {
            self.tail_bytes -= entry.len();
        }
        self.places.split_off(self.places.len().saturating_sub(count)).into()
    }

    fn keep_last(&mut self, count: u64) -> Vec<Place> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        while self.tail.len() > count {
            self.pop_tail();
        }
        self.places.drain(..self.places.len().saturating_sub(count)).collect()
    }

    fn pop_tail(&mut self) -> usize {
        let bytes = self.tail.pop_front().map_or(0, |it| it.len());
        self.tail_bytes -= bytes;
        bytes
    }

    fn first_of_tail(&self) -> u64 {
        self.small.end() - self.tail.len() as u64
    }

    /// Lets go of entries that a segment has. Yields how many bytes.
    pub(crate) fn forget(&mut self, excess: usize) -> usize {
        let mut freed = 0;
        while freed < excess && !self.tail.is_empty() {
            let place = self.places[self.places.len() - self.tail.len()];
            if place.segment == 0 {
                break;
            }
            freed += self.pop_tail();
        }
        freed
    }
}

impl GroupLog {
    /// What is small of the group, if it is sound.
    pub(crate) fn small(&self) -> io::Result<Small> {
        self.state.with(|state| match &state.damage {
            Some(damage) => Err(io::Error::new(io::ErrorKind::InvalidData, damage.clone())),
            None => Ok(state.small.clone()),
        })
    }

    /// Lets readers see a write. Yields the number of truncations before it, and the places of entries that
    /// are needed no more once it is durable.
    pub(crate) fn apply(&self, write: &Write) -> (u64, Vec<Place>) {
        self.state.with(|state| {
            let before = state.tail_bytes;
            let gone = state.apply(write);
            self.tails.account(before, state.tail_bytes);
            (state.cuts, gone)
        })
    }

    /// An entry has been written to a segment.
    pub(crate) fn written(&self, index: u64, cuts: u64, place: Place) {
        let is_kept = self.state.with(|state| {
            let at = index.checked_sub(state.small.first).filter(|it| *it < state.small.count);
            let at = at.filter(|_| state.cuts == cuts);
            let Some(at) = at else { return false };
            state.places[usize::try_from(at).expect("as many as there are")] = place;
            true
        });
        if is_kept {
            self.segments.hold(place.segment);
        }
    }

    /// Keeps the tails of all groups below what they should have.
    pub(crate) fn trim(&self) {
        let used = self.tails.used.load(Ordering::Relaxed);
        let max = if probe::buggify!(TailForgotten) { 0 } else { self.tails.max };
        let excess = used.saturating_sub(max);
        if excess > 0 {
            let freed = self.state.with(|state| state.forget(excess));
            self.tails.used.fetch_sub(freed, Ordering::Relaxed);
        }
    }

    /// The last label.
    pub fn label(&self) -> Option<Bytes> {
        self.state.with(|state| state.small.label.clone())
    }

    /// The last vote.
    pub fn vote(&self) -> Option<Bytes> {
        self.state.with(|state| state.small.vote.clone())
    }

    /// What was last said to be committed.
    pub fn committed(&self) -> Option<Bytes> {
        self.state.with(|state| state.small.committed.clone())
    }

    /// Up to which index entries were purged, and the mark that came with it.
    pub fn purged(&self) -> Option<(u64, Bytes)> {
        self.state.with(|state| state.small.purged.clone())
    }

    /// Index of the first entry, if there is one.
    pub fn first_index(&self) -> Option<u64> {
        self.state.with(|state| (state.small.count > 0).then_some(state.small.first))
    }

    /// Index of the last entry, if there is one.
    pub fn last_index(&self) -> Option<u64> {
        self.state.with(|state| (state.small.count > 0).then(|| state.small.end() - 1))
    }

    /// What is wrong with the group, if something is.
    pub fn damage(&self) -> Option<String> {
        self.state.with(|state| state.damage.clone())
    }

    /// Reads entries from the first index of `range` on, without a hole: until it ends or `bytes_max`
    /// are exceeded, but at least one if there is one.
    ///
    /// # Errors
    ///
    /// `InvalidData` when the group or an entry is damaged; as the system has it.
    pub fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<(u64, Bytes)>> {
        let (mut read, mut bytes) = (Vec::new(), 0);
        for index in range {
            let entry = match self.find(index)? {
                None => break,
                Some(Ok(entry)) => entry,
                Some(Err(place)) => self.read_entry(index, place)?,
            };
            bytes += entry.len();
            read.push((index, entry));
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(read)
    }

    /// An entry, or where it is.
    fn find(&self, index: u64) -> io::Result<Option<Result<Bytes, Place>>> {
        self.state.with(|state| {
            if let Some(damage) = &state.damage {
                return Err(io::Error::new(io::ErrorKind::InvalidData, damage.clone()));
            }
            if index < state.small.first || index >= state.small.end() {
                return Ok(None);
            }
            let at = |from: u64| usize::try_from(index - from).expect("as many as there are");
            let tail = state.first_of_tail();
            Ok(Some(if index >= tail {
                Ok(state.tail[at(tail)].clone())
            } else {
                Err(state.places[at(state.small.first)])
            }))
        })
    }

    fn read_entry(&self, index: u64, place: Place) -> io::Result<Bytes> {
        probe::sometimes!(EntryReadBack);
        let length = RECORD_HEADER_BYTES + place.length as usize;
        let bytes = self.segments.read(place.segment, u64::from(place.at), length)?;
        let found = record::read_record(&bytes.into());
        let found = found.filter(|(it, _)| it.group == self.group && it.index == index);
        let what = || {
            format!(
                "entry {index} of group {} in segment {} at byte {} is damaged",
                self.group, place.segment, place.at
            )
        };
        let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, what()))?;
        Ok(found.0.payload)
    }
}

impl Tails {
    fn account(&self, before: usize, after: usize) {
        if after >= before {
            self.used.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.used.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

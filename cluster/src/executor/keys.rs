//! Replies under an `Idempotency-Key`: kept for a day, as rows.
//!
//! Each new key of a slot sweeps out a few of the slot's expired ones, so that no other sweeping is
//! needed: what is kept beyond its time is bounded by what was once allowed. A slot of which none can have
//! expired is not looked through: that would cost as much as all else that is done for a key.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use entity::registry::Outcome;
use entity::transaction::{Read, Want};
use entity::{Id, Key, Time};

use super::commands::LookedUp;
use super::stored::Reply;
use super::view::Reader;
use crate::limits::{OUTSIDE_KEYS_MAX, OUTSIDE_LASTING};
use crate::record::Write;
use crate::request::{Answer, Failure};
use crate::slots::Slot;
use crate::storage;

/// Expired keys swept out by a new one: more than one, so that sweeping gains on them.
const SWEPT: usize = 2;

/// A key as a request uses it.
pub(super) struct Used<'a> {
    pub(super) slot: Slot,
    pub(super) account: Id,
    pub(super) key: &'a str,
    pub(super) fingerprint: &'a [u8],
}

/// What using a new key changes besides keeping the reply.
#[derive(Debug)]
pub(super) struct Use {
    /// Keys of the account, this one not counted.
    count: u32,
    /// Rows of expired keys, and counts of their accounts.
    sweep: Vec<Write>,
    /// Until when none of the slot expires, if that was found out.
    calm_until: Option<Time>,
}

/// Until when none of a slot's keys expires, of those slots that were looked through. Keys that come later
/// expire later.
#[derive(Debug, Default)]
pub(super) struct Calm(BTreeMap<Slot, Time>);

impl Calm {
    /// Whether no key of a slot can have expired.
    pub(super) fn is(&self, slot: Slot, now: Time) -> bool {
        self.0.get(&slot).is_some_and(|until| now < *until)
    }

    /// Learns what was found out on the way.
    pub(super) fn learn(&mut self, slot: Slot, usage: &Use) {
        if let Some(until) = usage.calm_until {
            self.0.insert(slot, until);
        }
    }
}

/// Looks a key up.
///
/// # Errors
///
/// What has to be fetched first.
pub(super) fn look_up(
    (reader, calm): (&Reader<'_>, &Calm),
    used: &Used<'_>,
    now: Time,
) -> Result<LookedUp, Want> {
    let Used { slot, account, key, fingerprint } = *used;
    let mut usage = Use { count: 0, sweep: Vec::new(), calm_until: None };
    let mut swept_own = 0;
    if let Some(row) = get(reader, &storage::reply_outside(slot, account, key))? {
        let reply = Reply::decode(&row).expect("written by `keep`");
        let lasting =
            if probe::mutant!(KeysShortlived) { Duration::from_secs(1) } else { OUTSIDE_LASTING };
        if now.since(reply.at) < lasting {
            probe::sometimes!(KeyAnswered);
            return Ok(LookedUp::Known(if reply.fingerprint == fingerprint {
                Answer::Outcome(reply.outcome)
            } else {
                Answer::Failure(Failure::KeyReused)
            }));
        }
        // It is used anew: its old age must not sweep out its new reply.
        usage.sweep(storage::reply_age(slot, reply.at, account, key));
        swept_own += 1;
    }
    if !calm.is(slot, now) {
        swept_own += usage.sweep_oldest(reader, used, now)?;
    }
    usage.count = left(count(reader, slot, account)?, swept_own);
    if usage.count >= OUTSIDE_KEYS_MAX {
        return Ok(LookedUp::Known(Answer::Failure(Failure::TooManyKeys)));
    }
    Ok(LookedUp::New(Some(usage)))
}

impl Use {
    fn sweep(&mut self, key: Bytes) {
        self.sweep.push(Write { key, value: None });
    }

    /// Sweeps out expired keys of the slot, and tells how many of them are the account's own.
    fn sweep_oldest(
        &mut self,
        reader: &Reader<'_>,
        used: &Used<'_>,
        now: Time,
    ) -> Result<u32, Want> {
        let slot = used.slot;
        let mut swept = BTreeMap::<Id, u32>::new();
        let oldest = storage::oldest_replies(slot, probe::knob!(SweptKeys, SWEPT));
        let Read::Ready(rows) = reader.scan(&oldest) else { return Err(Want::Rows(oldest)) };
        if rows.is_empty() {
            self.calm_until = Some(now + OUTSIDE_LASTING);
        }
        for (age, _) in rows {
            let (at, (account, key)) = storage::reply_age_of(&age).expect("written by `keep`");
            if now.since(at) < OUTSIDE_LASTING {
                self.calm_until = Some(at + OUTSIDE_LASTING);
                break;
            }
            if (account, &*key) != (used.account, used.key) {
                self.sweep(age);
                self.sweep(storage::reply_outside(slot, account, &key));
                *swept.entry(account).or_default() += 1;
            }
        }
        let own = swept.remove(&used.account).unwrap_or_default();
        for (account, swept) in swept {
            let left = left(count(reader, slot, account)?, swept);
            self.sweep.push(count_row(slot, account, left));
        }
        Ok(own)
    }

    /// Keeps a reply, and yields the rows for it.
    pub(super) fn keep(self, used: &Used<'_>, time: Time, outcome: &Outcome) -> Vec<Write> {
        let Used { slot, account, key, fingerprint } = *used;
        let reply = Reply::encode(time, fingerprint, outcome);
        let mut writes = self.sweep;
        writes.push(Write { key: storage::reply_outside(slot, account, key), value: Some(reply) });
        let age = storage::reply_age(slot, time, account, key);
        writes.push(Write { key: age, value: Some(Bytes::new()) });
        writes.push(count_row(slot, account, self.count + 1));
        writes
    }
}

/// What is left of a count. An activation that has lost the shard and does not know it yet may read
/// rows of two moments, and so a count that is too small; nothing that it makes of it can commit.
fn left(count: u32, swept: u32) -> u32 {
    count.saturating_sub(swept)
}

fn count_row(slot: Slot, account: Id, count: u32) -> Write {
    let value = (count > 0).then(|| Bytes::copy_from_slice(&count.to_be_bytes()));
    Write { key: storage::reply_count(slot, account), value }
}

fn count(reader: &Reader<'_>, slot: Slot, account: Id) -> Result<u32, Want> {
    let row = get(reader, &storage::reply_count(slot, account))?;
    Ok(row.map_or(0, |row| u32::from_bytes(&row).expect("written by `count_row`")))
}

fn get(reader: &Reader<'_>, key: &Bytes) -> Result<Option<Bytes>, Want> {
    match reader.get(key) {
        Read::Ready(row) => Ok(row),
        Read::Miss => Err(Want::Row(key.to_vec())),
    }
}

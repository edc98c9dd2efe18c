//! Replies under an `Idempotency-Key`: kept for a day, as rows.
//!
//! Each new key of a slot sweeps out a few of the slot's expired ones, so that no other sweeping is
//! needed: what is kept beyond its time is bounded by what was once allowed.

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
}

/// Looks a key up.
///
/// # Errors
///
/// What has to be fetched first.
pub(super) fn look_up(reader: &Reader<'_>, used: &Used<'_>, now: Time) -> Result<LookedUp, Want> {
    let Used { slot, account, key, fingerprint } = *used;
    if let Some(row) = get(reader, &storage::reply_outside(slot, account, key))? {
        let reply = Reply::decode(&row).expect("written by `keep`");
        if now.since(reply.at) < OUTSIDE_LASTING {
            return Ok(LookedUp::Known(if reply.fingerprint == fingerprint {
                Answer::Outcome(reply.outcome)
            } else {
                Answer::Failure(Failure::KeyReused)
            }));
        }
    }
    let (mut usage, swept_own) = sweep(reader, slot, account, now)?;
    usage.count = count(reader, slot, account)? - swept_own;
    if usage.count >= OUTSIDE_KEYS_MAX {
        return Ok(LookedUp::Known(Answer::Failure(Failure::TooManyKeys)));
    }
    Ok(LookedUp::New(Some(usage)))
}

/// Finds expired keys of the slot, and tells how many of them are the account's own.
fn sweep(reader: &Reader<'_>, slot: Slot, own: Id, now: Time) -> Result<(Use, u32), Want> {
    let mut usage = Use { count: 0, sweep: Vec::new() };
    let mut swept_own = 0;
    let oldest = storage::oldest_replies(slot, SWEPT);
    let Read::Ready(rows) = reader.scan(&oldest) else { return Err(Want::Rows(oldest)) };
    let mut swept_others = std::collections::BTreeMap::<Id, u32>::new();
    for (age, _) in rows {
        let (at, (account, key)) = storage::reply_age_of(&age).expect("written by `keep`");
        if now.since(at) < OUTSIDE_LASTING {
            break;
        }
        usage.sweep.push(Write { key: age, value: None });
        usage.sweep.push(Write { key: storage::reply_outside(slot, account, &key), value: None });
        if account == own {
            swept_own += 1;
        } else {
            *swept_others.entry(account).or_default() += 1;
        }
    }
    for (account, swept) in swept_others {
        let left = count(reader, slot, account)? - swept;
        usage.sweep.push(count_row(slot, account, left));
    }
    Ok((usage, swept_own))
}

impl Use {
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

//! One run of a handler, from a command to what it came to.

use bytes::Bytes;
use entity::registry::{Changed, Outcome, Ran};
use entity::transaction::{Effects, Read, Scope, State, Want};
use entity::{Address, Caller, Durability, Time};

use super::entities::Place;
use super::operate::Missing;
use super::shard::Executor;
use super::stored::{Quarantined, encode};
use super::view::{DurableRows, EphemeralRows, FetchedRows, Reader};
use crate::ledger::Ledger;
use crate::limits::PANICS_MAX;
use crate::request::{Failure, RequestId, Verb};
use crate::storage;

/// A command to be run: where it comes from no longer matters.
pub(super) struct Run<'a> {
    pub(super) to: &'a Address,
    pub(super) place: Place,
    pub(super) caller: &'a Caller,
    pub(super) command: u16,
    pub(super) body: &'a [u8],
    /// What runs it must be later than this.
    pub(super) after: Time,
}

/// How a command ran.
pub(super) enum Executed {
    /// Its handler replied: all this is to be accepted, or dropped as if nothing had been.
    Replied { reply: Bytes, time: Time, effects: Effects, changed: Option<Changed> },
    /// Its handler refused.
    Refused { refusal: Bytes, time: Time },
    /// No handler spoke.
    Failed(Failure),
    /// It needs what is not in memory.
    Miss(Want),
}

impl Executor {
    /// Runs a command, and changes nothing yet.
    pub(super) fn execute(
        &mut self,
        ledger: &dyn Ledger,
        command: &Run<'_>,
        fetched: &FetchedRows,
    ) -> Executed {
        if self.quarantined.contains_key(command.to) {
            return Executed::Failed(Failure::Quarantined);
        }
        match self.bring_in(ledger, command, fetched) {
            Ok(()) => {}
            Err(Missing::Row(want)) => return Executed::Miss(want),
            Err(Missing::Failure(failure)) => return Executed::Failed(failure),
        }
        let time = self.next_time(command.after);
        let mut effects = Effects { chance: self.setup.chance ^ time.0, ..Effects::default() };
        let verb = Verb::Command(NO_NAME);
        match self.run(ledger, command, fetched, (&mut effects, time, verb)) {
            Ran::Done { outcome: Outcome::Reply(reply), changed } => {
                self.panics.remove(command.to);
                let wake_ups = self.wake_ups.len() + self.due.len() + effects.wake_ups.len();
                if wake_ups > self.wake_ups_max(command.caller) && !effects.wake_ups.is_empty() {
                    return Executed::Failed(Failure::Overloaded);
                }
                Executed::Replied { reply, time, effects, changed }
            }
            Ran::Done { outcome: Outcome::Refusal(refusal), .. } => {
                self.panics.remove(command.to);
                if probe::mutant!(RefusalKept) {
                    self.accept(command, effects, None, time);
                }
                Executed::Refused { refusal, time }
            }
            Ran::Miss(want) => Executed::Miss(absolute(command.to, want)),
            Ran::Limit(limit) => Executed::Failed(Failure::Limit(limit)),
            Ran::Malformed => Executed::Failed(Failure::Malformed),
            Ran::Panicked(text) => {
                self.note_panic(command.to, time, text);
                Executed::Failed(Failure::Panicked)
            }
        }
    }

    /// Most wake-ups that may wait. A wake-up that sets itself again, and a message, must not wait
    /// for others to go away: all of them might.
    fn wake_ups_max(&self, caller: &Caller) -> usize {
        let max = self.setup.knobs.wake_ups_max;
        match caller {
            Caller::Anyone | Caller::Account(_) | Caller::Operator => max,
            Caller::Entity(_) | Caller::Itself => 4 * max,
        }
    }

    /// Runs the handler of a command, or the answer to a query.
    pub(super) fn run(
        &mut self,
        ledger: &dyn Ledger,
        run: &Run<'_>,
        fetched: &FetchedRows,
        (effects, now, verb): (&mut Effects, Time, Verb),
    ) -> Ran {
        let durability = self.durability(run.to.kind);
        let Self { entities, overlay, setup, .. } = self;
        let durable = DurableRows { reader: Reader { overlay, fetched, ledger }, entity: run.to };
        let (resident, ephemeral) = entities.get(run.place, run.to).expect("it was brought in");
        let ephemeral = EphemeralRows { rows: ephemeral, entity: run.to };
        let state: &dyn State = match durability {
            Durability::Durable => &durable,
            Durability::Ephemeral => &ephemeral,
        };
        let scope = Scope {
            key: &run.to.key,
            durability,
            caller: run.caller,
            now,
            shard: setup.shard.0,
            release: setup.release,
            settings: &setup.registry.settings,
            state,
        };
        match verb {
            Verb::Command(_) => resident.live.run(&scope, effects, run.command, run.body),
            Verb::Query => resident.live.ask(&scope, run.command, run.body),
        }
    }

    /// Brings an entity into memory.
    pub(super) fn bring_in(
        &mut self,
        ledger: &dyn Ledger,
        run: &Run<'_>,
        fetched: &FetchedRows,
    ) -> Result<(), Missing> {
        let address = run.to;
        if self.entities.contains(run.place, address) {
            return Ok(());
        }
        let mut head = None;
        if self.durability(address.kind) == Durability::Durable {
            let key = storage::head(address);
            match self.reader(ledger, fetched).get(&key) {
                Read::Ready(bytes) => head = bytes,
                Read::Miss => return Err(Missing::Row(Want::Row(key.to_vec()))),
            }
        }
        let live = (self.family(address.kind).load)(head.as_deref());
        let live = live.or(Err(Missing::Failure(Failure::Unreadable)))?;
        self.entities.insert(run.place, address, live);
        Ok(())
    }

    /// The entity has panicked once more in a row: if that is too often, it has to wait.
    fn note_panic(&mut self, address: &Address, since: Time, mut panic: String) {
        /// Most bytes of a panic's text that are kept.
        const TEXT_BYTES_MAX: usize = 1_000;
        /// Most entities whose panics are counted: many more are one defect, not many entities.
        const COUNTED_MAX: usize = 10_000;
        if self.panics.len() > COUNTED_MAX {
            self.panics.clear();
        }
        let count = self.panics.entry(address.clone()).or_default();
        *count += 1;
        if *count < probe::knob!(PanicsMax, PANICS_MAX) {
            return;
        }
        probe::sometimes!(Quarantined);
        self.panics.remove(address);
        panic.truncate(panic.floor_char_boundary(TEXT_BYTES_MAX));
        let quarantined = Quarantined { entity: address.clone(), since, panic };
        self.batch
            .write(storage::quarantine(address), Some(encode(&quarantined, self.setup.release)));
        self.batch.commands += 1;
        self.quarantined.insert(address.clone(), quarantined);
    }
}

/// Tells the verb only: whoever runs a handler does not need the name.
const NO_NAME: RequestId =
    RequestId::Inside { sender: 0, number: 0, birth: Time(0), acknowledged: 0 };

/// What an entity wants, with keys of the shard.
pub(super) fn absolute(address: &Address, want: Want) -> Want {
    let prefix = storage::entity_prefix(address);
    match want {
        Want::Row(key) => Want::Row(storage::join(&prefix, &key).to_vec()),
        Want::Rows(range) => Want::Rows(storage::join_range(&prefix, &range)),
    }
}

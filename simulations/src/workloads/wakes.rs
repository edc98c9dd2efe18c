//! Alarms: every wake-up fires exactly once, and not early.

use std::collections::BTreeMap;
use std::time::Duration;

use entity::registry::Rows;
use entity::{Answer, Command, Context, Entity, Handle, Kind, Never, Query, Table, Time, data};

use super::crew::{Fate, Hands, Workload, holds};
use crate::chance::Chance;
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The family of alarms.
#[derive(Debug)]
pub enum Alarms {}

impl Kind for Alarms {
    const NAME: &'static str = "sim.alarm";
    const TAG: u16 = 60_004;
    type Key = u64;
    type Commands = (Set, Ring);
    type Queries = (Rung,);
}

/// Alarms; all of it is in its table.
#[data]
#[derive(Default)]
pub struct Alarm {}

impl Entity for Alarm {
    type Kind = Alarms;
    type Tables = (Rows<Rings>,);
}

/// How often each alarm rang, and whether it ever did too early.
pub enum Rings {}

impl Table for Rings {
    const NAME: &'static str = "rings";
    const TAG: u8 = 1;
    type Key = u64;
    type Row = RingCount;
}

/// How an alarm rang.
#[data]
#[derive(Copy, Default)]
pub struct RingCount {
    /// How often.
    pub count: u64,
    /// How often too early.
    pub early: u64,
}

/// Sets an alarm that rings some times, one after the other.
#[data]
pub struct Set {
    /// Names the alarm.
    pub operation: u64,
    /// After how many milliseconds it rings, and rings again.
    pub after_millis: u64,
    /// How often.
    pub times: u64,
}

impl Command for Set {
    type Kind = Alarms;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = Never;
}

impl Handle<Set> for Alarm {
    fn handle(&mut self, set: Set, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let at = cx.now() + Duration::from_millis(set.after_millis);
        cx.wake_at(at, &Ring { at, set });
        Ok(())
    }
}

/// Rings, and sets itself again.
#[data]
pub struct Ring {
    /// When it should.
    pub at: Time,
    /// What is left to do.
    pub set: Set,
}

impl Command for Ring {
    type Kind = Alarms;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = Never;
}

impl Handle<Ring> for Alarm {
    fn handle(&mut self, ring: Ring, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let Ring { at, set } = ring;
        let mut rings = cx.get::<Rings>(&set.operation).unwrap_or_default();
        rings.count += 1;
        rings.early += u64::from(cx.now() < at);
        cx.put::<Rings>(&set.operation, &rings);
        if set.times > 1 {
            self.handle(Set { times: set.times - 1, ..set }, cx)?;
        }
        Ok(())
    }
}

/// Asks how alarms rang.
#[data]
pub struct Rung {}

impl Query for Rung {
    type Kind = Alarms;
    const TAG: u16 = 1;
    type Reply = RungList;
    type Error = Never;
}

/// How alarms rang.
#[data]
pub struct RungList {
    /// By alarm.
    pub rings: Vec<(u64, RingCount)>,
}

impl Answer<Rung> for Alarm {
    fn answer(&self, _: Rung, view: &Context<'_, Self>) -> Result<RungList, Never> {
        Ok(RungList { rings: view.scan_all::<Rings>(1_000) })
    }
}

/// Sets alarms.
#[derive(Debug)]
pub struct Waking {
    clients: usize,
    alarms: u64,
    /// Longest time to an alarm, in milliseconds.
    after_millis: u64,
    operations: u64,
    hands: Hands<(u64, Set)>,
    set: BTreeMap<u64, Vec<(Set, Fate)>>,
}

impl Waking {
    /// Some clients, some alarms, soon or late.
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            clients: chance.within(1..=8).try_into().expect("a few"),
            alarms: chance.within(1..=12),
            after_millis: chance.magnitude(1..=60_000),
            operations: 0,
            hands: Hands::default(),
            set: BTreeMap::new(),
        }
    }
}

impl Workload for Waking {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        self.operations += 1;
        let alarm = chance.below(self.alarms);
        let (after_millis, times) = (chance.below(self.after_millis + 1), chance.within(1..=3));
        let set = Set { operation: self.operations, after_millis, times };
        self.hands.begin(client, (alarm, set.clone()));
        Some(Call::command(&alarm, &set))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let (alarm, set) = self.hands.end(client);
        self.set.entry(alarm).or_default().push((set, Fate::of(done)));
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        for (alarm, set) in &self.set {
            view.ask(alarm, &Rung {}).and_then(|rung| check_rings(rung.rings, set)).under(alarm)?;
        }
        Ok(())
    }
}

fn check_rings(rings: Vec<(u64, RingCount)>, set: &[(Set, Fate)]) -> Result<(), String> {
    let rung: BTreeMap<_, _> = rings.into_iter().collect();
    for (Set { operation, times, .. }, fate) in set {
        let RingCount { count, early } = rung.get(operation).copied().unwrap_or_default();
        let is_whole = count == 0 || count == *times;
        holds(is_whole && fate.allows(count / times) && early == 0, || {
            format!(
                "alarm {operation} is {fate:?} and rang {count} of {times} times, {early} early"
            )
        })?;
    }
    holds(rung.len() <= set.len(), || "an alarm that nobody set".to_owned())
}

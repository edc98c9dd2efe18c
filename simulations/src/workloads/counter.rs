//! Counters: every command takes effect exactly once.

use std::collections::BTreeMap;

use entity::registry::{Items, Rows};
use entity::{
    Answer, Command, Context, Entity, Handle, Kind, Never, Query, Stream, Table, data, refusals,
};

use super::crew::{Fate, Hands, Workload, holds};
use crate::chance::Chance;
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The family of counters.
#[derive(Debug)]
pub enum Counters {}

impl Kind for Counters {
    const NAME: &'static str = "sim.counter";
    const TAG: u16 = 60_001;
    type Key = u64;
    type Commands = (Add,);
    type Queries = (Total,);
}

/// A sum, and what it is made of.
#[data]
#[derive(Default)]
pub struct Counter {
    sum: u64,
}

impl Entity for Counter {
    type Kind = Counters;
    type Tables = (Rows<Added>, Items<Log>);
}

/// How often each operation was counted.
pub enum Added {}

impl Table for Added {
    const NAME: &'static str = "added";
    const TAG: u8 = 1;
    type Key = u64;
    type Row = u64;
}

/// The operations in their order.
pub enum Log {}

impl Stream for Log {
    const NAME: &'static str = "log";
    const TAG: u8 = 2;
    const ITEMS_MAX: u64 = 1_000;
    type Item = u64;
}

/// Adds. Every seventh operation is refused after everything has been written.
#[data]
pub struct Add {
    /// Names the operation.
    pub operation: u64,
    /// How much.
    pub amount: u64,
}

impl Command for Add {
    type Kind = Counters;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = AddError;
}

/// Why nothing is added.
#[data]
pub enum AddError {
    /// It is every seventh operation.
    Seventh,
}

refusals! { AddError { Seventh => 422 "sim_seventh" "Every seventh operation is refused.", } }

impl Handle<Add> for Counter {
    fn handle(&mut self, add: Add, cx: &mut Context<'_, Self>) -> Result<u64, AddError> {
        self.sum = self.sum.saturating_add(add.amount);
        let before = cx.get::<Added>(&add.operation).unwrap_or(0);
        cx.put::<Added>(&add.operation, &(before + 1));
        cx.append::<Log>(&add.operation);
        if add.operation.is_multiple_of(7) { Err(AddError::Seventh) } else { Ok(self.sum) }
    }
}

/// Asks for the sum and what it is made of.
#[data]
pub struct Total {}

impl Query for Total {
    type Kind = Counters;
    const TAG: u16 = 1;
    type Reply = Totals;
    type Error = Never;
}

/// A sum and what it is made of.
#[data]
pub struct Totals {
    /// The sum.
    pub sum: u64,
    /// Operations, and how often each was counted.
    pub added: Vec<(u64, u64)>,
    /// Offsets and operations.
    pub log: Vec<(u64, u64)>,
}

impl Answer<Total> for Counter {
    fn answer(&self, _: Total, view: &Context<'_, Self>) -> Result<Totals, Never> {
        let log = view.read::<Log>(entity::Offset(0), 1_000);
        let log = log.into_iter().map(|(offset, operation)| (offset.0, operation)).collect();
        Ok(Totals { sum: self.sum, added: view.scan_all::<Added>(1_000), log })
    }
}

/// Adds to a few counters.
#[derive(Debug)]
pub struct Counting {
    clients: usize,
    counters: u64,
    operations: u64,
    hands: Hands<(u64, Add)>,
    fates: BTreeMap<u64, BTreeMap<u64, (u64, Fate)>>,
}

impl Counting {
    /// Some clients, some counters.
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            clients: chance.within(1..=8).try_into().expect("a few"),
            counters: chance.within(1..=12),
            operations: 0,
            hands: Hands::default(),
            fates: BTreeMap::new(),
        }
    }
}

impl Workload for Counting {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        self.operations += 1;
        let (counter, amount) = (chance.below(self.counters), chance.within(1..=1_000));
        let add = Add { operation: self.operations, amount };
        self.hands.begin(client, (counter, add.clone()));
        Some(Call::command(&counter, &add))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let (counter, add) = self.hands.end(client);
        let fate = (add.amount, Fate::of(done));
        self.fates.entry(counter).or_default().insert(add.operation, fate);
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        for (counter, operations) in &self.fates {
            view.ask(counter, &Total {})
                .and_then(|totals| check_totals(totals, operations))
                .under(counter)?;
        }
        Ok(())
    }
}

fn check_totals(totals: Totals, operations: &BTreeMap<u64, (u64, Fate)>) -> Result<(), String> {
    let Totals { sum, added, log } = totals;
    let counts: BTreeMap<u64, u64> = added.into_iter().collect();
    for (operation, (_, fate)) in operations {
        let count = counts.get(operation).copied().unwrap_or(0);
        holds(fate.allows(count), || {
            format!("operation {operation} is {fate:?} and was counted {count} times")
        })?;
    }
    let amount = |operation| operations.get(operation).map(|(amount, _)| *amount);
    let expected: Option<u64> = counts.keys().map(amount).sum();
    holds(expected == Some(sum), || format!("{sum} should be {expected:?}"))?;
    let is_gapless = log.iter().zip(1..).all(|((offset, _), nth)| *offset == nth);
    holds(is_gapless && log.len() == counts.len(), || format!("a log of {log:?}"))
}

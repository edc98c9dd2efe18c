//! Registers: whoever reads after a write has ended sees it, or a later one.

use std::collections::BTreeMap;

use entity::{Answer, Command, Context, Entity, Handle, Kind, Never, Query, data};

use super::crew::{Hands, Workload, holds};
use crate::chance::Chance;
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The family of registers.
#[derive(Debug)]
pub enum RegisterKind {}

impl Kind for RegisterKind {
    const NAME: &'static str = "sim.register";
    const TAG: u16 = 60_003;
    type Key = u64;
    type Commands = (Write,);
    type Queries = (Look,);
}

/// A value, and how many there were.
#[data]
#[derive(Copy, Default)]
pub struct Register {
    /// Counts the writes.
    pub version: u64,
    /// The last one.
    pub value: u64,
}

impl Entity for Register {
    type Kind = RegisterKind;
    type Tables = ();
}

/// Writes a value.
#[data]
pub struct Write {
    /// The value.
    pub value: u64,
}

impl Command for Write {
    type Kind = RegisterKind;
    const TAG: u16 = 1;
    type Reply = Register;
    type Error = Never;
}

impl Handle<Write> for Register {
    fn handle(&mut self, write: Write, _: &mut Context<'_, Self>) -> Result<Self, Never> {
        *self = Self { version: self.version + 1, value: write.value };
        Ok(*self)
    }
}

/// Reads the value.
#[data]
pub struct Look {}

impl Query for Look {
    type Kind = RegisterKind;
    const TAG: u16 = 1;
    type Reply = Register;
    type Error = Never;
}

impl Answer<Look> for Register {
    fn answer(&self, _: Look, _: &Context<'_, Self>) -> Result<Self, Never> {
        Ok(*self)
    }
}

/// Reads and writes a few registers.
///
/// Versions are the order in which a register says that everything happened. It is a true one when
/// no operation comes before another one that had ended before it began.
#[derive(Debug)]
pub struct Registers {
    clients: usize,
    count: u64,
    values: u64,
    hands: Hands<Operation>,
    known: BTreeMap<u64, Known>,
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
struct Operation {
    register: u64,
    /// What it writes, unless it reads.
    written: Option<u64>,
    /// The newest version that was known when it began.
    since: u64,
}

/// What is known of a register.
#[derive(Debug, Default)]
struct Known {
    /// The newest version that anybody has seen.
    newest: u64,
    /// The value of each version seen.
    values: BTreeMap<u64, u64>,
}

impl Registers {
    /// Some clients, few registers.
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            clients: chance.within(2..=8).try_into().expect("a few"),
            count: chance.within(1..=4),
            values: 0,
            hands: Hands::default(),
            known: BTreeMap::new(),
        }
    }

    fn saw(&mut self, operation: Operation, seen: Register) -> Result<(), String> {
        let Operation { register, written, since } = operation;
        let known = self.known.entry(register).or_default();
        let oldest = since + u64::from(written.is_some());
        holds(seen.version >= oldest, || {
            format!("{operation:?} came to {seen:?}, after version {since} had been seen")
        })?;
        let is_own = written.is_none_or(|written| written == seen.value);
        holds(is_own, || format!("{operation:?} came to {seen:?}"))?;
        let before = known.values.insert(seen.version, seen.value);
        holds(before.is_none_or(|it| it == seen.value), || {
            format!("register {register} has two values of version {}", seen.version)
        })?;
        known.newest = known.newest.max(seen.version);
        Ok(())
    }
}

impl Workload for Registers {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let register = chance.below(self.count);
        let since = self.known.entry(register).or_default().newest;
        self.values += 1;
        let written = chance.flips().then_some(self.values);
        self.hands.begin(client, Operation { register, written, since });
        Some(match written {
            Some(value) => Call::command(&register, &Write { value }),
            None => Call::query(&register, &Look {}),
        })
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let operation = self.hands.end(client);
        done.reply().map_or(Ok(()), |seen| self.saw(operation, seen))
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), String> {
        for register in 0..self.count {
            let seen = view.ask(&register, &Look {})?;
            let since = self.known.entry(register).or_default().newest;
            self.saw(Operation { register, written: None, since }, seen)?;
        }
        Ok(())
    }
}

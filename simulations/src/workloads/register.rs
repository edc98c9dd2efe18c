//! Registers: some order of what everybody asked explains what everybody was told.

use std::collections::BTreeMap;

use entity::{Answer, Command, Context, Entity, Handle, Kind, Never, Query, data, refusals};

use super::crew::{Hands, Workload};
use crate::chance::{Chance, Odds};
use crate::finding::{Under, Wrong};
use crate::oracles::history::{History, Place, Told};
use crate::oracles::linear::{self, OPERATIONS_MAX};
use crate::oracles::register::{Asked, Register as Model, Said};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The family of registers.
#[derive(Debug)]
pub enum RegisterKind {}

impl Kind for RegisterKind {
    const NAME: &'static str = "sim.register";
    const TAG: u16 = 60_003;
    type Key = u64;
    type Commands = (Write, Swap);
    type Queries = (Look,);
}

/// A value.
#[data]
#[derive(Copy, Default)]
pub struct Register {
    value: u64,
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
    type Reply = ();
    type Error = Never;
}

impl Handle<Write> for Register {
    fn handle(&mut self, write: Write, _: &mut Context<'_, Self>) -> Result<(), Never> {
        self.value = write.value;
        Ok(())
    }
}

/// Writes a value if there is a certain one.
#[data]
pub struct Swap {
    /// The value that has to be there.
    pub from: u64,
    /// The value that takes its place.
    pub to: u64,
}

impl Command for Swap {
    type Kind = RegisterKind;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = SwapError;
}

/// Why nothing is written.
#[data]
pub enum SwapError {
    /// Another value is there.
    Other,
}

refusals! { SwapError { Other => 409 "sim_other" "Another value is there.", } }

impl Handle<Swap> for Register {
    fn handle(&mut self, swap: Swap, _: &mut Context<'_, Self>) -> Result<(), SwapError> {
        if self.value != swap.from {
            return Err(SwapError::Other);
        }
        self.value = swap.to;
        Ok(())
    }
}

/// Reads the value.
#[data]
pub struct Look {}

impl Query for Look {
    type Kind = RegisterKind;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Answer<Look> for Register {
    fn answer(&self, _: Look, _: &Context<'_, Self>) -> Result<u64, Never> {
        Ok(self.value)
    }
}

/// Reads, writes and swaps a few registers. No value is written twice.
#[derive(Debug)]
pub struct Registers {
    clients: usize,
    /// So many of them only read: whoever waits for a write learns nothing meanwhile.
    readers: usize,
    values: u64,
    known: BTreeMap<u64, Known>,
    hands: Hands<Operation>,
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
struct Operation {
    register: u64,
    asked: Asked,
    place: Place,
}

/// What is known of a register.
#[derive(Debug, Default)]
struct Known {
    history: History<Model>,
    /// The value that somebody was told of last.
    value: u64,
}

impl Registers {
    /// Some clients, few registers.
    pub fn new(chance: &mut Chance) -> Self {
        let registers = chance.within(1..=4);
        let clients = chance.within(2..=8).try_into().expect("a few");
        Self {
            clients,
            readers: chance.index(clients),
            values: 0,
            known: (0..registers).map(|it| (it, Known::default())).collect(),
            hands: Hands::default(),
        }
    }

    /// What is asked next of a register. Swaps are of the value that was seen last: half of them come
    /// too late where others write as well.
    fn ask(&mut self, client: usize, seen: u64, chance: &mut Chance) -> Asked {
        if client < self.readers || chance.hits(Odds(300_000)) {
            return Asked::Read;
        }
        self.values += 1;
        let value = self.values;
        if chance.flips() { Asked::Write(value) } else { Asked::Swap { from: seen, to: value } }
    }
}

/// A call as the entity understands it.
fn call(register: u64, asked: Asked) -> Call {
    match asked {
        Asked::Read => Call::query(&register, &Look {}),
        Asked::Write(value) => Call::command(&register, &Write { value }),
        Asked::Swap { from, to } => Call::command(&register, &Swap { from, to }),
    }
}

/// What an answer says, and the value that the register then has.
fn said(asked: Asked, done: &Done) -> Option<(Said, u64)> {
    match asked {
        Asked::Read => done.reply().map(|value| (Said::Value(value), value)),
        Asked::Write(value) | Asked::Swap { to: value, .. } => {
            done.reply().map(|()| (Said::Done, value))
        }
    }
}

impl Workload for Registers {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let register = chance.below(self.known.len() as u64);
        let known = &self.known[&register];
        // The last one is that of the check.
        if known.history.operations().len() + 1 >= OPERATIONS_MAX {
            return None;
        }
        let asked = self.ask(client, known.value, chance);
        let place = self.known.get_mut(&register)?.history.begin(client, asked);
        self.hands.begin(client, Operation { register, asked, place });
        Some(call(register, asked))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let Operation { register, asked, place } = self.hands.end(client);
        let known = self.known.entry(register).or_default();
        if let Some((said, value)) = said(asked, done) {
            known.history.end(place, Told::Reply(said));
            known.value = value;
        } else if matches!(done, Done::Refusal(_)) {
            known.history.end(place, Told::Refusal);
        }
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        for (register, Known { history, .. }) in &mut self.known {
            let place = history.begin(self.clients, Asked::Read);
            let value = view.ask(register, &Look {}).under(register)?;
            history.end(place, Told::Reply(Said::Value(value)));
            let checked = linear::check(&0, history);
            checked.map_err(|fault| format!("register {register}: {fault}")).under(register)?;
        }
        Ok(())
    }
}

//! Letters: a message that is not handled becomes a dead letter, once, and no other message does.

use std::collections::BTreeMap;

use cluster::operator::ListDeadLetters;
use cluster::slots::ShardId;
use entity::registry::Rows;
use entity::{Answer, Command, Context, Entity, Handle, Kind, Never, Query, Table, data, refusals};

use super::crew::{Fate, Hands, Workload, holds};
use crate::chance::Chance;
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The family of those who write.
#[derive(Debug)]
pub enum Writers {}

impl Kind for Writers {
    const NAME: &'static str = "sim.writer";
    const TAG: u16 = 60_005;
    type Key = u64;
    type Commands = (Tell,);
    type Queries = ();
}

/// Somebody who writes and does not want to hear of refusals.
#[data]
#[derive(Default)]
pub struct Writer {
    told: u64,
}

impl Entity for Writer {
    type Kind = Writers;
    type Tables = ();
}

/// Tells somebody something.
#[data]
pub struct Tell {
    /// Names it.
    pub operation: u64,
    /// To whom.
    pub to: u64,
}

impl Command for Tell {
    type Kind = Writers;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Handle<Tell> for Writer {
    fn handle(&mut self, tell: Tell, cx: &mut Context<'_, Self>) -> Result<u64, Never> {
        self.told += 1;
        cx.send(&tell.to, &Hear { operation: tell.operation });
        Ok(self.told)
    }
}

/// The family of those who listen, or do not.
#[derive(Debug)]
pub enum Listeners {}

impl Kind for Listeners {
    const NAME: &'static str = "sim.listener";
    const TAG: u16 = 60_006;
    type Key = u64;
    type Commands = (Hear,);
    type Queries = (Recall,);
}

/// Somebody who listens; all of it is in its table.
#[data]
#[derive(Default)]
pub struct Listener {}

impl Entity for Listener {
    type Kind = Listeners;
    type Tables = (Rows<Heard>,);
}

/// How often each thing was heard.
pub enum Heard {}

impl Table for Heard {
    const NAME: &'static str = "heard";
    const TAG: u8 = 1;
    type Key = u64;
    type Row = u64;
}

/// Hears something.
#[data]
pub struct Hear {
    /// What.
    pub operation: u64,
}

impl Command for Hear {
    type Kind = Listeners;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = HearError;
}

/// Why something is not heard.
#[data]
pub enum HearError {
    /// This one does not listen.
    Deaf,
}

refusals! { HearError { Deaf => 422 "sim_deaf" "This one does not listen.", } }

/// What becomes of what somebody is told, by who it is.
fn is_deaf(listener: u64) -> bool {
    listener % 4 == 1
}

fn is_ill(listener: u64) -> bool {
    listener % 4 == 2
}

impl Handle<Hear> for Listener {
    fn handle(&mut self, hear: Hear, cx: &mut Context<'_, Self>) -> Result<(), HearError> {
        let before = cx.get::<Heard>(&hear.operation).unwrap_or(0);
        cx.put::<Heard>(&hear.operation, &(before + 1));
        assert!(!is_ill(cx.key()), "a defect that is meant to be there");
        if is_deaf(cx.key()) { Err(HearError::Deaf) } else { Ok(()) }
    }
}

/// Asks what was heard.
#[data]
pub struct Recall {}

impl Query for Recall {
    type Kind = Listeners;
    const TAG: u16 = 1;
    type Reply = Recalled;
    type Error = Never;
}

/// What was heard.
#[data]
pub struct Recalled {
    /// How often each thing was.
    pub heard: Vec<(u64, u64)>,
}

impl Answer<Recall> for Listener {
    fn answer(&self, _: Recall, view: &Context<'_, Self>) -> Result<Recalled, Never> {
        Ok(Recalled { heard: view.scan_all::<Heard>(1_000) })
    }
}

/// Tells those who listen and those who do not.
#[derive(Debug)]
pub struct Telling {
    clients: usize,
    shards: u32,
    listeners: u64,
    operations: u64,
    hands: Hands<(u64, u64, u64)>,
    /// Who told what to whom, and what became of it.
    told: BTreeMap<u64, (u64, u64, Fate)>,
}

impl Telling {
    /// Some clients, some listeners, in a cluster of so many shards.
    pub fn new(chance: &mut Chance, shards: u32) -> Self {
        Self {
            clients: chance.within(1..=6).try_into().expect("a few"),
            shards,
            listeners: chance.within(3..=12),
            operations: 0,
            hands: Hands::default(),
            told: BTreeMap::new(),
        }
    }

    /// How often each thing became a dead letter.
    fn letters(&self, view: &mut View<'_>) -> Result<BTreeMap<u64, u64>, String> {
        let mut letters = BTreeMap::new();
        for shard in (0..self.shards).map(ShardId) {
            let mut after = None;
            loop {
                let page = view.ask(&shard, &ListDeadLetters { after })?;
                for letter in page.letters {
                    let digits = letter.body.chars().filter(char::is_ascii_digit);
                    let operation = digits.collect::<String>().parse();
                    let operation = operation.map_err(|_none| format!("{letter:?}"))?;
                    *letters.entry(operation).or_default() += 1;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(letters)
    }
}

impl Workload for Telling {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        self.operations += 1;
        let (writer, to) = (chance.below(4), chance.below(self.listeners));
        self.hands.begin(client, (self.operations, writer, to));
        Some(Call::command(&writer, &Tell { operation: self.operations, to }))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let (operation, writer, to) = self.hands.end(client);
        self.told.insert(operation, (writer, to, Fate::of(done)));
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        let mut heard = BTreeMap::new();
        for listener in 0..self.listeners {
            for (operation, count) in view.ask(&listener, &Recall {})?.heard {
                heard.insert((operation, listener), count);
            }
        }
        let letters = self.letters(view)?;
        for (operation, (writer, to, fate)) in &self.told {
            let handled = heard.get(&(*operation, *to)).copied().unwrap_or(0);
            let dead = letters.get(operation).copied().unwrap_or(0);
            let (expected, other) =
                if is_deaf(*to) || is_ill(*to) { (dead, handled) } else { (handled, dead) };
            holds(fate.allows(expected) && other == 0, || {
                format!("{operation} to {to} is {fate:?}: {handled} handled, {dead} dead letters")
            })
            .under(writer)?;
        }
        Ok(())
    }
}

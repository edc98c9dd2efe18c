//! A bank: what one account pays, others get or it gets back. No money is made or lost.

use entity::{Answer, Command, Context, Entity, Handle, Kind, Never, Query, data, refusals};

use super::crew::{Workload, holds};
use crate::chance::Chance;
use crate::finding::Wrong;
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The family of vaults.
#[derive(Debug)]
pub enum Vaults {}

impl Kind for Vaults {
    const NAME: &'static str = "sim.vault";
    const TAG: u16 = 60_002;
    type Key = u64;
    type Commands = (Found, Pay, Deposit, Return);
    type Queries = (Balance,);
}

/// Some money.
#[data]
#[derive(Default)]
pub struct Vault {
    is_open: bool,
    money: u64,
}

impl Entity for Vault {
    type Kind = Vaults;
    type Tables = ();
}

/// Opens a vault with some money in it.
#[data]
pub struct Found {
    /// How much.
    pub money: u64,
}

impl Command for Found {
    type Kind = Vaults;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = Never;
}

impl Handle<Found> for Vault {
    fn handle(&mut self, found: Found, _: &mut Context<'_, Self>) -> Result<(), Never> {
        (self.is_open, self.money) = (true, found.money);
        Ok(())
    }
}

/// Pays each of some others.
#[data]
pub struct Pay {
    /// Whom.
    pub others: Vec<u64>,
    /// How much each of them gets.
    pub each: u64,
}

impl Command for Pay {
    type Kind = Vaults;
    const TAG: u16 = 2;
    type Reply = u64;
    type Error = PayError;
}

/// Why nobody is paid.
#[data]
pub enum PayError {
    /// There is less money than that.
    Poor,
}

refusals! { PayError { Poor => 409 "sim_poor" "There is less money than that.", } }

impl Handle<Pay> for Vault {
    fn handle(&mut self, pay: Pay, cx: &mut Context<'_, Self>) -> Result<u64, PayError> {
        let all = pay.each * pay.others.len() as u64;
        self.money = self.money.checked_sub(all).ok_or(PayError::Poor)?;
        for other in &pay.others {
            cx.send_or(other, &Deposit { money: pay.each }, &Return { money: pay.each });
        }
        Ok(self.money)
    }
}

/// Brings money. A vault that is not open refuses it.
#[data]
pub struct Deposit {
    /// How much.
    pub money: u64,
}

impl Command for Deposit {
    type Kind = Vaults;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = DepositError;
}

/// Why money is refused.
#[data]
pub enum DepositError {
    /// The vault is not open.
    Shut,
}

refusals! { DepositError { Shut => 409 "sim_shut" "The vault is not open.", } }

impl Handle<Deposit> for Vault {
    fn handle(&mut self, told: Deposit, _: &mut Context<'_, Self>) -> Result<(), DepositError> {
        if !self.is_open {
            return Err(DepositError::Shut);
        }
        self.money = self.money.saturating_add(told.money);
        Ok(())
    }
}

/// Brings money back that was refused.
#[data]
pub struct Return {
    /// How much.
    pub money: u64,
}

impl Command for Return {
    type Kind = Vaults;
    const TAG: u16 = 4;
    type Reply = ();
    type Error = Never;
}

impl Handle<Return> for Vault {
    fn handle(&mut self, told: Return, _: &mut Context<'_, Self>) -> Result<(), Never> {
        self.money = self.money.saturating_add(told.money);
        Ok(())
    }
}

/// Asks for the money.
#[data]
pub struct Balance {}

impl Query for Balance {
    type Kind = Vaults;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Answer<Balance> for Vault {
    fn answer(&self, _: Balance, _: &Context<'_, Self>) -> Result<u64, Never> {
        Ok(self.money)
    }
}

/// What each open vault begins with.
const MONEY: u64 = 1_000;

/// Pays back and forth between vaults, the last of which is shut.
#[derive(Debug)]
pub struct Bank {
    clients: usize,
    vaults: u64,
}

impl Bank {
    /// Some clients, some vaults.
    pub fn new(chance: &mut Chance) -> Self {
        let clients = chance.within(1..=8).try_into().expect("a few");
        Self { clients, vaults: chance.within(2..=24) }
    }
}

impl Workload for Bank {
    fn clients(&self) -> usize {
        self.clients
    }

    fn ground(&mut self, _: &mut Chance) -> Vec<Call> {
        (0..self.vaults).map(|vault| Call::command(&vault, &Found { money: MONEY })).collect()
    }

    fn next(&mut self, _: usize, chance: &mut Chance) -> Option<Call> {
        let payer = chance.below(self.vaults);
        let count = chance.magnitude(1..=40);
        let others = (0..count).map(|_| chance.below(self.vaults + 1)).collect();
        let pay = Pay { others, each: chance.within(1..=MONEY) / count };
        Some(Call::command(&payer, &pay))
    }

    fn learn(&mut self, _: usize, _: &Done) -> Result<(), String> {
        Ok(())
    }

    /// No key is wrong when money is: it is the sum.
    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        let mut sum = 0;
        for vault in 0..self.vaults {
            sum += view.ask(&vault, &Balance {})?;
        }
        let shut = view.ask(&self.vaults, &Balance {})?;
        holds(shut == 0, || format!("the shut vault has {shut}"))?;
        let expected = self.vaults * MONEY;
        Ok(holds(sum == expected, || format!("there should be {expected}, and there is {sum}"))?)
    }
}

//! Faults that a correct system cannot survive: whoever checks it has to find each of them.

use cluster::storage::Class;

use crate::chance::Odds;

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Ledgers accept records of activations that are over.
    FenceIgnored,
    /// Ledgers lose a row of a class now and then.
    RowLost(Class),
    /// Ledgers drop a record now and then, and report that it has committed.
    CommitInvented,
    /// Clients repeat commands under another name.
    NameChanged,
}

impl Sabotage {
    /// Every sabotage.
    pub const ALL: [Self; 10] = [
        Self::FenceIgnored,
        Self::RowLost(Class::ReplyInside),
        Self::RowLost(Class::ReplyOutside),
        Self::RowLost(Class::Acknowledged),
        Self::RowLost(Class::LinkIn),
        Self::RowLost(Class::LinkOut),
        Self::RowLost(Class::Outbox),
        Self::RowLost(Class::WakeUp),
        Self::CommitInvented,
        Self::NameChanged,
    ];

    /// How often a sabotage of single records happens.
    pub const ODDS: Odds = Odds(300_000);
}

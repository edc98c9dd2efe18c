//! Each mutant with the world it is hunted in, how many seeds that may take, and who has to notice.

use probe::Mutant;

use crate::case::Realm;

/// What is expected of the hunt for a mutant.
#[derive(Clone, Copy, Debug)]
pub struct Game {
    /// Which.
    pub mutant: Mutant,
    /// In which world it is hunted.
    pub realm: Realm,
    /// After so many seeds it counts as survivor.
    pub budget: u64,
    /// Who has to notice: any of them.
    pub oracles: &'static [&'static str],
    /// The faults that lead to it, if others would only be in the way: they go on for a minute.
    pub faults: Option<&'static [&'static str]>,
}

const fn nodes(mutant: Mutant, budget: u64, oracles: &'static [&'static str]) -> Game {
    Game { mutant, realm: Realm::Nodes, budget, oracles, faults: None }
}

const fn executors(mutant: Mutant, budget: u64, oracles: &'static [&'static str]) -> Game {
    Game { mutant, realm: Realm::Executors, budget, oracles, faults: None }
}

impl Game {
    const fn under(self, faults: &'static [&'static str]) -> Self {
        Self { faults: Some(faults), ..self }
    }
}

/// Who notices that committed entries are gone or others.
const HISTORY: &[&str] =
    &["agreement", "raft", "order", "durability", "replicas", "counter", "register"];

/// Who notices that a command took effect twice, or never.
const ONCE: &[&str] = &["once", "counter", "bank", "answers", "register", "posts", "feeds"];

/// Every mutant.
pub const GAMES: [Game; 37] = [
    nodes(Mutant::SilenceCounted, 100, HISTORY),
    nodes(Mutant::SyncUnwaited, 100, HISTORY),
    nodes(Mutant::MarkBeforeRows, 300, HISTORY).under(&[
        "kill",
        "black-out",
        "weigh",
        "wipe",
        "cut",
    ]),
    nodes(Mutant::FormerRowsStay, 300, HISTORY),
    nodes(Mutant::CommittedTakenForApplied, 100, HISTORY),
    nodes(Mutant::PurgeAhead, 300, &["agreement", "raft", "replicas", "counter", "settling"]),
    nodes(Mutant::FenceUnchecked, 150, HISTORY),
    nodes(Mutant::ChecksumUnchecked, 500, HISTORY).under(&["kill", "rot"]),
    nodes(Mutant::DamageCut, 500, HISTORY).under(&["kill", "rot", "black-out"]),
    nodes(Mutant::LifeKept, 300, HISTORY),
    executors(Mutant::RefusalKept, 100, &["counter", "bank"]),
    nodes(Mutant::RefusalEarly, 100, &["durability"]),
    nodes(Mutant::BarrierSkipped, 100, &["register", "readers"]).under(&["cut"]),
    executors(Mutant::ClockBelieved, 500, &["links", "order"]),
    executors(Mutant::RepliesForgotten, 200, ONCE),
    executors(Mutant::RepliesShortlived, 200, ONCE),
    executors(Mutant::HighestCounts, 200, ONCE),
    executors(Mutant::KeysShortlived, 200, ONCE),
    executors(Mutant::EnvelopesUnstored, 150, &["links", "bank", "settling"]),
    executors(Mutant::GapAccepted, 200, &["links", "bank"]),
    executors(Mutant::AckEarly, 200, &["bank", "links", "settling"]),
    executors(Mutant::ResendForgotten, 100, &["settling"]),
    nodes(Mutant::ResendHasty, 100, &["bounds"]),
    executors(Mutant::FullForEver, 500, &["settling"]),
    nodes(Mutant::ClockTrusted, 100, &["settling"]),
    executors(Mutant::LetterDropped, 100, &["letters"]),
    executors(Mutant::WakeUpLost, 500, &["bounds"]),
    nodes(Mutant::ChangesMissed, 100, &["readers"]),
    nodes(Mutant::FrameSkipped, 300, &["readers"]),
    nodes(Mutant::ReaderSkips, 100, &["readers"]),
    nodes(Mutant::TrustedLong, 500, &["readers"]),
    nodes(Mutant::RevocationLate, 500, &["sockets"]),
    nodes(Mutant::RecoverySkipped, 300, &["sockets"]),
    nodes(Mutant::RecoveryDoubled, 300, &["sockets"]),
    nodes(Mutant::MembersUnconfirmed, 500, HISTORY)
        .under(&["weigh", "wipe", "cut", "pause", "decay"]),
    nodes(Mutant::RosterBelieved, 500, HISTORY),
    nodes(Mutant::CopyLeftBehind, 100, &["settling"]),
];

/// The game of a mutant.
pub fn game(mutant: Mutant) -> Option<&'static Game> {
    GAMES.iter().find(|it| it.mutant == mutant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_is_hunted() {
        let hunted: Vec<_> = GAMES.iter().map(|it| it.mutant).collect();
        assert_eq!(hunted, Mutant::ALL);
    }
}

//! What a node does with what its peers have said.

use super::presence::{Presence, Stage};
use crate::assembly::{Founder, Founding};

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Take part in founding the cluster, as this number.
    Begin {
        /// The number.
        number: u32,
        /// How it is founded.
        founding: Founding,
    },
    /// Ask the node at this address to be let in.
    Join(String),
    /// Ask again. Why: what is missing, or wrong.
    Wait(String),
}

/// What a peer has said, by the address that it was asked at.
pub(super) type Said = (String, Result<Presence, String>);

/// Decides. Nobody but the first peer founds a cluster, and it only when all are there, empty, and were
/// told to meet the same: two clusters could come into being otherwise, each of them sound.
pub fn decide(me: &Presence, said: &[Said]) -> Decision {
    let there = || said.iter().filter_map(|(address, it)| Some((address, it.as_ref().ok()?)));
    if let Some((address, _)) = there().find(|(_, it)| it.name == me.name && it.disk != me.disk) {
        return Decision::Wait(format!(
            "the node at {address} is called {} too: give one of them another name with --name",
            me.name
        ));
    }
    if let Some((address, _)) = there().find(|(_, it)| it.stage == Stage::Founded) {
        return Decision::Join(address.clone());
    }
    let founding = there().find_map(|(address, it)| match &it.stage {
        Stage::Founding(founding) => Some((address, founding)),
        Stage::Empty | Stage::Founded => None,
    });
    if let Some((address, founding)) = founding {
        return match place(&founding.founders, me) {
            Some(number) => Decision::Begin { number, founding: founding.clone() },
            None => Decision::Wait(format!("the node at {address} founds a cluster without us")),
        };
    }
    found(me, said)
}

/// The number of a founder.
fn place(founders: &[Founder], me: &Presence) -> Option<u32> {
    let at = founders.iter().position(|it| it.name == me.name && it.disk == me.disk)?;
    u32::try_from(at + 1).ok()
}

/// Founds a cluster, if this is the one to do so, and everybody is there.
fn found(me: &Presence, said: &[Said]) -> Decision {
    let absent = |(address, it): &Said| it.as_ref().err().map(|why| format!("{address}: {why}"));
    let absent: Vec<_> = said.iter().filter_map(absent).collect();
    if !absent.is_empty() {
        return Decision::Wait(format!("not all peers are there: {}", absent.join("; ")));
    }
    let is_me = |(_, it): &Said| it.as_ref().is_ok_and(|it| it.disk == me.disk);
    let Some(own) = said.iter().position(is_me) else {
        return Decision::Wait(
            "none of --peers is this node, and there is no cluster yet".to_owned(),
        );
    };
    let there = || said.iter().filter_map(|(address, it)| Some((address, it.as_ref().ok()?)));
    if let Some((address, other)) = there().find(|(_, it)| it.peers != me.peers) {
        return Decision::Wait(format!(
            "the node at {address} was started with other peers, {}: all need the same, in the same \
             order",
            other.peers.join(",")
        ));
    }
    if own > 0 {
        return Decision::Wait(format!("the node at {} is to found the cluster", said[0].0));
    }
    let mut founders: Vec<Founder> = Vec::new();
    for (address, it) in there() {
        if let Some(same) = founders.iter().find(|known| known.disk == it.disk) {
            return Decision::Wait(format!("{} and {address} are the same node", same.address));
        }
        if founders.iter().any(|known| known.name == it.name) {
            return Decision::Wait(format!("two nodes are called {}: see --name", it.name));
        }
        founders.push(it.at(address));
    }
    let founding = Founding { shards: me.shards, copies: me.copies, founders };
    Decision::Begin { number: 1, founding }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Presence {
        Presence {
            name: name.to_owned(),
            disk: format!("disk of {name}"),
            zone: String::new(),
            weight: 100,
            peers: ["a", "b", "c"].map(str::to_owned).to_vec(),
            shards: 8,
            release: 1,
            copies: 3,
            stage: Stage::Empty,
        }
    }

    fn said(nodes: [Option<Presence>; 3]) -> Vec<Said> {
        let absent = || "no answer".to_owned();
        let names = ["a", "b", "c"].map(str::to_owned);
        names.into_iter().zip(nodes.map(|it| it.ok_or_else(absent))).collect()
    }

    fn all() -> [Option<Presence>; 3] {
        ["a", "b", "c"].map(|it| Some(node(it)))
    }

    fn founding() -> Founding {
        let founders = ["a", "b", "c"].map(|it| node(it).at(it)).to_vec();
        Founding { shards: 8, copies: 3, founders }
    }

    fn wait(decision: Decision) -> String {
        match decision {
            Decision::Wait(why) => why,
            other @ (Decision::Begin { .. } | Decision::Join(_)) => {
                panic!("it does not wait: {other:?}")
            }
        }
    }

    #[test]
    fn the_first_founds_when_all_are_there_and_empty() {
        let begin = Decision::Begin { number: 1, founding: founding() };
        assert_eq!(decide(&node("a"), &said(all())), begin);
        let why = wait(decide(&node("b"), &said(all())));
        assert_eq!(why, "the node at a is to found the cluster");
    }

    #[test]
    fn nobody_founds_while_one_is_missing() {
        let [a, b, _] = all();
        let why = wait(decide(&node("a"), &said([a, b, None])));
        assert_eq!(why, "not all peers are there: c: no answer");
        let why = wait(decide(&node("x"), &said(all())));
        assert!(why.contains("none of --peers is this node"), "{why}");
    }

    #[test]
    fn whoever_founds_is_followed_by_those_it_has_seen() {
        let first = Presence { stage: Stage::Founding(founding()), ..node("a") };
        let [_, b, _] = all();
        let heard = said([Some(first), b, None]);
        assert_eq!(decide(&node("b"), &heard), Decision::Begin { number: 2, founding: founding() });
        let wiped = Presence { disk: "another".to_owned(), ..node("c") };
        assert!(wait(decide(&wiped, &heard)).contains("without us"));
    }

    #[test]
    fn a_cluster_that_there_is_is_joined() {
        let [a, b, _] = all();
        let founded = Presence { stage: Stage::Founded, ..node("c") };
        let heard = said([a, b, Some(founded)]);
        assert_eq!(decide(&node("a"), &heard), Decision::Join("c".to_owned()));
        let twin = Presence { disk: "another".to_owned(), ..node("c") };
        assert!(wait(decide(&twin, &heard)).contains("give one of them another name"));
    }

    #[test]
    fn what_cannot_be_right_waits() {
        let twin = Presence { disk: "another".to_owned(), ..node("a") };
        let [a, b, c] = all();
        let why = wait(decide(&node("a"), &said([a.clone(), Some(twin), c.clone()])));
        assert!(why.contains("give one of them another name"), "{why}");
        let other = Presence { peers: vec!["b".to_owned()], ..node("c") };
        let why = wait(decide(&node("a"), &said([a.clone(), b.clone(), Some(other)])));
        assert!(why.contains("started with other peers"), "{why}");
        let why = wait(decide(&node("a"), &said([a.clone(), a, c])));
        assert_eq!(why, "a and b are the same node");
    }
}

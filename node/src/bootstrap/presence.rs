//! What nodes ask each other before they have numbers, and what they answer.

use bytes::Bytes;
use cluster::meta::NodeRecord;
use serde::{Deserialize, Serialize};

use crate::assembly::{Founder, Founding};

/// A question to whoever is at an address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Question {
    /// Who is there?
    Who,
    /// May this node join?
    Join(Founder),
}

/// What is answered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Answer {
    /// This node is there.
    Here(Presence),
    /// It has joined under this number.
    Joined(u32),
    /// It has not, and why.
    Refused(String),
}

/// Who a node is, and how far it has come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Presence {
    /// Its name.
    pub name: String,
    /// Its disk, as its data folder says.
    pub disk: String,
    /// Its zone; empty if there are none.
    pub zone: String,
    /// Its share of the shards.
    pub weight: u32,
    /// Whom it was told to meet, in this order.
    pub peers: Vec<String>,
    /// How many shards it would found a cluster with.
    pub shards: u32,
    /// How many copies of each.
    pub copies: u8,
    /// The newest release whose layouts its program can read.
    pub release: u16,
    /// How far it has come.
    pub stage: Stage,
}

/// How far a node has come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Stage {
    /// It has no data, and belongs to nobody yet.
    Empty,
    /// It is about to found the cluster, itself among the founders.
    Founding(Founding),
    /// It belongs to a cluster that there is.
    Founded,
}

impl Presence {
    /// The same, with the address where it was found.
    pub fn at(&self, address: &str) -> Founder {
        let Self { name, disk, zone, weight, release, .. } = self.clone();
        Founder { name, disk, zone, weight, address: address.to_owned(), release }
    }
}

/// A node as the cluster keeps it.
pub(super) fn record(founder: &Founder) -> NodeRecord {
    let Founder { name, disk, zone, weight, address, release } = founder.clone();
    // What is no number was written by nobody, and names no disk.
    let disk = u128::from_str_radix(&disk, 16).unwrap_or(0);
    NodeRecord { name, disk, zone, weight, address, release }
}

pub(super) fn encode(said: &impl Serialize) -> Bytes {
    serde_json::to_vec(said).expect("texts and numbers").into()
}

pub(super) fn decode<'a, T: Deserialize<'a>>(said: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(said).map_err(|error| format!("it speaks something else: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_is_a_question_or_an_answer_or_refused() {
        let presence = Presence {
            name: "n1".to_owned(),
            disk: "0f".to_owned(),
            zone: String::new(),
            weight: 100,
            peers: vec!["a:7400".to_owned()],
            shards: 8,
            copies: 3,
            release: 1,
            stage: Stage::Empty,
        };
        let join = Question::Join(presence.at("a:7400"));
        let seeds = [
            encode(&Question::Who),
            encode(&join),
            encode(&Answer::Here(presence)),
            encode(&Answer::Joined(7)),
        ];
        fuzz::target("presence").seeds(seeds).run(|bytes| {
            if let Ok(question) = decode::<Question>(bytes) {
                if let Question::Join(founder) = &question {
                    record(founder);
                }
                assert_eq!(decode(&encode(&question)), Ok(question));
            }
            if let Ok(answer) = decode::<Answer>(bytes) {
                assert_eq!(decode(&encode(&answer)), Ok(answer));
            }
        });
    }
}

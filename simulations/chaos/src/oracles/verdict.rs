//! What oracles find.

use std::ops::AddAssign;

/// Most sentences that are kept: the first ones tell what the others follow from.
const SENTENCES_MAX: usize = 20;

/// What oracles find.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    /// Writes that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Those of them that are not there.
    pub(crate) lost: u64,
    /// Writes that took effect more than once.
    pub(crate) twice: u64,
    /// What is wrong.
    pub(crate) sentences: Vec<String>,
}

impl Verdict {
    /// Something is wrong.
    pub(crate) fn say(&mut self, sentence: String) {
        if self.sentences.len() < SENTENCES_MAX {
            self.sentences.push(sentence);
        }
    }
}

impl AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.twice += other.twice;
        for sentence in other.sentences {
            self.say(sentence);
        }
    }
}

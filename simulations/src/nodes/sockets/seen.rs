//! What a device has seen of a channel: item after item, or a gap that it was told of and a look at the
//! whole behind it.

use entity::Time;
use serde_json::Value;

use crate::workloads::crew::holds;

/// Where a device is in a channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Position {
    /// Of which history.
    pub epoch: String,
    /// The last item that it has.
    pub offset: u64,
}

/// What a device has seen of a channel.
#[derive(Debug, Default)]
pub struct Seen {
    /// Where it is; nowhere before it has followed the channel once.
    pub position: Option<Position>,
    /// Items without a gap among them.
    pub runs: Vec<Run>,
    /// Looks at the whole.
    pub looks: Vec<Look>,
    /// Whether it has to look at the whole, because there was a gap.
    pub is_blind: bool,
}

/// Items without a gap among them.
#[derive(Debug)]
pub struct Run {
    /// They begin behind this one.
    pub from: u64,
    /// In order, each with when it was asked for, unless it came by itself.
    pub items: Vec<(Option<Time>, Value)>,
}

/// A look at the whole.
#[derive(Debug)]
pub struct Look {
    /// Where the device was when it began to look, and what had been published when it had seen all.
    pub offsets: (u64, u64),
    /// When it began.
    pub at: Time,
    /// Newest first.
    pub items: Vec<Value>,
}

/// What is known of a channel when a device follows it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The history that all channels belong to.
    pub epoch: &'a str,
    /// The last item that has committed.
    pub last: u64,
    /// Most items that whoever comes back gets.
    pub recovered_max: u64,
}

/// What a device is told that follows a channel from now on.
#[derive(Debug)]
pub struct Begun {
    /// When it asked.
    pub asked: Time,
    /// Where it said to be, if it did.
    pub since: Option<Position>,
    /// As it was told.
    pub position: Position,
    /// Whether it was told that this had been asked for.
    pub was_recovering: bool,
    /// Whether it was told to have missed nothing.
    pub is_recovered: bool,
    /// What came since, each with its offset.
    pub missed: Vec<(u64, Value)>,
}

impl Seen {
    /// The device follows the channel from now on.
    ///
    /// # Errors
    ///
    /// What is wrong with what it was told.
    pub fn begin(&mut self, begun: Begun, known: Known<'_>) -> Result<(), String> {
        let Begun { asked, since, position, was_recovering, is_recovered, missed } = begun;
        holds(was_recovering == since.is_some(), || format!("{since:?} was not heard"))?;
        holds(position.epoch == known.epoch, || format!("{position:?} of {known:?}"))?;
        holds(position.offset <= known.last, || format!("{position:?} is ahead of {known:?}"))?;
        if !is_recovered {
            holds(missed.is_empty(), || "items came, and more may be missing".to_owned())?;
            if let Some(since) = since {
                let is_there = since.epoch == known.epoch && since.offset <= known.last;
                let is_near = is_there && known.last - since.offset <= known.recovered_max;
                holds(!is_near, || format!("{since:?} was not recovered although {known:?}"))?;
            }
            self.is_blind = true;
            self.runs.push(Run { from: position.offset, items: Vec::new() });
            self.position = Some(position);
            return Ok(());
        }
        let since = since.ok_or("nothing was asked for, and recovered")?;
        let is_ours = self.position.as_ref() == Some(&since);
        holds(is_ours, || format!("{since:?} was recovered, and never was"))?;
        let count = missed.len() as u64;
        holds(count <= known.recovered_max, || format!("{count} items came, in {known:?}"))?;
        for (offset, item) in missed {
            self.item(offset, item, Some(asked))?;
        }
        let end = self.position.as_ref().map_or(0, |it| it.offset);
        holds(end == position.offset, || format!("items came up to {end}, and it is {position:?}"))
    }

    /// An item has come by itself.
    ///
    /// # Errors
    ///
    /// When it is not the next one.
    pub fn pushed(&mut self, offset: u64, item: Value, last: u64) -> Result<(), String> {
        holds(offset <= last, || format!("{offset} came, and {last} is the last that committed"))?;
        self.item(offset, item, None)
    }

    fn item(&mut self, offset: u64, item: Value, asked: Option<Time>) -> Result<(), String> {
        let position = self.position.as_mut().ok_or("an item came before the beginning")?;
        let before = std::mem::replace(&mut position.offset, offset);
        holds(offset == before + 1, || format!("{offset} follows {before}"))?;
        let run = self.runs.last_mut().ok_or("an item came before the beginning")?;
        run.items.push((asked, item));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known<'_> = Known { epoch: "e", last: 9, recovered_max: 3 };

    fn at(offset: u64) -> Position {
        Position { epoch: "e".to_owned(), offset }
    }

    fn begun(since: Option<Position>, position: u64, missed: &[u64]) -> Begun {
        Begun {
            asked: Time(1),
            was_recovering: since.is_some(),
            is_recovered: since.is_some(),
            since,
            position: at(position),
            missed: missed.iter().map(|it| (*it, Value::Null)).collect(),
        }
    }

    /// A device that has items up to 6.
    fn seen() -> Seen {
        let mut seen = Seen::default();
        seen.begin(begun(None, 5, &[]), KNOWN).unwrap();
        seen.pushed(6, Value::Null, 6).unwrap();
        seen
    }

    #[test]
    fn only_what_is_whole_is_recovered() {
        let cases = [
            (begun(Some(at(6)), 9, &[7, 8, 9]), true),
            (begun(Some(at(6)), 6, &[]), true),
            (begun(Some(at(6)), 9, &[7, 9]), false),
            (begun(Some(at(6)), 9, &[8, 9]), false),
            (begun(Some(at(6)), 9, &[6, 7, 8, 9]), false),
            (begun(Some(at(6)), 9, &[]), false),
            (begun(Some(at(6)), 8, &[7, 8, 9]), false),
            (begun(Some(at(5)), 9, &[6, 7, 8, 9]), false),
            (Begun { is_recovered: true, ..begun(None, 6, &[]) }, false),
            (Begun { was_recovering: false, ..begun(Some(at(6)), 6, &[]) }, false),
            (begun(Some(at(6)), 10, &[7, 8, 9, 10]), false),
        ];
        for (number, (begun, expected)) in cases.into_iter().enumerate() {
            assert_eq!(seen().begin(begun, KNOWN).is_ok(), expected, "{number}");
        }
    }

    #[test]
    fn gaps_have_reasons() {
        let not = |since, missed: &[u64]| Begun { is_recovered: false, ..begun(since, 9, missed) };
        let other = Position { epoch: "f".to_owned(), offset: 6 };
        let cases = [
            (not(None, &[]), true),
            (not(Some(at(6)), &[]), false),
            (not(Some(at(5)), &[]), true),
            (not(Some(at(10)), &[]), true),
            (not(Some(other), &[]), true),
            (not(Some(at(5)), &[9]), false),
        ];
        for (number, (begun, expected)) in cases.into_iter().enumerate() {
            let mut seen = seen();
            assert_eq!(seen.begin(begun, KNOWN).is_ok(), expected, "{number}");
            assert!(!expected || seen.is_blind);
        }
    }

    #[test]
    fn items_come_once_and_in_order() {
        for (offset, last, expected) in [(7, 9, true), (6, 9, false), (8, 9, false), (7, 6, false)]
        {
            assert_eq!(seen().pushed(offset, Value::Null, last).is_ok(), expected, "{offset}");
        }
    }
}

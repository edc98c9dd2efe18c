//! What many seeds have reached together: rare states, and points that fired.

use std::collections::BTreeMap;
use std::fmt;

use probe::{Point, Rare, Seen};

/// How often each rare state was reached, and each point fired, in all seeds together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    rare: BTreeMap<Rare, u64>,
    fired: BTreeMap<Point, u64>,
}

/// What the lines of a tally begin with.
const RARE: &str = "reached";
const FIRED: &str = "fired";

impl Tally {
    /// Counts a seed.
    pub fn add(&mut self, seen: &Seen) {
        for (rare, count) in &seen.rare {
            *self.rare.entry(*rare).or_default() += count;
        }
        for (point, count) in &seen.fired {
            *self.fired.entry(*point).or_default() += count;
        }
    }

    /// Counts what a line of another tally says. Yields whether it is one.
    pub fn read(&mut self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        let (Some(kind), Some(name), Some(count)) = (words.next(), words.next(), words.next())
        else {
            return false;
        };
        let Ok(count) = count.parse::<u64>() else { return false };
        match (kind, Rare::of(name), Point::of(name)) {
            (RARE, Some(rare), _) => *self.rare.entry(rare).or_default() += count,
            (FIRED, _, Some(point)) => *self.fired.entry(point).or_default() += count,
            _ => return false,
        }
        true
    }

    /// What was never reached, and what never fired.
    pub fn missing(&self) -> Vec<&'static str> {
        let rare = Rare::ALL.iter().filter(|it| !self.rare.contains_key(it)).map(|it| it.name());
        let fired = Point::ALL.iter().filter(|it| !self.fired.contains_key(it)).map(|it| it.name());
        rare.chain(fired).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rare in Rare::ALL {
            let count = self.rare.get(rare).copied().unwrap_or(0);
            writeln!(f, "{RARE} {:<24} {count:>9}  {}", rare.name(), rare.what())?;
        }
        for point in Point::ALL {
            let count = self.fired.get(point).copied().unwrap_or(0);
            writeln!(f, "{FIRED} {:<26} {count:>9}  {}", point.name(), point.what())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_processes_print_adds_up() {
        let mut tally = Tally::default();
        let rare = BTreeMap::from([(Rare::TornTailCut, 2)]);
        let fired = BTreeMap::from([(Point::RowNotHere, 3)]);
        tally.add(&Seen { rare, fired, overfull: None });
        let mut sum = tally.clone();
        let lines = tally.to_string();
        assert!(lines.lines().all(|line| sum.read(line)), "{lines}");
        assert!(!sum.read("seeds 7 violations 0"));
        assert_eq!((sum.rare[&Rare::TornTailCut], sum.fired[&Point::RowNotHere]), (4, 6));
        assert!(!sum.read("reached nothing 7"));
        let (missing, all) = (tally.missing(), Rare::ALL.len() + Point::ALL.len());
        assert_eq!(missing.len(), all - 2);
    }
}

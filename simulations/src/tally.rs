//! What many seeds have reached together: how much of what, rare states, and points that fired.

use std::collections::BTreeMap;
use std::fmt;

use probe::{Point, Rare};

use crate::case::{Ran, Realm};

/// How much of what happened in all seeds together, how often each rare state was reached, and how often
/// each point fired.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// By world and name.
    sums: BTreeMap<String, u64>,
    rare: BTreeMap<Rare, u64>,
    fired: BTreeMap<Point, u64>,
}

/// What the lines of a tally begin with.
const SUM: &str = "summed";
const RARE: &str = "reached";
const FIRED: &str = "fired";

impl Tally {
    /// Counts a seed.
    pub fn add(&mut self, realm: Realm, ran: &Ran) {
        let mut sum = |name: &str, count: u64| {
            *self.sums.entry(format!("{}/{name}", realm.name())).or_default() += count;
        };
        sum("seeds", 1);
        for (name, count) in &ran.sums {
            sum(name, *count);
        }
        for (class, count) in &ran.events {
            sum(&format!("fault/{class}"), *count);
        }
        for (rare, count) in &ran.seen.rare {
            *self.rare.entry(*rare).or_default() += count;
        }
        for (point, count) in &ran.seen.fired {
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
            (SUM, ..) => *self.sums.entry(name.to_owned()).or_default() += count,
            (RARE, Some(rare), _) => *self.rare.entry(rare).or_default() += count,
            (FIRED, _, Some(point)) => *self.fired.entry(point).or_default() += count,
            _ => return false,
        }
        true
    }

    /// What was never reached, and what never fired.
    pub fn missing(&self) -> Vec<&'static str> {
        // A tally that was read holds zeros, too.
        let is_never = |count: Option<&u64>| count.is_none_or(|it| *it == 0);
        let rare = Rare::ALL.iter().filter(|it| is_never(self.rare.get(it))).map(|it| it.name());
        let fired = Point::ALL.iter().filter(|it| is_never(self.fired.get(it)));
        rare.chain(fired.map(|it| it.name())).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.sums {
            writeln!(f, "{SUM} {name:<32} {count:>12}")?;
        }
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
    use probe::Seen;

    use super::*;
    use crate::timeline::Timeline;

    #[test]
    fn what_processes_print_adds_up() {
        let mut tally = Tally::default();
        let rare = BTreeMap::from([(Rare::TornTailCut, 2)]);
        let fired = BTreeMap::from([(Point::RowNotHere, 3)]);
        let ran = Ran {
            line: String::new(),
            events: BTreeMap::from([("kill", 5)]),
            sums: vec![("seconds", 60)],
            seen: Seen { rare, fired, overfull: None },
            timeline: Timeline::default(),
            finding: None,
        };
        tally.add(Realm::Nodes, &ran);
        let mut sum = tally.clone();
        let lines = tally.to_string();
        assert!(lines.lines().all(|line| sum.read(line)), "{lines}");
        assert!(!sum.read("seeds 7 violations 0"));
        assert_eq!((sum.rare[&Rare::TornTailCut], sum.fired[&Point::RowNotHere]), (4, 6));
        let names = ["nodes/fault/kill", "nodes/seconds", "nodes/seeds"];
        assert_eq!(sum.sums, names.map(str::to_owned).into_iter().zip([10, 120, 2]).collect());
        assert!(!sum.read("reached nothing 7"));
        let (missing, all) = (tally.missing(), Rare::ALL.len() + Point::ALL.len());
        assert_eq!((missing.len(), sum.missing()), (all - 2, missing));
    }
}

//! What came of a run, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::oracles::verdict::Verdict;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What repeats the choices that were drawn.
    pub seed: u64,
    /// In the order in which they happened.
    pub rows: Vec<Row>,
}

/// What came of one fault.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is called.
    pub fault: &'static str,
    /// What came of it.
    pub came: Came,
}

/// What came of a fault.
#[derive(Clone, Debug)]
pub enum Came {
    /// This machine cannot do it: why.
    Skipped(String),
    /// It happened.
    Happened(Happened),
}

/// What a fault did, each time that it happened.
#[derive(Clone, Debug)]
pub struct Happened {
    pub(crate) times: u32,
    pub(crate) verdict: Verdict,
    /// The longest time within which no write to some shard was acknowledged.
    pub(crate) away: Duration,
    /// What 99 of 100 operations did not exceed, before it and while it happened.
    pub(crate) p99: (Option<Duration>, Option<Duration>),
    /// Attempts that came to nothing and were repeated, by why.
    pub(crate) missed: BTreeMap<String, u64>,
    /// What else was seen.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Takes in what came of a fault. One that has happened before has one row for all.
    pub(crate) fn add(&mut self, row: Row) {
        match (self.rows.iter_mut().find(|it| it.fault == row.fault), row.came) {
            (None, came) => self.rows.push(Row { came, ..row }),
            (Some(Row { came: Came::Happened(before), .. }), Came::Happened(happened)) => {
                before.join(happened);
            }
            // What cannot be done cannot be done twice.
            (Some(_), Came::Skipped(_)) => {}
            (Some(before), came @ Came::Happened(_)) => before.came = came,
        }
    }

    /// What must hold and did not.
    pub fn violations(&self) -> impl Iterator<Item = (&'static str, &String)> {
        self.rows.iter().flat_map(|row| {
            let sentences = match &row.came {
                Came::Skipped(_) => &[][..],
                Came::Happened(happened) => &happened.verdict.sentences,
            };
            sentences.iter().map(|it| (row.fault, it))
        })
    }

    /// Whether any fault has happened: without one nothing is proven.
    pub fn has_happened(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.came, Came::Happened(_)))
    }

    /// Faults that this machine cannot do.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.rows.iter().filter_map(|row| match &row.came {
            Came::Skipped(why) => Some((row.fault, why.as_str())),
            Came::Happened(_) => None,
        })
    }
}

impl Happened {
    /// Whether all held that must.
    pub(crate) fn is_sound(&self) -> bool {
        self.verdict.sentences.is_empty()
    }

    fn join(&mut self, other: Self) {
        self.times += other.times;
        self.verdict += other.verdict;
        self.away = self.away.max(other.away);
        self.p99 = (self.p99.0.max(other.p99.0), self.p99.1.max(other.p99.1));
        for (why, times) in other.missed {
            *self.missed.entry(why).or_default() += times;
        }
        self.notes.extend(other.notes);
    }
}

impl Default for Happened {
    fn default() -> Self {
        Self {
            times: 1,
            verdict: Verdict::default(),
            away: Duration::ZERO,
            p99: (None, None),
            missed: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| fault | result | acknowledged | away at most | lost | twice | p99 before, during | seen |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        writeln!(f, "\nseed {}", self.seed)?;
        for (fault, sentence) in self.violations() {
            writeln!(f, "- {fault}: {sentence}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let happened = match &self.came {
            Came::Skipped(why) => return write!(f, "| {} | SKIP: {why} | | | | | | |", self.fault),
            Came::Happened(happened) => happened,
        };
        let Verdict { acknowledged, lost, twice, sentences } = &happened.verdict;
        let result = if sentences.is_empty() { "ok" } else { "**violation**" };
        let ms = |it: Option<Duration>| {
            it.map_or("none".to_owned(), |it| format!("{} ms", it.as_millis()))
        };
        let (before, during) = happened.p99;
        let missed = happened.missed.iter().map(|(why, times)| format!("{times} {why}"));
        let missed = missed.collect::<Vec<_>>().join(", ");
        let mut notes = happened.notes.clone();
        if !missed.is_empty() {
            notes.push(format!("repeated: {missed}"));
        }
        write!(
            f,
            "| {} | {result} | {acknowledged} | {:.2} s | {lost} | {twice} | {}, {} | {} |",
            self.fault,
            happened.away.as_secs_f64(),
            ms(before),
            ms(during),
            notes.join("; ")
        )
    }
}

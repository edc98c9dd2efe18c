//! A failure with less and less of everything, as long as the same oracle finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::case::{Case, Ran};
use crate::finding::Oracle;
use crate::scenario::Scenario;

/// A failure that gets smaller.
pub struct Shrinking {
    case: Case,
    oracle: Oracle,
    events: BTreeMap<&'static str, u64>,
    deadline: Instant,
    /// How often it was run.
    pub runs: u64,
}

/// A part of a scenario that is a set of names.
type Names = fn(&mut Scenario) -> &mut Option<BTreeSet<String>>;

const SETS: [Names; 4] =
    [|it| &mut it.points, |it| &mut it.knobs, |it| &mut it.faults, |it| &mut it.workloads];

impl Shrinking {
    /// A case that fails; none if it does not.
    #[expect(clippy::disallowed_methods, reason = "a person's time is limited; no seed sees it")]
    pub fn of(case: &Case, limit: Duration) -> Option<Self> {
        let deadline = Instant::now() + limit;
        let case = case.explicit();
        let Ran { finding, events, .. } = case.run();
        let oracle = finding?.oracle;
        Some(Self { case, oracle, events, deadline, runs: 1 })
    }

    /// Takes away what is not needed, until nothing can go or time is up.
    pub fn shrink(&mut self) -> &Case {
        loop {
            let before = self.case.clone();
            for names in SETS {
                self.drop_names(names);
            }
            self.drop_events();
            self.lower(1, |it| &mut it.operations, 1_000);
            self.lower(1, |it| &mut it.lasting, 60_000);
            self.lower_clients();
            if self.case == before || self.is_late() {
                return &self.case;
            }
        }
    }

    /// Who noticed.
    pub fn oracle(&self) -> Oracle {
        self.oracle
    }

    #[expect(clippy::disallowed_methods, reason = "a person's time is limited; no seed sees it")]
    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Whether it still fails with something changed; then it stays so.
    fn accepts(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        if self.is_late() {
            return false;
        }
        let mut case = self.case.clone();
        change(&mut case.scenario);
        if case == self.case {
            return false;
        }
        self.runs += 1;
        let ran = case.run();
        let is_same = ran.finding.is_some_and(|it| it.oracle == self.oracle);
        if is_same {
            (self.case, self.events) = (case, ran.events);
        }
        is_same
    }

    fn drop_names(&mut self, names: Names) {
        let all: Vec<_> =
            names(&mut self.case.scenario).clone().unwrap_or_default().into_iter().collect();
        self.drop_parts(&all, &|scenario, gone| {
            if let Some(set) = names(scenario) {
                set.retain(|it| !gone.contains(it));
            }
        });
    }

    /// Leaves out halves, quarters, and so on, and in the end each by itself.
    fn drop_parts<T: Clone>(&mut self, all: &[T], leave_out: &dyn Fn(&mut Scenario, &[T])) {
        if all.is_empty() || self.accepts(|it| leave_out(it, all)) || all.len() == 1 {
            return;
        }
        let (first, second) = all.split_at(all.len() / 2);
        self.drop_parts(first, leave_out);
        self.drop_parts(second, leave_out);
    }

    fn drop_events(&mut self) {
        let classes = self.case.scenario.faults.clone().unwrap_or_default();
        for class in classes {
            let Some(count) = self.events.get(class.as_str()).copied() else { continue };
            let known = self.case.scenario.events.get(&class).cloned();
            let all: Vec<u64> =
                known.unwrap_or_else(|| (1..=count).collect()).into_iter().collect();
            self.drop_parts(&all, &|scenario, gone| {
                let left =
                    scenario.events.entry(class.clone()).or_insert_with(|| (1..=count).collect());
                left.retain(|it| !gone.contains(it));
            });
        }
    }

    /// Halves a number as long as that works, then looks for the smallest that does.
    fn lower(&mut self, min: u64, number: fn(&mut Scenario) -> &mut Option<u64>, usual: u64) {
        let (mut low, mut high) = (min, number(&mut self.case.scenario).unwrap_or(usual));
        while low < high {
            let middle = u64::midpoint(low, high);
            if self.accepts(|it| *number(it) = Some(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
            // Close enough.
            if high - low <= high / 16 {
                return;
            }
        }
    }

    fn lower_clients(&mut self) {
        for clients in 1..4 {
            let before = self.case.scenario.clients.unwrap_or(usize::MAX);
            if clients < before && self.accepts(|it| it.clients = Some(clients)) {
                return;
            }
        }
    }
}

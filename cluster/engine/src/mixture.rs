//! The widest of the promises: whatever is done in whatever order, a reader sees what was applied.

use std::collections::BTreeMap;

use bytes::Bytes;
use entity::transaction::{Order, Range};

use crate::conformance::Bench;
use crate::port::{Applied, Change, Engine, GroupId, Row};

const GROUPS: u64 = 3;

const STEPS: u64 = 3_000;

/// Few enough that rows are written again, removed and written once more.
const ENTITIES: u64 = 40;

/// With values of this size an engine with little memory moves rows on every few steps.
const VALUE_BYTES_MAX: u64 = 300;

/// What the groups must hold, and a source of numbers that is the same each time.
struct Model {
    groups: BTreeMap<GroupId, BTreeMap<Bytes, Bytes>>,
    step: u64,
    state: u64,
}

pub(crate) fn any_mixture(bench: &mut dyn Bench) {
    let mut model = Model { groups: BTreeMap::new(), step: 0, state: 7 };
    for step in 1..=STEPS {
        model.step = step;
        let group = GroupId::try_from(1 + model.below(GROUPS)).expect("small");
        match model.below(400) {
            0 => bench.reopen(),
            1 => drop(bench.engine().flush().expect("it flushes")),
            2 => model.install(bench.engine(), group),
            3 => model.remove(bench.engine(), group),
            4..10 => model.snapshot(bench.engine(), group),
            10..100 => model.get(bench.engine(), group),
            100..200 => model.scan(bench.engine(), group),
            _ => model.apply(bench.engine(), group),
        }
    }
}

impl Model {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.state >> 33) % end
    }

    /// A row of an entity: its head, a row, or an item of a stream.
    fn key(&mut self) -> Bytes {
        let (entity, part) = (self.below(ENTITIES), self.below(4));
        let bytes = [entity % 3, entity % 2, 0, 3, 1, entity, part];
        bytes.iter().map(|it| u8::try_from(*it).expect("small")).collect()
    }

    fn value(&mut self) -> Bytes {
        let bytes = usize::try_from(self.below(VALUE_BYTES_MAX)).expect("small");
        self.step.to_be_bytes().into_iter().cycle().take(bytes).collect()
    }

    fn apply(&mut self, engine: &dyn Engine, group: GroupId) {
        let mut changes = Vec::new();
        for _ in 0..self.below(12) {
            let (key, is_put) = (self.key(), self.below(3) > 0);
            let value = is_put.then(|| self.value());
            let rows = self.groups.entry(group).or_default();
            match &value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(&key),
            };
            changes.push(Change { key, value });
        }
        self.groups.entry(group).or_default();
        let applied = Applied { changes, applied: self.step, detail: Bytes::new() };
        engine.apply(vec![(group, applied)]).expect("it applies");
    }

    fn install(&mut self, engine: &dyn Engine, group: GroupId) {
        let rows: BTreeMap<_, _> = (0..20).map(|_| (self.key(), self.value())).collect();
        let mut install = engine.install(group).expect("an install");
        install.put(rows.clone().into_iter().collect()).expect("it takes rows");
        install.finish(self.step, Bytes::new()).expect("it ends");
        self.groups.insert(group, rows);
    }

    fn remove(&mut self, engine: &dyn Engine, group: GroupId) {
        engine.remove(group).expect("it is removed");
        self.groups.remove(&group);
    }

    fn rows(&self, group: GroupId) -> BTreeMap<Bytes, Bytes> {
        self.groups.get(&group).cloned().unwrap_or_default()
    }

    fn get(&mut self, engine: &dyn Engine, group: GroupId) {
        let key = self.key();
        let expected = self.rows(group).get(&key).cloned();
        assert_eq!(engine.get(group, &key), Ok(expected), "step {}, key {key:?}", self.step);
    }

    fn scan(&mut self, engine: &dyn Engine, group: GroupId) {
        let (one, other) = (self.key(), self.key());
        let cut = usize::try_from(self.below(7)).expect("small");
        let (from, to) = (one.min(other.clone()).slice(..cut), other);
        let limit = usize::try_from(1 + self.below(30)).expect("small");
        let mut rows: Vec<Row> = self.rows(group).into_iter().collect();
        rows.retain(|(key, _)| *key >= from && *key < to);
        for order in [Order::Up, Order::Down] {
            let expected: Vec<Row> = match order {
                Order::Up => rows.iter().take(limit).cloned().collect(),
                Order::Down => rows.iter().rev().take(limit).cloned().collect(),
            };
            let range = Range { from: from.to_vec(), to: to.to_vec(), order, limit };
            assert_eq!(engine.scan(group, &range), Ok(expected), "step {}", self.step);
        }
    }

    fn snapshot(&mut self, engine: &dyn Engine, group: GroupId) {
        let mut snapshot = engine.snapshot(group).expect("a snapshot");
        let mut found = Vec::new();
        while let Some(rows) = snapshot.next_chunk(500).expect("a chunk") {
            found.extend(rows);
        }
        let expected: Vec<Row> = self.rows(group).into_iter().collect();
        assert_eq!(found, expected, "step {}", self.step);
    }
}

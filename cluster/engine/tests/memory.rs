//! The engine in memory keeps what every engine promises, and fails when it is told to.

use bytes::Bytes;
use engine::conformance::{self, Bench};
use engine::{
    Applied, Change, Engine, EngineError, GroupId, MemoryDisk, MemoryEngine, Pressure, State,
};

struct Memory {
    disk: MemoryDisk,
    engine: MemoryEngine,
    seed: u64,
}

impl Memory {
    fn new(seed: u64) -> Self {
        let disk = MemoryDisk::new();
        Self { engine: disk.open(), disk, seed }
    }
}

impl Bench for Memory {
    fn engine(&self) -> &dyn Engine {
        &self.engine
    }

    fn reopen(&mut self) {
        self.engine = self.disk.open();
    }

    fn crash(&mut self) {
        let seed = &mut self.seed;
        self.engine = self.disk.crash(&mut |bound| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*seed >> 33) % bound
        });
    }
}

fn put(key: &str, index: u64) -> Applied {
    let value = Some(Bytes::from(index.to_string()));
    let changes = vec![Change { key: Bytes::copy_from_slice(key.as_bytes()), value }];
    Applied { changes, applied: index, detail: Bytes::new() }
}

fn index(engine: &MemoryEngine, group: GroupId) -> u64 {
    match engine.state(group) {
        Some(State::Sound(mark)) => mark.applied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_conforms() {
    for seed in 0..20 {
        conformance::run(|| Memory::new(seed));
    }
}

#[test]
fn a_crash_keeps_as_much_as_it_is_told() {
    // A head is kept with the state, an item with the streams.
    let keys = [&[0, 1, 0, 3, 0, 0][..], &[0, 1, 0, 3, 0, 3]];
    for (state, streams, meta, expected) in [
        (3, 3, 3, (3, "3", "3")),
        (1, 1, 1, (1, "1", "1")),
        (3, 1, 2, (1, "3", "1")),
        (2, 3, 1, (1, "2", "3")),
    ] {
        let disk = MemoryDisk::new();
        let engine = disk.open();
        for index in 1..=3 {
            let value = Some(Bytes::from(index.to_string()));
            let changes = keys
                .map(|key| Change { key: Bytes::copy_from_slice(key), value: value.clone() })
                .to_vec();
            let applied = Applied { changes, applied: index, detail: Bytes::new() };
            engine.apply(vec![(1, applied)]).unwrap();
        }
        let mut kept = [state, streams, meta].into_iter();
        let engine = disk.crash(&mut |bound| {
            assert_eq!(bound, 4);
            kept.next().unwrap()
        });
        let rows = keys.map(|key| engine.get(1, key).unwrap().unwrap());
        let (mark, head, item) = expected;
        assert_eq!((index(&engine, 1), &rows[0][..], &rows[1][..]), {
            (mark, head.as_bytes(), item.as_bytes())
        });
    }
}

#[test]
fn an_engine_that_crashed_does_nothing() {
    let disk = MemoryDisk::new();
    let old = disk.open();
    let mut install = old.install(1).unwrap();
    let new = disk.crash(&mut |_| 0);
    let halted = || EngineError::Failed { what: "it has halted".to_owned() };
    assert_eq!(old.apply(vec![(1, put("a", 1))]), Err(halted()));
    assert_eq!(old.get(1, b"a"), Err(halted()));
    assert_eq!(old.flush(), Err(halted()));
    assert_eq!(install.put(Vec::new()), Err(halted()));
    assert_eq!(install.finish(1, Bytes::new()), Err(halted()));
    assert_eq!(new.groups(), []);
}

#[test]
fn a_full_disk_takes_removals() {
    let disk = MemoryDisk::new();
    let engine = disk.open();
    engine.apply(vec![(1, put("a", 1))]).unwrap();
    disk.set_full(true);
    assert_eq!(engine.apply(vec![(1, put("b", 2))]), Err(EngineError::Full));
    let removal = Applied { changes: Vec::new(), ..put("a", 2) };
    assert_eq!(engine.apply(vec![(1, removal)]), Ok(()));
    assert_eq!(engine.install(2).unwrap().put(Vec::new()), Err(EngineError::Full));
    disk.set_full(false);
    assert_eq!(engine.apply(vec![(1, put("b", 3))]), Ok(()));
}

#[test]
fn a_damaged_group_waits_for_an_install() {
    let disk = MemoryDisk::new();
    let engine = disk.open();
    engine.apply(vec![(1, put("a", 1)), (2, put("a", 1))]).unwrap();
    assert!(disk.damage(1, "a bad block") && !disk.damage(9, ""));
    let damaged = EngineError::Damaged { group: 1, what: "a bad block".to_owned() };
    assert_eq!(engine.get(1, b"a"), Err(damaged.clone()));
    assert_eq!(engine.apply(vec![(2, put("a", 2)), (1, put("a", 2))]), Err(damaged));
    assert_eq!(index(&engine, 2), 1, "nothing was applied");
    let engine = disk.open();
    assert_eq!(engine.state(1), Some(State::Damaged("a bad block".to_owned())));
    assert_eq!(engine.flush().unwrap().into_keys().collect::<Vec<_>>(), [2]);
    engine.install(1).unwrap().finish(7, Bytes::new()).unwrap();
    assert_eq!(index(&engine, 1), 7);
}

#[test]
fn a_flush_that_fails_halts_the_engine() {
    let disk = MemoryDisk::new();
    let engine = disk.open();
    engine.apply(vec![(1, put("a", 1))]).unwrap();
    disk.set_flush_failing(true);
    assert!(matches!(engine.flush(), Err(EngineError::Failed { .. })));
    assert!(matches!(engine.apply(vec![(1, put("a", 2))]), Err(EngineError::Failed { .. })));
    disk.set_flush_failing(false);
    assert_eq!(disk.unflushed_count(), 1);
    let engine = disk.crash(&mut |bound| bound - 1);
    assert_eq!(index(&engine, 1), 1);
    disk.set_pressure(Pressure::Rising);
    assert_eq!(engine.pressure(), Pressure::Rising);
}

#[test]
#[should_panic(expected = "group 1 falls from 5 to 4")]
fn a_mark_that_falls_is_a_mistake() {
    let engine = MemoryDisk::new().open();
    engine.apply(vec![(1, put("a", 5))]).unwrap();
    drop(engine.apply(vec![(1, put("a", 4))]));
}

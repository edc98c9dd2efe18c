//! What becomes of folders: they are let go of, set aside, swept, and never overfilled.

mod folder;

use std::fs;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use engine::{Applied, Change, Engine, EngineError, GroupId, Pressure, State};
use engine_fjall::{FjallEngine, Options, set_aside};
use entity::transaction::{Order, Range};
use folder::Folder;

const OPTIONS: Options =
    Options { memory_bytes: 1 << 20, free_bytes_min: 0, files_max: 100, turn: 0 };

fn open(folder: &Folder) -> FjallEngine {
    FjallEngine::open(&folder.path, OPTIONS).expect("it opens")
}

/// Two rows, one of the state and one of the streams, that say the index.
fn both(index: u64) -> Applied {
    let keys = [&[0, 1, 0, 3, 0, 0][..], &[0, 1, 0, 3, 0, 3]];
    let value = Bytes::copy_from_slice(&index.to_be_bytes());
    let change = |key| Change { key: Bytes::copy_from_slice(key), value: Some(value.clone()) };
    Applied { changes: keys.map(change).to_vec(), applied: index, detail: Bytes::new() }
}

fn many(index: u64, bytes: usize) -> Applied {
    let key = [&[0, 1, 0, 3, 0, 1][..], &index.to_be_bytes()].concat().into();
    let changes = vec![Change { key, value: Some(vec![7; bytes].into()) }];
    Applied { changes, applied: index, detail: Bytes::new() }
}

fn all() -> Range {
    Range { from: vec![], to: vec![255], order: Order::Up, limit: 100_000 }
}

fn index(engine: &FjallEngine, group: GroupId) -> u64 {
    match engine.state(group) {
        Some(State::Sound(mark)) => mark.applied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_is_let_go_of_at_once() {
    let folder = Folder::new();
    for round in 1..=20 {
        let engine = open(&folder);
        engine.apply(vec![(1, both(round))]).unwrap();
    }
    let engine = open(&folder);
    assert_eq!(index(&engine, 1), 20);
    let other = FjallEngine::open(&folder.path, OPTIONS).map(|_| ());
    assert!(matches!(other, Err(EngineError::Failed { .. })), "two have it open: {other:?}");
    engine.apply(vec![(1, both(21))]).unwrap();
    engine.flush().unwrap();
}

#[test]
fn an_unreadable_folder_is_set_aside() {
    let folder = Folder::new();
    assert_eq!(set_aside(&folder.path).unwrap(), None);
    for round in 1..=2 {
        open(&folder).apply(vec![(1, both(1))]).unwrap();
        fs::write(folder.path.join("keyspaces/2/current"), b"nonsense").unwrap();
        let opened = FjallEngine::open(&folder.path, OPTIONS).map(|_| ());
        assert!(matches!(opened, Err(EngineError::Unreadable { .. })), "{opened:?}");
        let aside = set_aside(&folder.path).unwrap().unwrap();
        assert!(aside.ends_with(format!("engine.damaged-{round}")), "{}", aside.display());
        assert!(aside.join("version").exists());
        assert_eq!(open(&folder).groups(), []);
    }
}

#[test]
fn a_folder_half_made_is_made_anew() {
    let folder = Folder::new();
    let half = folder.path.with_file_name("engine.new");
    fs::create_dir_all(half.join("keyspaces")).unwrap();
    open(&folder).apply(vec![(1, both(1))]).unwrap();
    assert!(!half.exists());
    assert_eq!(index(&open(&folder), 1), 1);
}

#[test]
fn a_full_disk_takes_removals() {
    let folder = Folder::new();
    open(&folder).apply(vec![(1, both(1))]).unwrap();
    let options = Options { free_bytes_min: u64::MAX, ..OPTIONS };
    let engine = FjallEngine::open(&folder.path, options).unwrap();
    assert_eq!(engine.apply(vec![(1, both(2))]), Err(EngineError::Full));
    let mut removal = both(2);
    removal.changes.truncate(1);
    removal.changes[0].value = None;
    assert_eq!(engine.apply(vec![(1, removal)]), Ok(()));
    let mut install = engine.install(2).unwrap();
    let row = (Bytes::from_static(b"a"), Bytes::from(vec![1; 2 << 20]));
    assert_eq!(install.put(vec![row]), Err(EngineError::Full));
    assert_eq!(engine.flush().unwrap()[&1], 2);
}

#[test]
fn memtables_are_flushed_when_they_are_full() {
    let folder = Folder::new();
    let engine = open(&folder);
    for index in 1..=400 {
        engine.apply(vec![(1, many(index, 10_000))]).unwrap();
    }
    // Nothing was flushed by the caller, and yet most survives a crash.
    engine.abandon();
    let engine = open(&folder);
    let kept = index(&engine, 1);
    assert!((200..=400).contains(&kept), "{kept}");
    // Each keyspace was sealed by itself: rows may be newer than the oldest of the marks.
    assert!(engine.scan(1, &all()).unwrap().len() as u64 >= kept);
}

#[test]
fn a_flush_that_fails_is_noticed_although_nobody_writes() {
    let folder = Folder::new();
    let engine = open(&folder);
    for keyspace in fs::read_dir(folder.path.join("keyspaces")).unwrap() {
        // Tables have no place then: as if no file could be opened.
        fs::remove_dir_all(keyspace.unwrap().path().join("tables")).ok();
    }
    for index in 1..=20 {
        engine.apply(vec![(1, many(index, 10_000))]).unwrap();
    }
    let is_noticed = (0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        engine.failure().is_some()
    });
    assert!(is_noticed, "pressure is {:?}", engine.pressure());
}

#[test]
fn readers_never_see_half_a_batch() {
    let folder = Folder::new();
    let engine = open(&folder);
    engine.apply(vec![(1, both(1))]).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for index in 2..=2_000 {
                engine.apply(vec![(1, both(index))]).unwrap();
                if index % 500 == 0 {
                    engine.flush().unwrap();
                }
                if index % 300 == 0 {
                    let mut install = engine.install(1).unwrap();
                    let rows = both(index).changes.into_iter();
                    install.put(rows.map(|it| (it.key, it.value.unwrap())).collect()).unwrap();
                    install.finish(index, Bytes::new()).unwrap();
                }
            }
        });
        let mut last = 0;
        while last < 2_000 {
            let mut snapshot = engine.snapshot(1).unwrap();
            let at = snapshot.mark().applied;
            let rows = snapshot.next_chunk(1_000).unwrap().unwrap();
            assert!(rows.iter().all(|(_, value)| **value == at.to_be_bytes()), "{rows:?} at {at}");
            let rows = engine.scan(1, &all()).unwrap();
            assert!(rows.len() == 2 && rows[0].1 == rows[1].1, "{rows:?}");
            let row = engine.get(1, &[0, 1, 0, 3, 0, 0]).unwrap().unwrap();
            let row = u64::from_be_bytes(row[..].try_into().unwrap());
            assert!(row >= at && at >= last, "{row} {at} {last}");
            last = at;
        }
    });
    assert!(engine.pressure() < Pressure::Full);
}

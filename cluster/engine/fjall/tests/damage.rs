//! A damaged folder opens with what it says it has, or says that it is damaged. It is never
//! silently wrong: rows replayed above the marks are those of a model.

mod folder;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use engine::{Applied, Change, Engine, EngineError, GroupId, Row, Snapshot, State};
use engine_fjall::{FjallEngine, Options};
use entity::transaction::{Order, Range};
use folder::Folder;

const OPTIONS: Options =
    Options { memory_bytes: 1 << 20, free_bytes_min: 0, files_max: 100, turn: 0 };

const GROUPS: [GroupId; 2] = [1, 2];

/// Entries of the log of each group, of which the last [`UNFLUSHED`] are not flushed.
const LAST: u64 = 420;

const UNFLUSHED: u64 = 30;

/// What entry `index` of the log of a group does.
fn entry(group: GroupId, index: u64) -> Applied {
    let row = |part: u8, number: u64| -> Bytes {
        [&[0, 1, 0, 3, 1, 1, part, 1][..], &number.to_be_bytes()].concat().into()
    };
    let value = Bytes::from(format!("{group} {index} ").repeat(60));
    let mut changes = vec![
        Change { key: row(1, index * 7 % 101), value: Some(value.clone()) },
        Change { key: row(1, index * 11 % 101), value: None },
        Change { key: row(3, index), value: Some(value.clone()) },
        Change { key: row(0, 0), value: Some(value) },
    ];
    changes.extend(index.checked_sub(100).map(|old| Change { key: row(3, old), value: None }));
    Applied { changes, applied: index, detail: Bytes::from(format!("{group}:{index}")) }
}

/// The rows of a group after all entries.
fn expected(group: GroupId) -> Vec<Row> {
    let mut rows = BTreeMap::new();
    for change in (1..=LAST).flat_map(|index| entry(group, index).changes) {
        match change.value {
            Some(value) => rows.insert(change.key, value),
            None => rows.remove(&change.key),
        };
    }
    rows.into_iter().collect()
}

/// A folder with tables of several flushes, and entries that were only in memory.
fn written() -> Folder {
    let folder = Folder::new();
    let open = || FjallEngine::open(&folder.path, OPTIONS).expect("a sound folder opens");
    // The second time the journal is not 64 MiB of zeros any more.
    drop(open());
    let engine = open();
    for index in 1..=LAST {
        let batch = GROUPS.map(|group| (group, entry(group, index)));
        engine.apply(batch.to_vec()).expect("applied");
        if index % 65 == 0 {
            engine.flush().expect("flushed");
        }
    }
    engine.abandon();
    assert_eq!(LAST % 65, UNFLUSHED);
    folder
}

/// How a damaged folder turned out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Outcome {
    Right,
    Damaged,
    Unreadable,
    Failed,
}

fn outcome_of(error: &EngineError) -> Outcome {
    match error {
        EngineError::Damaged { .. } => Outcome::Damaged,
        EngineError::Unreadable { .. } => Outcome::Unreadable,
        EngineError::Failed { .. } => Outcome::Failed,
        EngineError::Full => panic!("the disk is full"),
    }
}

/// What a folder is like in the end. An engine that fails is opened again.
fn try_folder(path: &Path) -> Outcome {
    let first = try_once(path);
    if first != Outcome::Failed {
        return first;
    }
    let second = try_once(path);
    assert_ne!(second, Outcome::Failed, "it fails again and again");
    second
}

/// Opens a folder, replays, and reads all rows in every way, twice. Panics if they are wrong.
fn try_once(path: &Path) -> Outcome {
    let tried = || -> Result<bool, EngineError> {
        let mut is_damaged = false;
        for _ in 0..2 {
            let engine = FjallEngine::open(path, OPTIONS)?;
            for group in GROUPS {
                match engine.state(group).expect("a group that was flushed is there") {
                    State::Damaged(_) => is_damaged = true,
                    State::Sound(mark) => {
                        assert!((LAST - UNFLUSHED..=LAST).contains(&mark.applied), "{mark:?}");
                        assert_eq!(mark.detail, format!("{group}:{}", mark.applied));
                        let checked = check_group(&engine, group, mark.applied);
                        is_damaged |= matches!(checked, Err(EngineError::Damaged { .. }));
                        if let Err(EngineError::Failed { .. }) = checked {
                            checked?;
                        }
                    }
                }
            }
        }
        Ok(is_damaged)
    };
    match tried() {
        Ok(false) => Outcome::Right,
        Ok(true) => Outcome::Damaged,
        Err(error) => outcome_of(&error),
    }
}

fn check_group(engine: &FjallEngine, group: GroupId, applied: u64) -> Result<(), EngineError> {
    for index in applied + 1..=LAST {
        engine.apply(vec![(group, entry(group, index))])?;
    }
    let expected = expected(group);
    let mut snapshot = engine.snapshot(group)?;
    assert_eq!(snapshot.mark().applied, LAST);
    assert_eq!(all_of(&mut *snapshot)?, expected, "a snapshot");
    for order in [Order::Up, Order::Down] {
        let range = Range { from: vec![], to: vec![255], order, limit: 10_000 };
        let mut rows = engine.scan(group, &range)?;
        rows.sort();
        assert_eq!(rows, expected, "a scan {order:?}");
    }
    for (key, row) in &expected {
        assert_eq!(engine.get(group, key)?.as_ref(), Some(row), "a get");
    }
    for Change { key, .. } in (1..=LAST).flat_map(|index| entry(group, index).changes) {
        let is_there = expected.binary_search_by(|(other, _)| other.cmp(&key)).is_ok();
        assert_eq!(engine.get(group, &key)?.is_some(), is_there, "a get of what was removed");
    }
    engine.flush().map(|_| ())
}

fn all_of(snapshot: &mut dyn Snapshot) -> Result<Vec<Row>, EngineError> {
    let mut rows = Vec::new();
    while let Some(chunk) = snapshot.next_chunk(10_000)? {
        rows.extend(chunk);
    }
    Ok(rows)
}

/// Every file, with its size in bytes.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            let bytes = fs::metadata(&path).expect("its size").len();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

/// Puts a copy of a folder in the place of another.
fn copy_all(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).expect("removed");
    }
    fs::create_dir_all(to).expect("a folder");
    for path in entries(from) {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            fs::copy(path, target).expect("a copy");
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Positions in a file of so many bytes: its ends, and some between.
fn positions(bytes: u64, between: u64) -> Vec<u64> {
    let ends = (0..6).flat_map(|at| [at * 5, bytes.saturating_sub(1 + at * 9)]);
    let steps = (1..=between).map(|step| bytes * step / (between + 1) + step % 7);
    let mut all: Vec<u64> = ends.chain(steps).filter(|at| *at < bytes).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn a_flipped_bit_is_never_silently_wrong() {
    let folder = written();
    let copy = Folder::new();
    let mut outcomes = BTreeMap::new();
    let mut count = 0;
    for (file, bytes) in files(&folder.path) {
        let name = file.strip_prefix(&folder.path).unwrap();
        let between = if name.components().any(|it| it.as_os_str() == "tables") { 24 } else { 4 };
        for at in positions(bytes, between) {
            copy_all(&folder.path, &copy.path);
            let damaged = OpenOptions::new().read(true).write(true).open(copy.path.join(name));
            let damaged = damaged.unwrap();
            let mut byte = [0];
            damaged.read_exact_at(&mut byte, at).unwrap();
            byte[0] ^= 1 << (at % 8);
            damaged.write_all_at(&byte, at).unwrap();
            eprintln!("{} at {at} of {bytes}", name.display());
            let outcome = try_folder(&copy.path);
            count += 1;
            *outcomes.entry((name.to_owned(), outcome)).or_insert(0) += 1;
        }
    }
    for ((name, outcome), count) in &outcomes {
        eprintln!("{count:4} {outcome:?} {}", name.display());
    }
    eprintln!("{count} positions");
    assert!(count >= 150, "{count}");
}

#[test]
fn a_file_cut_short_is_never_silently_wrong() {
    let folder = written();
    let copy = Folder::new();
    for (file, bytes) in files(&folder.path) {
        let name = file.strip_prefix(&folder.path).unwrap();
        for length in [0, 1, bytes / 3, bytes / 2, bytes.saturating_sub(1)] {
            copy_all(&folder.path, &copy.path);
            let damaged = OpenOptions::new().write(true).open(copy.path.join(name)).unwrap();
            damaged.set_len(length).unwrap();
            let outcome = try_folder(&copy.path);
            eprintln!("{} cut to {length} of {bytes}: {outcome:?}", name.display());
        }
    }
}

#[test]
fn a_file_that_is_gone_is_never_silently_wrong() {
    let folder = written();
    let copy = Folder::new();
    for (file, _) in files(&folder.path) {
        let name = file.strip_prefix(&folder.path).unwrap();
        copy_all(&folder.path, &copy.path);
        fs::remove_file(copy.path.join(name)).unwrap();
        let outcome = try_folder(&copy.path);
        eprintln!("{} is gone: {outcome:?}", name.display());
    }
}

//! What every engine must do, as one suite.
//!
//! A case gets an engine on an empty disk, and panics where it breaks its promise. Run [`CASES`]
//! against each implementation.

use std::collections::BTreeMap;

use bytes::Bytes;
use entity::transaction::{Order, Range};

use crate::mixture::any_mixture;
use crate::port::{Applied, Change, Engine, GroupId, Install, Mark, Row, Snapshot, State};

/// An engine that can be stopped.
pub trait Bench {
    /// The engine that runs now.
    fn engine(&self) -> &dyn Engine;

    /// Stops it in order, and opens another on its disk.
    fn reopen(&mut self);

    /// Lets it crash, and opens another on what is left. How much is, may differ each time.
    fn crash(&mut self);
}

/// One promise and how it is tried.
pub type Case = (&'static str, fn(&mut dyn Bench));

/// All promises.
pub const CASES: &[Case] = &[
    ("a group that is not there has nothing", nothing),
    ("rows and mark change together", rows_and_mark),
    ("one batch serves several groups", several_groups),
    ("the last write to a key holds", last_write_holds),
    ("a removed row is gone", removed_rows_are_gone),
    ("scans go both ways, within limits", scans),
    ("scans see the rows of all keyspaces in one order", scans_across),
    ("groups and slots do not leak into each other", nothing_leaks),
    ("a snapshot is one moment", snapshots),
    ("a snapshot comes in chunks", chunks),
    ("an install is invisible until it is finished", install_is_invisible),
    ("an install that was dropped leaves nothing", dropped_install),
    ("an install replaces all rows", install_replaces),
    ("an install may go back", install_goes_back),
    ("applies go on after an install", applies_after_install),
    ("a removed group has nothing and may begin again", removal),
    ("a flush yields what is durable", flushes),
    ("an orderly stop loses nothing", orderly_stop),
    ("a crash loses the newest at most", crash_then_replay),
    ("a crash keeps what was flushed", flushed_survives),
    ("a crash keeps what was installed and removed", installed_survives),
    ("generations are never used twice", generations_are_new),
    ("a reader sees what was applied, whatever is done", any_mixture),
];

/// Runs every case, each on an empty disk.
pub fn run<B: Bench>(mut new: impl FnMut() -> B) {
    for (_, case) in CASES {
        case(&mut new());
    }
}

/// The group of cases that need one only.
const GROUP: GroupId = 7;

fn nothing(bench: &mut dyn Bench) {
    let engine = bench.engine();
    assert_eq!(engine.groups(), []);
    assert_eq!(engine.state(GROUP), None);
    assert_eq!(engine.get(GROUP, b"a"), Ok(None));
    assert_eq!(engine.scan(GROUP, &range("", "z", Order::Up, 9)), Ok(Vec::new()));
    assert_eq!(engine.flush(), Ok(BTreeMap::new()));
    let mut snapshot = engine.snapshot(GROUP).expect("a snapshot");
    assert_eq!(snapshot.mark(), &Mark::default());
    assert_eq!(snapshot.next_chunk(9), Ok(None));
    assert_eq!(engine.remove(GROUP), Ok(()));
}

fn rows_and_mark(bench: &mut dyn Bench) {
    apply(bench, GROUP, 3, &[("a", Some("1"))]);
    let first = mark(bench, GROUP);
    assert!(first.generation > 0);
    assert_eq!((first.applied, &first.detail[..]), (3, &b"detail 3"[..]));
    assert_eq!(get(bench, GROUP, "a"), some("1"));
    apply(bench, GROUP, 4, &[]);
    let next = mark(bench, GROUP);
    assert_eq!((next.generation, next.applied), (first.generation, 4));
    assert_eq!(bench.engine().groups(), [(GROUP, State::Sound(next))]);
}

fn several_groups(bench: &mut dyn Bench) {
    let batch = [(9, 1, "1"), (2, 5, "2"), (5, 3, "3")];
    let batch = batch.map(|(group, index, row)| (group, applied(index, &[("a", Some(row))])));
    assert_eq!(bench.engine().apply(batch.to_vec()), Ok(()));
    let marks = bench.engine().groups().into_iter().map(|(group, _)| (group, mark(bench, group)));
    let indexes: Vec<_> = marks.map(|(group, mark)| (group, mark.applied)).collect();
    assert_eq!(indexes, [(2, 5), (5, 3), (9, 1)]);
    assert_eq!([9, 2, 5].map(|group| get(bench, group, "a")), [some("1"), some("2"), some("3")]);
    assert_eq!(bench.engine().apply(Vec::new()), Ok(()));
}

fn last_write_holds(bench: &mut dyn Bench) {
    let changes = [("a", Some("1")), ("a", None), ("b", Some("1")), ("a", Some("2")), ("b", None)];
    apply(bench, GROUP, 1, &changes);
    assert_eq!(rows(bench, GROUP), [pair("a", "2")]);
    apply(bench, GROUP, 2, &[("a", Some("3")), ("a", None)]);
    assert_eq!(rows(bench, GROUP), []);
}

fn removed_rows_are_gone(bench: &mut dyn Bench) {
    apply(bench, GROUP, 1, &[("a", Some("1")), ("b", Some(""))]);
    apply(bench, GROUP, 2, &[("a", None), ("never there", None)]);
    assert_eq!((get(bench, GROUP, "a"), get(bench, GROUP, "b")), (None, some("")));
    assert_eq!(rows(bench, GROUP), [pair("b", "")]);
}

fn scans(bench: &mut dyn Bench) {
    apply(bench, GROUP, 1, &["a", "b", "c", "d", "e"].map(|key| (key, Some(key))));
    let cases: [(&str, &str, Order, usize, &[&str]); 10] = [
        ("b", "e", Order::Up, 9, &["b", "c", "d"]),
        ("b", "e", Order::Up, 2, &["b", "c"]),
        ("b", "e", Order::Down, 2, &["d", "c"]),
        ("aa", "bb", Order::Down, 9, &["b"]),
        ("", "b", Order::Up, 9, &["a"]),
        ("", "z", Order::Down, 1, &["e"]),
        ("c", "c", Order::Up, 9, &[]),
        ("d", "b", Order::Down, 9, &[]),
        ("x", "z", Order::Up, 9, &[]),
        ("a", "z", Order::Up, 0, &[]),
    ];
    for (from, to, order, limit, expected) in cases {
        let found = bench.engine().scan(GROUP, &range(from, to, order, limit)).expect("a scan");
        let found: Vec<Bytes> = found.into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, expected, "{from}..{to} {order:?} {limit}");
    }
}

/// Head, row and item of one entity, and what the executor keeps of its slot.
fn entity_rows(slot: u8, key: u8) -> Vec<Row> {
    let entity = [0, slot, 0, 3, 1, key];
    let keys = [
        [0, slot, 0, 0, 2].to_vec(),
        [&entity[..], &[0]].concat(),
        [&entity[..], &[1, 5, 5]].concat(),
        [&entity[..], &[3, 1, 0]].concat(),
        [&entity[..], &[3, 1, 1]].concat(),
    ];
    keys.into_iter().map(|key| (key.clone().into(), key.into())).collect()
}

fn put_entities(bench: &mut dyn Bench, group: GroupId, index: u64, entities: &[(u8, u8)]) {
    let rows = entities.iter().flat_map(|(slot, key)| entity_rows(*slot, *key));
    let changes = rows.map(|(key, row)| Change { key, value: Some(row) }).collect();
    let applied = Applied { changes, ..applied(index, &[]) };
    assert_eq!(bench.engine().apply(vec![(group, applied)]), Ok(()));
}

fn scans_across(bench: &mut dyn Bench) {
    put_entities(bench, GROUP, 1, &[(1, 1), (1, 2), (2, 1)]);
    let mut expected: Vec<Row> = [(1, 1), (1, 2), (2, 1)]
        .into_iter()
        .flat_map(|(slot, key)| entity_rows(slot, key))
        .collect();
    expected.sort();
    expected.dedup();
    let all = |from: &[u8], to: &[u8]| -> Vec<Row> {
        let within = |(key, _): &&Row| &key[..] >= from && &key[..] < to;
        expected.iter().filter(within).cloned().collect()
    };
    let cases: [(&[u8], &[u8]); 6] = [
        (&[], &[255]),
        (&[0, 1], &[0, 2]),
        (&[0, 1, 0, 3, 1, 1], &[0, 1, 0, 3, 1, 2]),
        (&[0, 1, 0, 3, 1, 1, 1], &[0, 1, 0, 3, 1, 1, 2]),
        (&[0, 1, 0, 3, 1, 1, 3, 1], &[0, 1, 0, 3, 1, 1, 3, 2]),
        (&[0, 1, 0, 3, 1, 1, 1], &[0, 1, 0, 3, 1, 2, 1]),
    ];
    for (from, to) in cases {
        for limit in [1, 3, 100] {
            let mut up = Range { from: from.into(), to: to.into(), order: Order::Up, limit };
            let found = bench.engine().scan(GROUP, &up).expect("a scan");
            assert_eq!(found, all(from, to).into_iter().take(limit).collect::<Vec<_>>());
            up.order = Order::Down;
            let found = bench.engine().scan(GROUP, &up).expect("a scan");
            assert_eq!(found, all(from, to).into_iter().rev().take(limit).collect::<Vec<_>>());
        }
    }
}

fn nothing_leaks(bench: &mut dyn Bench) {
    for group in 1..=4 {
        put_entities(bench, group, 1, &[(1, u8::try_from(group).expect("small"))]);
    }
    install(bench, 2, 5, &[("only", "row")]);
    for group in [1, 3, 4] {
        let key = u8::try_from(group).expect("small");
        assert_eq!(rows(bench, group), entity_rows(1, key), "group {group}");
    }
    assert_eq!(rows(bench, 2), [pair("only", "row")]);
}

fn snapshots(bench: &mut dyn Bench) {
    apply(bench, GROUP, 1, &[("a", Some("1")), ("b", Some("1"))]);
    let before = mark(bench, GROUP);
    let mut snapshot = bench.engine().snapshot(GROUP).expect("a snapshot");
    apply(bench, GROUP, 2, &[("a", Some("2")), ("b", None), ("c", Some("2"))]);
    install(bench, GROUP, 9, &[("z", "9")]);
    bench.engine().flush().expect("a flush");
    assert_eq!(snapshot.mark(), &before);
    assert_eq!(all_of(&mut *snapshot), [pair("a", "1"), pair("b", "1")]);
    assert_eq!(rows(bench, GROUP), [pair("z", "9")]);
}

fn chunks(bench: &mut dyn Bench) {
    put_entities(bench, GROUP, 1, &[(1, 1), (2, 1)]);
    let whole = rows(bench, GROUP);
    for bytes_max in [0, 1, 20, 40, 10_000] {
        let mut snapshot = bench.engine().snapshot(GROUP).expect("a snapshot");
        let mut all = Vec::new();
        while let Some(chunk) = snapshot.next_chunk(bytes_max).expect("a chunk") {
            let bytes: usize = chunk.iter().map(|(key, row)| key.len() + row.len()).sum();
            assert!(!chunk.is_empty() && (bytes <= bytes_max || chunk.len() == 1), "{bytes}");
            all.extend(chunk);
        }
        assert_eq!(all, whole, "chunks of {bytes_max}");
    }
}

fn install_is_invisible(bench: &mut dyn Bench) {
    apply(bench, GROUP, 1, &[("a", Some("1"))]);
    let mut install = bench.engine().install(GROUP).expect("an install");
    install.put(vec![pair("a", "9"), pair("b", "9")]).expect("put");
    apply(bench, GROUP, 2, &[("c", Some("2"))]);
    assert_eq!(rows(bench, GROUP), [pair("a", "1"), pair("c", "2")]);
    assert_eq!(mark(bench, GROUP).applied, 2);
    install.put(vec![pair("b", "10")]).expect("put");
    install.finish(8, Bytes::from_static(b"new")).expect("finished");
    assert_eq!(rows(bench, GROUP), [pair("a", "9"), pair("b", "10")]);
    let mark = mark(bench, GROUP);
    assert_eq!((mark.applied, &mark.detail[..]), (8, &b"new"[..]));
}

fn dropped_install(bench: &mut dyn Bench) {
    apply(bench, GROUP, 1, &[("a", Some("1"))]);
    let before = mark(bench, GROUP);
    for group in [GROUP, 8] {
        let mut install = bench.engine().install(group).expect("an install");
        install.put(vec![pair("a", "9"), pair("b", "9")]).expect("put");
    }
    bench.engine().flush().expect("a flush");
    bench.reopen();
    assert_eq!(bench.engine().groups(), [(GROUP, State::Sound(before))]);
    assert_eq!(rows(bench, GROUP), [pair("a", "1")]);
    assert_eq!(rows(bench, 8), []);
}

fn install_replaces(bench: &mut dyn Bench) {
    put_entities(bench, GROUP, 1, &[(1, 1), (2, 2)]);
    let old = mark(bench, GROUP);
    install(bench, GROUP, 5, &[]);
    assert_eq!(rows(bench, GROUP), []);
    assert!(mark(bench, GROUP).generation > old.generation);
    install(bench, GROUP, 6, &[("b", "2"), ("a", "1")]);
    assert_eq!(rows(bench, GROUP), [pair("a", "1"), pair("b", "2")]);
    bench.reopen();
    assert_eq!(rows(bench, GROUP), [pair("a", "1"), pair("b", "2")]);
}

fn install_goes_back(bench: &mut dyn Bench) {
    apply(bench, GROUP, 9, &[("a", Some("9"))]);
    install(bench, GROUP, 4, &[("a", "4")]);
    assert_eq!((mark(bench, GROUP).applied, get(bench, GROUP, "a")), (4, some("4")));
    apply(bench, GROUP, 5, &[("a", Some("5"))]);
    bench.crash();
    let index = mark(bench, GROUP).applied;
    assert!((4..=5).contains(&index), "{index}");
}

fn applies_after_install(bench: &mut dyn Bench) {
    install(bench, GROUP, 4, &[("a", "4"), ("b", "4")]);
    apply(bench, GROUP, 5, &[("a", Some("5")), ("b", None)]);
    assert_eq!(rows(bench, GROUP), [pair("a", "5")]);
    bench.reopen();
    assert_eq!(rows(bench, GROUP), [pair("a", "5")]);
    assert_eq!(mark(bench, GROUP).applied, 5);
}

fn removal(bench: &mut dyn Bench) {
    put_entities(bench, GROUP, 5, &[(1, 1)]);
    apply(bench, 8, 1, &[("a", Some("1"))]);
    let old = mark(bench, GROUP);
    assert_eq!(bench.engine().remove(GROUP), Ok(()));
    assert_eq!(bench.engine().state(GROUP), None);
    assert_eq!(rows(bench, GROUP), []);
    apply(bench, GROUP, 2, &[("b", Some("2"))]);
    assert_eq!(rows(bench, GROUP), [pair("b", "2")]);
    assert!(mark(bench, GROUP).generation > old.generation);
    assert_eq!(rows(bench, 8), [pair("a", "1")]);
}

fn flushes(bench: &mut dyn Bench) {
    apply(bench, 1, 5, &[("a", Some("1"))]);
    apply(bench, 2, 6, &[]);
    assert_eq!(bench.engine().flush(), Ok(BTreeMap::from([(1, 5), (2, 6)])));
    apply(bench, 1, 7, &[("a", None)]);
    assert_eq!(bench.engine().flush(), Ok(BTreeMap::from([(1, 7), (2, 6)])));
    install(bench, 2, 3, &[]);
    bench.engine().remove(1).expect("removed");
    assert_eq!(bench.engine().flush(), Ok(BTreeMap::from([(2, 3)])));
}

fn orderly_stop(bench: &mut dyn Bench) {
    put_entities(bench, GROUP, 1, &[(1, 1)]);
    apply(bench, 8, 4, &[("a", Some("1"))]);
    bench.engine().flush().expect("a flush");
    apply(bench, 8, 5, &[("b", Some("2"))]);
    let (groups, whole) = (bench.engine().groups(), rows(bench, GROUP));
    for _ in 0..2 {
        bench.reopen();
        assert_eq!(bench.engine().groups(), groups);
        assert_eq!(rows(bench, GROUP), whole);
        assert_eq!(rows(bench, 8), [pair("a", "1"), pair("b", "2")]);
    }
}

/// What entry `index` of the log of a group does: it writes over a row, adds one, removes one.
fn entry(group: GroupId, index: u64) -> Applied {
    let item = |index: u64| [&[0, 1, 0, 3, 1, 1, 3, 1][..], &index.to_be_bytes()].concat();
    let row = |number: u64| [&[0, 1, 0, 3, 1, 1, 1][..], &number.to_be_bytes()].concat();
    let value = Some(Bytes::from(format!("{group} {index}")));
    let mut changes = vec![
        Change { key: row(index % 7).into(), value: value.clone() },
        Change { key: item(index).into(), value },
    ];
    if let Some(old) = index.checked_sub(20) {
        changes.push(Change { key: item(old).into(), value: None });
        changes.push(Change { key: row(old % 7).into(), value: None });
    }
    Applied { changes, ..applied(index, &[]) }
}

/// The rows after entries 1 to `last` of a group.
fn expected(group: GroupId, last: u64) -> Vec<Row> {
    let mut rows = BTreeMap::new();
    for change in (1..=last).flat_map(|index| entry(group, index).changes) {
        match change.value {
            Some(value) => rows.insert(change.key, value),
            None => rows.remove(&change.key),
        };
    }
    rows.into_iter().collect()
}

fn index_of(bench: &dyn Bench, group: GroupId) -> u64 {
    match bench.engine().state(group) {
        None => 0,
        Some(State::Sound(mark)) => mark.applied,
        Some(State::Damaged(what)) => panic!("a crash damaged group {group}: {what}"),
    }
}

fn replay(bench: &mut dyn Bench, group: GroupId, last: u64) {
    for index in index_of(bench, group) + 1..=last {
        assert_eq!(bench.engine().apply(vec![(group, entry(group, index))]), Ok(()));
    }
}

fn crash_then_replay(bench: &mut dyn Bench) {
    let mut durable = BTreeMap::new();
    for round in 1..=12_u64 {
        let last = round * 10;
        for index in (round - 1) * 10 + 1..=last {
            let batch = [1, 2].map(|group| (group, entry(group, index)));
            assert_eq!(bench.engine().apply(batch.to_vec()), Ok(()));
            if index % 10 == round % 10 && round % 3 == 0 {
                durable = bench.engine().flush().expect("a flush");
            }
        }
        bench.crash();
        for group in [1, 2] {
            let index = index_of(bench, group);
            let kept = durable.get(&group).copied().unwrap_or(0);
            assert!(index >= kept && index <= last, "{index} of {kept} to {last}");
            replay(bench, group, last);
            assert_eq!(rows(bench, group), expected(group, last), "round {round}");
        }
    }
}

fn flushed_survives(bench: &mut dyn Bench) {
    replay(bench, 1, 30);
    bench.engine().flush().expect("a flush");
    for _ in 0..3 {
        bench.crash();
        assert_eq!(index_of(bench, 1), 30);
        assert_eq!(rows(bench, 1), expected(1, 30));
    }
}

fn installed_survives(bench: &mut dyn Bench) {
    replay(bench, 1, 30);
    replay(bench, 2, 30);
    let mut unfinished = bench.engine().install(3).expect("an install");
    unfinished.put(vec![pair("x", "1")]).expect("put");
    install(bench, 1, 50, &[("a", "50")]);
    bench.engine().remove(2).expect("removed");
    drop(unfinished);
    for _ in 0..2 {
        bench.crash();
        assert_eq!((index_of(bench, 1), rows(bench, 1)), (50, vec![pair("a", "50")]));
        assert_eq!((bench.engine().state(2), bench.engine().state(3)), (None, None));
        assert_eq!((rows(bench, 2), rows(bench, 3)), (Vec::new(), Vec::new()));
    }
}

fn generations_are_new(bench: &mut dyn Bench) {
    let mut seen = 0;
    for round in 1..6 {
        install(bench, GROUP, round, &[]);
        let generation = mark(bench, GROUP).generation;
        assert!(generation > seen, "{generation} after {seen}");
        seen = generation;
        if round % 2 == 0 {
            bench.crash();
        } else {
            bench.reopen();
        }
        apply(bench, 100 + u32::try_from(round).expect("small"), 1, &[]);
        bench.engine().flush().expect("a flush");
        seen = seen.max(mark(bench, 100 + u32::try_from(round).expect("small")).generation);
    }
}

fn applied(index: u64, changes: &[(&str, Option<&str>)]) -> Applied {
    let change = |(key, value): &(&str, Option<&str>)| Change {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    };
    let changes = changes.iter().map(change).collect();
    Applied { changes, applied: index, detail: format!("detail {index}").into() }
}

fn apply(bench: &mut dyn Bench, group: GroupId, index: u64, changes: &[(&str, Option<&str>)]) {
    assert_eq!(bench.engine().apply(vec![(group, applied(index, changes))]), Ok(()));
}

fn install(bench: &mut dyn Bench, group: GroupId, index: u64, rows: &[(&str, &str)]) {
    let mut install: Box<dyn Install> = bench.engine().install(group).expect("an install");
    install.put(rows.iter().map(|(key, row)| pair(key, row)).collect()).expect("put");
    install.finish(index, Bytes::new()).expect("finished");
}

fn mark(bench: &dyn Bench, group: GroupId) -> Mark {
    match bench.engine().state(group) {
        Some(State::Sound(mark)) => mark,
        other => panic!("group {group} is {other:?}"),
    }
}

fn get(bench: &dyn Bench, group: GroupId, key: &str) -> Option<Bytes> {
    bench.engine().get(group, key.as_bytes()).expect("a get")
}

/// All rows of a group. However they are read, they are the same.
fn rows(bench: &dyn Bench, group: GroupId) -> Vec<Row> {
    let mut snapshot = bench.engine().snapshot(group).expect("a snapshot");
    let rows = all_of(&mut *snapshot);
    let whole = Range { from: Vec::new(), to: vec![0xff; 8], order: Order::Up, limit: 10_000 };
    assert_eq!(bench.engine().scan(group, &whole).expect("a scan"), rows);
    for (key, row) in &rows {
        assert_eq!(bench.engine().get(group, key).expect("a get").as_ref(), Some(row));
    }
    rows
}

fn all_of(snapshot: &mut dyn Snapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    while let Some(chunk) = snapshot.next_chunk(1_000).expect("a chunk") {
        rows.extend(chunk);
    }
    rows
}

fn range(from: &str, to: &str, order: Order, limit: usize) -> Range {
    Range { from: from.into(), to: to.into(), order, limit }
}

fn pair(key: &str, row: &str) -> Row {
    (key.to_owned().into(), row.to_owned().into())
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what a read yields")]
fn some(row: &str) -> Option<Bytes> {
    Some(row.to_owned().into())
}

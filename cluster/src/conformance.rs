//! What every ledger must do, as one suite.
//!
//! A case gets a shard in which nothing has happened, drives it from one or two nodes, and panics
//! where the ledger breaks its promise. Run [`CASES`] against each implementation.

use bytes::Bytes;
use entity::Time;
use entity::transaction::{Order, Range, Read, Want};

use crate::ledger::{Completion, Fetched, Ledger};
use crate::record::{Fence, Record, Write};

/// A shard that a case can work on from two nodes.
pub trait Bench {
    /// The shard as node 0 or 1 sees it.
    fn node(&mut self, node: u32) -> Box<dyn Ledger + '_>;

    /// Lets time pass until whatever was started may have ended.
    fn settle(&mut self);
}

/// One promise and how it is tried.
pub type Case = (&'static str, fn(&mut dyn Bench));

/// All promises.
pub const CASES: &[Case] = &[
    ("a claim begins a higher activation", claims_rise),
    ("records commit in sequence and can be read", records_commit),
    ("a record that is not next is lost", gaps_are_lost),
    ("an activation ends with the next claim", old_activations_lose),
    ("the last write to a key holds", last_write_holds),
    ("a removed row is gone", removed_rows_are_gone),
    ("scans go both ways, within limits", scans),
    ("fetching finds what reading finds", fetching),
    ("a barrier holds until the next claim", barriers),
    ("a new activation sees what was committed, and its time", takeover),
    ("a snapshot is every row in order", snapshots),
    ("a lost record leaves nothing behind", lost_records_leave_nothing),
];

/// Runs every case, each on a new shard.
pub fn run<B: Bench>(mut new: impl FnMut() -> B) {
    for (_, case) in CASES {
        case(&mut new());
    }
}

fn claims_rise(bench: &mut dyn Bench) {
    let first = claim(bench, 0);
    let second = claim(bench, 1);
    let third = claim(bench, 0);
    assert!(first.0 > 0 && first < second && second < third);
}

fn records_commit(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    for sequence in 1..=3 {
        let written = [put(&format!("key{sequence}"), "value")];
        assert_eq!(
            commit(bench, 0, activation, sequence, written),
            committed(activation, sequence)
        );
    }
    assert_eq!(get(bench, 0, "key2"), Some(Bytes::from_static(b"value")));
    assert_eq!(get(bench, 0, "key4"), None);
}

fn gaps_are_lost(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    assert_eq!(commit(bench, 0, activation, 2, [put("a", "1")]), lost(activation, 2));
    assert_eq!(commit(bench, 0, activation, 1, [put("b", "1")]), committed(activation, 1));
    assert_eq!(commit(bench, 0, activation, 1, [put("c", "1")]), lost(activation, 1));
    assert_eq!(keys(bench, 0), ["b"]);
}

fn old_activations_lose(bench: &mut dyn Bench) {
    let (old, _) = claim(bench, 0);
    assert_eq!(commit(bench, 0, old, 1, [put("a", "1")]), committed(old, 1));
    let (new, _) = claim(bench, 1);
    assert_eq!(commit(bench, 0, old, 2, [put("b", "1")]), lost(old, 2));
    assert_eq!(commit(bench, 1, new, 1, [put("c", "1")]), committed(new, 1));
    assert_eq!(commit(bench, 0, old, 2, [put("d", "1")]), lost(old, 2));
    assert_eq!(keys(bench, 1), ["a", "c"]);
}

fn last_write_holds(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    let written = [put("a", "1"), remove("a"), put("a", "2")];
    assert_eq!(commit(bench, 0, activation, 1, written), committed(activation, 1));
    assert_eq!(get(bench, 0, "a"), Some(Bytes::from_static(b"2")));
}

fn removed_rows_are_gone(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    commit(bench, 0, activation, 1, [put("a", "1"), put("b", "1")]);
    commit(bench, 0, activation, 2, [remove("a"), remove("never there")]);
    assert_eq!(keys(bench, 0), ["b"]);
}

fn scans(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    commit(bench, 0, activation, 1, ["a", "b", "c", "d", "e"].map(|key| put(key, key)));
    let cases: [(&str, &str, Order, usize, &[&str]); 6] = [
        ("b", "e", Order::Up, 9, &["b", "c", "d"]),
        ("b", "e", Order::Up, 2, &["b", "c"]),
        ("b", "e", Order::Down, 2, &["d", "c"]),
        ("aa", "bb", Order::Down, 9, &["b"]),
        ("c", "c", Order::Up, 9, &[]),
        ("x", "z", Order::Up, 9, &[]),
    ];
    for (from, to, order, limit, expected) in cases {
        let range = Range { from: from.into(), to: to.into(), order, limit };
        let found: Vec<_> = scan(bench, 0, range).into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, expected, "{from}..{to} {order:?} {limit}");
    }
}

fn fetching(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    commit(bench, 0, activation, 1, [put("a", "1"), put("b", "2")]);
    let one = fetch(bench, 0, Want::Row(b"a".to_vec()));
    assert_eq!(one, Fetched::Row(Some(Bytes::from_static(b"1"))));
    assert_eq!(fetch(bench, 0, Want::Row(b"x".to_vec())), Fetched::Row(None));
    let range = Range { from: b"a".to_vec(), to: b"z".to_vec(), order: Order::Down, limit: 1 };
    let b = (Bytes::from_static(b"b"), Bytes::from_static(b"2"));
    assert_eq!(fetch(bench, 0, Want::Rows(range)), Fetched::Rows(vec![b]));
}

fn barriers(bench: &mut dyn Bench) {
    claim(bench, 0);
    assert!(barrier(bench, 0));
    claim(bench, 1);
    assert!(!barrier(bench, 0));
    assert!(barrier(bench, 1));
}

fn takeover(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    commit(bench, 0, activation, 1, [put("a", "1")]);
    commit(bench, 0, activation, 2, [put("b", "1")]);
    let (_, time) = claim(bench, 1);
    assert_eq!(time, Time(activation * 1_000_000 + 2), "the time of the last record");
    assert_eq!(keys(bench, 1), ["a", "b"]);
}

fn snapshots(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    commit(bench, 0, activation, 1, [put("b", "2"), put("a", "1")]);
    let ledger = bench.node(0);
    let rows: Vec<_> = ledger.snapshot().collect();
    let expected = [("a", "1"), ("b", "2")].map(|(key, row)| (Bytes::from(key), Bytes::from(row)));
    assert_eq!(rows, expected);
}

fn lost_records_leave_nothing(bench: &mut dyn Bench) {
    let (activation, _) = claim(bench, 0);
    commit(bench, 0, activation, 1, [put("a", "1")]);
    claim(bench, 1);
    commit(bench, 0, activation, 2, [put("a", "2"), remove("a"), put("b", "2")]);
    let (_, time) = claim(bench, 0);
    assert_eq!((keys(bench, 0), time), (vec!["a".to_owned()], Time(activation * 1_000_000 + 1)));
    assert_eq!(get(bench, 0, "a"), Some(Bytes::from_static(b"1")));
}

fn claim(bench: &mut dyn Bench, node: u32) -> (u64, Time) {
    bench.node(node).claim();
    let ended = ended(bench, node);
    let Completion::Claimed { activation, time } = ended else {
        panic!("a claim ended as {ended:?}")
    };
    (activation, time)
}

fn commit(
    bench: &mut dyn Bench,
    node: u32,
    activation: u64,
    sequence: u64,
    writes: impl Into<Vec<Write>>,
) -> Completion {
    // Times rise with activation and sequence, and a record of an old activation is not the newest.
    let fence = Fence { activation, sequence };
    let time = Time(activation * 1_000_000 + sequence);
    bench.node(node).commit(Record { fence, time, writes: writes.into() });
    ended(bench, node)
}

fn barrier(bench: &mut dyn Bench, node: u32) -> bool {
    bench.node(node).barrier(7);
    let ended = ended(bench, node);
    let Completion::Barrier { ticket: 7, holds } = ended else {
        panic!("a barrier ended as {ended:?}")
    };
    holds
}

fn fetch(bench: &mut dyn Bench, node: u32, want: Want) -> Fetched {
    bench.node(node).fetch(9, want);
    fetched(bench, node)
}

fn fetched(bench: &mut dyn Bench, node: u32) -> Fetched {
    let ended = ended(bench, node);
    let Completion::Fetched { ticket: 9, rows } = ended else {
        panic!("a fetch ended as {ended:?}")
    };
    rows
}

/// Reads as the executor does: fetches what is not in memory.
fn get(bench: &mut dyn Bench, node: u32, key: &str) -> Option<Bytes> {
    let read = bench.node(node).get(key.as_bytes());
    match read {
        Read::Ready(row) => row,
        Read::Miss => match fetch(bench, node, Want::Row(key.into())) {
            Fetched::Row(row) => row,
            Fetched::Rows(_) => panic!("asked for a row"),
        },
    }
}

fn scan(bench: &mut dyn Bench, node: u32, range: Range) -> Vec<(String, Bytes)> {
    let read = bench.node(node).scan(&range);
    let rows = match read {
        Read::Ready(rows) => rows,
        Read::Miss => match fetch(bench, node, Want::Rows(range)) {
            Fetched::Rows(rows) => rows,
            Fetched::Row(_) => panic!("asked for rows"),
        },
    };
    rows.into_iter().map(|(key, row)| (String::from_utf8_lossy(&key).into(), row)).collect()
}

fn keys(bench: &mut dyn Bench, node: u32) -> Vec<String> {
    let ledger = bench.node(node);
    ledger.snapshot().map(|(key, _)| String::from_utf8_lossy(&key).into()).collect()
}

fn ended(bench: &mut dyn Bench, node: u32) -> Completion {
    bench.settle();
    let completion = bench.node(node).poll().expect("what was started has ended");
    assert_eq!(bench.node(node).poll(), None, "one completion each");
    completion
}

fn put(key: &str, value: &str) -> Write {
    Write { key: key.to_owned().into(), value: Some(value.to_owned().into()) }
}

fn remove(key: &str) -> Write {
    Write { key: key.to_owned().into(), value: None }
}

fn committed(activation: u64, sequence: u64) -> Completion {
    Completion::Committed { fence: Fence { activation, sequence } }
}

fn lost(activation: u64, sequence: u64) -> Completion {
    Completion::Lost { fence: Fence { activation, sequence } }
}

//! What the engine costs. `cargo test --release -p engine-fjall --test figures -- --ignored --nocapture`

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "it prints rounded figures"
)]

mod folder;

use std::fs;
use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::{Applied, Change, Engine, State};
use engine_fjall::{FjallEngine, Options};
use entity::transaction::{Order, Range};
use folder::Folder;

const ROW_BYTES: usize = 100;

const ROWS_PER_BATCH: u64 = 10;

#[expect(clippy::disallowed_methods, reason = "figures are of real time")]
fn now() -> Instant {
    Instant::now()
}

/// CPU time of this thread, and of the process, in microseconds.
fn cpu() -> (u64, u64) {
    let thread = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let thread = thread.split(' ').next().expect("a number").parse::<u64>().expect("a number");
    let process = fs::read_to_string("/proc/self/stat").expect("Linux");
    let ticks = process.rsplit(") ").next().expect("fields").split(' ');
    let ticks: u64 = ticks.skip(11).take(2).map(|it| it.parse::<u64>().expect("ticks")).sum();
    (thread / 1_000, ticks * 10_000)
}

fn memory_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a line");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib / 1024
}

/// A number that looks random.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x81da_def4_bc2d_d44d)
}

/// A row of one of 16,384 slots.
fn key(number: u64) -> Bytes {
    let slot = mixed(number).to_be_bytes();
    let part = if number.is_multiple_of(5) { 3 } else { 1 };
    [&[slot[0] >> 2, slot[1], 0, 3, 8][..], &number.to_be_bytes(), &[part]].concat().into()
}

fn batch(index: u64, keys: u64) -> Applied {
    let row = |number: u64| Change {
        key: key(mixed(index * ROWS_PER_BATCH + number) % keys),
        value: Some(mixed(index).to_be_bytes().repeat(ROW_BYTES / 8).into()),
    };
    let detail = Bytes::from_static(&[7; 100]);
    Applied { changes: (0..ROWS_PER_BATCH).map(row).collect(), applied: index, detail }
}

#[test]
#[ignore = "it takes a minute and prints figures"]
fn figures_of_batches() {
    let folder = Folder::new();
    let engine = FjallEngine::open(&folder.path, Options::default()).unwrap();
    let (count, keys) = (300_000, 1_000_000);
    let (began, before) = (now(), cpu());
    let mut slowest = Vec::new();
    for index in 1..=count {
        let began = now();
        engine.apply(vec![(index as u32 % 8, batch(index, keys))]).unwrap();
        slowest.push(began.elapsed());
    }
    let (took, after) = (began.elapsed(), cpu());
    slowest.sort_unstable();
    let at = |share: f64| slowest[(count as f64 * share) as usize - 1];
    println!("{:.0} applies/s", count as f64 / took.as_secs_f64());
    println!("{:.1} us of this thread each", (after.0 - before.0) as f64 / count as f64);
    println!("{:.1} us of all threads each", (after.1 - before.1) as f64 / count as f64);
    println!("p50 {:?} p99 {:?} p99.9 {:?}", at(0.5), at(0.99), at(0.999));
    println!("p99.99 {:?} slowest {:?}", at(0.9999), at(1.0));
    let began = now();
    engine.flush().unwrap();
    println!("a flush took {:?}, memory {} MiB", began.elapsed(), memory_mib());

    let began = now();
    let mut found = 0_u32;
    for number in 0..500_000_u64 {
        let key = key(mixed(number) % keys);
        found += u32::from(engine.get(number as u32 % 8, &key).unwrap().is_some());
    }
    println!("{:.0} gets/s, {found} found", 500_000.0 / began.elapsed().as_secs_f64());
    let range = Range { from: vec![], to: vec![255], order: Order::Up, limit: 100_000 };
    let began = now();
    let rows: usize = (0..8).map(|group| engine.scan(group, &range).unwrap().len()).sum();
    println!("{:.0} rows scanned/s", rows as f64 / began.elapsed().as_secs_f64());
}

#[test]
#[ignore = "it takes a minute and prints figures"]
fn figures_of_a_gibibyte() {
    let folder = Folder::new();
    let options = Options::default();
    let rows = 8_600_000_u64;
    {
        let engine = FjallEngine::open(&folder.path, options).unwrap();
        let began = now();
        let mut install = engine.install(1).unwrap();
        for first in (0..rows).step_by(1_000) {
            let row = |number: u64| (key(number), mixed(number).to_be_bytes().repeat(13).into());
            install.put((first..first + 1_000).map(row).collect()).unwrap();
        }
        install.finish(1, Bytes::new()).unwrap();
        println!("installing {rows} rows took {:?}, {} MiB", began.elapsed(), memory_mib());
    }
    for _ in 0..2 {
        let before = memory_mib();
        let began = now();
        let engine = FjallEngine::open(&folder.path, options).unwrap();
        println!("opening took {:?}, {} MiB after {before}", began.elapsed(), memory_mib());
        assert!(matches!(engine.state(1), Some(State::Sound(_))));
        let began = now();
        for number in 0..20_000 {
            assert!(engine.get(1, &key(mixed(number) % rows)).unwrap().is_some());
        }
        println!("{:.0} cold gets/s", 20_000.0 / began.elapsed().as_secs_f64());
        let began = now();
        let mut snapshot = engine.snapshot(1).unwrap();
        let mut count = 0;
        while let Some(chunk) = snapshot.next_chunk(1 << 20).unwrap() {
            count += chunk.len();
        }
        assert_eq!(count as u64, rows);
        println!("a snapshot took {:?}, {} MiB", began.elapsed(), memory_mib());
        drop(snapshot);
        let began = now();
        drop(engine);
        println!("closing took {:?}", began.elapsed().max(Duration::from_micros(1)));
    }
}

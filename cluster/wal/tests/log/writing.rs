//! What is written is there; what must not be written is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, thread};

use bytes::Bytes;
use wal::folder::Folder;
use wal::memory::MemoryFolder;
use wal::thread::WriterThread;
use wal::{ENTRY_BYTES_MAX, LogError, Options, Write};

use crate::rig::{Rig, SMALL, append, check, live, memory};
use crate::temporary::Temporary;

#[test]
fn what_is_written_is_read_and_found_again() {
    for seed in 0..60 {
        live(&memory(&MemoryFolder::default()), seed, 80, true);
    }
    let temporary = Temporary::new("model");
    let models = live(&temporary.folder(), 99, 150, true);
    check(&Rig::open(&temporary.folder(), &SMALL).unwrap(), &models);
}

#[test]
fn segments_go_when_nothing_in_them_is_needed() {
    let folder = MemoryFolder::default();
    let mut rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    rig.write(vec![(9, Write::Vote(Bytes::from_static(b"kept for ever")))]).unwrap();
    for index in 0..200 {
        rig.write(vec![(0, append(index, &"x".repeat(100)))]).unwrap();
        if index % 10 == 9 {
            rig.write(vec![(0, Write::Purge { upto: index - 3, mark: Bytes::new() })]).unwrap();
        }
    }
    assert!(rig.appender.segments() <= 4, "{}", rig.appender.segments());
    let rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    assert_eq!(rig.appender.group(9).vote(), Some(Bytes::from_static(b"kept for ever")));
    assert_eq!(rig.appender.group(0).first_index(), Some(197));
}

#[test]
fn bad_input_changes_nothing() {
    let mut rig = Rig::open(&memory(&MemoryFolder::default()), &SMALL).unwrap();
    rig.write(vec![(0, append(5, "a"))]).unwrap();
    let before = rig.model(0).unwrap();
    let long = Bytes::from(vec![0; ENTRY_BYTES_MAX + 1]);
    let cases = [
        vec![(0, append(7, "hole"))],
        vec![(0, append(5, "again"))],
        vec![(0, append(6, "fits")), (0, append(8, "hole"))],
        vec![(0, Write::Append { first: 6, entries: vec![long.clone()] })],
        vec![(0, Write::Vote(long))],
    ];
    for writes in cases {
        let error = rig.appender.submit(writes, Box::new(|_| panic!("refused"))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(rig.model(0).unwrap(), before);
    }
    rig.write(vec![(0, append(6, "b"))]).unwrap();
}

#[test]
fn after_a_failed_fsync_nobody_is_told_that_anything_is_durable() {
    let folder = MemoryFolder::default();
    let mut rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    rig.write(vec![(0, append(0, "a"))]).unwrap();
    folder.fail_syncs(1);
    let told = Arc::new(Mutex::new(Vec::new()));
    for index in 1..3 {
        let told = Arc::clone(&told);
        let tell = move |done: io::Result<()>| told.lock().unwrap().push((index, done.is_ok()));
        rig.appender.submit(vec![(0, append(index, "b"))], Box::new(tell)).unwrap();
    }
    rig.writer.write().unwrap();
    rig.writer.sync().unwrap_err();
    assert_eq!(*told.lock().unwrap(), [(1, false), (2, false)]);
    assert!(rig.appender.submit(vec![(0, append(3, "c"))], Box::new(drop)).is_err());
}

#[test]
fn a_full_disk_breaks_nothing() {
    for capacity in (200..6_000).step_by(37) {
        let folder = MemoryFolder::default();
        let mut rig = Rig::open(&memory(&folder), &SMALL).unwrap();
        folder.limit(Some(capacity), capacity % 2 == 0);
        let mut written = 0;
        while written < 80 && rig.write(vec![(0, append(written, &"x".repeat(60)))]).is_ok() {
            written += 1;
        }
        assert_eq!(written == 80, capacity % 2 == 0, "the reserve helps: {capacity}");
        folder.limit(None, false);
        let rig = Rig::open(&memory(&folder.copy()), &SMALL).unwrap();
        assert_eq!(rig.recovered.damage, []);
        let found = rig.appender.group(0).last_index().map_or(0, |it| it + 1);
        assert!(found >= written, "{found} of {written}");
    }
}

#[test]
fn files_of_others_are_refused() {
    let folder = MemoryFolder::default();
    drop(Rig::open(&memory(&folder), &SMALL).unwrap());
    let name = folder.names().unwrap().remove(0);
    let newer = folder.copy();
    // The version, and the checksum that belongs to it.
    let mut header = b"roostlog".to_vec();
    header.extend(2_u32.to_le_bytes());
    header.extend(1_u64.to_le_bytes());
    header.extend(crc32c::crc32c(&header).to_le_bytes());
    for (at, byte) in header.iter().enumerate() {
        let mut old = [0];
        newer.open(&name).unwrap().read_at(at as u64, &mut old).unwrap();
        newer.flip(&name, at as u64, old[0] ^ byte);
    }
    let error = Rig::open(&memory(&newer), &SMALL).err().unwrap();
    assert!(matches!(&error, LogError::Newer { version: 2, .. }), "{error}");
    assert!(error.to_string().contains("later release"));
}

#[test]
fn one_fsync_serves_many_and_answers_in_order() {
    let temporary = Temporary::new("thread");
    let (appender, writer, _) = wal::open(&temporary.folder(), &Options::default(), || {}).unwrap();
    let running = WriterThread::start(writer, |error| panic!("{error}")).unwrap();
    let done = Arc::new(Mutex::new(BTreeMap::<u32, Vec<u64>>::new()));
    let submitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for group in 0..4 {
            let (appender, done, submitted) = (&appender, &done, &submitted);
            scope.spawn(move || {
                for index in 0..500 {
                    let done = Arc::clone(done);
                    let tell = move |result: io::Result<()>| {
                        result.unwrap();
                        done.lock().unwrap().entry(group).or_default().push(index);
                    };
                    appender.submit(vec![(group, append(index, "entry"))], Box::new(tell)).unwrap();
                    submitted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    running.stop(&appender);
    let done = done.lock().unwrap();
    assert_eq!(done.len(), 4);
    assert!(done.values().all(|it| it.iter().copied().eq(0..500)));
    let rig = Rig::open(&temporary.folder(), &SMALL).unwrap();
    assert!((0..4).all(|group| rig.model(group).unwrap().entries.len() == 500));
}

/// `cargo test --release -p wal -- --ignored --nocapture a_gibibyte`
#[test]
#[ignore = "a figure: it writes a gibibyte"]
fn a_gibibyte_is_opened_quickly() {
    let temporary = Temporary::new("gibibyte");
    let mut rig = Rig::open(&temporary.folder(), &Options::default()).unwrap();
    let entry = Bytes::from(vec![7; 1_024]);
    for batch in 0..1_024 {
        let writes = (0..32).map(|group| {
            let entries = vec![entry.clone(); 32];
            (group, Write::Append { first: batch * 32, entries })
        });
        rig.write(writes.collect()).unwrap();
    }
    drop(rig);
    let began = std::time::Instant::now();
    let rig = Rig::open(&temporary.folder(), &Options::default()).unwrap();
    let lasted = began.elapsed();
    assert!(lasted.as_secs() < 10, "{} bytes in {lasted:?}", rig.recovered.bytes);
}

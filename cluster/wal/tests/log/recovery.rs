//! What a crash or a broken byte leaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fs, io};

use bytes::Bytes;
use wal::folder::Folder;
use wal::memory::{MemoryFolder, Step};
use wal::{LOST, LogError, Write, Writer};

use crate::rig::{Chance, GROUPS, Model, Models, Rig, SMALL, append, draw, live, memory};
use crate::temporary::Temporary;

/// The states that a group went through, from the oldest to the newest.
type History = BTreeMap<u32, Vec<Model>>;

/// A run whose folder keeps what is done to it: for each step how many states of each group had been
/// acknowledged by then. Half of all writes come while the disk is busy with those before.
fn recorded(seed: u64) -> (Vec<Step>, Vec<BTreeMap<u32, usize>>, History) {
    let folder = MemoryFolder::default();
    folder.record();
    let (mut chance, mut history, mut acknowledged) = (Chance(seed), History::new(), Vec::new());
    let mut rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    let mut sync = |writer: &mut Writer, counts: BTreeMap<u32, usize>| {
        writer.sync().unwrap();
        let before = acknowledged.last().cloned().unwrap_or_default();
        // A mark behind the fsync is the last step: all steps before it know nothing of these.
        acknowledged.resize(folder.steps().len() - 1, before);
        acknowledged.push(counts);
    };
    let mut written: Option<BTreeMap<u32, usize>> = None;
    for _ in 0..45 {
        let mut writes = Vec::new();
        for _ in 0..=chance.below(3) {
            let group = u32::try_from(chance.below(u64::from(GROUPS))).unwrap();
            let states = history.entry(group).or_insert_with(|| vec![Model::default()]);
            let mut model = states.last().unwrap().clone();
            let write = draw(&mut chance, &model);
            // Each entry is a record: the group may end behind any of them.
            if let Write::Append { first, entries } = &write {
                for (index, entry) in (*first..).zip(entries) {
                    model.entries.insert(index, entry.clone());
                    states.push(model.clone());
                }
            } else {
                model.apply(&write);
                states.push(model);
            }
            writes.push((group, write));
        }
        rig.appender.submit(writes, Box::new(drop)).unwrap();
        if let Some(counts) = written.take() {
            sync(&mut rig.writer, counts);
        }
        rig.writer.write().unwrap();
        written = Some(history.iter().map(|(it, all)| (*it, all.len() - 1)).collect());
        if let Some(counts) = written.take_if(|_| chance.below(2) == 0) {
            sync(&mut rig.writer, counts);
        }
    }
    if let Some(counts) = written.take() {
        sync(&mut rig.writer, counts);
    }
    (folder.steps(), acknowledged, history)
}

#[test]
fn whatever_a_crash_leaves_holds_all_that_was_acknowledged() {
    for seed in 0..6 {
        let (steps, acknowledged, history) = recorded(seed);
        let mut chance = Chance(seed);
        for step in 0..=steps.len() {
            let known = acknowledged[..step].last().cloned().unwrap_or_default();
            for _ in 0..4 {
                let after = MemoryFolder::default()
                    .after(&steps[..step])
                    .crash(&mut |max| chance.below(max));
                let rig = Rig::open(&memory(&after), &SMALL).unwrap();
                assert_eq!(rig.recovered.damage, [], "seed {seed} step {step}");
                for (group, states) in &history {
                    let found = rig.model(*group).unwrap();
                    let least = known.get(group).copied().unwrap_or(0);
                    let is_there = states[least..].contains(&found);
                    assert!(is_there, "seed {seed} step {step} group {group}: {found:?}");
                }
            }
        }
    }
}

/// A node goes on after a crash, and what it writes then may be all that another start finds: segments
/// before it are removed when nobody needs them any more.
#[test]
fn what_a_crash_has_left_is_there_after_more_was_written() {
    for seed in 0..4 {
        let (steps, ..) = recorded(seed);
        let mut chance = Chance(seed);
        for step in 0..=steps.len() {
            let after =
                MemoryFolder::default().after(&steps[..step]).crash(&mut |max| chance.below(max));
            let mut rig = Rig::open(&memory(&after), &SMALL).unwrap();
            let mut expected = Models::new();
            let mut writes = Vec::new();
            for group in 0..GROUPS {
                let mut model = rig.model(group).unwrap();
                // Nothing of what binds a segment is left.
                let purge = Write::Purge { upto: model.next(), mark: Bytes::from_static(b"all") };
                model.apply(&purge);
                writes.push((group, purge));
                expected.insert(group, model);
            }
            rig.write(writes).unwrap();
            rig.write(vec![(0, Write::Label(Bytes::from_static(b"later")))]).unwrap();
            expected.get_mut(&0).unwrap().label = Some(Bytes::from_static(b"later"));
            let again = Rig::open(&memory(&after), &SMALL).unwrap();
            assert_eq!(again.recovered.damaged, BTreeMap::new(), "seed {seed} step {step}");
            for (group, model) in &expected {
                let found = again.model(*group).unwrap();
                assert_eq!(found, *model, "seed {seed} step {step} group {group}");
            }
        }
    }
}

/// Opens a log one byte of which is broken. All is there, or it is said whose is not.
fn check_broken(folder: &Arc<dyn Folder>, models: &Models, which: &str) -> bool {
    let rig = match Rig::open(folder, &SMALL) {
        Ok(rig) => rig,
        Err(LogError::Foreign(_) | LogError::Newer { .. }) => return true,
        Err(error) => panic!("{which}: {error}"),
    };
    for (group, expected) in models {
        let is_reported = rig.recovered.damaged.contains_key(group);
        match rig.model(*group) {
            Ok(found) if found == *expected => {
                assert!(!is_reported || rig.appender.group(*group).damage().is_some());
            }
            Ok(found) => {
                let is_missing = found == Model::default() && !rig.recovered.damage.is_empty();
                assert!(is_reported || is_missing, "{which}: group {group} is {found:?}");
            }
            // Found when it is read, after the segment was opened: impossible, all is checked then.
            Err(error) => assert!(is_reported, "{which}: {error}"),
        }
    }
    !rig.recovered.damage.is_empty() || !rig.recovered.damaged.is_empty()
}

#[test]
fn a_broken_byte_is_never_a_silent_loss() {
    let folder = MemoryFolder::default();
    let models = live(&memory(&folder), 7, 60, false);
    let (mut reported, mut flipped) = (0, 0);
    for name in folder.names().unwrap() {
        let length = folder.open(&name).unwrap().length().unwrap();
        for at in (0..length).step_by(3) {
            let copy = folder.copy();
            assert!(copy.flip(&name, at, 0x10));
            flipped += 1;
            reported += u32::from(check_broken(&memory(&copy), &models, &format!("{name} {at}")));
        }
    }
    assert!(reported * 10 > flipped * 8, "{reported} of {flipped}: most bytes matter");
}

/// Whatever opening does to a broken log, and however far it comes: the next one finds as much.
#[test]
fn damage_is_not_forgotten_when_a_crash_comes_while_it_is_dealt_with() {
    let (mut found, mut chance) = (0, Chance(5));
    for seed in 0..8 {
        let (steps, ..) = recorded(seed);
        let step = steps.len() - usize::try_from(chance.below(12)).unwrap();
        let left = MemoryFolder::default().after(&steps[..step]).crash(&mut |it| chance.below(it));
        let names = left.names().unwrap();
        for name in &names {
            let length = left.open(name).unwrap().length().unwrap();
            for at in (0..length).step_by(131) {
                let broken = left.copy();
                assert!(broken.flip(name, at, 0x10));
                found += check_remembered(&broken, &mut chance, &format!("{seed} {name} {at}"));
            }
        }
    }
    assert!(found > 50, "{found} groups");
}

/// What the disk did not finish shows that all before it was durable: it is cut when the damage before
/// it is written down elsewhere. And who has lost everything is not taken for somebody new.
#[test]
fn damage_before_an_unfinished_batch_is_not_forgotten() {
    let left = MemoryFolder::default();
    let mut rig = Rig::open(&memory(&left), &SMALL).unwrap();
    for group in 0..GROUPS {
        rig.write(vec![(group, Write::Label(Bytes::from_static(b"label")))]).unwrap();
    }
    let name = left.names().unwrap().remove(0);
    let file = left.open(&name).unwrap();
    let length = file.length().unwrap();
    file.truncate(length - 24 - 1).unwrap();
    let rig = Rig::open(&memory(&left.copy()), &SMALL).unwrap();
    assert!(rig.recovered.cut_bytes > 0 && rig.recovered.damage.is_empty(), "{:?}", rig.recovered);
    let (mut chance, mut lost) = (Chance(1), 0);
    for at in 24..length - 25 {
        let broken = left.copy();
        assert!(broken.flip(&name, at, 0x10));
        lost += check_remembered(&broken, &mut chance, &format!("{at}"));
    }
    assert!(lost > 100, "{lost}");
}

fn check_remembered(broken: &MemoryFolder, chance: &mut Chance, which: &str) -> usize {
    let opened = broken.copy();
    opened.record();
    let Ok(mut rig) = Rig::open(&memory(&opened), &SMALL) else { return 0 };
    // What nobody needs any more is removed with the next write.
    let sound = (0..GROUPS).filter(|it| rig.appender.group(*it).damage().is_none());
    let later = |group| (group, Write::Label(Bytes::from_static(b"later")));
    rig.write(sound.map(later).collect()).unwrap();
    let damaged: Vec<_> = rig.recovered.damaged.keys().collect();
    let is_broken = !rig.recovered.damage.is_empty();
    let steps = opened.steps();
    for step in 0..=steps.len() {
        let after = broken.copy().after(&steps[..step]).crash(&mut |it| chance.below(it));
        let again = Rig::open(&memory(&after), &SMALL).unwrap().recovered;
        let is_known = damaged.iter().all(|it| again.damaged.contains_key(it))
            && (!is_broken || again.may_lack_groups());
        assert!(is_known, "{which} step {step}: {damaged:?} then {again:?}");
    }
    damaged.len()
}

#[test]
fn a_broken_byte_of_a_real_file_is_found() {
    let temporary = Temporary::new("flip");
    let models = live(&temporary.folder(), 3, 60, false);
    let mut chance = Chance(1);
    for _ in 0..60 {
        let names = temporary.folder().names().unwrap();
        let name = &names[usize::try_from(chance.below(names.len() as u64)).unwrap()];
        let path = temporary.0.join(name);
        let original = fs::read(&path).unwrap();
        let mut broken = original.clone();
        let at = usize::try_from(chance.below(original.len() as u64)).unwrap();
        broken[at] ^= 1;
        let copy = Temporary::new("flipped");
        for other in &names {
            fs::copy(temporary.0.join(other), copy.0.join(other)).unwrap();
        }
        fs::write(copy.0.join(name), broken).unwrap();
        check_broken(&copy.folder(), &models, &format!("{name} {at}"));
    }
}

#[test]
fn a_missing_segment_is_damage_and_a_reset_mends_the_group() {
    let folder = MemoryFolder::default();
    let mut rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    for index in 0..60 {
        rig.write(vec![(0, append(index, &"x".repeat(100)))]).unwrap();
    }
    let names = folder.names().unwrap();
    folder.remove(&names[1]).unwrap();
    let mut rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    assert!(rig.recovered.damaged.contains_key(&0));
    assert_eq!(rig.model(0).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(
        rig.write(vec![(0, append(60, "y"))]).unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );

    let mut rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    assert!(rig.recovered.damaged.contains_key(&0), "it stays damaged");
    rig.write(vec![(0, Write::Reset), (0, append(7, "anew"))]).unwrap();
    assert_eq!(rig.model(0).unwrap().entries.len(), 1);
    for index in 8..40 {
        rig.write(vec![(0, append(index, &"x".repeat(100)))]).unwrap();
    }
    let rig = Rig::open(&memory(&folder), &SMALL).unwrap();
    assert!(rig.recovered.damaged.keys().eq([&LOST]), "{:?}", rig.recovered);
    assert_eq!(rig.appender.group(0).first_index(), Some(7));
}

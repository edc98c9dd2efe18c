//! From a folder to the groups in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};

use engine::{EngineError, GroupId};
use fjall::{Database, KeyspaceCreateOptions};

use crate::fault::{guarded, unopened, unopened_io};
use crate::found::{Found, Marks, generations};
use crate::inspect;
use crate::keeper::Job;
use crate::mark::StoredMark;
use crate::options::{Options, WORKERS};
use crate::retired::Retired;
use crate::shared::{Lock, ReadLock, Shared, Space};
use crate::store::{Batch, NAMES, Store};
use crate::visible::{Live, Visible};

/// Opens a folder, or makes it. What is yielded besides are the keeper's jobs.
pub(crate) fn open(
    folder: &Path,
    options: Options,
) -> Result<(Arc<Shared>, Receiver<Job>), EngineError> {
    let is_there = folder.try_exists().map_err(|error| unopened_io(&error))?;
    if !is_there {
        create(folder, options)?;
    }
    prepare(folder)?;
    let store = guarded(|| database(folder, options)).map_err(|error| unopened(&error))?;
    let marks = guarded(|| marks(&store)).map_err(|error| unopened(&error))?;
    if inspect::is_suspect(folder).map_err(|error| unopened_io(&error))? {
        guarded(|| store.read_all()).map_err(|error| unopened(&error))?;
        inspect::clear(folder).map_err(|error| unopened_io(&error))?;
    }
    Ok(share(folder, options, store, &marks))
}

/// Checks what fjall does not, and empties the journal.
fn prepare(folder: &Path) -> Result<(), EngineError> {
    let lock = inspect::lock(folder).map_err(|error| unopened_io(&error))?;
    let Some(lock) = lock else { return Err(unopened(&fjall::Error::Locked)) };
    if let Some(what) = inspect::fault(folder).map_err(|error| unopened_io(&error))? {
        return Err(EngineError::Unreadable { what });
    }
    inspect::discard_journal(folder).map_err(|error| unopened_io(&error))?;
    drop(lock);
    Ok(())
}

/// Makes a folder elsewhere and renames it, so that a folder that is there is whole.
fn create(folder: &Path, options: Options) -> Result<(), EngineError> {
    let new = inspect::sibling(folder, "new");
    if new.try_exists().map_err(|error| unopened_io(&error))? {
        fs::remove_dir_all(&new).map_err(|error| unopened_io(&error))?;
    }
    let store = guarded(|| {
        let db = builder(&new, options).open()?;
        for name in NAMES {
            // The keeper seals memtables by the size that the options say now, not then.
            db.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(u64::MAX))?;
        }
        Ok(db)
    });
    drop(store.map_err(|error| unopened(&error))?);
    let moved = fs::rename(&new, folder).and_then(|()| inspect::sync_parent(folder));
    moved.map_err(|error| unopened_io(&error))
}

fn builder(folder: &Path, options: Options) -> fjall::DatabaseBuilder<Database> {
    Database::builder(folder)
        .cache_size(options.cache_bytes())
        .max_cached_files(Some(options.files_max))
        .worker_threads(WORKERS)
}

fn database(folder: &Path, options: Options) -> fjall::Result<Store> {
    let db = builder(folder, options).open()?;
    // A keyspace that were missing would be made, empty.
    if NAMES.iter().any(|name| !db.keyspace_exists(name)) {
        return Err(fjall::Error::Unrecoverable);
    }
    let [state, streams, meta] = NAMES.map(|name| db.keyspace(name, Default::default));
    Ok(Store { state: state?, streams: streams?, meta: meta?, db })
}

fn marks(store: &Store) -> fjall::Result<Marks> {
    Ok(Marks {
        meta: store.groups().collect::<fjall::Result<_>>()?,
        state: generations(&store.state)?,
        streams: generations(&store.streams)?,
    })
}

fn share(
    folder: &Path,
    options: Options,
    store: Store,
    marks: &Marks,
) -> (Arc<Shared>, Receiver<Job>) {
    let found = marks.groups();
    settle(&store, &found);
    let (keeper, jobs) = channel();
    let groups = found.iter().filter_map(|(id, it)| Some((*id, live(it)?))).collect();
    let visible = Visible { groups, view: Arc::new(store.db.snapshot()) };
    let shared = Arc::new(Shared {
        store,
        folder: folder.to_owned(),
        options,
        visible: ReadLock::new(visible),
        space: Lock::new(Space::unknown()),
        next_generation: AtomicU32::new(marks.next_generation()),
        failure: OnceLock::new(),
        keeper,
        is_sealing: AtomicBool::new(false),
        sealed_at: AtomicU64::new(options.first_quarters()),
        retired: Retired::default(),
    });
    for generation in marks.leftovers(&found) {
        shared.tell(Job::Sweep(generation));
    }
    (shared, jobs)
}

/// Makes all three marks of a group the oldest of them, and forgets groups that had not begun.
fn settle(store: &Store, found: &BTreeMap<GroupId, Found>) {
    let mut batch = Batch::default();
    for (group, found) in found {
        match found {
            Found::Damaged(_) => {}
            Found::NotBegun => batch.set_group(*group, None),
            Found::Sound(mark) => {
                let stored =
                    StoredMark { group: *group, mark: mark.clone(), durable: mark.applied };
                batch.mark(&stored);
            }
        }
    }
    store.write(&mut batch);
}

fn live(found: &Found) -> Option<Live> {
    match found {
        Found::Sound(mark) => Some(Live::sound(mark.clone(), mark.applied)),
        Found::Damaged(what) => Some(Live::Damaged { what: what.clone(), generation: None }),
        Found::NotBegun => None,
    }
}

//! A folder before fjall sees it.
//!
//! fjall takes its manifests as they are: a flipped bit in one loses tables without a word. Each is
//! stored with a checksum, which is checked here. Its journal loses whatever stands behind the first
//! bit it cannot decode, its sequence numbers have no checksum, and a damaged older file does not
//! stop it from reading the newer: so it is not used, and our own log replayed instead.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

/// Most damaged folders that are kept next to the sound one.
pub(crate) const SET_ASIDE_MAX: u32 = 1_000;

/// Fjall's own, and the three of [`crate::store`].
const KEYSPACES_MIN: usize = 4;

/// How often a lock is tried.
const LOCK_TRIES: u32 = 30;

/// How long it is waited between: somebody may be about to let go.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A file that is there when fjall gave up.
const SUSPECT: &str = "suspect";

/// Number of a manifest, its checksum, the kind of checksum.
const CURRENT_BYTES: usize = 25;

/// Renames a folder that is [`engine::EngineError::Unreadable`], so that opening it again begins
/// empty. Yields where it is now. Nothing is done when there is no folder.
///
/// # Errors
/// Those of the file system; `AlreadyExists`, if 1,000 were set aside before.
pub fn set_aside(folder: &Path) -> io::Result<Option<PathBuf>> {
    if !folder.try_exists()? {
        return Ok(None);
    }
    for number in 1..=SET_ASIDE_MAX {
        let aside = sibling(folder, &format!("damaged-{number}"));
        if !aside.try_exists()? {
            fs::rename(folder, &aside)?;
            sync_parent(folder)?;
            return Ok(Some(aside));
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "remove damaged folders first"))
}

/// Makes sure that nobody has the folder open, as long as the file lives; none if somebody has. It
/// must be let go of before fjall opens the folder, which takes the same lock.
pub(crate) fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = File::options().read(true).write(true).open(folder.join("lock"))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

/// What is wrong with the manifests of a folder, or nothing.
pub(crate) fn fault(folder: &Path) -> io::Result<Option<String>> {
    if !folder.join("version").try_exists()? {
        return Ok(Some("the version is missing".to_owned()));
    }
    let mut count = 0;
    for entry in fs::read_dir(folder.join("keyspaces"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.parse::<u64>().is_err() {
            return Ok(Some(format!("a keyspace is called {name}")));
        }
        if !is_manifest_sound(&path)? {
            return Ok(Some(format!("the manifest of keyspace {name} is damaged")));
        }
        count += 1;
    }
    Ok((count < KEYSPACES_MIN).then(|| format!("{count} keyspaces are left")))
}

fn is_manifest_sound(keyspace: &Path) -> io::Result<bool> {
    let current = fs::read(keyspace.join("current"))?;
    let Ok(current) = <[u8; CURRENT_BYTES]>::try_from(current) else { return Ok(false) };
    let (number, rest) = current.split_first_chunk().expect("25 bytes");
    let (checksum, kind) = rest.split_first_chunk().expect("17 bytes");
    let manifest = fs::read(keyspace.join(format!("v{}", u64::from_le_bytes(*number))))?;
    Ok(xxh3_128(&manifest) == u128::from_le_bytes(*checksum) && *kind == [0])
}

/// Empties the journal. One file stays, because fjall looks for its last sequence number only if
/// there is one.
pub(crate) fn discard_journal(folder: &Path) -> io::Result<()> {
    for path in journals(folder)? {
        fs::remove_file(path)?;
    }
    let journal = File::create(folder.join("0.jnl"))?;
    journal.sync_all()?;
    sync(folder)
}

/// Notes that fjall gave up on a folder, whose tables the next open reads to the end.
pub(crate) fn suspect(folder: &Path) {
    // If it cannot be noted, the next open takes the folder as it is, and gives up later again.
    drop(File::create(folder.join(SUSPECT)));
}

/// Whether fjall gave up on a folder.
pub(crate) fn is_suspect(folder: &Path) -> io::Result<bool> {
    folder.join(SUSPECT).try_exists()
}

/// Forgets that fjall gave up on a folder.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(SUSPECT))
}

fn journals(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "jnl") {
            journals.push(path);
        }
    }
    Ok(journals)
}

/// A path next to `folder`.
pub(crate) fn sibling(folder: &Path, extension: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(extension);
    folder.with_file_name(name)
}

/// Makes a rename of `folder` durable.
pub(crate) fn sync_parent(folder: &Path) -> io::Result<()> {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        Some(_) | None => sync(Path::new(".")),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

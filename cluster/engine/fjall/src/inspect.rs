//! A folder before fjall sees it.
//!
//! fjall takes its manifests as they are: a flipped bit in one loses tables without a word. Each is
//! stored with a checksum, which is checked here. Its journal loses whatever stands behind the first
//! bit it cannot decode, its sequence numbers have no checksum, and a damaged older file does not
//! stop it from reading the newer: so the journal is emptied, and our own log replayed instead.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

/// Most damaged folders that are kept next to the sound one.
pub const SET_ASIDE_MAX: u32 = 1_000;

/// Fjall's own, and the three of [`crate::store`].
const KEYSPACES_MIN: usize = 4;

/// Number of a manifest, its checksum, the kind of checksum.
const CURRENT_BYTES: usize = 25;

/// Renames a folder that is [`engine::EngineError::Unreadable`], so that opening it again begins
/// empty. Yields where it is now. Nothing is done when there is no folder.
///
/// # Errors
/// Those of the file system; `AlreadyExists`, if [`SET_ASIDE_MAX`] were set aside before.
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
    let mut journals = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "jnl") {
            journals.push(path);
        }
    }
    for path in journals {
        fs::remove_file(path)?;
    }
    let journal = File::create(folder.join("0.jnl"))?;
    journal.sync_all()?;
    sync(folder)
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

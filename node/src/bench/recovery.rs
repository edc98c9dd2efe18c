//! How quickly a node that starts has its log and its rows again.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use engine::{Applied, Change, Engine, EngineError};
use engine_fjall::FjallEngine;
use wal::disk::DiskFolder;
use wal::folder::Folder;
use wal::{LogError, Write};

use super::figure::{Figure, as_float};
use super::scratch::Scratch;
use crate::world::{self, Used};

/// Groups that share log and rows.
const GROUPS: u32 = 32;

/// Bytes of an entry, and of a row.
const VALUE_BYTES: usize = 1_024;

/// Entries, or rows, of one group that are written at once.
const AT_ONCE: u64 = 32;

/// Why nothing was measured.
#[derive(Debug)]
pub enum BenchError {
    /// As the system has it.
    Io(io::Error),
    /// The log is not opened.
    Log(LogError),
    /// The rows are not opened, or not written.
    Engine(EngineError),
}

/// Writes `bytes` of log and of rows, closes them, and opens them again. What the system still has in
/// its cache need not come from the disk.
///
/// # Errors
///
/// [`BenchError`]
pub fn run(bytes: u64) -> Result<Vec<Figure>, BenchError> {
    run_in(Scratch::new()?.path(), bytes)
}

fn run_in(folder: &Path, bytes: u64) -> Result<Vec<Figure>, BenchError> {
    let (log, rows) = (folder.join("log"), folder.join("rows"));
    write_log(&log, bytes)?;
    write_rows(&rows, bytes)?;
    let before = (world::resident_bytes(), Used::by_process());
    let opened = (open_log(&log)?, FjallEngine::open(&rows, engine_fjall::Options::default())?);
    let used = Used::by_process().since(before.1);
    let grown = world::resident_bytes().saturating_sub(before.0);
    let (recovered, engine) = opened;
    let figure = |metric, value, unit| Figure::new("recovery", metric, value, unit);
    Ok(vec![
        figure("log", as_float(recovered) / 1e6, "MB"),
        figure("groups_with_rows", as_float(engine.groups().len() as u64), "1"),
        figure("opened_in", used.wall.as_secs_f64(), "s"),
        figure("cpu", used.cpu.as_secs_f64(), "s"),
        figure("memory", as_float(grown) / 1e6, "MB"),
    ])
}

/// How many times all groups are written to.
fn rounds(bytes: u64) -> u64 {
    bytes / (u64::from(GROUPS) * AT_ONCE * VALUE_BYTES as u64)
}

fn disk(path: &Path) -> io::Result<Arc<dyn Folder>> {
    Ok(Arc::new(DiskFolder::open(path, 0)?))
}

fn write_log(path: &Path, bytes: u64) -> Result<(), BenchError> {
    let (appender, mut writer, _) = wal::open(&disk(path)?, &wal::Options::default(), || {})?;
    let entry = Bytes::from(vec![7; VALUE_BYTES]);
    for round in 0..rounds(bytes) {
        let entries = vec![entry.clone(); usize::try_from(AT_ONCE).expect("a few")];
        let write =
            |group| (group, Write::Append { first: round * AT_ONCE, entries: entries.clone() });
        appender.submit((0..GROUPS).map(write).collect(), Box::new(drop))?;
        while writer.write()? {
            writer.sync()?;
        }
    }
    Ok(())
}

/// Yields how many bytes were read.
fn open_log(path: &Path) -> Result<u64, BenchError> {
    let (_, _, recovered) = wal::open(&disk(path)?, &wal::Options::default(), || {})?;
    Ok(recovered.bytes)
}

fn write_rows(path: &Path, bytes: u64) -> Result<(), BenchError> {
    let engine = FjallEngine::open(path, engine_fjall::Options::default())?;
    for round in 0..rounds(bytes) {
        for group in 0..GROUPS {
            let row = |number: u64| {
                // Spread, as the keys of entities are; and nothing that would compress.
                let place = (round * AT_ONCE + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let value: Vec<u8> = (0..VALUE_BYTES as u64 / 8)
                    .flat_map(|word| {
                        (place ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_le_bytes()
                    })
                    .collect();
                let key = Bytes::copy_from_slice(&place.to_be_bytes());
                Change { key, value: Some(value.into()) }
            };
            let changes = (0..AT_ONCE).map(row).collect();
            let detail = Bytes::from_static(b"bench");
            engine.apply(vec![(group, Applied { changes, applied: round + 1, detail })])?;
        }
    }
    engine.flush()?;
    Ok(())
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BenchError {}

impl From<io::Error> for BenchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<LogError> for BenchError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<EngineError> for BenchError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

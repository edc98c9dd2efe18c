//! What fjall's errors mean for an engine.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::{EngineError, GroupId};

/// A write or a flush went wrong. fjall takes no more writes after one.
pub(crate) fn failed(error: &fjall::Error) -> EngineError {
    match io_error(error) {
        Some(io) if is_full(io) => EngineError::Full,
        Some(_) | None => EngineError::Failed { what: error.to_string() },
    }
}

/// The rows of a group could not be read.
pub(crate) fn unreadable_rows(group: GroupId, error: &fjall::Error) -> EngineError {
    match io_error(error) {
        Some(io) if is_passing(io) => EngineError::Failed { what: io.to_string() },
        Some(_) | None => EngineError::Damaged { group, what: error.to_string() },
    }
}

/// The folder could not be opened.
pub(crate) fn unopened(error: &fjall::Error) -> EngineError {
    match io_error(error) {
        Some(io) => unopened_io(io),
        None if matches!(error, fjall::Error::Locked) => {
            EngineError::Failed { what: "somebody has the folder open".to_owned() }
        }
        None => EngineError::Unreadable { what: error.to_string() },
    }
}

/// The file system refused, before fjall was asked or through it.
pub(crate) fn unopened_io(error: &io::Error) -> EngineError {
    if is_full(error) {
        EngineError::Full
    } else if is_passing(error) {
        EngineError::Failed { what: error.to_string() }
    } else {
        EngineError::Unreadable { what: error.to_string() }
    }
}

/// Runs what may panic because fjall takes for granted what a damaged file does not keep to.
pub(crate) fn guarded<T>(run: impl FnOnce() -> fjall::Result<T>) -> fjall::Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let what = format!("fjall panicked: {}", text.unwrap_or("no text"));
        Err(fjall::Error::Io(io::Error::new(ErrorKind::InvalidData, what)))
    })
}

fn io_error(error: &fjall::Error) -> Option<&io::Error> {
    if let fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) = error {
        return Some(io);
    }
    None
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Whether the file may well be sound: too many are open, memory is short, it is not ours.
fn is_passing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let known = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::ACCESS, Errno::PERM, Errno::ROFS];
    known.iter().any(|it| error.raw_os_error() == Some(it.raw_os_error()))
}

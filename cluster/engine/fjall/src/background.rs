//! Threads that give way.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

use engine::EngineError;
use rustix::process::{getpriority_process, setpriority_process};

/// How much nicer than others threads in the background are, as Linux counts it: with as many others that want
/// its core, each gets a third of what it would. Behind it stands that a flush or a compaction of some tenths of
/// a second must not hold up who answers now; with more it would fall behind where nobody rests.
const NICER: i32 = 5;

/// Does something on a thread that gives way to others, as do the threads that it starts.
pub(crate) fn in_background<T: Send>(
    work: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    let work = || {
        // Who must not be nicer works as well.
        if let Ok(niceness) = getpriority_process(None) {
            setpriority_process(None, niceness + NICER).unwrap_or_default();
        }
        work()
    };
    scope(|scope| {
        let thread = Builder::new().name("engine-open".to_owned()).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| EngineError::Failed { what: error.to_string() })?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_in_the_background_is_nicer_and_nobody_else_is() {
        let niceness = || getpriority_process(None).unwrap();
        let before = niceness();
        let within = in_background(|| {
            let started = Builder::new().spawn(move || getpriority_process(None).unwrap()).unwrap();
            Ok(started.join().unwrap())
        });
        assert_eq!((within, niceness()), (Ok((before + NICER).min(19)), before));
    }

    #[test]
    #[should_panic(expected = "as it was")]
    fn a_panic_stays_one() {
        in_background::<()>(|| panic!("as it was")).unwrap();
    }
}

//! What must not happen: panics, hangs, too much memory.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::memory::most_held;

/// Longest that one input may take. Real ones take microseconds; machines may be busy.
const LASTING_MAX: Duration = Duration::from_secs(1);

/// What any input may take of memory, in bytes: a few buffers, and the texts of errors.
const HELD_BYTES: usize = 64 * 1024;

/// How often something is tried that took long, or much: the first time something is set up, or
/// somebody else was busy.
const TRIES: u32 = 5;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// It panicked, with these words.
    Panic(String),
    /// It took this long.
    Long(Duration),
    /// It held so many bytes.
    Much(usize),
}

/// Tries an input. `growth` bytes of memory may be held for each byte of it.
///
/// # Errors
///
/// [`Mishap`]
pub fn watch(check: &impl Fn(&[u8]), input: &[u8], growth: usize) -> Result<(), Mishap> {
    let mut result = Ok(());
    for _ in 0..TRIES {
        result = once(check, input, growth);
        match result {
            Ok(()) | Err(Mishap::Panic(_)) => return result,
            Err(Mishap::Long(_) | Mishap::Much(_)) => {}
        }
    }
    result
}

impl Mishap {
    /// Whether something of the same kind happened.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Panic(_), Self::Panic(_))
            | (Self::Long(_), Self::Long(_))
            | (Self::Much(_), Self::Much(_)) => true,
            (Self::Panic(_) | Self::Long(_) | Self::Much(_), _) => false,
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(words) => write!(f, "panics: {words}"),
            Self::Long(lasted) => write!(f, "takes {lasted:?}, each of {TRIES} times"),
            Self::Much(held) => write!(f, "holds {held} bytes of memory"),
        }
    }
}

fn once(check: &impl Fn(&[u8]), input: &[u8], growth: usize) -> Result<(), Mishap> {
    let (began, mut caught) = (now(), Ok(()));
    let held = most_held(|| caught = quietly(|| check(input)));
    let (lasted, held_max) = (began.elapsed(), HELD_BYTES + growth * input.len());
    if let Err(panic) = caught {
        Err(Mishap::Panic(words(&*panic)))
    } else if lasted > LASTING_MAX {
        Err(Mishap::Long(lasted))
    } else if held > held_max {
        Err(Mishap::Much(held))
    } else {
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a decoder takes is what is asked")]
fn now() -> Instant {
    Instant::now()
}

/// Catches a panic without a word on standard error: thousands follow while an input is made shorter.
fn quietly(work: impl FnOnce()) -> thread::Result<()> {
    static HOOK: OnceLock<()> = OnceLock::new();
    HOOK.get_or_init(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                usual(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let caught = catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(false);
    caught
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_and_memory_are_noticed() {
        let check = |input: &[u8]| match input {
            b"panic" => panic!("on purpose"),
            b"much" => drop(vec![0_u8; 2 * HELD_BYTES]),
            _ => {}
        };
        assert_eq!(watch(&check, b"panic", 1), Err(Mishap::Panic("on purpose".to_owned())));
        assert_eq!(watch(&check, b"much", 1), Err(Mishap::Much(2 * HELD_BYTES)));
        assert_eq!(watch(&check, b"much", HELD_BYTES), Ok(()));
        assert_eq!(watch(&check, b"", 1), Ok(()));
    }

    #[test]
    fn what_happens_once_only_is_forgiven() {
        let is_first = Cell::new(true);
        let check = |_: &[u8]| {
            if is_first.replace(false) {
                drop(vec![0_u8; 2 * HELD_BYTES]);
            }
        };
        assert_eq!(watch(&check, b"", 1), Ok(()));
    }
}

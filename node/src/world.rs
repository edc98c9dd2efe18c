//! The clock and the chance of this machine, which everything else gets as arguments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entity::{Id, Time};
use runtime::clock::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Length of a secret, in bytes: 256 bits, which nobody guesses.
pub const SECRET_BYTES: usize = 32;

/// What the system's clock says.
///
/// # Panics
///
/// When the clock stands before 1970 or beyond what 64 bits of microseconds can say.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    Time(u64::try_from(since.as_micros()).expect("the clock is before the year 586,000"))
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        now()
    }
}

/// The time of day as the system has it: certificates are judged by it.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// 32 bytes that nobody can guess.
///
/// # Panics
///
/// When the system has no entropy: nothing may run without.
pub fn secret() -> [u8; SECRET_BYTES] {
    let mut bytes = [0; SECRET_BYTES];
    fill(&mut bytes);
    bytes
}

/// Fills a buffer with bytes that nobody can guess.
///
/// # Panics
///
/// As [`secret`].
#[expect(clippy::disallowed_methods, reason = "the one place where chance comes from the system")]
pub fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has entropy");
}

/// 64 bits by chance.
///
/// # Panics
///
/// As [`secret`].
pub fn chance() -> u64 {
    getrandom::u64().expect("the system has entropy")
}

/// Names a disk that is new.
pub fn disk() -> u128 {
    u128::from(chance()) << 64 | u128::from(chance())
}

/// An id for something that begins now.
pub fn id() -> Id {
    Id::random(now(), chance())
}

/// What a thread or process has used.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Time on a core.
    pub cpu: Duration,
    /// Time on the wall.
    pub wall: Duration,
}

impl Used {
    /// Since this thread and this machine began.
    ///
    /// # Panics
    ///
    /// Where the system does not tell: it has to be Linux.
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn now() -> Self {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
        let nanos = told.split(' ').next().and_then(|it| it.parse().ok());
        let cpu = Duration::from_nanos(nanos.expect("the first number is nanoseconds on a core"));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
        Self { cpu, wall }
    }

    /// By all threads of this process, those that have ended among them, in steps of 10 ms.
    ///
    /// # Panics
    ///
    /// Where the system does not tell: it has to be Linux.
    pub fn by_process() -> Self {
        Self::at("/proc/self/stat").expect("this is Linux")
    }

    /// By all threads of another process, in steps of 10 ms; none if there is no such process.
    pub fn by(pid: i32) -> Option<Self> {
        Self::at(&format!("/proc/{pid}/stat"))
    }

    fn at(file: &str) -> Option<Self> {
        /// What Linux calls a tick when it talks to programs, per second.
        const TICKS: u64 = 100;
        let told = std::fs::read_to_string(file).ok()?;
        // The second field is a name in parentheses, and may hold anything.
        let (_, numbers) = told.rsplit_once(')').expect("the name ends");
        let ticks = numbers.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.map(|it| it.expect("user and system are numbers")).sum();
        let wall = Self::now().wall;
        Some(Self { cpu: Duration::from_millis(ticks * 1_000 / TICKS), wall })
    }

    /// What was used between two moments.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let cpu = self.cpu.saturating_sub(before.cpu);
        Self { cpu, wall: self.wall.saturating_sub(before.wall) }
    }
}

/// What the machine's cores did, if it is a virtual one: time that programs wanted and its host gave to others
/// is stolen from it, and what is measured meanwhile says little about the programs.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Time of all cores, in ticks of the system.
    all: u64,
    /// Of this what others had.
    stolen: u64,
}

impl Cores {
    /// Since this machine began.
    ///
    /// # Panics
    ///
    /// Where the system does not tell: it has to be Linux.
    pub fn now() -> Self {
        let told = std::fs::read_to_string("/proc/stat").expect("this is Linux");
        let line = told.lines().next().expect("the first line is of all cores");
        let ticks = line.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
        // Behind these stands what guests of this machine had, which is in them already.
        let ticks: Vec<_> = ticks.take(8).map(|it| it.expect("ticks are numbers")).collect();
        Self { all: ticks.iter().sum(), stolen: ticks[7] }
    }

    /// How much of the time since then was stolen, in percent.
    #[expect(clippy::cast_precision_loss, reason = "it is for people")]
    pub fn stolen_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 * 100.0 / all as f64
    }
}

/// Lets this process have as many files and connections open as the system allows it: what it begins
/// with is meant for programs that serve nobody. What is left then is what the machine has set.
pub fn raise_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit on open files stays");
    }
}

/// How many files and connections this process may have open.
pub fn files_max() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Memory of this process that is in use now, in bytes.
///
/// # Panics
///
/// Where the system does not tell: it has to be Linux.
pub fn resident_bytes() -> u64 {
    resident("/proc/self/statm").expect("this is Linux")
}

/// Memory of another process that is in use now, in bytes; none if there is no such process.
pub fn resident_bytes_of(pid: i32) -> Option<u64> {
    resident(&format!("/proc/{pid}/statm"))
}

fn resident(file: &str) -> Option<u64> {
    /// What Linux calls a page on the machines that roost runs on.
    const PAGE_BYTES: u64 = 4_096;
    let told = std::fs::read_to_string(file).ok()?;
    let pages: Option<u64> = told.split(' ').nth(1).and_then(|it| it.parse().ok());
    Some(pages.expect("the second number is resident pages") * PAGE_BYTES)
}

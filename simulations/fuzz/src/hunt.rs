//! One input after the other.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, io, process};

use crate::chance::Chance;
use crate::corpus::{self, Line};
use crate::coverage::Reached;
use crate::guard::Guard;
use crate::mutation::mutate;
use crate::target::Target;
use crate::watch::{Mishap, watch};

/// Inputs that are tried when nobody says for how long.
const INPUTS: u64 = 10_000;

/// How long that may take at most.
const LASTING: Duration = Duration::from_secs(2);

/// How often an input that fails is made shorter at most.
const CUTS_MAX: u32 = 2_000;

/// Most inputs that are kept in the source for one target, and most bytes of all of them.
const KEPT_MAX: (usize, usize) = (48, 8_192);

/// How it is hunted.
struct Order {
    /// For how long. None: through the same inputs each time.
    lasting: Option<Duration>,
    /// Whether the inputs that are found replace those in the source.
    keeps: bool,
}

/// A hunt under way.
struct Hunt<'a, C> {
    target: &'a Target,
    check: &'a C,
    guard: Guard,
    reached: Reached,
    inputs: Vec<Vec<u8>>,
    tried: u64,
}

/// Tries inputs.
///
/// # Errors
///
/// What is wrong, with the input.
pub fn hunt(target: &Target, check: &impl Fn(&[u8])) -> Result<(), String> {
    let order = Order::given()?;
    let _alone = Alone::new()?;
    let mut hunt = Hunt {
        target,
        check,
        guard: Guard::new(target.name),
        reached: Reached::default(),
        inputs: Vec::new(),
        tried: 0,
    };
    let kept = corpus::read(&corpus::kept(target.name)).map_err(|it| it.to_string())?;
    let mut first = [vec![Vec::new()], target.seeds.clone(), kept].concat();
    if order.lasting.is_some() {
        first.extend(corpus::read(&corpus::found(target.name)).map_err(|it| it.to_string())?);
    }
    for input in first {
        hunt.attempt(&input)?;
        hunt.inputs.push(input);
    }
    hunt.go_on(&order)?;
    hunt.keep(&order).map_err(|it| it.to_string())
}

impl Order {
    #[expect(clippy::disallowed_methods, reason = "whoever runs it says for how long")]
    fn given() -> Result<Self, String> {
        let seconds = env::var("ROOST_FUZZ_SECONDS").ok();
        let seconds = seconds.map(|it| it.parse().map_err(|error| format!("{it}: {error}")));
        let lasting = seconds.transpose()?.map(Duration::from_secs);
        Ok(Self { lasting, keeps: env::var("UPDATE_CORPUS").is_ok_and(|it| it == "1") })
    }
}

impl<C: Fn(&[u8])> Hunt<'_, C> {
    #[expect(clippy::disallowed_methods, reason = "a person's time is limited")]
    fn go_on(&mut self, order: &Order) -> Result<(), String> {
        let began = Instant::now();
        let mut chance =
            Chance::of(order.lasting.map_or(0, |_| RandomState::new().hash_one(process::id())));
        let (lasting, most) = order.lasting.map_or((LASTING, INPUTS), |it| (it, u64::MAX));
        while began.elapsed() < lasting && self.tried < most {
            let input = self.next(&mut chance);
            if self.attempt(&input)? > 0 {
                self.inputs.push(input);
            }
        }
        if order.lasting.is_some() {
            let (name, tried, kept) = (self.target.name, self.tried, self.inputs.len());
            let counted = if Reached::is_counted() { "" } else { "; nothing was counted" };
            eprintln!(
                "{name}: {tried} inputs, {} places, {kept} kept{counted}",
                self.reached.count()
            );
        }
        Ok(())
    }

    /// An input made of one that is there, the last ones more often.
    fn next(&self, chance: &mut Chance) -> Vec<u8> {
        /// How many are the last ones.
        const LAST: usize = 16;
        let all = &self.inputs[..];
        let last = &all[all.len().saturating_sub(LAST)..];
        let of = if chance.below(3) == 0 { last } else { all };
        let mut input = chance.pick(of).cloned().unwrap_or_default();
        let other = chance.pick(all).map_or(&[][..], |it| it);
        mutate(&mut input, other, self.target.bytes_max, chance);
        input
    }

    /// Tries an input. Yields how much it has reached that none had before.
    fn attempt(&mut self, input: &[u8]) -> Result<usize, String> {
        self.tried += 1;
        self.guard.next(input);
        let (mut watched, growth) = (Ok(()), self.target.growth);
        let new = self.reached.add(|| watched = watch(self.check, input, growth));
        match watched {
            Ok(()) => Ok(new),
            Err(mishap) => Err(self.failure(input.to_vec(), mishap)),
        }
    }

    /// Says what is wrong, with the shortest input that shows it.
    fn failure(&self, mut input: Vec<u8>, mut mishap: Mishap) -> String {
        let (mut piece, mut cuts) = (input.len().div_ceil(2), 0);
        while piece > 0 && cuts < CUTS_MAX {
            let mut at = 0;
            while at < input.len() && cuts < CUTS_MAX {
                let mut shorter = input.clone();
                drop(shorter.drain(at..(at + piece).min(input.len())));
                cuts += 1;
                self.guard.next(&shorter);
                match watch(self.check, &shorter, self.target.growth) {
                    Err(other) if other.is_like(&mishap) => (input, mishap) = (shorter, other),
                    Ok(()) | Err(_) => at += piece,
                }
            }
            piece /= 2;
        }
        let (name, file) = (self.target.name, corpus::kept(self.target.name));
        format!("{name} {mishap}\n  {}\nKeep it in {}", Line(&input), file.display())
    }

    /// Puts the inputs away for the next hunt, and the shortest of them that reach everything in the
    /// source if somebody wants that.
    fn keep(mut self, order: &Order) -> io::Result<()> {
        if order.lasting.is_none() || !Reached::is_counted() {
            return Ok(());
        }
        corpus::write(&corpus::found(self.target.name), &self.inputs)?;
        if !order.keeps {
            return Ok(());
        }
        self.reached = Reached::default();
        for seed in &self.target.seeds {
            self.reached.add(|| (self.check)(seed));
        }
        let (mut kept, mut bytes) = (Vec::new(), 0);
        self.inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        for input in self.inputs {
            let is_new = self.reached.add(|| (self.check)(&input)) > 0;
            if is_new && kept.len() < KEPT_MAX.0 && bytes + input.len() <= KEPT_MAX.1 {
                bytes += input.len();
                kept.push(input);
            }
        }
        corpus::write(&corpus::kept(self.target.name), &kept)
    }
}

/// Nobody else hunts: counters do not say who reached a place.
struct Alone;

static IS_TAKEN: AtomicBool = AtomicBool::new(false);

impl Alone {
    fn new() -> Result<Self, String> {
        if Reached::is_counted() && IS_TAKEN.swap(true, Ordering::Relaxed) {
            return Err("where places are counted, run one test after the other".to_owned());
        }
        Ok(Self)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        IS_TAKEN.store(false, Ordering::Relaxed);
    }
}

//! Two programs that share nothing judge the same histories: ours, which is quick and says what is
//! wrong, and that of stateright, which tries everything.
#![expect(clippy::unwrap_used, reason = "a test")]

use simulations::chance::{Chance, Odds};
use simulations::oracles::history::{History, Told};
use simulations::oracles::linear::{self, CONCURRENT_MAX, Fault, OPERATIONS_MAX};
use simulations::oracles::register::{Asked, Register, Said};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// Histories that are judged.
const HISTORIES: u64 = 100_000;

/// What somebody does, or is told. A thread that is told nothing does nothing any more.
#[derive(Clone, Copy, Debug)]
enum Event {
    Begin(usize, Asked),
    End(usize, Return),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Return {
    Value(u64),
    Done,
    Refused,
}

/// A register as stateright knows one.
#[derive(Clone, Debug, Default)]
struct Theirs(u64);

impl SequentialSpec for Theirs {
    type Op = Asked;
    type Ret = Return;

    fn invoke(&mut self, asked: &Asked) -> Return {
        match *asked {
            Asked::Read => Return::Value(self.0),
            Asked::Swap { from, .. } if self.0 != from => Return::Refused,
            Asked::Write(value) | Asked::Swap { to: value, .. } => {
                self.0 = value;
                Return::Done
            }
        }
    }
}

/// What a thread of [`valid`] does.
enum Doing {
    Nothing,
    Asked(Asked),
    Did(Return),
    /// Nobody tells it anything any more; its operation may still be done.
    Left(Option<Asked>),
}

fn asked(chance: &mut Chance) -> Asked {
    match chance.below(3) {
        0 => Asked::Read,
        1 => Asked::Write(chance.below(3)),
        _ => Asked::Swap { from: chance.below(3), to: chance.below(3) },
    }
}

/// What happens to a register that does so many things, one after the other, for so many threads, some of
/// which are never answered.
fn valid((count, threads): (usize, u64), doubts: Odds, chance: &mut Chance) -> Vec<Event> {
    let (mut register, mut events) = (Theirs::default(), Vec::new());
    let mut threads: Vec<Doing> = (0..threads).map(|_| Doing::Nothing).collect();
    let mut begun = 0;
    for _ in 0..8 * count {
        let thread = chance.index(threads.len());
        let next = match threads[thread] {
            Doing::Nothing if begun < count => {
                begun += 1;
                let asked = asked(chance);
                events.push(Event::Begin(thread, asked));
                Doing::Asked(asked)
            }
            Doing::Asked(asked) if chance.hits(doubts) => {
                threads.push(Doing::Nothing);
                Doing::Left(Some(asked))
            }
            Doing::Asked(asked) => Doing::Did(register.invoke(&asked)),
            Doing::Left(Some(asked)) => {
                register.invoke(&asked);
                Doing::Left(None)
            }
            Doing::Did(told) => {
                events.push(Event::End(thread, told));
                Doing::Nothing
            }
            Doing::Nothing | Doing::Left(None) => continue,
        };
        threads[thread] = next;
    }
    events
}

/// Somebody is told something else, or earlier, or later.
fn mutate(events: &mut [Event], chance: &mut Chance) {
    let at = chance.index(events.len());
    match &mut events[at] {
        Event::End(_, Return::Value(value)) => *value = chance.below(3),
        Event::End(_, told @ Return::Refused) => *told = Return::Done,
        Event::End(_, told @ Return::Done) if chance.flips() => *told = Return::Refused,
        Event::End(..) | Event::Begin(..) => {
            let next = (at + 1).min(events.len() - 1);
            let thread = |event: &Event| match event {
                Event::Begin(thread, _) | Event::End(thread, _) => *thread,
            };
            if thread(&events[at]) != thread(&events[next]) {
                events.swap(at, next);
            }
        }
    }
}

fn history(events: &[Event]) -> History<Register> {
    let (mut history, mut places) = (History::default(), Vec::new());
    for event in events {
        match *event {
            Event::Begin(thread, asked) => {
                places.resize(places.len().max(thread + 1), None);
                places[thread] = Some(history.begin(thread, asked));
            }
            Event::End(thread, told) => {
                let told = match told {
                    Return::Value(value) => Told::Reply(Said::Value(value)),
                    Return::Done => Told::Reply(Said::Done),
                    Return::Refused => Told::Refusal,
                };
                history.end(places[thread].unwrap(), told);
            }
        }
    }
    history
}

fn theirs(events: &[Event]) -> bool {
    let mut tester = LinearizabilityTester::new(Theirs::default());
    for event in events {
        match *event {
            Event::Begin(thread, asked) => tester.on_invoke(thread, asked).unwrap(),
            Event::End(thread, told) => tester.on_return(thread, told).unwrap(),
        };
    }
    tester.is_consistent()
}

#[test]
fn two_judges_agree_on_a_hundred_thousand_histories() {
    let mut chance = Chance::of(0, "histories");
    let (mut ordered, mut unordered, mut doubted) = (0, 0, 0);
    for number in 0..HISTORIES {
        let count = usize::try_from(chance.within(2..=7)).unwrap();
        let threads = chance.within(1..=4);
        let doubts = *chance.pick(&[Odds::NEVER, Odds(200_000)]);
        let mut events = valid((count, threads), doubts, &mut chance);
        let mutations = chance.below(4);
        for _ in 0..mutations {
            mutate(&mut events, &mut chance);
        }
        let history = history(&events);
        let ours = match linear::check(&0, &history) {
            Ok(()) => true,
            Err(Fault::Unordered(_)) => false,
            Err(fault @ (Fault::TooLarge | Fault::Undecided)) => panic!("{number}: {fault}"),
        };
        assert_eq!(ours, theirs(&events), "history {number}: {events:#?}");
        assert!(ours || mutations > 0, "history {number} is in order: {events:#?}");
        *(if ours { &mut ordered } else { &mut unordered }) += 1;
        doubted += u64::from(history.operations().iter().any(|it| it.told.is_none()));
    }
    assert!(ordered > 20_000 && unordered > 20_000, "{ordered} {unordered}");
    assert!(doubted > 20_000, "{doubted}");
}

/// With one answer of 25 missing, and few values: what makes a search long. Registers of simulations have as
/// many values as writes.
#[test]
fn large_histories_are_decided() {
    let mut chance = Chance::of(0, "large histories");
    let mut unordered = 0;
    for number in 0..2 {
        let size = (OPERATIONS_MAX, CONCURRENT_MAX as u64);
        let mut events = valid(size, Odds(40_000), &mut chance);
        let checked = linear::check(&0, &history(&events));
        assert!(checked.is_ok(), "history {number} is in order: {checked:?}");
        for _ in 0..20 {
            mutate(&mut events, &mut chance);
        }
        match linear::check(&0, &history(&events)) {
            Ok(()) => {}
            Err(Fault::Unordered(_)) => unordered += 1,
            Err(fault @ (Fault::TooLarge | Fault::Undecided)) => panic!("{number}: {fault}"),
        }
    }
    assert!(unordered > 0, "{unordered}");
}

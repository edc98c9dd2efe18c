//! Every ledger keeps every promise.

use cluster::conformance::{self, Bench};
use cluster::ledger::Ledger;
use cluster::memory::{MemoryShard, Reads};

struct InMemory(MemoryShard);

impl Bench for InMemory {
    fn node(&mut self, node: u32) -> Box<dyn Ledger + '_> {
        Box::new(self.0.seat(node))
    }

    fn settle(&mut self) {
        while self.0.advance() {}
    }
}

#[test]
fn in_memory_and_warm() {
    conformance::run(|| InMemory(MemoryShard::new()));
}

#[test]
fn in_memory_and_cold() {
    conformance::run(|| {
        let mut shard = MemoryShard::new();
        shard.reads = Reads::Cold;
        InMemory(shard)
    });
}

/// A ledger that forgets the fence, to see that the suite notices.
struct Unfenced(MemoryShard);

impl Bench for Unfenced {
    fn node(&mut self, _: u32) -> Box<dyn Ledger + '_> {
        // Both nodes share one seat: an old activation is not told from a new one.
        Box::new(self.0.seat(0))
    }

    fn settle(&mut self) {}
}

#[test]
fn a_ledger_that_breaks_a_promise_is_found() {
    let broken = |(name, case): &conformance::Case| {
        let run = || case(&mut Unfenced(MemoryShard::new()));
        std::panic::catch_unwind(run).is_err().then_some(*name)
    };
    let found: Vec<_> = conformance::CASES.iter().filter_map(broken).collect();
    assert_eq!(found, ["a barrier holds until the next claim"]);
    assert_eq!(conformance::CASES.len(), 12, "{:?}", found.first().unwrap());
}

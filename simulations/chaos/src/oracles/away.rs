//! How long shards were away, and how long answers took.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::ledger::{Ledger, Operation};

/// The longest time within which no write to some shard was acknowledged. Several clients write to each
/// shard all the time.
pub(crate) fn longest(operations: &[Operation], load: &Range<Duration>) -> Duration {
    let mut ends: BTreeMap<u32, Vec<Duration>> = BTreeMap::new();
    for operation in operations.iter().filter(|it| it.is_write()) {
        let of_shard = ends.entry(operation.shard).or_insert_with(|| vec![load.start, load.end]);
        if operation.writes().is_some() && load.contains(&operation.ended) {
            of_shard.push(operation.ended);
        }
    }
    let gaps = ends.into_values().flat_map(|mut times| {
        times.sort_unstable();
        times.windows(2).map(|it| it[1].saturating_sub(it[0])).collect::<Vec<_>>()
    });
    gaps.max().unwrap_or_default()
}

/// What 99 of 100 operations that began within some time did not exceed, with all attempts; none of none.
pub(crate) fn p99(ledger: &Ledger, within: &Range<Duration>) -> Option<Duration> {
    let began = ledger.operations.iter().filter(|it| it.writes().is_some());
    let took = began.map(|it| (it.began, it.ended.saturating_sub(it.began)));
    let posts = ledger.walls.iter().flat_map(|it| it.times.iter().copied());
    let both = took.chain(posts).filter(|(began, _)| within.contains(began));
    let mut all: Vec<_> = both.map(|(_, took)| took).collect();
    all.sort_unstable();
    all.get((all.len() * 99).div_ceil(100).saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Act, Outcome};

    #[test]
    fn the_longest_time_without_a_write_is_found_by_shard() {
        let ms = Duration::from_millis;
        let write = |shard, ended| Operation {
            client: 0,
            probe: 1,
            shard,
            act: Act::Write("a".to_owned()),
            began: ms(ended),
            ended: ms(ended),
            outcome: Outcome::Done { writes: 1, value: "a".to_owned() },
        };
        let mut all = vec![write(1, 10), write(1, 40), write(2, 20), write(2, 35), write(2, 60)];
        assert_eq!(longest(&all, &(ms(0)..ms(60))), ms(30));
        all.push(Operation { outcome: Outcome::Unknown, ..write(1, 20) });
        assert_eq!(longest(&all, &(ms(0)..ms(60))), ms(30));
        all.push(write(1, 20));
        assert_eq!(longest(&all, &(ms(0)..ms(60))), ms(25));
    }
}

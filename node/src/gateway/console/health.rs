//! How a cluster is doing, in a sentence.

use std::time::Duration;

use cluster::slots::META;
use schemars::JsonSchema;
use serde::Serialize;

use super::status::{CopyLine, NodeLine, ShardLine};

/// A shard that nobody has served for so long is not on its way from one leader to the next: that takes
/// some milliseconds, and may be what is seen. Less than between two looks.
const UNSERVED_MAX: Duration = Duration::from_millis(900);

/// Most nodes that the sentence names.
const NAMED_MAX: usize = 3;

/// How a cluster is doing.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub(super) struct Health {
    /// How much of it matters to whom.
    level: Level,
    /// For people.
    sentence: String,
}

/// How much of it matters to whom.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// Nobody has to do anything.
    Well,
    /// Everything is served, or was a moment ago, and somebody should have a look.
    Degraded,
    /// Something is not served.
    Broken,
}

/// How a cluster with these nodes and shards is doing.
pub(super) fn health(nodes: &[NodeLine], shards: &[ShardLine]) -> Health {
    let (mine, meta): (Vec<_>, Vec<_>) = shards.iter().partition(|it| it.shard != META.0);
    let led = mine.iter().filter(|it| it.is_serving).count();
    let is_meta_led = meta.iter().all(|it| it.is_serving);
    let lag = shards.iter().flat_map(|it| &it.copies).filter_map(|it| it.lag).max();
    let troubles = troubles(nodes, shards);
    let mut said = vec![of_nodes(nodes)];
    said.push(match mine.len() {
        all if all == led => format!("all {} led", several(all, "shard")),
        all => format!("{led} of {} led", several(all, "shard")),
    });
    if !is_meta_led {
        said.push("the meta group not led".to_owned());
    }
    said.push(format!("largest lag {}", lag.unwrap_or(0)));
    let is_unserved = |it: &ShardLine| {
        it.unserved_ms.is_some_and(|it| u128::from(it) >= UNSERVED_MAX.as_millis())
    };
    let is_whole = nodes.iter().all(|it| it.status.is_there) && troubles.is_empty();
    said.extend(troubles);
    let level = if shards.iter().any(is_unserved) {
        Level::Broken
    } else if is_whole && shards.iter().all(|it| it.is_serving) {
        Level::Well
    } else {
        Level::Degraded
    };
    Health { level, sentence: said.join(", ") }
}

fn of_nodes(nodes: &[NodeLine]) -> String {
    let away: Vec<_> = nodes.iter().filter(|it| !it.status.is_there).collect();
    let counted = format!("{} of {}", nodes.len() - away.len(), several(nodes.len(), "node"));
    let names: Vec<_> = away.iter().take(NAMED_MAX).map(|it| &*it.status.name).collect();
    match away.len() {
        0 => counted,
        1 if away[0].status.silent_ms.is_none() => format!("{counted} ({} is slow)", names[0]),
        1 => format!("{counted} ({} is down)", names[0]),
        all if all > NAMED_MAX => {
            format!("{counted} ({} and {} more are away)", names.join(", "), all - NAMED_MAX)
        }
        _few => format!("{counted} ({} are away)", names.join(", ")),
    }
}

fn several(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What somebody should have a look at, whoever is there.
fn troubles(nodes: &[NodeLine], shards: &[ShardLine]) -> Vec<String> {
    let sum = |of: fn(&ShardLine) -> u64| shards.iter().map(of).sum::<u64>();
    let is_troubled = |it: &&CopyLine| it.trouble.is_some();
    // Copies of a shard that nobody serves are all of no use.
    let served = shards.iter().filter(|it| it.is_serving).flat_map(|it| &it.copies);
    let counts = [
        (served.filter(is_troubled).count() as u64, "copy is", "copies are", "of no use"),
        (sum(|it| it.quarantined), "entity is", "entities are", "in quarantine"),
        (sum(|it| it.dead_letters), "letter is", "letters are", "dead"),
    ];
    let counted = counts.into_iter().filter(|it| it.0 > 0);
    let counted = counted.map(|(count, one, several, what)| {
        format!("{count} {} {what}", if count == 1 { one } else { several })
    });
    let full = nodes.iter().filter(|it| it.status.is_storage_full);
    let full = full.map(|it| format!("the disk of {} is nearly full", it.status.name));
    let wrong = nodes.iter().filter(|it| it.status.is_clock_wrong);
    let wrong = wrong.map(|it| format!("the clock of {} is wrong", it.status.name));
    counted.chain(full).chain(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::super::status::tests::{node, shard};
    use super::*;

    /// A change of a cluster that is well.
    type Change = fn(&mut [NodeLine], &mut [ShardLine]);

    #[test]
    fn a_sentence_says_what_is_wrong() {
        let well = "all 2 shards led, largest lag 0";
        let cases: [(Change, Level, String); 11] = [
            (|_, _| {}, Level::Well, format!("3 of 3 nodes, {well}")),
            (
                |_, it| it[0].copies[1].lag = Some(9),
                Level::Well,
                "3 of 3 nodes, all 2 shards led, largest lag 9".to_owned(),
            ),
            (
                |it, _| (it[2].status.is_there, it[2].status.silent_ms) = (false, Some(900)),
                Level::Degraded,
                format!("2 of 3 nodes (n3 is down), {well}"),
            ),
            (
                |it, _| it[2].status.is_there = false,
                Level::Degraded,
                format!("2 of 3 nodes (n3 is slow), {well}"),
            ),
            (
                |it, _| it[1..].iter_mut().for_each(|it| it.status.is_there = false),
                Level::Degraded,
                format!("1 of 3 nodes (n2, n3 are away), {well}"),
            ),
            (
                |_, it| (it[1].is_serving, it[1].unserved_ms) = (false, Some(899)),
                Level::Degraded,
                "3 of 3 nodes, 1 of 2 shards led, largest lag 0".to_owned(),
            ),
            (
                |_, it| (it[1].is_serving, it[1].unserved_ms) = (false, Some(900)),
                Level::Broken,
                "3 of 3 nodes, 1 of 2 shards led, largest lag 0".to_owned(),
            ),
            (
                |_, it| (it[2].is_serving, it[2].unserved_ms) = (false, Some(2_000)),
                Level::Broken,
                "3 of 3 nodes, all 2 shards led, the meta group not led, largest lag 0".to_owned(),
            ),
            (
                |_, it| it[0].copies[1].trouble = Some("stuck"),
                Level::Degraded,
                format!("3 of 3 nodes, {well}, 1 copy is of no use"),
            ),
            (
                |_, it| (it[0].quarantined, it[1].dead_letters) = (1, 2),
                Level::Degraded,
                format!("3 of 3 nodes, {well}, 1 entity is in quarantine, 2 letters are dead"),
            ),
            (
                |it, _| (it[1].status.is_storage_full, it[2].status.is_clock_wrong) = (true, true),
                Level::Degraded,
                format!(
                    "3 of 3 nodes, {well}, the disk of n2 is nearly full, the clock of n3 is wrong"
                ),
            ),
        ];
        for (change, level, sentence) in cases {
            let (mut nodes, mut shards) = ([1, 2, 3].map(node), [0, 1, META.0].map(shard));
            change(&mut nodes, &mut shards);
            assert_eq!(health(&nodes, &shards), Health { level, sentence });
        }
        let mut many = [1, 2, 3, 4, 5, 6].map(node);
        many[1..].iter_mut().for_each(|it| it.status.is_there = false);
        let said = health(&many, &[]).sentence;
        assert_eq!(
            said,
            "1 of 6 nodes (n2, n3, n4 and 2 more are away), all 0 shards led, largest lag 0"
        );
    }
}

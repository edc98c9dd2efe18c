//! Who follows whom, from a list of edges.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::ImportError;

/// People, and who among them follows whom. A person's place in `people` is their index.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Graph {
    /// Their numbers, ascending.
    pub(crate) people: Vec<u64>,
    /// Follower and followed by index, in ascending order, each pair once.
    pub(crate) follows: Vec<(usize, usize)>,
}

impl Graph {
    /// Reads a file of edges: each line `a b` means that both follow each other. Empty lines and
    /// those that begin with `#` are passed over. Of more than `people_max` people, those with the
    /// smallest numbers are kept.
    pub(crate) fn read(path: &Path, people_max: usize) -> Result<Self, ImportError> {
        let unreadable = |error| ImportError::File { path: path.to_owned(), error };
        Self::parse(path, &std::fs::read_to_string(path).map_err(unreadable)?, people_max)
    }

    fn parse(path: &Path, text: &str, people_max: usize) -> Result<Self, ImportError> {
        let mut edges = BTreeSet::new();
        for (text, line) in text.lines().zip(1..) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let wrong = |problem| ImportError::Line { path: path.to_owned(), line, problem };
            let (one, other) = edge(text).map_err(wrong)?;
            edges.extend([(one, other), (other, one)]);
        }
        Ok(Self::of(&edges, people_max))
    }

    fn of(edges: &BTreeSet<(u64, u64)>, people_max: usize) -> Self {
        let people: BTreeSet<u64> = edges.iter().map(|it| it.0).collect();
        let people: Vec<u64> = people.into_iter().take(people_max).collect();
        let index: BTreeMap<u64, usize> = people.iter().copied().zip(0..).collect();
        let kept =
            edges.iter().filter_map(|(one, other)| Some((*index.get(one)?, *index.get(other)?)));
        let follows = kept.collect();
        Self { people, follows }
    }
}

fn edge(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("expected two numbers such as \"12 7\", found {text:?}");
    let mut words = text.split_ascii_whitespace().map(str::parse);
    match (words.next(), words.next(), words.next()) {
        (Some(Ok(one)), Some(Ok(other)), None) if one == other => {
            Err(format!("{one} cannot follow {other}: nobody follows themselves"))
        }
        (Some(Ok(one)), Some(Ok(other)), None) => Ok((one, other)),
        _ => Err(wrong()),
    }
}

/// The handle of a person: `p` and the number, with zeros in front to be long enough.
pub(crate) fn handle(number: u64) -> String {
    format!("p{number:04}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_go_both_ways_and_count_once() {
        let edges = BTreeSet::from([(7, 2), (2, 7), (2, 9), (9, 2)]);
        let graph = Graph::of(&edges, usize::MAX);
        assert_eq!(graph.people, [2, 7, 9]);
        assert_eq!(graph.follows, [(0, 1), (0, 2), (1, 0), (2, 0)]);
        let graph = Graph::of(&edges, 2);
        assert_eq!((graph.people, graph.follows), (vec![2, 7], vec![(0, 1), (1, 0)]));
    }

    #[test]
    fn whatever_comes_is_a_graph_or_refused() {
        fuzz::target("import-graph").seeds(["12 7\n# none\n\n2\t9\r\n", "3 3"]).run(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let Ok(graph) = Graph::parse(Path::new("edges"), &text, 5) else { return };
            let count = graph.people.len();
            assert!(count <= 5 && graph.people.is_sorted());
            assert!(graph.follows.iter().all(|(one, other)| one.max(other) < &count));
        });
    }

    #[test]
    fn lines_are_two_numbers() {
        assert_eq!(edge("12 7"), Ok((12, 7)));
        assert_eq!(edge("12\t7"), Ok((12, 7)));
        for text in ["12", "12 7 1", "a b", "1 -2", "1,2", "3 3"] {
            assert!(edge(text).is_err(), "{text}");
        }
    }

    #[test]
    fn handles_are_long_enough() {
        assert_eq!([0, 7, 12_345].map(handle), ["p0000", "p0007", "p12345"]);
    }
}

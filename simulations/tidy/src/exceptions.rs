//! Faults that are excused, for now. The list may shrink, never grow.

use crate::fault::Fault;

/// Where the list is, from the workspace root.
pub const PATH: &str = "simulations/tidy/exceptions.txt";

struct Exception<'a> {
    path: &'a str,
    rule: &'a str,
}

impl Exception<'_> {
    fn excuses(&self, fault: &Fault) -> bool {
        self.path == fault.path && self.rule == fault.rule
    }
}

/// Removes what `list` excuses from `faults`, and adds what is wrong with the list: lines that are
/// no exception (`path: rule: reason`) and exceptions that no fault needs any more.
pub fn excuse(list: &str, faults: Vec<Fault>) -> Vec<Fault> {
    let mut wrong = Vec::new();
    let mut exceptions = Vec::new();
    for (line, number) in list.lines().zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match parse(line) {
            None => wrong.push((number, "no exception; write `path: rule: reason`")),
            Some(it) if !faults.iter().any(|fault| it.excuses(fault)) => {
                wrong.push((number, "matches no fault any more; delete it"));
            }
            Some(it) => exceptions.push(it),
        }
    }
    let is_excused = |fault: &Fault| exceptions.iter().any(|it| it.excuses(fault));
    let mut left: Vec<Fault> = faults.into_iter().filter(|it| !is_excused(it)).collect();
    left.extend(wrong.into_iter().map(|(line, it)| Fault::new(PATH, line, "exceptions", it)));
    left
}

fn parse(text: &str) -> Option<Exception<'_>> {
    let mut parts = text.splitn(3, ": ").map(str::trim).filter(|it| !it.is_empty());
    let (path, rule) = (parts.next()?, parts.next()?);
    parts.next()?;
    Some(Exception { path, rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, expected: &[&str]) {
        let faults = vec![
            Fault::new("a.rs", 1, "allow", "x"),
            Fault::new("a.rs", 9, "allow", "y"),
            Fault::new("b.rs", 1, "allow", "z"),
        ];
        let left: Vec<String> = excuse(list, faults).iter().map(ToString::to_string).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn matching_faults_are_excused() {
        check("# why\n\na.rs: allow: the generator writes it: so be it\n", &["b.rs:1: z (allow)"]);
    }

    #[test]
    fn wrong_lines_are_faults() {
        let all = ["a.rs:1: x (allow)", "a.rs:9: y (allow)", "b.rs:1: z (allow)"];
        let unused = format!("{PATH}:1: matches no fault any more; delete it (exceptions)");
        check("c.rs: allow: reason\n", &[&all[..], &[&unused]].concat());
        let wrong = format!("{PATH}:2: no exception; write `path: rule: reason` (exceptions)");
        check("#\na.rs: allow:\n", &[&all[..], &[&wrong]].concat());
    }
}

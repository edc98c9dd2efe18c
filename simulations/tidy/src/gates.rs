//! Versions of others below which a known defect comes back.

use crate::fault::Fault;
use crate::file::File;

/// A crate, the oldest version that may be locked, and what is mended in it.
const GATES: [(&str, &str, &str); 7] = [
    ("h2", "0.4.4", "floods of CONTINUATION frames (RUSTSEC-2024-0332)"),
    ("openraft", "0.10.0-alpha.34", "commits without a quorum, IO that completes out of order"),
    ("openraft-rt", "0.10.0-alpha.34", "as openraft"),
    ("openraft-rt-tokio", "0.10.0-alpha.34", "as openraft"),
    ("quinn-proto", "0.11.15", "packets of strangers (RUSTSEC-2026-0037, RUSTSEC-2026-0185)"),
    ("ractor", "0.16.4", "links that leak, relinking under supervision"),
    ("tungstenite", "0.20.1", "endless headers (GHSA-9mcr-873m-xcxp)"),
];

/// Crates of one release, which must not be mixed.
const TOGETHER: [&str; 3] = ["openraft", "openraft-rt", "openraft-rt-tokio"];

/// A crate in the lock file.
struct Locked<'a> {
    name: &'a str,
    version: &'a str,
    line: usize,
}

/// Finds what `Cargo.lock` holds below a gate, and crates of one release that are mixed.
pub fn gates(file: &File) -> Vec<Fault> {
    if file.path != "Cargo.lock" {
        return Vec::new();
    }
    let locked = locked(&file.text);
    let mut faults = Vec::new();
    for Locked { name, version, line } in &locked {
        let mut fault = |what: String| faults.push(Fault::new(&file.path, *line, "gates", what));
        let gate = GATES.iter().find(|it| it.0 == *name);
        if let Some((_, oldest, mended)) = gate
            && order(version) < order(oldest)
        {
            fault(format!("{name} {version} is older than {oldest}, which mends: {mended}"));
        }
        let is_other = |it: &&Locked<'_>| TOGETHER.contains(&it.name) && it.version != *version;
        if TOGETHER.contains(name)
            && let Some(other) = locked.iter().find(is_other)
        {
            fault(format!("{name} {version} and {} {} are mixed", other.name, other.version));
        }
    }
    faults
}

fn locked(text: &str) -> Vec<Locked<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let crates = lines.windows(2).zip(1..).filter_map(|(pair, line)| {
        let (name, version) = (value(pair[0], "name")?, value(pair[1], "version")?);
        Some(Locked { name, version, line })
    });
    crates.collect()
}

fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

/// What sorts as versions do: three numbers, and that of a pre-release, which is before the release.
fn order(version: &str) -> (Vec<u64>, u64) {
    let (release, pre) = version.split_once('-').unwrap_or((version, ""));
    let numbers = release.split('.').map(|it| it.parse().unwrap_or(0)).collect();
    let pre_number = pre.rsplit('.').next().and_then(|it| it.parse().ok());
    (numbers, if pre.is_empty() { u64::MAX } else { pre_number.unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(locked: &[(&str, &str)], expected: &[usize]) {
        let text: String = locked
            .iter()
            .map(|(name, version)| {
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
            })
            .collect();
        let faults = gates(&File::new("Cargo.lock", &text));
        let lines: Vec<usize> = faults.iter().map(|it| it.line).collect();
        assert_eq!(lines, expected, "{locked:?}");
    }

    #[test]
    fn versions_sort() {
        let versions = ["0.9.25", "0.10.0-alpha.9", "0.10.0-alpha.34", "0.10.0", "0.10.1", "1.0.0"];
        assert!(versions.is_sorted_by_key(|it| order(it)));
    }

    #[test]
    fn old_crates_are_found() {
        check(&[("ractor", "0.16.3"), ("ractor_x", "0.1.0"), ("quinn-proto", "0.11.14")], &[2, 8]);
        check(&[("ractor", "0.16.4"), ("quinn-proto", "0.12.0"), ("h2", "0.4.4")], &[]);
        check(&[("openraft", "0.10.0-alpha.33"), ("openraft", "0.9.30")], &[2, 2, 5, 5]);
    }

    #[test]
    fn mixed_crates_are_found() {
        let alpha = |number: u64| format!("0.10.0-alpha.{number}");
        check(&[("openraft", &alpha(37)), ("openraft-rt", &alpha(37))], &[]);
        check(&[("openraft", &alpha(37)), ("openraft-rt", &alpha(38))], &[2, 5]);
    }
}

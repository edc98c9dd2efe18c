//! Every document has a place.

use crate::fault::Fault;
use crate::file::File;

/// Longest `ARCHITECTURE.md`, in lines: what a newcomer reads in one sitting.
pub const ARCHITECTURE_LINES_MAX: usize = 300;

/// Documents outside of `docs`.
const ALLOWED: [&str; 3] = ["ARCHITECTURE.md", "README.md", "simulations/README.md"];

/// Finds documents without a place, and an architecture too long to read.
pub fn documents(file: &File) -> Vec<Fault> {
    let is_allowed = ALLOWED.contains(&file.path.as_str()) || file.path.starts_with("docs/");
    if file.has_extension("md") && !is_allowed {
        let message = "a document without a place; write it in docs/ or in the code";
        return vec![Fault::new(&file.path, 1, "documents", message)];
    }
    let count = file.text.lines().count();
    if file.path == "ARCHITECTURE.md" && count > ARCHITECTURE_LINES_MAX {
        let message = format!("{count} lines, at most {ARCHITECTURE_LINES_MAX}");
        return vec![Fault::new(&file.path, 1, "documents", message)];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, lines: usize, expected: usize) {
        let faults = documents(&File::new(path, &"a\n".repeat(lines)));
        assert_eq!(faults.len(), expected, "{path} with {lines} lines");
    }

    #[test]
    fn documents_are_checked() {
        check("NOTES.md", 1, 1);
        check("actors/README.MD", 1, 1);
        check("ARCHITECTURE.md", 301, 1);
        check("ARCHITECTURE.md", 300, 0);
        check("README.md", 1_000, 0);
        check("docs/decisions/1.md", 1_000, 0);
        check("simulations/README.md", 1, 0);
        check("src/md.rs", 1, 0);
    }
}

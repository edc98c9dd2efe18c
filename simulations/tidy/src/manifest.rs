//! What a `Cargo.toml` says about its crate, read line by line.

/// A crate that another one is built with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dependency {
    /// Name of the package.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
}

/// Finds the name of the package; a workspace root has none.
pub fn package(text: &str) -> Option<&str> {
    sections(text)
        .filter(|it| it.section == "package")
        .find_map(|it| quoted(it.text.strip_prefix("name")?))
}

/// Finds what the crate is built with, for any target. What only its tests use is free.
pub fn dependencies(text: &str) -> Vec<Dependency> {
    sections(text).filter_map(|it| dependency(&it)).collect()
}

struct Line<'a> {
    section: &'a str,
    text: &'a str,
    number: usize,
}

/// Every line with the table it is in; a table's head is in itself.
fn sections(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut section = "";
    text.lines().zip(1..).map(move |(text, number)| {
        let text = text.trim();
        if let Some(head) = text.strip_prefix('[').and_then(|it| it.split_once(']')) {
            section = head.0;
        }
        Line { section, text, number }
    })
}

fn dependency(line: &Line<'_>) -> Option<Dependency> {
    let is_head = line.text.starts_with('[');
    if let Some((table, name)) = line.section.rsplit_once('.')
        && is_table(table)
    {
        return is_head.then(|| Dependency { name: unquoted(name), line: line.number });
    }
    if is_head || line.text.starts_with('#') || !is_table(line.section) {
        return None;
    }
    let (name, rest) = line.text.split_once(['.', ' ', '='])?;
    let renamed = rest.split_once("package").and_then(|it| quoted(it.1));
    Some(Dependency { name: unquoted(renamed.unwrap_or(name)), line: line.number })
}

/// Whether a table lists what the crate is built with, such as `target.'cfg(unix)'.dependencies`.
fn is_table(section: &str) -> bool {
    let last = section.rsplit('.').next();
    matches!(last, Some("dependencies" | "build-dependencies")) && !section.starts_with("workspace")
}

/// The string after the equals sign that `rest` begins with.
fn quoted(rest: &str) -> Option<&str> {
    rest.trim_start().strip_prefix('=')?.split('"').nth(1)
}

fn unquoted(name: &str) -> String {
    name.trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read() {
        let text = "[package]\nname = \"a\"\n[dependencies]\n# no\nb.workspace = true\nc = \"1\"\n\
                    d = { package = \"e\", version = \"1\" }\n[dev-dependencies]\nf = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\ng = \"1\"\n\
                    [dependencies.h]\nversion = \"1\"\n\
                    [build-dependencies]\ni = \"1\"\n";
        assert_eq!(package(text), Some("a"));
        let found: Vec<_> = dependencies(text).into_iter().map(|it| (it.name, it.line)).collect();
        let expected = [("b", 5), ("c", 6), ("e", 7), ("g", 11), ("h", 12), ("i", 15)];
        assert_eq!(found, expected.map(|(name, line)| (name.to_owned(), line)));
    }

    #[test]
    fn workspace_root_is_no_crate() {
        let text = "[workspace]\nmembers = []\n[workspace.dependencies]\na = \"1\"\n";
        assert_eq!(package(text), None);
        assert_eq!(dependencies(text), []);
    }
}

//! What was meant to be gone before anyone else reads it.

use crate::fault::Fault;
use crate::file::File;

/// Notes to oneself.
const MARKERS: [&str; 3] = ["FIXME", "TODO", "XXX"];

/// Folders of a particular machine. Apart, so that this file does not name them.
const MACHINE_FOLDERS: [&str; 2] = [concat!("/", "work", "/"), concat!("/", "root", "/")];

/// Hosts of package registries: which one serves is the machine's business.
const REGISTRY_HOSTS: [&str; 5] = [
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("pypi", ".org"),
    concat!("registry.", "npmjs.org"),
    concat!("deb.", "debian.org"),
];

/// Finds notes to oneself in comments, and code that is not written yet.
pub fn markers(file: &File) -> Vec<Fault> {
    let fault = |line: usize, what: &str| {
        Fault::new(&file.path, line, "markers", format!("{what}: finish it or write down why not"))
    };
    let mut faults = Vec::new();
    for comment in &file.comments {
        for (text, line) in comment.text.lines().zip(comment.line..) {
            faults.extend(MARKERS.iter().filter(|it| has_word(text, it)).map(|it| fault(line, it)));
        }
    }
    for pair in file.tokens.windows(2) {
        if pair[1].is("!") && (pair[0].is("todo") || pair[0].is("unimplemented")) {
            faults.push(fault(pair[0].line, &pair[0].text));
        }
    }
    faults
}

/// Finds lints that are silenced for ever and without a reason.
pub fn silenced_lints(file: &File) -> Vec<Fault> {
    let tokens = &file.tokens;
    let message = "use `#[expect(..., reason = \"...\")]`, which goes away with its cause";
    let is_allow = |at: &usize| {
        let start = *at + 1 + usize::from(tokens.get(*at + 1).is_some_and(|it| it.is("!")));
        let words = tokens.get(start..start + 3).unwrap_or_default();
        tokens[*at].is("#")
            && words.iter().zip(["[", "allow", "("]).all(|(it, word)| it.is(word))
            && !words.is_empty()
    };
    let found = (0..tokens.len()).filter(is_allow);
    found.map(|at| Fault::new(&file.path, tokens[at].line, "allow", message)).collect()
}

/// Finds names of this machine's folders and of package registries' hosts, in any file.
pub fn machine_paths(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    if file.name() == "Cargo.lock" {
        return faults;
    }
    for (line, number) in file.text.lines().zip(1..) {
        let folders = MACHINE_FOLDERS.iter().filter(|it| begins_path(line, it));
        let hosts = REGISTRY_HOSTS.iter().filter(|it| line.contains(**it));
        faults.extend(folders.chain(hosts).map(|it| {
            Fault::new(&file.path, number, "machine", format!("`{it}` holds on one machine only"))
        }));
    }
    faults
}

/// Whether `line` has `word` on its own. In backticks it is spoken of, not meant.
fn has_word(line: &str, word: &str) -> bool {
    let is_edge =
        |it: Option<char>| it.is_none_or(|it| !it.is_alphanumeric() && it != '_' && it != '`');
    line.match_indices(word).any(|(at, _)| {
        is_edge(line[..at].chars().next_back()) && is_edge(line[at + word.len()..].chars().next())
    })
}

/// Whether a path that begins with `folder` stands in `line`: `a/folder/b` is another one.
fn begins_path(line: &str, folder: &str) -> bool {
    let is_start = |at: usize| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|it| !it.is_alphanumeric() && !"_-.}>*".contains(it))
    };
    line.match_indices(folder).any(|(at, _)| is_start(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found() {
        for text in
            ["// TODO: a", "/* a\nFIXME */", "/// XXX", "fn f() { todo!() }", "unimplemented!()"]
        {
            assert_eq!(markers(&File::new("a.rs", text)).len(), 1, "{text}");
        }
        for text in ["// TODOS, `TODO`", "const A: &str = \"TODO\";", "let todo = 1;"] {
            assert_eq!(markers(&File::new("a.rs", text)), [], "{text}");
        }
    }

    #[test]
    fn silenced_lints_are_found() {
        for text in ["#[allow(dead_code)]", "#![allow(unused)]", "#[ allow (a, reason = \"b\") ]"] {
            assert_eq!(silenced_lints(&File::new("a.rs", text)).len(), 1, "{text}");
        }
        for text in
            ["#[expect(a, reason = \"b\")]", "// #[allow(a)]", "allow(a)", "#", "\"#[allow(a)]\""]
        {
            assert_eq!(silenced_lints(&File::new("a.rs", text)), [], "{text}");
        }
    }

    #[test]
    fn machine_paths_are_found() {
        for text in MACHINE_FOLDERS.iter().chain(&REGISTRY_HOSTS) {
            let text = format!("see \"{text}\"\n");
            assert_eq!(machine_paths(&File::new("dev", &text)).len(), 1, "{text}");
            assert_eq!(machine_paths(&File::new("Cargo.lock", &text)), [], "{text}");
        }
        let relative = format!("docs{}a and crates.io", MACHINE_FOLDERS[0]);
        assert_eq!(machine_paths(&File::new("dev", &relative)), []);
    }
}

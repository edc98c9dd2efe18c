//! Names that say nothing.

use crate::fault::Fault;
use crate::file::File;

const RULE: &str = "names";

/// What no type is called, and no type's name ends in.
const TYPE_SUFFIXES: [&str; 5] = ["Manager", "Util", "Utils", "Helper", "Impl"];

/// What no module, file or folder is called: a place to put things is not a thing.
const MODULES: [&str; 6] = ["common", "utils", "util", "helpers", "types", "misc"];

/// Finds types named after a pattern rather than a thing.
pub fn type_names(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for pair in file.tokens.windows(2) {
        let (keyword, name) = (&pair[0], &pair[1].text);
        let is_type = ["enum", "struct", "trait", "type", "union"].iter().any(|it| keyword.is(it));
        if is_type && pair[1].is_word() && is_empty_name(name) {
            let message = format!("`{name}` says how it is made, not what it is");
            faults.push(Fault::new(&file.path, pair[1].line, RULE, message));
        }
    }
    faults
}

/// Finds modules, files and folders named after no thing.
pub fn module_names(file: &File) -> Vec<Fault> {
    if !file.is_rust() {
        return Vec::new();
    }
    let fault = |line: usize, name: &str| {
        let message = format!("`{name}` is a place, not a thing; name what it holds");
        Fault::new(&file.path, line, RULE, message)
    };
    let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
    let mut faults: Vec<Fault> =
        stem.split('/').filter(|it| MODULES.contains(it)).map(|it| fault(1, it)).collect();
    for three in file.tokens.windows(3) {
        let is_inline = three[0].is("mod") && three[2].is("{");
        if is_inline && MODULES.contains(&three[1].text.as_str()) {
            faults.push(fault(three[1].line, &three[1].text));
        }
    }
    faults
}

fn is_empty_name(name: &str) -> bool {
    let after_base = name.strip_prefix("Base").and_then(|it| it.chars().next());
    TYPE_SUFFIXES.iter().any(|it| name.ends_with(it)) || after_base.is_some_and(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_type_names_are_found() {
        for name in ["Manager", "RoomManager", "RoomImpl", "DateUtils", "BaseRoom"] {
            let file = File::new("a.rs", &format!("pub struct {name}<T>(T);"));
            assert_eq!(type_names(&file).len(), 1, "{name}");
        }
        for name in ["Room", "Managers", "Base64", "Baseline", "Implied"] {
            let file = File::new(
                "a.rs",
                &format!("enum {name} {{}} // RoomManager\nfn f(a: RoomImpl) {{}}"),
            );
            assert_eq!(type_names(&file), [], "{name}");
        }
    }

    #[test]
    fn empty_module_names_are_found() {
        for (path, text) in
            [("src/utils.rs", ""), ("src/common/a.rs", ""), ("src/a.rs", "mod types { }")]
        {
            assert_eq!(module_names(&File::new(path, text)).len(), 1, "{path}");
        }
        for (path, text) in [("src/room.rs", "mod b;"), ("docs/common/a.txt", "")] {
            assert_eq!(module_names(&File::new(path, text)), [], "{path}");
        }
    }
}

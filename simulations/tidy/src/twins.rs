//! The second copy of a function asks: is there a rule?

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::fault::Fault;
use crate::file::File;
use crate::functions::{Function, functions};
use crate::lex::{Token, TokenKind};

/// Shortest body that is compared, in lines with code: shorter ones are alike by chance.
pub const BODY_LINES_MIN: usize = 8;

/// Fewest steps (statements, calls of methods, `?`) of a body that is compared. A table, such as a
/// `match` from variants to names, has none: two tables of one shape are no copy.
pub const STEPS_MIN: usize = 3;

/// Words that shape the code; any other word is a name, and names differ between copies.
const KEYWORDS: [&str; 22] = [
    "as", "break", "const", "continue", "else", "false", "fn", "for", "if", "impl", "in", "let",
    "loop", "match", "move", "mut", "ref", "return", "self", "true", "unsafe", "while",
];

type Place<'a> = (&'a File, Function<'a>);

/// What the guide has its reader write: a copy of it is there once it was followed.
const GUIDE: &str = "docs/guide/";

/// Finds functions that are equal but for names, strings and numbers. Tests may repeat themselves.
pub fn twins(files: &[File]) -> Vec<Fault> {
    let mut by_shape: BTreeMap<String, Vec<Place<'_>>> = BTreeMap::new();
    for file in files.iter().filter(|it| !it.is_test() && !it.path.starts_with(GUIDE)) {
        for function in functions(file).into_iter().filter(|it| !it.is_test && is_compared(it)) {
            by_shape.entry(shape(function.body)).or_default().push((file, function));
        }
    }
    by_shape.values().filter(|it| it.len() > 1).flat_map(|it| report(it)).collect()
}

/// Reports every place, naming the next one.
fn report(places: &[Place<'_>]) -> Vec<Fault> {
    let others = places.iter().cycle().skip(1);
    let pairs = places.iter().zip(others);
    pairs
        .map(|((file, function), (other, twin))| {
            let (name, path, line) = (function.name, &other.path, twin.first_line);
            let message = format!("`{name}` is `{}` at {path}:{line} with other names", twin.name);
            Fault::new(&file.path, function.first_line, "twins", message)
        })
        .collect()
}

fn is_compared(function: &Function<'_>) -> bool {
    let mut lines: Vec<usize> = function.body.iter().map(|it| it.line).collect();
    lines.dedup();
    lines.len() >= BODY_LINES_MIN && steps(function.body) >= STEPS_MIN
}

fn steps(body: &[Token]) -> usize {
    let ends = body.iter().filter(|it| it.is(";") || it.is("?")).count();
    let calls = body.windows(3).filter(|it| it[0].is(".") && it[1].is_word() && it[2].is("("));
    ends + calls.count()
}

/// The code with a placeholder for each name, string and number.
fn shape(body: &[Token]) -> String {
    let mut shape = String::new();
    for token in body {
        let text = match token.kind {
            TokenKind::Word if !KEYWORDS.contains(&token.text.as_str()) => "name",
            TokenKind::Word | TokenKind::Mark => &token.text,
            TokenKind::Literal => "0",
            TokenKind::Lifetime => "'a",
        };
        write!(shape, "{text} ").expect("a string takes any text");
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, noun: &str, last: &str) -> String {
        let lines = format!("    self.check(&{noun})?;\n").repeat(BODY_LINES_MIN - 1);
        format!("fn {name}(&self) {{\n    // Why {name}.\n{lines}    {last}\n}}\n")
    }

    #[test]
    fn copies_are_found_at_both_places() {
        let files = [
            File::new("a.rs", &function("get_room", "room", "Ok(1)")),
            File::new("b.rs", &format!("\n{}", function("get_drive", "drive", "Ok(\"2\")"))),
        ];
        let found: Vec<String> = twins(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "a.rs:1: `get_room` is `get_drive` at b.rs:2 with other names (twins)",
                "b.rs:2: `get_drive` is `get_room` at a.rs:1 with other names (twins)",
            ]
        );
    }

    #[test]
    fn others_pass() {
        let one = File::new("a.rs", &function("one", "room", "Ok(1)"));
        let other = File::new("b.rs", &function("other", "room", "Ok(1)?"));
        let test = File::new("tests/c.rs", &function("one", "room", "Ok(1)"));
        let guide = File::new("docs/guide/src/d.rs", &function("one", "room", "Ok(1)"));
        assert_eq!(twins(&[one, other, test, guide]), []);
        let arms = "        A::B => \"b\",\n".repeat(BODY_LINES_MIN);
        let table = format!("fn name(self) {{\n    match self {{\n{arms}    }}\n}}\n");
        assert_eq!(twins(&[File::new("a.rs", &table.repeat(2))]), []);
    }
}

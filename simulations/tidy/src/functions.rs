//! The functions of a file.

use std::ops::Range;

use crate::file::File;
use crate::lex::{Token, closing};

/// A function with a body.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// Line of `fn`.
    pub first_line: usize,
    /// Line of the closing brace.
    pub last_line: usize,
    /// What stands between the braces.
    pub body: &'a [Token],
    /// Whether only tests run it.
    pub is_test: bool,
}

/// Finds every function with a body, nested ones too, in the order of their first lines.
pub fn functions(file: &File) -> Vec<Function<'_>> {
    let tokens = &file.tokens;
    let tests = test_ranges(tokens);
    let mut functions = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        // `fn(u8)` is a type.
        if !pair[0].is("fn") || !pair[1].is_word() {
            continue;
        }
        if let Some(open) = body_start(tokens, at) {
            let close = closing(tokens, open);
            functions.push(Function {
                name: &pair[1].text,
                first_line: pair[0].line,
                last_line: tokens[close].line,
                body: &tokens[open + 1..close.max(open + 1)],
                is_test: file.is_test() || tests.iter().any(|it| it.contains(&at)),
            });
        }
    }
    functions
}

/// Index of the brace that opens the body of the item at `at`; none when it ends in a semicolon.
fn body_start(tokens: &[Token], mut at: usize) -> Option<usize> {
    loop {
        let token = tokens.get(at)?;
        if token.is("{") {
            return Some(at);
        } else if token.is(";") {
            return None;
        } else if token.is("(") || token.is("[") {
            at = closing(tokens, at);
        }
        at += 1;
    }
}

/// The tokens of each item below `#[test]` or `#[cfg(test)]`.
fn test_ranges(tokens: &[Token]) -> Vec<Range<usize>> {
    let is_test = |at: usize, words: &[&str]| {
        tokens.len() >= at + words.len()
            && words.iter().zip(&tokens[at..]).all(|(it, token)| token.is(it))
    };
    let starts = (0..tokens.len()).filter(|at| {
        is_test(*at, &["#", "[", "test", "]"])
            || is_test(*at, &["#", "[", "cfg", "(", "test", ")", "]"])
    });
    starts
        .filter_map(|at| {
            let open = body_start(tokens, closing(tokens, at + 1) + 1)?;
            Some(at..closing(tokens, open))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found() {
        let file = File::new(
            "src/a.rs",
            "trait T { fn no(); }\nfn long<T>(\n    a: fn(u8),\n) -> [u8; 2]\nwhere\n    T: A,\n\
             {\n    fn inner() {}\n}\n\
             #[cfg(test)]\nmod tests {\n    fn check() {}\n}\n",
        );
        let found: Vec<_> = functions(&file)
            .iter()
            .map(|it| (it.name, it.first_line, it.last_line, it.is_test))
            .collect();
        assert_eq!(found, [("long", 2, 9, false), ("inner", 8, 8, false), ("check", 12, 12, true)]);
    }
}

//! The paths (`a::b::c`) a file names.

use crate::file::File;
use crate::lex::Token;

/// A path, with the braces of an import multiplied out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// The words between `::`; `*` for a glob.
    pub parts: Vec<String>,
    /// Line of the last part, from 1.
    pub line: usize,
    /// Whether it stands in a `use`.
    pub is_import: bool,
}

impl Path {
    /// Whether the path begins with the words of `prefix`.
    pub fn begins(&self, prefix: &[&str]) -> bool {
        self.parts.len() >= prefix.len() && prefix.iter().zip(&self.parts).all(|(a, b)| a == b)
    }

    /// Whether the words of `part` stand in the path, one after the other.
    pub fn contains(&self, part: &[&str]) -> bool {
        self.parts.windows(part.len()).any(|window| window == part)
    }
}

/// Finds every path of the code. A single name is a path too.
pub fn paths(file: &File) -> Vec<Path> {
    let tokens = &file.tokens;
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // `use<'a>` is a bound.
        if tokens[at].is("use") && !is(tokens, at + 1, "<") {
            at = read_import(tokens, at + 1, &[], &mut paths);
        } else if tokens[at].is_word() {
            at = read_path(tokens, at, &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|it| it.is(text))
}

fn read_path(tokens: &[Token], mut at: usize, paths: &mut Vec<Path>) -> usize {
    let mut parts = vec![tokens[at].text.clone()];
    while is(tokens, at + 1, "::") && tokens.get(at + 2).is_some_and(Token::is_word) {
        at += 2;
        parts.push(tokens[at].text.clone());
    }
    paths.push(Path { parts, line: tokens[at].line, is_import: false });
    at + 1
}

/// Reads one branch of an import tree; returns the index of what ends it.
fn read_import(tokens: &[Token], mut at: usize, prefix: &[String], paths: &mut Vec<Path>) -> usize {
    let mut parts = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        if token.is("{") {
            return read_branches(tokens, at, &parts, paths);
        } else if token.is("as") {
            // The new name is not part of the path.
            at += 1;
        } else if token.is_word() || token.is("*") {
            parts.push(token.text.clone());
        } else if !token.is("::") {
            break;
        }
        at += 1;
    }
    if let Some(last) = tokens.get(at.saturating_sub(1))
        && parts.len() > prefix.len()
    {
        paths.push(Path { parts, line: last.line, is_import: true });
    }
    at
}

fn read_branches(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    paths: &mut Vec<Path>,
) -> usize {
    while is(tokens, at, "{") || is(tokens, at, ",") {
        at = read_import(tokens, at + 1, prefix, paths);
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_multiplied_out() {
        let text =
            "use a::{b::{self, c as d}, e::*,};\nlet x = ::f::g::<u8>(h);\n// i::j\n\"k::l\"";
        let found: Vec<String> =
            paths(&File::new("a.rs", text)).iter().map(|it| it.parts.join("::")).collect();
        assert_eq!(found, ["a::b::self", "a::b::c", "a::e::*", "let", "x", "f::g", "u8", "h"]);
    }

    #[test]
    fn parts_are_compared_whole() {
        let path = &paths(&File::new("a.rs", "std::network::rand"))[0];
        assert!(path.begins(&["std"]) && path.contains(&["network", "rand"]));
        assert!(!path.contains(&["std", "net"]) && !path.begins(&["rand"]));
    }
}

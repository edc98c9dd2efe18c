//! Tables of contents hold no code.

use crate::fault::Fault;
use crate::file::File;
use crate::lex::{Token, after_prefix, closing};

const RULE: &str = "contents";

/// Finds items other than modules and re-exports in a `lib.rs` or `mod.rs`.
pub fn code_in_contents(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut rest = file.tokens.as_slice();
    while file.is_contents() && !rest.is_empty() {
        let (item, after) = rest.split_at(item_length(rest));
        if let Some(first) = item.get(after_prefix(item, 0))
            && !is_entry(item)
        {
            let message = "code in a table of contents; move it to a file of its own";
            faults.push(Fault::new(&file.path, first.line, RULE, message));
        }
        rest = after;
    }
    faults
}

/// Number of tokens up to the end of the first item: its semicolon or closing brace.
fn item_length(tokens: &[Token]) -> usize {
    let mut at = after_prefix(tokens, 0);
    let is_import = tokens.get(at).is_some_and(|it| it.is("use"));
    while let Some(token) = tokens.get(at) {
        if token.is(";") {
            return at + 1;
        } else if ["(", "[", "{"].iter().any(|it| token.is(it)) {
            at = closing(tokens, at);
            if token.is("{") && !is_import {
                return at + 1;
            }
        }
        at += 1;
    }
    tokens.len()
}

fn is_entry(item: &[Token]) -> bool {
    let start = after_prefix(item, 0);
    let is = |at: usize, text: &str| item.get(start + at).is_some_and(|it| it.is(text));
    is(0, "use")
        || is(0, ";")
        || (is(0, "mod") && is(2, ";"))
        // `extern crate self as name` gives the crate the name its macros know it by.
        || (is(0, "extern") && is(1, "crate"))
        // Rust wants the functions of a macro crate in its root.
        || item[..start].iter().any(|it| it.is_word() && it.text.starts_with("proc_macro"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[usize]) {
        let faults = code_in_contents(&File::new(path, text));
        let lines: Vec<usize> = faults.iter().map(|it| it.line).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn code_is_found() {
        check("src/mod.rs", "//! Doc.\nfn f() {}\n", &[2]);
        check(
            "src/lib.rs",
            "mod a;\nmod b {\n    mod c;\n}\nconst C: [u8; 1] = [0];\nuse d;\n",
            &[2, 5],
        );
        check("src/lib.rs", "#[doc(hidden)]\npub struct A { b: u8 }\nuse c;\nd! {}\n", &[2, 4]);
    }

    #[test]
    fn contents_pass() {
        let text = "//! Doc.\n#![no_std]\n/// A.\n#[cfg(test)]\npub(crate) mod a;\n\
                    extern crate self as e;\npub use a::{\n    B,\n    C,\n};\n";
        check("src/lib.rs", text, &[]);
        check(
            "src/lib.rs",
            "#[proc_macro_attribute]\npub fn data(a: A) -> A {\n    b(a)\n}\n",
            &[],
        );
        check("src/room.rs", "fn f() {}\n", &[]);
    }
}

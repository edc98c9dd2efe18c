//! A contract states the limit of everything that can grow.

use std::ops::Range;

use crate::fault::Fault;
use crate::file::File;
use crate::lex::{Token, after_prefix, closing};

/// What a doc comment says when it states a limit.
const STATEMENTS: [&str; 4] = ["_MAX`]", "at most", "At most", "bytes"];

/// Finds fields of an `api.rs` that hold a `String` or `Vec` and do not say how long it may get.
/// A field without a name is documented by the struct or variant it is in.
pub fn unstated_limits(file: &File) -> Vec<Fault> {
    let is_service = ["actors/src/", "docs/guide/src/"].iter().any(|it| file.path.starts_with(it));
    let is_api = is_service && file.name() == "api.rs";
    let mut faults = Vec::new();
    for at in (0..file.tokens.len()).filter(|_| is_api) {
        let is_item = file.tokens[at].is("struct") || file.tokens[at].is("enum");
        if is_item && file.tokens.get(at + 1).is_some_and(Token::is_word) {
            faults.extend(Item { file, at }.faults());
        }
    }
    faults
}

/// A struct or enum; its keyword is at index `at`.
#[derive(Clone, Copy)]
struct Item<'a> {
    file: &'a File,
    at: usize,
}

impl<'a> Item<'a> {
    fn faults(self) -> Vec<Fault> {
        let Some(open) = self.open() else { return Vec::new() };
        let fields = parts(self.tokens(), open);
        if self.tokens()[self.at].is("enum") {
            fields.into_iter().flat_map(|it| self.variant(&it)).collect()
        } else if self.tokens()[open].is("{") {
            fields.into_iter().filter_map(|it| self.named(&it)).collect()
        } else {
            let own = self.docs(self.first_line(), self.at);
            fields.into_iter().filter_map(|it| self.unnamed(&it, &own)).collect()
        }
    }

    fn tokens(self) -> &'a [Token] {
        &self.file.tokens
    }

    /// Index of the bracket that opens the fields; none when there are no fields.
    fn open(self) -> Option<usize> {
        let mut rest = self.tokens().iter().enumerate().skip(self.at);
        let found = rest.find(|(_, it)| it.is("{") || it.is("(") || it.is(";"))?;
        (!found.1.is(";")).then_some(found.0)
    }

    /// Line on which the item above ends.
    fn first_line(self) -> usize {
        let above = self.tokens()[..self.at].iter().rfind(|it| it.is(";") || it.is("}"));
        above.map_or(1, |it| it.line)
    }

    fn variant(self, part: &Range<usize>) -> Vec<Fault> {
        let name = after_prefix(self.tokens(), part.start);
        let open = name + 1;
        if open >= part.end {
            Vec::new()
        } else if self.tokens()[open].is("{") {
            parts(self.tokens(), open).into_iter().filter_map(|it| self.named(&it)).collect()
        } else {
            let own = self.docs(self.tokens()[part.start - 1].line, name);
            parts(self.tokens(), open)
                .into_iter()
                .filter_map(|it| self.unnamed(&it, &own))
                .collect()
        }
    }

    fn named(self, part: &Range<usize>) -> Option<Fault> {
        let name = after_prefix(self.tokens(), part.start);
        let docs = self.docs(self.tokens()[part.start - 1].line, name);
        self.check(name, name + 1..part.end, &docs)
    }

    fn unnamed(self, part: &Range<usize>, owner: &str) -> Option<Fault> {
        let start = after_prefix(self.tokens(), part.start);
        let docs = self.docs(self.tokens()[part.start - 1].line, start) + owner;
        self.check(start, start..part.end, &docs)
    }

    /// The documentation from a line on, up to the token `to`.
    fn docs(self, from_line: usize, to: usize) -> String {
        let lines = from_line..=self.tokens()[to].line;
        let docs = self.file.comments.iter().filter(|it| it.is_doc() && lines.contains(&it.line));
        // The module's own documentation speaks of no field.
        let docs = docs.filter(|it| !it.text.starts_with("//!"));
        docs.map(|it| it.text.as_str()).collect()
    }

    fn check(self, name: usize, of_type: Range<usize>, docs: &str) -> Option<Fault> {
        let of_type = self.tokens().get(of_type).unwrap_or_default();
        let grows = of_type.iter().any(|it| it.is("String") || it.is("Vec"));
        let is_stated = STATEMENTS.iter().any(|it| docs.contains(it));
        let Token { text, line, .. } = &self.tokens()[name];
        (grows && !is_stated).then(|| {
            let message = format!("`{text}` can grow; its documentation must state a limit");
            Fault::new(&self.file.path, *line, "limits", message)
        })
    }
}

/// What commas separate between the bracket at `open` and its partner.
fn parts(tokens: &[Token], open: usize) -> Vec<Range<usize>> {
    let close = closing(tokens, open);
    let mut parts = Vec::new();
    let (mut start, mut at, mut angles) = (open + 1, open + 1, 0_usize);
    while at < close {
        let token = &tokens[at];
        if ["(", "[", "{"].iter().any(|it| token.is(it)) {
            at = closing(tokens, at);
        } else if token.is("<") {
            angles += 1;
        } else if token.is(">") {
            angles = angles.saturating_sub(1);
        } else if token.is(",") && angles == 0 {
            parts.push(start..at);
            start = at + 1;
        }
        at += 1;
    }
    parts.push(start..close);
    parts.retain(|it| !it.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[usize]) {
        let faults = unstated_limits(&File::new("actors/src/chat/api.rs", text));
        let lines: Vec<usize> = faults.iter().map(|it| it.line).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn unstated_limits_are_found() {
        check("struct A {\n    /// The body.\n    pub body: String,\n}", &[3]);
        check(
            "struct A<T> {\n    /// At most 3.\n    a: Vec<T>,\n    b: Option<Vec<(u8, T)>>,\n}",
            &[4],
        );
        check(
            "/// A.\nenum E {\n    /// B.\n    B {\n        /// C.\n        c: String,\n    },\n}",
            &[6],
        );
        check("enum E {\n    A(u8),\n    /// B.\n    B(Vec<u8>),\n}", &[4]);
        check("//! At most 3.\npub struct B(String);", &[2]);
        check("/// At most 3.\nstruct A;\n/// B.\npub struct B(pub String);", &[4]);
    }

    #[test]
    fn stated_limits_pass() {
        check(
            "struct A {\n    /// 1 to [`BODY_BYTES_MAX`].\n    #[a(b)]\n    pub body: String,\n}",
            &[],
        );
        check(
            "enum E {\n    /// At most 3.\n    A(Vec<u8>),\n    B { c: u8 },\n    D = 1,\n}",
            &[],
        );
        check("/// At most 64 bytes.\n#[data]\npub struct A(pub String);", &[]);
        check(
            "fn f(a: String) -> Vec<u8> {}\nstruct A { a: BTreeMap<u8, u8>, f: fn(u8) -> u8 }",
            &[],
        );
        let guide = File::new("docs/guide/src/polls/api.rs", "struct A { a: String }");
        assert_eq!(unstated_limits(&guide).len(), 1);
        let other = File::new("actors/src/chat/room.rs", "struct A { a: String }");
        assert_eq!(unstated_limits(&other), []);
    }
}

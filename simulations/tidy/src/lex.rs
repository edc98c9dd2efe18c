//! Splits Rust into tokens and comments, just well enough for the checks.

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// An identifier or keyword.
    Word,
    /// A string, character or number.
    Literal,
    /// A lifetime or label.
    Lifetime,
    /// `::`, `->`, `=>`, or any other single character.
    Mark,
}

/// A piece of code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// How it is written.
    pub text: String,
    /// Line on which it begins, from 1.
    pub line: usize,
}

impl Token {
    /// Whether this is the keyword, name or mark `text`. A literal never is.
    pub fn is(&self, text: &str) -> bool {
        self.kind != TokenKind::Literal && self.text == text
    }

    /// Whether this is an identifier or keyword.
    pub fn is_word(&self) -> bool {
        self.kind == TokenKind::Word
    }
}

/// A comment, with its slashes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Comment {
    /// How it is written; a block may hold several lines.
    pub text: String,
    /// Line on which it begins, from 1.
    pub line: usize,
    /// Whether no code stands before it on its line.
    pub is_alone: bool,
}

impl Comment {
    /// Whether this is documentation.
    pub fn is_doc(&self) -> bool {
        let is_rule = self.text.starts_with("////");
        !is_rule && ["///", "//!", "/**", "/*!"].iter().any(|it| self.text.starts_with(it))
    }
}

/// Splits `text`. Text that is no Rust gives tokens too, but not meaningful ones.
pub fn lex(text: &str) -> (Vec<Token>, Vec<Comment>) {
    let chars = text.chars().collect();
    let mut lexer = Lexer { chars, at: 0, line: 1, tokens: Vec::new(), comments: Vec::new() };
    while let Some(first) = lexer.peek(0) {
        lexer.step(first);
    }
    (lexer.tokens, lexer.comments)
}

/// Index of the bracket that closes the one at `open`; the last index when nothing does.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if ["(", "[", "{"].iter().any(|it| token.is(it)) {
            depth += 1;
        } else if [")", "]", "}"].iter().any(|it| token.is(it)) {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len().saturating_sub(1)
}

/// Index after the attributes and the visibility that begin at `at`.
pub fn after_prefix(tokens: &[Token], mut at: usize) -> usize {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|it| it.is(text));
    while is(at, "#") {
        at = closing(tokens, if is(at + 1, "!") { at + 2 } else { at + 1 }) + 1;
    }
    if is(at, "pub") {
        at = if is(at + 1, "(") { closing(tokens, at + 1) + 1 } else { at + 1 };
    }
    at
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl Lexer {
    fn step(&mut self, first: char) {
        match (first, self.peek(1)) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.literal(Self::skip_string),
            ('\'', _) => self.quote(),
            _ if first.is_whitespace() => self.skip(1),
            _ if first.is_ascii_digit() => self.literal(Self::skip_number),
            _ if is_word(first) => self.word(),
            _ => self.mark(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        let end = (self.at + count).min(self.chars.len());
        self.line += self.chars[self.at..end].iter().filter(|it| **it == '\n').count();
        self.at = end;
    }

    fn skip_while(&mut self, holds: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&holds) {
            self.skip(1);
        }
    }

    fn push(&mut self, kind: TokenKind, start: usize, line: usize) {
        let text = self.chars[start..self.at].iter().collect();
        self.tokens.push(Token { kind, text, line });
    }

    fn push_comment(&mut self, start: usize, line: usize) {
        let text = self.chars[start..self.at].iter().collect();
        let is_alone = self.tokens.last().is_none_or(|it| it.line != line);
        self.comments.push(Comment { text, line, is_alone });
    }

    fn line_comment(&mut self) {
        let start = self.at;
        self.skip_while(|it| it != '\n');
        self.push_comment(start, self.line);
    }

    fn block_comment(&mut self) {
        let (start, line) = (self.at, self.line);
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (Some(_), _) => {
                    self.skip(1);
                    continue;
                }
                (None, _) => break,
            }
            self.skip(2);
            if depth == 0 {
                break;
            }
        }
        self.push_comment(start, line);
    }

    fn literal(&mut self, skip: fn(&mut Self)) {
        let (start, line) = (self.at, self.line);
        skip(self);
        self.push(TokenKind::Literal, start, line);
    }

    fn skip_string(&mut self) {
        self.skip(1);
        while let Some(next) = self.peek(0) {
            self.skip(if next == '\\' { 2 } else { 1 });
            if next == '"' {
                return;
            }
        }
    }

    fn skip_number(&mut self) {
        self.skip_while(is_word);
        // `1.5` is one number, `1..5` and `1.max(5)` are not.
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|it| it.is_ascii_digit()) {
            self.skip(1);
            self.skip_while(is_word);
        }
    }

    fn skip_char(&mut self) {
        self.skip(1);
        while let Some(next) = self.peek(0) {
            self.skip(if next == '\\' { 2 } else { 1 });
            if next == '\'' {
                return;
            }
        }
    }

    fn quote(&mut self) {
        if self.peek(1) == Some('\\') || self.peek(2) == Some('\'') {
            return self.literal(Self::skip_char);
        }
        let start = self.at;
        self.skip(1);
        self.skip_while(is_word);
        self.push(TokenKind::Lifetime, start, self.line);
    }

    fn word(&mut self) {
        let (start, line) = (self.at, self.line);
        self.skip_while(is_word);
        let prefix: String = self.chars[start..self.at].iter().collect();
        let hashes = self.chars[self.at..].iter().take_while(|it| **it == '#').count();
        let kind = match (prefix.as_str(), self.peek(hashes)) {
            ("r" | "br" | "cr", Some('"')) => self.skip_raw_string(hashes),
            ("r", Some(_)) if hashes == 1 => {
                self.skip(1);
                self.skip_while(is_word);
                TokenKind::Word
            }
            ("b" | "c", Some('"')) if hashes == 0 => {
                self.skip_string();
                TokenKind::Literal
            }
            ("b", Some('\'')) if hashes == 0 => {
                self.skip_char();
                TokenKind::Literal
            }
            _ => TokenKind::Word,
        };
        self.push(kind, start, line);
    }

    fn skip_raw_string(&mut self, hashes: usize) -> TokenKind {
        self.skip(hashes + 1);
        let end: Vec<char> = ['"'].into_iter().chain(['#'].repeat(hashes)).collect();
        while self.at < self.chars.len() && !self.chars[self.at..].starts_with(&end) {
            self.skip(1);
        }
        self.skip(end.len());
        TokenKind::Literal
    }

    fn mark(&mut self) {
        let start = self.at;
        let is_pair = matches!(
            (self.peek(0), self.peek(1)),
            (Some(':'), Some(':')) | (Some('-' | '='), Some('>'))
        );
        self.skip(if is_pair { 2 } else { 1 });
        self.push(TokenKind::Mark, start, self.line);
    }
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let (tokens, _) = lex(text);
        let found: Vec<&str> = tokens.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn code_becomes_tokens() {
        check("let a = b::c;", &["let", "a", "=", "b", "::", "c", ";"]);
        check(
            "fn f<'a>(x: &'a u8)",
            &["fn", "f", "<", "'a", ">", "(", "x", ":", "&", "'a", "u8", ")"],
        );
        check("0..1.5e3", &["0", ".", ".", "1.5e3"]);
        check(r"'\'' 'x' b'\\'", &[r"'\''", "'x'", r"b'\\'"]);
        check("r#\"a\"b\"# r#fn", &["r#\"a\"b\"#", "r#fn"]);
        check(r#""\"" b"z" c"#, &[r#""\"""#, "b\"z\"", "c"]);
    }

    #[test]
    fn comments_are_apart_and_lines_counted() {
        let (tokens, comments) = lex("a // one\n/* two\n/* three */ */ b\n/// four\n\"\n\" c");
        let lines: Vec<usize> = tokens.iter().map(|it| it.line).collect();
        assert_eq!(lines, [1, 3, 5, 6]);
        let found: Vec<_> = comments.iter().map(|it| (it.line, it.is_alone, it.is_doc())).collect();
        assert_eq!(found, [(1, false, false), (2, true, false), (4, true, true)]);
    }

    #[test]
    fn brackets_close() {
        let (tokens, _) = lex("f(a[0], { \")\" }) + g()");
        assert_eq!(tokens[closing(&tokens, 1)].line, 1);
        assert!(tokens[closing(&tokens, 1) + 1].is("+"));
        let (tokens, _) = lex("#![a] #[b(c)] pub(crate) mod d;");
        assert!(tokens[after_prefix(&tokens, 0)].is("mod"));
    }
}

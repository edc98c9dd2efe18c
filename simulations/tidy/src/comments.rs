//! Comments say why; code that is commented out says nothing.

use crate::fault::Fault;
use crate::file::File;
use crate::lex::Comment;

/// Largest share of a file that comments may take, in percent. Documentation is not counted.
pub const COMMENT_PERCENT_MAX: usize = 20;

/// Shortest file whose comments are counted, in lines: in a shorter one, one explanation is much.
pub const COUNTED_LINES_MIN: usize = 60;

/// Words after which a line that ends in an opening brace is code.
const BLOCKS: [&str; 13] = [
    "if ", "for ", "while ", "match ", "loop ", "else ", "} else ", "impl", "fn ", "struct ",
    "enum ", "trait ", "mod ",
];

/// Finds plain comments that are Rust.
pub fn commented_out_code(file: &File) -> Vec<Fault> {
    let is_plain = |it: &&Comment| it.is_alone && it.text.starts_with("//") && !it.is_doc();
    let found = file.comments.iter().filter(is_plain).filter(|it| is_code(it));
    let message = "code in a comment; delete it, git remembers";
    found.map(|it| Fault::new(&file.path, it.line, "commented-out-code", message)).collect()
}

/// Finds files in which comments outweigh: the code should say more by itself.
pub fn comment_ratio(file: &File) -> Vec<Fault> {
    let is_plain = |it: &&Comment| it.is_alone && it.text.starts_with("//") && !it.is_doc();
    let comments = file.comments.iter().filter(is_plain).count();
    let lines = file.text.lines().count();
    if lines < COUNTED_LINES_MIN || comments * 100 <= lines * COMMENT_PERCENT_MAX {
        return Vec::new();
    }
    let message =
        format!("{comments} of {lines} lines are comments, at most {COMMENT_PERCENT_MAX} %");
    vec![Fault::new(&file.path, 1, "comment-ratio", message)]
}

/// Whether a comment is a statement or the head or foot of a block. Prose that ends in a
/// semicolon is not, even when it begins with a keyword.
fn is_code(comment: &Comment) -> bool {
    let text = comment.text.trim_start_matches('/').trim();
    if let Some(head) = text.strip_suffix('{') {
        let head = head.strip_prefix("pub ").unwrap_or(head);
        return BLOCKS.iter().any(|it| head.starts_with(it))
            || head.ends_with("=> ")
            || head == "{";
    }
    if let Some(statement) = text.strip_suffix(';') {
        return is_statement(statement);
    }
    text.ends_with('}') && text.chars().all(|it| "{}()[],; ".contains(it))
}

fn is_statement(text: &str) -> bool {
    if text.chars().all(|it| "{}()[]".contains(it)) {
        return true;
    }
    let text = text.strip_prefix("pub ").unwrap_or(text);
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    match first {
        "let" | "const" | "static" | "type" => rest.contains(" = "),
        "use" => is_path(rest) && (rest.contains("::") || !rest.contains(' ')),
        "mod" => is_path(rest),
        "return" => is_call(rest),
        // `a.b = c` and `a += b` are code, `then a = b` is prose.
        _ => is_call(text) || (is_path(first) && is_assignment(rest)),
    }
}

fn is_assignment(rest: &str) -> bool {
    ["= ", "+= ", "-= ", "*= ", "|= ", "&= "].iter().any(|it| rest.starts_with(it))
}

/// Whether `text` begins with a name that is called, and ends with the call.
fn is_call(text: &str) -> bool {
    let Some((name, _)) = text.split_once('(') else { return false };
    is_path(name.trim_end_matches('!')) && text.trim_end_matches('?').ends_with(')')
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_alphanumeric() || "_:.{}*,".contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(comment: &str, expected: usize) {
        let file = File::new("a.rs", &format!("    // {comment}\n"));
        assert_eq!(commented_out_code(&file).len(), expected, "{comment}");
    }

    #[test]
    fn commented_out_code_is_found() {
        for comment in [
            "let a = b;",
            "if a.is_empty() {",
            "} else {",
            "}",
            "});",
            "pub fn f(a: u8) {",
            "self.count += 1;",
            "room.post(\"a b\", 1)?;",
            "assert_eq!(a, b);",
            "use crate::room::Room;",
            "mod room;",
            "Some(a) => {",
            "return Err(a);",
        ] {
            check(comment, 1);
        }
    }

    #[test]
    fn prose_passes() {
        for comment in [
            "If the leader is gone the entry stays;",
            "if it was cut, the rest follows;",
            "let it go;",
            "return early;",
            "use the api (not the insides);",
            "A record is {activation, sequence}",
            "See `post(a);",
            "at most f(n);",
            "The set {1, 2}",
            "Sends {",
        ] {
            check(comment, 0);
        }
        let documented = File::new("a.rs", "/// let a = b;\n//! f();\nf(); // g();\n");
        assert_eq!(commented_out_code(&documented), []);
    }

    #[test]
    fn comment_ratio_is_checked() {
        let text = |plain: usize| {
            format!("{}{}", "// Why.\n".repeat(plain), "/// What.\n".repeat(100 - plain))
        };
        assert_eq!(comment_ratio(&File::new("a.rs", &text(20))), []);
        assert_eq!(comment_ratio(&File::new("a.rs", &text(21))).len(), 1);
        assert_eq!(comment_ratio(&File::new("a.rs", "// Why.\n")), []);
    }
}

//! The files of the workspace.

use std::fs;
use std::io;
use std::path::Path;

use crate::lex::{self, Comment, Token};

/// Folders of the root that hold nothing a person wrote.
const SKIPPED: [&str; 3] = [".git", "data", "target"];

/// A file and, when it is Rust, its tokens.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the workspace root, with `/` between parts.
    pub path: String,
    /// The text; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// The code, without comments. Empty unless the file is Rust.
    pub tokens: Vec<Token>,
    /// The comments, in order. Empty unless the file is Rust.
    pub comments: Vec<Comment>,
}

impl File {
    /// Makes a file, reading the tokens of a Rust one.
    pub fn new(path: &str, text: &str) -> Self {
        let (path, text) = (path.to_owned(), text.to_owned());
        let mut file = Self { path, text, tokens: Vec::new(), comments: Vec::new() };
        if file.is_rust() {
            (file.tokens, file.comments) = lex::lex(&file.text);
        }
        file
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().expect("a split has a first part")
    }

    /// Whether the file is Rust.
    pub fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    /// Whether the name ends in a dot and `extension`, in capitals or not.
    pub fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|it| it.eq_ignore_ascii_case(extension))
    }

    /// Whether the file is `tests.rs` or belongs to a `tests` folder.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs"))
    }

    /// Whether the file is a table of contents.
    pub fn is_contents(&self) -> bool {
        matches!(self.name(), "lib.rs" | "mod.rs")
    }
}

/// Reads every file below `root`, in the order of their paths.
///
/// # Errors
/// Returns the first error of the file system.
pub fn read(root: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(root: &Path, folder: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        // A link is neither: what it points to is checked where it is.
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&path.as_str()) {
            collect(root, &path, files)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path())?;
            files.push(File::new(&path, &String::from_utf8_lossy(&bytes)));
        }
    }
    Ok(())
}

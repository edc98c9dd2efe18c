//! What is posted, from a column of a CSV file.

use std::io::Read;
use std::path::Path;

use super::ImportError;

/// The column that is posted.
const COLUMN: &str = "post";

/// Reads the texts of the first `posts_max` rows.
pub(crate) fn read(path: &Path, posts_max: usize) -> Result<Vec<String>, ImportError> {
    let unreadable = |error| ImportError::File { path: path.to_owned(), error };
    column(path, std::fs::File::open(path).map_err(unreadable)?, posts_max)
}

fn column(path: &Path, from: impl Read, posts_max: usize) -> Result<Vec<String>, ImportError> {
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        ImportError::Line { path: path.to_owned(), line, problem: error.to_string() }
    };
    let mut reader = csv::Reader::from_reader(from);
    let found = reader.headers().map_err(wrong)?.iter().position(|it| it == COLUMN);
    let Some(column) = found else {
        let problem = format!("expected a column {COLUMN:?} in the first line");
        return Err(ImportError::Line { path: path.to_owned(), line: 1, problem });
    };
    let rows = reader.records().take(posts_max);
    rows.map(|row| Ok(row.map_err(wrong)?[column].to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_is_a_column_or_refused() {
        let seeds = ["post\nhello\n", "id,post\n1,\"a, \"\"b\"\"\n\"\n2,c\n", "post,post\na\n"];
        fuzz::target("import-texts").seeds(seeds).run(|bytes| {
            if let Ok(texts) = column(Path::new("texts"), bytes, 5) {
                assert!(texts.len() <= 5);
            }
        });
    }
}

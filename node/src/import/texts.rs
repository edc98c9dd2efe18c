//! What is posted, from a column of a CSV file.

use std::path::Path;

use super::ImportError;

/// The column that is posted.
const COLUMN: &str = "post";

/// Reads the texts of the first `posts_max` rows.
pub(crate) fn read(path: &Path, posts_max: usize) -> Result<Vec<String>, ImportError> {
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        ImportError::Line { path: path.to_owned(), line, problem: error.to_string() }
    };
    let unreadable = |error| ImportError::File { path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut reader = csv::Reader::from_reader(file);
    let found = reader.headers().map_err(wrong)?.iter().position(|it| it == COLUMN);
    let Some(column) = found else {
        let problem = format!("expected a column {COLUMN:?} in the first line");
        return Err(ImportError::Line { path: path.to_owned(), line: 1, problem });
    };
    let rows = reader.records().take(posts_max);
    rows.map(|row| Ok(row.map_err(wrong)?[column].to_owned())).collect()
}

//! A file that holds a script and its transcript.

use std::path::{Path, PathBuf};
use std::{fs, io};

use entity::registry::Registry;

use super::script::{self, Line};
use super::stage::Stage;
use super::transcript;

/// What is shown of two texts that differ, in lines.
const SHOWN_LINES: usize = 12;

/// Every script below `folder`: `<service>/*.txt`, in the order of their paths.
///
/// # Errors
///
/// When a folder cannot be read.
pub fn scripts(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for service in fs::read_dir(folder)? {
        let service = service?.path();
        if service.is_dir() {
            for file in fs::read_dir(service)? {
                found.push(file?.path());
            }
        }
    }
    found.retain(|it| it.extension().is_some_and(|it| it == "txt"));
    found.sort();
    Ok(found)
}

/// Performs a script, and yields it with the transcript that belongs to it.
///
/// # Errors
///
/// The number of a line, and what is wrong with it.
pub fn perform(text: &str, registry: Registry) -> Result<String, String> {
    let mut stage = Stage::new(registry);
    let mut written = String::new();
    for (index, text) in text.lines().enumerate() {
        let at = |error: String| format!("line {}: {error}", index + 1);
        let Some(line) = script::line(text).map_err(at)? else { continue };
        written += text;
        written += "\n";
        if let Line::Act(act) = line {
            for line in performed(&mut stage, &act).map_err(at)? {
                written.extend(["  ", &stage.names.restore(&line), "\n"]);
            }
        }
    }
    Ok(written)
}

fn performed(stage: &mut Stage, act: &script::Act) -> Result<Vec<String>, String> {
    let answer = stage.perform(act)?;
    let mut lines: Vec<_> = answer.map(|it| format!("= {it}")).into_iter().collect();
    for record in stage.take_records() {
        lines.extend(transcript::lines(&stage.registry, &record)?);
    }
    Ok(lines)
}

/// The first lines in which two texts differ, for people; `None` when they are equal.
pub fn difference(is: &str, should_be: &str) -> Option<String> {
    if is == should_be {
        return None;
    }
    let (is, should_be): (Vec<_>, Vec<_>) = (is.lines().collect(), should_be.lines().collect());
    let same = is.iter().zip(&should_be).take_while(|(one, other)| one == other).count();
    let above = same.saturating_sub(3)..same;
    let mut shown = format!("they differ from line {} on:\n", same + 1);
    for (mark, lines) in [(" ", &is[above]), ("-", &should_be[same..]), ("+", &is[same..])] {
        for line in lines.iter().take(SHOWN_LINES) {
            shown.extend([mark, " ", line, "\n"]);
        }
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let shown = difference("a\nb\n", "a\nc\n").expect("they differ");
        assert_eq!(shown, "they differ from line 2 on:\n  a\n- c\n+ b\n");
    }
}

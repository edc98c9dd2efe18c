//! Inputs that are kept, one to a line, as Rust would write them between quotes. `#` begins a comment.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// What stands above inputs that were found by what they reach. They may be replaced by others; what
/// stands before it may not.
const FOUND: &str = "# Found by what they reach:";

/// The file of a target that belongs to the source.
pub fn kept(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("corpus/{target}.txt"))
}

/// The file of a target that is there for the next hunt on this machine.
pub fn found(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/fuzz/{target}.txt"))
}

/// Reads a file. One that is not there holds nothing.
///
/// # Errors
///
/// As the system has it; `InvalidData` when a line is no input.
pub fn read(file: &Path) -> io::Result<Vec<Vec<u8>>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let lines =
        text.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let input = |(line, number): (&str, u32)| {
        let wrong = || format!("{}:{number}: this is no input: {line}", file.display());
        input(line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, wrong()))
    };
    lines.map(input).collect()
}

/// Replaces the inputs that were found.
///
/// # Errors
///
/// As the system has it.
pub fn write(file: &Path, inputs: &[Vec<u8>]) -> io::Result<()> {
    let before = if file.exists() { fs::read_to_string(file)? } else { String::new() };
    let kept = before.split(FOUND).next().unwrap_or_default().trim_end();
    let mut text = if kept.is_empty() { String::new() } else { format!("{kept}\n\n") };
    text += FOUND;
    for input in inputs {
        text = format!("{text}\n{}", Line(input));
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text + "\n")
}

/// An input as it stands in a file.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a>(pub &'a [u8]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.len().saturating_sub(1);
        for (at, byte) in self.0.iter().enumerate() {
            match byte {
                // What would be a comment, or what editors take away.
                b'#' if at == 0 => write!(f, "\\x23")?,
                b' ' if at == last => write!(f, "\\x20")?,
                b'"' | b'\'' => write!(f, "{}", char::from(*byte))?,
                byte => write!(f, "{}", byte.escape_ascii())?,
            }
        }
        Ok(())
    }
}

fn input(line: &str) -> Option<Vec<u8>> {
    let (mut input, mut bytes) = (Vec::new(), line.bytes());
    while let Some(byte) = bytes.next() {
        input.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => u8::try_from(16 * hex(bytes.next()?)? + hex(bytes.next()?)?).ok()?,
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(input)
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for input_of in [&all[..], b"# no comment", b"a space ", b" ", b"\\x", b"\"'"] {
            let line = Line(input_of).to_string();
            assert!(line.is_ascii() && !line.starts_with('#') && !line.ends_with(' '), "{line}");
            assert_eq!(input(&line).as_deref(), Some(input_of), "{line}");
        }
        for wrong in ["\\", "\\x1", "\\xzz", "\\q"] {
            assert_eq!(input(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_kept_by_hand_stays() {
        let file = std::env::temp_dir().join(format!("roost-corpus-{}.txt", std::process::id()));
        fs::write(&file, "# By hand.\na\n\n# Found by what they reach:\nb\n").unwrap();
        write(&file, &[b"c\n".to_vec()]).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text, "# By hand.\na\n\n# Found by what they reach:\nc\\n\n");
        assert_eq!(read(&file).unwrap(), [b"a".to_vec(), b"c\n".to_vec()]);
        fs::remove_file(&file).unwrap();
        assert_eq!(read(&file).unwrap(), Vec::<Vec<u8>>::new());
    }
}

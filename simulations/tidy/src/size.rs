//! Files and functions are short.

use crate::fault::Fault;
use crate::file::File;
use crate::functions::functions;

/// Longest file, in lines.
pub const FILE_LINES_MAX: usize = 500;

/// Longest file of tests, in lines: tables of cases are long and easy to read.
pub const TEST_FILE_LINES_MAX: usize = 700;

/// Longest `main.rs`, in lines. It may hold code, but only what starts the rest.
pub const MAIN_LINES_MAX: usize = 60;

/// Longest function, in lines from `fn` to the closing brace: what fits on a screen.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Finds files longer than their limit.
pub fn long_file(file: &File) -> Vec<Fault> {
    let count = file.text.lines().count();
    let limit = match file.name() {
        "main.rs" => MAIN_LINES_MAX,
        _ if file.is_test() => TEST_FILE_LINES_MAX,
        _ => FILE_LINES_MAX,
    };
    if !file.is_rust() || count <= limit {
        return Vec::new();
    }
    vec![Fault::new(&file.path, 1, "file-lines", format!("{count} lines, at most {limit}"))]
}

/// Finds functions longer than [`FUNCTION_LINES_MAX`].
pub fn long_functions(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for function in functions(file) {
        let count = function.last_line - function.first_line + 1;
        if count > FUNCTION_LINES_MAX {
            let message =
                format!("`{}` has {count} lines, at most {FUNCTION_LINES_MAX}", function.name);
            faults.push(Fault::new(&file.path, function.first_line, "function-lines", message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_file(path: &str, lines: usize, is_fault: bool) {
        let file = File::new(path, &"// x\n".repeat(lines));
        assert_eq!(!long_file(&file).is_empty(), is_fault, "{path} with {lines} lines");
    }

    #[test]
    fn long_files_are_found() {
        for (path, limit) in [("src/a.rs", 500), ("tests/a.rs", 700), ("src/main.rs", 60)] {
            check_file(path, limit, false);
            check_file(path, limit + 1, true);
        }
        check_file("docs/a.md", 5_000, false);
    }

    #[test]
    fn long_functions_are_found() {
        let text =
            |lines: usize| format!("fn f(\n    a: u8,\n) {{\n{}}}\n", "    g();\n".repeat(lines));
        assert_eq!(long_functions(&File::new("a.rs", &text(66))), []);
        let faults = long_functions(&File::new("a.rs", &text(67)));
        assert_eq!(faults[0].to_string(), "a.rs:1: `f` has 71 lines, at most 70 (function-lines)");
    }
}

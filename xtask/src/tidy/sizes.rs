//! The size limit of files, without tests. The size of functions is checked by clippy.

use std::path::Path;

use super::workspace::Workspace;

/// The maximum number of lines of code, without tests, comments and blank lines.
const BUDGET: usize = 400;

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let sources = workspace.sources.iter().filter(|file| !is_test(&file.path));
    let sizes = sources.map(|file| (file.path.display(), code_lines(&file.text())));
    let long = sizes.filter(|(_, lines)| *lines > BUDGET);
    long.map(|(path, lines)| format!("{path} has {lines} lines of code, more than {BUDGET}"))
        .collect()
}

/// Returns whether the file is in a folder `tests` or has that name.
fn is_test(path: &Path) -> bool {
    let mut parts = path.iter();
    parts.any(|part| part == "tests" || part == "tests.rs")
}

fn code_lines(text: &str) -> usize {
    let lines = text.lines().map(str::trim);
    let code = lines.take_while(|line| !line.starts_with("#[cfg(test)]"));
    let code = code.filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.count()
}

#[cfg(test)]
mod tests {
    use super::{super::workspace::tests::of_files, *};

    #[test]
    fn a_long_file_is_found() {
        let long = format!(
            "//! Long.\n\n{}#[cfg(test)]\nmod tests;\n",
            "x;\n".repeat(BUDGET + 1)
        );
        let fit = format!(
            "//! Fit.\n\n{}#[cfg(test)]\n{}",
            "x;\n".repeat(BUDGET),
            "y;\n".repeat(BUDGET)
        );
        let found = check(&of_files(&[
            ("long.rs", &long),
            ("fit.rs", &fit),
            ("a/tests/it/long.rs", &long),
        ]));
        assert_eq!(found, ["long.rs has 401 lines of code, more than 400"]);
    }
}

//! The size limit of files, without tests. The size of functions is checked by clippy.

use std::path::Path;

use super::workspace::Workspace;

/// The maximum number of lines of code, without tests, comments and blank lines.
const BUDGET: usize = 400;

/// The files that may be longer, with the reason.
const LONGER: &[(&str, &str)] = &[];

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let excused =
        |path: &Path| is_test(path) || LONGER.iter().any(|(file, _)| path == Path::new(file));
    let sizes = workspace
        .sources
        .iter()
        .map(|file| (&file.path, code_lines(&file.text())));
    let long = sizes.filter(|(path, lines)| *lines > BUDGET && !excused(path));
    long.map(|(path, lines)| {
        format!(
            "{} has {lines} lines of code, more than {BUDGET}",
            path.display()
        )
    })
    .collect()
}

/// Returns whether the file is in a folder `tests` or has that name.
fn is_test(path: &Path) -> bool {
    path.iter()
        .any(|part| part == "tests" || part == "tests.rs")
}

fn code_lines(text: &str) -> usize {
    let code = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    code.filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
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

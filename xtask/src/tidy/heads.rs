//! The check that every source file starts with `//!`, which states its purpose.

use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let sources = workspace.sources.iter();
    let headless = sources.filter(|file| !file.content.starts_with(b"//!"));
    let lines = headless.map(|file| format!("{} does not start with `//!`", file.path.display()));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::{super::workspace::tests::of_files, *};

    #[test]
    fn a_file_without_a_head_is_found() {
        let workspace = of_files(&[
            ("a.rs", "//! A.\n"),
            ("b.rs", "\n//! B.\n"),
            ("c.rs", "// C\n"),
        ]);
        assert_eq!(
            check(&workspace),
            [
                "b.rs does not start with `//!`",
                "c.rs does not start with `//!`"
            ]
        );
    }
}

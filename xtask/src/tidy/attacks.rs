//! The check of `docs/security.md`: all linked tests exist, and each attack in its tables has a test or a reason
//! for the lack of one.

use std::path::{Component, Path, PathBuf};

use super::workspace::Workspace;

const PAGE: &str = "docs/security.md";

/// The heading of the section with the tables.
const TABLES: &str = "## Attacks and their tests";

/// The text before the reason for the lack of tests.
const NONE: &str = "no test: ";

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let mut tracked = workspace.tracked.iter();
    let Some(page) = tracked.find(|file| file.path == Path::new(PAGE)) else {
        return vec![format!("{PAGE} is not there")];
    };
    let text = page.text();
    let lines = text.lines().zip(1..);
    let missing = lines.flat_map(|(line, number)| {
        tests(line)
            .filter(|(name, file)| !is_there(workspace, name, file))
            .map(move |(name, file)| format!("{PAGE}:{number}: no `{name}` in `{file}`"))
    });
    let bare = rows(&text)
        .filter(|(row, _)| tests(row).next().is_none() && !row.contains(NONE))
        .map(|(_, number)| format!("{PAGE}:{number}: neither a test nor `{NONE}`"));
    missing.chain(bare).collect()
}

/// Returns the links of a line from the name of a function to a Rust file.
fn tests(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let links = line.split("[`").skip(1);
    links.filter_map(|link| {
        let (name, rest) = link.split_once("`](")?;
        let (target, _) = rest.split_once(')')?;
        (Path::new(target).extension()? == "rs").then_some((name, target))
    })
}

/// Returns the rows of the tables with their line numbers, without the heads.
fn rows(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let lines: Vec<(&str, usize)> = text
        .lines()
        .zip(1..)
        .skip_while(|(line, _)| *line != TABLES)
        .skip(1)
        .take_while(|(line, _)| !line.starts_with("## "))
        .collect();
    let is_rule = |line: &str| line.starts_with("|--");
    let next = lines.clone().into_iter().skip(1).map(|(line, _)| line);
    let pairs = lines.into_iter().zip(next.chain([""]));
    pairs
        .filter(move |((line, _), next)| line.starts_with('|') && !is_rule(line) && !is_rule(next))
        .map(|(row, _)| row)
}

/// Returns whether the file, as named in the page, contains this function.
fn is_there(workspace: &Workspace, name: &str, file: &str) -> bool {
    let mut path = PathBuf::new();
    for part in Path::new(PAGE).with_file_name(file).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
    }
    let function = format!("fn {name}(");
    let mut sources = workspace.sources.iter();
    sources.any(|source| source.path == path && source.text().contains(&function))
}

#[cfg(test)]
mod tests {
    use super::{super::workspace::tests::of_files, *};

    #[test]
    fn tests_that_are_not_there_and_rows_without_are_found() {
        let page = "\
See [`a`](../x/a.rs), [`b`](../x/a.rs) and [this](b.md).
| not | one |
## Attacks and their tests
| attack | tests |
|---|---|
| A | [`a`](../x/a.rs) |
| B | [`a`](../x/b.rs) |
| C | no test: it is not there |
| D | soon |
## More
| E | |
";
        let files = [(PAGE, page), ("x/a.rs", "//! A.\nfn a() {}\nfn bb() {}\n")];
        assert_eq!(
            check(&of_files(&files)),
            [
                "docs/security.md:1: no `b` in `../x/a.rs`",
                "docs/security.md:7: no `a` in `../x/b.rs`",
                "docs/security.md:9: neither a test nor `no test: `",
            ]
        );
        assert_eq!(check(&of_files(&[])), ["docs/security.md is not there"]);
    }
}

//! The check of pages whose tables name tests: all linked tests exist, and each row has a test or a reason for the lack
//! of one.

use std::path::{Component, Path, PathBuf};

use super::workspace::Workspace;

/// The pages, each with the headings of the sections whose tables name tests.
const PAGES: [(&str, &[&str]); 2] = [
    ("docs/security.md", &["## Attacks and their tests"]),
    (
        "docs/differences.md",
        &[
            "## Differences and their tests",
            "## Defects of the Go tool",
        ],
    ),
];

/// The text before the reason for the lack of tests.
const NONE: &str = "no test: ";

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let pages = PAGES.iter();
    pages
        .flat_map(|(page, headings)| check_page(workspace, page, headings))
        .collect()
}

fn check_page(workspace: &Workspace, page: &str, headings: &[&str]) -> Vec<String> {
    let mut files = workspace.tracked.iter();
    let Some(file) = files.find(|file| file.path == Path::new(page)) else {
        return vec![format!("{page} is not there")];
    };
    let text = file.text();
    let lines = text.lines().zip(1..);
    let missing = lines.flat_map(|(line, number)| {
        tests(line)
            .filter(|(name, file)| !is_there(workspace, page, name, file))
            .map(move |(name, file)| format!("{page}:{number}: no `{name}` in `{file}`"))
    });
    let rows = headings.iter().flat_map(|heading| rows(&text, heading));
    let bare = rows
        .filter(|(row, _)| tests(row).next().is_none() && !row.contains(NONE))
        .map(|(_, number)| format!("{page}:{number}: neither a test nor `{NONE}`"));
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

/// Returns the rows of the tables below a heading with their line numbers, without the heads.
fn rows<'t>(text: &'t str, heading: &str) -> impl Iterator<Item = (&'t str, usize)> {
    let lines: Vec<(&str, usize)> = text
        .lines()
        .zip(1..)
        .skip_while(|(line, _)| *line != heading)
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
fn is_there(workspace: &Workspace, page: &str, name: &str, file: &str) -> bool {
    let mut path = PathBuf::new();
    for part in Path::new(page).with_file_name(file).components() {
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
        let both = "\
## Differences and their tests
### First
| old | tests |
|---|---|
| A | [`a`](../x/a.rs) |
## Defects of the Go tool
| number | tests |
|---|---|
| 1 | [`a`](../x/a.rs) |
| 2 | |
";
        let files = [
            (PAGES[0].0, page),
            (PAGES[1].0, both),
            ("x/a.rs", "//! A.\nfn a() {}\nfn bb() {}\n"),
        ];
        assert_eq!(
            check(&of_files(&files)),
            [
                "docs/security.md:1: no `b` in `../x/a.rs`",
                "docs/security.md:7: no `a` in `../x/b.rs`",
                "docs/security.md:9: neither a test nor `no test: `",
                "docs/differences.md:10: neither a test nor `no test: `",
            ]
        );
        assert_eq!(
            check(&of_files(&[])),
            [
                "docs/security.md is not there",
                "docs/differences.md is not there"
            ]
        );
    }
}

//! A page as its test reads it: the files that it has in it, the commands, and what they say.

use std::collections::BTreeSet;

/// What stands for whatever there is.
const ANYTHING: char = '…';

/// Something that a reader of the page does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Writes a file.
    File { path: &'a str, text: String },
    /// Types a command.
    Command(Command<'a>),
}

/// A command, and what it says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// The program without which it is not typed.
    pub(super) needs: Option<&'a str>,
    /// The command, which may have several lines.
    pub(super) text: String,
    /// The lines that it says, among others.
    pub(super) output: Vec<&'a str>,
}

/// What is between two fences, and the line before the first.
struct Block<'a> {
    before: &'a str,
    info: &'a str,
    lines: Vec<&'a str>,
}

/// What a page makes its reader do, in order.
pub(super) fn parts(page: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for block in blocks(page) {
        let mut info = block.info.split_whitespace();
        if info.next() == Some("console") {
            let needs = info.next();
            parts.extend(commands(&block.lines, needs).map(Part::Command));
        } else if let Some(path) = path(block.before) {
            let text = block.lines.iter().flat_map(|line| [line, "\n"]).collect();
            parts.push(Part::File { path, text });
        }
    }
    parts
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    let mut before = "";
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Block {
                    before,
                    info,
                    lines: Vec::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.lines.push(line),
            (None, None) if line.is_empty() => {}
            (None, None) => before = line,
        }
        if open.is_some() {
            before = "";
        }
    }
    assert!(open.is_none(), "the last block has no end");
    blocks
}

/// The path in a line that is nothing but `` `path`: ``.
fn path(line: &str) -> Option<&str> {
    let path = line.strip_prefix('`')?.strip_suffix("`:")?;
    (!path.contains('`')).then_some(path)
}

fn commands<'a>(
    lines: &[&'a str],
    needs: Option<&'a str>,
) -> impl Iterator<Item = Command<'a>> + use<'a> {
    let mut commands: Vec<Command<'a>> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(text), _) => commands.push(Command {
                needs,
                text: text.to_owned(),
                output: Vec::new(),
            }),
            (None, Some(command)) if command.text.ends_with('\\') => {
                command.text += "\n";
                command.text += line;
            }
            (None, Some(command)) if !line.is_empty() => command.output.push(line),
            (None, Some(_)) => {}
            (None, None) => panic!("`{line}` comes before any command"),
        }
    }
    commands.into_iter()
}

/// The words of a page that start like this and could be names of images.
pub(super) fn names<'a>(page: &'a str, start: &str) -> BTreeSet<&'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    page.split(|c| !is_part(c))
        .map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| word.len() > start.len() && word.starts_with(start))
        .collect()
}

/// The first of the expected lines that does not come after those before it.
pub(super) fn missing<'a>(expected: &[&'a str], said: &[&str]) -> Option<&'a str> {
    let mut said = said.iter();
    expected
        .iter()
        .find(|line| !said.any(|candidate| is_like(line, candidate)))
        .copied()
}

/// Whether the line is as expected: blanks count as one, and `…` is whatever there is.
fn is_like(expected: &str, line: &str) -> bool {
    let [expected, line] = [expected, line].map(|text| {
        let words: Vec<_> = text.split_whitespace().collect();
        words.join(" ")
    });
    let mut pieces = expected.split(ANYTHING);
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_files_and_commands_in_order() {
        let page = "# Title\n\n`a/b.go`:\n\n```go\npackage b\n\n```\ntext\n```yaml\nno: file\n```\n\n\
                    ```console docker\n$ one \\\n    two\nsays … this\n\n$ three\n```\n";
        let command = |text: &str, output| {
            Part::Command(Command {
                needs: Some("docker"),
                text: text.into(),
                output,
            })
        };
        let file = Part::File {
            path: "a/b.go",
            text: "package b\n\n".into(),
        };
        assert_eq!(
            parts(page),
            [
                file,
                command("one \\\n    two", vec!["says … this"]),
                command("three", vec![]),
            ]
        );
    }

    #[test]
    fn lines_are_like_others() {
        for (expected, line, is) in [
            ("size  3 MB", "size 3 MB", true),
            ("size 3 MB", "size 3 MB and more", false),
            ("3.… MB", "3.59 MB", true),
            ("3.… MB", "4.59 MB", false),
            ("a … b … c", "a x b y c", true),
            ("a … b … c", "a x c", false),
            ("a…", "a", true),
            ("…a", "ba", true),
            ("…", "", true),
            ("ab…b", "ab", false),
        ] {
            assert_eq!(is_like(expected, line), is, "{expected} and {line}");
        }
    }

    #[test]
    fn lines_must_come_in_order() {
        let said = ["one", "two", "three"];
        assert_eq!(missing(&["one", "three"], &said), None);
        assert_eq!(missing(&["three", "one"], &said), Some("one"));
        assert_eq!(missing(&["one", "one"], &said), Some("one"));
    }

    #[test]
    fn names_are_words_without_what_ends_a_sentence() {
        let page = "`my-app:slim`, my-app. FROM my-tool@sha256:1 mymy-x my-";
        let found: Vec<_> = names(page, "my-").into_iter().collect();
        assert_eq!(found, ["my-app", "my-app:slim", "my-tool"]);
    }
}

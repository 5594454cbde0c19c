//! A budget for the words of comments: plain English begins a doc comment with the thing that it describes.

use std::path::Path;

use super::workspace::Workspace;

/// The words that open a riddle in place of a noun or a verb.
const OPENINGS: [&str; 7] = ["What", "Which", "Who", "Whose", "Where", "Whether", "That"];

/// The most doc comments in a hundred that may open so.
const MOST_OPENINGS: usize = 5;

/// Words without a referent.
const BANNED: [&str; 5] = ["nobody", "somebody", "whoever", "everybody", "anybody"];

/// Verbs of speech, where a program returns, reports or prints.
const SPEECH: [&str; 6] = ["tell", "tells", "told", "say", "says", "said"];

/// The most of these in ten thousand words.
const MOST_SPEECH: usize = 5;

/// The counts over all comments outside of tests.
#[derive(Default)]
struct Counts {
    docs: usize,
    openings: usize,
    words: usize,
    speech: usize,
    /// The places of words that are never right.
    banned: Vec<String>,
}

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let mut counts = Counts::default();
    let sources = workspace.sources.iter();
    for file in sources.filter(|file| !is_test(&file.path) && file.path != Path::new(file!())) {
        counts.add(&file.path, &file.text());
    }
    counts.over_budget()
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests")
}

impl Counts {
    fn add(&mut self, path: &Path, text: &str) {
        let mut is_inside = false;
        for (index, line) in text.lines().enumerate() {
            let doc = doc_comment(line);
            if let (Some(doc), false) = (doc, is_inside) {
                self.docs += 1;
                let first = words(doc).next().unwrap_or_default();
                self.openings += usize::from(OPENINGS.contains(&first));
            }
            is_inside = doc.is_some();
            for word in comment(line).into_iter().flat_map(words) {
                self.words += 1;
                let word = word.to_ascii_lowercase();
                self.speech += usize::from(SPEECH.contains(&&*word));
                if BANNED.contains(&&*word) {
                    let place = format!("{}:{}", path.display(), index + 1);
                    self.banned.push(format!("{place} has the word `{word}`"));
                }
            }
        }
    }

    fn over_budget(self) -> Vec<String> {
        let mut found = self.banned;
        if self.openings * 100 > self.docs * MOST_OPENINGS {
            found.push(format!(
                "{} of {} doc comments open with {}; at most {MOST_OPENINGS} in 100 may",
                self.openings,
                self.docs,
                OPENINGS.join(", ")
            ));
        }
        if self.speech * 10_000 > self.words * MOST_SPEECH {
            found.push(format!(
                "{} of {} words of comments are {}; at most {MOST_SPEECH} in 10,000 may be",
                self.speech,
                self.words,
                SPEECH.join(", ")
            ));
        }
        found
    }
}

fn doc_comment(line: &str) -> Option<&str> {
    let line = line.trim();
    line.strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))
}

fn comment(line: &str) -> Option<&str> {
    doc_comment(line).or_else(|| line.trim().strip_prefix("//"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphabetic() && c != '\'');
    words.filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{super::workspace::tests::of_files, *};

    #[test]
    fn riddles_in_comments_are_found() {
        let found = check(&of_files(&[
            ("a.rs", "//! What it is.\n\n/// The count.\nfn count() {}\n"),
            ("b.rs", "//! A file.\n// Nobody told it.\nlet nobody = 1;\n"),
            ("tests/c.rs", "//! Who says so.\n// somebody\n"),
        ]));
        assert_eq!(
            found,
            [
                "b.rs:2 has the word `nobody`",
                "1 of 3 doc comments open with What, Which, Who, Whose, Where, Whether, That; at most 5 in 100 may",
                "1 of 10 words of comments are tell, tells, told, say, says, said; at most 5 in 10,000 may be",
            ]
        );
    }
}

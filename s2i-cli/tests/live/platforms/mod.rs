//! The jobs of CI platforms, as their runners execute them: an image, variables, arguments and one script.
//!
//! A runner puts values into a job before it starts a shell. The same is done here with the files of this repository
//! and with the blocks of `docs/ci.md`, and no value may become a part of a script.

mod github;
mod gitlab;
mod others;
mod yaml;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

pub(crate) use github::{Workflow, action};
pub(crate) use gitlab::{component, jobs, template};
pub(crate) use others::{jenkins, task, tekton_run, woodpecker};

/// Names with values: inputs, variables, contexts.
pub(crate) type Values = BTreeMap<String, String>;

/// A job or a step of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Job {
    /// The image of its container; `None` on the machine of the runner.
    pub(crate) image: Option<String>,
    /// The script for `sh -e`.
    pub(crate) script: String,
    /// The variables that the job sets beside those of the platform.
    pub(crate) variables: Values,
    /// The arguments of the script.
    pub(crate) arguments: Vec<String>,
}

/// Creates values from pairs.
pub(crate) fn values(pairs: &[(&str, &str)]) -> Values {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    pairs.collect()
}

/// Returns the text of a file of this repository.
pub(crate) fn repository_file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path: PathBuf = root.join(name);
    fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// Returns the blocks of `docs/ci.md` for one platform: those whose info string has this word at its end.
pub(crate) fn blocks(platform: &str) -> Vec<String> {
    let page = repository_file("docs/ci.md");
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) if info.ends_with(&format!(" {platform}")) => {
                open = Some(String::new());
            }
            (Some(""), Some(_)) => blocks.extend(open.take()),
            (_, Some(block)) => {
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    assert!(!blocks.is_empty(), "the page has no block for {platform}");
    blocks
}

/// Replaces each `START name END` of a text by the value of the name.
///
/// # Panics
/// There is no such value: a runner would leave the text as it is, or empty.
fn interpolate(text: &str, start: &str, end: &str, values: &Values) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(start) {
        let (name, after) = after.split_once(end).expect("the end of a name");
        let name = name.trim();
        let value = values.get(name);
        result += before;
        result += value.unwrap_or_else(|| panic!("there is no value of `{name}`"));
        rest = after;
    }
    result + rest
}

/// Replaces each `$NAME` and `${NAME}` of a text by the value of the variable, once, as GitLab does in variables.
fn expand(text: &str, variables: &Values) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result += before;
        let (name, after) = if let Some(after) = after.strip_prefix('{') {
            after.split_once('}').expect("the end of a name")
        } else {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            after.split_at(end.unwrap_or(after.len()))
        };
        result += variables.get(name).map_or("", String::as_str);
        rest = after;
    }
    result + rest
}

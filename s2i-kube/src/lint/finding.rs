//! The findings of the linter.

use std::fmt;

use serde_json::Value;

/// The weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A choice that may be meant.
    Note,
    /// A risk: the objects are accepted and do something other than they seem to, or more.
    Warning,
    /// The API refuses the object, or drops a part of it.
    Error,
}

impl Severity {
    /// The severity as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A problem of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The number of the object in the text, from 1. The items of a List count.
    pub document: usize,
    /// The object, as `BuildConfig/app`.
    pub object: String,
    /// The place in the object, as `spec.triggers[1].type`.
    pub path: String,
    /// The weight.
    pub severity: Severity,
    /// The name of the rule, for example `dead-trigger`.
    pub rule: &'static str,
    /// The problem and its effect, as a lower-case fragment.
    pub problem: String,
    /// The change that removes the problem, as a lower-case fragment.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            path,
            severity,
            rule,
            problem,
            remedy,
            ..
        } = self;
        write!(
            f,
            "{object} {path}: {severity}: {problem} [{rule}]; {remedy}"
        )
    }
}

/// The findings of one object.
pub(super) struct Findings<'a> {
    pub(super) document: usize,
    pub(super) object: &'a Value,
    pub(super) found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(document: usize, object: &'a Value) -> Self {
        Self {
            document,
            object,
            found: Vec::new(),
        }
    }

    pub(super) fn kind(&self) -> &'a str {
        self.object["kind"].as_str().unwrap_or("Object")
    }

    pub(super) fn error(&mut self, rule: &'static str, path: &str, problem: &str, remedy: &str) {
        self.add(Severity::Error, rule, path, problem, remedy);
    }

    pub(super) fn warning(&mut self, rule: &'static str, path: &str, problem: &str, remedy: &str) {
        self.add(Severity::Warning, rule, path, problem, remedy);
    }

    pub(super) fn note(&mut self, rule: &'static str, path: &str, problem: &str, remedy: &str) {
        self.add(Severity::Note, rule, path, problem, remedy);
    }

    fn add(
        &mut self,
        severity: Severity,
        rule: &'static str,
        path: &str,
        problem: &str,
        remedy: &str,
    ) {
        let metadata = &self.object["metadata"];
        let name = metadata["name"]
            .as_str()
            .or(metadata["generateName"].as_str());
        self.found.push(Finding {
            document: self.document,
            object: format!("{}/{}", self.kind(), name.unwrap_or("-")),
            path: path.into(),
            severity,
            rule,
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }
}

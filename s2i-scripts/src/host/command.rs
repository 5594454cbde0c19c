//! Commands: programs with arguments, variables and a working directory.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, iter,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use s2i_core::ContainerPath;
use serde::Serialize;

/// A command of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Invocation {
    /// The program, with its path.
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    /// Variables that are set in addition to those of `assemble` itself. Never a secret, for plans are
    /// shown.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) directory: ContainerPath,
    /// Advice for the user when it fails, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) advice: Vec<String>,
}

impl Invocation {
    /// Returns the command line for a shell, without the directories of the program.
    pub(crate) fn command_line(&self) -> String {
        let name = self.program.rsplit('/').next().unwrap_or_default();
        let words = iter::once(name).chain(self.args.iter().map(String::as_str));
        words.map(quote).collect::<Vec<_>>().join(" ")
    }
}

/// A program to start, with its arguments and its surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandSpec {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Variables that are set in addition to those of this process.
    pub(crate) env: Vec<(String, String)>,
    /// The working directory; `None` for that of this process.
    pub(crate) directory: Option<PathBuf>,
    /// The program starts others and does not pass signals on to them, as shells do.
    pub(crate) is_shell: bool,
}

impl fmt::Display for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.program.file_name().unwrap_or_default();
        write!(f, "{}", quote(&name.to_string_lossy()))?;
        self.args
            .iter()
            .try_for_each(|arg| write!(f, " {}", quote(&arg.to_string_lossy())))
    }
}

/// Returns a word in the quoting of a shell.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns whether a path leads to a regular file with any of its execute bits set.
pub(crate) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_can_be_pasted_into_a_shell() {
        let invocation = Invocation {
            program: "/usr/local/go/bin/go".into(),
            args: vec![
                "build".into(),
                "-ldflags=-s -w".into(),
                String::new(),
                "it's".into(),
            ],
            env: BTreeMap::new(),
            directory: ContainerPath::root(),
            advice: Vec::new(),
        };
        assert_eq!(
            invocation.command_line(),
            r"go build '-ldflags=-s -w' '' 'it'\''s'"
        );
    }
}

//! Commands of package managers that run a script, without the package manager.

use super::super::Manifest;

/// A script that a command of a package manager runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Nested<'a> {
    pub(super) name: &'a str,
    /// The arguments for the script.
    pub(super) args: &'a [String],
    /// The directory of its package, where an option names it.
    pub(super) directory: Option<&'a str>,
    /// Its package of the workspace, by name or directory, where an option names it.
    pub(super) workspace: Option<&'a str>,
}

/// Options with the directory of another package.
const DIRECTORY: [&str; 4] = ["--prefix", "-C", "--cwd", "--dir"];

/// Options with another package of the workspace.
const WORKSPACE: [&str; 4] = ["--workspace", "-w", "--filter", "-F"];

/// Options that change nothing about the script.
const SILENT: [&str; 4] = ["--silent", "-s", "--if-present", "--quiet"];

/// Returns the script that a command of a package manager would run, and the arguments for it; `None` where it is
/// another command. `manifest` is of the package in whose directory the command runs.
pub(super) fn parse<'a>(words: &'a [String], manifest: &Manifest) -> Option<Nested<'a>> {
    let (manager, rest) = words.split_first()?;
    let is_npm = manager == "npm";
    if !matches!(manager.as_str(), "npm" | "pnpm" | "yarn") {
        return None;
    }
    let mut nested = Nested::default();
    let rest = nested.options(rest, manager)?;
    let rest = match rest {
        [workspace, name, rest @ ..] if manager == "yarn" && workspace == "workspace" => {
            nested.workspace = Some(name);
            rest
        }
        rest => rest,
    };
    let is_elsewhere = nested.directory.is_some() || nested.workspace.is_some();
    let rest = match rest {
        [run, rest @ ..] if matches!(run.as_str(), "run" | "run-script") => {
            nested.options(rest, manager)?
        }
        [start, ..] if start == "start" => rest,
        [name, ..] if !is_npm && (is_elsewhere || manifest.scripts.contains_key(name)) => rest,
        _ => return None,
    };
    let (name, rest) = rest.split_first()?;
    if name.starts_with('-') {
        return None;
    }
    nested.name = name;
    // npm takes options before the dashes for its own, wherever they are.
    let rest = if is_npm {
        nested.options(rest, manager)?
    } else {
        rest
    };
    nested.args = match rest {
        [dashes, args @ ..] if dashes == "--" => args,
        [first, ..] if is_npm && first.starts_with('-') => return None,
        args => args,
    };
    Some(nested)
}

impl<'a> Nested<'a> {
    /// Reads the options at the start of a list, and returns the rest; `None` where an option lacks its value.
    fn options(&mut self, words: &'a [String], manager: &str) -> Option<&'a [String]> {
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.as_str(), None),
            };
            // `-w` of pnpm is the root of its workspace.
            let is_workspace = WORKSPACE.contains(&name) && (manager == "npm" || name != "-w");
            let target = if DIRECTORY.contains(&name) {
                &mut self.directory
            } else if is_workspace {
                &mut self.workspace
            } else if SILENT.contains(&name) {
                rest = after;
                continue;
            } else {
                return Some(rest);
            };
            rest = after;
            if let Some(value) = value {
                *target = Some(value);
            } else {
                let (value, after) = rest.split_first()?;
                *target = Some(value);
                rest = after;
            }
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::words;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let manifest = Manifest::parse(r#"{"scripts":{"start":"x","web":"y"}}"#).unwrap();
        let words = words::split(line);
        let actual = parse(&words, &manifest).map(|nested| {
            let at = nested.directory.or(nested.workspace).unwrap_or("-");
            format!("{} {} [{}]", nested.name, at, nested.args.join(" "))
        });
        assert_eq!(actual.as_deref().unwrap_or("none"), expected, "{line}");
    }

    #[test]
    fn script_and_package_are_found_among_the_options() {
        for (line, expected) in [
            ("npm start", "start - []"),
            ("npm run web -- -p 1", "web - [-p 1]"),
            ("npm run --silent web", "web - []"),
            ("npm --prefix api start", "start api []"),
            ("npm start --prefix=api", "start api []"),
            ("npm run web --prefix api -- x", "web api [x]"),
            ("npm run web -w @x/web", "web @x/web []"),
            ("yarn web -v", "web - [-v]"),
            ("yarn --cwd api serve", "serve api []"),
            ("yarn workspace @x/web serve", "serve @x/web []"),
            ("pnpm -C api start", "start api []"),
            ("pnpm --filter web start", "start web []"),
            ("yarn other", "none"),
            ("npm install", "none"),
            ("npm run web -v", "none"),
            ("npm --prefix", "none"),
            ("node x", "none"),
        ] {
            check(line, expected);
        }
    }
}

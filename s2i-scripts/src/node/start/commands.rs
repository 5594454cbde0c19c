//! The commands that start an application for Node.js.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{
    super::{Error as NodeError, Manifest, manifest},
    Start,
};
use crate::{
    Error, Host,
    host::{CommandSpec, is_executable},
    launch::{
        self,
        words::{self, Simple},
    },
    variables,
};

/// How many scripts may call one another.
const DEEPEST: usize = 8;

/// The file by which Node.js finds packages in archives of Yarn's, and its second one.
const PNP: [&str; 2] = [".pnp.cjs", ".pnp.loader.mjs"];

/// Makes the commands.
pub(super) struct Starter<'a, 'io> {
    pub(super) host: &'a Host<'io>,
    /// The root of all packages.
    pub(super) app: &'a Path,
    /// The directory of the application.
    pub(super) home: &'a Path,
    pub(super) manifest: &'a Manifest,
    /// The value of `NODE_ENV`.
    pub(super) env: String,
    pub(super) is_dev: bool,
}

impl Starter<'_, '_> {
    /// Returns the commands, to be run one after the other; `None` for a site.
    pub(super) fn tasks(
        &self,
        start: &Start,
        args: &[OsString],
    ) -> Result<Option<Vec<CommandSpec>>, Error> {
        let mut tasks = Vec::new();
        match start {
            Start::Command(command) => {
                self.add_command(command, None, DEEPEST, &mut tasks)?;
                add_args(args, &mut tasks);
            }
            Start::Script(name) => self.add_script(name, args, DEEPEST, &mut tasks)?,
            Start::File(file) => {
                let command = Simple {
                    words: vec!["node".to_owned(), file.clone()],
                    ..Simple::default()
                };
                tasks.push(self.task(command, self.home, None, file)?);
                add_args(args, &mut tasks);
            }
            Start::Site => return Ok(None),
        }
        if self.is_dev {
            self.watch(&mut tasks)?;
        }
        Ok(Some(tasks))
    }

    /// A script with those that npm would run before and after it.
    fn add_script(
        &self,
        name: &str,
        args: &[OsString],
        depth: usize,
        tasks: &mut Vec<CommandSpec>,
    ) -> Result<(), Error> {
        if depth == 0 {
            let name = name.to_owned();
            return Err(launch::Error::Recursive { name }.into());
        }
        let scripts = &self.manifest.scripts;
        for part in [format!("pre{name}"), name.to_owned(), format!("post{name}")] {
            let Some(script) = scripts.get(&part) else {
                if part == name {
                    return Err(NodeError::NoSuchScript {
                        name: part,
                        variable: "another script",
                        found: scripts.keys().cloned().collect(),
                    }
                    .into());
                }
                continue;
            };
            self.add_command(script, Some(&part), depth - 1, tasks)?;
            if part == name {
                add_args(args, tasks);
            }
        }
        Ok(())
    }

    /// The commands of a line; a shell's where it needs one.
    fn add_command(
        &self,
        line: &str,
        script: Option<&str>,
        depth: usize,
        tasks: &mut Vec<CommandSpec>,
    ) -> Result<(), Error> {
        let lookup = |name: &str| match name {
            variables::NODE_ENV => Some(self.env.clone()),
            _ => launch::lookup(name, self.host),
        };
        let Ok(commands) = words::parse(line, &lookup) else {
            let mut task = launch::shell(line, self.host)?;
            task.env = self.variables(script)?;
            task.directory = Some(self.home.to_owned());
            tasks.push(task);
            return Ok(());
        };
        let mut directory = self.home.to_owned();
        for command in commands {
            match nested(&command.words, &self.manifest.scripts) {
                Some((name, args)) => {
                    let args: Vec<_> = args.iter().map(OsString::from).collect();
                    self.add_script(name, &args, depth, tasks)?;
                }
                None => match &command.words[..] {
                    [cd, to] if cd == "cd" => directory.push(to),
                    _ => tasks.push(self.task(command, &directory, script, line)?),
                },
            }
        }
        Ok(())
    }

    fn task(
        &self,
        command: Simple,
        directory: &Path,
        script: Option<&str>,
        line: &str,
    ) -> Result<CommandSpec, Error> {
        let Simple { assignments, words } = command;
        let mut task = CommandSpec {
            directory: Some(directory.to_owned()),
            env: self.variables(script)?,
            ..CommandSpec::default()
        };
        self.find(&words[0], directory, line, &mut task)?;
        task.args.extend(words.iter().skip(1).map(OsString::from));
        task.env.extend(assignments);
        Ok(task)
    }

    /// Finds the program: Node.js itself, a file, a program of a package, one of the PATH.
    fn find(
        &self,
        word: &str,
        directory: &Path,
        line: &str,
        task: &mut CommandSpec,
    ) -> Result<(), Error> {
        let none = || launch::Error::NoProgram {
            program: word.to_owned(),
            command: line.to_owned(),
        };
        if matches!(word, "node" | "nodejs") {
            task.program = self.node()?;
            task.args = self.pnp();
            return Ok(());
        }
        let path = if word.contains('/') {
            Some(directory.join(word)).filter(|path| path.is_file())
        } else {
            self.find_program(word)
        };
        let path = path.ok_or_else(none)?;
        if is_script(&path) {
            task.program = self.node()?;
            task.args = self.pnp();
            task.args.push(path.into());
        } else {
            task.program = path;
        }
        Ok(())
    }

    fn find_program(&self, name: &str) -> Option<PathBuf> {
        let mut roots = vec![self.home.to_owned()];
        if self.home != self.app {
            roots.push(self.app.to_owned());
        }
        let linked = || {
            let places = roots
                .iter()
                .map(|root| root.join("node_modules/.bin").join(name));
            places.into_iter().find(|path| is_executable(path))
        };
        manifest::find_program(&roots, name)
            .or_else(linked)
            .or_else(|| self.host.find(name))
    }

    fn node(&self) -> Result<PathBuf, Error> {
        let path = self.app.display().to_string();
        let node = self.host.find("node");
        Ok(node.ok_or(launch::Error::NoNode { path })?)
    }

    /// Returns the arguments with which Node.js finds packages in archives.
    fn pnp(&self) -> Vec<OsString> {
        let [require, loader] = PNP.map(|name| self.app.join(name));
        let mut args: Vec<OsString> = Vec::new();
        if require.is_file() {
            args.extend(["--require".into(), require.into()]);
        }
        if loader.is_file() {
            args.extend(["--experimental-loader".into(), loader.into()]);
        }
        args
    }

    /// The variables that an application may ask for because npm sets them.
    fn variables(&self, script: Option<&str>) -> Result<Vec<(String, String)>, Error> {
        let mut env = vec![(variables::NODE_ENV.to_owned(), self.env.clone())];
        env.extend(launch::port(self.host)?);
        let bins =
            [self.home, self.app].map(|root| root.join("node_modules/.bin").display().to_string());
        let path = self.host.value("PATH").unwrap_or_default();
        let [first, second] = bins;
        let path = if first == second {
            format!("{first}:{path}")
        } else {
            format!("{first}:{second}:{path}")
        };
        env.push(("PATH".to_owned(), path));
        for (name, value) in [
            ("npm_package_name", self.manifest.name.as_deref()),
            ("npm_package_version", self.manifest.version.as_deref()),
            ("npm_lifecycle_event", script),
        ] {
            env.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        }
        Ok(env)
    }

    /// Lets Node.js watch the files of what is started last, and a debugger in.
    fn watch(&self, tasks: &mut [CommandSpec]) -> Result<(), Error> {
        let node = self.node()?;
        let Some(last) = tasks.last_mut().filter(|task| task.program == node) else {
            return Ok(());
        };
        let has = |start: &str| {
            let mut args = last.args.iter();
            args.any(|arg| arg.to_string_lossy().starts_with(start))
        };
        let mut options = Vec::new();
        if !has("--watch") {
            options.push("--watch".to_owned());
        }
        if !has("--inspect") {
            let port = self.host.variable(variables::DEBUG_PORT)?;
            let port = port.unwrap_or(variables::DEFAULT_DEBUG_PORT);
            options.push(format!("--inspect={port}"));
        }
        last.args
            .splice(0..0, options.into_iter().map(OsString::from));
        Ok(())
    }
}

/// Arguments are for the command that was added last; a shell takes them as its own.
fn add_args(args: &[OsString], tasks: &mut [CommandSpec]) {
    if let Some(last) = tasks.last_mut() {
        last.args.extend_from_slice(args);
    }
}

/// The script that a command of a package manager would run, and the arguments for it.
fn nested<'a>(
    words: &'a [String],
    scripts: &BTreeMap<String, String>,
) -> Option<(&'a str, &'a [String])> {
    let (manager, rest) = words.split_first()?;
    let is_npm = manager == "npm";
    if !is_npm && !matches!(manager.as_str(), "pnpm" | "yarn") {
        return None;
    }
    let (name, args) = match rest {
        [run, name, args @ ..] if matches!(run.as_str(), "run" | "run-script") => (name, args),
        [start, args @ ..] if start == "start" => (start, args),
        [name, args @ ..] if !is_npm && scripts.contains_key(name) => (name, args),
        _ => return None,
    };
    if name.starts_with('-') {
        return None;
    }
    match args {
        [dashes, args @ ..] if dashes == "--" => Some((name, args)),
        // npm keeps for itself what stands before the dashes.
        [_, ..] if is_npm => None,
        args => Some((name, args)),
    }
}

/// Returns whether a file is one for Node.js: by its name, or by its first line.
fn is_script(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    if ["js", "cjs", "mjs"].iter().any(|known| ending == *known) {
        return true;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(128).read_to_end(&mut head));
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line
        .strip_prefix("#!")
        .unwrap_or_default()
        .split_whitespace();
    read.is_ok() && words.any(|word| word == "node" || word.ends_with("/node"))
}

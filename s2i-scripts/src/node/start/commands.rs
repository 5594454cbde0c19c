//! The commands that start an application for Node.js.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::super::{Error as NodeError, Manifest, manifest};
use crate::{
    Error, Host,
    host::{CommandSpec, is_executable},
    launch::{
        self,
        words::{self, Simple},
    },
    variables,
};

/// The number of scripts that may call one another.
const MAX_DEPTH: usize = 8;

/// The files by which Node.js finds packages in archives of Yarn.
const PNP: [&str; 2] = [".pnp.cjs", ".pnp.loader.mjs"];

/// The commands that start an application.
pub(super) struct StartCommands<'a, 'io> {
    pub(super) host: &'a Host<'io>,
    /// The root of all packages.
    pub(super) app: &'a Path,
    /// The directory of the application.
    pub(super) home: &'a Path,
    pub(super) manifest: &'a Manifest,
    /// The value of `NODE_ENV`.
    pub(super) env: String,
    /// The commands so far, to be run one after the other.
    pub(super) list: Vec<CommandSpec>,
}

impl StartCommands<'_, '_> {
    /// Adds a command.
    pub(super) fn add_command(&mut self, command: &str, args: &[OsString]) -> Result<(), Error> {
        self.add_line(command, None, MAX_DEPTH)?;
        self.add_args(args);
        Ok(())
    }

    /// Adds a script.
    pub(super) fn add_script(&mut self, name: &str, args: &[OsString]) -> Result<(), Error> {
        self.add_nested_script(name, args, MAX_DEPTH)
    }

    /// Adds Node.js with a file.
    pub(super) fn add_file(&mut self, file: &str, args: &[OsString]) -> Result<(), Error> {
        let command = Simple {
            words: vec!["node".to_owned(), file.to_owned()],
            ..Simple::default()
        };
        let command = self.command(command, self.home, None, file)?;
        self.list.push(command);
        self.add_args(args);
        Ok(())
    }

    /// Adds a script with those that npm would run before and after it.
    fn add_nested_script(
        &mut self,
        name: &str,
        args: &[OsString],
        depth: usize,
    ) -> Result<(), Error> {
        if depth == 0 {
            let name = name.to_owned();
            return Err(launch::Error::Recursive { name }.into());
        }
        let scripts = &self.manifest.scripts;
        for part in [format!("pre{name}"), name.to_owned(), format!("post{name}")] {
            match scripts.get(&part) {
                Some(script) => self.add_line(script, Some(&part), depth - 1)?,
                None if part == name => {
                    return Err(NodeError::NoSuchScript {
                        name: part,
                        variable: "another script",
                        scripts: scripts.keys().cloned().collect(),
                    }
                    .into());
                }
                None => {}
            }
            if part == name {
                self.add_args(args);
            }
        }
        Ok(())
    }

    /// Adds the commands of a line; that of a shell where it needs one.
    fn add_line(&mut self, line: &str, script: Option<&str>, depth: usize) -> Result<(), Error> {
        let lookup = |name: &str| match name {
            variables::NODE_ENV => Some(self.env.clone()),
            _ => launch::lookup(name, self.host),
        };
        let Ok(commands) = words::parse(line, &lookup) else {
            let mut command = launch::shell(line, self.host)?;
            command.env = self.variables(script)?;
            command.directory = Some(self.home.to_owned());
            self.list.push(command);
            return Ok(());
        };
        let mut directory = self.home.to_owned();
        for command in commands {
            if let Some((name, args)) = nested(&command.words, &self.manifest.scripts) {
                let args: Vec<_> = args.iter().map(OsString::from).collect();
                self.add_nested_script(name, &args, depth)?;
            } else if let [cd, to] = &command.words[..]
                && cd == "cd"
            {
                directory.push(to);
            } else {
                let command = self.command(command, &directory, script, line)?;
                self.list.push(command);
            }
        }
        Ok(())
    }

    /// Adds arguments to the last command; a shell takes them as its own.
    fn add_args(&mut self, args: &[OsString]) {
        if let Some(last) = self.list.last_mut() {
            last.args.extend_from_slice(args);
        }
    }

    fn command(
        &self,
        command: Simple,
        directory: &Path,
        script: Option<&str>,
        line: &str,
    ) -> Result<CommandSpec, Error> {
        let Simple { assignments, words } = command;
        let (program, mut args) = self.find(&words[0], directory, line)?;
        args.extend(words.iter().skip(1).map(OsString::from));
        let mut env = self.variables(script)?;
        env.extend(assignments);
        Ok(CommandSpec {
            program,
            args,
            env,
            directory: Some(directory.to_owned()),
            is_shell: false,
        })
    }

    /// Finds the program of a word: Node.js itself, a file, a program of a package, one of the PATH. Returns it with
    /// its first arguments.
    fn find(
        &self,
        word: &str,
        directory: &Path,
        line: &str,
    ) -> Result<(PathBuf, Vec<OsString>), Error> {
        if matches!(word, "node" | "nodejs") {
            return Ok((self.node()?, self.pnp()));
        }
        let path = if word.contains('/') {
            Some(directory.join(word)).filter(|path| path.is_file())
        } else {
            self.find_program(word)
        };
        let path = path.ok_or_else(|| launch::Error::NoProgram {
            program: word.to_owned(),
            command: line.to_owned(),
        })?;
        if !is_script(&path) {
            return Ok((path, Vec::new()));
        }
        let mut args = self.pnp();
        args.push(path.into());
        Ok((self.node()?, args))
    }

    /// Returns the directories that may have packages, without duplicates.
    fn roots(&self) -> Vec<PathBuf> {
        let mut roots = vec![self.home.to_owned(), self.app.to_owned()];
        roots.dedup();
        roots
    }

    fn find_program(&self, name: &str) -> Option<PathBuf> {
        let roots = self.roots();
        let mut links = roots
            .iter()
            .map(|root| root.join("node_modules/.bin").join(name));
        manifest::find_program(&roots, name)
            .or_else(|| links.find(|path| is_executable(path)))
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

    /// Returns the variables that an application may expect because npm sets them.
    fn variables(&self, script: Option<&str>) -> Result<Vec<(String, String)>, Error> {
        let mut path = self.host.value("PATH").unwrap_or_default();
        for root in self.roots().iter().rev() {
            path = format!("{}/node_modules/.bin:{path}", root.display());
        }
        let mut env = vec![(variables::NODE_ENV.to_owned(), self.env.clone())];
        env.extend(launch::port(self.host)?);
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

    /// Makes Node.js watch the files of the last command, and listen for a debugger.
    pub(super) fn watch(&mut self) -> Result<(), Error> {
        let node = self.node()?;
        let port = self.host.variable(variables::DEBUG_PORT)?;
        let port = port.unwrap_or(variables::DEFAULT_DEBUG_PORT);
        let Some(last) = self.list.last_mut().filter(|last| last.program == node) else {
            return Ok(());
        };
        let has = |start: &str| {
            let mut args = last.args.iter();
            args.any(|arg| arg.to_string_lossy().starts_with(start))
        };
        let mut options = Vec::new();
        if !has("--watch") {
            options.push("--watch".into());
        }
        if !has("--inspect") {
            options.push(format!("--inspect={port}").into());
        }
        last.args.splice(0..0, options);
        Ok(())
    }
}

/// Returns the script that a command of a package manager would run, and the arguments for it.
fn nested<'a>(
    words: &'a [String],
    scripts: &BTreeMap<String, String>,
) -> Option<(&'a str, &'a [String])> {
    let (manager, rest) = words.split_first()?;
    let is_npm = manager == "npm";
    if !matches!(manager.as_str(), "npm" | "pnpm" | "yarn") {
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
        // npm takes arguments before the dashes for its own.
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
    let command = line.strip_prefix("#!").unwrap_or_default();
    let mut words = command.split_whitespace();
    read.is_ok() && words.any(|word| word == "node" || word.ends_with("/node"))
}

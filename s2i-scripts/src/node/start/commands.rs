//! The commands that start an application for Node.js.

use std::{
    ffi::OsString,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{
    super::{Error as NodeError, Manifest, Project, manifest, request::PRODUCTION},
    nested,
    place::Place,
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

/// The number of scripts that may call one another.
const MAX_DEPTH: usize = 8;

/// The files by which Node.js finds packages in archives of Yarn.
const PNP: [&str; 2] = [".pnp.cjs", ".pnp.loader.mjs"];

/// The script that a build runs.
const BUILD: &str = "build";

/// Variables that npm makes of the package; [`package_variable`] has their values.
const PACKAGE_VARIABLES: [&str; 4] = [
    "npm_package_name",
    "npm_package_version",
    "npm_package_main",
    "npm_lifecycle_event",
];

/// Programs that restart Node.js when files change, which do not in an image.
const WATCHERS: [&str; 2] = ["nodemon", "node-dev"];

/// Programs that listen on one address alone unless a variable has another.
const ADDRESSES: [(&str, &str); 2] = [("fastify", "FASTIFY_ADDRESS"), ("astro", "HOST")];

/// The commands that start an application.
pub(super) struct StartCommands<'a, 'io> {
    pub(super) host: &'a Host<'io>,
    /// The root of all packages.
    pub(super) app: &'a Path,
    /// The directory of the application.
    pub(super) home: &'a Path,
    pub(super) manifest: &'a Manifest,
    pub(super) project: &'a Project,
    /// The value of `NODE_ENV`.
    pub(super) env: String,
    /// The application is under development.
    pub(super) is_dev: bool,
    /// The commands so far, to be run one after the other.
    pub(super) list: Vec<CommandSpec>,
}

impl StartCommands<'_, '_> {
    /// Adds a command.
    pub(super) fn add_command(&mut self, command: &str, args: &[OsString]) -> Result<(), Error> {
        self.add_line(command, None, &self.place(), MAX_DEPTH)?;
        self.add_args(args);
        Ok(())
    }

    /// Adds a script.
    pub(super) fn add_script(&mut self, name: &str, args: &[OsString]) -> Result<(), Error> {
        self.add_nested_script(name, args, &self.place(), MAX_DEPTH)
    }

    /// Adds Node.js with a file.
    pub(super) fn add_file(&mut self, file: &str, args: &[OsString]) -> Result<(), Error> {
        let command = Simple {
            words: vec!["node".to_owned(), file.to_owned()],
            ..Simple::default()
        };
        let command = self.command(command, &self.place(), None, file)?;
        self.list.push(command);
        self.add_args(args);
        Ok(())
    }

    /// Returns the place of the application.
    fn place(&self) -> Place {
        Place {
            directory: self.home.to_owned(),
            home: self.home.to_owned(),
            manifest: self.manifest.clone(),
        }
    }

    /// Adds a script with those that npm would run before and after it.
    fn add_nested_script(
        &mut self,
        name: &str,
        args: &[OsString],
        place: &Place,
        depth: usize,
    ) -> Result<(), Error> {
        if depth == 0 {
            let name = name.to_owned();
            return Err(launch::Error::Recursive { name }.into());
        }
        let scripts = &place.manifest.scripts;
        for part in [format!("pre{name}"), name.to_owned(), format!("post{name}")] {
            match scripts.get(&part) {
                Some(script) => self.add_line(script, Some(&part), place, depth - 1)?,
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
    fn add_line(
        &mut self,
        line: &str,
        script: Option<&str>,
        place: &Place,
        depth: usize,
    ) -> Result<(), Error> {
        let lookup = |name: &str| match name {
            variables::NODE_ENV => Some(self.env.clone()),
            name => {
                package_variable(name, place, script).or_else(|| launch::lookup(name, self.host))
            }
        };
        let Ok(commands) = words::parse(line, &lookup) else {
            let mut command = launch::shell(line, self.host)?;
            command.env = self.variables(script, place)?;
            command.directory = Some(place.directory.clone());
            self.list.push(command);
            return Ok(());
        };
        let mut place = place.clone();
        for mut command in commands {
            if let Some(nested) = nested::parse(&command.words, &place.manifest) {
                let there = place.of_script(&nested, self.project, self.app)?;
                if self.is_built(nested.name, &there) {
                    continue;
                }
                let args: Vec<_> = nested.args.iter().map(OsString::from).collect();
                self.add_nested_script(nested.name, &args, &there, depth)?;
            } else if let [cd, to] = &command.words[..]
                && cd == "cd"
            {
                place = place.enter(Path::new(to), self.app)?;
            } else {
                if !self.is_dev {
                    without_watcher(&mut command.words);
                }
                let command = self.command(command, &place, script, line)?;
                self.list.push(command);
            }
        }
        Ok(())
    }

    /// Returns whether a script has been run while the image was built, and the tools that it needs may be gone.
    fn is_built(&self, script: &str, place: &Place) -> bool {
        script == BUILD && place.home == self.home && self.env == PRODUCTION
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
        place: &Place,
        script: Option<&str>,
        line: &str,
    ) -> Result<CommandSpec, Error> {
        let Simple { assignments, words } = command;
        let (program, mut args) = self.find(&words[0], place, line)?;
        args.extend(words.iter().skip(1).map(OsString::from));
        let mut env = self.variables(script, place)?;
        for (name, value) in ADDRESSES {
            let is_for_it = words[0] == name && !self.host.has(value);
            env.extend(is_for_it.then(|| (value.to_owned(), "0.0.0.0".to_owned())));
        }
        env.extend(assignments);
        Ok(CommandSpec {
            program,
            args,
            env,
            directory: Some(place.directory.clone()),
            is_shell: false,
        })
    }

    /// Finds the program of a word: Node.js itself, a file, a program of a package, one of the PATH. Returns it with
    /// its first arguments.
    fn find(
        &self,
        word: &str,
        place: &Place,
        line: &str,
    ) -> Result<(PathBuf, Vec<OsString>), Error> {
        if matches!(word, "node" | "nodejs") {
            return Ok((self.node()?, self.pnp()));
        }
        let path = if word.contains('/') {
            Some(place.directory.join(word)).filter(|path| path.is_file())
        } else {
            self.find_program(word, place)
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
    fn roots(&self, place: &Place) -> Vec<PathBuf> {
        let mut roots = vec![
            place.home.clone(),
            self.home.to_owned(),
            self.app.to_owned(),
        ];
        roots.dedup();
        roots
    }

    fn find_program(&self, name: &str, place: &Place) -> Option<PathBuf> {
        let roots = self.roots(place);
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
    fn variables(
        &self,
        script: Option<&str>,
        place: &Place,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut path = self.host.value("PATH").unwrap_or_default();
        for root in self.roots(place).iter().rev() {
            path = format!("{}/node_modules/.bin:{path}", root.display());
        }
        let mut env = vec![(variables::NODE_ENV.to_owned(), self.env.clone())];
        env.extend(launch::port(self.host)?);
        env.push(("PATH".to_owned(), path));
        for name in PACKAGE_VARIABLES {
            let value = package_variable(name, place, script);
            env.extend(value.map(|value| (name.to_owned(), value)));
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

/// Returns the value of a variable that npm makes of the package.
fn package_variable(name: &str, place: &Place, script: Option<&str>) -> Option<String> {
    match name {
        "npm_package_name" => place.manifest.name.clone(),
        "npm_package_version" => place.manifest.version.clone(),
        "npm_package_main" => place.manifest.main.clone(),
        "npm_lifecycle_event" => script.map(str::to_owned),
        _ => None,
    }
}

/// Replaces a program that restarts Node.js when files change, where it has no options, by Node.js.
fn without_watcher(words: &mut Vec<String>) {
    let is_plain = words.get(1).is_none_or(|word| !word.starts_with('-'));
    if WATCHERS.contains(&words[0].as_str()) && is_plain {
        "node".clone_into(&mut words[0]);
        if words.len() == 1 {
            words.push(".".to_owned());
        }
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

//! The start of an application for Node.js: without npm and without a shell where that is possible.

mod commands;
mod nested;
mod place;

use std::{ffi::OsString, path::Path};

use s2i_core::detect::{INDEX, PACKAGE_JSON, node_scripts};

use self::commands::StartCommands;
use super::{Error as NodeError, Manifest, Project, frameworks, request::environment};
use crate::{
    Error, Host,
    launch::{self, DEFAULT_PROCESS, Launch, PROCFILE},
    variables,
};

/// The start of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Start {
    Command(String),
    /// A script of package.json, with those before and after it.
    Script(String),
    /// A file, relative to the application.
    File(String),
    /// The files of the directory are a site.
    Site,
}

/// The script that starts an application.
const START: &str = "start";

/// The script that starts it in production, where the other one is for development.
pub(super) const START_PRODUCTION: &str = "start:prod";

/// Returns whether a directory of an image has an application for Node.js.
pub(crate) fn is_application(app: &Path) -> bool {
    let mut names = [PACKAGE_JSON, PROCFILE].iter().chain(files(app));
    names.any(|name| app.join(name).is_file())
}

/// Returns the names of files that may be started.
fn files(home: &Path) -> &'static [&'static str] {
    node_scripts(home.join(INDEX).is_file() && !home.join(PACKAGE_JSON).is_file())
}

/// Returns whether a package can be started as it is, without a build.
pub(super) fn is_startable(root: &Path, manifest: &Manifest) -> bool {
    manifest.scripts.contains_key("start")
        || root.join(PROCFILE).is_file()
        || main_file(root, manifest).is_some()
        || files(root).iter().any(|name| root.join(name).is_file())
}

/// Returns whether a package has a server that needs no script to be started: scripts for pages have the names of
/// other files that may be started.
pub(super) fn is_server(root: &Path, manifest: &Manifest) -> bool {
    root.join(PROCFILE).is_file()
        || main_file(root, manifest).is_some()
        || node_scripts(true)
            .iter()
            .any(|name| root.join(name).is_file())
}

/// Returns the launch of the application; `args` are for it.
pub(crate) fn launch(app: &Path, args: &[OsString], host: &Host<'_>) -> Result<Launch, Error> {
    let project = Project::read(app)?;
    let (env, is_dev) = environment(host)?;
    let command = host.variable(variables::NODE_CMD)?;
    let has_request = command.is_some() || host.variable(variables::NPM_RUN)?.is_some();
    let target = project.target(
        host.variable(variables::NODE_WORKSPACE)?,
        has_request || is_startable(app, &project.root),
    )?;
    let home = match target.directory() {
        "" => app.to_owned(),
        directory => app.join(directory),
    };
    let manifest = target.manifest(&project);
    let mut commands = StartCommands {
        host,
        app,
        home: &home,
        manifest,
        project: &project,
        env,
        is_dev,
        list: Vec::new(),
    };
    match choose(app, &home, manifest, host)? {
        Start::Command(command) => commands.add_command(&command, args)?,
        Start::Script(name) => commands.add_script(&name, args)?,
        Start::File(file) => commands.add_file(&file, args)?,
        Start::Site => return Ok(Launch::Serve(home)),
    }
    if commands.list.is_empty() {
        let path = home.display().to_string();
        return Err(NodeError::NothingToStart { path }.into());
    }
    if is_dev {
        commands.watch()?;
    }
    let is_init = host.switch(variables::INIT_WRAPPER, true)?;
    match &commands.list[..] {
        [only] if !is_init => Ok(Launch::Exec(only.clone())),
        _ => Ok(Launch::Supervise(commands.list)),
    }
}

/// Chooses the start: a command or script of the user, else a command of the Procfile, else the start script, else
/// a file.
fn choose(app: &Path, home: &Path, manifest: &Manifest, host: &Host<'_>) -> Result<Start, Error> {
    if let Some(command) = host.text(variables::NODE_CMD)? {
        return Ok(Start::Command(command));
    }
    if let Some(name) = host.text(variables::NPM_RUN)? {
        if manifest.scripts.contains_key(&name) {
            return Ok(Start::Script(name));
        }
        return Err(NodeError::NoSuchScript {
            name,
            variable: variables::NPM_RUN,
            scripts: manifest.scripts.keys().cloned().collect(),
        }
        .into());
    }
    let process = host.variable(variables::APP)?;
    if let Some(procfile) = launch::read_procfile(app)? {
        match (
            procfile.command(process.unwrap_or(DEFAULT_PROCESS)),
            process,
        ) {
            (Some(command), _) => return Ok(Start::Command(command.to_owned())),
            (None, Some(name)) => {
                return Err(NodeError::NoSuchProcess {
                    name: name.to_owned(),
                    processes: procfile.names(),
                }
                .into());
            }
            (None, None) => {}
        }
    }
    if let Some(name) = start_script(manifest, host)? {
        return Ok(Start::Script(name.to_owned()));
    }
    let by_name = || {
        let name = files(home).iter().find(|name| home.join(name).is_file());
        name.map(|name| (*name).to_owned())
    };
    if let Some(file) = main_file(home, manifest).or_else(by_name) {
        return Ok(Start::File(file));
    }
    if let Some(main) = &manifest.main {
        let path = home.join(main).display().to_string();
        return Err(NodeError::NoSuchFile { path }.into());
    }
    // The source of a site that is built is not the site.
    let is_built = manifest.scripts.contains_key("build");
    if home.join(INDEX).is_file() && !is_built {
        return Ok(Start::Site);
    }
    let path = home.display().to_string();
    Err(NodeError::NothingToStart { path }.into())
}

/// Returns the script that starts the application: one for production, where `start` is for development.
fn start_script(manifest: &Manifest, host: &Host<'_>) -> Result<Option<&'static str>, Error> {
    let (_, is_dev) = environment(host)?;
    let scripts = &manifest.scripts;
    if !scripts.contains_key(START) {
        return Ok(None);
    }
    let has_production = scripts.contains_key(START_PRODUCTION);
    let is_for_development =
        !is_dev && has_production && frameworks::is_for_development(manifest, START);
    Ok(Some(if is_for_development {
        START_PRODUCTION
    } else {
        START
    }))
}

/// Returns the file that `main` names, as Node.js finds it.
fn main_file(home: &Path, manifest: &Manifest) -> Option<String> {
    let main = manifest.main.as_deref()?;
    let main = main.trim_start_matches("./").trim_end_matches('/');
    if main.is_empty() || main.starts_with('/') || main.split('/').any(|part| part == "..") {
        return None;
    }
    let candidates = [
        main.to_owned(),
        format!("{main}.js"),
        format!("{main}.json"),
        format!("{main}/index.js"),
    ];
    candidates
        .into_iter()
        .find(|name| home.join(name).is_file())
}

#[cfg(test)]
mod tests;

//! The start of an application for Node.js: without npm and without a shell where that is possible.

mod commands;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use s2i_core::detect::{INDEX, PACKAGE_JSON, node_scripts};

use self::commands::Starter;
use super::{Error as NodeError, Manifest, Project, request::environment};
use crate::{
    Error, Host,
    launch::{self, DEFAULT_PROCESS, Launch, PROCFILE, Procfile},
    variables,
};

/// The thing to start.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Start {
    /// A command.
    Command(String),
    /// A script of package.json, with those before and after it.
    Script(String),
    /// A file, relative to the application.
    File(String),
    /// Nothing: the files of the directory are a site.
    Site,
}

/// The user's choice of what to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wish {
    command: Option<String>,
    script: Option<String>,
    process: Option<String>,
}

/// Returns whether a directory of an image has an application for Node.js.
pub(crate) fn is_application(app: &Path) -> bool {
    let mut names = [PACKAGE_JSON, PROCFILE].iter().chain(files(app));
    names.any(|name| app.join(name).is_file())
}

/// The files that may be started.
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

/// Returns whether a package has a server that needs no script to be started: the names of others of the files
/// are those of scripts for pages too.
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
    let wish = Wish {
        command: host.text(variables::NODE_CMD)?,
        script: host.text(variables::NPM_RUN)?,
        process: host.text(variables::APP)?,
    };
    let has_wish = wish.command.is_some() || wish.script.is_some();
    let target = project.target(
        host.variable(variables::WORKSPACE)?,
        has_wish || is_startable(app, &project.root),
    )?;
    let home = match target.directory() {
        "" => app.to_owned(),
        directory => app.join(directory),
    };
    let manifest = target.manifest(&project);
    let procfile = launch::read_procfile(app)?;
    let starter = Starter {
        host,
        app,
        home: &home,
        manifest,
        env,
        is_dev,
    };
    let start = choose(&home, manifest, procfile.as_ref(), &wish)?;
    let Some(tasks) = starter.tasks(&start, args)? else {
        return Ok(Launch::Serve(home.clone()));
    };
    let stays = host.answer(variables::INIT_WRAPPER)?.unwrap_or(true);
    match &tasks[..] {
        [only] if !stays => Ok(Launch::Exec(only.clone())),
        _ => Ok(Launch::Supervise(tasks)),
    }
}

/// Chooses what is started.
fn choose(
    home: &Path,
    manifest: &Manifest,
    procfile: Option<&Procfile>,
    wish: &Wish,
) -> Result<Start, NodeError> {
    if let Some(command) = &wish.command {
        return Ok(Start::Command(command.clone()));
    }
    if let Some(name) = &wish.script {
        if manifest.scripts.contains_key(name) {
            return Ok(Start::Script(name.clone()));
        }
        return Err(NodeError::NoSuchScript {
            name: name.clone(),
            variable: variables::NPM_RUN,
            found: manifest.scripts.keys().cloned().collect(),
        });
    }
    if let Some(procfile) = procfile {
        let name = wish.process.as_deref().unwrap_or(DEFAULT_PROCESS);
        match procfile.command(name) {
            Some(command) => return Ok(Start::Command(command.to_owned())),
            None if wish.process.is_some() => {
                return Err(NodeError::NoSuchProcess {
                    name: name.to_owned(),
                    found: procfile.names(),
                });
            }
            None => {}
        }
    }
    if manifest.scripts.contains_key("start") {
        return Ok(Start::Script("start".into()));
    }
    let by_name = || {
        let name = files(home).iter().find(|name| home.join(name).is_file());
        name.map(|name| (*name).to_owned())
    };
    if let Some(file) = main_file(home, manifest).or_else(by_name) {
        return Ok(Start::File(file));
    }
    if let Some(main) = &manifest.main {
        return Err(NodeError::NoSuchFile {
            path: home.join(main).display().to_string(),
            origin: "`main` of package.json".into(),
        });
    }
    if home.join(INDEX).is_file() {
        return Ok(Start::Site);
    }
    Err(NodeError::NothingToStart {
        path: home.display().to_string(),
    })
}

/// The file that `main` names, as Node.js finds it.
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
    let is_file = |name: &String| PathBuf::from(home).join(name).is_file();
    candidates.into_iter().find(is_file)
}

#[cfg(test)]
mod tests;

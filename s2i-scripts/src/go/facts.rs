//! Asks the source and the toolchain.

use std::fs;

use super::{Layout, ModFile, Request, Version, overlay, preparation, version};
use crate::{Error, Host, Places, execute, places::below, plan::Invocation};

/// What is known before anything is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How the source is laid out.
    pub layout: Layout,
    /// The `go` program.
    pub go: String,
    /// Its version, if it has one that can be compared.
    pub toolchain: Option<Version>,
    /// A newer toolchain that the module would like.
    pub wished: Option<Version>,
    /// What go.mod says; nothing where there is none.
    pub module: ModFile,
    /// The directories of all main packages, `.` being the root and `./cmd/web` one below it.
    pub programs: Vec<String>,
    /// Which caches the previous build has saved.
    pub artifacts: Vec<&'static str>,
}

/// Gathers the facts. The version is checked as soon as it is known, before `go` looks at the module.
///
/// # Errors
/// When the toolchain is missing or too old, or `go` does not understand the source.
pub fn gather(
    layout: &Layout,
    request: &Request,
    places: &Places,
    host: &Host<'_>,
) -> Result<Facts, Error> {
    let go = host
        .find("go")
        .ok_or(Error::NoToolchain { program: "go" })?
        .to_string_lossy()
        .into_owned();
    for step in preparation(layout, None, places) {
        execute::perform(&step, host)?;
    }
    let module = read_module(layout, places)?;
    let toolchain = Version::parse(&ask(
        &question(&go, &["env", "GOVERSION"], request, places),
        host,
    )?);
    let wished = version::check(toolchain, &module)?;
    let format = [
        "list",
        "-e",
        "-find",
        "-f={{if eq .Name \"main\"}}{{.Dir}}{{end}}",
    ];
    let mut list = question(&go, &format, request, places);
    list.args.extend(build_flags(layout, request, places));
    list.args.push("./...".into());
    let directories = ask(&list, host)?;
    let programs = directories
        .lines()
        .filter_map(|path| relative(path, places.source.as_str()))
        .collect();
    let saved = |name: &&str| {
        fs::metadata(
            places
                .artifacts
                .join(name)
                .map_or(String::new(), String::from),
        )
        .is_ok()
    };
    let artifacts = crate::save_artifacts::CACHES
        .into_iter()
        .filter(saved)
        .collect();
    Ok(Facts {
        layout: layout.clone(),
        go,
        toolchain,
        wished,
        module,
        programs,
        artifacts,
    })
}

/// The flags that say which files belong to the build.
pub(super) fn build_flags(layout: &Layout, request: &Request, places: &Places) -> Vec<String> {
    let mut flags = Vec::new();
    if *layout == Layout::Files {
        flags.push(format!("-overlay={}", overlay(places)));
    }
    flags.extend(request.tags.as_ref().map(|tags| format!("-tags={tags}")));
    flags
}

fn read_module(layout: &Layout, places: &Places) -> Result<ModFile, Error> {
    if *layout == Layout::Files {
        return Ok(ModFile::default());
    }
    let path = below(&places.source, "go.mod");
    let text = fs::read(path.as_str()).map_err(Error::file("read", path))?;
    Ok(ModFile::parse(&String::from_utf8_lossy(&text)))
}

/// A command that only asks: it uses the modules that the previous build has saved, where they lie,
/// and leaves nothing in the caches of the build.
fn question(go: &str, args: &[&str], request: &Request, places: &Places) -> Invocation {
    let mut env = request.environment(places);
    env.insert("GOCACHE".into(), places.scratch("questions").to_string());
    let saved = below(&places.artifacts, "mod");
    if fs::metadata(saved.as_str()).is_ok() {
        env.insert("GOMODCACHE".into(), saved.to_string());
    }
    Invocation {
        program: go.to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        env,
        directory: places.source.clone(),
    }
}

fn ask(question: &Invocation, host: &Host<'_>) -> Result<String, Error> {
    let (status, answer) = host
        .ask(question)
        .map_err(|err| execute::start_error(question, err))?;
    if status.success() {
        Ok(answer)
    } else {
        Err(execute::failed(question, status))
    }
}

/// The path of a package as the command line wants it; `None` outside of the source.
fn relative(path: &str, source: &str) -> Option<String> {
    match path.strip_prefix(source)? {
        "" => Some(".".to_owned()),
        below => below.starts_with('/').then(|| format!(".{below}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_relative_to_the_source() {
        assert_eq!(relative("/tmp/src", "/tmp/src").as_deref(), Some("."));
        assert_eq!(
            relative("/tmp/src/cmd/web", "/tmp/src").as_deref(),
            Some("./cmd/web")
        );
        assert_eq!(relative("/tmp/srcs/web", "/tmp/src"), None);
        assert_eq!(relative("/opt", "/tmp/src"), None);
    }
}

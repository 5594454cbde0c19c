//! Asks the source and the toolchain.

use std::{fs, path::Path};

use super::{
    Layout, ModFile, Origin, Request, Version,
    environment::Environment,
    layout::{FILES_NAME, import_comment},
    version,
};
use crate::{
    Error, Host, Places,
    assembly::{cache, cache::Caches, execute},
    host::Invocation,
    launch::PROCFILE,
    places::below,
};

/// The facts that a plan depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The environment of `go` commands.
    pub environment: Environment,
    /// The `go` program.
    pub go: String,
    /// Its version, if it has one that can be compared.
    pub toolchain: Option<Version>,
    /// A newer toolchain that the source would like.
    pub wished: Option<Version>,
    /// The content of go.mod, or go.work; empty where there is none.
    pub module: ModFile,
    /// All main packages.
    pub programs: Vec<Program>,
    /// Those that there would be with a C compiler, if there are no others.
    pub with_c: Vec<Program>,
    /// The caches that the previous build has saved.
    pub caches: Caches,
    /// The origin of the source.
    pub origin: Origin,
    /// The Procfile.
    pub procfile: Option<String>,
    /// The `upx` program.
    pub packer: Option<String>,
    /// There is a C compiler.
    pub compiler: bool,
    /// There is a `git`.
    pub git: bool,
}

/// A main package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its directory: `.` is the root and `./cmd/web` one below it.
    pub directory: String,
    /// Its import path.
    pub import: String,
}

/// Gathers the facts. The version is checked as soon as it is known, before `go` looks at the module.
///
/// # Errors
/// When the toolchain is missing or too old, or `go` does not understand the source.
pub fn gather(
    layout: &Layout,
    request: &Request,
    places: &Places,
    host: &mut Host<'_>,
) -> Result<Facts, Error> {
    let go = host
        .find("go")
        .ok_or(Error::NoToolchain { program: "go" })?
        .to_string_lossy()
        .into_owned();
    let source = Path::new(places.source.as_str());
    let module = read_module(layout, places)?;
    let mut environment = environment(layout, request, source);
    for step in environment.preparation(None, places) {
        execute::perform(&step, host)?;
    }
    let question = Question {
        go: &go,
        request,
        places,
    };
    let args = ["env", "GOVERSION", "GOOS", "GOARCH"];
    let known = question.ask(&args.map(str::to_owned), &environment, host)?;
    let mut known = known.lines();
    let version = known.next().unwrap_or_default();
    let platform = known.collect::<Vec<_>>().join("-");
    let toolchain = Version::parse(version);
    let wished = version::check(toolchain, &module)?;
    environment.build_cache = cache::plain(&format!("build-{version}-{platform}"));
    let caches = Caches::find(&environment.caches(), places)?;
    let (programs, with_c) = programs(&question, &environment, patterns(layout, &module), host)?;
    Ok(Facts {
        programs,
        with_c,
        go: go.clone(),
        toolchain,
        wished,
        module,
        caches,
        origin: Origin::find(source, request.epoch, host),
        procfile: fs::read_to_string(source.join(PROCFILE)).ok(),
        packer: host.find("upx").map(|path| path.display().to_string()),
        compiler: ["gcc", "cc", "clang"]
            .into_iter()
            .any(|name| host.find(name).is_some())
            || host.has("CC"),
        git: host.find("git").is_some(),
        environment,
    })
}

/// The main packages, and if there are none, those that there would be with a C compiler: one of nothing
/// but files with C is none as long as those are left out.
fn programs(
    question: &Question<'_>,
    environment: &Environment,
    patterns: Vec<String>,
    host: &mut Host<'_>,
) -> Result<(Vec<Program>, Vec<Program>), Error> {
    let format = "-f={{if eq .Name \"main\"}}{{.Dir}}\t{{.ImportPath}}{{end}}";
    let mut args = ["list", "-e", "-find", format].map(str::to_owned).to_vec();
    args.extend(environment.flags(question.request, question.places));
    args.extend(patterns);
    let root = environment.directory(question.places);
    let found = |list: &str| -> Vec<Program> {
        let lines = list.lines();
        lines
            .filter_map(|line| program(line, root.as_str()))
            .collect()
    };
    let programs = found(&question.ask(&args, environment, host)?);
    let with_c = if programs.is_empty() {
        found(&question.ask_about_c(&args, environment, host))
    } else {
        Vec::new()
    };
    Ok((programs, with_c))
}

/// Returns the environment for a layout, before `go` is asked.
fn environment(layout: &Layout, request: &Request, source: &Path) -> Environment {
    let has_modules = matches!(layout, Layout::Module { .. } | Layout::Workspace);
    let import = request
        .import
        .clone()
        .or_else(|| find_comment(source))
        .filter(|_| !has_modules);
    let layout = match layout {
        Layout::Files if import.is_some() => Layout::Gopath { godeps: false },
        layout => layout.clone(),
    };
    Environment {
        import: match layout {
            Layout::Gopath { .. } => Some(import.unwrap_or_else(|| FILES_NAME.into())),
            _ => None,
        },
        layout,
        build_cache: "questions".into(),
    }
}

/// The first import comment of a file at the root.
fn find_comment(source: &Path) -> Option<String> {
    let entries = fs::read_dir(source).ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "go"))
        .collect();
    files.sort();
    files.iter().find_map(|path| {
        let code = fs::read(path).ok()?;
        import_comment(&String::from_utf8_lossy(&code)).map(str::to_owned)
    })
}

fn read_module(layout: &Layout, places: &Places) -> Result<ModFile, Error> {
    let name = match layout {
        Layout::Workspace => "go.work",
        Layout::Module { .. } => "go.mod",
        Layout::Files | Layout::Gopath { .. } => return Ok(ModFile::default()),
    };
    let path = below(&places.source, name);
    let text = fs::read(path.as_str()).map_err(Error::file("read", path))?;
    Ok(ModFile::parse(&String::from_utf8_lossy(&text)))
}

/// Returns the patterns for the packages of a source; the root of a workspace is not a module.
pub(super) fn patterns(layout: &Layout, module: &ModFile) -> Vec<String> {
    match layout {
        Layout::Workspace => module
            .uses
            .iter()
            .map(|path| match normal(path).as_str() {
                "." => "./...".to_owned(),
                path => format!("{path}/..."),
            })
            .collect(),
        _ => vec!["./...".to_owned()],
    }
}

/// A directory as `go` wants it on the command line.
pub(super) fn normal(path: &str) -> String {
    let path = path
        .strip_prefix("./")
        .unwrap_or(path)
        .trim_end_matches('/');
    if matches!(path, "" | ".") {
        ".".to_owned()
    } else {
        format!("./{path}")
    }
}

/// Commands that only ask: they use the modules that the previous build has saved, where they lie, and
/// leave nothing in the caches of the build.
pub(super) struct Question<'a> {
    pub(super) go: &'a str,
    pub(super) request: &'a Request,
    pub(super) places: &'a Places,
}

impl Question<'_> {
    pub(super) fn ask(
        &self,
        args: &[String],
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> Result<String, Error> {
        let question = self.invocation(args, environment);
        let (status, answer) = host
            .ask(&question)
            .map_err(|err| execute::start_error(&question, err))?;
        if status.success() {
            Ok(answer)
        } else {
            Err(execute::failed(&question, status))
        }
    }

    /// Asks as if there were a C compiler: files with C are listed only then, and nothing is compiled
    /// for that. An answer that can't be had is empty.
    pub(super) fn ask_about_c(
        &self,
        args: &[String],
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> String {
        let mut question = self.invocation(args, environment);
        question
            .env
            .insert(crate::variables::CGO_ENABLED.into(), "1".into());
        host.ask_quietly(&question).unwrap_or_default()
    }

    fn invocation(&self, args: &[String], environment: &Environment) -> Invocation {
        let mut env = environment.variables(self.request, self.places);
        let scratch = self.places.scratch("questions").to_string();
        env.insert("GOCACHE".into(), scratch);
        let saved = below(&self.places.artifacts, super::environment::MODULES);
        if fs::metadata(saved.as_str()).is_ok() {
            env.insert("GOMODCACHE".into(), saved.to_string());
        }
        Invocation {
            program: self.go.to_owned(),
            args: args.to_vec(),
            env,
            directory: environment.directory(self.places),
            advice: Vec::new(),
        }
    }
}

/// Parses a main package from the output of `go list`; `None` outside of the source.
fn program(line: &str, source: &str) -> Option<Program> {
    let (path, import) = line.split_once('\t')?;
    let directory = match path.strip_prefix(source)? {
        "" => ".".to_owned(),
        below => below.starts_with('/').then(|| format!(".{below}"))?,
    };
    Some(Program {
        directory,
        import: import.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_relative_to_the_source() {
        let directory = |line| program(line, "/tmp/src").map(|program| program.directory);
        assert_eq!(directory("/tmp/src\tm").as_deref(), Some("."));
        assert_eq!(
            directory("/tmp/src/cmd/web\tm/cmd/web").as_deref(),
            Some("./cmd/web")
        );
        assert_eq!(directory("/tmp/srcs/web\tm"), None);
        assert_eq!(directory("/opt\tm"), None);
    }

    #[test]
    fn a_workspace_is_asked_module_by_module() {
        let work = ModFile::parse("use (\n\t.\n\t./a/\n\tb\n)\n");
        assert_eq!(
            patterns(&Layout::Workspace, &work),
            ["./...", "./a/...", "./b/..."]
        );
        assert_eq!(patterns(&Layout::Files, &work), ["./..."]);
    }
}

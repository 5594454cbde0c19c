//! Gathers facts from the source and the toolchain.

use std::{fs, path::Path};

use super::{
    Layout, ModFile, Origin, Request, Version,
    environment::{Environment, MODULES},
    layout::{FILES_NAME, import_comment},
    version,
};
use crate::{
    Directories, Error, Host,
    assembly::{cache, cache::Caches, execute, tree},
    directories::below,
    host::Invocation,
    launch::PROCFILE,
    variables::CGO_ENABLED,
};

/// The facts that a plan depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) environment: Environment,
    /// The `go` program.
    pub(crate) go: String,
    /// Its version, if it has one that can be compared.
    pub(crate) toolchain: Option<Version>,
    /// A newer toolchain that the source prefers.
    pub(crate) preferred: Option<Version>,
    /// The content of go.mod, or go.work; empty where there is none.
    pub(crate) module: ModFile,
    /// All main packages.
    pub(crate) programs: Vec<Program>,
    /// Those that there would be with a C compiler, if there are no others.
    pub(crate) cgo_programs: Vec<Program>,
    pub(crate) caches: Caches,
    pub(crate) origin: Origin,
    pub(crate) procfile: Option<String>,
    /// The `upx` program.
    pub(crate) upx: Option<String>,
    /// There is a C compiler.
    pub(crate) has_compiler: bool,
    pub(crate) has_git: bool,
}

/// A main package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its directory: `.` is the root and `./cmd/web` one below it.
    pub(crate) directory: String,
    /// Its import path.
    pub(crate) import: String,
}

/// Gathers the facts. The version is checked as soon as it is known, before `go` looks at the module.
pub(crate) fn gather(
    layout: &Layout,
    request: &Request,
    dirs: &Directories,
    host: &mut Host<'_>,
) -> Result<Facts, Error> {
    let go = host.tool("go")?;
    let source = Path::new(dirs.source.as_str());
    let module = read_module(layout, dirs)?;
    let mut environment = environment(layout, request, source);
    for step in environment.preparation(None, dirs) {
        execute::perform(&step, host)?;
    }
    let query = Query {
        go: &go,
        request,
        dirs,
    };
    let args = ["env", "GOVERSION", "GOOS", "GOARCH"].map(str::to_owned);
    let answer = query.run(&args, &environment, host)?;
    let (version, platform) = answer.split_once('\n').unwrap_or((answer.as_str(), ""));
    let toolchain = Version::parse(version);
    let preferred = version::check(toolchain, &module)?;
    environment.build_cache = cache::plain(&format!("build-{version}-{}", platform.trim()));
    let caches = Caches::find(&environment.caches(), dirs)?;
    let (programs, cgo_programs) = programs(&query, &environment, &module, host)?;
    let has = |program| host.find(program).is_some();
    Ok(Facts {
        programs,
        cgo_programs,
        toolchain,
        preferred,
        module,
        caches,
        origin: Origin::find(source, request.epoch, host),
        procfile: fs::read_to_string(source.join(PROCFILE)).ok(),
        upx: host.find("upx").map(|path| path.display().to_string()),
        has_compiler: ["gcc", "cc", "clang"].into_iter().any(has) || host.has("CC"),
        has_git: has("git"),
        environment,
        go,
    })
}

/// Returns the main packages, and if there are none, those that there would be with a C compiler: without one, `go`
/// does not see packages of which all files use cgo.
fn programs(
    query: &Query<'_>,
    environment: &Environment,
    module: &ModFile,
    host: &mut Host<'_>,
) -> Result<(Vec<Program>, Vec<Program>), Error> {
    let format = "-f={{if eq .Name \"main\"}}{{.Dir}}\t{{.ImportPath}}{{end}}";
    let args = query.list(&["-e", "-find", format], environment, module);
    let root = environment.directory(query.dirs);
    let parse = |list: &str| {
        let programs = list.lines().filter_map(|line| program(line, root.as_str()));
        programs.collect::<Vec<_>>()
    };
    let programs = parse(&query.run(&args, environment, host)?);
    let cgo_programs = if programs.is_empty() {
        parse(&query.run_with_cgo(&args, environment, host))
    } else {
        Vec::new()
    };
    Ok((programs, cgo_programs))
}

/// Returns the environment for a layout, before the toolchain is known.
fn environment(layout: &Layout, request: &Request, source: &Path) -> Environment {
    let has_modules = matches!(layout, Layout::Module { .. } | Layout::Workspace);
    let import = request.import.clone();
    let import = import
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
        build_cache: "queries".into(),
    }
}

/// Returns the first import comment of a file at the root.
fn find_comment(source: &Path) -> Option<String> {
    let files = tree::children(source).ok()?;
    let mut files = files
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "go"));
    files.find_map(|path| {
        let code = fs::read(path).ok()?;
        import_comment(&String::from_utf8_lossy(&code)).map(str::to_owned)
    })
}

fn read_module(layout: &Layout, dirs: &Directories) -> Result<ModFile, Error> {
    let name = match layout {
        Layout::Workspace => "go.work",
        Layout::Module { .. } => "go.mod",
        Layout::Files | Layout::Gopath { .. } => return Ok(ModFile::default()),
    };
    let path = below(&dirs.source, name);
    let text = fs::read(path.as_str()).map_err(Error::file("read", path))?;
    Ok(ModFile::parse(&String::from_utf8_lossy(&text)))
}

/// Returns the patterns for the packages of a source; the root of a workspace is not a module.
pub(super) fn patterns(layout: &Layout, module: &ModFile) -> Vec<String> {
    match layout {
        Layout::Workspace => {
            let directories = module.uses.iter().map(|path| normal(path));
            directories.map(|path| format!("{path}/...")).collect()
        }
        _ => vec!["./...".to_owned()],
    }
}

/// Returns a directory as `go` wants it on the command line.
pub(super) fn normal(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    match path.trim_end_matches('/') {
        "" | "." => ".".to_owned(),
        path => format!("./{path}"),
    }
}

/// Commands that report facts: they use the modules that the previous build has saved, where they lie, and
/// leave nothing in the caches of the build.
pub(super) struct Query<'a> {
    pub(super) go: &'a str,
    pub(super) request: &'a Request,
    pub(super) dirs: &'a Directories,
}

impl Query<'_> {
    /// Returns the arguments of `go list` for all packages of the source.
    pub(super) fn list(
        &self,
        options: &[&str],
        environment: &Environment,
        module: &ModFile,
    ) -> Vec<String> {
        let mut args = vec!["list".to_owned()];
        args.extend(options.iter().map(|&option| option.to_owned()));
        args.extend(environment.flags(self.request, self.dirs));
        args.extend(patterns(&environment.layout, module));
        args
    }

    pub(super) fn run(
        &self,
        args: &[String],
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> Result<String, Error> {
        host.output(&self.invocation(args, environment))
    }

    /// Runs a command as if there were a C compiler: files that use cgo are listed only then, and nothing is compiled
    /// for that. Returns an empty answer where the command fails.
    pub(super) fn run_with_cgo(
        &self,
        args: &[String],
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> String {
        let mut invocation = self.invocation(args, environment);
        invocation.env.insert(CGO_ENABLED.into(), "1".into());
        host.output_quietly(&invocation).unwrap_or_default()
    }

    fn invocation(&self, args: &[String], environment: &Environment) -> Invocation {
        let mut env = environment.variables(self.request, self.dirs);
        let scratch = self.dirs.scratch("queries").to_string();
        env.insert("GOCACHE".into(), scratch);
        let saved = below(&self.dirs.artifacts, MODULES).to_string();
        if Path::new(&saved).exists() {
            env.insert("GOMODCACHE".into(), saved);
        }
        Invocation {
            program: self.go.to_owned(),
            args: args.to_vec(),
            env,
            directory: environment.directory(self.dirs),
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
    fn workspace_has_a_pattern_for_each_module() {
        let work = ModFile::parse("use (\n\t.\n\t./a/\n\tb\n)\n");
        assert_eq!(
            patterns(&Layout::Workspace, &work),
            ["./...", "./a/...", "./b/..."]
        );
        assert_eq!(patterns(&Layout::Files, &work), ["./..."]);
    }
}

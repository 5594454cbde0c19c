//! Gathers facts from the source and the toolchain.

use std::{fs, path::Path};

use super::{
    Kept, Layout, ModFile, Origin, Request, Version,
    environment::Environment,
    layout::{FILES_NAME, import_comment},
    nested::{self, Nested},
    query::Query,
    scan,
    toolchain::{self, LOCAL},
};
use crate::{
    Directories, Error, Host,
    assembly::{cache, cache::Caches, execute, tree},
    directories::below,
    launch::PROCFILE,
    pins,
};

/// The facts that a plan depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) environment: Environment,
    /// The `go` program.
    pub(crate) go: String,
    /// Its version, if it has one that can be compared.
    pub(crate) toolchain: Option<Version>,
    /// Warnings about the choice of the toolchain.
    pub(crate) warnings: Vec<String>,
    /// The content of go.mod, or go.work; empty where there is none.
    pub(crate) module: ModFile,
    /// All main packages.
    pub(crate) programs: Vec<Program>,
    /// Those that there would be with a C compiler, if there are no others.
    pub(crate) cgo_programs: Vec<Program>,
    /// The directories of main packages with build constraints, where there are no others, with the words of these.
    pub(crate) constrained: Vec<(String, String)>,
    pub(crate) kept: Kept,
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
    /// The directory of its module where that is neither the root nor one of a workspace; otherwise `.`.
    pub(crate) module: String,
}

/// Gathers the facts. The toolchain is chosen before `go` looks at the module, which an old one refuses.
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
    let mut nested = nested::find(source, layout, &module);
    if !request.targets.is_empty() {
        let is_asked_for = |nested: &Nested| {
            let mut targets = request.targets.iter();
            targets.any(|target| nested.may_have(target))
        };
        nested.retain(is_asked_for);
    }
    // Modules below the root count where the user names one of them, and where nothing else has a program.
    let mut counted = if request.targets.is_empty() {
        &[]
    } else {
        &nested[..]
    };
    let (answer, warnings, programs, cgo_programs) = loop {
        let mut warnings = Vec::new();
        let answer = choose_toolchain(
            &query,
            &mut environment,
            &module,
            counted,
            &mut warnings,
            host,
        )?;
        let (version, platform) = answer.split_once('\n').unwrap_or((&answer, ""));
        environment.build_cache = cache::plain(&format!("build-{version}-{}", platform.trim()));
        let (programs, cgo_programs) = programs(&query, &environment, &module, &nested, host)?;
        let has_program = !programs.is_empty() || !cgo_programs.is_empty();
        if has_program || counted.len() == nested.len() {
            break (answer, warnings, programs, cgo_programs);
        }
        counted = &nested;
    };
    let version = answer.lines().next().unwrap_or_default();
    let caches = Caches::find(&environment.caches(), dirs)?;
    let scan = scan::read(source);
    let kept = Kept::find(source, &scan, request.keep.as_deref())?;
    let has = |program| host.find(program).is_some();
    Ok(Facts {
        constrained: scan.constrained.into_iter().collect(),
        kept,
        programs,
        cgo_programs,
        toolchain: Version::parse(version),
        warnings,
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

/// Lets the environment use the toolchain that the source asks for, and returns its version and platform.
fn choose_toolchain(
    query: &Query<'_>,
    environment: &mut Environment,
    module: &ModFile,
    nested: &[Nested],
    warnings: &mut Vec<String>,
    host: &mut Host<'_>,
) -> Result<String, Error> {
    let answer = query.version(environment, host)?;
    let Some(present) = answer.lines().next().and_then(Version::parse) else {
        return Ok(answer);
    };
    let request = query.request.toolchain;
    let below = nested.iter().map(|known| &known.module);
    let modules: Vec<_> = [module].into_iter().chain(below).collect();
    let source = Path::new(query.dirs.source.as_str());
    let pin = pins::find(source, &[".go-version"], &["go", "golang"]);
    match toolchain::wanted(present, request, &modules, pin.as_ref()) {
        None => Ok(answer),
        Some(wanted) => {
            let fetched = toolchain::fetch(
                &wanted,
                present,
                request,
                query,
                environment,
                warnings,
                host,
            )?;
            Ok(fetched.unwrap_or(answer))
        }
    }
}

/// Returns the main packages, and if there are none, those that there would be with a C compiler: without one, `go`
/// does not see packages of which all files use cgo. Modules below the root are looked at where the user names
/// something in them, and where the root itself has no program.
fn programs(
    query: &Query<'_>,
    environment: &Environment,
    module: &ModFile,
    nested: &[Nested],
    host: &mut Host<'_>,
) -> Result<(Vec<Program>, Vec<Program>), Error> {
    let format = "-f={{if eq .Name \"main\"}}{{.Dir}}\t{{.ImportPath}}{{end}}";
    let options = ["-e", "-find", format];
    let root = environment.directory(query.dirs);
    let parse = |list: &str, module: &str| {
        let programs = list.lines();
        let programs = programs.filter_map(|line| program(line, root.as_str(), module));
        programs.collect::<Vec<_>>()
    };
    let args = query.list(&options, environment, module);
    let mut programs = parse(&query.run(&args, environment, host)?, ROOT);
    let roots = roots(&environment.layout, module);
    let has_default = programs
        .iter()
        .any(|program| roots.contains(&program.directory));
    if !query.request.targets.is_empty() || !has_default {
        for known in nested {
            let environment = environment.within(&known.directory);
            let args = query.list(&options, &environment, &known.module);
            // An error in a module that is not built does not matter, and `go build` reports those of the others.
            let list = host.output_quietly(&query.invocation(&args, &environment));
            programs.extend(parse(&list.unwrap_or_default(), &known.directory));
        }
    }
    let cgo_programs = if programs.is_empty() {
        parse(&query.run_with_cgo(&args, environment, host), ROOT)
    } else {
        Vec::new()
    };
    Ok((programs, cgo_programs))
}

/// The directory of the root.
pub(super) const ROOT: &str = ".";

/// Returns the roots of the modules that a source has at its root, or that a workspace names.
pub(super) fn roots(layout: &Layout, module: &ModFile) -> Vec<String> {
    match layout {
        Layout::Workspace => module.uses.iter().map(|path| normal(path)).collect(),
        _ => vec![ROOT.to_owned()],
    }
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
        module: ROOT.to_owned(),
        toolchain: LOCAL.to_owned(),
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

/// Returns a directory as `go` wants it on the command line.
pub(super) fn normal(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    match path.trim_end_matches('/') {
        "" | "." => ".".to_owned(),
        path => format!("./{path}"),
    }
}

/// Parses a main package from the output of `go list`; `None` outside of the source.
fn program(line: &str, source: &str, module: &str) -> Option<Program> {
    let (path, import) = line.split_once('\t')?;
    let directory = match path.strip_prefix(source)? {
        "" => ROOT.to_owned(),
        below => below.starts_with('/').then(|| format!(".{below}"))?,
    };
    Some(Program {
        directory,
        import: import.to_owned(),
        module: module.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_relative_to_the_source() {
        let directory = |line| program(line, "/tmp/src", ".").map(|program| program.directory);
        assert_eq!(directory("/tmp/src\tm").as_deref(), Some("."));
        assert_eq!(
            directory("/tmp/src/cmd/web\tm/cmd/web").as_deref(),
            Some("./cmd/web")
        );
        assert_eq!(directory("/tmp/srcs/web\tm"), None);
        assert_eq!(directory("/opt\tm"), None);
    }
}

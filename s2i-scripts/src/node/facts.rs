//! Gathers facts from the source and the tools.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use super::{
    Manifest, Project, Request,
    frameworks::{Configs, configured},
    manager::{self, Choice, Evidence, LOCKS, Manager},
    project::Target,
    range::{Range, Version},
    reuse::{self, Part},
    settings::{Npmrc, Yarnrc},
    start,
};
use crate::{
    Directories, Error, Host,
    assembly::{cache, cache::Caches, tree},
    host::Invocation,
    launch::PROCFILE,
    pins::{self, Pin},
};

/// The number of bytes of a lock file that show its format.
const HEAD: u64 = 2000;

/// The facts that a plan depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Facts {
    /// The packages of the source.
    pub(crate) project: Project,
    /// The root can be started without being built.
    pub(crate) is_startable: bool,
    /// It has a server, and not only scripts that a page may load.
    pub(crate) is_server: bool,
    /// The names of the entries at the root of the source.
    pub(crate) names: Vec<String>,
    pub(crate) choice: Choice,
    pub(crate) tool: Tool,
    pub(crate) node: Node,
    /// The version in a file of a version manager.
    pub(crate) preferred: Option<Pin>,
    /// The settings of the tools that build, by the directory of their package; that of the root is empty.
    pub(super) configs: BTreeMap<String, Configs>,
    pub(crate) npmrc: Npmrc,
    pub(crate) yarnrc: Yarnrc,
    /// The variable `PATH`.
    pub(crate) path: Option<String>,
    /// The registry that is used unless the user names one; `None` where it needs no credentials.
    pub(crate) registry: Option<String>,
    /// There is a shell, which scripts of packages need.
    pub(crate) has_shell: bool,
    /// There are the tools that compile native add-ons.
    pub(crate) has_compiler: bool,
    pub(crate) has_procfile: bool,
    pub(crate) caches: Caches,
    pub(crate) cache_names: CacheNames,
    /// The parts of the saved cache of installed packages that are as they were.
    pub(crate) saved_parts: Vec<Part>,
}

/// The names of the caches of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheNames {
    /// The cache for downloads of the package manager. It is found by digests and checked whenever it is used, so
    /// any Node.js and any lock can use it; and where a new lock changes one package, the others are there.
    pub(crate) packages: String,
    /// The cache of tools of the source. It may hold compiled files, and the lock determines which tools they are: it
    /// belongs to the ABI of Node.js, the processor and the lock.
    pub(crate) tools: String,
    /// The cache of installed packages, where only files of the source and the tools decide about them.
    pub(crate) modules: Option<String>,
}

impl CacheNames {
    pub(super) fn all(&self) -> Vec<String> {
        let names = [self.packages.clone(), self.tools.clone()].into_iter();
        names.chain(self.modules.clone()).collect()
    }
}

/// The Node.js of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) program: String,
    pub(crate) version: Version,
    /// The version of its interface to native add-ons.
    pub(crate) abi: String,
    /// The processor, by its name in Node.js.
    pub(crate) arch: String,
}

/// The location of a package manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// In the image.
    Present {
        program: String,
        version: Option<Version>,
    },
    /// In the source, as a file for Node.js, relative to the root.
    Source { file: String },
    /// There is no package.json, and so nothing to install.
    Unneeded,
    /// In the registry, from which npm gets this version, one that begins with it, or the newest of a range.
    Registry { npm: String, version: String },
}

/// Gathers the facts.
pub(crate) fn gather(
    request: &Request,
    dirs: &Directories,
    host: &mut Host<'_>,
) -> Result<Facts, Error> {
    let root = Path::new(dirs.source.as_str());
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let project = Project::read(root)?;
    let node = node(dirs, host)?;
    let yarnrc = Yarnrc::parse(&read(".yarnrc.yml"));
    let choice = manager::choose(&evidence(root), &project.root, request.manager.as_deref())?;
    let tool = if project.is_bare {
        Tool::Unneeded
    } else {
        tool(&choice, &yarnrc, dirs, host)?
    };
    let mut cache_names = cache_names(&choice, &node, root)?;
    cache_names.modules = reuse::cache_name(root, &project, &choice, &tool, &node, host)?;
    let saved = cache_names.modules.as_ref();
    let saved = saved.and_then(|name| dirs.artifacts.join(name).ok());
    let saved_parts = saved.map(|path| reuse::complete_parts(Path::new(path.as_str())));
    let children = tree::children(root)?;
    let names = children
        .iter()
        .filter_map(|path| path.file_name()?.to_str());
    let has_any = |names: &[&str]| names.iter().any(|name| host.find(name).is_some());
    let homes = project
        .packages
        .iter()
        .map(|package| package.directory.clone());
    let homes = homes.chain([String::new()]);
    Ok(Facts {
        configs: homes
            .map(|home| (home.clone(), configured::read(&root.join(home))))
            .collect(),
        is_startable: start::is_startable(root, &project.root) || request.has_start,
        is_server: start::is_server(root, &project.root),
        names: names.map(str::to_owned).collect(),
        preferred: pins::find(root, &[".nvmrc", ".node-version"], &["node", "nodejs"]),
        npmrc: Npmrc::parse(&read(".npmrc")),
        path: host.value("PATH"),
        has_shell: has_any(&["sh"]),
        has_compiler: has_any(&["g++", "c++", "clang++"])
            && has_any(&["make"])
            && has_any(&["python3", "python"]),
        has_procfile: root.join(PROCFILE).is_file(),
        caches: Caches::find(&cache_names.all(), dirs)?,
        saved_parts: saved_parts.unwrap_or_default(),
        registry: registry(request, dirs, host),
        cache_names,
        yarnrc,
        choice,
        tool,
        node,
        project,
    })
}

fn node(dirs: &Directories, host: &mut Host<'_>) -> Result<Node, Error> {
    let program = host.tool("node")?;
    let text = "[process.versions.node,process.versions.modules,process.arch].join('\\n')";
    let answer = host.output(&query(&program, &["-p", text], dirs))?;
    let mut lines = answer.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    Ok(Node {
        version: next().parse().unwrap_or_else(|_| Version::new(0, 0, 0)),
        abi: next(),
        arch: next(),
        program,
    })
}

fn evidence(root: &Path) -> Evidence {
    let head = |name: &str| {
        let mut text = Vec::new();
        let file = File::open(root.join(name));
        // The package manager reports files that cannot be read.
        drop(file.and_then(|file| file.take(HEAD).read_to_end(&mut text)));
        String::from_utf8_lossy(&text).into_owned()
    };
    let mut locks = LOCKS.to_vec();
    locks.retain(|name| root.join(name).is_file());
    Evidence {
        locks,
        pnpm_lock: head("pnpm-lock.yaml"),
        yarn_lock: head("yarn.lock"),
        has_yarnrc: root.join(".yarnrc.yml").is_file(),
    }
}

/// Returns the package manager in the source, else that of the image if it fits, else one of the registry.
fn tool(
    choice: &Choice,
    yarnrc: &Yarnrc,
    dirs: &Directories,
    host: &mut Host<'_>,
) -> Result<Tool, Error> {
    if let (Manager::Berry, Some(file)) = (choice.manager, &yarnrc.yarn_path) {
        return Ok(Tool::Source { file: file.clone() });
    }
    if let Ok(program) = host.tool(choice.manager.program()) {
        // In the source it would read the settings, and may become the version that they name.
        let version = version_beside(&program, choice.manager.program()).or_else(|| {
            let version = host.output_quietly(&query(&program, &["--version"], dirs));
            version.and_then(|text| text.trim().parse().ok())
        });
        if choice.manager == Manager::Npm || fits(choice, version.as_ref()) {
            return Ok(Tool::Present { program, version });
        }
    }
    let default = match choice.manager {
        Manager::Npm | Manager::Pnpm => "10",
        Manager::Yarn => "1",
        Manager::Berry => "4",
    };
    let version = choice.version.as_deref().unwrap_or(default).to_owned();
    let npm = host.tool("npm")?;
    Ok(Tool::Registry { npm, version })
}

/// Returns the version in the package.json of the package that a program belongs to, which saves the time in which the
/// program starts.
fn version_beside(program: &str, package: &str) -> Option<Version> {
    let file = fs::canonicalize(program).ok()?;
    let home = file.ancestors().skip(2).take(2);
    let mut manifests = home.filter_map(|path| Manifest::read(path).ok().flatten());
    let manifest = manifests.find(|manifest| manifest.name.as_deref() == Some(package))?;
    manifest.version?.parse().ok()
}

/// Returns whether a version is the chosen one, of which only the beginning may be given, or is in the chosen range.
fn fits(choice: &Choice, version: Option<&Version>) -> bool {
    let Some(version) = version else {
        return false;
    };
    let is_kind = match choice.manager {
        Manager::Yarn => version.major < 2,
        Manager::Berry => version.major >= 2,
        Manager::Npm | Manager::Pnpm => true,
    };
    let is_chosen = choice.version.as_deref().is_none_or(|chosen| {
        let text = version.to_string();
        let rest = text.strip_prefix(chosen);
        let is_prefix = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let range = chosen.parse::<Range>();
        is_prefix || range.is_ok_and(|range| range.satisfies(version))
    });
    is_kind && is_chosen
}

/// Returns the registry in use, if it needs credentials.
fn registry(request: &Request, dirs: &Directories, host: &mut Host<'_>) -> Option<String> {
    if request.mirror.is_some() || !(request.has_token || request.has_auth) {
        return request.mirror.clone();
    }
    let npm = host.tool("npm").ok()?;
    let mut query = query(&npm, &["config", "get", "registry"], dirs);
    query.directory = dirs.source.clone();
    let answer = host.output_quietly(&query)?;
    let address = answer.trim().to_owned();
    address.contains("://").then_some(address)
}

fn cache_names(choice: &Choice, node: &Node, root: &Path) -> Result<CacheNames, Error> {
    let manager = match choice.manager {
        Manager::Berry => "berry",
        manager => manager.program(),
    };
    let mut tools = format!("tools-abi{}-{}", node.abi, node.arch);
    if let Some(lock) = choice.lock {
        let path = root.join(lock);
        let digest = tree::digest(&path).map_err(Error::file("read", path.display()))?;
        tools = format!("{tools}-{}", &digest[..16]);
    }
    Ok(CacheNames {
        packages: format!("packages-{manager}"),
        tools: cache::plain(&tools),
        modules: None,
    })
}

/// Returns a command that reports a fact, away from the source.
fn query(program: &str, args: &[&str], dirs: &Directories) -> Invocation {
    let home = dirs.scratch.as_str();
    let env = [
        ("HOME", home),
        ("TMPDIR", home),
        ("npm_config_update_notifier", "false"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Invocation {
        program: program.to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        env: BTreeMap::from(env),
        directory: dirs.scratch.clone(),
        advice: Vec::new(),
    }
}

impl Facts {
    /// Returns the package.json of the application.
    pub(super) fn manifest<'a>(&'a self, target: Target<'a>) -> &'a Manifest {
        target.manifest(&self.project)
    }
}

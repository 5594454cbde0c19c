//! Asks the source and the tools.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use super::{
    Manifest, Project, Request,
    manager::{self, Choice, Evidence, LOCKS, Manager},
    range::Version,
    settings::{Npmrc, Yarnrc},
    start,
};
use crate::{
    Error, Host, Places,
    assembly::{cache, cache::Caches, digest, execute},
    host::Invocation,
    launch::PROCFILE,
};

/// The bytes of a lock file that show its format.
const HEAD: u64 = 2000;

/// The facts that a plan depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Facts {
    /// The packages of the source.
    pub project: Project,
    /// The root can be started without being built.
    pub is_startable: bool,
    /// It has a server, and not only scripts that a page may load.
    pub is_server: bool,
    /// The names of the entries at the root of the source.
    pub names: Vec<String>,
    /// The package manager that the source is for.
    pub choice: Choice,
    /// The place of that package manager.
    pub tool: Tool,
    /// Node.js.
    pub node: Node,
    /// The version that `.nvmrc` or `.node-version` would like.
    pub wished: Option<String>,
    /// The settings of `.npmrc`.
    pub npmrc: Npmrc,
    /// The settings of `.yarnrc.yml`.
    pub yarnrc: Yarnrc,
    /// The variable `PATH`.
    pub path: Option<String>,
    /// The registry that is used unless the user names one; asked only where it needs credentials.
    pub registry: Option<String>,
    /// There is a shell, which scripts of packages need.
    pub shell: bool,
    /// There is what native add-ons need to be compiled.
    pub compiler: bool,
    /// There is a Procfile.
    pub procfile: bool,
    /// The caches that the previous build has saved.
    pub caches: Caches,
    /// The names of the caches that this build has.
    pub cache_names: CacheNames,
}

/// The names of caches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheNames {
    /// The cache for downloads of the package manager. It is found by digests and checked whenever it is used, so
    /// any Node.js and any lock can use it; and where a new lock changes one package, the others are there.
    pub packages: String,
    /// The cache of tools of the source. It may hold compiled files, and the lock determines which tools they are: it
    /// belongs to the ABI of Node.js, the processor and the lock.
    pub tools: String,
}

/// Node.js.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The program.
    pub program: String,
    /// Its version.
    pub version: Version,
    /// The version of its interface to native add-ons.
    pub abi: String,
    /// The processor, as Node.js calls it.
    pub arch: String,
}

/// The place of a package manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// In the image.
    Present {
        /// The program.
        program: String,
        /// Its version.
        version: Option<Version>,
    },
    /// In the source, as a file for Node.js.
    Source {
        /// The file, relative to the root.
        file: String,
    },
    /// Nowhere: there is no package.json, and so nothing to install.
    Unneeded,
    /// In the registry, from where npm gets it.
    Registry {
        /// npm.
        npm: String,
        /// The version that is wanted, or the beginning of one.
        version: String,
    },
}

/// Gathers the facts.
///
/// # Errors
/// When a tool is missing or the source can't be read.
pub fn gather(request: &Request, places: &Places, host: &mut Host<'_>) -> Result<Facts, Error> {
    let root = Path::new(places.source.as_str());
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let project = Project::read(root)?;
    let node = node(places, host)?;
    let evidence = evidence(root);
    let yarnrc = Yarnrc::parse(&read(".yarnrc.yml"));
    let choice = manager::choose(&evidence, &project.root, request.manager.as_deref())?;
    let tool = if project.is_bare {
        Tool::Unneeded
    } else {
        tool(&choice, &yarnrc, places, host)?
    };
    let wished = [".nvmrc", ".node-version"]
        .map(read)
        .into_iter()
        .find(|text| !text.is_empty());
    let cache_names = cache_names(&choice, &node, root)?;
    let wanted = [cache_names.packages.clone(), cache_names.tools.clone()];
    let has_any = |names: &[&str]| names.iter().any(|name| host.find(name).is_some());
    Ok(Facts {
        is_startable: start::is_startable(root, &project.root) || request.has_start,
        is_server: start::is_server(root, &project.root),
        names: names(root)?,
        wished: wished.map(|text| text.trim().to_owned()),
        npmrc: Npmrc::parse(&read(".npmrc")),
        path: host.value("PATH"),
        shell: host.find("sh").is_some(),
        compiler: has_any(&["g++", "c++", "clang++"])
            && has_any(&["make"])
            && has_any(&["python3", "python"]),
        procfile: root.join(PROCFILE).is_file(),
        caches: Caches::find(&wanted, places)?,
        registry: registry(request, places, host),
        cache_names,
        yarnrc,
        choice,
        tool,
        node,
        project,
    })
}

fn names(root: &Path) -> Result<Vec<String>, Error> {
    let children = crate::assembly::tree::children(root)?;
    let names = children
        .iter()
        .filter_map(|path| path.file_name()?.to_str());
    Ok(names.map(str::to_owned).collect())
}

fn node(places: &Places, host: &mut Host<'_>) -> Result<Node, Error> {
    let program = host
        .find("node")
        .ok_or(Error::NoToolchain { program: "node" })?
        .to_string_lossy()
        .into_owned();
    let text = "[process.versions.node,process.versions.modules,process.arch].join('\\n')";
    let question = question(&program, &["-p", text], places);
    let (status, answer) = host
        .ask(&question)
        .map_err(|err| execute::start_error(&question, err))?;
    if !status.success() {
        return Err(execute::failed(&question, status));
    }
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
        let read =
            File::open(root.join(name)).and_then(|file| file.take(HEAD).read_to_end(&mut text));
        // The package manager reports what cannot be read.
        drop(read);
        String::from_utf8_lossy(&text).into_owned()
    };
    Evidence {
        locks: LOCKS
            .into_iter()
            .filter(|name| root.join(name).is_file())
            .collect(),
        pnpm_lock: head("pnpm-lock.yaml"),
        yarn_lock: head("yarn.lock"),
        has_yarnrc: root.join(".yarnrc.yml").is_file(),
    }
}

/// The package manager in the source, else that of the image if it will do, else one that npm gets.
fn tool(
    choice: &Choice,
    yarnrc: &Yarnrc,
    places: &Places,
    host: &mut Host<'_>,
) -> Result<Tool, Error> {
    if let (Manager::Berry, Some(file)) = (choice.manager, &yarnrc.yarn_path) {
        return Ok(Tool::Source { file: file.clone() });
    }
    let program = host
        .find(choice.manager.program())
        .map(|path| path.to_string_lossy().into_owned());
    if let Some(program) = program {
        // Elsewhere it would look at the source, and may become the version that is wanted there.
        let question = question(&program, &["--version"], places);
        let version = host.ask_quietly(&question);
        let version = version.and_then(|text| text.trim().parse().ok());
        if choice.manager == Manager::Npm || will_do(choice, version.as_ref()) {
            return Ok(Tool::Present { program, version });
        }
    }
    let npm = host
        .find("npm")
        .ok_or(Error::NoToolchain { program: "npm" })?;
    Ok(Tool::Registry {
        npm: npm.to_string_lossy().into_owned(),
        version: choice.version.clone().unwrap_or_else(|| {
            match choice.manager {
                Manager::Npm | Manager::Pnpm => "10",
                Manager::Yarn => "1",
                Manager::Berry => "4",
            }
            .to_owned()
        }),
    })
}

/// Returns whether a version is the wanted one, of which only the beginning may be given.
fn will_do(choice: &Choice, version: Option<&Version>) -> bool {
    let Some(version) = version else {
        return false;
    };
    let is_berry = version.major >= 2;
    let is_kind = match choice.manager {
        Manager::Yarn => !is_berry,
        Manager::Berry => is_berry,
        Manager::Npm | Manager::Pnpm => true,
    };
    let text = version.to_string();
    let is_wanted = choice.version.as_deref().is_none_or(|wanted| {
        text == wanted
            || text
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.starts_with('.'))
    });
    is_kind && is_wanted
}

/// Returns the registry in use, if it needs credentials.
fn registry(request: &Request, places: &Places, host: &mut Host<'_>) -> Option<String> {
    if request.mirror.is_some() || !(request.has_token || request.has_auth) {
        return request.mirror.clone();
    }
    let npm = host.find("npm")?.to_string_lossy().into_owned();
    let mut question = question(&npm, &["config", "get", "registry"], places);
    question.directory = places.source.clone();
    let answer = host.ask_quietly(&question)?;
    let address = answer.trim().to_owned();
    address.contains("://").then_some(address)
}

fn cache_names(choice: &Choice, node: &Node, root: &Path) -> Result<CacheNames, Error> {
    let manager = choice.manager.program();
    let kind = match choice.manager {
        Manager::Berry => "berry",
        _ => manager,
    };
    let lock = choice.lock.map(|name| digest::of_file(&root.join(name)));
    let lock = lock
        .transpose()?
        .map(|digest| format!("-{}", &digest[..16]));
    let (abi, arch, lock) = (&node.abi, &node.arch, lock.unwrap_or_default());
    Ok(CacheNames {
        packages: format!("packages-{kind}"),
        tools: cache::plain(&format!("tools-abi{abi}-{arch}{lock}")),
    })
}

/// A command that only asks, away from the source.
fn question(program: &str, args: &[&str], places: &Places) -> Invocation {
    let home = places.scratch.to_string();
    let env = [
        ("HOME", home.as_str()),
        ("TMPDIR", home.as_str()),
        ("npm_config_update_notifier", "false"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Invocation {
        program: program.to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        env: BTreeMap::from(env),
        directory: places.scratch.clone(),
        advice: Vec::new(),
    }
}

impl Facts {
    /// The package.json of the application.
    pub(super) fn manifest<'a>(&'a self, target: super::project::Target<'a>) -> &'a Manifest {
        target.manifest(&self.project)
    }
}

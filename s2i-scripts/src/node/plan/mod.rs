//! The plan for a build of an application for Node.js. It is made without side effects.

mod messages;
mod needed;
mod product;

use s2i_core::ContainerPath;

use super::{
    Error as NodeError, Facts, Request,
    commands::Commands,
    credentials,
    frameworks::{self, Configs, below as path_below},
    manager::Manager,
    project::{Package, Target},
    range::{self, Fit, Range},
    reuse::Part,
};
use crate::{
    Directories, Error, Plan,
    assembly::{Phase, Step, cache},
    directories::below,
    variables,
};

/// The script that starts an application.
const START: &str = "start";

/// The build script, unless another is named.
const BUILD: &str = "build";

/// Files and directories that an image for production does not need.
const UNNEEDED: [&str; 5] = [
    ".git",
    "node_modules/.cache",
    "node_modules/.package-lock.json",
    ".next/cache",
    ".yarn/install-state.gz",
];

/// State files of pnpm, which have the time in them.
const PNPM_STATE: [&str; 3] = [
    "node_modules/.modules.yaml",
    "node_modules/.pnpm-workspace-state.json",
    "node_modules/.pnpm-workspace-state-v1.json",
];

/// Returns the plan.
pub(crate) fn plan(facts: &Facts, request: &Request, dirs: &Directories) -> Result<Plan, Error> {
    let mut warnings = Vec::new();
    let target = facts
        .project
        .target(request.workspace.as_deref(), facts.is_startable)?;
    check_paths(facts, target)?;
    warnings.extend(engine(facts, target, request)?);
    warnings.extend(messages::warnings(facts));
    if let Some(tool) = needed_tool(facts, target, request).filter(|_| request.prune) {
        warnings.push(format!(
            "the application needs `{tool}` to start, which is in `devDependencies`: these are kept; move it to `dependencies` for a smaller image"
        ));
    }
    let planner = Planner {
        commands: Commands {
            facts,
            request,
            dirs,
        },
        facts,
        request,
        dirs,
        target,
        closure: facts.project.closure(target),
    };
    let mut phases = Vec::new();
    phases.extend(facts.caches.restore(dirs, request.keep_cache));
    phases.push(Phase::new(
        "Installing application source",
        vec![Step::Install {
            from: dirs.source.clone(),
            to: dirs.app(),
        }],
    ));
    if !facts.project.is_bare {
        planner.install(&mut phases)?;
    }
    phases.push(Phase::new("Installing application", planner.finish()));
    Ok(Plan {
        recipe: "node",
        reasons: messages::reasons(facts, target, request),
        warnings,
        application: dirs.app(),
        phases,
    })
}

/// Compares this Node.js with the range of the source; returns a warning where the source is for an older one.
fn engine(
    facts: &Facts,
    target: Target<'_>,
    request: &Request,
) -> Result<Option<String>, NodeError> {
    let manifests = [facts.manifest(target), &facts.project.root];
    let mut engines = manifests
        .iter()
        .filter_map(|manifest| manifest.engines.get("node"));
    let Some(needed) = engines.next().cloned() else {
        return Ok(None);
    };
    let Ok(range) = needed.parse::<Range>() else {
        return Ok(None);
    };
    let present = facts.node.version.to_string();
    let is_strict = request.engine_strict || facts.npmrc.engine_strict;
    match range::fit(&range, &facts.node.version) {
        Fit::Inside => Ok(None),
        Fit::TooNew if !is_strict => Ok(Some(format!(
            "package.json is for Node.js {needed}, and this image has {present}, which is newer"
        ))),
        Fit::TooOld | Fit::TooNew => Err(NodeError::Engine {
            needed,
            present,
            is_strict,
        }),
    }
}

/// Returns the development dependency that the start of the application needs.
fn needed_tool(facts: &Facts, target: Target<'_>, request: &Request) -> Option<String> {
    let manifest = facts.manifest(target);
    let is_application = !request.has_start && !frameworks::is_for_development(manifest, START);
    let mut scripts = ["prestart", START].iter().filter(|_| is_application);
    let of_script = scripts.find_map(|script| needed::development_dependency(manifest, script));
    of_script.or_else(|| {
        let none = Configs::new();
        let configs = facts.configs.get(target.directory()).unwrap_or(&none);
        let product = frameworks::product(manifest, configs, facts.is_server, request);
        let mut programs = product.programs().into_iter();
        programs.find_map(|program| needed::package_of_program(manifest, program))
    })
}

/// Fails where a package of the application has a dependency that is outside of the source.
fn check_paths(facts: &Facts, target: Target<'_>) -> Result<(), NodeError> {
    let packages = facts.project.closure(target).into_iter();
    let packages = packages.map(|package| (package.directory.as_str(), &package.manifest));
    for (directory, manifest) in packages.chain([("", &facts.project.root)]) {
        let mut paths = manifest.paths.iter();
        if let Some((name, path)) = paths.find(|(_, path)| path_below(directory, path).is_none()) {
            return Err(NodeError::OutsidePath {
                name: name.clone(),
                manifest: format!("{directory}/package.json")
                    .trim_start_matches('/')
                    .to_owned(),
                path: path.clone(),
            });
        }
    }
    Ok(())
}

struct Planner<'a> {
    commands: Commands<'a>,
    facts: &'a Facts,
    request: &'a Request,
    dirs: &'a Directories,
    target: Target<'a>,
    /// The packages of the workspace that the application needs.
    closure: Vec<&'a Package>,
}

impl Planner<'_> {
    /// Adds the phases that install packages, build, and remove development dependencies.
    fn install(&self, phases: &mut Vec<Phase>) -> Result<(), Error> {
        let builds = self.builds()?;
        let has_lifecycle = self.facts.project.root.has_lifecycle();
        let is_single = self.facts.project.packages.is_empty();
        // Development dependencies that nothing needs are not even fetched.
        let is_direct = self.prunes()
            && is_single
            && builds.is_empty()
            && !has_lifecycle
            && self.commands.prunes_by_install();
        let mut steps = credentials::files(self.facts, self.request, self.dirs);
        let part = if is_direct {
            Part::Production
        } else {
            Part::All
        };
        let is_saved = self.facts.saved_parts.contains(&part);
        let needs_manager = !is_saved || !builds.is_empty();
        if let Some(fetch) = self.commands.fetch().filter(|_| needs_manager) {
            let title = format!("Getting {}", self.facts.choice.manager.title());
            steps.push(Step::Run(fetch));
            phases.push(Phase::new(title, std::mem::take(&mut steps)));
        }
        let cache = self.facts.cache_names.modules.as_ref();
        let cache = cache.and_then(|name| {
            let path = cache::path(name, self.dirs, self.request.keep_cache);
            path.join(part.name()).ok()
        });
        match cache {
            Some(from) if is_saved => steps.push(Step::RestoreModules {
                from,
                to: self.dirs.app(),
            }),
            cache => {
                steps.push(self.commands.install(is_direct));
                steps.push(Step::CheckLinks {
                    root: self.dirs.app(),
                });
                let cache = cache.filter(|_| self.request.keep_cache);
                steps.extend(cache.map(|to| Step::SaveModules {
                    from: self.dirs.app(),
                    to,
                }));
            }
        }
        phases.push(Phase::new("Installing dependencies", steps));
        if !builds.is_empty() {
            let title = format!("Building in {} mode", self.request.env);
            let mut steps = self.restore_tools();
            steps.extend(builds);
            phases.push(Phase::new(title, steps));
        }
        if self.prunes() && !is_direct {
            let steps = self.prune(is_saved);
            if !steps.is_empty() {
                phases.push(Phase::new("Pruning the development dependencies", steps));
            }
        }
        Ok(())
    }

    /// Returns whether development dependencies are removed: not where the application needs one to start.
    fn prunes(&self) -> bool {
        self.request.prune && needed_tool(self.facts, self.target, self.request).is_none()
    }

    /// Returns the build script of the root, else those of the packages that the application needs.
    fn builds(&self) -> Result<Vec<Step>, Error> {
        let words = match &self.request.build {
            Some(words) => words.clone(),
            None if self.request.is_dev => return Ok(Vec::new()),
            None => vec![BUILD.to_owned()],
        };
        let script = &words[0];
        let root = &self.facts.project.root;
        if root.scripts.contains_key(script) {
            return Ok(vec![Step::Run(self.commands.run(&words, self.dirs.app()))]);
        }
        let mut steps = Vec::new();
        for package in &self.closure {
            if package.manifest.scripts.contains_key(script) {
                let directory = self.path_of(package)?;
                steps.push(Step::Run(self.commands.run(&words, directory)));
            }
        }
        if steps.is_empty() && self.request.build.is_some() {
            return Err(NodeError::NoSuchScript {
                name: script.clone(),
                variable: variables::NPM_BUILD,
                scripts: root.scripts.keys().cloned().collect(),
            }
            .into());
        }
        Ok(steps)
    }

    /// Returns the steps that remove packages of the workspace that the application does not need, and development
    /// dependencies.
    fn prune(&self, is_saved: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        let project = &self.facts.project;
        let is_package = matches!(self.target, Target::Package(_));
        if is_package {
            let is_needed = |package: &Package| {
                let below = format!("{}/", package.directory);
                self.closure.iter().any(|needed| {
                    needed.directory == package.directory || needed.directory.starts_with(&below)
                })
            };
            let rest = project
                .packages
                .iter()
                .filter(|package| !is_needed(package));
            steps.extend(rest.filter_map(|package| {
                let path = self.path_of(package).ok()?;
                Some(Step::Remove { path })
            }));
        }
        let name = self.facts.manifest(self.target).name.as_deref();
        let command = self.commands.prune(name.filter(|_| is_package));
        steps.extend(command.filter(|_| !is_saved).map(Step::Run));
        let root = self.dirs.app();
        if self.facts.choice.manager == Manager::Yarn || is_saved {
            let packages = self.closure.iter();
            let packages = packages.filter_map(|package| self.path_of(package).ok());
            steps.push(Step::PruneModules {
                root: root.clone(),
                packages: [root.clone()].into_iter().chain(packages).collect(),
            });
        }
        steps.extend(is_package.then_some(Step::RemoveLinks { root }));
        steps
    }

    /// Returns the steps that remove what the image does not need, and look for secrets.
    fn finish(&self) -> Vec<Step> {
        let app = self.dirs.app();
        let mut steps = Vec::new();
        let keeps_cache = self.request.keep_cache && !self.facts.project.is_bare;
        if keeps_cache {
            steps.extend(self.save_tools());
        }
        if !self.request.is_development() {
            steps.extend(self.product());
            let is_pnpm = self.facts.choice.manager == Manager::Pnpm;
            let state = PNPM_STATE.iter().filter(|_| is_pnpm);
            for name in UNNEEDED.iter().chain(state) {
                let path = below(&app, name);
                steps.push(Step::Remove { path });
            }
        }
        for (name, has_credentials) in [
            (".npmrc", self.facts.npmrc.has_credentials),
            (".yarnrc.yml", self.facts.yarnrc.has_credentials),
        ] {
            let path = below(&app, name);
            steps.extend(has_credentials.then_some(Step::Remove { path }));
        }
        let secrets = credentials::secrets(self.request);
        if !secrets.is_empty() {
            if self.request.keep_cache {
                // npm caches the token with an answer that depends on it (`Vary: Authorization`).
                steps.push(Step::Purge {
                    path: self.dirs.cache(),
                    variables: secrets.clone(),
                });
            }
            steps.push(Step::Search {
                path: self.dirs.app_root.clone(),
                variables: secrets,
            });
        }
        steps.push(Step::Share { path: app });
        if keeps_cache {
            let names = self.facts.cache_names.all();
            steps.extend(cache::finish(&names, self.request.cache_limit, self.dirs));
        }
        steps
    }

    fn path_of(&self, package: &Package) -> Result<ContainerPath, Error> {
        let directory = &package.directory;
        let path = self.dirs.app().join(directory);
        path.map_err(|err| Error::variable(variables::NODE_WORKSPACE, directory, &err))
    }
}

#[cfg(test)]
mod tests;

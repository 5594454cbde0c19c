//! Decides how an application for Node.js is built, and touches nothing.

mod messages;
mod product;

use super::{
    Error as NodeError, Facts, Request,
    commands::Commands,
    credentials,
    manager::Manager,
    project::{Package, Target},
    range::{self, Fit, Range},
};
use crate::{
    Error, Places, Plan,
    assembly::{Phase, Step, cache},
    places::below,
    variables,
};

/// The script that builds, unless another is named.
const BUILD: &str = "build";

/// Scripts of a package that its installation runs, and that may need what development needs.
const LIFECYCLE: &[&str] = &[
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
];

/// Files and directories that an image for production does not need.
const REMAINS: [&str; 4] = [
    ".git",
    "node_modules/.cache",
    ".next/cache",
    ".yarn/install-state.gz",
];

/// Notes of pnpm for itself, which have the time in them.
const PNPM_NOTES: [&str; 3] = [
    "node_modules/.modules.yaml",
    "node_modules/.pnpm-workspace-state.json",
    "node_modules/.pnpm-workspace-state-v1.json",
];

/// Decides.
///
/// # Errors
/// When this Node.js is not the right one, or there is a choice that only the user can make.
pub fn plan(facts: &Facts, request: &Request, places: &Places) -> Result<Plan, Error> {
    let mut warnings = Vec::new();
    let target = facts
        .project
        .target(request.workspace.as_deref(), facts.is_startable)?;
    warnings.extend(engine(facts, target, request)?);
    warnings.extend(messages::warnings(facts));
    let decider = Decider {
        commands: Commands {
            facts,
            request,
            places,
        },
        facts,
        request,
        places,
        target,
        closure: facts.project.closure(target),
    };
    let mut phases = Vec::new();
    phases.extend(facts.caches.restore(places, request.keep_cache));
    phases.push(Phase::new(
        "Installing application source",
        vec![Step::Install {
            from: places.source.clone(),
            to: places.app(),
        }],
    ));
    if !facts.project.is_bare {
        decider.install(&mut phases)?;
    }
    phases.push(Phase::new("Installing application", decider.finish()));
    Ok(Plan {
        recipe: "node",
        reasons: messages::reasons(facts, target, request),
        warnings,
        application: places.app(),
        phases,
    })
}

/// Compares this Node.js with what the source asks for; returns a warning where it may not do.
fn engine(
    facts: &Facts,
    target: Target<'_>,
    request: &Request,
) -> Result<Option<String>, NodeError> {
    let manifests = [facts.manifest(target), &facts.project.root];
    let wanted = manifests
        .iter()
        .find_map(|manifest| manifest.engines.get("node"));
    let Some(Ok(range)) = wanted.map(|text| text.parse::<Range>()) else {
        return Ok(None);
    };
    let needed = wanted.cloned().unwrap_or_default();
    let present = facts.node.version.to_string();
    let is_strict = request.engine_strict || facts.npmrc.engine_strict;
    match range::fit(&range, &facts.node.version) {
        Fit::Inside => Ok(None),
        Fit::TooNew if !is_strict => Ok(Some(format!(
            "package.json is for Node.js {needed}, which is older than this {present}"
        ))),
        Fit::TooOld | Fit::TooNew => Err(NodeError::Engine {
            needed,
            present,
            is_strict,
        }),
    }
}

struct Decider<'a> {
    commands: Commands<'a>,
    facts: &'a Facts,
    request: &'a Request,
    places: &'a Places,
    target: Target<'a>,
    /// The packages of the workspace that the application needs.
    closure: Vec<&'a Package>,
}

impl Decider<'_> {
    /// Packages, build, and what goes again.
    fn install(&self, phases: &mut Vec<Phase>) -> Result<(), Error> {
        let builds = self.builds()?;
        let manifest = &self.facts.project.root;
        let has_lifecycle = LIFECYCLE
            .iter()
            .any(|name| manifest.scripts.contains_key(*name));
        let is_single = self.facts.project.packages.is_empty();
        // What nothing needs is not even fetched, where that is sure.
        let is_direct = self.request.prune && is_single && builds.is_empty() && !has_lifecycle;
        let is_direct = is_direct && self.commands.prunes_by_install();
        let mut steps = credentials::files(self.facts, self.request, self.places);
        if let Some(fetch) = self.commands.fetch() {
            let title = format!("Getting {}", self.facts.choice.manager.title());
            steps.push(Step::Run(fetch));
            phases.push(Phase::new(title, std::mem::take(&mut steps)));
        }
        steps.push(Step::Run(self.commands.install(is_direct)));
        phases.push(Phase::new("Installing dependencies", steps));
        if !builds.is_empty() {
            let title = format!("Building in {} mode", self.request.env);
            let mut steps = self.restore_tools();
            steps.extend(builds);
            phases.push(Phase::new(title, steps));
        }
        if self.request.prune && !is_direct {
            let steps = self.prune();
            if !steps.is_empty() {
                phases.push(Phase::new("Pruning the development dependencies", steps));
            }
        }
        Ok(())
    }

    /// The build script of the root, else those of the packages that the application needs.
    fn builds(&self) -> Result<Vec<Step>, Error> {
        let words = match &self.request.build {
            Some(words) => words.clone(),
            None if self.request.is_dev => return Ok(Vec::new()),
            None => vec![BUILD.to_owned()],
        };
        let script = &words[0];
        let root = &self.facts.project.root;
        if root.scripts.contains_key(script) {
            return Ok(vec![Step::Run(
                self.commands.run(&words, self.places.app()),
            )]);
        }
        let mut steps = Vec::new();
        for package in &self.closure {
            if package.manifest.scripts.contains_key(script) {
                let directory = self.place(&package.directory)?;
                steps.push(Step::Run(self.commands.run(&words, directory)));
            }
        }
        if steps.is_empty() && self.request.build.is_some() {
            let found = root.scripts.keys().cloned().collect();
            return Err(NodeError::NoSuchScript {
                name: script.clone(),
                variable: variables::NPM_BUILD,
                found,
            }
            .into());
        }
        Ok(steps)
    }

    /// Packages of the workspace that the application does not need, and what development needs.
    fn prune(&self) -> Vec<Step> {
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
                let path = self.place(&package.directory).ok()?;
                Some(Step::Remove { path })
            }));
        }
        let name = self.facts.manifest(self.target).name.as_deref();
        let command = self.commands.prune(name.filter(|_| is_package));
        steps.extend(command.map(Step::Run));
        steps
    }

    /// Returns the steps that remove what the image does not need, and look for secrets.
    fn finish(&self) -> Vec<Step> {
        let app = self.places.app();
        let mut steps = Vec::new();
        if self.request.keep_cache && !self.facts.project.is_bare {
            steps.extend(self.save_tools());
        }
        if !self.request.is_development() {
            steps.extend(self.product());
            let notes: &[_] = match self.facts.choice.manager {
                Manager::Pnpm => &PNPM_NOTES,
                _ => &[],
            };
            for name in REMAINS.iter().chain(notes) {
                let path = below(&app, name);
                steps.push(Step::Remove { path });
            }
        }
        if self.facts.npmrc.has_credentials {
            let path = below(&app, ".npmrc");
            steps.push(Step::Remove { path });
        }
        if self.facts.yarnrc.has_credentials {
            let path = below(&app, ".yarnrc.yml");
            steps.push(Step::Remove { path });
        }
        let secrets = credentials::secrets(self.request);
        if !secrets.is_empty() {
            if self.request.keep_cache {
                // With an answer that depends on it (`Vary: Authorization`), npm keeps the token.
                steps.push(Step::Forget {
                    path: self.places.cache(),
                    variables: secrets.clone(),
                });
            }
            steps.push(Step::Search {
                path: self.places.app_root.clone(),
                variables: secrets,
            });
        }
        steps.push(Step::Share { path: app });
        if self.request.keep_cache && !self.facts.project.is_bare {
            let names = &self.facts.cache_names;
            let names = [names.packages.clone(), names.tools.clone()];
            steps.extend(cache::leave(&names, self.request.cache_limit, self.places));
        }
        steps
    }

    fn place(&self, directory: &str) -> Result<s2i_core::ContainerPath, Error> {
        let path = self.places.app().join(directory);
        path.map_err(|err| Error::variable(variables::WORKSPACE, directory, &err.to_string()))
    }
}

#[cfg(test)]
mod tests;

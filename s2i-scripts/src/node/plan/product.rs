//! The output of a build that replaces the source, and the caches of its tools.

use s2i_core::ContainerPath;

use super::{
    super::{
        frameworks::{self, Configs, Kind, Output, Product},
        project::Target,
    },
    Planner,
};
use crate::assembly::{
    Step, cache,
    plan::{Asset, Outputs, Replacement},
};

/// The Procfile for the server of Next.js; without the variable it listens on one address alone.
const NEXT: &str = "web: HOSTNAME=0.0.0.0 node";

/// The directories in which tools keep their caches, below the application.
const TOOLS: &[(&str, &str)] = &[("node_modules/.cache", "modules"), (".next/cache", "next")];

impl Planner<'_> {
    /// Returns the steps that replace the source with the output, where nothing else runs.
    pub(super) fn product(&self) -> Vec<Step> {
        if self.facts.project.is_bare {
            return Vec::new();
        }
        let directory = self.target.directory();
        let home = join(&self.dirs.app(), directory);
        let manifest = self.facts.manifest(self.target);
        let none = Configs::new();
        let configs = self.facts.configs.get(directory).unwrap_or(&none);
        let (list, is_needed, advice) =
            match frameworks::product(manifest, configs, self.facts.is_server, self.request) {
                Product::Application => return Vec::new(),
                Product::Next { .. } if self.facts.has_procfile => return Vec::new(),
                // The user has chosen what starts.
                Product::Outputs { .. }
                    if self.facts.has_procfile && self.request.static_dir.is_none() =>
                {
                    return Vec::new();
                }
                Product::Next { is_needed } => (self.next(&home, is_needed), is_needed, None),
                Product::Outputs { outputs, advice } => {
                    let outputs = outputs.into_iter();
                    let list = outputs.map(|output| self.replacement(output, &home));
                    (list.collect(), true, advice.map(str::to_owned))
                }
            };
        vec![Step::InstallOutput(Outputs {
            root: self.dirs.app(),
            list,
            is_needed,
            advice,
        })]
    }

    /// Returns the outputs that Next.js may make.
    fn next(&self, home: &ContainerPath, is_needed: bool) -> Vec<Replacement> {
        let directory = self.target.directory();
        let standalone = join(home, ".next/standalone");
        let inside = join(&standalone, directory);
        let assets = ["public", ".next/static"].map(|name| Asset {
            from: join(home, name),
            to: join(&inside, name),
        });
        let server = match directory {
            "" => "server.js".to_owned(),
            directory => format!("{directory}/server.js"),
        };
        let mut outputs = vec![Replacement {
            path: standalone,
            entry: None,
            assets: assets.into(),
            procfile: Some(format!("{NEXT} {server}\n")),
            stays: false,
        }];
        // A directory of that name that was there before the build is something else.
        let is_free = !self.facts.names.iter().any(|name| name == "out");
        if is_free && self.target == Target::Root {
            outputs.push(Replacement {
                path: join(home, "out"),
                entry: None,
                assets: Vec::new(),
                procfile: None,
                stays: false,
            });
        }
        if is_needed {
            outputs.push(Replacement {
                path: join(home, ".next"),
                entry: Some("BUILD_ID".to_owned()),
                assets: Vec::new(),
                procfile: Some(self.in_place(home, "next start")),
                stays: true,
            });
        }
        outputs
    }

    fn replacement(&self, output: Output, home: &ContainerPath) -> Replacement {
        let (procfile, stays) = match &output.kind {
            Kind::Site => (None, false),
            Kind::Server(command) => (Some(format!("web: {command}\n")), false),
            Kind::InPlace(command) => (Some(self.in_place(home, command)), true),
        };
        Replacement {
            path: join(home, &output.directory),
            entry: output.entry,
            assets: Vec::new(),
            procfile,
            stays,
        }
    }

    /// Returns the Procfile at the root for a command in the directory of the application.
    fn in_place(&self, home: &ContainerPath, command: &str) -> String {
        match self.target {
            Target::Root => format!("web: {command}\n"),
            Target::Package(_) => format!("web: cd {home} && {command}\n"),
        }
    }

    /// Returns the steps that restore the caches of tools.
    pub(super) fn restore_tools(&self) -> Vec<Step> {
        let name = &self.facts.cache_names.tools;
        if !self.facts.caches.saved.contains(name) {
            return Vec::new();
        }
        self.tools(|from, to| Step::Move { from, to })
    }

    /// Returns the steps that save the caches of tools for the next build.
    pub(super) fn save_tools(&self) -> Vec<Step> {
        self.tools(|to, from| Step::Move { from, to })
    }

    /// Returns a step for each cache of a tool, made from the path of the kept cache and that in the application.
    fn tools(&self, step: impl Fn(ContainerPath, ContainerPath) -> Step) -> Vec<Step> {
        let name = &self.facts.cache_names.tools;
        let kept = cache::path(name, self.dirs, self.request.keep_cache);
        let home = join(&self.dirs.app(), self.target.directory());
        let tools = TOOLS.iter();
        tools
            .map(|(used, name)| step(join(&kept, name), join(&home, used)))
            .collect()
    }
}

/// Returns a path of the source below another one.
fn join(path: &ContainerPath, below: &str) -> ContainerPath {
    path.join(below).unwrap_or_else(|_| path.clone())
}

//! The output of a build that replaces the source, and the caches of its tools.

use s2i_core::ContainerPath;

use super::{
    super::{
        frameworks::{self, Product},
        project::Target,
    },
    Decider,
};
use crate::assembly::{Step, cache, plan::Asset};

/// The Procfile for the server that Next.js makes; without the variable it would listen on one address alone.
const NEXT: &str = "web: HOSTNAME=0.0.0.0 node";

/// Directories in which tools keep what makes the next build quicker, below the application.
const TOOLS: &[(&str, &str)] = &[("node_modules/.cache", "modules"), (".next/cache", "next")];

impl Decider<'_> {
    /// Returns the steps that replace the source with the output, where nothing else runs.
    pub(super) fn product(&self) -> Vec<Step> {
        if self.facts.project.is_bare {
            return Vec::new();
        }
        let app = self.places.app();
        let directory = self.target.directory();
        let home = join(&app, directory);
        match self.what() {
            Product::Application => Vec::new(),
            Product::Site { directory, .. } => vec![Step::InstallOutput {
                output: join(&home, directory),
                root: app,
                assets: Vec::new(),
                procfile: None,
            }],
            Product::Next if self.facts.procfile => Vec::new(),
            Product::Next => {
                let standalone = join(&home, ".next/standalone");
                let inside = join(&standalone, directory);
                let asset = |name: &str| Asset {
                    from: join(&home, name),
                    to: join(&inside, name),
                };
                let server = match directory {
                    "" => "server.js".to_owned(),
                    directory => format!("{directory}/server.js"),
                };
                let mut steps = vec![Step::InstallOutput {
                    output: standalone,
                    root: app.clone(),
                    assets: vec![asset("public"), asset(".next/static")],
                    procfile: Some(format!("{NEXT} {server}\n")),
                }];
                // A directory of that name that was there before the build is something else.
                let is_free = !self.facts.names.iter().any(|name| name == "out");
                if is_free && self.target == Target::Root {
                    steps.push(Step::InstallOutput {
                        output: join(&home, "out"),
                        root: app,
                        assets: Vec::new(),
                        procfile: None,
                    });
                }
                steps
            }
        }
    }

    /// Returns what the build makes.
    pub(super) fn what(&self) -> Product<'_> {
        let manifest = self.facts.manifest(self.target);
        frameworks::product(manifest, self.facts.is_server, self.request)
    }

    /// Returns the steps that restore the caches of tools.
    pub(super) fn restore_tools(&self) -> Vec<Step> {
        if !self
            .facts
            .caches
            .saved
            .contains(&self.facts.cache_names.tools)
        {
            return Vec::new();
        }
        self.tools(|kept, used| Step::Move {
            from: kept,
            to: used,
        })
    }

    /// Returns the steps that save them for the next build.
    pub(super) fn save_tools(&self) -> Vec<Step> {
        self.tools(|kept, used| Step::Move {
            from: used,
            to: kept,
        })
    }

    fn tools(&self, step: impl Fn(ContainerPath, ContainerPath) -> Step) -> Vec<Step> {
        let name = &self.facts.cache_names.tools;
        let kept = cache::place(name, self.places, self.request.keep_cache);
        let home = join(&self.places.app(), self.target.directory());
        let places = TOOLS.iter();
        places
            .map(|(used, name)| step(join(&kept, name), join(&home, used)))
            .collect()
    }
}

/// Returns a path of the source below another one.
fn join(path: &ContainerPath, below: &str) -> ContainerPath {
    path.join(below).unwrap_or_else(|_| path.clone())
}

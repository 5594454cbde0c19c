//! What of the application stays in the image, and what its tools keep for the next build.

use s2i_core::ContainerPath;

use super::{
    super::{
        frameworks::{self, Product},
        project::Target,
    },
    Decider,
};
use crate::build::{Step, cache, plan::Kept};

/// How the server that Next.js makes is started; it would listen on one address alone otherwise.
const NEXT: &str = "web: HOSTNAME=0.0.0.0 node";

/// Directories in which tools keep what makes the next build quicker, below the application.
const TOOLS: &[(&str, &str)] = &[("node_modules/.cache", "modules"), (".next/cache", "next")];

impl Decider<'_> {
    /// Lets what the build makes take the place of the source, where that is all that runs.
    pub(super) fn product(&self) -> Vec<Step> {
        if self.facts.project.is_bare {
            return Vec::new();
        }
        let app = self.places.app();
        let directory = self.target.directory();
        let home = join(&app, directory);
        match self.what() {
            Product::Application => Vec::new(),
            Product::Site { directory, .. } => vec![Step::Promote {
                part: join(&home, directory),
                whole: app,
                keep: Vec::new(),
                procfile: None,
            }],
            Product::Next if self.facts.procfile => Vec::new(),
            Product::Next => {
                let standalone = join(&home, ".next/standalone");
                let inside = join(&standalone, directory);
                let kept = |name: &str| Kept {
                    from: join(&home, name),
                    to: join(&inside, name),
                };
                let server = match directory {
                    "" => "server.js".to_owned(),
                    directory => format!("{directory}/server.js"),
                };
                let mut steps = vec![Step::Promote {
                    part: standalone,
                    whole: app.clone(),
                    keep: vec![kept("public"), kept(".next/static")],
                    procfile: Some(format!("{NEXT} {server}\n")),
                }];
                // A directory of that name that was there before the build is something else.
                let is_free = !self.facts.names.iter().any(|name| name == "out");
                if is_free && self.target == Target::Root {
                    steps.push(Step::Promote {
                        part: join(&home, "out"),
                        whole: app,
                        keep: Vec::new(),
                        procfile: None,
                    });
                }
                steps
            }
        }
    }

    /// What the build makes.
    pub(super) fn what(&self) -> Product<'_> {
        let manifest = self.facts.manifest(self.target);
        frameworks::product(manifest, self.facts.is_server, self.request)
    }

    /// Brings back what tools have kept.
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

    /// Keeps it for the next build.
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

/// A path of the source below another one.
fn join(path: &ContainerPath, below: &str) -> ContainerPath {
    path.join(below).unwrap_or_else(|_| path.clone())
}

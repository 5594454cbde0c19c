//! The environment of every `go` command, in addition to the user's own.

use std::collections::BTreeMap;

use s2i_core::ContainerPath;

use super::{Layout, Request, Version, flags, layout::FILES_NAME, request::XDG_CONFIG_HOME};
use crate::{
    Places,
    assembly::{Step, cache},
    places::below,
    variables,
};

/// The directory, the variables and the flags of the `go` commands of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The layout of the source.
    pub layout: Layout,
    /// The import path of the root, where there is no go.mod that has it.
    pub import: Option<String>,
    /// The name of the cache for compiled packages; it belongs to one toolchain.
    pub build_cache: String,
}

/// The name of the cache for modules, which belongs to any toolchain.
pub(super) const MODULES: &str = "mod";

impl Environment {
    /// Returns the names of the caches.
    pub(super) fn caches(&self) -> [String; 2] {
        [self.build_cache.clone(), MODULES.to_owned()]
    }

    /// Returns the directory in which `go` runs.
    pub(super) fn directory(&self, places: &Places) -> ContainerPath {
        let import = match self.layout {
            Layout::Gopath { .. } => self.import.as_deref(),
            _ => None,
        };
        import
            .and_then(|import| gopath(places).join(&format!("src/{import}")).ok())
            .unwrap_or_else(|| places.source.clone())
    }

    /// Returns the variables. Nothing is read from or written to a home directory: there may be none.
    pub(super) fn variables(&self, request: &Request, places: &Places) -> BTreeMap<String, String> {
        let place = |name: &str| cache::place(name, places, request.keep_cache).to_string();
        let mut env = BTreeMap::from(
            [
                ("GOCACHE", place(&self.build_cache)),
                // No settings from a file, no toolchain from the network.
                ("GOENV", "off".to_owned()),
                // Directories that can be removed again.
                (
                    variables::GOFLAGS,
                    flags::append(request.goflags.as_deref(), "-modcacherw"),
                ),
                ("GOMODCACHE", place(MODULES)),
                ("GOPATH", self.gopath(places)),
                ("GOTMPDIR", places.scratch("tmp").to_string()),
                ("GOTOOLCHAIN", "local".to_owned()),
                // Go believes it, where it is right, more than its own look at the directory.
                ("PWD", self.directory(places).to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        for (name, value) in [
            (variables::CGO_ENABLED, "0".to_owned()),
            (XDG_CONFIG_HOME, places.scratch("config").to_string()),
        ] {
            if !request.set.contains(&name) {
                env.insert(name.to_owned(), value);
            }
        }
        if matches!(self.layout, Layout::Gopath { .. }) {
            env.insert("GO111MODULE".to_owned(), "off".to_owned());
        }
        env
    }

    fn gopath(&self, places: &Places) -> String {
        let ours = gopath(places);
        match self.layout {
            Layout::Gopath { godeps: true } => {
                let theirs = self.directory(places).join("Godeps/_workspace");
                theirs.map_or(ours.to_string(), |theirs| format!("{theirs}:{ours}"))
            }
            _ => ours.to_string(),
        }
    }

    /// Returns the flags that select the files of the build.
    pub(super) fn flags(&self, request: &Request, places: &Places) -> Vec<String> {
        let mut flags = Vec::new();
        if self.layout == Layout::Files {
            flags.push(format!("-overlay={}", overlay(places)));
        }
        flags.extend(request.tags.as_ref().map(|tags| format!("-tags={tags}")));
        flags
    }

    /// Returns the steps before the first `go` command.
    pub(super) fn preparation(&self, toolchain: Option<&Version>, places: &Places) -> Vec<Step> {
        let mut steps = vec![
            Step::MakeDirectory {
                path: places.scratch("tmp"),
            },
            Step::Write {
                path: places.scratch("config/go/telemetry/mode"),
                content: "off".into(),
            },
        ];
        match self.layout {
            Layout::Files => steps.extend(self.overlay(toolchain, places)),
            Layout::Gopath { .. } => steps.push(Step::Link {
                path: self.directory(places),
                target: places.source.to_string(),
            }),
            Layout::Module { .. } | Layout::Workspace => {}
        }
        steps
    }

    /// Gives a source without go.mod one, without writing to it.
    fn overlay(&self, toolchain: Option<&Version>, places: &Places) -> [Step; 2] {
        let module = places.scratch("go.mod");
        let root = below(&places.source, "go.mod");
        let replace = serde_json::json!({ "Replace": { root.as_str(): module.as_str() } });
        let language = toolchain
            .map(|version| format!("\ngo {}\n", version.language()))
            .unwrap_or_default();
        let name = self.import.as_deref().unwrap_or(FILES_NAME);
        [
            Step::Write {
                path: module,
                content: format!("module {name}\n{language}"),
            },
            Step::Write {
                path: overlay(places),
                content: replace.to_string(),
            },
        ]
    }
}

fn overlay(places: &Places) -> ContainerPath {
    places.scratch("overlay.json")
}

fn gopath(places: &Places) -> ContainerPath {
    places.scratch("gopath")
}

//! The environment of every `go` command, in addition to that of the user.

use std::collections::BTreeMap;

use s2i_core::ContainerPath;

use super::{Layout, Request, Version, flags, layout::FILES_NAME, request::XDG_CONFIG_HOME};
use crate::{
    Directories,
    assembly::{Step, cache},
    directories::below,
    variables,
};

/// The directory, the variables and the flags of the `go` commands of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) layout: Layout,
    /// The directory of the module, such as `./cmd/web`; `.` is the root.
    pub(crate) module: String,
    /// The import path of the root, where there is no go.mod that has it.
    pub(crate) import: Option<String>,
    /// The value of `GOTOOLCHAIN`.
    pub(crate) toolchain: String,
    /// The name of the cache for compiled packages; it belongs to one toolchain.
    pub(crate) build_cache: String,
}

/// The name of the cache for modules, which any toolchain can use.
pub(super) const MODULES: &str = "mod";

impl Environment {
    pub(super) fn caches(&self) -> [String; 2] {
        [self.build_cache.clone(), MODULES.to_owned()]
    }

    /// Returns the directory in which `go` runs.
    pub(super) fn directory(&self, dirs: &Directories) -> ContainerPath {
        let import = match self.layout {
            Layout::Gopath { .. } => self.import.as_deref(),
            _ => None,
        };
        import
            .and_then(|import| gopath(dirs).join(&format!("src/{import}")).ok())
            .or_else(|| dirs.source.join(self.module.trim_start_matches("./")).ok())
            .unwrap_or_else(|| dirs.source.clone())
    }

    /// Returns the environment for a module below the root.
    pub(super) fn within(&self, module: &str) -> Self {
        Self {
            module: module.to_owned(),
            ..self.clone()
        }
    }

    /// Returns whether the commands are for the root, and not for a module below it.
    pub(super) fn is_root(&self) -> bool {
        self.module == "."
    }

    /// Returns the variables. Nothing is read from or written to a home directory: there may be none.
    pub(super) fn variables(
        &self,
        request: &Request,
        dirs: &Directories,
    ) -> BTreeMap<String, String> {
        let path = |name: &str| cache::path(name, dirs, request.keep_cache).to_string();
        let mut env = BTreeMap::from(
            [
                ("GOCACHE", path(&self.build_cache)),
                // No settings from a file.
                ("GOENV", "off".to_owned()),
                // Directories that can be removed again.
                (
                    variables::GOFLAGS,
                    flags::append(request.goflags.as_deref(), "-modcacherw"),
                ),
                ("GOMODCACHE", path(MODULES)),
                ("GOPATH", self.gopath(dirs)),
                ("GOTMPDIR", dirs.scratch("tmp").to_string()),
                (variables::GOTOOLCHAIN, self.toolchain.clone()),
                // Go prefers a correct value to its own look at the directory, which may be a link.
                ("PWD", self.directory(dirs).to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        for (name, value) in [
            (variables::CGO_ENABLED, "0".to_owned()),
            (XDG_CONFIG_HOME, dirs.scratch("config").to_string()),
        ] {
            if !request.set.contains(&name) {
                env.insert(name.to_owned(), value);
            }
        }
        if !self.is_root() {
            // Go refuses modules below a workspace that does not name them.
            env.insert("GOWORK".to_owned(), "off".to_owned());
        }
        if matches!(self.layout, Layout::Gopath { .. }) {
            env.insert("GO111MODULE".to_owned(), "off".to_owned());
        }
        env
    }

    fn gopath(&self, dirs: &Directories) -> String {
        let path = gopath(dirs);
        match self.layout {
            Layout::Gopath { godeps: true } => {
                let godeps = self.directory(dirs).join("Godeps/_workspace");
                godeps.map_or(path.to_string(), |godeps| format!("{godeps}:{path}"))
            }
            _ => path.to_string(),
        }
    }

    /// Returns the flags that select the files of the build.
    pub(super) fn flags(&self, request: &Request, dirs: &Directories) -> Vec<String> {
        let mut flags = Vec::new();
        if self.layout == Layout::Files {
            flags.push(format!("-overlay={}", overlay(dirs)));
        }
        flags.extend(request.tags.as_ref().map(|tags| format!("-tags={tags}")));
        flags
    }

    /// Returns the steps before the first `go` command.
    pub(super) fn preparation(&self, toolchain: Option<&Version>, dirs: &Directories) -> Vec<Step> {
        let mut steps = vec![
            Step::MakeDirectory {
                path: dirs.scratch("tmp"),
            },
            Step::Write {
                path: dirs.scratch("config/go/telemetry/mode"),
                content: "off".into(),
            },
        ];
        match self.layout {
            Layout::Files => steps.extend(self.overlay(toolchain, dirs)),
            Layout::Gopath { .. } => steps.push(Step::Link {
                path: self.directory(dirs),
                target: dirs.source.to_string(),
            }),
            Layout::Module { .. } | Layout::Workspace => {}
        }
        steps
    }

    /// Returns the steps that give a source without go.mod one, without writing to it.
    fn overlay(&self, toolchain: Option<&Version>, dirs: &Directories) -> [Step; 2] {
        let module = dirs.scratch("go.mod");
        let root = below(&dirs.source, "go.mod");
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
                path: overlay(dirs),
                content: replace.to_string(),
            },
        ]
    }
}

fn overlay(dirs: &Directories) -> ContainerPath {
    dirs.scratch("overlay.json")
}

fn gopath(dirs: &Directories) -> ContainerPath {
    dirs.scratch("gopath")
}

//! Go: modules, vendored modules, and files without a module.

pub mod facts;
mod flags;
mod layout;
pub mod modfile;
mod plan;
mod version;

use std::collections::BTreeMap;

use s2i_core::ContainerPath;

pub use facts::Facts;
pub use layout::Layout;
pub use modfile::ModFile;
pub use plan::plan;
pub use version::Version;

use crate::{Error, Host, Places, places::below, plan::Step, variables};

/// What the user asks for, and what the rest of the environment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// [`variables::GO_TARGET`]
    pub target: Option<String>,
    /// [`variables::GO_LDFLAGS`]
    pub ldflags: Option<String>,
    /// [`variables::GO_TAGS`]
    pub tags: Option<String>,
    /// [`variables::GOFLAGS`]
    pub goflags: Option<String>,
    /// Variables that have a default of ours and that the user has set.
    pub set: Vec<&'static str>,
    /// [`variables::KEEP_CACHE`]
    pub keep_cache: bool,
    /// The time of the files that are made.
    pub epoch: u64,
}

/// Where Go would keep its own settings and counters.
const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";

impl Request {
    /// Reads the host's environment.
    ///
    /// # Errors
    /// When a variable has a value that can't be used.
    pub fn read(host: &Host<'_>) -> Result<Self, Error> {
        let text = |name| Ok(host.variable(name)?.map(str::to_owned));
        let mut set = Vec::new();
        for name in [variables::CGO_ENABLED, XDG_CONFIG_HOME] {
            set.extend(host.variable(name)?.map(|_| name));
        }
        Ok(Self {
            target: text(variables::GO_TARGET)?,
            ldflags: text(variables::GO_LDFLAGS)?,
            tags: text(variables::GO_TAGS)?,
            goflags: text(variables::GOFLAGS)?,
            set,
            keep_cache: host.switch(variables::KEEP_CACHE)?,
            epoch: host.epoch()?,
        })
    }

    /// The directory that build and module cache are in while the build runs.
    fn cache(&self, places: &Places) -> ContainerPath {
        if self.keep_cache {
            places.cache()
        } else {
            places.scratch("cache")
        }
    }

    /// What a `go` command gets in addition to the user's environment.
    ///
    /// Nothing of it is read from or written to a home directory: there may be none.
    fn environment(&self, places: &Places) -> BTreeMap<String, String> {
        let cache = self.cache(places);
        let mut env = BTreeMap::from(
            [
                ("GOCACHE", below(&cache, "build").to_string()),
                // No settings from a file, no toolchain from the network.
                ("GOENV", "off".to_owned()),
                // Directories that can be removed again.
                (
                    variables::GOFLAGS,
                    flags::append(self.goflags.as_deref(), "-modcacherw"),
                ),
                ("GOMODCACHE", below(&cache, "mod").to_string()),
                ("GOPATH", places.scratch("gopath").to_string()),
                ("GOTMPDIR", places.scratch("tmp").to_string()),
                ("GOTOOLCHAIN", "local".to_owned()),
                // Go believes it, where it is right, more than its own look at the directory.
                ("PWD", places.source.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        for (name, value) in [
            (variables::CGO_ENABLED, "0".to_owned()),
            (XDG_CONFIG_HOME, places.scratch("config").to_string()),
        ] {
            if !self.set.contains(&name) {
                env.insert(name.to_owned(), value);
            }
        }
        env
    }
}

/// What has to be there before any `go` command runs.
fn preparation(layout: &Layout, toolchain: Option<&Version>, places: &Places) -> Vec<Step> {
    let mut steps = vec![
        Step::MakeDirectory {
            path: places.scratch("tmp"),
        },
        Step::Write {
            path: telemetry_mode(places),
            content: "off".into(),
        },
    ];
    if *layout == Layout::Files {
        let (module, overlay) = (places.scratch("go.mod"), overlay(places));
        let root = below(&places.source, "go.mod");
        let replace = serde_json::json!({ "Replace": { root.as_str(): module.as_str() } });
        let language = toolchain
            .map(|version| format!("\ngo {}\n", version.language()))
            .unwrap_or_default();
        steps.push(Step::Write {
            path: module,
            content: format!("module {}\n{language}", layout::FILES_NAME),
        });
        steps.push(Step::Write {
            path: overlay,
            content: replace.to_string(),
        });
    }
    steps
}

/// The file that gives a source without go.mod one, without writing to it.
fn overlay(places: &Places) -> ContainerPath {
    places.scratch("overlay.json")
}

fn telemetry_mode(places: &Places) -> ContainerPath {
    places.scratch("config/go/telemetry/mode")
}

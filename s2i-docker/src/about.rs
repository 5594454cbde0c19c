//! The properties of an engine, as it reports them.

use bollard::{models::SystemVersionComponents, query_parameters::ListNetworksOptions};
use s2i_build::{
    EngineError,
    ports::{EngineInfo, Operation},
};

use crate::{DockerEngine, Flavour};

/// The properties of an engine, as it reports them.
#[derive(Clone, Debug)]
pub struct About {
    /// The name, version and endpoint.
    pub info: EngineInfo,
    /// The kind of engine: Docker or Podman.
    pub flavour: Flavour,
    /// True if the engine is rootless.
    pub is_rootless: bool,
    /// The enabled security options, for example `seccomp`.
    pub guards: Vec<String>,
    /// The resources that can be limited for containers, for example `memory`.
    pub limits: Vec<&'static str>,
    /// The names of its networks.
    pub networks: Vec<String>,
    /// The storage driver.
    pub storage: String,
    /// The name of the default OCI runtime.
    pub runtime: String,
    /// The version of that runtime, if the engine reports it.
    pub runtime_version: Option<String>,
}

/// The security option that a rootless engine reports.
const ROOTLESS: &str = "rootless";

impl DockerEngine {
    /// Queries the properties of the engine.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] when the engine does not answer, and every error that it returns.
    pub async fn about(&self) -> Result<About, EngineError> {
        let version = self.version().await?;
        let components = version.components.clone().unwrap_or_default();
        let (flavour, info) = self.flavour_of(version);
        let system = self.system().await?;
        let networks = self.client.list_networks(None::<ListNetworksOptions>).await;
        let networks = networks.map_err(self.client.failed(Operation::List, "its networks"))?;
        let mut networks: Vec<_> = networks
            .into_iter()
            .filter_map(|network| network.name)
            .collect();
        networks.sort();
        let options = system.security_options.unwrap_or_default();
        let guards: Vec<_> = options.iter().map(|option| guard(option)).collect();
        let limits = [
            ("memory", system.memory_limit),
            ("processors", system.cpu_cfs_quota),
            ("processes", system.pids_limit),
        ];
        let runtime = system.default_runtime.unwrap_or_default();
        Ok(About {
            info,
            flavour,
            is_rootless: guards.iter().any(|guard| guard == ROOTLESS),
            guards: guards
                .into_iter()
                .filter(|guard| guard != ROOTLESS)
                .collect(),
            limits: limits
                .into_iter()
                .filter_map(|(name, has)| has.unwrap_or_default().then_some(name))
                .collect(),
            networks,
            storage: system.driver.unwrap_or_default(),
            runtime_version: runtime_version(&runtime, &components),
            runtime,
        })
    }
}

/// Returns the version of the runtime. Docker lists the component by its name; Podman lists it as
/// `OCI Runtime (crun)`, with the output of `crun --version`, such as `crun version 1.14`.
fn runtime_version(runtime: &str, components: &[SystemVersionComponents]) -> Option<String> {
    let of_podman = format!("OCI Runtime ({runtime})");
    let is_it = |component: &&SystemVersionComponents| {
        component.name == runtime || component.name == of_podman
    };
    let text = &components.iter().find(is_it)?.version;
    let mut words = text.split_whitespace();
    // Docker reports `N/A` for an unknown version.
    let version = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    version.map(str::to_owned)
}

/// Returns the name of a security option: `seccomp` for `name=seccomp,profile=default`.
fn guard(option: &str) -> String {
    let mut parts = option.split(',');
    let name = parts.find_map(|part| part.strip_prefix("name="));
    name.unwrap_or(option).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_have_short_names() {
        assert_eq!(guard("name=seccomp,profile=default"), "seccomp");
        assert_eq!(guard("name=rootless"), "rootless");
        assert_eq!(guard("apparmor"), "apparmor");
    }

    #[test]
    fn the_version_of_the_runtime_is_found_in_each_form() {
        let component = |name: &str, version: &str| SystemVersionComponents {
            name: name.into(),
            version: version.into(),
            details: None,
        };
        for (name, version, expected) in [
            ("runc", "1.1.5+ds1", Some("1.1.5+ds1")),
            (
                "OCI Runtime (runc)",
                "runc version 1.1.5\ncommit: 1",
                Some("1.1.5"),
            ),
            ("runc", "N/A", None),
            ("crun", "1.14", None),
        ] {
            let components = [component("Engine", "1"), component(name, version)];
            let found = runtime_version("runc", &components);
            assert_eq!(found.as_deref(), expected, "{name} {version}");
        }
    }
}

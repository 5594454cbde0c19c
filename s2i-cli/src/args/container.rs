//! The options for the containers and labels of a build, as the Go tool and Docker have them.

use std::path::Path;

use clap::{Args, builder::NonEmptyStringValueParser};
use s2i_build::request::{ContainerOptions, HostMount, HostName};
use s2i_core::{Capability, mapping::MappingList};

/// Options for the containers and labels of a build.
#[derive(Debug, Args)]
pub(crate) struct ContainerArgs {
    /// Make files available to `assemble` that the resulting image does not contain: `SOURCE[:DESTINATION]`,
    /// separated by `;`; a relative destination is below the working directory of the builder image
    #[arg(short, long, value_name = "PATHS")]
    pub(crate) inject: Vec<MappingList>,
    /// Mount a directory, a file or a volume in the containers of `assemble` and `save-artifacts`:
    /// `SOURCE:DESTINATION[:ro|z|Z]`; the resulting image does not contain it
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<HostMount>,
    /// Add a name for an address to the containers: `NAME:ADDRESS`
    #[arg(long, value_name = "HOST")]
    add_host: Vec<HostName>,
    /// Take capabilities from the scripts, separated by commas; ALL takes all of them
    #[arg(long, value_name = "CAPABILITIES", value_delimiter = ',')]
    cap_drop: Vec<Capability>,
    /// Set a security option of Docker or Podman for the containers
    #[arg(long, value_name = "OPTION", value_parser = NonEmptyStringValueParser::new())]
    security_opt: Vec<String>,
    /// Set a label of the resulting image
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
}

impl ContainerArgs {
    /// Returns the options for containers. Relative paths of volumes are below `working_dir`.
    pub(crate) fn options(&self, working_dir: &Path) -> ContainerOptions {
        let mount = |mount: &HostMount| HostMount {
            source: host_path(&mount.source, working_dir),
            ..mount.clone()
        };
        ContainerOptions {
            mounts: self.volume.iter().map(mount).collect(),
            hosts: self.add_host.clone(),
            without_capabilities: self.cap_drop.clone(),
            security: self.security_opt.clone(),
        }
    }
}

/// Returns the absolute path of a path that starts with a dot; anything else is one already, or names a volume.
fn host_path(source: &str, working_dir: &Path) -> String {
    if source == "." || source == ".." || source.starts_with("./") || source.starts_with("../") {
        return working_dir.join(source).display().to_string();
    }
    source.into()
}

/// Reads a label. Without `=` its value is empty, as with Docker.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if name.trim().is_empty() {
        return Err(format!("`{text}` has no name before the `=`"));
    }
    Ok((name.into(), value.into()))
}

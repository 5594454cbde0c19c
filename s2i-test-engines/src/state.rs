//! The record of a started engine, with which it is found and removed later.

use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    kind::{Kind, ROOT},
    kubernetes,
    process::Process,
};

const FILE: &str = "state.json";

/// The endpoint of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The kind of the engine.
    pub kind: Kind,
    /// `unix:///…`, or `http://…` for the registry, or `https://…` for the API server of Kubernetes.
    pub url: String,
    /// The ordinary user that runs the engine.
    pub user: Option<String>,
    /// The version that the engine reported.
    pub version: String,
}

impl Endpoint {
    /// Returns shell code for `eval` that selects this engine.
    #[must_use]
    pub fn selecting(&self) -> String {
        match self.kind {
            Kind::Registry => format!("# push to {}/NAME", self.url.trim_start_matches("http://")),
            Kind::Kubernetes => kubernetes::selecting(),
            Kind::Docker | Kind::DockerLatest | Kind::Podman | Kind::PodmanUser => {
                let url = &self.url;
                format!("export DOCKER_HOST={url}\n# or: s2i --url {url}")
            }
        }
    }
}

/// The record of one engine, kept in its folder.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The endpoint, once the engine has responded.
    pub(crate) endpoint: Option<Endpoint>,
    /// The started processes, in order.
    pub(crate) processes: Vec<Process>,
    /// The user that was created for the engine.
    pub(crate) created_user: Option<String>,
    /// The chains of iptables that existed before.
    pub(crate) chains_before: Option<Vec<String>>,
}

impl Record {
    /// Returns the record of an engine that was started, running or not.
    pub(crate) fn load(kind: Kind) -> Option<Self> {
        let text = fs::read(kind.dir().join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes the record atomically.
    pub(crate) fn save(&self, kind: Kind) -> Result<()> {
        let (file, new) = (kind.dir().join(FILE), kind.dir().join("state.new"));
        let text = serde_json::to_vec_pretty(self).context("can't encode the state")?;
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("can't write `{}`", file.display()))
    }
}

/// A lock against starting and stopping the same engine concurrently.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock.
    pub(crate) fn take(kind: Kind) -> Result<Self> {
        make_root()?;
        let path = Path::new(ROOT).join(format!("{kind}.lock"));
        let file =
            File::create(&path).with_context(|| format!("can't create `{}`", path.display()))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
            .with_context(|| format!("can't lock `{}`", path.display()))?;
        Ok(Self { _file: file })
    }
}

/// Creates the folder of all engines, and rejects one of another user: its parent is writable for all.
fn make_root() -> Result<()> {
    let made = fs::DirBuilder::new().mode(0o755).create(ROOT);
    if let Err(err) = made
        && err.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(err).with_context(|| format!("can't create {ROOT}"));
    }
    let meta = fs::symlink_metadata(ROOT).with_context(|| format!("can't read {ROOT}"))?;
    let ours = meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o022 == 0;
    ensure!(
        ours,
        "{ROOT} must be a folder that only root writes; remove it"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(kind: Kind, url: &str) -> Endpoint {
        Endpoint {
            kind,
            url: url.into(),
            user: None,
            version: "1".into(),
        }
    }

    #[test]
    fn an_engine_is_selected_by_a_variable() {
        let line = endpoint(Kind::Docker, "unix:///x/docker.sock").selecting();
        assert_eq!(
            line,
            "export DOCKER_HOST=unix:///x/docker.sock\n# or: s2i --url unix:///x/docker.sock"
        );
    }

    #[test]
    fn kubernetes_is_selected_by_a_file_and_its_registry_has_two_names() {
        assert_eq!(
            endpoint(Kind::Kubernetes, "https://127.0.0.1:1").selecting(),
            "export KUBECONFIG=/var/tmp/s2i-engines/kubernetes/admin.kubeconfig\n\
             # push to 127.0.0.1:15000/NAME, which is 10.221.4.1:15000/NAME in pods"
        );
    }

    #[test]
    fn a_registry_is_part_of_a_name() {
        assert_eq!(
            endpoint(Kind::Registry, "http://127.0.0.1:1").selecting(),
            "# push to 127.0.0.1:1/NAME"
        );
    }
}

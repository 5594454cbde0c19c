//! Finding a cluster, as `kubectl` does.

use std::{
    env,
    fs::metadata,
    path::{Path, PathBuf},
};

use kube::{
    Config,
    client::ClientBuilder,
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use thiserror::Error;

use super::{cluster::Cluster, error::innermost};

/// The most bytes of a kubeconfig: large ones have some hundred clusters with certificates.
const KUBECONFIG_BYTES: u64 = 16 << 20;

/// The cluster and the namespace to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// A context of the kubeconfig; without one its current context, or the cluster of the pod that this runs in.
    pub context: Option<String>,
    /// The namespace; without one that of the context.
    pub namespace: Option<String>,
}

/// A cluster that can't be found or used.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is neither a kubeconfig nor a pod around this program.
    #[error(
        "no cluster is configured: neither `KUBECONFIG` nor `~/.kube/config` names a file that exists, and this is no \
         pod of a cluster ({pod}); the operator of a cluster has a kubeconfig for it"
    )]
    NoConfig {
        /// Why this is no pod.
        pod: String,
    },
    /// A kubeconfig that is too long or no file.
    #[error("the kubeconfig `{}` is not a file of up to {KUBECONFIG_BYTES} bytes: set `KUBECONFIG` to another one", .0.display())]
    Unreadable(PathBuf),
    /// A kubeconfig that can't be used.
    #[error("the kubeconfig can't be used: {words}; `kubectl config view` shows what is in it")]
    Config {
        /// The reason.
        words: String,
    },
    /// A context that the kubeconfig does not have.
    #[error("the kubeconfig has no context `{name}`; it has {}", list(.known))]
    Context {
        /// The name.
        name: String,
        /// The contexts that it has.
        known: Vec<String>,
    },
    /// A namespace that can't be one.
    #[error("`{0}` can't be a namespace: name one with small letters, digits and `-`")]
    Namespace(String),
    /// The login or a certificate of the context can't be used.
    #[error("the login of the context can't be used: {words}")]
    Login {
        /// The reason.
        words: String,
    },
}

impl Cluster {
    /// Finds the cluster: the context that the target names, or the current one of the kubeconfig, or the cluster of
    /// the pod that this runs in. Nothing is sent yet.
    ///
    /// # Errors
    /// Without a cluster, or with a kubeconfig that can't be used.
    pub async fn connect(target: &Target) -> Result<Self, ConnectError> {
        let mut config = find(target).await?;
        // A repeated request could create a second build: a server may have done what it could not answer.
        config.default_retry = false;
        let namespace = target
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        if crate::job::check_namespace(&namespace).is_err() {
            return Err(ConnectError::Namespace(namespace));
        }
        let stack = ClientBuilder::try_from(config).map_err(|error| ConnectError::Login {
            words: innermost(&error),
        })?;
        Ok(Self::new(stack, namespace))
    }
}

async fn find(target: &Target) -> Result<Config, ConnectError> {
    let files = files();
    for file in &files {
        check_file(file)?;
    }
    if files.is_empty() && target.context.is_none() {
        return Config::incluster().map_err(|error: InClusterError| ConnectError::NoConfig {
            pod: innermost(&error),
        });
    }
    let kubeconfig = read(&files)?;
    let known = kubeconfig
        .contexts
        .iter()
        .map(|context| context.name.clone())
        .collect::<Vec<_>>();
    let wanted = target
        .context
        .as_ref()
        .or(kubeconfig.current_context.as_ref());
    if let Some(name) = wanted.filter(|name| !known.contains(name)) {
        return Err(ConnectError::Context {
            name: name.clone(),
            known,
        });
    }
    let options = KubeConfigOptions {
        context: target.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map_err(|error| unusable(&error))
}

fn read(files: &[PathBuf]) -> Result<Kubeconfig, ConnectError> {
    let merged = files
        .iter()
        .try_fold(Kubeconfig::default(), |merged, file| {
            merged.merge(Kubeconfig::read_from(file)?)
        });
    merged.map_err(|error| unusable(&error))
}

fn unusable(error: &KubeconfigError) -> ConnectError {
    ConnectError::Config {
        words: innermost(error),
    }
}

/// Returns the files of the kubeconfig that exist.
fn files() -> Vec<PathBuf> {
    let named = env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
    let files: Vec<PathBuf> = match named {
        Some(value) => env::split_paths(&value).collect(),
        None => env::home_dir()
            .map(|home| home.join(".kube/config"))
            .into_iter()
            .collect(),
    };
    files.into_iter().filter(|file| file.exists()).collect()
}

fn check_file(file: &Path) -> Result<(), ConnectError> {
    match metadata(file) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= KUBECONFIG_BYTES => Ok(()),
        _ => Err(ConnectError::Unreadable(file.to_owned())),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

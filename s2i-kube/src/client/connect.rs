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
    #[error("the kubeconfig can't be used: {words}; `kubectl config view` may show more")]
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
        Self::of_files(target, &files()).await
    }

    async fn of_files(target: &Target, files: &[PathBuf]) -> Result<Self, ConnectError> {
        let mut config = find(target, files).await?;
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

async fn find(target: &Target, files: &[PathBuf]) -> Result<Config, ConnectError> {
    for file in files {
        check_file(file)?;
    }
    if files.is_empty() && target.context.is_none() {
        return Config::incluster().map_err(|error: InClusterError| ConnectError::NoConfig {
            pod: innermost(&error),
        });
    }
    let kubeconfig = read(files)?;
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
    let words = match error {
        // The text of the parser shows lines of the file, where tokens are.
        KubeconfigError::Parse(error) => match error.location() {
            Some(place) => format!(
                "line {}, column {} is not as it should be",
                place.line(),
                place.column()
            ),
            None => "it is not YAML of a kubeconfig".to_owned(),
        },
        _ => innermost(error),
    };
    ConnectError::Config { words }
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

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: first
clusters:
- {name: c, cluster: {server: "http://127.0.0.1:1"}}
users:
- {name: u, user: {token: correct-horse}}
contexts:
- {name: first, context: {cluster: c, user: u, namespace: builds}}
- {name: second, context: {cluster: c, user: u}}
"#;

    /// Connects with a kubeconfig of this text.
    async fn connect(
        yaml: &str,
        context: Option<&str>,
        namespace: Option<&str>,
    ) -> Result<Cluster, ConnectError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, yaml).unwrap();
        let target = Target {
            context: context.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
        };
        Cluster::of_files(&target, &[file]).await
    }

    #[tokio::test]
    async fn namespace_is_that_of_the_command_or_of_the_context() {
        let cases = [
            (None, None, "builds"),
            (None, Some("other"), "other"),
            (Some("second"), None, "default"),
        ];
        for (context, namespace, expected) in cases {
            let cluster = connect(KUBECONFIG, context, namespace).await.unwrap();
            assert_eq!(cluster.namespace(), expected);
        }
        let error = connect(KUBECONFIG, None, Some("a/b")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Namespace(_)), "{error}");
    }

    #[tokio::test]
    async fn contexts_are_listed_if_the_wanted_one_is_missing() {
        let error = connect(KUBECONFIG, Some("third"), None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the kubeconfig has no context `third`; it has `first`, `second`"
        );
    }

    #[tokio::test]
    async fn malformed_kubeconfig_is_refused_without_showing_what_is_in_it() {
        for broken in [
            "contexts: [",
            "users: {correct-horse",
            "users: [{user: {token: correct-horse}, name: [}]",
        ] {
            let error = connect(broken, None, None).await.unwrap_err();
            assert!(matches!(error, ConnectError::Config { .. }), "{error}");
            assert!(
                !format!("{error} {error:?}").contains("correct-horse"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn kubeconfig_that_is_no_small_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::File::create(&large)
            .unwrap()
            .set_len(KUBECONFIG_BYTES + 1)
            .unwrap();
        for file in [large, folder.path().to_owned()] {
            let error = Cluster::of_files(&Target::default(), &[file])
                .await
                .unwrap_err();
            assert!(matches!(error, ConnectError::Unreadable(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn without_a_kubeconfig_and_a_pod_there_is_no_cluster() {
        let error = Cluster::of_files(&Target::default(), &[])
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::NoConfig { .. }), "{error}");
    }
}

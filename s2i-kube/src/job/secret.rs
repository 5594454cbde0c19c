//! The Secrets of a build: which steps get them, and the objects.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use s2i_core::{EnvVar, Secret as Hidden};

use super::{JobError, Step, metadata, names};

/// The type of a Secret with logins of registries.
pub const REGISTRY_SECRET_TYPE: &str = "kubernetes.io/dockerconfigjson";

/// The key of the logins in it.
pub const REGISTRY_SECRET_KEY: &str = ".dockerconfigjson";

/// The most bytes of a Secret that an API server takes.
pub const MAX_SECRET_BYTES: usize = 1 << 20;

/// The names of the Secrets of a build, which exist in its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The logins for the push, which also find the previous image.
    pub push: Option<String>,
    /// The logins to look images up, if they are others.
    pub pull: Option<String>,
    /// The login of the Git server, of the type `kubernetes.io/basic-auth` or `kubernetes.io/ssh-auth`.
    pub git: Option<String>,
    /// The Secrets that `assemble` gets, each as a directory of its name.
    pub build: Vec<String>,
    /// The Secrets with which the node pulls the images of the steps.
    pub images: Vec<String>,
}

impl Secrets {
    /// Fails if a name can't be one, or is given twice.
    pub(crate) fn check(&self) -> Result<(), JobError> {
        let single = [&self.push, &self.pull, &self.git].into_iter().flatten();
        for name in single.chain(&self.build).chain(&self.images) {
            names::check_object("a secret", name)?;
        }
        let mut seen = BTreeSet::new();
        match self.build.iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(JobError::DuplicateSecret(name.clone())),
            None => Ok(()),
        }
    }

    /// Returns the logins that are in [`REGISTRY_DIR`](s2i_core::pod::REGISTRY_DIR).
    pub(crate) fn first_logins(&self) -> Option<&str> {
        self.push.as_deref().or(self.pull.as_deref())
    }

    /// Returns the logins that are in [`REGISTRY_PULL_DIR`](s2i_core::pod::REGISTRY_PULL_DIR).
    pub(crate) fn second_logins(&self) -> Option<&str> {
        let pull = self.pull.as_deref()?;
        self.push
            .as_deref()
            .filter(|push| *push != pull)
            .map(|_| pull)
    }

    /// Returns whether the step has logins.
    pub(crate) fn has_logins(&self, step: Step) -> bool {
        match step {
            Step::Prepare => self.first_logins().is_some(),
            Step::Push => self.push.is_some(),
            Step::Assemble | Step::AssembleRuntime => false,
        }
    }
}

/// The logins of registries.
#[derive(Debug)]
pub struct RegistryLogins {
    /// The text of a `config.json` of Docker that has them, unencrypted: no pod can call a credential helper.
    pub config: Hidden<String>,
}

impl RegistryLogins {
    /// Returns the Secret with them, for builds of the application.
    ///
    /// # Errors
    /// A name that a Secret can't have, and content that is too long.
    pub fn object(
        &self,
        name: &str,
        namespace: Option<&str>,
        application: &str,
    ) -> Result<Secret, JobError> {
        let data = [(REGISTRY_SECRET_KEY, self.config.reveal().as_bytes())];
        object(name, namespace, application, REGISTRY_SECRET_TYPE, &data)
    }
}

/// The secrets of the scripts of a build, which [`Secrets::build`] names.
#[derive(Debug)]
pub struct BuildSecrets {
    /// The variables of `assemble`.
    pub variables: Vec<Hidden<EnvVar>>,
}

impl BuildSecrets {
    /// Returns the Secret with them, one entry for each variable.
    ///
    /// # Errors
    /// A name that a Secret or an entry of it can't have, a name that is there twice, and content that is too long.
    pub fn object(
        &self,
        name: &str,
        namespace: Option<&str>,
        application: &str,
    ) -> Result<Secret, JobError> {
        let mut seen = BTreeSet::new();
        for variable in &self.variables {
            let key = variable.reveal().name();
            check_data_key(key)?;
            if !seen.insert(key) {
                return Err(JobError::DuplicateSecret(key.to_owned()));
            }
        }
        let variables = self.variables.iter().map(Hidden::reveal);
        let data = variables.map(|variable| (variable.name(), variable.value().as_bytes()));
        let data: Vec<_> = data.collect();
        object(name, namespace, application, "Opaque", &data)
    }
}

/// A name and a password, or a token in its place, for a Git server.
#[derive(Debug)]
pub struct GitPassword {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Hidden<String>,
}

impl GitPassword {
    /// Returns the Secret with them.
    ///
    /// # Errors
    /// A name that a Secret can't have, and content that is too long.
    pub fn object(
        &self,
        name: &str,
        namespace: Option<&str>,
        application: &str,
    ) -> Result<Secret, JobError> {
        let data = [
            ("username", self.user.as_bytes()),
            ("password", self.password.reveal().as_bytes()),
        ];
        object(
            name,
            namespace,
            application,
            "kubernetes.io/basic-auth",
            &data,
        )
    }
}

/// A key for a Git server over SSH.
#[derive(Debug)]
pub struct GitKey {
    /// The private key in PEM.
    pub key: Hidden<String>,
    /// The keys of servers, in the format of `known_hosts`. Without them the server can't be verified.
    pub known_hosts: String,
}

impl GitKey {
    /// Returns the Secret with it.
    ///
    /// # Errors
    /// A name that a Secret can't have, and content that is too long.
    pub fn object(
        &self,
        name: &str,
        namespace: Option<&str>,
        application: &str,
    ) -> Result<Secret, JobError> {
        let data = [
            ("ssh-privatekey", self.key.reveal().as_bytes()),
            ("known_hosts", self.known_hosts.as_bytes()),
        ];
        object(
            name,
            namespace,
            application,
            "kubernetes.io/ssh-auth",
            &data,
        )
    }
}

fn object(
    name: &str,
    namespace: Option<&str>,
    application: &str,
    type_: &str,
    data: &[(&str, &[u8])],
) -> Result<Secret, JobError> {
    names::check_object("a secret", name)?;
    names::check_label("an application", application, names::LABEL)?;
    let bytes = data
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if bytes > MAX_SECRET_BYTES {
        let what = "the content of the secret";
        return Err(JobError::LongSecret { what, bytes });
    }
    let entry = |(key, value): &(&str, &[u8])| ((*key).to_owned(), ByteString(value.to_vec()));
    let data: BTreeMap<_, _> = data.iter().map(entry).collect();
    Ok(Secret {
        metadata: metadata::of_object(name, namespace, application),
        type_: Some(type_.to_owned()),
        data: Some(data),
        ..Secret::default()
    })
}

/// Fails unless the text can be the key of an entry.
fn check_data_key(key: &str) -> Result<(), JobError> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // The kubelet keeps names with two dots for itself.
    let fits = !key.is_empty()
        && key.len() <= names::OBJECT
        && key.chars().all(inner)
        && !key.starts_with("..")
        && key != ".";
    fits.then_some(())
        .ok_or_else(|| JobError::Key(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build_secrets(variables: &[(&str, &str)]) -> BuildSecrets {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| EnvVar::new(name, value).unwrap().into());
        BuildSecrets {
            variables: variables.collect(),
        }
    }

    #[test]
    fn each_secret_of_a_build_is_an_entry() {
        let secrets = build_secrets(&[("NPM_TOKEN", "a"), ("npm.key", "b\n")]);
        let object = secrets.object("npm", Some("builds"), "shop").unwrap();
        let data = object.data.unwrap();
        assert_eq!(object.type_.as_deref(), Some("Opaque"));
        assert_eq!(
            (&*data["NPM_TOKEN"].0, &*data["npm.key"].0),
            (&b"a"[..], &b"b\n"[..])
        );
    }

    #[test]
    fn entries_that_a_secret_cannot_have_are_refused() {
        let refused = |variables: &[(&str, &str)]| {
            let refused = build_secrets(variables).object("npm", None, "shop");
            refused.unwrap_err()
        };
        for key in ["a/b", "..a", ".", "ä"] {
            assert_eq!(refused(&[(key, "1")]), JobError::Key(key.to_owned()));
        }
        let twice = refused(&[("A", "1"), ("A", "2")]);
        assert_eq!(twice, JobError::DuplicateSecret("A".to_owned()));
        let half = "x".repeat(MAX_SECRET_BYTES / 2);
        let long = refused(&[("A", &half), ("B", &half)]);
        assert!(matches!(long, JobError::LongSecret { .. }));
    }

    #[test]
    fn passwords_are_not_shown() {
        let login = GitPassword {
            user: "ci".to_owned(),
            password: Hidden::new("correct horse".to_owned()),
        };
        assert!(!format!("{login:?}").contains("horse"));
        let logins = RegistryLogins {
            config: Hidden::new("correct horse".to_owned()),
        };
        assert!(!format!("{logins:?}").contains("horse"));
        let secrets = build_secrets(&[("A", "correct horse")]);
        assert!(!format!("{secrets:?}").contains("horse"));
    }

    #[test]
    fn one_secret_for_both_directions_is_one_volume() {
        let secrets = |push: Option<&str>, pull: Option<&str>| Secrets {
            push: push.map(str::to_owned),
            pull: pull.map(str::to_owned),
            ..Secrets::default()
        };
        let cases = [
            (Some("a"), None, Some("a"), None),
            (None, Some("b"), Some("b"), None),
            (Some("a"), Some("b"), Some("a"), Some("b")),
            (Some("a"), Some("a"), Some("a"), None),
        ];
        for (push, pull, first, second) in cases {
            let secrets = secrets(push, pull);
            assert_eq!(
                (secrets.first_logins(), secrets.second_logins()),
                (first, second)
            );
        }
        assert!(!secrets(None, Some("b")).has_logins(Step::Push));
    }
}

//! The Secrets of a build: which steps get them, and the objects.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use s2i_core::Secret as Hidden;
use serde_json::Value;

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

    /// Returns the logins that are in [`REGISTRY_DIR`](super::REGISTRY_DIR).
    pub(crate) fn first_logins(&self) -> Option<&str> {
        self.push.as_deref().or(self.pull.as_deref())
    }

    /// Returns the logins that are in [`REGISTRY_PULL_DIR`](super::REGISTRY_PULL_DIR).
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

/// The logins of registries, as Docker's `config.json` has them.
#[derive(Debug)]
pub struct RegistryLogins {
    content: Hidden<String>,
    hosts: Vec<String>,
}

impl RegistryLogins {
    /// Reads the content of a `config.json`, and keeps the logins alone: other settings are of no use in a cluster.
    ///
    /// # Errors
    /// Content that has no logins, and logins that are in a credential helper.
    pub fn parse(content: &[u8]) -> Result<Self, JobError> {
        check_length("the file with registry logins", content)?;
        let mut config: Value = serde_json::from_slice(content).map_err(|_| JobError::NoLogins)?;
        let logins = config
            .get_mut("auths")
            .map(Value::take)
            .ok_or(JobError::NoLogins)?;
        let entries = logins
            .as_object()
            .filter(|entries| !entries.is_empty())
            .ok_or(JobError::NoLogins)?;
        let has = |login: &Value, key| {
            login
                .get(key)
                .and_then(Value::as_str)
                .is_some_and(|value: &str| !value.is_empty())
        };
        for (host, login) in entries {
            if !["auth", "password", "identitytoken"]
                .into_iter()
                .any(|key| has(login, key))
            {
                return Err(JobError::LoginInHelper(host.clone()));
            }
        }
        let hosts = entries.keys().cloned().collect();
        let content = serde_json::json!({ "auths": logins }).to_string();
        Ok(Self {
            content: Hidden::new(content),
            hosts,
        })
    }

    /// Returns the registries, to show before the logins are copied into a cluster.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Returns them as the content of a `config.json`.
    #[must_use]
    pub fn content(&self) -> &Hidden<String> {
        &self.content
    }

    /// Returns the Secret with them, for builds of the application.
    ///
    /// # Errors
    /// A name that a Secret can't have.
    pub fn object(
        &self,
        name: &str,
        namespace: Option<&str>,
        application: &str,
    ) -> Result<Secret, JobError> {
        let data = [(REGISTRY_SECRET_KEY, self.content.reveal().as_bytes())];
        object(name, namespace, application, REGISTRY_SECRET_TYPE, &data)
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
    for (_, value) in data {
        check_length("the content of a secret", value)?;
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

fn check_length(what: &'static str, content: &[u8]) -> Result<(), JobError> {
    let bytes = content.len();
    if bytes > MAX_SECRET_BYTES {
        return Err(JobError::LongSecret { what, bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logins_are_copied() {
        let config = br#"{"auths": {"registry.example.org": {"auth": "dTpw"}}, "credsStore": "x", "HttpHeaders": {"A": "b"}}"#;
        let logins = RegistryLogins::parse(config).unwrap();
        assert_eq!(logins.hosts(), ["registry.example.org"]);
        let secret = logins.object("login", Some("builds"), "shop").unwrap();
        let content = &secret.data.unwrap()[REGISTRY_SECRET_KEY].0;
        assert_eq!(
            content,
            br#"{"auths":{"registry.example.org":{"auth":"dTpw"}}}"#
        );
    }

    #[test]
    fn logins_that_a_pod_cannot_use_are_refused() {
        let parse = |text: &str| RegistryLogins::parse(text.as_bytes()).unwrap_err();
        let helper = JobError::LoginInHelper("registry.example.org".to_owned());
        assert_eq!(
            parse(r#"{"auths": {"registry.example.org": {}}, "credsStore": "desktop"}"#),
            helper
        );
        for text in ["", "[]", "{}", r#"{"auths": {}}"#, r#"{"auths": []}"#] {
            assert_eq!(parse(text), JobError::NoLogins, "{text}");
        }
        let long = format!(r#"{{"auths": "{}"}}"#, "x".repeat(MAX_SECRET_BYTES));
        assert!(matches!(parse(&long), JobError::LongSecret { .. }));
    }

    #[test]
    fn passwords_are_not_shown() {
        let login = GitPassword {
            user: "ci".to_owned(),
            password: Hidden::new("correct horse".to_owned()),
        };
        assert!(!format!("{login:?}").contains("horse"));
        let logins = RegistryLogins::parse(
            br#"{"auths": {"a.example.org": {"password": "correct horse"}}}"#,
        )
        .unwrap();
        assert!(!format!("{logins:?}").contains("horse"));
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

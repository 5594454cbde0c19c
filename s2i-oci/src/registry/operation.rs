//! Operations on a repository: their names in errors, and the rights that they need.

use s2i_core::credential::Credential;

use super::error::{AttemptError, Cause, RegistryError};

/// The rights that an operation needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) repository: String,
    push: bool,
    /// The repositories that blobs may be mounted from.
    mounts: Vec<String>,
}

impl Scope {
    pub(super) fn pull(repository: &str) -> Self {
        Self {
            repository: repository.into(),
            push: false,
            mounts: Vec::new(),
        }
    }

    pub(super) fn push(repository: &str, mounts: &[String]) -> Self {
        Self {
            repository: repository.into(),
            push: true,
            mounts: mounts.to_vec(),
        }
    }

    /// No rights, for a login.
    pub(super) fn none() -> Self {
        Self::pull("")
    }

    /// Returns the scope without mounts, if it has some.
    pub(super) fn without_mounts(&self) -> Option<Self> {
        (!self.mounts.is_empty()).then(|| Self::push(&self.repository, &[]))
    }

    /// Returns the values of the parameter `scope` of a request for a token.
    pub(super) fn parameters(&self) -> Vec<String> {
        if self.repository.is_empty() {
            return Vec::new();
        }
        let rights = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{rights}", self.repository);
        let mounts = self.mounts.iter();
        let mounts = mounts.map(|repository| format!("repository:{repository}:pull"));
        std::iter::once(own).chain(mounts).collect()
    }
}

/// An operation on a repository.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// The name in errors, as in `can't {name} the repository`.
    pub(super) name: &'static str,
    pub(super) registry: String,
    pub(super) scope: Scope,
}

impl Operation {
    pub(super) fn new(name: &'static str, registry: &str, scope: Scope) -> Self {
        Self {
            name,
            registry: registry.into(),
            scope,
        }
    }

    /// Returns the error with this cause.
    pub(super) fn error(&self, source: impl Into<Cause>) -> RegistryError {
        RegistryError::Other {
            registry: self.registry.clone(),
            repository: self.scope.repository.clone(),
            operation: self.name,
            source: source.into(),
        }
    }

    /// Returns the same error as one that another attempt may not meet.
    pub(super) fn retryable(&self, source: impl Into<Cause>) -> AttemptError {
        AttemptError::retryable(self.error(source))
    }

    /// Returns the error for a registry that refuses the operation to the user of this credential.
    pub(super) fn denied(&self, credential: Option<&Credential>) -> RegistryError {
        RegistryError::Denied {
            registry: self.registry.clone(),
            repository: self.scope.repository.clone(),
            user: credential.map(|credential| credential.user().to_owned()),
        }
    }
}

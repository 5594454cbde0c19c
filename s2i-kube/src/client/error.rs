//! The requests that an API server refuses, and its reasons.

use std::{borrow::Cow, fmt};

use kube::core::Status;
use thiserror::Error;

/// A request to an API server, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The verb, as roles name it.
    pub verb: &'static str,
    /// The resource with its group, as roles name it.
    pub resource: Cow<'static, str>,
    /// The name of the object, if the request is about one that exists.
    pub name: Option<String>,
    /// The namespace; empty for objects outside of namespaces.
    pub namespace: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(name) = &self.name {
            write!(f, " `{name}`")?;
        }
        if !self.namespace.is_empty() {
            write!(f, " in the namespace `{}`", self.namespace)?;
        }
        Ok(())
    }
}

/// A request that failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("can't {operation}: {cause}")]
pub struct ApiError {
    /// The request.
    pub operation: Box<Operation>,
    /// Why it failed.
    pub cause: Cause,
}

/// A field of an object that an API server refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field, as `spec.template.spec.restartPolicy`.
    pub field: String,
    /// The server's words.
    pub words: String,
}

/// Why a request failed. `words` are the server's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Cause {
    /// The server does not know the client (401).
    #[error(
        "the cluster does not accept the login of this context ({words}); log in again or choose another context"
    )]
    Unauthorized {
        /// The server's words.
        words: String,
    },
    /// The client lacks the right (403). Quotas and policies have the same code.
    #[error(
        "the cluster forbids it: {words}; unless these words name a quota or a policy, this right is missing: `s2i kube \
         rbac` writes a role that has it"
    )]
    Forbidden {
        /// The server's words.
        words: String,
    },
    /// There is no such object or namespace (404).
    #[error("there is none: {words}")]
    NotFound {
        /// The server's words.
        words: String,
    },
    /// An object of this name exists, or has changed meanwhile (409).
    #[error("{words}; choose another name, or delete the object first")]
    Conflict {
        /// The server's words.
        words: String,
    },
    /// Another client has set fields of the object (409).
    #[error(
        "{words}; leave these fields to the other client, or take them over with `--force-conflicts`"
    )]
    FieldsOfOthers {
        /// The server's words, which name the client and the fields.
        words: String,
    },
    /// The server refuses fields of the object (422).
    #[error("the cluster refuses the object: {words}")]
    Invalid {
        /// The server's words.
        words: String,
        /// The fields.
        fields: Vec<FieldError>,
    },
    /// The server refuses the request (another code from 400 to 499).
    #[error("the cluster refuses the request with the code {code}: {words}")]
    Refused {
        /// The code.
        code: u16,
        /// The server's words.
        words: String,
    },
    /// The server is overloaded or has failed (429 and codes from 500).
    #[error("the cluster can't answer now, with the code {code}: {words}; try again later")]
    Unavailable {
        /// The code.
        code: u16,
        /// The server's words.
        words: String,
        /// The seconds after which the server wants to be asked again, if it has a wish.
        retry_after: Option<u32>,
    },
    /// No answer came in time.
    #[error("no answer came within {seconds} s; look whether the cluster can be reached from here")]
    Timeout {
        /// The limit in seconds.
        seconds: u64,
    },
    /// The connection could not be made, or was lost.
    #[error("the cluster can't be reached: {words}")]
    Unreachable {
        /// The reason.
        words: String,
    },
    /// The answer is none of an API server of Kubernetes.
    #[error(
        "the answer is not one of Kubernetes: {words}; look whether a proxy or another server has this address"
    )]
    Unexpected {
        /// The reason.
        words: String,
    },
}

impl ApiError {
    /// Returns whether a later try may succeed without a change.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.cause,
            Cause::Unavailable { .. } | Cause::Timeout { .. } | Cause::Unreachable { .. }
        )
    }

    /// Returns whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.cause, Cause::NotFound { .. })
    }
}

impl Operation {
    /// Returns the error of this request.
    pub(crate) fn failed(&self, cause: impl Into<Cause>) -> ApiError {
        ApiError {
            operation: Box::new(self.clone()),
            cause: cause.into(),
        }
    }
}

impl Cause {
    /// Returns the cause with other words of the server.
    pub(crate) fn with_words(mut self, change: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Self::Invalid { words, fields } => {
                *words = change(words);
                for field in fields {
                    field.words = change(&field.words);
                }
            }
            Self::Unauthorized { words }
            | Self::Forbidden { words }
            | Self::NotFound { words }
            | Self::Conflict { words }
            | Self::FieldsOfOthers { words }
            | Self::Refused { words, .. }
            | Self::Unavailable { words, .. }
            | Self::Unreachable { words }
            | Self::Unexpected { words } => *words = change(words),
            Self::Timeout { .. } => {}
        }
        self
    }
}

impl From<kube::Error> for Cause {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => (*status).into(),
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                Self::Unreachable {
                    words: innermost(&error),
                }
            }
            kube::Error::Auth(_) => Self::Unauthorized {
                words: innermost(&error),
            },
            _ => Self::Unexpected {
                words: innermost(&error),
            },
        }
    }
}

impl From<Status> for Cause {
    fn from(status: Status) -> Self {
        let words = if status.message.is_empty() {
            status.reason.clone()
        } else {
            status.message.clone()
        };
        let details = status.details.as_ref();
        match status.code {
            401 => Self::Unauthorized { words },
            403 => Self::Forbidden { words },
            // A status without a code is not one of an API server.
            0 => Self::Unexpected { words },
            404 | 410 => Self::NotFound { words },
            409 if details.is_some_and(is_of_others) => Self::FieldsOfOthers { words },
            409 => Self::Conflict { words },
            422 => Self::Invalid {
                words,
                fields: details.map(fields).unwrap_or_default(),
            },
            code if code == 429 || code >= 500 => Self::Unavailable {
                code,
                words,
                retry_after: details
                    .map(|details| details.retry_after_seconds)
                    .filter(|seconds| *seconds > 0),
            },
            code => Self::Refused { code, words },
        }
    }
}

/// Returns whether a conflict is one between clients that have set the same fields.
fn is_of_others(details: &kube::core::response::StatusDetails) -> bool {
    let mut causes = details.causes.iter();
    causes.any(|cause| cause.reason == "FieldManagerConflict")
}

fn fields(details: &kube::core::response::StatusDetails) -> Vec<FieldError> {
    let causes = details.causes.iter().map(|cause| FieldError {
        field: cause.field.clone(),
        words: cause.message.clone(),
    });
    causes.collect()
}

/// Returns the text of the first cause: errors of the client repeat their sources.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
